# SPDX-License-Identifier: BSL-1.0
# differential/loop.py: callbacks, handles, timers, and the rules of running and stopping.

import asyncio

from harness import Failure, scenario, traced_loop, why


@scenario
async def call_soon_is_first_come_first_served(trace):
    loop = asyncio.get_running_loop()
    for name in ["a", "b", "c"]:
        loop.call_soon(trace, name)
    trace("before")
    await asyncio.sleep(0)
    trace("after")


@scenario
async def what_a_callback_schedules_waits_for_the_next_pass(trace):
    loop = asyncio.get_running_loop()

    def first():
        trace("first")
        loop.call_soon(trace, "scheduled by first")

    loop.call_soon(first)
    loop.call_soon(trace, "second")
    await asyncio.sleep(0)
    trace("one pass")
    await asyncio.sleep(0)
    trace("two passes")


@scenario
async def a_cancelled_handle_does_not_run(trace):
    loop = asyncio.get_running_loop()
    handle = loop.call_soon(trace, "never")
    loop.call_soon(trace, "other")
    trace(handle.cancelled())
    handle.cancel()
    handle.cancel()
    trace(handle.cancelled())
    await asyncio.sleep(0)


@scenario
async def a_callback_cancels_one_of_the_same_pass(trace):
    loop = asyncio.get_running_loop()

    def first():
        trace("first")
        second.cancel()

    loop.call_soon(first)
    second = loop.call_soon(trace, "never")
    loop.call_soon(trace, "third")
    await asyncio.sleep(0)
    trace(second.cancelled())


@scenario
async def a_callback_cancels_its_own_handle(trace):
    loop = asyncio.get_running_loop()

    def itself():
        handle.cancel()
        trace("still runs")

    handle = loop.call_soon(itself)
    await asyncio.sleep(0)
    trace("after")


@scenario
async def cancelling_after_the_run_is_harmless(trace):
    handle = asyncio.get_running_loop().call_soon(trace, "runs")
    await asyncio.sleep(0)
    handle.cancel()
    await asyncio.sleep(0)
    trace("after")


@scenario
async def timers_run_in_the_order_of_deadlines(trace):
    loop = asyncio.get_running_loop()
    for delay in [3, 1, 2]:
        loop.call_later(delay, trace, "delay", delay)
    await asyncio.sleep(4)


@scenario
async def two_timers_of_one_deadline_run_in_the_order_of_arming(trace):
    loop = asyncio.get_running_loop()
    loop.call_later(1, trace, "a")
    loop.call_later(1, trace, "b")
    await asyncio.sleep(2)


@scenario
async def four_timers_of_one_deadline(trace):
    loop = asyncio.get_running_loop()
    for name in ["a", "b", "c", "d"]:
        loop.call_later(1, trace, name)
    await asyncio.sleep(2)


@scenario
async def a_delay_of_zero_runs_in_the_next_pass(trace):
    loop = asyncio.get_running_loop()
    loop.call_later(0, trace, "timer")
    loop.call_soon(trace, "soon")
    await asyncio.sleep(0)
    trace("one pass")
    await asyncio.sleep(0)
    trace("two passes")


@scenario
async def a_delay_of_zero_does_not_wait_for_those_who_keep_scheduling(trace):
    loop = asyncio.get_running_loop()

    def again(left):
        trace("left", left)
        if left > 0:
            loop.call_soon(again, left - 1)

    loop.call_later(0, trace, "timer")
    again(4)
    await asyncio.sleep(1)


@scenario
async def a_negative_delay_counts_as_zero(trace):
    loop = asyncio.get_running_loop()
    loop.call_later(-5, trace, "negative")
    loop.call_at(loop.time() - 3, trace, "in the past")
    await asyncio.sleep(1)
    trace("after")


@scenario
async def a_cancelled_timer_takes_no_time(trace):
    loop = asyncio.get_running_loop()
    handle = loop.call_later(5, trace, "never")
    loop.call_later(2, handle.cancel)
    await asyncio.sleep(3)
    trace("three seconds", handle.cancelled())


@scenario
async def a_timer_cancels_one_of_the_same_deadline(trace):
    loop = asyncio.get_running_loop()

    def first():
        trace("first")
        second.cancel()

    loop.call_later(1, first)
    second = loop.call_later(1, trace, "never")
    await asyncio.sleep(2)


