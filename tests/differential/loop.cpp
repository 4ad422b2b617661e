// SPDX-License-Identifier: BSL-1.0
// differential/loop.cpp: callbacks, handles, timers, and the rules of running and stopping.

#include <functional>
#include <string>

#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

coro<> call_soon_is_first_come_first_served(tracer& trace) {
    event_loop& loop = get_running_loop();
    for (const char* name : {"a", "b", "c"}) loop.call_soon([&trace, name] { trace(name); });
    trace("before");
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> what_a_callback_schedules_waits_for_the_next_pass(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_soon([&] {
        trace("first");
        loop.call_soon([&] { trace("scheduled by first"); });
    });
    loop.call_soon([&] { trace("second"); });
    co_await aioxx::sleep(0s);
    trace("one pass");
    co_await aioxx::sleep(0s);
    trace("two passes");
}

coro<> a_cancelled_handle_does_not_run(tracer& trace) {
    event_loop& loop = get_running_loop();
    handle never = loop.call_soon([&] { trace("never"); });
    loop.call_soon([&] { trace("other"); });
    trace(never.cancelled());
    never.cancel();
    never.cancel();
    trace(never.cancelled());
    co_await aioxx::sleep(0s);
}

coro<> a_callback_cancels_one_of_the_same_pass(tracer& trace) {
    event_loop& loop = get_running_loop();
    handle second;
    loop.call_soon([&] {
        trace("first");
        second.cancel();
    });
    second = loop.call_soon([&] { trace("never"); });
    loop.call_soon([&] { trace("third"); });
    co_await aioxx::sleep(0s);
    trace(second.cancelled());
}

coro<> a_callback_cancels_its_own_handle(tracer& trace) {
    event_loop& loop = get_running_loop();
    handle itself;
    itself = loop.call_soon([&] {
        itself.cancel();
        trace("still runs");
    });
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> cancelling_after_the_run_is_harmless(tracer& trace) {
    handle scheduled = get_running_loop().call_soon([&] { trace("runs"); });
    co_await aioxx::sleep(0s);
    scheduled.cancel();
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> timers_run_in_the_order_of_deadlines(tracer& trace) {
    event_loop& loop = get_running_loop();
    for (const auto delay : {3s, 1s, 2s}) {
        loop.call_later(delay, [&trace, delay] { trace("delay", delay.count()); });
    }
    co_await aioxx::sleep(4s);
}

coro<> two_timers_of_one_deadline_run_in_the_order_of_arming(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_later(1s, [&] { trace("a"); });
    loop.call_later(1s, [&] { trace("b"); });
    co_await aioxx::sleep(2s);
}

coro<> four_timers_of_one_deadline(tracer& trace) {
    event_loop& loop = get_running_loop();
    for (const char* name : {"a", "b", "c", "d"}) loop.call_later(1s, [&trace, name] { trace(name); });
    co_await aioxx::sleep(2s);
}

coro<> a_delay_of_zero_runs_in_the_next_pass(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_later(0s, [&] { trace("timer"); });
    loop.call_soon([&] { trace("soon"); });
    co_await aioxx::sleep(0s);
    trace("one pass");
    co_await aioxx::sleep(0s);
    trace("two passes");
}

void again(tracer& trace, event_loop& loop, int left) {
    trace("left", left);
    if (left > 0) loop.call_soon([&trace, &loop, left] { again(trace, loop, left - 1); });
}

coro<> a_delay_of_zero_does_not_wait_for_those_who_keep_scheduling(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_later(0s, [&] { trace("timer"); });
    again(trace, loop, 4);
    co_await aioxx::sleep(1s);
}

coro<> a_negative_delay_counts_as_zero(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_later(-5s, [&] { trace("negative"); });
    loop.call_at(loop.time() - 3s, [&] { trace("in the past"); });
    co_await aioxx::sleep(1s);
    trace("after");
}

coro<> a_cancelled_timer_takes_no_time(tracer& trace) {
    event_loop& loop = get_running_loop();
    handle never = loop.call_later(5s, [&] { trace("never"); });
    loop.call_later(2s, [&] { never.cancel(); });
    co_await aioxx::sleep(3s);
    trace("three seconds", never.cancelled());
}

coro<> a_timer_cancels_one_of_the_same_deadline(tracer& trace) {
    event_loop& loop = get_running_loop();
    handle second;
    loop.call_later(1s, [&] {
        trace("first");
        second.cancel();
    });
    second = loop.call_later(1s, [&] { trace("never"); });
    co_await aioxx::sleep(2s);
}

coro<> a_timer_armed_by_a_timer_for_now_runs_without_time_passing(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_later(1s, [&] {
        trace("first");
        loop.call_at(loop.time(), [&] { trace("second"); });
        loop.call_soon([&] { trace("soon"); });
    });
    co_await aioxx::sleep(2s);
}

coro<> due_timers_run_before_what_they_schedule(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_later(1s, [&] {
        trace("first");
        loop.call_soon([&] { trace("scheduled by first"); });
    });
    loop.call_later(1s, [&] { trace("second"); });
    co_await aioxx::sleep(2s);
}

coro<> a_handle_knows_its_deadline(tracer& trace) {
    event_loop& loop = get_running_loop();
    handle later = loop.call_later(3s, [&] { trace("later"); });
    handle at = loop.call_at(loop.time() + 2s, [&] { trace("at"); });
    trace(later.when() - loop.time(), at.when() - loop.time());
    later.cancel();
    trace(later.when() - loop.time());
    co_await aioxx::sleep(2s);
}

void beat(tracer& trace, event_loop& loop, int left) {
    trace("beat", left);
    if (left > 0) loop.call_later(2s, [&trace, &loop, left] { beat(trace, loop, left - 1); });
}

coro<> a_repeated_timer_keeps_its_rhythm(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_later(2s, [&] { beat(trace, loop, 2); });
    co_await aioxx::sleep(7s);
    trace("end");
}

coro<> an_exception_in_a_callback_is_reported_and_the_loop_goes_on(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_soon([&] {
        trace("failing");
        throw failure("x");
    });
    loop.call_soon([&] { trace("next"); });
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> an_exception_in_a_timer_is_reported_and_the_loop_goes_on(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_later(1s, [] { throw failure("x"); });
    loop.call_later(1s, [&] { trace("next"); });
    co_await aioxx::sleep(2s);
    trace("after");
}

coro<> a_cancelled_error_in_a_callback_is_reported_too(tracer& trace) {
    get_running_loop().call_soon([] { throw cancelled_error("x"); });
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> an_exception_handler_that_throws_does_no_harm(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.set_exception_handler([&](const exception_context&) {
        trace("handler");
        throw failure("y");
    });
    loop.call_soon([] { throw failure("x"); });
    loop.call_soon([&] { trace("next"); });
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> call_soon_threadsafe_from_the_loop_itself(tracer& trace) {
    event_loop& loop = get_running_loop();
    loop.call_soon_threadsafe([&] { trace("threadsafe"); });
    loop.call_soon([&] { trace("soon"); });
    co_await aioxx::sleep(0s);
    trace("one pass");
    co_await aioxx::sleep(1s);
}

coro<> a_callback_has_a_loop_and_no_task(tracer& trace) {
    get_running_loop().call_soon([&] {
        static_cast<void>(get_running_loop());
        trace("task", current_task() != nullptr);
    });
    co_await aioxx::sleep(0s);
    trace("task", current_task() != nullptr);
}

coro<> running_loops_refuse_to_run(tracer& trace) {
    event_loop& loop = get_running_loop();
    const auto attempt = [&](const std::function<void()>& operation) {
        try {
            operation();
        } catch (const invalid_state_error&) {
            trace(why());
        }
    };
    attempt([&] { run_until_complete(loop, future<>(loop)); });
    attempt([&] { loop.close(); });
    trace(loop.is_running(), loop.is_closed());
    co_return;
}

void there_is_no_running_loop_outside(tracer& trace) {
    traced_loop loop(trace);
    try {
        static_cast<void>(get_running_loop());
    } catch (const invalid_state_error&) {
        trace(why());
    }
}

void stop_before_run_forever_makes_one_pass(tracer& trace) {
    traced_loop loop(trace);
    loop->call_soon([&] {
        trace("first");
        loop->call_soon([&] { trace("scheduled by first"); });
    });
    loop->call_soon([&] { trace("second"); });
    loop->stop();
    loop->run_forever();
    trace("stopped");
    loop->stop();
    loop->run_forever();
    trace("stopped again");
}

void the_rest_of_the_pass_runs_after_stop(tracer& trace) {
    traced_loop loop(trace);
    loop->call_soon([&] {
        loop->stop();
        loop->call_soon([&] { trace("scheduled after stop"); });
        trace("first");
    });
    loop->call_soon([&] { trace("second"); });
    loop->run_forever();
    trace("stopped");
    loop->call_soon([&] { loop->stop(); });
    loop->run_forever();
    trace("stopped again");
}

void a_timer_stops_the_loop(tracer& trace) {
    traced_loop loop(trace);
    loop->call_later(1s, [&] { trace("one"); });
    loop->call_later(2s, [&] { loop->stop(); });
    loop->call_later(3s, [&] { trace("three"); });
    loop->run_forever();
    trace("stopped");
    loop->call_later(2s, [&] { loop->stop(); });
    loop->run_forever();
    trace("stopped again");
}

void stop_twice_is_stop_once(tracer& trace) {
    traced_loop loop(trace);
    loop->call_soon([&] { loop->stop(); });
    loop->call_soon([&] { loop->stop(); });
    loop->run_forever();
    trace("stopped");
    loop->call_later(1s, [&] { loop->stop(); });
    loop->run_forever();
    trace("stopped again");
}

void a_loop_knows_whether_it_runs(tracer& trace) {
    traced_loop loop(trace);
    trace(loop->is_running(), loop->is_closed());
    loop->call_soon([&] {
        trace(loop->is_running(), loop->is_closed());
        loop->stop();
    });
    loop->run_forever();
    trace(loop->is_running(), loop->is_closed());
    loop->close();
    loop->close();
    trace(loop->is_running(), loop->is_closed());
}

void a_closed_loop_refuses_everything(tracer& trace) {
    traced_loop loop(trace);
    loop->close();
    const auto attempt = [&](const std::function<void()>& operation) {
        try {
            operation();
        } catch (const invalid_state_error&) {
            trace(why());
        }
    };
    attempt([&] { loop->call_soon([&] { trace("never"); }); });
    attempt([&] { loop->call_later(1s, [&] { trace("never"); }); });
    attempt([&] { loop->call_at(loop->time(), [&] { trace("never"); }); });
    attempt([&] { loop->call_soon_threadsafe([&] { trace("never"); }); });
    attempt([&] { loop->run_forever(); });
}

void close_drops_what_is_scheduled(tracer& trace) {
    traced_loop loop(trace);
    loop->call_soon([&] { trace("never"); });
    loop->call_later(1s, [&] { trace("never"); });
    loop->close();
    trace("closed");
}

coro<int> answer(tracer& trace) {
    trace("runs");
    co_await aioxx::sleep(1s);
    co_return 42;
}

coro<> fail(tracer&) {
    co_await aioxx::sleep(1s);
    throw failure("x");
}

void run_until_complete_gives_the_value_or_throws(tracer& trace) {
    traced_loop loop(trace);
    trace(run_until_complete(loop.loop(), answer(trace)));
    try {
        run_until_complete(loop.loop(), fail(trace));
    } catch (const failure&) {
        trace(why());
    }
}

void run_until_complete_of_a_future(tracer& trace) {
    traced_loop loop(trace);
    const future<int> number(loop.loop());
    loop->call_later(2s, [&] { number.set_result(7); });
    trace(run_until_complete(loop.loop(), number));
    loop->call_soon([&] { trace("ready when it is done already"); });
    trace(run_until_complete(loop.loop(), number));
}

void run_until_complete_of_a_loop_that_is_stopped(tracer& trace) {
    traced_loop loop(trace);
    const future<int> number(loop.loop());
    loop->call_later(1s, [&] { loop->stop(); });
    try {
        run_until_complete(loop.loop(), number);
    } catch (const invalid_state_error&) {
        trace(why());
    }
    trace(number.done());
    loop->call_later(1s, [&] { number.set_result(7); });
    trace(run_until_complete(loop.loop(), number));
}

void a_task_survives_the_stop_of_the_loop(tracer& trace) {
    traced_loop loop(trace);
    const task<int> asked = create_task(loop.loop(), answer(trace));
    loop->call_soon([&] { loop->stop(); });
    loop->run_forever();
    trace("stopped", asked.done());
    trace(run_until_complete(loop.loop(), asked));
}

void a_loop_runs_in_no_callback_of_another_one(tracer& trace) {
    traced_loop loop(trace);
    traced_loop other(trace);
    loop->call_soon([&] {
        try {
            other->run_forever();
        } catch (const invalid_state_error&) {
            trace(why());
        }
        loop->stop();
    });
    loop->run_forever();
    trace("stopped");
}

void nothing_left_to_do_is_a_stall(tracer& trace) {
    traced_loop loop(trace);
    loop->call_later(1s, [&] { trace("the last one"); });
    try {
        loop->run_forever();
    } catch (const testing::stalled&) {
        trace(why());
    }
}

}  // namespace

const scenarios loop_scenarios = {
    {"call_soon_is_first_come_first_served", call_soon_is_first_come_first_served},
    {"what_a_callback_schedules_waits_for_the_next_pass", what_a_callback_schedules_waits_for_the_next_pass},
    {"a_cancelled_handle_does_not_run", a_cancelled_handle_does_not_run},
    {"a_callback_cancels_one_of_the_same_pass", a_callback_cancels_one_of_the_same_pass},
    {"a_callback_cancels_its_own_handle", a_callback_cancels_its_own_handle},
    {"cancelling_after_the_run_is_harmless", cancelling_after_the_run_is_harmless},
    {"timers_run_in_the_order_of_deadlines", timers_run_in_the_order_of_deadlines},
    {"two_timers_of_one_deadline_run_in_the_order_of_arming",
     two_timers_of_one_deadline_run_in_the_order_of_arming},
    {"four_timers_of_one_deadline", four_timers_of_one_deadline},
    {"a_delay_of_zero_runs_in_the_next_pass", a_delay_of_zero_runs_in_the_next_pass},
    {"a_delay_of_zero_does_not_wait_for_those_who_keep_scheduling",
     a_delay_of_zero_does_not_wait_for_those_who_keep_scheduling},
    {"a_negative_delay_counts_as_zero", a_negative_delay_counts_as_zero},
    {"a_cancelled_timer_takes_no_time", a_cancelled_timer_takes_no_time},
    {"a_timer_cancels_one_of_the_same_deadline", a_timer_cancels_one_of_the_same_deadline},
    {"a_timer_armed_by_a_timer_for_now_runs_without_time_passing",
     a_timer_armed_by_a_timer_for_now_runs_without_time_passing},
    {"due_timers_run_before_what_they_schedule", due_timers_run_before_what_they_schedule},
    {"a_handle_knows_its_deadline", a_handle_knows_its_deadline},
    {"a_repeated_timer_keeps_its_rhythm", a_repeated_timer_keeps_its_rhythm},
    {"an_exception_in_a_callback_is_reported_and_the_loop_goes_on",
     an_exception_in_a_callback_is_reported_and_the_loop_goes_on},
    {"an_exception_in_a_timer_is_reported_and_the_loop_goes_on",
     an_exception_in_a_timer_is_reported_and_the_loop_goes_on},
    {"a_cancelled_error_in_a_callback_is_reported_too", a_cancelled_error_in_a_callback_is_reported_too},
    {"an_exception_handler_that_throws_does_no_harm", an_exception_handler_that_throws_does_no_harm},
    {"call_soon_threadsafe_from_the_loop_itself", call_soon_threadsafe_from_the_loop_itself},
    {"a_callback_has_a_loop_and_no_task", a_callback_has_a_loop_and_no_task},
    {"running_loops_refuse_to_run", running_loops_refuse_to_run},
    {"there_is_no_running_loop_outside", there_is_no_running_loop_outside},
    {"stop_before_run_forever_makes_one_pass", stop_before_run_forever_makes_one_pass},
    {"the_rest_of_the_pass_runs_after_stop", the_rest_of_the_pass_runs_after_stop},
    {"a_timer_stops_the_loop", a_timer_stops_the_loop},
    {"stop_twice_is_stop_once", stop_twice_is_stop_once},
    {"a_loop_knows_whether_it_runs", a_loop_knows_whether_it_runs},
    {"a_closed_loop_refuses_everything", a_closed_loop_refuses_everything},
    {"close_drops_what_is_scheduled", close_drops_what_is_scheduled},
    {"run_until_complete_gives_the_value_or_throws", run_until_complete_gives_the_value_or_throws},
    {"run_until_complete_of_a_future", run_until_complete_of_a_future},
    {"run_until_complete_of_a_loop_that_is_stopped", run_until_complete_of_a_loop_that_is_stopped},
    {"a_task_survives_the_stop_of_the_loop", a_task_survives_the_stop_of_the_loop},
    {"a_loop_runs_in_no_callback_of_another_one", a_loop_runs_in_no_callback_of_another_one},
    {"nothing_left_to_do_is_a_stall", nothing_left_to_do_is_a_stall},
};

}  // namespace differential
