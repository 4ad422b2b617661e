# SPDX-License-Identifier: BSL-1.0
# differential/cancellation.py: requests, their delivery, their counting, and those who resist.

import asyncio

from harness import Failure, Ticker, outcome, scenario, watches, why


async def sleeps(trace, name, delay=10):
    trace(name, "begins")
    try:
        await asyncio.sleep(delay)
        trace(name, "slept")
    finally:
        trace(name, "cleans up")


@scenario
async def a_task_that_is_cancelled_before_its_start_does_not_run(trace):
    task = asyncio.create_task(sleeps(trace, "task"))
    trace(task.cancel(), task.done(), task.cancelled())
    await asyncio.sleep(0)
    trace(outcome(task))


@scenario
async def a_task_that_is_cancelled_before_its_start_has_a_message(trace):
    task = asyncio.create_task(sleeps(trace, "task"))
    task.cancel("not now")
    await watches(trace, "main", task)


@scenario
async def cancel_is_thrown_where_the_task_waits(trace):
    task = asyncio.create_task(sleeps(trace, "task"))
    await asyncio.sleep(1)
    trace(task.cancel(), outcome(task))
    try:
        await task
    except asyncio.CancelledError as error:
        trace("main caught", why(error), asyncio.current_task().cancelling())
    trace(outcome(task), task.cancelling())


@scenario
async def a_cancelled_sleep_takes_no_time(trace):
    task = asyncio.create_task(sleeps(trace, "task", 1000))
    await asyncio.sleep(2)
    task.cancel()
    await watches(trace, "main", task)
    await asyncio.sleep(1)
    trace("end")


@scenario
async def the_message_reaches_whoever_awaits_the_task(trace):
    task = asyncio.create_task(sleeps(trace, "task"))
    await asyncio.sleep(0)
    task.cancel("enough")
    await watches(trace, "main", task)


@scenario
async def a_cancelled_task_resumes_in_the_next_pass(trace):
    ticker = Ticker()
    task = asyncio.create_task(sleeps(trace, "task"))
    await asyncio.sleep(0)
    task.cancel()
    before = ticker.count
    await watches(trace, "main", task)
    trace("passes", ticker.count - before)
    ticker.stop()


@scenario
async def cancelling_a_done_task_is_refused(trace):
    task = asyncio.create_task(sleeps(trace, "task", 1))
    await task
    trace(task.cancel(), task.cancelling(), outcome(task))


@scenario
async def two_requests_are_one_cancellation(trace):
    task = asyncio.create_task(sleeps(trace, "task"))
    await asyncio.sleep(0)
    trace(task.cancel("first"), task.cancel("second"), task.cancelling())
    await watches(trace, "main", task)
    trace(task.cancelling())


@scenario
async def tasks_unwind_in_the_order_of_requests(trace):
    tasks = [asyncio.create_task(sleeps(trace, name)) for name in ["a", "b", "c"]]
    await asyncio.sleep(0)
    for index in [2, 0, 1]:
        tasks[index].cancel()
    await asyncio.sleep(0)
    trace([outcome(task) for task in tasks])


async def resists(trace, times):
    for left in range(times, 0, -1):
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError as error:
            trace("ignores", why(error), left, asyncio.current_task().cancelling())
    await asyncio.sleep(1)
    return "stubborn"


@scenario
async def a_task_may_swallow_its_cancellation_and_go_on(trace):
    task = asyncio.create_task(resists(trace, 1))
    await asyncio.sleep(1)
    task.cancel("once")
    await watches(trace, "main", task)
    trace(outcome(task), task.cancelling())


@scenario
async def a_later_request_hits_a_task_that_swallowed_one(trace):
    task = asyncio.create_task(resists(trace, 1))
    await asyncio.sleep(1)
    task.cancel("first")
    await asyncio.sleep(0)
    task.cancel("second")
    await watches(trace, "main", task)
    trace(outcome(task), task.cancelling())


