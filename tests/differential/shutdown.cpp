// SPDX-License-Identifier: BSL-1.0
// differential/shutdown.cpp: how a runner ends: what is left is cancelled, in order, and waited for.

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/task_group.hpp>
#include <aioxx/testing/virtual_backend.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

using words = std::string;

// A runner on virtual time that the trace follows.
class traced_runner : pinned {
public:
    explicit traced_runner(tracer& trace)
        : trace_(trace), runner_(std::make_unique<testing::virtual_backend>()) {
        trace.follow(runner_.get_loop());
    }
    ~traced_runner() {
        close();
        trace_.leave(get_loop());
    }

    template <class T>
    T run(coro<T> main) {
        return runner_.run(std::move(main));
    }
    void close() { runner_.close(); }
    event_loop& get_loop() { return runner_.get_loop(); }

private:
    tracer& trace_;
    runner runner_;
};

// Runs a main task on a runner of its own.
void runs(tracer& trace, coro<> main) {
    traced_runner runner(trace);
    runner.run(std::move(main));
}

// A main task that ends before another one.
coro<> leaves_behind(coro<> operation, words name = "") {
    create_task(std::move(operation), name);
    co_await aioxx::sleep(1s);
}

coro<> says(tracer& trace, words text) {
    trace(text);
    co_return;
}

coro<int> gives(int value) {
    co_await aioxx::sleep(1s);
    co_return value;
}

coro<> fails() {
    co_await aioxx::sleep(1s);
    throw failure("x");
}

coro<> sleeps(tracer& trace, words name, duration cleanup = 0s) {
    std::exception_ptr cancellation;
    try {
        co_await aioxx::sleep(1000s);
    } catch (const cancelled_error&) {
        trace(name, "cleanup begins");
        cancellation = std::current_exception();
    }
    if (cleanup > 0s) {
        co_await aioxx::sleep(cleanup);
        trace(name, "cleanup ends");
    }
    std::rethrow_exception(cancellation);
}

void run_gives_the_value_or_throws(tracer& trace) {
    traced_runner runner(trace);
    trace(runner.run(gives(42)));
    try {
        runner.run(fails());
    } catch (const failure&) {
        trace(why());
    }
    runner.close();
    trace("closed");
}

coro<> leaves_three(tracer& trace) {
    for (const char* name : {"a", "b", "c"}) create_task(sleeps(trace, name), name);
    co_await aioxx::sleep(1s);
    trace("main ends");
}

void what_is_left_is_cancelled_in_order(tracer& trace) {
    traced_runner runner(trace);
    runner.run(leaves_three(trace));
    trace("main has ended");
    runner.close();
    trace("closed");
}

coro<> leaves_two_of_slow_cleanup(tracer& trace) {
    create_task(sleeps(trace, "a", 3s), "a");
    create_task(sleeps(trace, "b", 1s), "b");
    co_await aioxx::sleep(1s);
}

void slow_cleanup_is_waited_for(tracer& trace) {
    runs(trace, leaves_two_of_slow_cleanup(trace));
    trace("closed");
}

void a_task_that_has_not_started_does_not_start(tracer& trace) {
    traced_runner runner(trace);
    runner.run(says(trace, "main"));
    const auto late = create_task(runner.get_loop(), says(trace, "never"));
    runner.close();
    trace("closed", outcome(late));
}

coro<> resists(tracer& trace) {
    try {
        co_await aioxx::sleep(1000s);
    } catch (const cancelled_error&) {
        trace("resists");
    }
    co_await aioxx::sleep(5s);
    trace("ends");
}

void a_task_that_resists_is_waited_for(tracer& trace) {
    runs(trace, leaves_behind(resists(trace)));
    trace("closed");
}

coro<> fails_in_cleanup() {
    try {
        co_await aioxx::sleep(1000s);
    } catch (const cancelled_error&) {
    }
    throw failure("cleanup");
}

void a_task_that_fails_in_its_cleanup_is_reported(tracer& trace) {
    runs(trace, leaves_behind(fails_in_cleanup()));
    trace("closed");
}

coro<> helps(tracer& trace) {
    co_await aioxx::sleep(1s);
    trace("helper ends");
}

coro<> has_help(tracer& trace) {
    std::exception_ptr cancellation;
    try {
        co_await aioxx::sleep(1000s);
    } catch (const cancelled_error&) {
        cancellation = std::current_exception();
    }
    trace("cleanup begins");
    co_await create_task(helps(trace));
    trace("cleanup ends");
    std::rethrow_exception(cancellation);
}

void a_cleanup_waits_for_a_task_of_its_own(tracer& trace) {
    runs(trace, leaves_behind(has_help(trace)));
    trace("closed");
}

coro<> leaves_a_late_one(tracer& trace) {
    std::exception_ptr cancellation;
    try {
        co_await aioxx::sleep(1000s);
    } catch (const cancelled_error&) {
        cancellation = std::current_exception();
    }
    create_task(says(trace, "late"));
    co_await aioxx::sleep(2s);
    trace("cleanup ends");
    std::rethrow_exception(cancellation);
}

void a_cleanup_starts_a_task(tracer& trace) {
    runs(trace, leaves_behind(leaves_a_late_one(trace)));
}

coro<> waits(tracer& trace, words name, task<> awaited) {
    const scope_exit end([&] { trace(name, "ends"); });
    co_await awaited;
}

coro<> leaves_a_chain(tracer& trace) {
    const auto a = create_task(sleeps(trace, "a", 1s), "a");
    const auto b = create_task(waits(trace, "b", a), "b");
    create_task(waits(trace, "c", b), "c");
    co_await aioxx::sleep(1s);
}

