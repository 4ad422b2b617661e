// SPDX-License-Identifier: BSL-1.0
// differential/cancellation.cpp: requests, their delivery, their counting, and those who resist.

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

coro<> sleeps(tracer& trace, std::string name, duration delay = 10s) {
    trace(name, "begins");
    const scope_exit cleanup([&] { trace(name, "cleans up"); });
    co_await aioxx::sleep(delay);
    trace(name, "slept");
}

coro<> a_task_that_is_cancelled_before_its_start_does_not_run(tracer& trace) {
    const auto sleeper = create_task(sleeps(trace, "task"));
    const bool cancelled = sleeper.cancel();
    trace(cancelled, sleeper.done(), sleeper.cancelled());
    co_await aioxx::sleep(0s);
    trace(outcome(sleeper));
}

coro<> a_task_that_is_cancelled_before_its_start_has_a_message(tracer& trace) {
    const auto sleeper = create_task(sleeps(trace, "task"));
    sleeper.cancel("not now");
    co_await watches(trace, "main", sleeper);
}

coro<> cancel_is_thrown_where_the_task_waits(tracer& trace) {
    const auto sleeper = create_task(sleeps(trace, "task"));
    co_await aioxx::sleep(1s);
    const bool cancelled = sleeper.cancel();
    trace(cancelled, outcome(sleeper));
    try {
        co_await sleeper;
    } catch (const cancelled_error&) {
        trace("main caught", why(), current_task()->cancelling());
    }
    trace(outcome(sleeper), sleeper.cancelling());
}

coro<> a_cancelled_sleep_takes_no_time(tracer& trace) {
    const auto sleeper = create_task(sleeps(trace, "task", 1000s));
    co_await aioxx::sleep(2s);
    sleeper.cancel();
    co_await watches(trace, "main", sleeper);
    co_await aioxx::sleep(1s);
    trace("end");
}

coro<> the_message_reaches_whoever_awaits_the_task(tracer& trace) {
    const auto sleeper = create_task(sleeps(trace, "task"));
    co_await aioxx::sleep(0s);
    sleeper.cancel("enough");
    co_await watches(trace, "main", sleeper);
}

coro<> a_cancelled_task_resumes_in_the_next_pass(tracer& trace) {
    ticker passes;
    const auto sleeper = create_task(sleeps(trace, "task"));
    co_await aioxx::sleep(0s);
    sleeper.cancel();
    const int before = passes.count();
    co_await watches(trace, "main", sleeper);
    trace("passes", passes.count() - before);
}

coro<> cancelling_a_done_task_is_refused(tracer& trace) {
    const auto sleeper = create_task(sleeps(trace, "task", 1s));
    co_await sleeper;
    const bool cancelled = sleeper.cancel();
    trace(cancelled, sleeper.cancelling(), outcome(sleeper));
}

coro<> two_requests_are_one_cancellation(tracer& trace) {
    const auto sleeper = create_task(sleeps(trace, "task"));
    co_await aioxx::sleep(0s);
    const bool first = sleeper.cancel("first");
    const bool second = sleeper.cancel("second");
    trace(first, second, sleeper.cancelling());
    co_await watches(trace, "main", sleeper);
    trace(sleeper.cancelling());
}

coro<> tasks_unwind_in_the_order_of_requests(tracer& trace) {
    const auto a = create_task(sleeps(trace, "a"));
    const auto b = create_task(sleeps(trace, "b"));
    const auto c = create_task(sleeps(trace, "c"));
    co_await aioxx::sleep(0s);
    c.cancel();
    a.cancel();
    b.cancel();
    co_await aioxx::sleep(0s);
    trace(std::vector{outcome(a), outcome(b), outcome(c)});
}

coro<std::string> resists(tracer& trace, int times) {
    for (int left = times; left > 0; --left) {
        try {
            co_await aioxx::sleep(10s);
        } catch (const cancelled_error&) {
            trace("ignores", why(), left, current_task()->cancelling());
        }
    }
    co_await aioxx::sleep(1s);
    co_return "stubborn";
}

