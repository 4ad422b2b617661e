# SPDX-License-Identifier: BSL-1.0
# differential/timeouts.py: wait_for and timeout.

import asyncio

from harness import Failure, cancels, outcome, scenario, watches, why


async def gives(trace, value, delay):
    trace("begins", value)
    await asyncio.sleep(delay)
    trace("ends", value)
    return value


async def fails(trace, words, delay):
    await asyncio.sleep(delay)
    trace("fails", words)
    raise Failure(words)


async def cleans_up(trace, cleanup):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        trace("cleanup begins")
        await asyncio.sleep(cleanup)
        trace("cleanup ends")
        raise


async def swallows(trace):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        trace("swallows")
    return "kept"


async def fails_in_cleanup():
    try:
        await asyncio.sleep(10)
    finally:
        raise Failure("cleanup")


# ---- wait_for ----


@scenario
async def wait_for_something_that_is_fast_enough(trace):
    await watches(trace, "main", asyncio.wait_for(gives(trace, "a", 1), 5))
    await asyncio.sleep(10)
    trace("end")


@scenario
async def wait_for_something_that_fails(trace):
    await watches(trace, "main", asyncio.wait_for(fails(trace, "x", 1), 5))


@scenario
async def wait_for_something_that_is_too_slow(trace):
    await watches(trace, "main", asyncio.wait_for(gives(trace, "a", 5), 1))
    await asyncio.sleep(10)
    trace("end", asyncio.current_task().cancelling())


@scenario
async def wait_for_without_a_limit(trace):
    await watches(trace, "main", asyncio.wait_for(gives(trace, "a", 1000), None))


@scenario
async def wait_for_a_task_that_is_too_slow(trace):
    task = asyncio.create_task(gives(trace, "a", 5))
    await watches(trace, "main", asyncio.wait_for(task, 1))
    trace(outcome(task))


@scenario
async def wait_for_a_future_that_is_never_set(trace):
    future = asyncio.get_running_loop().create_future()
    await watches(trace, "main", asyncio.wait_for(future, 1))
    trace(outcome(future))


@scenario
async def wait_for_waits_for_the_cleanup(trace):
    await watches(trace, "main", asyncio.wait_for(cleans_up(trace, 3), 1))


@scenario
async def wait_for_something_that_returns_in_spite_of_the_limit(trace):
    await watches(trace, "main", asyncio.wait_for(swallows(trace), 1))


@scenario
async def wait_for_something_that_fails_in_its_cleanup(trace):
    await watches(trace, "main", asyncio.wait_for(fails_in_cleanup(), 1))


@scenario
async def wait_for_no_time_does_not_start_a_coroutine(trace):
    await watches(trace, "main", asyncio.wait_for(gives(trace, "a", 0), 0))
    await watches(trace, "main", asyncio.wait_for(gives(trace, "b", 0), -1))


@scenario
async def wait_for_no_time_takes_what_is_done(trace):
    future = asyncio.get_running_loop().create_future()
    future.set_result(5)
    await watches(trace, "main", asyncio.wait_for(future, 0))
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(Failure("x"))
    await watches(trace, "main", asyncio.wait_for(failed, -1))


@scenario
async def wait_for_no_time_cancels_a_task(trace):
    task = asyncio.create_task(cleans_up(trace, 2))
    await asyncio.sleep(1)
    await watches(trace, "main", asyncio.wait_for(task, 0))
    trace(outcome(task))


@scenario
async def wait_for_no_time_with_a_task_that_resists(trace):
    task = asyncio.create_task(swallows(trace))
    await asyncio.sleep(1)
    await watches(trace, "main", asyncio.wait_for(task, 0))
    trace(outcome(task))


@scenario
async def wait_for_no_time_with_a_pending_future(trace):
    future = asyncio.get_running_loop().create_future()
    await watches(trace, "main", asyncio.wait_for(future, 0))
    trace(outcome(future))


@scenario
async def cancelling_wait_for_cancels_what_it_waits_for(trace):
    inner = asyncio.create_task(cleans_up(trace, 2))
    outer = asyncio.create_task(asyncio.wait_for(inner, 50))
    await asyncio.sleep(1)
    outer.cancel()
    await watches(trace, "main", outer)
    trace(outcome(inner), outcome(outer))


@scenario
async def cancelling_wait_for_without_a_limit(trace):
    inner = asyncio.create_task(cleans_up(trace, 2))
    outer = asyncio.create_task(asyncio.wait_for(inner, None))
    await asyncio.sleep(1)
    outer.cancel("enough")
    await watches(trace, "main", outer)
    trace(outcome(inner), outcome(outer))


@scenario
async def cancelling_wait_for_of_a_coroutine_with_cleanup(trace):
    outer = asyncio.create_task(asyncio.wait_for(cleans_up(trace, 2), 50))
    await asyncio.sleep(1)
    outer.cancel()
    await watches(trace, "main", outer)
    trace(outcome(outer))


