# SPDX-License-Identifier: BSL-1.0
# differential/gather_wait.py: several things at the same time: gather, shield, wait and as_completed.

import asyncio

from harness import Failure, Ticker, outcome, scenario, watches, why


async def gives(trace, value, delay):
    trace("begins", value)
    await asyncio.sleep(delay)
    trace("ends", value)
    return value


async def fails(trace, words, delay):
    trace("begins", words)
    await asyncio.sleep(delay)
    trace("fails", words)
    raise Failure(words)


async def cleans_up(trace, name, cleanup):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as error:
        trace(name, "caught", why(error))
        await asyncio.sleep(cleanup)
        trace(name, "cleaned up")
        raise


async def swallows(trace, name):
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError as error:
        trace(name, "swallows", why(error))
    return name


# ---- gather ----


@scenario
async def gather_gives_values_in_the_order_of_arguments(trace):
    trace(await asyncio.gather(gives(trace, "a", 3), gives(trace, "b", 1), gives(trace, "c", 2)))


@scenario
async def gather_of_nothing(trace):
    asyncio.get_running_loop().call_soon(trace, "other")
    trace(await asyncio.gather())
    await asyncio.sleep(0)


@scenario
async def gather_of_done_ones(trace):
    future = asyncio.get_running_loop().create_future()
    future.set_result("future")
    task = asyncio.create_task(gives(trace, "task", 1))
    await task
    trace(await asyncio.gather(future, task))


@scenario
async def gather_of_futures_and_tasks_and_coroutines(trace):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_later(2, future.set_result, "future")
    task = asyncio.create_task(gives(trace, "task", 3))
    trace(await asyncio.gather(future, task, gives(trace, "coroutine", 1)))


@scenario
async def gather_takes_the_same_task_twice(trace):
    task = asyncio.create_task(gives(trace, "a", 1))
    trace(await asyncio.gather(task, gives(trace, "b", 2), task))


@scenario
async def gather_throws_the_first_exception_at_once_and_the_others_run_on(trace):
    try:
        await asyncio.gather(gives(trace, "a", 3), fails(trace, "x", 1), gives(trace, "b", 2))
    except Failure as error:
        trace("main caught", why(error))
    await asyncio.sleep(5)
    trace("end")


@scenario
async def gather_does_not_report_later_errors(trace):
    try:
        await asyncio.gather(fails(trace, "x", 1), fails(trace, "y", 2))
    except Failure as error:
        trace("main caught", why(error))
    await asyncio.sleep(5)
    trace("end")


@scenario
async def gather_with_two_errors_in_one_pass(trace):
    try:
        await asyncio.gather(gives(trace, "a", 1), fails(trace, "x", 2), fails(trace, "y", 2))
    except Failure as error:
        trace("main caught", why(error))


@scenario
async def gather_of_one_that_has_failed_already(trace):
    failed = asyncio.create_task(fails(trace, "x", 1))
    await asyncio.sleep(2)
    other = asyncio.create_task(gives(trace, "a", 1))
    try:
        await asyncio.gather(other, failed)
    except Failure as error:
        trace("main caught", why(error), outcome(other))
    await other


@scenario
async def gather_with_exceptions_as_results(trace):
    cancelled = asyncio.create_task(gives(trace, "cancelled", 10))
    asyncio.get_running_loop().call_later(1, cancelled.cancel, "enough")
    children = [gives(trace, "a", 3), fails(trace, "x", 2), cancelled, fails(trace, "y", 1)]
    trace(await asyncio.gather(*children, return_exceptions=True))


@scenario
async def gather_counts_a_cancelled_child_as_an_exception(trace):
    child = asyncio.create_task(gives(trace, "child", 10))
    other = asyncio.create_task(gives(trace, "other", 3))
    asyncio.get_running_loop().call_later(1, child.cancel, "enough")
    try:
        await asyncio.gather(child, other)
    except asyncio.CancelledError as error:
        trace("main caught", why(error), asyncio.current_task().cancelling(), outcome(other))
    trace(await other)


