# SPDX-License-Identifier: BSL-1.0
# differential/tasks.py: when tasks run, what they end with, and who they are.

import asyncio

from harness import Failure, Ticker, outcome, scenario, why


async def says(trace, *words):
    trace(*words)


@scenario
async def tasks_start_in_order_after_their_creator_suspends(trace):
    tasks = [asyncio.create_task(says(trace, "task", name)) for name in ["a", "b", "c"]]
    trace("created")
    await asyncio.sleep(0)
    trace("after", [task.done() for task in tasks])


@scenario
async def tasks_and_callbacks_start_in_the_order_of_scheduling(trace):
    loop = asyncio.get_running_loop()
    loop.call_soon(trace, "callback before")
    task = asyncio.create_task(says(trace, "task"))
    loop.call_soon(trace, "callback behind")
    await task


@scenario
async def a_task_that_is_created_in_a_callback_starts_a_pass_later(trace):
    loop = asyncio.get_running_loop()
    tasks = []

    def callback():
        tasks.append(loop.create_task(says(trace, "task")))
        trace("callback")

    loop.call_soon(callback)
    loop.call_soon(trace, "next callback")
    await asyncio.sleep(0)
    trace("one pass")
    await asyncio.sleep(0)
    trace("two passes", tasks[0].done())


@scenario
async def awaiting_a_coroutine_does_not_suspend(trace):
    asyncio.get_running_loop().call_soon(trace, "other")
    await says(trace, "coroutine")
    trace("awaited")
    await asyncio.sleep(0)


async def down(trace, depth):
    trace("down", depth)
    if depth == 0:
        await asyncio.sleep(1)
        return 1
    value = await down(trace, depth - 1)
    trace("up", depth)
    return value + 1


@scenario
async def a_chain_of_coroutines_suspends_and_resumes_as_one(trace):
    task = asyncio.create_task(down(trace, 3))
    asyncio.get_running_loop().call_soon(trace, "other")
    trace(await task)


async def cleans_up(trace, depth):
    try:
        if depth == 0:
            await asyncio.sleep(1)
            raise Failure("x")
        await cleans_up(trace, depth - 1)
    finally:
        trace("cleanup", depth)


@scenario
async def an_exception_unwinds_from_the_inside_out(trace):
    try:
        await cleans_up(trace, 3)
    except Failure as error:
        trace(why(error))


async def gives(value):
    await asyncio.sleep(1)
    return value


async def fails(words):
    await asyncio.sleep(1)
    raise Failure(words)


@scenario
async def a_task_ends_with_a_value_an_exception_or_nothing(trace):
    tasks = [asyncio.create_task(gives(7)), asyncio.create_task(fails("x")), asyncio.create_task(gives(None))]
    trace([outcome(task) for task in tasks])
    for task in tasks:
        try:
            await task
        except Failure as error:
            trace(why(error))
        trace([outcome(task) for task in tasks])


async def reads(trace, name, task):
    try:
        trace(name, await task)
    except Failure as error:
        trace(name, why(error))


@scenario
async def many_wait_for_one_task(trace):
    task = asyncio.create_task(gives(7))
    readers = [asyncio.create_task(reads(trace, name, task)) for name in ["a", "b"]]
    trace("main", await task)
    for reader in readers:
        await reader
    trace("again", await task)


@scenario
async def many_wait_for_a_task_that_fails(trace):
    task = asyncio.create_task(fails("x"))
    readers = [asyncio.create_task(reads(trace, name, task)) for name in ["a", "b"]]
    await reads(trace, "main", task)
    for reader in readers:
        await reader


@scenario
async def awaiting_a_done_task_does_not_suspend(trace):
    task = asyncio.create_task(gives(7))
    await asyncio.sleep(2)
    asyncio.get_running_loop().call_soon(trace, "other")
    trace(await task)
    await asyncio.sleep(0)


@scenario
async def done_callbacks_of_a_task_run_in_line_with_its_waiters(trace):
    task = asyncio.create_task(gives(7))
    task.add_done_callback(lambda task: trace("first callback", outcome(task)))
    reader = asyncio.create_task(reads(trace, "reader", task))
    await asyncio.sleep(0)
    task.add_done_callback(lambda task: trace("second callback", outcome(task)))
    await reader
    trace("after")


@scenario
async def the_waiter_of_a_task_resumes_one_pass_after_its_end(trace):
    ticker = Ticker()

    async def ends():
        await asyncio.sleep(0)
        trace("ends at", ticker.count)

    await asyncio.create_task(ends())
    trace("resumed at", ticker.count)
    ticker.stop()


async def counts(trace, name, rounds):
    for left in range(rounds, 0, -1):
        trace(name, left)
        await asyncio.sleep(0)