@scenario
async def a_result_and_a_cancellation_of_wait_for_in_one_pass(trace):
    future = asyncio.get_running_loop().create_future()
    outer = asyncio.create_task(asyncio.wait_for(future, 50))
    await asyncio.sleep(1)
    future.set_result("kept")
    outer.cancel()
    await watches(trace, "main", outer)
    trace(outcome(future))


@scenario
async def wait_for_a_shielded_task(trace):
    inner = asyncio.create_task(gives(trace, "inner", 3))
    await watches(trace, "main", asyncio.wait_for(asyncio.shield(inner), 1))
    trace(outcome(inner))
    await watches(trace, "main", asyncio.wait_for(asyncio.shield(inner), 0))
    trace(outcome(inner))
    await watches(trace, "main", asyncio.wait_for(asyncio.shield(inner), None))


@scenario
async def wait_for_in_wait_for(trace):
    inner = asyncio.wait_for(gives(trace, "a", 10), 3)
    await watches(trace, "main", asyncio.wait_for(inner, 5))
    inner = asyncio.wait_for(gives(trace, "b", 10), 5)
    await watches(trace, "main", asyncio.wait_for(inner, 3))


# ---- timeout ----


@scenario
async def a_timeout_that_is_not_reached(trace):
    async with asyncio.timeout(5) as limit:
        trace(await gives(trace, "a", 1), limit.expired())
    await asyncio.sleep(10)
    trace("end", limit.expired())


@scenario
async def a_timeout_that_is_reached(trace):
    loop = asyncio.get_running_loop()
    begin = loop.time()
    try:
        async with asyncio.timeout(2) as limit:
            try:
                await gives(trace, "a", 5)
            except asyncio.CancelledError as error:
                trace("body caught", why(error), limit.expired())
                raise
    except TimeoutError as error:
        trace("main caught", why(error), limit.expired(), limit.when() - begin)
    trace(asyncio.current_task().cancelling())
    await asyncio.sleep(1)
    trace("end")


@scenario
async def a_timeout_at_a_point_in_time(trace):
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(loop.time() + 3):
            await asyncio.sleep(5)
    except TimeoutError as error:
        trace("main caught", why(error))


@scenario
async def a_timeout_without_a_limit(trace):
    async with asyncio.timeout(None) as limit:
        trace(limit.when() is None)
        await asyncio.sleep(1000)
    trace(limit.expired())


@scenario
async def a_body_that_does_not_suspend_is_not_hit(trace):
    async with asyncio.timeout(0) as limit:
        trace("body")
    trace(limit.expired())
    await asyncio.sleep(1)
    trace("end")


@scenario
async def a_timeout_of_zero_hits_the_first_wait(trace):
    for delay in [0, -1]:
        try:
            async with asyncio.timeout(delay) as limit:
                trace("body")
                await asyncio.sleep(5)
                trace("never")
        except TimeoutError as error:
            trace("main caught", why(error), limit.expired())


@scenario
async def a_timeout_of_zero_and_a_sleep_of_zero(trace):
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(0)
            trace("one")
            await asyncio.sleep(0)
            trace("two")
    except TimeoutError as error:
        trace("main caught", why(error))


@scenario
async def a_body_that_returns_in_spite_of_the_timeout(trace):
    async with asyncio.timeout(1) as limit:
        trace(await swallows(trace))
    trace(limit.expired(), asyncio.current_task().cancelling())


@scenario
async def a_body_that_goes_on_in_spite_of_the_timeout(trace):
    async with asyncio.timeout(1) as limit:
        await swallows(trace)
        await asyncio.sleep(5)
        trace("still there")
    trace(limit.expired(), asyncio.current_task().cancelling())


@scenario
async def a_body_that_fails_before_the_timeout(trace):
    try:
        async with asyncio.timeout(3) as limit:
            await fails(trace, "x", 1)
    except Failure as error:
        trace("main caught", why(error), limit.expired())


@scenario
async def a_body_that_fails_in_its_cleanup(trace):
    try:
        async with asyncio.timeout(1) as limit:
            await fails_in_cleanup()
    except Failure as error:
        trace("main caught", why(error), limit.expired(), asyncio.current_task().cancelling())


@scenario
async def a_timeout_waits_for_the_cleanup(trace):
    try:
        async with asyncio.timeout(1):
            await cleans_up(trace, 5)
    except TimeoutError as error:
        trace("main caught", why(error))


@scenario
async def a_cancellation_from_outside_is_no_timeout(trace):
    async def limited():
        async with asyncio.timeout(5):
            await asyncio.sleep(10)

    await cancels(trace, limited())


@scenario
async def a_cancellation_from_outside_after_the_timeout_wins(trace):
    async def limited():
        try:
            async with asyncio.timeout(1):
                await cleans_up(trace, 5)
        except (TimeoutError, asyncio.CancelledError) as error:
            trace("caught", why(error), asyncio.current_task().cancelling())
            raise

    await cancels(trace, limited(), 2)


