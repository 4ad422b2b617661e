// SPDX-License-Identifier: BSL-1.0
// differential/futures.cpp: results that are set once, their callbacks, and those who wait for them.

#include <exception>
#include <string>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

std::exception_ptr error(const char* text) { return std::make_exception_ptr(failure(text)); }

coro<> a_new_future_is_pending(tracer& trace) {
    const auto number = create_future<int>();
    trace(number.done(), number.cancelled());
    try {
        static_cast<void>(number.result());
    } catch (const invalid_state_error&) {
        trace(why());
    }
    try {
        static_cast<void>(number.exception());
    } catch (const invalid_state_error&) {
        trace(why());
    }
    co_return;
}

coro<> a_future_is_set_once(tracer& trace) {
    const auto with_value = create_future<int>();
    const auto with_error = create_future<int>();
    const auto cancelled = create_future<int>();
    with_value.set_result(1);
    with_error.set_exception(error("x"));
    cancelled.cancel();
    for (const auto& number : {with_value, with_error, cancelled}) {
        try {
            number.set_result(2);
        } catch (const invalid_state_error&) {
            trace(why());
        }
        try {
            number.set_exception(error("y"));
        } catch (const invalid_state_error&) {
            trace(why());
        }
        trace(number.cancel(), outcome(number));
    }
    co_return;
}

coro<> cancel_answers_whether_it_was_in_time(tracer& trace) {
    const auto number = create_future<int>();
    const bool first = number.cancel("enough");
    const bool second = number.cancel("again");
    trace(first, second);
    trace(number.done(), number.cancelled());
    try {
        static_cast<void>(number.result());
    } catch (const cancelled_error&) {
        trace(why());
    }
    try {
        static_cast<void>(number.exception());
    } catch (const cancelled_error&) {
        trace(why());
    }
    co_return;
}

coro<> an_exception_is_thrown_each_time(tracer& trace) {
    const auto number = create_future<int>();
    number.set_exception(error("x"));
    for (int time = 0; time < 2; ++time) {
        try {
            static_cast<void>(number.result());
        } catch (const failure&) {
            trace(why());
        }
    }
    trace(why(number.exception()));
    co_return;
}

coro<> exception_of_a_value_is_none(tracer& trace) {
    const auto number = create_future<int>();
    number.set_result(5);
    trace(why(number.exception()), number.result());
    co_return;
}

