# SPDX-License-Identifier: BSL-1.0
# differential/queues.py: first in first out, least first, newest first; room, join and shutdown.

import asyncio

from harness import outcome, scenario, watches, why


async def gets(trace, name, queue):
    trace(name, "got", await queue.get())


async def puts(trace, name, queue, item):
    await queue.put(item)
    trace(name, "put", item)


@scenario
async def items_come_out_in_the_order_in_which_they_went_in(trace):
    queue = asyncio.Queue()
    for item in [3, 1, 2]:
        await queue.put(item)
    trace(queue.qsize(), queue.empty(), queue.full())
    trace([queue.get_nowait() for _ in range(3)])
    trace(queue.qsize(), queue.empty())


@scenario
async def the_least_item_comes_out_first(trace):
    queue = asyncio.PriorityQueue()
    for item in [3, 1, 2]:
        await queue.put(item)
    trace([await queue.get() for _ in range(3)])


@scenario
async def the_newest_item_comes_out_first(trace):
    queue = asyncio.LifoQueue()
    for item in [3, 1, 2]:
        await queue.put(item)
    trace([await queue.get() for _ in range(3)])


@scenario
async def an_empty_queue_and_a_full_one_refuse(trace):
    queue = asyncio.Queue(1)
    try:
        queue.get_nowait()
    except asyncio.QueueEmpty as error:
        trace(why(error))
    queue.put_nowait(1)
    trace(queue.full(), queue.maxsize)
    try:
        queue.put_nowait(2)
    except asyncio.QueueFull as error:
        trace(why(error))
    trace(queue.qsize())


@scenario
async def getting_and_putting_do_not_suspend_when_they_need_not(trace):
    queue = asyncio.Queue(1)
    asyncio.get_running_loop().call_soon(trace, "other")
    await queue.put(1)
    trace(await queue.get())
    await asyncio.sleep(0)


@scenario
async def getters_are_served_in_order(trace):
    queue = asyncio.Queue()
    tasks = [asyncio.create_task(gets(trace, name, queue)) for name in "abc"]
    await asyncio.sleep(1)
    for item in [1, 2, 3]:
        queue.put_nowait(item)
    for task in tasks:
        await task


@scenario
async def putters_are_served_in_order(trace):
    queue = asyncio.Queue(1)
    tasks = [asyncio.create_task(puts(trace, name, queue, item)) for name, item in zip("abc", [1, 2, 3])]
    await asyncio.sleep(1)
    for _ in range(3):
        trace("main got", await queue.get())
        await asyncio.sleep(1)
    for task in tasks:
        await task


@scenario
async def a_producer_and_a_consumer_of_a_small_queue(trace):
    queue = asyncio.Queue(2)

    async def produces():
        for item in range(6):
            await queue.put(item)
            trace("put", item)

    async def consumes():
        for _ in range(6):
            await asyncio.sleep(1)
            trace("got", await queue.get())

    producer = asyncio.create_task(produces())
    await consumes()
    await producer


@scenario
async def a_getter_is_cancelled(trace):
    queue = asyncio.Queue()
    a = asyncio.create_task(gets(trace, "a", queue))
    b = asyncio.create_task(gets(trace, "b", queue))
    await asyncio.sleep(1)
    a.cancel()
    queue.put_nowait(1)
    await watches(trace, "main", a)
    await b


@scenario
async def a_getter_is_cancelled_after_an_item_came(trace):
    queue = asyncio.Queue()
    a = asyncio.create_task(gets(trace, "a", queue))
    b = asyncio.create_task(gets(trace, "b", queue))
    await asyncio.sleep(1)
    queue.put_nowait(1)
    a.cancel()
    await watches(trace, "main", a)
    await b
    trace(queue.qsize())


@scenario
async def the_only_getter_is_cancelled_after_an_item_came(trace):
    queue = asyncio.Queue()
    a = asyncio.create_task(gets(trace, "a", queue))
    await asyncio.sleep(1)
    queue.put_nowait(1)
    a.cancel()
    await watches(trace, "main", a)
    trace(queue.qsize(), queue.get_nowait())


@scenario
async def a_putter_is_cancelled(trace):
    queue = asyncio.Queue(1)
    queue.put_nowait(0)
    a = asyncio.create_task(puts(trace, "a", queue, 1))
    b = asyncio.create_task(puts(trace, "b", queue, 2))
    await asyncio.sleep(1)
    a.cancel()
    trace(queue.get_nowait())
    await watches(trace, "main", a)
    await b
    trace(queue.get_nowait(), queue.empty())