async def gathers(trace, *awaitables, return_exceptions=False):
    try:
        trace("gathered", await asyncio.gather(*awaitables, return_exceptions=return_exceptions))
    except asyncio.CancelledError as error:
        trace("gather threw", why(error))
        raise


@scenario
async def cancelling_gather_cancels_the_children(trace):
    children = [asyncio.create_task(gives(trace, name, 10)) for name in ["a", "b"]]
    task = asyncio.create_task(gathers(trace, *children))
    await asyncio.sleep(1)
    task.cancel("enough")
    trace([child.cancelling() for child in children])
    await asyncio.wait([task])
    trace(outcome(task), [outcome(child) for child in children])


@scenario
async def cancelling_gather_with_children_of_slow_cleanup(trace):
    children = [asyncio.create_task(cleans_up(trace, name, delay)) for name, delay in [("a", 1), ("b", 3)]]
    task = asyncio.create_task(gathers(trace, *children))
    await asyncio.sleep(1)
    task.cancel("enough")
    await watches(trace, "main", task)
    trace([outcome(child) for child in children])
    await asyncio.sleep(5)


@scenario
async def cancelling_gather_of_results_with_children_of_slow_cleanup(trace):
    children = [asyncio.create_task(cleans_up(trace, name, delay)) for name, delay in [("a", 1), ("b", 3)]]
    task = asyncio.create_task(gathers(trace, *children, return_exceptions=True))
    await asyncio.sleep(1)
    task.cancel("enough")
    await asyncio.wait([task])
    trace(outcome(task), [outcome(child) for child in children])


@scenario
async def cancelling_gather_of_children_that_resist(trace):
    children = [asyncio.create_task(swallows(trace, name)) for name in ["a", "b"]]
    task = asyncio.create_task(gathers(trace, *children))
    await asyncio.sleep(1)
    task.cancel("enough")
    await asyncio.wait([task])
    trace(outcome(task), [outcome(child) for child in children])


@scenario
async def cancelling_gather_of_results_of_children_that_resist(trace):
    children = [asyncio.create_task(swallows(trace, name)) for name in ["a", "b"]]
    task = asyncio.create_task(gathers(trace, *children, return_exceptions=True))
    await asyncio.sleep(1)
    task.cancel("enough")
    await asyncio.wait([task])
    trace(outcome(task), [outcome(child) for child in children])


@scenario
async def cancelling_gather_spares_the_child_that_is_done(trace):
    done = asyncio.create_task(gives(trace, "done", 1))
    pending = asyncio.create_task(gives(trace, "pending", 10))
    task = asyncio.create_task(gathers(trace, done, pending))
    await asyncio.sleep(2)
    task.cancel()
    await asyncio.wait([task])
    trace(outcome(done), outcome(pending), outcome(task))


@scenario
async def gather_in_gather(trace):
    inner = asyncio.gather(gives(trace, "a", 2), gives(trace, "b", 1))
    ab, c = await asyncio.gather(inner, gives(trace, "c", 3))
    trace(ab, c)


@scenario
async def gather_resumes_two_passes_after_the_last_child(trace):
    ticker = Ticker()

    async def ends(rounds):
        for _ in range(rounds):
            await asyncio.sleep(0)
        trace("ends at", ticker.count)

    await asyncio.gather(ends(1), ends(3), ends(2))
    trace("resumed at", ticker.count)
    ticker.stop()


@scenario
async def children_of_gather_run_as_tasks_of_their_own(trace):
    main = asyncio.current_task()

    async def child(name):
        trace(name, asyncio.current_task() is main)

    await asyncio.gather(child("a"), child("b"))


# ---- shield ----


@scenario
async def shield_passes_the_value_through(trace):
    task = asyncio.create_task(gives(trace, "a", 1))
    trace(await asyncio.shield(task))
    trace(await asyncio.shield(task))
    trace(await asyncio.shield(gives(trace, "b", 1)))


@scenario
async def shield_passes_the_exception_through(trace):
    try:
        await asyncio.shield(fails(trace, "x", 1))
    except Failure as error:
        trace("main caught", why(error))