@scenario
async def sleeping_for_zero_is_fair(trace):
    rounds = {"a": 3, "b": 2, "c": 4}
    tasks = [asyncio.create_task(counts(trace, name, rounds[name])) for name in rounds]
    for task in tasks:
        await task


@scenario
async def sleeping_for_zero_takes_one_pass(trace):
    ticker = Ticker()
    await asyncio.sleep(0)
    trace(ticker.count)
    await asyncio.sleep(-1)
    trace(ticker.count)
    ticker.stop()


async def sleeps(trace, name, delay):
    trace(name, "has", await asyncio.sleep(delay, "slept"))


@scenario
async def sleepers_wake_in_the_order_of_deadlines(trace):
    delays = {"a": 3, "b": 1, "c": 2}
    tasks = [asyncio.create_task(sleeps(trace, name, delays[name])) for name in delays]
    for task in tasks:
        await task


@scenario
async def a_sleeper_and_what_a_timer_schedules_at_the_same_time(trace):
    loop = asyncio.get_running_loop()

    def timer():
        trace("timer")
        loop.call_soon(trace, "scheduled by the timer")

    loop.call_later(1, timer)
    await asyncio.sleep(1)
    trace("sleeper")
    await asyncio.sleep(1)


@scenario
async def names_are_given_and_changed(trace):
    task = asyncio.create_task(gives(1), name="given")
    trace(task.get_name())
    task.set_name("changed")
    trace(task.get_name())
    await task
    trace(task.get_name())


async def who(trace, label):
    trace(label, asyncio.current_task().get_name())
    await asyncio.sleep(0)
    trace(label, asyncio.current_task().get_name())


@scenario
async def each_task_sees_itself(trace):
    tasks = [asyncio.create_task(who(trace, name), name=name) for name in ["a", "b"]]
    asyncio.current_task().set_name("main")
    await who(trace, "in main")
    for task in tasks:
        await task
    trace(asyncio.current_task().get_name())


@scenario
async def there_is_no_current_task_in_callbacks(trace):
    task = asyncio.create_task(gives(1))
    task.add_done_callback(lambda _: trace("done callback", asyncio.current_task() is not None))
    asyncio.get_running_loop().call_later(1, lambda: trace("timer", asyncio.current_task() is not None))
    await task
    await asyncio.sleep(1)


@scenario
async def done_tasks_are_not_counted(trace):
    trace(len(asyncio.all_tasks()))
    tasks = [asyncio.create_task(gives(1)), asyncio.create_task(fails("x"))]
    trace(len(asyncio.all_tasks()))
    await asyncio.sleep(2)
    trace(len(asyncio.all_tasks()), why(tasks[1].exception()))


@scenario
async def an_error_of_a_task_that_nobody_looked_at_is_reported(trace):
    task = asyncio.create_task(fails("x"))
    await asyncio.sleep(2)
    trace("it failed")
    del task
    trace("dropped")


@scenario
async def an_error_of_a_task_that_was_awaited_is_not_reported(trace):
    task = asyncio.create_task(fails("x"))
    try:
        await task
    except Failure as error:
        trace(why(error))
    del task
    trace("dropped")


@scenario
async def a_task_cannot_await_itself(trace):
    tasks = []

    async def narcissus():
        try:
            await tasks[0]
        except RuntimeError as error:
            trace(why(error))

    tasks.append(asyncio.create_task(narcissus()))
    await tasks[0]
    trace(outcome(tasks[0]))


async def plays(trace, name, mine, other, rounds):
    for left in range(rounds, 0, -1):
        await mine[left]
        trace(name, left)
        other[left].set_result(None)


@scenario
async def two_tasks_play_ping_pong(trace):
    loop = asyncio.get_running_loop()
    ping = [loop.create_future() for _ in range(4)]
    pong = [loop.create_future() for _ in range(4)]
    ticker = Ticker()
    one = asyncio.create_task(plays(trace, "ping", ping, pong, 3))
    other = asyncio.create_task(plays(trace, "pong", pong, ping[-1:] + ping, 3))
    ping[3].set_result(None)
    await one
    await other
    trace("passes", ticker.count)
    ticker.stop()


async def spawns(trace, depth):
    trace("begins", depth)
    if depth > 0:
        await asyncio.create_task(spawns(trace, depth - 1))
    trace("ends", depth)


@scenario
async def tasks_that_await_tasks(trace):
    ticker = Ticker()
    await spawns(trace, 3)
    trace("passes", ticker.count)
    ticker.stop()


@scenario
async def the_main_task_leaves_others_behind(trace):
    tasks = [asyncio.create_task(gives(1)), asyncio.create_task(says(trace, "ready ones run"))]
    trace("end", len(tasks))