@scenario
async def a_timer_armed_by_a_timer_for_now_runs_without_time_passing(trace):
    loop = asyncio.get_running_loop()

    def first():
        trace("first")
        loop.call_at(loop.time(), trace, "second")
        loop.call_soon(trace, "soon")

    loop.call_later(1, first)
    await asyncio.sleep(2)


@scenario
async def due_timers_run_before_what_they_schedule(trace):
    loop = asyncio.get_running_loop()

    def first():
        trace("first")
        loop.call_soon(trace, "scheduled by first")

    loop.call_later(1, first)
    loop.call_later(1, trace, "second")
    await asyncio.sleep(2)


@scenario
async def a_handle_knows_its_deadline(trace):
    loop = asyncio.get_running_loop()
    later = loop.call_later(3, trace, "later")
    at = loop.call_at(loop.time() + 2, trace, "at")
    trace(later.when() - loop.time(), at.when() - loop.time())
    later.cancel()
    trace(later.when() - loop.time())
    await asyncio.sleep(2)


@scenario
async def a_repeated_timer_keeps_its_rhythm(trace):
    loop = asyncio.get_running_loop()

    def beat(left):
        trace("beat", left)
        if left > 0:
            loop.call_later(2, beat, left - 1)

    loop.call_later(2, beat, 2)
    await asyncio.sleep(7)
    trace("end")


@scenario
async def an_exception_in_a_callback_is_reported_and_the_loop_goes_on(trace):
    loop = asyncio.get_running_loop()

    def fail():
        trace("failing")
        raise Failure("x")

    loop.call_soon(fail)
    loop.call_soon(trace, "next")
    await asyncio.sleep(0)
    trace("after")


@scenario
async def an_exception_in_a_timer_is_reported_and_the_loop_goes_on(trace):
    loop = asyncio.get_running_loop()

    def fail():
        raise Failure("x")

    loop.call_later(1, fail)
    loop.call_later(1, trace, "next")
    await asyncio.sleep(2)
    trace("after")


@scenario
async def a_cancelled_error_in_a_callback_is_reported_too(trace):
    def fail():
        raise asyncio.CancelledError("x")

    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0)
    trace("after")


@scenario
async def an_exception_handler_that_throws_does_no_harm(trace):
    loop = asyncio.get_running_loop()

    def handler(loop, context):
        trace("handler")
        raise Failure("y")

    def fail():
        raise Failure("x")

    loop.set_exception_handler(handler)
    loop.call_soon(fail)
    loop.call_soon(trace, "next")
    await asyncio.sleep(0)
    trace("after")


@scenario
async def call_soon_threadsafe_from_the_loop_itself(trace):
    loop = asyncio.get_running_loop()
    loop.call_soon_threadsafe(trace, "threadsafe")
    loop.call_soon(trace, "soon")
    await asyncio.sleep(0)
    trace("one pass")
    await asyncio.sleep(1)


@scenario
async def a_callback_has_a_loop_and_no_task(trace):
    def callback():
        asyncio.get_running_loop()
        trace("task", asyncio.current_task() is not None)

    asyncio.get_running_loop().call_soon(callback)
    await asyncio.sleep(0)
    trace("task", asyncio.current_task() is not None)


@scenario
async def running_loops_refuse_to_run(trace):
    loop = asyncio.get_running_loop()
    for operation in [lambda: loop.run_until_complete(loop.create_future()), loop.close]:
        try:
            operation()
        except RuntimeError as error:
            trace(why(error))
    trace(loop.is_running(), loop.is_closed())


@scenario
def there_is_no_running_loop_outside(trace):
    loop = traced_loop(trace)
    try:
        asyncio.get_running_loop()
    except RuntimeError as error:
        trace(why(error))
    loop.close()


@scenario
def stop_before_run_forever_makes_one_pass(trace):
    loop = traced_loop(trace)

    def first():
        trace("first")
        loop.call_soon(trace, "scheduled by first")

    loop.call_soon(first)
    loop.call_soon(trace, "second")
    loop.stop()
    loop.run_forever()
    trace("stopped")
    loop.stop()
    loop.run_forever()
    trace("stopped again")
    loop.close()


