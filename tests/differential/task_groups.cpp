// SPDX-License-Identifier: BSL-1.0
// differential/task_groups.cpp: tasks that end before the block does.

#include <exception>
#include <string>
#include <utility>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/task_group.hpp>
#include <aioxx/tasks/timeout.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

using words = std::string;

// A block with a function as its body, which gets the trace first.
coro<> block(tracer& trace, coro<> (*body)(tracer&, task_group&)) {
    co_await with_task_group([&trace, body](task_group& group) { return body(trace, group); });
}

coro<words> sleeps(tracer& trace, words name, duration delay = 10s) {
    try {
        co_await aioxx::sleep(delay);
        trace(name, "slept");
        co_return name;
    } catch (const cancelled_error&) {
        trace(name, "caught", why());
        throw;
    }
}

coro<> fails(tracer& trace, words what, duration delay) {
    co_await aioxx::sleep(delay);
    trace(what, "fails");
    throw failure(what);
}

coro<> fails_in_cleanup(tracer& trace, words what) {
    try {
        co_await aioxx::sleep(10s);
    } catch (const cancelled_error&) {
    }
    trace(what, "fails in its cleanup");
    throw failure(what);
}

coro<> cleans_up(tracer& trace, words name, duration cleanup) {
    std::exception_ptr cancellation;
    try {
        co_await aioxx::sleep(10s);
        co_return;
    } catch (const cancelled_error&) {
        trace(name, "cleanup begins");
        cancellation = std::current_exception();
    }
    co_await aioxx::sleep(cleanup);
    trace(name, "cleanup ends");
    std::rethrow_exception(cancellation);
}

coro<> two_sleepers(tracer& trace, task_group& group, task<words>& a, task<words>& b) {
    a = group.create_task(sleeps(trace, "a", 2s));
    b = group.create_task(sleeps(trace, "b", 1s));
    trace("body ends");
    co_return;
}

coro<> the_block_waits_for_its_tasks(tracer& trace) {
    task<words> a;
    task<words> b;
    co_await with_task_group([&](task_group& group) { return two_sleepers(trace, group, a, b); });
    trace("block ends", outcome(a), outcome(b));
}

coro<> empty(tracer& trace, task_group&) {
    trace("body");
    co_return;
}

coro<> an_empty_group(tracer& trace) {
    co_await block(trace, empty);
    trace("block ends");
}

coro<> waits_for_a(tracer& trace, task_group& group) {
    const auto a = group.create_task(sleeps(trace, "a", 2s));
    group.create_task(sleeps(trace, "b", 3s));
    trace(co_await a);
}

coro<> the_body_waits_for_a_task_of_its_group(tracer& trace) {
    co_await block(trace, waits_for_a);
    trace("block ends");
}

coro<> spawns(tracer& trace, task_group& group, int depth) {
    trace("depth", depth);
    co_await aioxx::sleep(1s);
    if (depth > 0) group.create_task(spawns(trace, group, depth - 1));
}

coro<> starts_one_that_spawns(tracer& trace, task_group& group) {
    group.create_task(spawns(trace, group, 2));
    co_return;
}

coro<> a_task_starts_another_one_in_the_group(tracer& trace) {
    co_await block(trace, starts_one_that_spawns);
    trace("block ends");
}

coro<> cancels_one(tracer& trace, task_group& group, task<words>& a) {
    a = group.create_task(sleeps(trace, "a"));
    group.create_task(sleeps(trace, "b", 3s));
    co_await aioxx::sleep(1s);
    a.cancel("enough");
}

coro<> a_task_that_is_cancelled_alone_is_no_error(tracer& trace) {
    task<words> a;
    co_await with_task_group([&](task_group& group) { return cancels_one(trace, group, a); });
    trace("block ends", outcome(a));
}

coro<> one_of_three_fails(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "a"));
    group.create_task(fails(trace, "x", 1s));
    group.create_task(sleeps(trace, "b"));
    co_return;
}

coro<> a_failing_task_cancels_the_others(tracer& trace) {
    co_await watches(trace, "main", block(trace, one_of_three_fails));
    trace(current_task()->cancelling());
}