coro<> a_task_may_swallow_its_cancellation_and_go_on(tracer& trace) {
    const auto stubborn = create_task(resists(trace, 1));
    co_await aioxx::sleep(1s);
    stubborn.cancel("once");
    co_await watches(trace, "main", stubborn);
    trace(outcome(stubborn), stubborn.cancelling());
}

coro<> a_later_request_hits_a_task_that_swallowed_one(tracer& trace) {
    const auto stubborn = create_task(resists(trace, 1));
    co_await aioxx::sleep(1s);
    stubborn.cancel("first");
    co_await aioxx::sleep(0s);
    stubborn.cancel("second");
    co_await watches(trace, "main", stubborn);
    trace(outcome(stubborn), stubborn.cancelling());
}

coro<> each_request_is_delivered_once(tracer& trace) {
    const auto stubborn = create_task(resists(trace, 3));
    co_await aioxx::sleep(1s);
    for (int number = 0; number < 3; ++number) {
        stubborn.cancel(std::to_string(number));
        co_await aioxx::sleep(1s);
    }
    co_await watches(trace, "main", stubborn);
    trace(stubborn.cancelling());
}

coro<std::string> cancels_itself(tracer& trace, std::string then) {
    task_base& itself = *current_task();
    const bool cancelled = itself.cancel("myself");
    trace(cancelled, itself.cancelling());
    if (then == "awaits") {
        try {
            co_await aioxx::sleep(5s);
        } catch (const cancelled_error&) {
            trace("caught", why());
            throw;
        }
    }
    if (then == "throws") throw failure("x");
    co_return then;
}

coro<> a_task_that_cancels_itself_is_told_at_its_next_wait(tracer& trace) {
    co_await watches(trace, "main", create_task(cancels_itself(trace, "awaits")));
}

coro<> a_task_that_cancels_itself_and_returns_is_cancelled(tracer& trace) {
    const auto itself = create_task(cancels_itself(trace, "returns"));
    co_await watches(trace, "main", itself);
    trace(outcome(itself));
}

coro<> a_task_that_cancels_itself_and_throws_has_failed(tracer& trace) {
    const auto itself = create_task(cancels_itself(trace, "throws"));
    co_await watches(trace, "main", itself);
    trace(outcome(itself));
}

coro<> awaits_a_done_future(tracer& trace, future<int> done) {
    current_task()->cancel();
    const int value = co_await done;
    trace("done future", value);
    co_await aioxx::sleep(0s);
    trace("never");
}

coro<> a_pending_request_of_ones_own_does_not_stop_what_does_not_suspend(tracer& trace) {
    const auto done = create_future<int>();
    done.set_result(1);
    co_await watches(trace, "main", create_task(awaits_a_done_future(trace, done)));
}

coro<int> waits(tracer& trace, std::string name, future<int> awaited) {
    try {
        const int value = co_await awaited;
        trace(name, "has", value);
        co_return value;
    } catch (const cancelled_error&) {
        trace(name, "caught", why());
        throw;
    }
}

coro<> a_result_that_comes_before_the_cancellation_is_lost(tracer& trace) {
    const auto number = create_future<int>();
    const auto waiting = create_task(waits(trace, "task", number));
    co_await aioxx::sleep(0s);
    number.set_result(5);
    trace(waiting.cancel("late"));
    co_await watches(trace, "main", waiting);
    trace(outcome(number));
}

coro<> a_cancellation_that_comes_before_the_result_refuses_it(tracer& trace) {
    const auto number = create_future<int>();
    const auto waiting = create_task(waits(trace, "task", number));
    co_await aioxx::sleep(0s);
    waiting.cancel();
    try {
        number.set_result(5);
    } catch (const invalid_state_error&) {
        trace(why());
    }
    co_await watches(trace, "main", waiting);
    trace(outcome(number));
}

coro<> an_exception_that_comes_before_the_cancellation_is_lost(tracer& trace) {
    const auto number = create_future<int>();
    const auto waiting = create_task(waits(trace, "task", number));
    co_await aioxx::sleep(0s);
    number.set_exception(std::make_exception_ptr(failure("x")));
    waiting.cancel("late");
    co_await watches(trace, "main", waiting);
    trace(outcome(number));
}

