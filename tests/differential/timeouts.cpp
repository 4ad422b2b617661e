// SPDX-License-Identifier: BSL-1.0
// differential/timeouts.cpp: wait_for and timeout.

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/shield.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/timeout.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

using words = std::string;

coro<words> gives(tracer& trace, words value, duration delay) {
    trace("begins", value);
    co_await aioxx::sleep(delay);
    trace("ends", value);
    co_return value;
}

coro<words> fails(tracer& trace, words what, duration delay) {
    co_await aioxx::sleep(delay);
    trace("fails", what);
    throw failure(what);
}

coro<words> cleans_up(tracer& trace, duration cleanup) {
    std::exception_ptr cancellation;
    try {
        co_await aioxx::sleep(10s);
        co_return "slept";
    } catch (const cancelled_error&) {
        trace("cleanup begins");
        cancellation = std::current_exception();
    }
    co_await aioxx::sleep(cleanup);
    trace("cleanup ends");
    std::rethrow_exception(cancellation);
}

coro<words> swallows(tracer& trace) {
    try {
        co_await aioxx::sleep(10s);
    } catch (const cancelled_error&) {
        trace("swallows");
    }
    co_return "kept";
}

coro<words> fails_in_cleanup() {
    try {
        co_await aioxx::sleep(10s);
    } catch (const cancelled_error&) {
    }
    throw failure("cleanup");
}

// ---- wait_for ----

coro<> wait_for_something_that_is_fast_enough(tracer& trace) {
    co_await watches(trace, "main", wait_for(gives(trace, "a", 1s), 5s));
    co_await aioxx::sleep(10s);
    trace("end");
}

coro<> wait_for_something_that_fails(tracer& trace) {
    co_await watches(trace, "main", wait_for(fails(trace, "x", 1s), 5s));
}

coro<> wait_for_something_that_is_too_slow(tracer& trace) {
    co_await watches(trace, "main", wait_for(gives(trace, "a", 5s), 1s));
    co_await aioxx::sleep(10s);
    trace("end", current_task()->cancelling());
}

coro<> wait_for_without_a_limit(tracer& trace) {
    co_await watches(trace, "main", wait_for(gives(trace, "a", 1000s), std::nullopt));
}

coro<> wait_for_a_task_that_is_too_slow(tracer& trace) {
    const auto slow = create_task(gives(trace, "a", 5s));
    co_await watches(trace, "main", wait_for(slow, 1s));
    trace(outcome(slow));
}

coro<> wait_for_a_future_that_is_never_set(tracer& trace) {
    const auto never = create_future<words>();
    co_await watches(trace, "main", wait_for(never, 1s));
    trace(outcome(never));
}

coro<> wait_for_waits_for_the_cleanup(tracer& trace) {
    co_await watches(trace, "main", wait_for(cleans_up(trace, 3s), 1s));
}

coro<> wait_for_something_that_returns_in_spite_of_the_limit(tracer& trace) {
    co_await watches(trace, "main", wait_for(swallows(trace), 1s));
}

coro<> wait_for_something_that_fails_in_its_cleanup(tracer& trace) {
    co_await watches(trace, "main", wait_for(fails_in_cleanup(), 1s));
}

coro<> wait_for_no_time_does_not_start_a_coroutine(tracer& trace) {
    co_await watches(trace, "main", wait_for(gives(trace, "a", 0s), 0s));
    co_await watches(trace, "main", wait_for(gives(trace, "b", 0s), -1s));
}

coro<> wait_for_no_time_takes_what_is_done(tracer& trace) {
    const auto text = create_future<words>();
    text.set_result("5");
    co_await watches(trace, "main", wait_for(text, 0s));
    const auto failed = create_future<words>();
    failed.set_exception(std::make_exception_ptr(failure("x")));
    co_await watches(trace, "main", wait_for(failed, -1s));
}

coro<> wait_for_no_time_cancels_a_task(tracer& trace) {
    const auto slow = create_task(cleans_up(trace, 2s));
    co_await aioxx::sleep(1s);
    co_await watches(trace, "main", wait_for(slow, 0s));
    trace(outcome(slow));
}

coro<> wait_for_no_time_with_a_task_that_resists(tracer& trace) {
    const auto stubborn = create_task(swallows(trace));
    co_await aioxx::sleep(1s);
    co_await watches(trace, "main", wait_for(stubborn, 0s));
    trace(outcome(stubborn));
}

coro<> wait_for_no_time_with_a_pending_future(tracer& trace) {
    const auto pending = create_future<words>();
    co_await watches(trace, "main", wait_for(pending, 0s));
    trace(outcome(pending));
}