void tasks_that_wait_for_each_other(tracer& trace) {
    runs(trace, leaves_a_chain(trace));
}

coro<> two_sleepers(tracer& trace, task_group& group) {
    group.create_task(sleeps(trace, "b", 2s), "b");
    group.create_task(sleeps(trace, "c", 1s), "c");
    co_return;
}

coro<> grouped(tracer& trace) {
    const scope_exit end([&] { trace("group ends"); });
    co_await with_task_group([&](task_group& group) { return two_sleepers(trace, group); });
}

void a_group_that_is_left(tracer& trace) {
    runs(trace, leaves_behind(grouped(trace), "a"));
}

coro<> leaves_one_and_fails(tracer& trace) {
    create_task(sleeps(trace, "a", 1s));
    co_await fails();
}

void tasks_are_cancelled_after_the_main_task_failed(tracer& trace) {
    try {
        runs(trace, leaves_one_and_fails(trace));
    } catch (const failure&) {
        trace(why());
    }
}

coro<> is_cancelled_by_a_timer() {
    get_running_loop().call_later(1s, [main = current_task()] { main->cancel(""); });
    co_await aioxx::sleep(5s);
}

void a_main_task_that_is_cancelled(tracer& trace) {
    traced_runner runner(trace);
    try {
        runner.run(is_cancelled_by_a_timer());
    } catch (const cancelled_error&) {
        trace(why());
    }
}

coro<> counts(tracer& trace) {
    for (int number = 0; number < 10; ++number) {
        trace("count", number);
        co_await aioxx::sleep(1s);
    }
}

coro<> runs_for(tracer& trace, int seconds, task<>& counter) {
    if (seconds == 2) counter = create_task(counts(trace));
    co_await aioxx::sleep(std::chrono::seconds(seconds));
    trace("main ends");
}

void tasks_live_on_between_two_runs(tracer& trace) {
    task<> counter;
    traced_runner runner(trace);
    runner.run(runs_for(trace, 2, counter));
    runner.run(runs_for(trace, 1, counter));
    runner.close();
    trace("closed", outcome(counter));
}

void a_closed_runner_does_not_run(tracer& trace) {
    traced_runner runner(trace);
    runner.run(gives(1));
    runner.close();
    runner.close();
    try {
        runner.run(gives(2));
    } catch (const invalid_state_error&) {
        trace(why());
    }
}

coro<> runs_again(tracer& trace, traced_runner& runner) {
    try {
        runner.run(gives(2));
    } catch (const invalid_state_error&) {
        trace(why());
    }
    co_return;
}

void a_runner_does_not_run_in_a_loop(tracer& trace) {
    traced_runner runner(trace);
    runner.run(runs_again(trace, runner));
}

coro<> schedules_at_its_end(tracer& trace) {
    get_running_loop().call_soon([&] { trace("soon"); });
    get_running_loop().call_later(1s, [&] { trace("never"); });
    trace("main ends");
    co_return;
}

void what_is_scheduled_at_the_end_of_the_main_task_runs(tracer& trace) {
    traced_runner runner(trace);
    runner.run(schedules_at_its_end(trace));
    trace("main has ended");
    runner.close();
    trace("closed");
}

coro<> leaves_timers(tracer& trace) {
    create_task(sleeps(trace, "a", 3s));
    get_running_loop().call_later(2s, [&] { trace("timer"); });
    get_running_loop().call_later(10s, [&] { trace("never"); });
    co_await aioxx::sleep(1s);
}

void timers_run_while_cleanup_is_waited_for(tracer& trace) {
    runs(trace, leaves_timers(trace));
    trace("closed");
}

coro<> drops_one_that_fails(tracer& trace) {
    create_task(fails());
    co_await aioxx::sleep(2s);
    trace("main ends");
}

void an_error_that_nobody_looked_at_before_the_end(tracer& trace) {
    runs(trace, drops_one_that_fails(trace));
    trace("closed");
}

}  // namespace

const scenarios shutdown_scenarios = {
    {"run_gives_the_value_or_throws", run_gives_the_value_or_throws},
    {"what_is_left_is_cancelled_in_order", what_is_left_is_cancelled_in_order},
    {"slow_cleanup_is_waited_for", slow_cleanup_is_waited_for},
    {"a_task_that_has_not_started_does_not_start", a_task_that_has_not_started_does_not_start},
    {"a_task_that_resists_is_waited_for", a_task_that_resists_is_waited_for},
    {"a_task_that_fails_in_its_cleanup_is_reported", a_task_that_fails_in_its_cleanup_is_reported},
    {"a_cleanup_waits_for_a_task_of_its_own", a_cleanup_waits_for_a_task_of_its_own},
    {"a_cleanup_starts_a_task", a_cleanup_starts_a_task},
    {"tasks_that_wait_for_each_other", tasks_that_wait_for_each_other},
    {"a_group_that_is_left", a_group_that_is_left},
    {"tasks_are_cancelled_after_the_main_task_failed", tasks_are_cancelled_after_the_main_task_failed},
    {"a_main_task_that_is_cancelled", a_main_task_that_is_cancelled},
    {"tasks_live_on_between_two_runs", tasks_live_on_between_two_runs},
    {"a_closed_runner_does_not_run", a_closed_runner_does_not_run},
    {"a_runner_does_not_run_in_a_loop", a_runner_does_not_run_in_a_loop},
    {"what_is_scheduled_at_the_end_of_the_main_task_runs",
     what_is_scheduled_at_the_end_of_the_main_task_runs},
    {"timers_run_while_cleanup_is_waited_for", timers_run_while_cleanup_is_waited_for},
    {"an_error_that_nobody_looked_at_before_the_end", an_error_that_nobody_looked_at_before_the_end},
};

}  // namespace differential