coro<> cancelling_the_awaited_future_cancels_the_task(tracer& trace) {
    const auto number = create_future<int>();
    const auto waiting = create_task(waits(trace, "task", number));
    co_await aioxx::sleep(0s);
    number.cancel("inner");
    co_await watches(trace, "main", waiting);
    trace(outcome(waiting), waiting.cancelling());
}

coro<> cancelling_the_future_and_then_the_task(tracer& trace) {
    const auto number = create_future<int>();
    const auto waiting = create_task(waits(trace, "task", number));
    co_await aioxx::sleep(0s);
    const bool of_future = number.cancel("future");
    const bool of_task = waiting.cancel("task");
    trace(of_future, of_task);
    co_await watches(trace, "main", waiting);
    trace(outcome(waiting), waiting.cancelling());
}

coro<> throws_cancelled() {
    throw cancelled_error("spontaneous");
    co_return;
}

coro<> a_cancelled_error_that_nobody_asked_for_cancels_too(tracer& trace) {
    const auto spontaneous = create_task(throws_cancelled());
    co_await watches(trace, "main", spontaneous);
    trace(outcome(spontaneous), spontaneous.cancelling());
}

template <class T>
coro<> waits_for_task(tracer& trace, std::string name, task<T> awaited) {
    try {
        if constexpr (std::is_void_v<T>) {
            co_await awaited;
            trace(name, "has none");
        } else {
            const T& value = co_await awaited;
            trace(name, "has", value);
        }
    } catch (const cancelled_error&) {
        trace(name, "caught", why());
        throw;
    }
}

coro<> cancelling_the_outer_task_cancels_the_inner_one_first(tracer& trace) {
    const auto inner = create_task(sleeps(trace, "inner"));
    const auto outer = create_task(waits_for_task(trace, "outer", inner));
    co_await aioxx::sleep(0s);
    co_await aioxx::sleep(0s);
    outer.cancel("enough");
    trace(inner.cancelling(), outer.cancelling());
    co_await aioxx::sleep(0s);
    trace(outcome(inner), outcome(outer));
    co_await aioxx::sleep(0s);
    trace(outcome(inner), outcome(outer));
}

coro<std::string> waits_for_text(tracer& trace, std::string name, task<std::string> awaited) {
    co_await waits_for_task(trace, name, awaited);
    co_return co_await awaited;
}

coro<> an_inner_task_that_resists_saves_the_outer_one(tracer& trace) {
    const auto inner = create_task(resists(trace, 1));
    const auto outer = create_task(waits_for_text(trace, "outer", inner));
    co_await aioxx::sleep(1s);
    outer.cancel("enough");
    co_await watches(trace, "main", outer);
    trace(outcome(outer), outer.cancelling(), inner.cancelling());
}

coro<> fails_in_cleanup() {
    try {
        co_await aioxx::sleep(10s);
    } catch (const cancelled_error&) {
    }
    throw failure("cleanup");
}

coro<> an_exception_in_the_cleanup_replaces_the_cancellation(tracer& trace) {
    const auto failing = create_task(fails_in_cleanup());
    co_await aioxx::sleep(1s);
    failing.cancel();
    co_await watches(trace, "main", failing);
    trace(outcome(failing));
}

coro<> cleans_up_slowly(tracer& trace) {
    std::exception_ptr cancellation;
    try {
        co_await aioxx::sleep(10s);
        co_return;
    } catch (const cancelled_error&) {
        trace("cleanup begins", why());
        cancellation = std::current_exception();
    }
    try {
        co_await aioxx::sleep(3s);
        trace("cleanup ends");
    } catch (const cancelled_error&) {
        trace("cleanup interrupted", why());
    }
    std::rethrow_exception(cancellation);
}

coro<> the_cleanup_may_wait(tracer& trace) {
    const auto slow = create_task(cleans_up_slowly(trace));
    co_await aioxx::sleep(1s);
    slow.cancel("enough");
    co_await watches(trace, "main", slow);
}

