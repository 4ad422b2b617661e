# SPDX-License-Identifier: BSL-1.0
# differential/task_groups.py: tasks that end before the block does.

import asyncio

from harness import Failure, TaskGroup, cancels, outcome, scenario, watches, why


async def sleeps(trace, name, delay=10):
    try:
        await asyncio.sleep(delay)
        trace(name, "slept")
        return name
    except asyncio.CancelledError as error:
        trace(name, "caught", why(error))
        raise


async def fails(trace, words, delay):
    await asyncio.sleep(delay)
    trace(words, "fails")
    raise Failure(words)


async def fails_in_cleanup(trace, words):
    try:
        await asyncio.sleep(10)
    finally:
        trace(words, "fails in its cleanup")
        raise Failure(words)


async def cleans_up(trace, name, cleanup):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        trace(name, "cleanup begins")
        await asyncio.sleep(cleanup)
        trace(name, "cleanup ends")
        raise


@scenario
async def the_block_waits_for_its_tasks(trace):
    async with TaskGroup() as group:
        a = group.create_task(sleeps(trace, "a", 2))
        b = group.create_task(sleeps(trace, "b", 1))
        trace("body ends")
    trace("block ends", outcome(a), outcome(b))


@scenario
async def an_empty_group(trace):
    async with TaskGroup():
        trace("body")
    trace("block ends")


@scenario
async def the_body_waits_for_a_task_of_its_group(trace):
    async with TaskGroup() as group:
        a = group.create_task(sleeps(trace, "a", 2))
        group.create_task(sleeps(trace, "b", 3))
        trace(await a)
    trace("block ends")


@scenario
async def a_task_starts_another_one_in_the_group(trace):
    async def spawns(group, depth):
        trace("depth", depth)
        await asyncio.sleep(1)
        if depth > 0:
            group.create_task(spawns(group, depth - 1))

    async with TaskGroup() as group:
        group.create_task(spawns(group, 2))
    trace("block ends")


@scenario
async def a_task_that_is_cancelled_alone_is_no_error(trace):
    async with TaskGroup() as group:
        a = group.create_task(sleeps(trace, "a"))
        group.create_task(sleeps(trace, "b", 3))
        await asyncio.sleep(1)
        a.cancel("enough")
    trace("block ends", outcome(a))


