# SPDX-License-Identifier: BSL-1.0
# differential/futures.py: results that are set once, their callbacks, and those who wait for them.

import asyncio

from harness import Failure, Ticker, outcome, scenario, why


def new_future():
    return asyncio.get_running_loop().create_future()


@scenario
async def a_new_future_is_pending(trace):
    future = new_future()
    trace(future.done(), future.cancelled())
    for question in [future.result, future.exception]:
        try:
            question()
        except asyncio.InvalidStateError as error:
            trace(why(error))


@scenario
async def a_future_is_set_once(trace):
    with_value, with_error, cancelled = new_future(), new_future(), new_future()
    with_value.set_result(1)
    with_error.set_exception(Failure("x"))
    cancelled.cancel()
    for future in [with_value, with_error, cancelled]:
        try:
            future.set_result(2)
        except asyncio.InvalidStateError as error:
            trace(why(error))
        try:
            future.set_exception(Failure("y"))
        except asyncio.InvalidStateError as error:
            trace(why(error))
        trace(future.cancel(), outcome(future))


@scenario
async def cancel_answers_whether_it_was_in_time(trace):
    future = new_future()
    trace(future.cancel("enough"), future.cancel("again"))
    trace(future.done(), future.cancelled())
    for question in [future.result, future.exception]:
        try:
            question()
        except asyncio.CancelledError as error:
            trace(why(error))


@scenario
async def an_exception_is_thrown_each_time(trace):
    future = new_future()
    future.set_exception(Failure("x"))
    for _ in range(2):
        try:
            future.result()
        except Failure as error:
            trace(why(error))
    trace(why(future.exception()))


@scenario
async def exception_of_a_value_is_none(trace):
    future = new_future()
    future.set_result(5)
    trace(why(future.exception()), future.result())


@scenario
async def callbacks_run_through_the_loop_in_order(trace):
    future = new_future()
    for name in ["a", "b", "c"]:
        future.add_done_callback(lambda _, name=name: trace(name))
    future.set_result(1)
    trace("set")
    await asyncio.sleep(0)
    trace("after")


@scenario
async def callbacks_run_in_one_pass_with_what_was_scheduled_before(trace):
    loop = asyncio.get_running_loop()
    future = new_future()
    future.add_done_callback(lambda _: trace("callback"))
    loop.call_soon(trace, "before")
    future.set_result(1)
    loop.call_soon(trace, "behind")
    await asyncio.sleep(0)
    trace("after")


@scenario
async def a_late_callback_is_not_called_inline(trace):
    future = new_future()
    future.set_result(1)
    future.add_done_callback(lambda _: trace("late"))
    trace("added")
    await asyncio.sleep(0)
    trace("after")


@scenario
async def a_callback_that_is_added_by_a_callback_runs_a_pass_later(trace):
    future = new_future()

    def first(_):
        trace("first")
        future.add_done_callback(lambda _: trace("added by first"))

    future.add_done_callback(first)
    future.add_done_callback(lambda _: trace("second"))
    future.set_result(1)
    await asyncio.sleep(0)
    trace("one pass")
    await asyncio.sleep(0)
    trace("two passes")


@scenario
async def callbacks_run_for_every_kind_of_end(trace):
    with_value, with_error, cancelled = new_future(), new_future(), new_future()
    for future in [with_value, with_error, cancelled]:
        future.add_done_callback(lambda future: trace(outcome(future)))
    cancelled.cancel()
    with_error.set_exception(Failure("x"))
    with_value.set_result(3)
    await asyncio.sleep(0)


@scenario
async def a_callback_that_throws_is_reported_and_the_others_run(trace):
    future = new_future()

    def fail(_):
        raise Failure("x")

    future.add_done_callback(fail)
    future.add_done_callback(lambda _: trace("second"))
    future.set_result(1)
    await asyncio.sleep(0)
    trace(outcome(future))


@scenario
async def a_callback_completes_another_future(trace):
    first, second = new_future(), new_future()
    first.add_done_callback(lambda _: second.set_result(2))
    second.add_done_callback(lambda _: trace("second"))
    ticker = Ticker()
    first.set_result(1)
    trace(await second, ticker.count)
    ticker.stop()