coro<> callbacks_run_through_the_loop_in_order(tracer& trace) {
    const auto number = create_future<int>();
    for (const char* name : {"a", "b", "c"}) number.add_done_callback([&trace, name] { trace(name); });
    number.set_result(1);
    trace("set");
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> callbacks_run_in_one_pass_with_what_was_scheduled_before(tracer& trace) {
    event_loop& loop = get_running_loop();
    const auto number = create_future<int>();
    number.add_done_callback([&] { trace("callback"); });
    loop.call_soon([&] { trace("before"); });
    number.set_result(1);
    loop.call_soon([&] { trace("behind"); });
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> a_late_callback_is_not_called_inline(tracer& trace) {
    const auto number = create_future<int>();
    number.set_result(1);
    number.add_done_callback([&] { trace("late"); });
    trace("added");
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> a_callback_that_is_added_by_a_callback_runs_a_pass_later(tracer& trace) {
    const auto number = create_future<int>();
    number.add_done_callback([&] {
        trace("first");
        number.add_done_callback([&] { trace("added by first"); });
    });
    number.add_done_callback([&] { trace("second"); });
    number.set_result(1);
    co_await aioxx::sleep(0s);
    trace("one pass");
    co_await aioxx::sleep(0s);
    trace("two passes");
}

coro<> callbacks_run_for_every_kind_of_end(tracer& trace) {
    const auto with_value = create_future<int>();
    const auto with_error = create_future<int>();
    const auto cancelled = create_future<int>();
    for (const auto& number : {with_value, with_error, cancelled}) {
        number.add_done_callback([&trace, number] { trace(outcome(number)); });
    }
    cancelled.cancel();
    with_error.set_exception(error("x"));
    with_value.set_result(3);
    co_await aioxx::sleep(0s);
}

coro<> a_callback_that_throws_is_reported_and_the_others_run(tracer& trace) {
    const auto number = create_future<int>();
    number.add_done_callback([] { throw failure("x"); });
    number.add_done_callback([&] { trace("second"); });
    number.set_result(1);
    co_await aioxx::sleep(0s);
    trace(outcome(number));
}

coro<> a_callback_completes_another_future(tracer& trace) {
    const auto first = create_future<int>();
    const auto second = create_future<int>();
    first.add_done_callback([&] { second.set_result(2); });
    second.add_done_callback([&] { trace("second"); });
    ticker passes;
    first.set_result(1);
    const int value = co_await second;
    trace(value, passes.count());
}

coro<> awaiting_a_done_future_does_not_suspend(tracer& trace) {
    const auto number = create_future<int>();
    number.set_result(5);
    get_running_loop().call_soon([&] { trace("other"); });
    trace(co_await number);
    trace(co_await number);
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> waits(tracer& trace, std::string name, future<int> number) {
    trace(name, "waits");
    try {
        const int value = co_await number;
        trace(name, "has", value);
    } catch (...) {
        trace(name, "caught", why());
    }
}

coro<> waiters_and_callbacks_wake_in_the_order_of_registration(tracer& trace) {
    const auto number = create_future<int>();
    const auto first = create_task(waits(trace, "first", number));
    co_await aioxx::sleep(0s);
    number.add_done_callback([&] { trace("callback"); });
    const auto second = create_task(waits(trace, "second", number));
    co_await aioxx::sleep(0s);
    number.set_result(1);
    co_await first;
    co_await second;
}

coro<> all_waiters_get_the_exception(tracer& trace) {
    const auto number = create_future<int>();
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c"}) tasks.push_back(create_task(waits(trace, name, number)));
    co_await aioxx::sleep(0s);
    number.set_exception(error("x"));
    for (const task<>& each : tasks) co_await each;
}

coro<> all_waiters_of_a_cancelled_future_are_told(tracer& trace) {
    const auto number = create_future<int>();
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b"}) tasks.push_back(create_task(waits(trace, name, number)));
    co_await aioxx::sleep(0s);
    trace(number.cancel("enough"));
    for (const task<>& each : tasks) {
        co_await each;
        trace(outcome(each), each.cancelling());
    }
}

coro<> cancelling_one_waiter_cancels_the_future_for_all(tracer& trace) {
    const auto number = create_future<int>();
    const auto a = create_task(waits(trace, "a", number));
    const auto b = create_task(waits(trace, "b", number));
    co_await aioxx::sleep(0s);
    a.cancel();
    trace(outcome(number));
    co_await aioxx::sleep(0s);
    co_await aioxx::sleep(0s);
    trace(std::vector{outcome(a), outcome(b)}, std::vector{a.cancelling(), b.cancelling()});
}

coro<> a_waiter_resumes_one_pass_after_the_result(tracer& trace) {
    const auto number = create_future<int>();
    ticker passes;
    const auto waiting = create_task(waits(trace, "task", number));
    co_await aioxx::sleep(0s);
    number.set_result(1);
    const int before = passes.count();
    number.add_done_callback([&] { trace("passes", passes.count() - before); });
    co_await waiting;
    trace("passes", passes.count() - before);
}

coro<> waits_twice(tracer& trace, future<int> first, future<int> second) {
    co_await first;
    trace("twice: first");
    co_await second;
    trace("twice: second");
}

coro<> a_waiter_that_waits_again_gets_behind(tracer& trace) {
    const auto first = create_future<int>();
    const auto second = create_future<int>();
    const auto one = create_task(waits_twice(trace, first, second));
    const auto other = create_task(waits(trace, "other", second));
    co_await aioxx::sleep(0s);
    second.set_result(2);
    first.set_result(1);
    co_await one;
    co_await other;
}

coro<> an_error_that_nobody_looked_at_is_reported_once(tracer& trace) {
    auto number = create_future<int>();
    number.set_exception(error("x"));
    trace("set");
    number = {};
    trace("dropped");
    co_await aioxx::sleep(0s);
}

coro<> an_error_that_somebody_looked_at_is_not_reported(tracer& trace) {
    auto looked_at = create_future<int>();
    auto thrown = create_future<int>();
    auto awaited = create_future<int>();
    looked_at.set_exception(error("x"));
    thrown.set_exception(error("x"));
    awaited.set_exception(error("x"));
    trace(why(looked_at.exception()));
    try {
        static_cast<void>(thrown.result());
    } catch (const failure&) {
        trace(why());
    }
    try {
        co_await awaited;
    } catch (const failure&) {
        trace(why());
    }
    looked_at = thrown = awaited = {};
    trace("dropped");
}

coro<> a_callback_alone_does_not_look_at_the_error(tracer& trace) {
    auto number = create_future<int>();
    number.add_done_callback([&] { trace("callback"); });
    number.set_exception(error("x"));
    number = {};
    co_await aioxx::sleep(0s);
    trace("after");
}

coro<> a_cancelled_future_is_not_reported(tracer& trace) {
    auto number = create_future<int>();
    number.cancel();
    number = {};
    trace("dropped");
    co_await aioxx::sleep(0s);
}

}  // namespace

const scenarios futures_scenarios = {
    {"a_new_future_is_pending", a_new_future_is_pending},
    {"a_future_is_set_once", a_future_is_set_once},
    {"cancel_answers_whether_it_was_in_time", cancel_answers_whether_it_was_in_time},
    {"an_exception_is_thrown_each_time", an_exception_is_thrown_each_time},
    {"exception_of_a_value_is_none", exception_of_a_value_is_none},
    {"callbacks_run_through_the_loop_in_order", callbacks_run_through_the_loop_in_order},
    {"callbacks_run_in_one_pass_with_what_was_scheduled_before",
     callbacks_run_in_one_pass_with_what_was_scheduled_before},
    {"a_late_callback_is_not_called_inline", a_late_callback_is_not_called_inline},
    {"a_callback_that_is_added_by_a_callback_runs_a_pass_later",
     a_callback_that_is_added_by_a_callback_runs_a_pass_later},
    {"callbacks_run_for_every_kind_of_end", callbacks_run_for_every_kind_of_end},
    {"a_callback_that_throws_is_reported_and_the_others_run",
     a_callback_that_throws_is_reported_and_the_others_run},
    {"a_callback_completes_another_future", a_callback_completes_another_future},
    {"awaiting_a_done_future_does_not_suspend", awaiting_a_done_future_does_not_suspend},
    {"waiters_and_callbacks_wake_in_the_order_of_registration",
     waiters_and_callbacks_wake_in_the_order_of_registration},
    {"all_waiters_get_the_exception", all_waiters_get_the_exception},
    {"all_waiters_of_a_cancelled_future_are_told", all_waiters_of_a_cancelled_future_are_told},
    {"cancelling_one_waiter_cancels_the_future_for_all", cancelling_one_waiter_cancels_the_future_for_all},
    {"a_waiter_resumes_one_pass_after_the_result", a_waiter_resumes_one_pass_after_the_result},
    {"a_waiter_that_waits_again_gets_behind", a_waiter_that_waits_again_gets_behind},
    {"an_error_that_nobody_looked_at_is_reported_once", an_error_that_nobody_looked_at_is_reported_once},
    {"an_error_that_somebody_looked_at_is_not_reported", an_error_that_somebody_looked_at_is_not_reported},
    {"a_callback_alone_does_not_look_at_the_error", a_callback_alone_does_not_look_at_the_error},
    {"a_cancelled_future_is_not_reported", a_cancelled_future_is_not_reported},
};

}  // namespace differential