@scenario
async def shield_saves_the_inner_task(trace):
    inner = asyncio.create_task(gives(trace, "inner", 3))

    async def shields():
        try:
            await asyncio.shield(inner)
        except asyncio.CancelledError as error:
            trace("outer caught", why(error))
            raise

    outer = asyncio.create_task(shields())
    await asyncio.sleep(1)
    outer.cancel("enough")
    await watches(trace, "main", outer)
    trace(outcome(outer), outcome(inner), inner.cancelling())
    trace(await inner)


@scenario
async def shield_of_a_task_that_is_cancelled_itself(trace):
    inner = asyncio.create_task(gives(trace, "inner", 3))

    async def shields():
        await asyncio.shield(inner)

    outer = asyncio.create_task(shields())
    await asyncio.sleep(1)
    inner.cancel()
    await watches(trace, "main", outer)
    trace(outcome(outer), outer.cancelling())


@scenario
async def shield_in_gather(trace):
    inner = asyncio.create_task(gives(trace, "inner", 3))
    task = asyncio.create_task(gathers(trace, asyncio.shield(inner), gives(trace, "other", 10)))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    trace(outcome(task), outcome(inner))
    trace(await inner)


# ---- wait ----


def names(tasks, some):
    return [task.get_name() for task in tasks if task in some]


async def waits(trace, tasks, **options):
    done, pending = await asyncio.wait(tasks, **options)
    trace("done", names(tasks, done), "pending", names(tasks, pending))


def three_tasks(trace):
    return [
        asyncio.create_task(gives(trace, "a", 3), name="a"),
        asyncio.create_task(fails(trace, "x", 2), name="x"),
        asyncio.create_task(gives(trace, "b", 1), name="b"),
    ]


async def look_at(trace, tasks):
    await asyncio.sleep(5)
    trace([outcome(task) for task in tasks])


@scenario
async def wait_for_all(trace):
    tasks = three_tasks(trace)
    await waits(trace, tasks)
    await look_at(trace, tasks)


@scenario
async def wait_for_the_first(trace):
    tasks = three_tasks(trace)
    await waits(trace, tasks, return_when=asyncio.FIRST_COMPLETED)
    await look_at(trace, tasks)


@scenario
async def wait_for_the_first_exception(trace):
    tasks = three_tasks(trace)
    await waits(trace, tasks, return_when=asyncio.FIRST_EXCEPTION)
    await look_at(trace, tasks)


@scenario
async def wait_for_the_first_exception_when_there_is_none(trace):
    delays = {"a": 2, "b": 1}
    tasks = [asyncio.create_task(gives(trace, name, delay), name=name) for name, delay in delays.items()]
    await waits(trace, tasks, return_when=asyncio.FIRST_EXCEPTION)


@scenario
async def wait_for_the_first_exception_does_not_count_a_cancelled_task(trace):
    tasks = [asyncio.create_task(gives(trace, name, 3), name=name) for name in "ab"]
    asyncio.get_running_loop().call_later(1, tasks[0].cancel)
    await waits(trace, tasks, return_when=asyncio.FIRST_EXCEPTION)


@scenario
async def wait_for_the_first_counts_a_cancelled_task(trace):
    tasks = [asyncio.create_task(gives(trace, name, 3), name=name) for name in "ab"]
    asyncio.get_running_loop().call_later(1, tasks[0].cancel)
    await waits(trace, tasks, return_when=asyncio.FIRST_COMPLETED)
    await look_at(trace, tasks)


@scenario
async def two_tasks_end_in_one_pass_of_wait_for_the_first(trace):
    delays = {"a": 1, "b": 1, "c": 2}
    tasks = [asyncio.create_task(gives(trace, name, delay), name=name) for name, delay in delays.items()]
    await waits(trace, tasks, return_when=asyncio.FIRST_COMPLETED)
    await look_at(trace, tasks)


@scenario
async def wait_with_a_timeout(trace):
    tasks = three_tasks(trace)
    await waits(trace, tasks, timeout=1.5)
    await look_at(trace, tasks)


@scenario
async def wait_with_a_timeout_that_is_not_reached(trace):
    tasks = three_tasks(trace)
    await waits(trace, tasks, timeout=100)
    await look_at(trace, tasks)


