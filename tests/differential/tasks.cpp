// SPDX-License-Identifier: BSL-1.0
// differential/tasks.cpp: when tasks run, what they end with, and who they are.

#include <string>
#include <vector>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

coro<> says(tracer& trace, std::string words) {
    trace(words);
    co_return;
}

coro<> tasks_start_in_order_after_their_creator_suspends(tracer& trace) {
    std::vector<task<>> tasks;
    for (const char* words : {"task a", "task b", "task c"}) tasks.push_back(create_task(says(trace, words)));
    trace("created");
    co_await aioxx::sleep(0s);
    trace("after", std::vector<bool>{tasks[0].done(), tasks[1].done(), tasks[2].done()});
}

coro<> tasks_and_callbacks_start_in_the_order_of_scheduling(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_soon([&] { trace("callback before"); });
    const auto started = create_task(says(trace, "task"));
    loop.call_soon([&] { trace("callback behind"); });
    co_await started;
}

coro<> a_task_that_is_created_in_a_callback_starts_a_pass_later(tracer& trace) {
    event_loop& loop = get_running_loop();
    task<> started;
    loop.call_soon([&] {
        started = create_task(loop, says(trace, "task"));
        trace("callback");
    });
    loop.call_soon([&] { trace("next callback"); });
    co_await aioxx::sleep(0s);
    trace("one pass");
    co_await aioxx::sleep(0s);
    trace("two passes", started.done());
}

coro<> awaiting_a_coroutine_does_not_suspend(tracer& trace) {
    get_running_loop().call_soon([&] { trace("other"); });
    co_await says(trace, "coroutine");
    trace("awaited");
    co_await aioxx::sleep(0s);
}

coro<int> down(tracer& trace, int depth) {
    trace("down", depth);
    if (depth == 0) {
        co_await aioxx::sleep(1s);
        co_return 1;
    }
    const int value = co_await down(trace, depth - 1);
    trace("up", depth);
    co_return value + 1;
}

coro<> a_chain_of_coroutines_suspends_and_resumes_as_one(tracer& trace) {
    const auto started = create_task(down(trace, 3));
    get_running_loop().call_soon([&] { trace("other"); });
    trace(co_await started);
}

coro<> cleans_up(tracer& trace, int depth) {
    const scope_exit cleanup([&] { trace("cleanup", depth); });
    if (depth == 0) {
        co_await aioxx::sleep(1s);
        throw failure("x");
    }
    co_await cleans_up(trace, depth - 1);
}

coro<> an_exception_unwinds_from_the_inside_out(tracer& trace) {
    try {
        co_await cleans_up(trace, 3);
    } catch (const failure&) {
        trace(why());
    }
}

coro<int> gives(int value) {
    co_await aioxx::sleep(1s);
    co_return value;
}

coro<int> fails(std::string words) {
    co_await aioxx::sleep(1s);
    throw failure(words);
}

coro<> gives_nothing() { co_await aioxx::sleep(1s); }

coro<> a_task_ends_with_a_value_an_exception_or_nothing(tracer& trace) {
    const auto value = create_task(gives(7));
    const auto failed = create_task(fails("x"));
    const auto nothing = create_task(gives_nothing());
    const auto outcomes = [&] { return std::vector{outcome(value), outcome(failed), outcome(nothing)}; };
    trace(outcomes());
    co_await value;
    trace(outcomes());
    try {
        co_await failed;
    } catch (const failure&) {
        trace(why());
    }
    trace(outcomes());
    co_await nothing;
    trace(outcomes());
}

coro<> reads(tracer& trace, std::string name, task<int> read) {
    try {
        const int value = co_await read;
        trace(name, value);
    } catch (const failure&) {
        trace(name, why());
    }
}

coro<> many_wait_for_one_task(tracer& trace) {
    const auto read = create_task(gives(7));
    std::vector<task<>> readers;
    for (const char* name : {"a", "b"}) readers.push_back(create_task(reads(trace, name, read)));
    const int value = co_await read;
    trace("main", value);
    for (const task<>& reader : readers) co_await reader;
    trace("again", co_await read);
}

coro<> many_wait_for_a_task_that_fails(tracer& trace) {
    const auto read = create_task(fails("x"));
    std::vector<task<>> readers;
    for (const char* name : {"a", "b"}) readers.push_back(create_task(reads(trace, name, read)));
    co_await reads(trace, "main", read);
    for (const task<>& reader : readers) co_await reader;
}