coro<> cancelling_wait_for_cancels_what_it_waits_for(tracer& trace) {
    const auto inner = create_task(cleans_up(trace, 2s));
    const auto outer = create_task(wait_for(inner, 50s));
    co_await aioxx::sleep(1s);
    outer.cancel();
    co_await watches(trace, "main", outer);
    trace(outcome(inner), outcome(outer));
}

coro<> cancelling_wait_for_without_a_limit(tracer& trace) {
    const auto inner = create_task(cleans_up(trace, 2s));
    const auto outer = create_task(wait_for(inner, std::nullopt));
    co_await aioxx::sleep(1s);
    outer.cancel("enough");
    co_await watches(trace, "main", outer);
    trace(outcome(inner), outcome(outer));
}

coro<> cancelling_wait_for_of_a_coroutine_with_cleanup(tracer& trace) {
    const auto outer = create_task(wait_for(cleans_up(trace, 2s), 50s));
    co_await aioxx::sleep(1s);
    outer.cancel();
    co_await watches(trace, "main", outer);
    trace(outcome(outer));
}

coro<> a_result_and_a_cancellation_of_wait_for_in_one_pass(tracer& trace) {
    const auto text = create_future<words>();
    const auto outer = create_task(wait_for(text, 50s));
    co_await aioxx::sleep(1s);
    text.set_result("kept");
    outer.cancel();
    co_await watches(trace, "main", outer);
    trace(outcome(text));
}

coro<> wait_for_a_shielded_task(tracer& trace) {
    const auto inner = create_task(gives(trace, "inner", 3s));
    co_await watches(trace, "main", wait_for(shield(inner), 1s));
    trace(outcome(inner));
    co_await watches(trace, "main", wait_for(shield(inner), 0s));
    trace(outcome(inner));
    co_await watches(trace, "main", wait_for(shield(inner), std::nullopt));
}

coro<> wait_for_in_wait_for(tracer& trace) {
    co_await watches(trace, "main", wait_for(wait_for(gives(trace, "a", 10s), 3s), 5s));
    co_await watches(trace, "main", wait_for(wait_for(gives(trace, "b", 10s), 5s), 3s));
}

// ---- timeout ----

coro<> is_fast_enough(tracer& trace, timeout_scope& limit) {
    const words value = co_await gives(trace, "a", 1s);
    trace(value, limit.expired());
}

coro<> a_timeout_that_is_not_reached(tracer& trace) {
    timeout_scope limit(5s);
    co_await limit.run(is_fast_enough(trace, limit));
    co_await aioxx::sleep(10s);
    trace("end", limit.expired());
}

coro<> looks_at_its_limit(tracer& trace, timeout_scope& limit) {
    try {
        co_await gives(trace, "a", 5s);
    } catch (const cancelled_error&) {
        trace("body caught", why(), limit.expired());
        throw;
    }
}

coro<> a_timeout_that_is_reached(tracer& trace) {
    const time_point begin = get_running_loop().time();
    timeout_scope limit(2s);
    try {
        co_await limit.run(looks_at_its_limit(trace, limit));
    } catch (const timeout_error&) {
        trace("main caught", why(), limit.expired(), *limit.when() - begin);
    }
    trace(current_task()->cancelling());
    co_await aioxx::sleep(1s);
    trace("end");
}

coro<> sleeps(duration delay) { co_await aioxx::sleep(delay); }

coro<> a_timeout_at_a_point_in_time(tracer& trace) {
    timeout_scope limit(get_running_loop().time() + 3s);
    try {
        co_await limit.run(sleeps(5s));
    } catch (const timeout_error&) {
        trace("main caught", why());
    }
}

coro<> a_timeout_without_a_limit(tracer& trace) {
    timeout_scope limit;
    trace(!limit.when());
    co_await limit.run(sleeps(1000s));
    trace(limit.expired());
}

coro<> does_not_suspend(tracer& trace) {
    trace("body");
    co_return;
}

coro<> a_body_that_does_not_suspend_is_not_hit(tracer& trace) {
    timeout_scope limit(0s);
    co_await limit.run(does_not_suspend(trace));
    trace(limit.expired());
    co_await aioxx::sleep(1s);
    trace("end");
}

coro<> suspends(tracer& trace) {
    trace("body");
    co_await aioxx::sleep(5s);
    trace("never");
}

coro<> a_timeout_of_zero_hits_the_first_wait(tracer& trace) {
    for (const auto delay : {0s, -1s}) {
        timeout_scope limit(delay);
        try {
            co_await limit.run(suspends(trace));
        } catch (const timeout_error&) {
            trace("main caught", why(), limit.expired());
        }
    }
}