@scenario
async def a_failing_task_cancels_the_others(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(sleeps(trace, "a"))
            group.create_task(fails(trace, "x", 1))
            group.create_task(sleeps(trace, "b"))
        trace("never")

    await watches(trace, "main", block())
    trace(asyncio.current_task().cancelling())


@scenario
async def a_failing_task_cancels_the_body(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(fails(trace, "x", 1))
            await sleeps(trace, "body")
            trace("never")

    await watches(trace, "main", block())
    trace(asyncio.current_task().cancelling())
    await asyncio.sleep(1)
    trace("end")


@scenario
async def two_tasks_fail_in_one_pass(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(fails(trace, "x", 1))
            group.create_task(fails(trace, "y", 1))
            group.create_task(sleeps(trace, "a"))

    await watches(trace, "main", block())


@scenario
async def a_task_fails_in_its_cleanup(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(fails_in_cleanup(trace, "y"))
            group.create_task(fails(trace, "x", 1))
            group.create_task(fails_in_cleanup(trace, "z"))

    await watches(trace, "main", block())


@scenario
async def the_group_waits_for_slow_cleanup(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(cleans_up(trace, "a", 3))
            group.create_task(fails(trace, "x", 1))

    await watches(trace, "main", block())


@scenario
async def the_body_fails(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(sleeps(trace, "a"))
            await asyncio.sleep(1)
            raise Failure("body")

    await watches(trace, "main", block())
    trace(asyncio.current_task().cancelling())


@scenario
async def the_body_fails_before_the_tasks_have_started(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(sleeps(trace, "a"))
            raise Failure("body")

    await watches(trace, "main", block())


@scenario
async def the_body_and_a_task_fail(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(fails(trace, "x", 1))
            try:
                await asyncio.sleep(10)
            finally:
                raise Failure("body")

    await watches(trace, "main", block())
    trace(asyncio.current_task().cancelling())


@scenario
async def the_body_swallows_the_cancellation(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(fails(trace, "x", 1))
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError as error:
                trace("body swallows", why(error))
            await asyncio.sleep(2)
            trace("body ends")

    await watches(trace, "main", block())


@scenario
async def a_cancellation_from_outside_while_the_group_waits(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(sleeps(trace, "a"))
            group.create_task(sleeps(trace, "b"))
        trace("never")

    await cancels(trace, block())


@scenario
async def a_cancellation_from_outside_while_the_body_waits(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(sleeps(trace, "a"))
            await cleans_up(trace, "body", 2)
        trace("never")

    await cancels(trace, block())


@scenario
async def a_cancellation_from_outside_and_tasks_that_fail(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(fails_in_cleanup(trace, "x"))

    await cancels(trace, block())


@scenario
async def a_group_that_is_cancelled_twice_waits_all_the_same(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(cleans_up(trace, "a", 5))

    task = asyncio.create_task(block())
    await asyncio.sleep(1)
    task.cancel("first")
    await asyncio.sleep(1)
    task.cancel("second")
    await watches(trace, "main", task)
    trace(outcome(task), task.cancelling())


@scenario
async def an_error_and_a_cancellation_from_outside(trace):
    async def block():
        try:
            async with TaskGroup() as group:
                group.create_task(cleans_up(trace, "a", 3))
                group.create_task(fails(trace, "x", 1))
        except BaseExceptionGroup as error:
            trace("block caught", why(error), asyncio.current_task().cancelling())
        await asyncio.sleep(1)
        trace("goes on")

    await cancels(trace, block(), 2)


@scenario
async def an_inner_group_fails(trace):
    async def inner():
        async with TaskGroup() as group:
            group.create_task(sleeps(trace, "inner sibling"))
            group.create_task(fails(trace, "x", 1))

    async def outer():
        async with TaskGroup() as group:
            group.create_task(sleeps(trace, "outer sibling"))
            group.create_task(inner())

    await watches(trace, "main", outer())


@scenario
async def an_inner_block_fails(trace):
    async def block():
        async with TaskGroup() as outer:
            outer.create_task(sleeps(trace, "outer sibling"))
            async with TaskGroup() as inner:
                inner.create_task(sleeps(trace, "inner sibling"))
                inner.create_task(fails(trace, "x", 1))

    await watches(trace, "main", block())
    trace(asyncio.current_task().cancelling())


@scenario
async def an_outer_group_fails(trace):
    async def block():
        async with TaskGroup() as outer:
            outer.create_task(fails(trace, "x", 1))
            async with TaskGroup() as inner:
                inner.create_task(sleeps(trace, "inner task"))
            trace("never")

    await watches(trace, "main", block())
    trace(asyncio.current_task().cancelling())


@scenario
async def an_outer_group_fails_and_the_inner_one_in_its_cleanup(trace):
    async def block():
        async with TaskGroup() as outer:
            outer.create_task(fails(trace, "x", 1))
            async with TaskGroup() as inner:
                inner.create_task(fails_in_cleanup(trace, "y"))
            trace("never")

    await watches(trace, "main", block())
    trace(asyncio.current_task().cancelling())


@scenario
async def a_group_refuses_tasks_while_it_shuts_down(trace):
    groups = []

    async def late():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            never = sleeps(trace, "never")
            try:
                groups[0].create_task(never)
            except RuntimeError as error:
                trace("late caught", why(error))
                never.close()
            raise

    async def block():
        async with TaskGroup() as group:
            groups.append(group)
            group.create_task(late())
            group.create_task(fails(trace, "x", 1))

    await watches(trace, "main", block())


@scenario
async def a_timeout_around_a_group(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(sleeps(trace, "a"))
            await sleeps(trace, "body")

    try:
        async with asyncio.timeout(2):
            await block()
    except TimeoutError as error:
        trace("main caught", why(error), asyncio.current_task().cancelling())


@scenario
async def a_timeout_around_a_group_whose_task_fails_in_its_cleanup(trace):
    async def block():
        async with TaskGroup() as group:
            group.create_task(fails_in_cleanup(trace, "x"))

    async def limited():
        async with asyncio.timeout(2):
            await block()

    await watches(trace, "main", limited())
    trace(asyncio.current_task().cancelling())


@scenario
async def the_last_task_ends_at_the_time_of_a_cancellation(trace):
    future = asyncio.get_running_loop().create_future()

    async def waits():
        trace("task has", await future)

    async def block():
        async with TaskGroup() as group:
            group.create_task(waits())
        trace("block ends")

    task = asyncio.create_task(block())
    await asyncio.sleep(1)
    future.set_result("value")
    task.cancel("enough")
    await watches(trace, "main", task)
    trace(outcome(task), task.cancelling())


@scenario
async def tasks_have_names(trace):
    async def who():
        trace(asyncio.current_task().get_name())

    async with TaskGroup() as group:
        group.create_task(who(), name="a")
        group.create_task(who(), name="b")