@scenario
async def awaiting_a_done_future_does_not_suspend(trace):
    future = new_future()
    future.set_result(5)
    asyncio.get_running_loop().call_soon(trace, "other")
    trace(await future)
    trace(await future)
    await asyncio.sleep(0)
    trace("after")


async def waits(trace, name, future):
    trace(name, "waits")
    try:
        trace(name, "has", await future)
    except (Failure, asyncio.CancelledError) as error:
        trace(name, "caught", why(error))


@scenario
async def waiters_and_callbacks_wake_in_the_order_of_registration(trace):
    future = new_future()
    first = asyncio.create_task(waits(trace, "first", future))
    await asyncio.sleep(0)
    future.add_done_callback(lambda _: trace("callback"))
    second = asyncio.create_task(waits(trace, "second", future))
    await asyncio.sleep(0)
    future.set_result(1)
    await first
    await second


@scenario
async def all_waiters_get_the_exception(trace):
    future = new_future()
    tasks = [asyncio.create_task(waits(trace, name, future)) for name in ["a", "b", "c"]]
    await asyncio.sleep(0)
    future.set_exception(Failure("x"))
    for task in tasks:
        await task


@scenario
async def all_waiters_of_a_cancelled_future_are_told(trace):
    future = new_future()
    tasks = [asyncio.create_task(waits(trace, name, future)) for name in ["a", "b"]]
    await asyncio.sleep(0)
    trace(future.cancel("enough"))
    for task in tasks:
        await task
        trace(outcome(task), task.cancelling())


@scenario
async def cancelling_one_waiter_cancels_the_future_for_all(trace):
    future = new_future()
    tasks = [asyncio.create_task(waits(trace, name, future)) for name in ["a", "b"]]
    await asyncio.sleep(0)
    tasks[0].cancel()
    trace(outcome(future))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    trace([outcome(task) for task in tasks], [task.cancelling() for task in tasks])


@scenario
async def a_waiter_resumes_one_pass_after_the_result(trace):
    future = new_future()
    ticker = Ticker()
    task = asyncio.create_task(waits(trace, "task", future))
    await asyncio.sleep(0)
    future.set_result(1)
    before = ticker.count
    future.add_done_callback(lambda _: trace("passes", ticker.count - before))
    await task
    trace("passes", ticker.count - before)
    ticker.stop()


@scenario
async def a_waiter_that_waits_again_gets_behind(trace):
    first, second = new_future(), new_future()

    async def waits_twice():
        await first
        trace("twice: first")
        await second
        trace("twice: second")

    one = asyncio.create_task(waits_twice())
    other = asyncio.create_task(waits(trace, "other", second))
    await asyncio.sleep(0)
    second.set_result(2)
    first.set_result(1)
    await one
    await other


@scenario
async def an_error_that_nobody_looked_at_is_reported_once(trace):
    future = new_future()
    future.set_exception(Failure("x"))
    trace("set")
    del future
    trace("dropped")
    await asyncio.sleep(0)


@scenario
async def an_error_that_somebody_looked_at_is_not_reported(trace):
    looked_at, thrown, awaited = new_future(), new_future(), new_future()
    for future in [looked_at, thrown, awaited]:
        future.set_exception(Failure("x"))
    trace(why(looked_at.exception()))
    try:
        thrown.result()
    except Failure as error:
        trace(why(error))
    try:
        await awaited
    except Failure as error:
        trace(why(error))
    del future, looked_at, thrown, awaited
    trace("dropped")


@scenario
async def a_callback_alone_does_not_look_at_the_error(trace):
    future = new_future()
    future.add_done_callback(lambda _: trace("callback"))
    future.set_exception(Failure("x"))
    del future
    await asyncio.sleep(0)
    trace("after")


@scenario
async def a_cancelled_future_is_not_reported(trace):
    future = new_future()
    future.cancel()
    del future
    trace("dropped")
    await asyncio.sleep(0)