@scenario
async def a_putter_is_cancelled_after_there_was_room(trace):
    queue = asyncio.Queue(1)
    queue.put_nowait(0)
    a = asyncio.create_task(puts(trace, "a", queue, 1))
    b = asyncio.create_task(puts(trace, "b", queue, 2))
    await asyncio.sleep(1)
    trace(queue.get_nowait())
    a.cancel()
    await watches(trace, "main", a)
    await b
    trace(queue.get_nowait(), queue.empty())


@scenario
async def a_getter_that_comes_later_and_an_item_on_its_way(trace):
    queue = asyncio.Queue()
    a = asyncio.create_task(gets(trace, "a", queue))
    await asyncio.sleep(1)
    queue.put_nowait(1)
    trace(queue.qsize())
    b = asyncio.create_task(gets(trace, "b", queue))
    await asyncio.sleep(1)
    trace(outcome(a), outcome(b))
    queue.put_nowait(2)
    await a
    await b


@scenario
async def get_nowait_while_a_getter_is_being_woken(trace):
    queue = asyncio.Queue()
    a = asyncio.create_task(gets(trace, "a", queue))
    await asyncio.sleep(1)
    queue.put_nowait(1)
    try:
        trace("main got", queue.get_nowait())
    except asyncio.QueueEmpty as error:
        trace("main", why(error))
    await asyncio.sleep(0)
    trace(outcome(a))
    queue.put_nowait(2)
    await asyncio.sleep(1)
    trace(outcome(a))


@scenario
async def getters_of_a_priority_queue(trace):
    queue = asyncio.PriorityQueue()
    tasks = [asyncio.create_task(gets(trace, name, queue)) for name in "ab"]
    await asyncio.sleep(1)
    for item in [3, 2, 1]:
        queue.put_nowait(item)
    for task in tasks:
        await task
    trace(queue.get_nowait())


@scenario
async def join_waits_for_the_last_item_to_be_done(trace):
    queue = asyncio.Queue()

    async def works(name):
        while True:
            item = await queue.get()
            await asyncio.sleep(item)
            trace(name, "did", item)
            queue.task_done()

    workers = [asyncio.create_task(works(name)) for name in "ab"]
    for item in [3, 1, 1]:
        queue.put_nowait(item)
    await queue.join()
    trace("joined")
    for worker in workers:
        worker.cancel()
        await watches(trace, "main", worker)


@scenario
async def join_of_an_empty_queue_does_not_suspend(trace):
    queue = asyncio.Queue()
    asyncio.get_running_loop().call_soon(trace, "other")
    await queue.join()
    trace("joined")
    await asyncio.sleep(0)


@scenario
async def task_done_too_often(trace):
    queue = asyncio.Queue()
    queue.put_nowait(1)
    queue.get_nowait()
    queue.task_done()
    try:
        queue.task_done()
    except ValueError as error:
        trace(why(error))


@scenario(since=(3, 13))
async def a_queue_that_is_shut_down_is_drained(trace):
    queue = asyncio.Queue()
    queue.put_nowait(1)
    queue.shutdown()
    queue.shutdown()
    await watches(trace, "put", queue.put(2))
    await watches(trace, "get", queue.get())
    await watches(trace, "get", queue.get())
    try:
        queue.get_nowait()
    except asyncio.QueueShutDown as error:
        trace(why(error))


@scenario(since=(3, 13))
async def shutdown_wakes_those_who_wait_in_vain(trace):
    full, empty = asyncio.Queue(1), asyncio.Queue()
    full.put_nowait(0)
    tasks = [asyncio.create_task(gets(trace, name, empty)) for name in "ab"]
    tasks += [asyncio.create_task(puts(trace, name, full, 1)) for name in "cd"]
    await asyncio.sleep(1)
    full.shutdown()
    empty.shutdown()
    for task in tasks:
        await watches(trace, "main", task)
    trace(full.get_nowait())


@scenario(since=(3, 13))
async def an_immediate_shutdown_drops_the_items_and_ends_join(trace):
    queue = asyncio.Queue()
    queue.put_nowait(1)
    queue.put_nowait(2)

    async def joins():
        await queue.join()
        trace("joined")

    task = asyncio.create_task(joins())
    await asyncio.sleep(1)
    queue.shutdown(immediate=True)
    trace(queue.qsize())
    await task
    await watches(trace, "get", queue.get())