@scenario
async def each_request_is_delivered_once(trace):
    task = asyncio.create_task(resists(trace, 3))
    await asyncio.sleep(1)
    for number in range(3):
        task.cancel(str(number))
        await asyncio.sleep(1)
    await watches(trace, "main", task)
    trace(task.cancelling())


async def cancels_itself(trace, then):
    task = asyncio.current_task()
    trace(task.cancel("myself"), task.cancelling())
    if then == "awaits":
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError as error:
            trace("caught", why(error))
            raise
    if then == "throws":
        raise Failure("x")
    return then


@scenario
async def a_task_that_cancels_itself_is_told_at_its_next_wait(trace):
    await watches(trace, "main", asyncio.create_task(cancels_itself(trace, "awaits")))


@scenario
async def a_task_that_cancels_itself_and_returns_is_cancelled(trace):
    task = asyncio.create_task(cancels_itself(trace, "returns"))
    await watches(trace, "main", task)
    trace(outcome(task))


@scenario
async def a_task_that_cancels_itself_and_throws_has_failed(trace):
    task = asyncio.create_task(cancels_itself(trace, "throws"))
    await watches(trace, "main", task)
    trace(outcome(task))


@scenario
async def a_pending_request_of_ones_own_does_not_stop_what_does_not_suspend(trace):
    done = asyncio.get_running_loop().create_future()
    done.set_result(1)

    async def body():
        asyncio.current_task().cancel()
        trace("done future", await done)
        await asyncio.sleep(0)
        trace("never")

    await watches(trace, "main", asyncio.create_task(body()))


async def waits(trace, name, future):
    try:
        value = await future
        trace(name, "has", value)
        return value
    except asyncio.CancelledError as error:
        trace(name, "caught", why(error))
        raise


@scenario
async def a_result_that_comes_before_the_cancellation_is_lost(trace):
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waits(trace, "task", future))
    await asyncio.sleep(0)
    future.set_result(5)
    trace(task.cancel("late"))
    await watches(trace, "main", task)
    trace(outcome(future))


@scenario
async def a_cancellation_that_comes_before_the_result_refuses_it(trace):
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waits(trace, "task", future))
    await asyncio.sleep(0)
    task.cancel()
    try:
        future.set_result(5)
    except asyncio.InvalidStateError as error:
        trace(why(error))
    await watches(trace, "main", task)
    trace(outcome(future))


@scenario
async def an_exception_that_comes_before_the_cancellation_is_lost(trace):
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waits(trace, "task", future))
    await asyncio.sleep(0)
    future.set_exception(Failure("x"))
    task.cancel("late")
    await watches(trace, "main", task)
    trace(outcome(future))


@scenario
async def cancelling_the_awaited_future_cancels_the_task(trace):
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waits(trace, "task", future))
    await asyncio.sleep(0)
    future.cancel("inner")
    await watches(trace, "main", task)
    trace(outcome(task), task.cancelling())


@scenario
async def cancelling_the_future_and_then_the_task(trace):
    future = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waits(trace, "task", future))
    await asyncio.sleep(0)
    trace(future.cancel("future"), task.cancel("task"))
    await watches(trace, "main", task)
    trace(outcome(task), task.cancelling())


@scenario
async def a_cancelled_error_that_nobody_asked_for_cancels_too(trace):
    async def throws():
        raise asyncio.CancelledError("spontaneous")

    task = asyncio.create_task(throws())
    await watches(trace, "main", task)
    trace(outcome(task), task.cancelling())


@scenario
async def cancelling_the_outer_task_cancels_the_inner_one_first(trace):
    inner = asyncio.create_task(sleeps(trace, "inner"))
    outer = asyncio.create_task(waits(trace, "outer", inner))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    outer.cancel("enough")
    trace(inner.cancelling(), outer.cancelling())
    await asyncio.sleep(0)
    trace(outcome(inner), outcome(outer))
    await asyncio.sleep(0)
    trace(outcome(inner), outcome(outer))


@scenario
async def an_inner_task_that_resists_saves_the_outer_one(trace):
    inner = asyncio.create_task(resists(trace, 1))
    outer = asyncio.create_task(waits(trace, "outer", inner))
    await asyncio.sleep(1)
    outer.cancel("enough")
    await watches(trace, "main", outer)
    trace(outcome(outer), outer.cancelling(), inner.cancelling())