coro<> yields_twice(tracer& trace) {
    co_await aioxx::sleep(0s);
    trace("one");
    co_await aioxx::sleep(0s);
    trace("two");
}

coro<> a_timeout_of_zero_and_a_sleep_of_zero(tracer& trace) {
    timeout_scope limit(0s);
    try {
        co_await limit.run(yields_twice(trace));
    } catch (const timeout_error&) {
        trace("main caught", why());
    }
}

coro<> a_body_that_returns_in_spite_of_the_timeout(tracer& trace) {
    timeout_scope limit(1s);
    trace(co_await limit.run(swallows(trace)));
    trace(limit.expired(), current_task()->cancelling());
}

coro<> goes_on(tracer& trace) {
    co_await swallows(trace);
    co_await aioxx::sleep(5s);
    trace("still there");
}

coro<> a_body_that_goes_on_in_spite_of_the_timeout(tracer& trace) {
    timeout_scope limit(1s);
    co_await limit.run(goes_on(trace));
    trace(limit.expired(), current_task()->cancelling());
}

coro<> a_body_that_fails_before_the_timeout(tracer& trace) {
    timeout_scope limit(3s);
    try {
        co_await limit.run(fails(trace, "x", 1s));
    } catch (const failure&) {
        trace("main caught", why(), limit.expired());
    }
}

coro<> a_body_that_fails_in_its_cleanup(tracer& trace) {
    timeout_scope limit(1s);
    try {
        co_await limit.run(fails_in_cleanup());
    } catch (const failure&) {
        trace("main caught", why(), limit.expired(), current_task()->cancelling());
    }
}

coro<> a_timeout_waits_for_the_cleanup(tracer& trace) {
    timeout_scope limit(1s);
    try {
        co_await limit.run(cleans_up(trace, 5s));
    } catch (const timeout_error&) {
        trace("main caught", why());
    }
}

coro<> limited_sleep() {
    timeout_scope limit(5s);
    co_await limit.run(sleeps(10s));
}

coro<> a_cancellation_from_outside_is_no_timeout(tracer& trace) {
    co_await cancels(trace, limited_sleep());
}

coro<> limited_cleanup(tracer& trace, duration delay) {
    timeout_scope limit(delay);
    try {
        co_await limit.run(cleans_up(trace, 5s));
    } catch (...) {
        trace("caught", why(), current_task()->cancelling());
        throw;
    }
}

coro<> a_cancellation_from_outside_after_the_timeout_wins(tracer& trace) {
    co_await cancels(trace, limited_cleanup(trace, 1s), 2s);
}

coro<> a_timeout_during_the_cleanup_of_a_cancellation(tracer& trace) {
    co_await cancels(trace, limited_cleanup(trace, 3s), 2s, "");
}

coro<> swallows_and_is_limited(tracer& trace) {
    const words value = co_await swallows(trace);
    trace(value, current_task()->cancelling());
    timeout_scope limit(1s);
    co_await limit.run(sleeps(10s));
}

coro<> a_timeout_in_a_task_that_swallowed_a_cancellation(tracer& trace) {
    const auto limited = create_task(swallows_and_is_limited(trace));
    co_await aioxx::sleep(1s);
    limited.cancel();
    co_await watches(trace, "main", limited);
    trace(limited.cancelling());
}

coro<> inner_times_out(tracer& trace, timeout_scope& outer, timeout_scope& inner) {
    try {
        co_await inner.run(sleeps(10s));
    } catch (const timeout_error&) {
        trace("inner", why(), inner.expired(), outer.expired());
    }
    co_await aioxx::sleep(10s);
}

coro<> nested_timeouts_of_which_the_inner_one_is_first(tracer& trace) {
    timeout_scope outer(3s);
    timeout_scope inner(1s);
    try {
        co_await outer.run(inner_times_out(trace, outer, inner));
    } catch (const timeout_error&) {
        trace("outer", why(), inner.expired(), outer.expired());
    }
}

coro<> inner_sees(tracer& trace, timeout_scope& outer, timeout_scope& inner) {
    try {
        co_await inner.run(sleeps(10s));
    } catch (...) {
        trace("inner", why(), inner.expired(), outer.expired());
        throw;
    }
}

coro<> nested_timeouts_of_which_the_outer_one_is_first(tracer& trace) {
    timeout_scope outer(1s);
    timeout_scope inner(3s);
    try {
        co_await outer.run(inner_sees(trace, outer, inner));
    } catch (const timeout_error&) {
        trace("outer", why(), inner.expired(), outer.expired());
    }
}