coro<> awaiting_a_done_task_does_not_suspend(tracer& trace) {
    const auto started = create_task(gives(7));
    co_await aioxx::sleep(2s);
    get_running_loop().call_soon([&] { trace("other"); });
    trace(co_await started);
    co_await aioxx::sleep(0s);
}

coro<> done_callbacks_of_a_task_run_in_line_with_its_waiters(tracer& trace) {
    const auto read = create_task(gives(7));
    read.add_done_callback([&] { trace("first callback", outcome(read)); });
    const auto reader = create_task(reads(trace, "reader", read));
    co_await aioxx::sleep(0s);
    read.add_done_callback([&] { trace("second callback", outcome(read)); });
    co_await reader;
    trace("after");
}

coro<> ends(tracer& trace, ticker& passes) {
    co_await aioxx::sleep(0s);
    trace("ends at", passes.count());
}

coro<> the_waiter_of_a_task_resumes_one_pass_after_its_end(tracer& trace) {
    ticker passes;
    co_await create_task(ends(trace, passes));
    trace("resumed at", passes.count());
}

coro<> counts(tracer& trace, std::string name, int rounds) {
    for (int left = rounds; left > 0; --left) {
        trace(name, left);
        co_await aioxx::sleep(0s);
    }
}

coro<> sleeping_for_zero_is_fair(tracer& trace) {
    const auto a = create_task(counts(trace, "a", 3));
    const auto b = create_task(counts(trace, "b", 2));
    const auto c = create_task(counts(trace, "c", 4));
    co_await a;
    co_await b;
    co_await c;
}

coro<> sleeping_for_zero_takes_one_pass(tracer& trace) {
    ticker passes;
    co_await aioxx::sleep(0s);
    trace(passes.count());
    co_await aioxx::sleep(-1s);
    trace(passes.count());
}

coro<> sleeps(tracer& trace, std::string name, duration delay) {
    const char* const value = co_await aioxx::sleep(delay, "slept");
    trace(name, "has", value);
}

coro<> sleepers_wake_in_the_order_of_deadlines(tracer& trace) {
    const auto a = create_task(sleeps(trace, "a", 3s));
    const auto b = create_task(sleeps(trace, "b", 1s));
    const auto c = create_task(sleeps(trace, "c", 2s));
    co_await a;
    co_await b;
    co_await c;
}

coro<> a_sleeper_and_what_a_timer_schedules_at_the_same_time(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_later(1s, [&] {
        trace("timer");
        loop.call_soon([&] { trace("scheduled by the timer"); });
    });
    co_await aioxx::sleep(1s);
    trace("sleeper");
    co_await aioxx::sleep(1s);
}

coro<> names_are_given_and_changed(tracer& trace) {
    const auto started = create_task(gives(1), "given");
    trace(started.name());
    started.set_name("changed");
    trace(started.name());
    co_await started;
    trace(started.name());
}

coro<> who(tracer& trace, std::string label) {
    trace(label, current_task()->name());
    co_await aioxx::sleep(0s);
    trace(label, current_task()->name());
}

coro<> each_task_sees_itself(tracer& trace) {
    const auto a = create_task(who(trace, "a"), "a");
    const auto b = create_task(who(trace, "b"), "b");
    current_task()->set_name("main");
    co_await who(trace, "in main");
    co_await a;
    co_await b;
    trace(current_task()->name());
}

coro<> there_is_no_current_task_in_callbacks(tracer& trace) {
    const auto started = create_task(gives(1));
    started.add_done_callback([&] { trace("done callback", current_task() != nullptr); });
    get_running_loop().call_later(1s, [&] { trace("timer", current_task() != nullptr); });
    co_await started;
    co_await aioxx::sleep(1s);
}

coro<> done_tasks_are_not_counted(tracer& trace) {
    trace(count_tasks());
    const auto value = create_task(gives(1));
    const auto failed = create_task(fails("x"));
    trace(count_tasks());
    co_await aioxx::sleep(2s);
    trace(count_tasks(), why(failed.exception()));
}

coro<> an_error_of_a_task_that_nobody_looked_at_is_reported(tracer& trace) {
    auto failed = create_task(fails("x"));
    co_await aioxx::sleep(2s);
    trace("it failed");
    failed = {};
    trace("dropped");
}

coro<> an_error_of_a_task_that_was_awaited_is_not_reported(tracer& trace) {
    auto failed = create_task(fails("x"));
    try {
        co_await failed;
    } catch (const failure&) {
        trace(why());
    }
    failed = {};
    trace("dropped");
}

coro<> narcissus(tracer& trace, const task<>& itself) {
    try {
        co_await itself;
    } catch (const invalid_state_error&) {
        trace(why());
    }
}