coro<> body_sleeps(tracer& trace, task_group& group) {
    group.create_task(fails(trace, "x", 1s));
    co_await sleeps(trace, "body");
    trace("never");
}

coro<> a_failing_task_cancels_the_body(tracer& trace) {
    co_await watches(trace, "main", block(trace, body_sleeps));
    trace(current_task()->cancelling());
    co_await aioxx::sleep(1s);
    trace("end");
}

coro<> two_of_three_fail(tracer& trace, task_group& group) {
    group.create_task(fails(trace, "x", 1s));
    group.create_task(fails(trace, "y", 1s));
    group.create_task(sleeps(trace, "a"));
    co_return;
}

coro<> two_tasks_fail_in_one_pass(tracer& trace) {
    co_await watches(trace, "main", block(trace, two_of_three_fail));
}

coro<> two_fail_in_cleanup(tracer& trace, task_group& group) {
    group.create_task(fails_in_cleanup(trace, "y"));
    group.create_task(fails(trace, "x", 1s));
    group.create_task(fails_in_cleanup(trace, "z"));
    co_return;
}

coro<> a_task_fails_in_its_cleanup(tracer& trace) {
    co_await watches(trace, "main", block(trace, two_fail_in_cleanup));
}

coro<> one_is_slow(tracer& trace, task_group& group) {
    group.create_task(cleans_up(trace, "a", 3s));
    group.create_task(fails(trace, "x", 1s));
    co_return;
}

coro<> the_group_waits_for_slow_cleanup(tracer& trace) {
    co_await watches(trace, "main", block(trace, one_is_slow));
}

coro<> fails_later(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "a"));
    co_await aioxx::sleep(1s);
    throw failure("body");
}

coro<> the_body_fails(tracer& trace) {
    co_await watches(trace, "main", block(trace, fails_later));
    trace(current_task()->cancelling());
}

coro<> fails_at_once(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "a"));
    throw failure("body");
    co_return;
}

coro<> the_body_fails_before_the_tasks_have_started(tracer& trace) {
    co_await watches(trace, "main", block(trace, fails_at_once));
}

coro<> fails_when_cancelled(tracer& trace, task_group& group) {
    group.create_task(fails(trace, "x", 1s));
    try {
        co_await aioxx::sleep(10s);
    } catch (const cancelled_error&) {
    }
    throw failure("body");
}

coro<> the_body_and_a_task_fail(tracer& trace) {
    co_await watches(trace, "main", block(trace, fails_when_cancelled));
    trace(current_task()->cancelling());
}

coro<> swallows(tracer& trace, task_group& group) {
    group.create_task(fails(trace, "x", 1s));
    try {
        co_await aioxx::sleep(10s);
    } catch (const cancelled_error&) {
        trace("body swallows", why());
    }
    co_await aioxx::sleep(2s);
    trace("body ends");
}

coro<> the_body_swallows_the_cancellation(tracer& trace) {
    co_await watches(trace, "main", block(trace, swallows));
}

coro<> two_that_sleep(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "a"));
    group.create_task(sleeps(trace, "b"));
    co_return;
}

coro<> two_that_sleep_and_more(tracer& trace) {
    co_await block(trace, two_that_sleep);
    trace("never");
}

coro<> a_cancellation_from_outside_while_the_group_waits(tracer& trace) {
    co_await cancels(trace, two_that_sleep_and_more(trace));
}

coro<> body_cleans_up(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "a"));
    co_await cleans_up(trace, "body", 2s);
}

coro<> body_cleans_up_and_more(tracer& trace) {
    co_await block(trace, body_cleans_up);
    trace("never");
}

coro<> a_cancellation_from_outside_while_the_body_waits(tracer& trace) {
    co_await cancels(trace, body_cleans_up_and_more(trace));
}

coro<> one_fails_in_cleanup(tracer& trace, task_group& group) {
    group.create_task(fails_in_cleanup(trace, "x"));
    co_return;
}