coro<> a_second_request_interrupts_the_cleanup(tracer& trace) {
    const auto slow = create_task(cleans_up_slowly(trace));
    co_await aioxx::sleep(1s);
    slow.cancel("first");
    co_await aioxx::sleep(1s);
    slow.cancel("second");
    co_await watches(trace, "main", slow);
    trace(slow.cancelling());
}

coro<> uncancel_counts_down_to_zero(tracer& trace) {
    const auto stubborn = create_task(resists(trace, 5));
    co_await aioxx::sleep(0s);
    trace(stubborn.uncancel());
    for (int time = 0; time < 2; ++time) {
        stubborn.cancel();
        co_await aioxx::sleep(0s);
    }
    trace(stubborn.cancelling());
    const int first = stubborn.uncancel();
    const int second = stubborn.uncancel();
    const int third = stubborn.uncancel();
    trace(first, second, third, stubborn.cancelling());
    for (int time = 0; time < 3; ++time) {
        stubborn.cancel();
        co_await aioxx::sleep(0s);
    }
    trace(co_await stubborn);
}

coro<> uncancels_one_of_two(tracer& trace) {
    task_base& itself = *current_task();
    itself.cancel();
    itself.cancel();
    trace(itself.uncancel());
    co_await aioxx::sleep(0s);
    trace("never");
}

coro<> uncancel_of_one_request_of_two_leaves_it_pending(tracer& trace) {
    co_await watches(trace, "main", create_task(uncancels_one_of_two(trace)));
}

coro<std::string> uncancels_the_last(tracer& trace) {
    task_base& itself = *current_task();
    itself.cancel();
    trace(itself.uncancel());
    co_await aioxx::sleep(0s);
    co_return "went on";
}

coro<> uncancel_of_the_last_request_forgets_the_pending_one(tracer& trace) {
    co_await watches(trace, "main", create_task(uncancels_the_last(trace)));
}

coro<> a_cancelled_waiter_leaves_the_other_waiter_of_a_task_in_the_cold(tracer& trace) {
    const auto inner = create_task(sleeps(trace, "inner"));
    const auto one = create_task(waits_for_task(trace, "one", inner));
    const auto other = create_task(waits_for_task(trace, "other", inner));
    co_await aioxx::sleep(1s);
    one.cancel("enough");
    co_await watches(trace, "main", other);
    trace(outcome(one), outcome(other), one.cancelling(), other.cancelling());
}

coro<> cancels_its_waiter(tracer& trace, const task<>& outer) {
    co_await aioxx::sleep(1s);
    trace("inner cancels", outer.cancel("by inner"));
    try {
        co_await aioxx::sleep(1s);
    } catch (const cancelled_error&) {
        trace("inner caught", why());
        throw;
    }
}

coro<> a_task_cancels_the_one_that_waits_for_it(tracer& trace) {
    task<> outer;
    const auto inner = create_task(cancels_its_waiter(trace, outer));
    outer = create_task(waits_for_task(trace, "outer", inner));
    co_await watches(trace, "main", outer);
}

coro<> yields(tracer& trace) {
    for (int number = 0; number < 5; ++number) {
        trace("round", number);
        co_await aioxx::sleep(0s);
    }
}

coro<> cancelling_between_two_passes_of_sleep_zero(tracer& trace) {
    const auto yielding = create_task(yields(trace));
    co_await aioxx::sleep(0s);
    co_await aioxx::sleep(0s);
    yielding.cancel();
    co_await watches(trace, "main", yielding);
}

coro<> a_cancelled_callback_order(tracer& trace) {
    const auto sleeper = create_task(sleeps(trace, "task"));
    sleeper.add_done_callback([&] { trace("callback", outcome(sleeper)); });
    co_await aioxx::sleep(0s);
    get_running_loop().call_soon([&] { trace("scheduled before"); });
    sleeper.cancel();
    get_running_loop().call_soon([&] { trace("scheduled behind"); });
    co_await watches(trace, "main", sleeper);
}

coro<> a_cancelled_main_task(tracer&) {
    get_running_loop().call_later(1s, [main = current_task()] { main->cancel("from a timer"); });
    co_await aioxx::sleep(5s);
}

}  // namespace