coro<> a_task_cannot_await_itself(tracer& trace) {
    task<> itself;
    itself = create_task(narcissus(trace, itself));
    co_await itself;
    trace(outcome(itself));
}

using row = std::vector<future<>>;

coro<> plays(tracer& trace, std::string name, row mine, row other, int rounds) {
    for (auto left = static_cast<std::size_t>(rounds); left > 0; --left) {
        co_await mine[left];
        trace(name, left);
        other[left].set_result();
    }
}

coro<> two_tasks_play_ping_pong(tracer& trace) {
    row ping;
    row pong;
    for (int index = 0; index < 4; ++index) {
        ping.push_back(create_future<>());
        pong.push_back(create_future<>());
    }
    row next_ping = ping;
    next_ping.insert(next_ping.begin(), ping.back());
    ticker passes;
    const auto one = create_task(plays(trace, "ping", ping, pong, 3));
    const auto other = create_task(plays(trace, "pong", pong, next_ping, 3));
    ping[3].set_result();
    co_await one;
    co_await other;
    trace("passes", passes.count());
}

coro<> spawns(tracer& trace, int depth) {
    trace("begins", depth);
    if (depth > 0) co_await create_task(spawns(trace, depth - 1));
    trace("ends", depth);
}

coro<> tasks_that_await_tasks(tracer& trace) {
    ticker passes;
    co_await spawns(trace, 3);
    trace("passes", passes.count());
}

coro<> the_main_task_leaves_others_behind(tracer& trace) {
    create_task(gives(1));
    create_task(says(trace, "ready ones run"));
    trace("end", 2);
    co_return;
}

}  // namespace

const scenarios tasks_scenarios = {
    {"tasks_start_in_order_after_their_creator_suspends", tasks_start_in_order_after_their_creator_suspends},
    {"tasks_and_callbacks_start_in_the_order_of_scheduling",
     tasks_and_callbacks_start_in_the_order_of_scheduling},
    {"a_task_that_is_created_in_a_callback_starts_a_pass_later",
     a_task_that_is_created_in_a_callback_starts_a_pass_later},
    {"awaiting_a_coroutine_does_not_suspend", awaiting_a_coroutine_does_not_suspend},
    {"a_chain_of_coroutines_suspends_and_resumes_as_one", a_chain_of_coroutines_suspends_and_resumes_as_one},
    {"an_exception_unwinds_from_the_inside_out", an_exception_unwinds_from_the_inside_out},
    {"a_task_ends_with_a_value_an_exception_or_nothing", a_task_ends_with_a_value_an_exception_or_nothing},
    {"many_wait_for_one_task", many_wait_for_one_task},
    {"many_wait_for_a_task_that_fails", many_wait_for_a_task_that_fails},
    {"awaiting_a_done_task_does_not_suspend", awaiting_a_done_task_does_not_suspend},
    {"done_callbacks_of_a_task_run_in_line_with_its_waiters",
     done_callbacks_of_a_task_run_in_line_with_its_waiters},
    {"the_waiter_of_a_task_resumes_one_pass_after_its_end",
     the_waiter_of_a_task_resumes_one_pass_after_its_end},
    {"sleeping_for_zero_is_fair", sleeping_for_zero_is_fair},
    {"sleeping_for_zero_takes_one_pass", sleeping_for_zero_takes_one_pass},
    {"sleepers_wake_in_the_order_of_deadlines", sleepers_wake_in_the_order_of_deadlines},
    {"a_sleeper_and_what_a_timer_schedules_at_the_same_time",
     a_sleeper_and_what_a_timer_schedules_at_the_same_time},
    {"names_are_given_and_changed", names_are_given_and_changed},
    {"each_task_sees_itself", each_task_sees_itself},
    {"there_is_no_current_task_in_callbacks", there_is_no_current_task_in_callbacks},
    {"done_tasks_are_not_counted", done_tasks_are_not_counted},
    {"an_error_of_a_task_that_nobody_looked_at_is_reported",
     an_error_of_a_task_that_nobody_looked_at_is_reported},
    {"an_error_of_a_task_that_was_awaited_is_not_reported",
     an_error_of_a_task_that_was_awaited_is_not_reported},
    {"a_task_cannot_await_itself", a_task_cannot_await_itself},
    {"two_tasks_play_ping_pong", two_tasks_play_ping_pong},
    {"tasks_that_await_tasks", tasks_that_await_tasks},
    {"the_main_task_leaves_others_behind", the_main_task_leaves_others_behind},
};

}  // namespace differential
