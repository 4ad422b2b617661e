# SPDX-License-Identifier: BSL-1.0
# differential/shutdown.py: how a runner ends: what is left is cancelled, in order, and waited for.

import asyncio

from harness import Failure, TaskGroup, outcome, scenario, traced_loop, why


def new_runner(trace):
    return asyncio.Runner(loop_factory=lambda: traced_loop(trace))


def runs(trace, main):
    """Runs a main task on a runner of its own."""
    with new_runner(trace) as runner:
        runner.run(main)


async def leaves_behind(operation, name=None):
    """A main task that ends before another one."""
    asyncio.create_task(operation, name=name)
    await asyncio.sleep(1)


async def says(trace, *words):
    trace(*words)


async def gives(value):
    await asyncio.sleep(1)
    return value


async def fails():
    await asyncio.sleep(1)
    raise Failure("x")


async def sleeps(trace, name, cleanup=0):
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        trace(name, "cleanup begins")
        if cleanup:
            await asyncio.sleep(cleanup)
            trace(name, "cleanup ends")
        raise


@scenario
def run_gives_the_value_or_throws(trace):
    with new_runner(trace) as runner:
        trace(runner.run(gives(42)))
        try:
            runner.run(fails())
        except Failure as error:
            trace(why(error))
    trace("closed")


@scenario
def what_is_left_is_cancelled_in_order(trace):
    async def main():
        for name in "abc":
            asyncio.create_task(sleeps(trace, name), name=name)
        await asyncio.sleep(1)
        trace("main ends")

    with new_runner(trace) as runner:
        runner.run(main())
        trace("main has ended")
    trace("closed")


@scenario
def slow_cleanup_is_waited_for(trace):
    async def main():
        for name, cleanup in [("a", 3), ("b", 1)]:
            asyncio.create_task(sleeps(trace, name, cleanup), name=name)
        await asyncio.sleep(1)

    runs(trace, main())
    trace("closed")


@scenario
def a_task_that_has_not_started_does_not_start(trace):
    with new_runner(trace) as runner:
        runner.run(says(trace, "main"))
        task = runner.get_loop().create_task(says(trace, "never"))
    trace("closed", outcome(task))


@scenario
def a_task_that_resists_is_waited_for(trace):
    async def resists():
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            trace("resists")
        await asyncio.sleep(5)
        trace("ends")

    runs(trace, leaves_behind(resists()))
    trace("closed")


@scenario
def a_task_that_fails_in_its_cleanup_is_reported(trace):
    async def fails_in_cleanup():
        try:
            await asyncio.sleep(1000)
        finally:
            raise Failure("cleanup")

    runs(trace, leaves_behind(fails_in_cleanup()))
    trace("closed")


@scenario
def a_cleanup_waits_for_a_task_of_its_own(trace):
    async def helps():
        await asyncio.sleep(1)
        trace("helper ends")

    async def has_help():
        try:
            await asyncio.sleep(1000)
        finally:
            trace("cleanup begins")
            await asyncio.create_task(helps())
            trace("cleanup ends")

    runs(trace, leaves_behind(has_help()))
    trace("closed")


@scenario
def a_cleanup_starts_a_task(trace):
    async def leaves():
        try:
            await asyncio.sleep(1000)
        finally:
            asyncio.create_task(says(trace, "late"))
            await asyncio.sleep(2)
            trace("cleanup ends")

    runs(trace, leaves_behind(leaves()))


@scenario
def tasks_that_wait_for_each_other(trace):
    async def waits(name, task):
        try:
            await task
        finally:
            trace(name, "ends")

    async def main():
        a = asyncio.create_task(sleeps(trace, "a", 1), name="a")
        b = asyncio.create_task(waits("b", a), name="b")
        asyncio.create_task(waits("c", b), name="c")
        await asyncio.sleep(1)

    runs(trace, main())


@scenario
def a_group_that_is_left(trace):
    async def grouped():
        try:
            async with TaskGroup() as group:
                group.create_task(sleeps(trace, "b", 2), name="b")
                group.create_task(sleeps(trace, "c", 1), name="c")
        finally:
            trace("group ends")

    runs(trace, leaves_behind(grouped(), "a"))


@scenario
def tasks_are_cancelled_after_the_main_task_failed(trace):
    async def main():
        asyncio.create_task(sleeps(trace, "a", 1))
        await fails()

    try:
        runs(trace, main())
    except Failure as error:
        trace(why(error))


@scenario
def a_main_task_that_is_cancelled(trace):
    async def main():
        asyncio.get_running_loop().call_later(1, asyncio.current_task().cancel)
        await asyncio.sleep(5)

    with new_runner(trace) as runner:
        try:
            runner.run(main())
        except asyncio.CancelledError as error:
            trace(why(error))


@scenario
def tasks_live_on_between_two_runs(trace):
    async def counts():
        for number in range(10):
            trace("count", number)
            await asyncio.sleep(1)

    async def main(seconds):
        if seconds == 2:
            tasks.append(asyncio.create_task(counts()))
        await asyncio.sleep(seconds)
        trace("main ends")

    tasks = []
    with new_runner(trace) as runner:
        runner.run(main(2))
        runner.run(main(1))
    trace("closed", outcome(tasks[0]))


@scenario
def a_closed_runner_does_not_run(trace):
    runner = new_runner(trace)
    runner.run(gives(1))
    runner.close()
    runner.close()
    never = gives(2)
    try:
        runner.run(never)
    except RuntimeError as error:
        trace(why(error))
        never.close()


@scenario
def a_runner_does_not_run_in_a_loop(trace):
    async def main():
        never = gives(2)
        try:
            runner.run(never)
        except RuntimeError as error:
            trace(why(error))
            never.close()

    with new_runner(trace) as runner:
        runner.run(main())


@scenario
def what_is_scheduled_at_the_end_of_the_main_task_runs(trace):
    async def main():
        asyncio.get_running_loop().call_soon(trace, "soon")
        asyncio.get_running_loop().call_later(1, trace, "never")
        trace("main ends")

    with new_runner(trace) as runner:
        runner.run(main())
        trace("main has ended")
    trace("closed")


@scenario
def timers_run_while_cleanup_is_waited_for(trace):
    async def main():
        asyncio.create_task(sleeps(trace, "a", 3))
        asyncio.get_running_loop().call_later(2, trace, "timer")
        asyncio.get_running_loop().call_later(10, trace, "never")
        await asyncio.sleep(1)

    runs(trace, main())
    trace("closed")


@scenario
def an_error_that_nobody_looked_at_before_the_end(trace):
    async def main():
        asyncio.create_task(fails())
        await asyncio.sleep(2)
        trace("main ends")

    runs(trace, main())
    trace("closed")