coro<> nested_timeouts_of_one_deadline(tracer& trace) {
    const time_point deadline = get_running_loop().time() + 1s;
    timeout_scope outer(deadline);
    timeout_scope inner(deadline);
    try {
        co_await outer.run(inner_sees(trace, outer, inner));
    } catch (const timeout_error&) {
        trace("outer", why(), inner.expired(), outer.expired());
    }
    trace(current_task()->cancelling());
}

coro<> has_a_limited_cleanup(tracer& trace) {
    std::exception_ptr cancellation;
    try {
        co_await aioxx::sleep(10s);
    } catch (const cancelled_error&) {
        trace("cleanup");
        cancellation = std::current_exception();
    }
    timeout_scope limit(2s);
    try {
        co_await limit.run(sleeps(10s));
    } catch (const timeout_error&) {
        trace("cleanup caught", why());
    }
    std::rethrow_exception(cancellation);
}

coro<> a_timeout_in_the_cleanup_of_a_timeout(tracer& trace) {
    timeout_scope limit(1s);
    try {
        co_await limit.run(has_a_limited_cleanup(trace));
    } catch (const timeout_error&) {
        trace("main caught", why(), current_task()->cancelling());
    }
}

coro<> moves_its_limit(tracer& trace, timeout_scope& limit) {
    event_loop& loop = get_running_loop();
    const time_point begin = loop.time();
    co_await aioxx::sleep(1s);
    limit.reschedule(begin + 5s);
    trace(*limit.when() - begin);
    co_await aioxx::sleep(3s);
    trace("later than the first deadline");
    limit.reschedule(std::nullopt);
    trace(!limit.when());
    co_await aioxx::sleep(10s);
    trace("much later");
    limit.reschedule(loop.time() + 1s);
    co_await aioxx::sleep(10s);
}

coro<> a_deadline_that_is_moved(tracer& trace) {
    timeout_scope limit(2s);
    try {
        co_await limit.run(moves_its_limit(trace, limit));
    } catch (const timeout_error&) {
        trace("main caught", why());
    }
}

coro<> moves_its_limit_into_the_past(tracer& trace, timeout_scope& limit) {
    co_await aioxx::sleep(2s);
    limit.reschedule(get_running_loop().time() - 1s);
    trace("moved", limit.expired());
    co_await aioxx::sleep(10s);
}

coro<> a_deadline_that_is_moved_into_the_past(tracer& trace) {
    timeout_scope limit(20s);
    try {
        co_await limit.run(moves_its_limit_into_the_past(trace, limit));
    } catch (const timeout_error&) {
        trace("main caught", why());
    }
}

void reschedule(tracer& trace, words state, timeout_scope& limit) {
    try {
        limit.reschedule(std::nullopt);
    } catch (const invalid_state_error&) {
        trace(state, why());
    }
}

coro<> swallows_and_moves_its_limit(tracer& trace, timeout_scope& limit) {
    co_await swallows(trace);
    reschedule(trace, "expiring", limit);
}

coro<> a_deadline_cannot_be_moved_before_and_after(tracer& trace) {
    timeout_scope limit(1s);
    reschedule(trace, "created", limit);
    co_await limit.run(swallows_and_moves_its_limit(trace, limit));
    reschedule(trace, "expired", limit);
}

coro<> says(tracer& trace, words text) {
    trace(text);
    co_return;
}

coro<> a_timeout_is_used_once(tracer& trace) {
    timeout_scope limit(5s);
    co_await limit.run(says(trace, "first"));
    try {
        co_await limit.run(says(trace, "never"));
    } catch (const invalid_state_error&) {
        trace(why());
    }
}

coro<> waits_for_a_value(tracer& trace, words first, future<words> text) {
    if (first == "limit") {
        get_running_loop().call_later(1s, [text] {
            if (!text.done()) text.set_result("value");
        });
    }
    trace(co_await text);
}

coro<> a_deadline_and_the_end_of_the_body_at_the_same_time(tracer& trace) {
    for (const char* first : {"body", "limit"}) {
        event_loop& loop = get_running_loop();
        const auto text = create_future<words>();
        if (first == words("body")) loop.call_later(1s, [text] { text.set_result("value"); });
        timeout_scope limit(1s);
        try {
            co_await limit.run(waits_for_a_value(trace, first, text));
        } catch (const timeout_error&) {
            trace("main caught", why());
        }
        trace(first, limit.expired(), outcome(text));
    }
}

}  // namespace