async def fails_in_cleanup():
    try:
        await asyncio.sleep(10)
    finally:
        raise Failure("cleanup")


@scenario
async def an_exception_in_the_cleanup_replaces_the_cancellation(trace):
    task = asyncio.create_task(fails_in_cleanup())
    await asyncio.sleep(1)
    task.cancel()
    await watches(trace, "main", task)
    trace(outcome(task))


async def cleans_up_slowly(trace):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as error:
        trace("cleanup begins", why(error))
        try:
            await asyncio.sleep(3)
            trace("cleanup ends")
        except asyncio.CancelledError as second:
            trace("cleanup interrupted", why(second))
        raise


@scenario
async def the_cleanup_may_wait(trace):
    task = asyncio.create_task(cleans_up_slowly(trace))
    await asyncio.sleep(1)
    task.cancel("enough")
    await watches(trace, "main", task)


@scenario
async def a_second_request_interrupts_the_cleanup(trace):
    task = asyncio.create_task(cleans_up_slowly(trace))
    await asyncio.sleep(1)
    task.cancel("first")
    await asyncio.sleep(1)
    task.cancel("second")
    await watches(trace, "main", task)
    trace(task.cancelling())


@scenario
async def uncancel_counts_down_to_zero(trace):
    task = asyncio.create_task(resists(trace, 5))
    await asyncio.sleep(0)
    trace(task.uncancel())
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    trace(task.cancelling())
    trace(task.uncancel(), task.uncancel(), task.uncancel(), task.cancelling())
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    trace(await task)


@scenario
async def uncancel_of_one_request_of_two_leaves_it_pending(trace):
    async def body():
        task = asyncio.current_task()
        task.cancel()
        task.cancel()
        trace(task.uncancel())
        await asyncio.sleep(0)
        trace("never")

    await watches(trace, "main", asyncio.create_task(body()))


@scenario
async def uncancel_of_the_last_request_forgets_the_pending_one(trace):
    async def body():
        task = asyncio.current_task()
        task.cancel()
        trace(task.uncancel())
        await asyncio.sleep(0)
        return "went on"

    await watches(trace, "main", asyncio.create_task(body()))


@scenario
async def a_cancelled_waiter_leaves_the_other_waiter_of_a_task_in_the_cold(trace):
    inner = asyncio.create_task(sleeps(trace, "inner"))
    one = asyncio.create_task(waits(trace, "one", inner))
    other = asyncio.create_task(waits(trace, "other", inner))
    await asyncio.sleep(1)
    one.cancel("enough")
    await watches(trace, "main", other)
    trace(outcome(one), outcome(other), one.cancelling(), other.cancelling())


@scenario
async def a_task_cancels_the_one_that_waits_for_it(trace):
    tasks = {}

    async def inner():
        await asyncio.sleep(1)
        trace("inner cancels", tasks["outer"].cancel("by inner"))
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError as error:
            trace("inner caught", why(error))
            raise

    tasks["inner"] = asyncio.create_task(inner())
    tasks["outer"] = asyncio.create_task(waits(trace, "outer", tasks["inner"]))
    await watches(trace, "main", tasks["outer"])


@scenario
async def cancelling_between_two_passes_of_sleep_zero(trace):
    async def yields():
        for number in range(5):
            trace("round", number)
            await asyncio.sleep(0)

    task = asyncio.create_task(yields())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await watches(trace, "main", task)


@scenario
async def a_cancelled_callback_order(trace):
    task = asyncio.create_task(sleeps(trace, "task"))
    task.add_done_callback(lambda task: trace("callback", outcome(task)))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(trace, "scheduled before")
    task.cancel()
    asyncio.get_running_loop().call_soon(trace, "scheduled behind")
    await watches(trace, "main", task)


@scenario
async def a_cancelled_main_task(trace):
    asyncio.get_running_loop().call_later(1, asyncio.current_task().cancel, "from a timer")
    await asyncio.sleep(5)