coro<> a_cancellation_from_outside_and_tasks_that_fail(tracer& trace) {
    co_await cancels(trace, block(trace, one_fails_in_cleanup));
}

coro<> one_with_slow_cleanup(tracer& trace, task_group& group) {
    group.create_task(cleans_up(trace, "a", 5s));
    co_return;
}

coro<> a_group_that_is_cancelled_twice_waits_all_the_same(tracer& trace) {
    const auto grouped = create_task(block(trace, one_with_slow_cleanup));
    co_await aioxx::sleep(1s);
    grouped.cancel("first");
    co_await aioxx::sleep(1s);
    grouped.cancel("second");
    co_await watches(trace, "main", grouped);
    trace(outcome(grouped), grouped.cancelling());
}

coro<> catches_the_group(tracer& trace) {
    try {
        co_await block(trace, one_is_slow);
    } catch (const error_group&) {
        trace("block caught", why(), current_task()->cancelling());
    }
    co_await aioxx::sleep(1s);
    trace("goes on");
}

coro<> an_error_and_a_cancellation_from_outside(tracer& trace) {
    co_await cancels(trace, catches_the_group(trace), 2s);
}

coro<> inner_that_fails(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "inner sibling"));
    group.create_task(fails(trace, "x", 1s));
    co_return;
}

coro<> outer_with_inner_task(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "outer sibling"));
    group.create_task(block(trace, inner_that_fails));
    co_return;
}

coro<> an_inner_group_fails(tracer& trace) {
    co_await watches(trace, "main", block(trace, outer_with_inner_task));
}

coro<> outer_with_inner_block(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "outer sibling"));
    co_await block(trace, inner_that_fails);
}

coro<> an_inner_block_fails(tracer& trace) {
    co_await watches(trace, "main", block(trace, outer_with_inner_block));
    trace(current_task()->cancelling());
}

coro<> inner_task(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "inner task"));
    co_return;
}

coro<> outer_that_fails(tracer& trace, task_group& group) {
    group.create_task(fails(trace, "x", 1s));
    co_await block(trace, inner_task);
    trace("never");
}

coro<> an_outer_group_fails(tracer& trace) {
    co_await watches(trace, "main", block(trace, outer_that_fails));
    trace(current_task()->cancelling());
}

coro<> inner_that_fails_in_cleanup(tracer& trace, task_group& group) {
    group.create_task(fails_in_cleanup(trace, "y"));
    co_return;
}

coro<> both_fail(tracer& trace, task_group& group) {
    group.create_task(fails(trace, "x", 1s));
    co_await block(trace, inner_that_fails_in_cleanup);
    trace("never");
}

coro<> an_outer_group_fails_and_the_inner_one_in_its_cleanup(tracer& trace) {
    co_await watches(trace, "main", block(trace, both_fail));
    trace(current_task()->cancelling());
}

coro<> late(tracer& trace, task_group& group) {
    try {
        co_await aioxx::sleep(10s);
    } catch (const cancelled_error&) {
        try {
            group.create_task(sleeps(trace, "never"));
        } catch (const invalid_state_error&) {
            trace("late caught", why());
        }
        throw;
    }
}

coro<> one_is_late(tracer& trace, task_group& group) {
    group.create_task(late(trace, group));
    group.create_task(fails(trace, "x", 1s));
    co_return;
}

coro<> a_group_refuses_tasks_while_it_shuts_down(tracer& trace) {
    co_await watches(trace, "main", block(trace, one_is_late));
}

coro<> task_and_body_sleep(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "a"));
    co_await sleeps(trace, "body");
}

coro<> a_timeout_around_a_group(tracer& trace) {
    timeout_scope limit(2s);
    try {
        co_await limit.run(block(trace, task_and_body_sleep));
    } catch (const timeout_error&) {
        trace("main caught", why(), current_task()->cancelling());
    }
}

coro<> limited(tracer& trace) {
    timeout_scope limit(2s);
    co_await limit.run(block(trace, one_fails_in_cleanup));
}

coro<> a_timeout_around_a_group_whose_task_fails_in_its_cleanup(tracer& trace) {
    co_await watches(trace, "main", limited(trace));
    trace(current_task()->cancelling());
}