const scenarios timeouts_scenarios = {
    {"wait_for_something_that_is_fast_enough", wait_for_something_that_is_fast_enough},
    {"wait_for_something_that_fails", wait_for_something_that_fails},
    {"wait_for_something_that_is_too_slow", wait_for_something_that_is_too_slow},
    {"wait_for_without_a_limit", wait_for_without_a_limit},
    {"wait_for_a_task_that_is_too_slow", wait_for_a_task_that_is_too_slow},
    {"wait_for_a_future_that_is_never_set", wait_for_a_future_that_is_never_set},
    {"wait_for_waits_for_the_cleanup", wait_for_waits_for_the_cleanup},
    {"wait_for_something_that_returns_in_spite_of_the_limit",
     wait_for_something_that_returns_in_spite_of_the_limit},
    {"wait_for_something_that_fails_in_its_cleanup", wait_for_something_that_fails_in_its_cleanup},
    {"wait_for_no_time_does_not_start_a_coroutine", wait_for_no_time_does_not_start_a_coroutine},
    {"wait_for_no_time_takes_what_is_done", wait_for_no_time_takes_what_is_done},
    {"wait_for_no_time_cancels_a_task", wait_for_no_time_cancels_a_task},
    {"wait_for_no_time_with_a_task_that_resists", wait_for_no_time_with_a_task_that_resists},
    {"wait_for_no_time_with_a_pending_future", wait_for_no_time_with_a_pending_future},
    {"cancelling_wait_for_cancels_what_it_waits_for", cancelling_wait_for_cancels_what_it_waits_for},
    {"cancelling_wait_for_without_a_limit", cancelling_wait_for_without_a_limit},
    {"cancelling_wait_for_of_a_coroutine_with_cleanup", cancelling_wait_for_of_a_coroutine_with_cleanup},
    {"a_result_and_a_cancellation_of_wait_for_in_one_pass",
     a_result_and_a_cancellation_of_wait_for_in_one_pass},
    {"wait_for_a_shielded_task", wait_for_a_shielded_task},
    {"wait_for_in_wait_for", wait_for_in_wait_for},
    {"a_timeout_that_is_not_reached", a_timeout_that_is_not_reached},
    {"a_timeout_that_is_reached", a_timeout_that_is_reached},
    {"a_timeout_at_a_point_in_time", a_timeout_at_a_point_in_time},
    {"a_timeout_without_a_limit", a_timeout_without_a_limit},
    {"a_body_that_does_not_suspend_is_not_hit", a_body_that_does_not_suspend_is_not_hit},
    {"a_timeout_of_zero_hits_the_first_wait", a_timeout_of_zero_hits_the_first_wait},
    {"a_timeout_of_zero_and_a_sleep_of_zero", a_timeout_of_zero_and_a_sleep_of_zero},
    {"a_body_that_returns_in_spite_of_the_timeout", a_body_that_returns_in_spite_of_the_timeout},
    {"a_body_that_goes_on_in_spite_of_the_timeout", a_body_that_goes_on_in_spite_of_the_timeout},
    {"a_body_that_fails_before_the_timeout", a_body_that_fails_before_the_timeout},
    {"a_body_that_fails_in_its_cleanup", a_body_that_fails_in_its_cleanup},
    {"a_timeout_waits_for_the_cleanup", a_timeout_waits_for_the_cleanup},
    {"a_cancellation_from_outside_is_no_timeout", a_cancellation_from_outside_is_no_timeout},
    {"a_cancellation_from_outside_after_the_timeout_wins",
     a_cancellation_from_outside_after_the_timeout_wins},
    {"a_timeout_during_the_cleanup_of_a_cancellation", a_timeout_during_the_cleanup_of_a_cancellation},
    {"a_timeout_in_a_task_that_swallowed_a_cancellation", a_timeout_in_a_task_that_swallowed_a_cancellation},
    {"nested_timeouts_of_which_the_inner_one_is_first", nested_timeouts_of_which_the_inner_one_is_first},
    {"nested_timeouts_of_which_the_outer_one_is_first", nested_timeouts_of_which_the_outer_one_is_first},
    {"nested_timeouts_of_one_deadline", nested_timeouts_of_one_deadline},
    {"a_timeout_in_the_cleanup_of_a_timeout", a_timeout_in_the_cleanup_of_a_timeout},
    {"a_deadline_that_is_moved", a_deadline_that_is_moved},
    {"a_deadline_that_is_moved_into_the_past", a_deadline_that_is_moved_into_the_past},
    {"a_deadline_cannot_be_moved_before_and_after", a_deadline_cannot_be_moved_before_and_after},
    {"a_timeout_is_used_once", a_timeout_is_used_once},
    {"a_deadline_and_the_end_of_the_body_at_the_same_time",
     a_deadline_and_the_end_of_the_body_at_the_same_time},
};

}  // namespace differential