const scenarios cancellation_scenarios = {
    {"a_task_that_is_cancelled_before_its_start_does_not_run",
     a_task_that_is_cancelled_before_its_start_does_not_run},
    {"a_task_that_is_cancelled_before_its_start_has_a_message",
     a_task_that_is_cancelled_before_its_start_has_a_message},
    {"cancel_is_thrown_where_the_task_waits", cancel_is_thrown_where_the_task_waits},
    {"a_cancelled_sleep_takes_no_time", a_cancelled_sleep_takes_no_time},
    {"the_message_reaches_whoever_awaits_the_task", the_message_reaches_whoever_awaits_the_task},
    {"a_cancelled_task_resumes_in_the_next_pass", a_cancelled_task_resumes_in_the_next_pass},
    {"cancelling_a_done_task_is_refused", cancelling_a_done_task_is_refused},
    {"two_requests_are_one_cancellation", two_requests_are_one_cancellation},
    {"tasks_unwind_in_the_order_of_requests", tasks_unwind_in_the_order_of_requests},
    {"a_task_may_swallow_its_cancellation_and_go_on", a_task_may_swallow_its_cancellation_and_go_on},
    {"a_later_request_hits_a_task_that_swallowed_one", a_later_request_hits_a_task_that_swallowed_one},
    {"each_request_is_delivered_once", each_request_is_delivered_once},
    {"a_task_that_cancels_itself_is_told_at_its_next_wait",
     a_task_that_cancels_itself_is_told_at_its_next_wait},
    {"a_task_that_cancels_itself_and_returns_is_cancelled",
     a_task_that_cancels_itself_and_returns_is_cancelled},
    {"a_task_that_cancels_itself_and_throws_has_failed", a_task_that_cancels_itself_and_throws_has_failed},
    {"a_pending_request_of_ones_own_does_not_stop_what_does_not_suspend",
     a_pending_request_of_ones_own_does_not_stop_what_does_not_suspend},
    {"a_result_that_comes_before_the_cancellation_is_lost",
     a_result_that_comes_before_the_cancellation_is_lost},
    {"a_cancellation_that_comes_before_the_result_refuses_it",
     a_cancellation_that_comes_before_the_result_refuses_it},
    {"an_exception_that_comes_before_the_cancellation_is_lost",
     an_exception_that_comes_before_the_cancellation_is_lost},
    {"cancelling_the_awaited_future_cancels_the_task", cancelling_the_awaited_future_cancels_the_task},
    {"cancelling_the_future_and_then_the_task", cancelling_the_future_and_then_the_task},
    {"a_cancelled_error_that_nobody_asked_for_cancels_too",
     a_cancelled_error_that_nobody_asked_for_cancels_too},
    {"cancelling_the_outer_task_cancels_the_inner_one_first",
     cancelling_the_outer_task_cancels_the_inner_one_first},
    {"an_inner_task_that_resists_saves_the_outer_one", an_inner_task_that_resists_saves_the_outer_one},
    {"an_exception_in_the_cleanup_replaces_the_cancellation",
     an_exception_in_the_cleanup_replaces_the_cancellation},
    {"the_cleanup_may_wait", the_cleanup_may_wait},
    {"a_second_request_interrupts_the_cleanup", a_second_request_interrupts_the_cleanup},
    {"uncancel_counts_down_to_zero", uncancel_counts_down_to_zero},
    {"uncancel_of_one_request_of_two_leaves_it_pending", uncancel_of_one_request_of_two_leaves_it_pending},
    {"uncancel_of_the_last_request_forgets_the_pending_one",
     uncancel_of_the_last_request_forgets_the_pending_one},
    {"a_cancelled_waiter_leaves_the_other_waiter_of_a_task_in_the_cold",
     a_cancelled_waiter_leaves_the_other_waiter_of_a_task_in_the_cold},
    {"a_task_cancels_the_one_that_waits_for_it", a_task_cancels_the_one_that_waits_for_it},
    {"cancelling_between_two_passes_of_sleep_zero", cancelling_between_two_passes_of_sleep_zero},
    {"a_cancelled_callback_order", a_cancelled_callback_order},
    {"a_cancelled_main_task", a_cancelled_main_task},
};

}  // namespace differential