coro<> waits(tracer& trace, future<words> text) {
    const words& value = co_await text;
    trace("task has", value);
}

coro<> starts_one_that_waits(tracer& trace, task_group& group, future<words> text) {
    group.create_task(waits(trace, std::move(text)));
    co_return;
}

coro<> waits_in_a_group(tracer& trace, future<words> text) {
    co_await with_task_group([&](task_group& group) { return starts_one_that_waits(trace, group, text); });
    trace("block ends");
}

coro<> the_last_task_ends_at_the_time_of_a_cancellation(tracer& trace) {
    const auto text = create_future<words>();
    const auto grouped = create_task(waits_in_a_group(trace, text));
    co_await aioxx::sleep(1s);
    text.set_result("value");
    grouped.cancel("enough");
    co_await watches(trace, "main", grouped);
    trace(outcome(grouped), grouped.cancelling());
}

coro<> who(tracer& trace) {
    trace(current_task()->name());
    co_return;
}

coro<> two_with_names(tracer& trace, task_group& group) {
    group.create_task(who(trace), "a");
    group.create_task(who(trace), "b");
    co_return;
}

coro<> tasks_have_names(tracer& trace) { co_await block(trace, two_with_names); }

}  // namespace

const scenarios task_groups_scenarios = {
    {"the_block_waits_for_its_tasks", the_block_waits_for_its_tasks},
    {"an_empty_group", an_empty_group},
    {"the_body_waits_for_a_task_of_its_group", the_body_waits_for_a_task_of_its_group},
    {"a_task_starts_another_one_in_the_group", a_task_starts_another_one_in_the_group},
    {"a_task_that_is_cancelled_alone_is_no_error", a_task_that_is_cancelled_alone_is_no_error},
    {"a_failing_task_cancels_the_others", a_failing_task_cancels_the_others},
    {"a_failing_task_cancels_the_body", a_failing_task_cancels_the_body},
    {"two_tasks_fail_in_one_pass", two_tasks_fail_in_one_pass},
    {"a_task_fails_in_its_cleanup", a_task_fails_in_its_cleanup},
    {"the_group_waits_for_slow_cleanup", the_group_waits_for_slow_cleanup},
    {"the_body_fails", the_body_fails},
    {"the_body_fails_before_the_tasks_have_started", the_body_fails_before_the_tasks_have_started},
    {"the_body_and_a_task_fail", the_body_and_a_task_fail},
    {"the_body_swallows_the_cancellation", the_body_swallows_the_cancellation},
    {"a_cancellation_from_outside_while_the_group_waits", a_cancellation_from_outside_while_the_group_waits},
    {"a_cancellation_from_outside_while_the_body_waits", a_cancellation_from_outside_while_the_body_waits},
    {"a_cancellation_from_outside_and_tasks_that_fail", a_cancellation_from_outside_and_tasks_that_fail},
    {"a_group_that_is_cancelled_twice_waits_all_the_same",
     a_group_that_is_cancelled_twice_waits_all_the_same},
    {"an_error_and_a_cancellation_from_outside", an_error_and_a_cancellation_from_outside},
    {"an_inner_group_fails", an_inner_group_fails},
    {"an_inner_block_fails", an_inner_block_fails},
    {"an_outer_group_fails", an_outer_group_fails},
    {"an_outer_group_fails_and_the_inner_one_in_its_cleanup",
     an_outer_group_fails_and_the_inner_one_in_its_cleanup},
    {"a_group_refuses_tasks_while_it_shuts_down", a_group_refuses_tasks_while_it_shuts_down},
    {"a_timeout_around_a_group", a_timeout_around_a_group},
    {"a_timeout_around_a_group_whose_task_fails_in_its_cleanup",
     a_timeout_around_a_group_whose_task_fails_in_its_cleanup},
    {"the_last_task_ends_at_the_time_of_a_cancellation", the_last_task_ends_at_the_time_of_a_cancellation},
    {"tasks_have_names", tasks_have_names},
};

}  // namespace differential