@scenario
async def wait_without_time(trace):
    tasks = [asyncio.create_task(gives(trace, "a", 1), name="a")]
    await waits(trace, tasks, timeout=0)
    await look_at(trace, tasks)


@scenario
async def wait_for_what_is_done_already(trace):
    tasks = [asyncio.create_task(gives(trace, name, 1), name=name) for name in "ab"]
    await asyncio.sleep(2)
    for condition in [asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION]:
        await waits(trace, tasks, return_when=condition)


@scenario
async def wait_for_an_exception_that_is_there_already(trace):
    tasks = [
        asyncio.create_task(fails(trace, "x", 1), name="x"),
        asyncio.create_task(gives(trace, "a", 5), name="a"),
    ]
    await asyncio.sleep(2)
    await waits(trace, tasks, return_when=asyncio.FIRST_EXCEPTION)
    await look_at(trace, tasks)


@scenario
async def cancelling_wait_leaves_the_tasks_alone(trace):
    tasks = [asyncio.create_task(gives(trace, name, 3), name=name) for name in "ab"]
    waiting = asyncio.create_task(waits(trace, tasks))
    await asyncio.sleep(1)
    waiting.cancel("enough")
    await watches(trace, "main", waiting)
    trace([task.cancelling() for task in tasks])
    await look_at(trace, tasks)


@scenario
async def wait_resumes_two_passes_after_the_last_task(trace):
    ticker = Ticker()

    async def ends(rounds):
        for _ in range(rounds):
            await asyncio.sleep(0)
        trace("ends at", ticker.count)

    await asyncio.wait([asyncio.create_task(ends(rounds)) for rounds in [1, 3, 2]])
    trace("resumed at", ticker.count)
    ticker.stop()


@scenario
async def wait_for_nothing_is_refused(trace):
    try:
        await asyncio.wait([])
    except ValueError as error:
        trace(why(error))


# ---- as_completed ----


async def collects(trace, completions):
    for completed in completions:
        try:
            trace("next", await completed)
        except (Failure, TimeoutError, asyncio.CancelledError) as error:
            trace("next", why(error))


@scenario
async def as_completed_gives_tasks_in_the_order_of_their_ends(trace):
    await collects(trace, asyncio.as_completed(three_tasks(trace)))
    trace("end")


@scenario
async def as_completed_counts_duplicates_once(trace):
    task = asyncio.create_task(gives(trace, "a", 1))
    await collects(trace, asyncio.as_completed([task, task]))
    trace("end")


@scenario
async def as_completed_of_nothing(trace):
    await collects(trace, asyncio.as_completed([]))
    trace("end")


@scenario
async def as_completed_with_a_timeout(trace):
    tasks = three_tasks(trace)
    await collects(trace, asyncio.as_completed(tasks, timeout=1.5))
    await look_at(trace, tasks)


@scenario
async def as_completed_with_a_timeout_that_is_not_reached(trace):
    await collects(trace, asyncio.as_completed(three_tasks(trace), timeout=100))
    trace("end")


@scenario
async def as_completed_with_a_cancelled_task(trace):
    tasks = three_tasks(trace)
    asyncio.get_running_loop().call_later(1.5, tasks[0].cancel)
    await collects(trace, asyncio.as_completed(tasks))
    trace("end")


@scenario
async def as_completed_with_a_pause_between_two(trace):
    tasks = three_tasks(trace)
    for completed in asyncio.as_completed(tasks):
        try:
            trace("next", await completed)
        except Failure as error:
            trace("next", why(error))
        await asyncio.sleep(1.5)


@scenario
async def cancelling_as_completed_leaves_the_tasks_alone(trace):
    tasks = [asyncio.create_task(gives(trace, name, delay)) for name, delay in [("a", 3), ("b", 1)]]

    async def waits_for_next():
        for completed in asyncio.as_completed(tasks):
            trace("next", await completed)

    waiting = asyncio.create_task(waits_for_next())
    await asyncio.sleep(1.5)
    waiting.cancel("enough")
    await watches(trace, "main", waiting)
    await look_at(trace, tasks)