@scenario
async def a_timeout_during_the_cleanup_of_a_cancellation(trace):
    async def limited():
        try:
            async with asyncio.timeout(3):
                await cleans_up(trace, 5)
        except (TimeoutError, asyncio.CancelledError) as error:
            trace("caught", why(error), asyncio.current_task().cancelling())
            raise

    await cancels(trace, limited(), 2, message=None)


@scenario
async def a_timeout_in_a_task_that_swallowed_a_cancellation(trace):
    async def limited():
        trace(await swallows(trace), asyncio.current_task().cancelling())
        async with asyncio.timeout(1):
            await asyncio.sleep(10)

    task = asyncio.create_task(limited())
    await asyncio.sleep(1)
    task.cancel()
    await watches(trace, "main", task)
    trace(task.cancelling())


@scenario
async def nested_timeouts_of_which_the_inner_one_is_first(trace):
    try:
        async with asyncio.timeout(3) as outer:
            try:
                async with asyncio.timeout(1) as inner:
                    await asyncio.sleep(10)
            except TimeoutError as error:
                trace("inner", why(error), inner.expired(), outer.expired())
            await asyncio.sleep(10)
    except TimeoutError as error:
        trace("outer", why(error), inner.expired(), outer.expired())


@scenario
async def nested_timeouts_of_which_the_outer_one_is_first(trace):
    try:
        async with asyncio.timeout(1) as outer:
            try:
                async with asyncio.timeout(3) as inner:
                    await asyncio.sleep(10)
            except (TimeoutError, asyncio.CancelledError) as error:
                trace("inner", why(error), inner.expired(), outer.expired())
                raise
    except TimeoutError as error:
        trace("outer", why(error), inner.expired(), outer.expired())


@scenario
async def nested_timeouts_of_one_deadline(trace):
    deadline = asyncio.get_running_loop().time() + 1
    try:
        async with asyncio.timeout_at(deadline) as outer:
            try:
                async with asyncio.timeout_at(deadline) as inner:
                    await asyncio.sleep(10)
            except (TimeoutError, asyncio.CancelledError) as error:
                trace("inner", why(error), inner.expired(), outer.expired())
                raise
    except TimeoutError as error:
        trace("outer", why(error), inner.expired(), outer.expired())
    trace(asyncio.current_task().cancelling())


@scenario
async def a_timeout_in_the_cleanup_of_a_timeout(trace):
    try:
        async with asyncio.timeout(1):
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                trace("cleanup")
                try:
                    async with asyncio.timeout(2):
                        await asyncio.sleep(10)
                except TimeoutError as error:
                    trace("cleanup caught", why(error))
                raise
    except TimeoutError as error:
        trace("main caught", why(error), asyncio.current_task().cancelling())


@scenario
async def a_deadline_that_is_moved(trace):
    loop = asyncio.get_running_loop()
    begin = loop.time()
    try:
        async with asyncio.timeout(2) as limit:
            await asyncio.sleep(1)
            limit.reschedule(begin + 5)
            trace(limit.when() - begin)
            await asyncio.sleep(3)
            trace("later than the first deadline")
            limit.reschedule(None)
            trace(limit.when() is None)
            await asyncio.sleep(10)
            trace("much later")
            limit.reschedule(loop.time() + 1)
            await asyncio.sleep(10)
    except TimeoutError as error:
        trace("main caught", why(error))


@scenario
async def a_deadline_that_is_moved_into_the_past(trace):
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(20) as limit:
            await asyncio.sleep(2)
            limit.reschedule(loop.time() - 1)
            trace("moved", limit.expired())
            await asyncio.sleep(10)
    except TimeoutError as error:
        trace("main caught", why(error))


@scenario
async def a_deadline_cannot_be_moved_before_and_after(trace):
    limit = asyncio.timeout(1)
    try:
        limit.reschedule(None)
    except RuntimeError as error:
        trace("created", why(error))
    async with limit:
        await swallows(trace)
        try:
            limit.reschedule(None)
        except RuntimeError as error:
            trace("expiring", why(error))
    try:
        limit.reschedule(None)
    except RuntimeError as error:
        trace("expired", why(error))


@scenario
async def a_timeout_is_used_once(trace):
    limit = asyncio.timeout(5)
    async with limit:
        trace("first")
    try:
        async with limit:
            trace("never")
    except RuntimeError as error:
        trace(why(error))


@scenario
async def a_deadline_and_the_end_of_the_body_at_the_same_time(trace):
    for first in ["body", "limit"]:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        if first == "body":
            loop.call_later(1, future.set_result, "value")
        try:
            async with asyncio.timeout(1) as limit:
                if first == "limit":
                    loop.call_later(1, lambda: future.done() or future.set_result("value"))
                trace(await future)
        except TimeoutError as error:
            trace("main caught", why(error))
        trace(first, limit.expired(), outcome(future))