@scenario
def the_rest_of_the_pass_runs_after_stop(trace):
    loop = traced_loop(trace)

    def first():
        loop.stop()
        loop.call_soon(trace, "scheduled after stop")
        trace("first")

    loop.call_soon(first)
    loop.call_soon(trace, "second")
    loop.run_forever()
    trace("stopped")
    loop.call_soon(loop.stop)
    loop.run_forever()
    trace("stopped again")
    loop.close()


@scenario
def a_timer_stops_the_loop(trace):
    loop = traced_loop(trace)
    loop.call_later(1, trace, "one")
    loop.call_later(2, loop.stop)
    loop.call_later(3, trace, "three")
    loop.run_forever()
    trace("stopped")
    loop.call_later(2, loop.stop)
    loop.run_forever()
    trace("stopped again")
    loop.close()


@scenario
def stop_twice_is_stop_once(trace):
    loop = traced_loop(trace)
    loop.call_soon(loop.stop)
    loop.call_soon(loop.stop)
    loop.run_forever()
    trace("stopped")
    loop.call_later(1, loop.stop)
    loop.run_forever()
    trace("stopped again")
    loop.close()


@scenario
def a_loop_knows_whether_it_runs(trace):
    loop = traced_loop(trace)
    trace(loop.is_running(), loop.is_closed())

    def callback():
        trace(loop.is_running(), loop.is_closed())
        loop.stop()

    loop.call_soon(callback)
    loop.run_forever()
    trace(loop.is_running(), loop.is_closed())
    loop.close()
    loop.close()
    trace(loop.is_running(), loop.is_closed())


@scenario
def a_closed_loop_refuses_everything(trace):
    loop = traced_loop(trace)
    loop.close()
    for operation in [
        lambda: loop.call_soon(trace, "never"),
        lambda: loop.call_later(1, trace, "never"),
        lambda: loop.call_at(loop.time(), trace, "never"),
        lambda: loop.call_soon_threadsafe(trace, "never"),
        loop.run_forever,
    ]:
        try:
            operation()
        except RuntimeError as error:
            trace(why(error))


@scenario
def close_drops_what_is_scheduled(trace):
    loop = traced_loop(trace)
    loop.call_soon(trace, "never")
    loop.call_later(1, trace, "never")
    loop.close()
    trace("closed")


async def answer(trace):
    trace("runs")
    await asyncio.sleep(1)
    return 42


async def fail(trace):
    await asyncio.sleep(1)
    raise Failure("x")


@scenario
def run_until_complete_gives_the_value_or_throws(trace):
    loop = traced_loop(trace)
    trace(loop.run_until_complete(answer(trace)))
    try:
        loop.run_until_complete(fail(trace))
    except Failure as error:
        trace(why(error))
    loop.close()


@scenario
def run_until_complete_of_a_future(trace):
    loop = traced_loop(trace)
    future = loop.create_future()
    loop.call_later(2, future.set_result, 7)
    trace(loop.run_until_complete(future))
    loop.call_soon(trace, "ready when it is done already")
    trace(loop.run_until_complete(future))
    loop.close()


@scenario
def run_until_complete_of_a_loop_that_is_stopped(trace):
    loop = traced_loop(trace)
    future = loop.create_future()
    loop.call_later(1, loop.stop)
    try:
        loop.run_until_complete(future)
    except RuntimeError as error:
        trace(why(error))
    trace(future.done())
    loop.call_later(1, future.set_result, 7)
    trace(loop.run_until_complete(future))
    loop.close()


@scenario
def a_task_survives_the_stop_of_the_loop(trace):
    loop = traced_loop(trace)
    task = loop.create_task(answer(trace))
    loop.call_soon(loop.stop)
    loop.run_forever()
    trace("stopped", task.done())
    trace(loop.run_until_complete(task))
    loop.close()


@scenario
def a_loop_runs_in_no_callback_of_another_one(trace):
    loop = traced_loop(trace)
    other = traced_loop(trace)

    def callback():
        try:
            other.run_forever()
        except RuntimeError as error:
            trace(why(error))
        loop.stop()

    loop.call_soon(callback)
    loop.run_forever()
    trace("stopped")
    other.close()
    loop.close()


@scenario
def nothing_left_to_do_is_a_stall(trace):
    loop = traced_loop(trace)
    loop.call_later(1, trace, "the last one")
    try:
        loop.run_forever()
    except Exception as error:
        trace(why(error))
    loop.close()
