# SPDX-License-Identifier: BSL-1.0
# differential/sync.py: lock, event, semaphore, condition and barrier.

import asyncio

from harness import outcome, scenario, watches, why


async def passes(count):
    for _ in range(count):
        await asyncio.sleep(0)


# ---- lock ----


async def locks(trace, name, lock, delay):
    trace(name, "asks", lock.locked())
    async with lock:
        trace(name, "has it")
        await asyncio.sleep(delay)
        trace(name, "releases")


@scenario
async def a_lock_is_served_first_come_first_served(trace):
    lock = asyncio.Lock()
    tasks = [asyncio.create_task(locks(trace, name, lock, 1)) for name in ["a", "b", "c"]]
    for task in tasks:
        await task
    trace(lock.locked())


@scenario
async def a_free_lock_does_not_suspend(trace):
    lock = asyncio.Lock()
    asyncio.get_running_loop().call_soon(trace, "other")
    await lock.acquire()
    trace("acquired", lock.locked())
    lock.release()
    trace(lock.locked())
    await asyncio.sleep(0)


@scenario
async def a_free_lock_cannot_be_released(trace):
    try:
        asyncio.Lock().release()
    except RuntimeError as error:
        trace(why(error))


@scenario
async def a_task_that_waits_for_a_lock_is_cancelled(trace):
    lock = asyncio.Lock()
    await lock.acquire()
    a = asyncio.create_task(locks(trace, "a", lock, 0))
    b = asyncio.create_task(locks(trace, "b", lock, 0))
    await asyncio.sleep(1)
    a.cancel()
    await watches(trace, "main", a)
    lock.release()
    await b
    trace(lock.locked())


@scenario
async def a_task_that_was_given_a_lock_is_cancelled(trace):
    lock = asyncio.Lock()
    await lock.acquire()
    a = asyncio.create_task(locks(trace, "a", lock, 0))
    b = asyncio.create_task(locks(trace, "b", lock, 0))
    await asyncio.sleep(1)
    lock.release()
    a.cancel()
    await watches(trace, "main", a)
    await b
    trace(lock.locked())


@scenario
async def the_only_task_that_was_given_a_lock_is_cancelled(trace):
    lock = asyncio.Lock()
    await lock.acquire()
    a = asyncio.create_task(locks(trace, "a", lock, 0))
    await asyncio.sleep(1)
    lock.release()
    a.cancel()
    await watches(trace, "main", a)
    trace(lock.locked())
    await locks(trace, "main", lock, 0)


@scenario
async def a_newcomer_does_not_overtake(trace):
    lock = asyncio.Lock()
    await lock.acquire()
    a = asyncio.create_task(locks(trace, "a", lock, 0))
    await asyncio.sleep(1)
    lock.release()
    async with lock:
        trace("main has it")
    await a


@scenario
async def a_lock_on_its_way_to_the_next_task(trace):
    lock = asyncio.Lock()
    await lock.acquire()
    a = asyncio.create_task(locks(trace, "a", lock, 0))
    await asyncio.sleep(1)
    lock.release()
    trace(lock.locked())
    await a


@scenario
async def waiting_for_a_lock_with_a_timeout(trace):
    lock = asyncio.Lock()
    await lock.acquire()
    await watches(trace, "main", asyncio.wait_for(lock.acquire(), 1))
    lock.release()
    trace(lock.locked())


# ---- event ----


async def waits(trace, name, event):
    await event.wait()
    trace(name, "passes", event.is_set())


@scenario
async def an_event_wakes_all_in_order(trace):
    event = asyncio.Event()
    tasks = [asyncio.create_task(waits(trace, name, event)) for name in ["a", "b"]]
    await asyncio.sleep(1)
    event.set()
    trace("set")
    for task in tasks:
        await task
    await waits(trace, "main", event)


@scenario
async def an_event_that_is_cleared_at_once_wakes_all_the_same(trace):
    event = asyncio.Event()
    tasks = [asyncio.create_task(waits(trace, name, event)) for name in ["a", "b"]]
    await asyncio.sleep(1)
    event.set()
    event.clear()
    late = asyncio.create_task(waits(trace, "late", event))
    for task in tasks:
        await task
    trace(outcome(late))
    event.set()
    await late


@scenario
async def a_task_that_waits_for_an_event_is_cancelled(trace):
    event = asyncio.Event()
    tasks = [asyncio.create_task(waits(trace, name, event)) for name in ["a", "b"]]
    await asyncio.sleep(1)
    tasks[0].cancel("enough")
    event.set()
    for task in tasks:
        await watches(trace, "main", task)


@scenario
async def a_task_that_was_woken_by_an_event_is_cancelled(trace):
    event = asyncio.Event()
    task = asyncio.create_task(waits(trace, "a", event))
    await asyncio.sleep(1)
    event.set()
    task.cancel("enough")
    await watches(trace, "main", task)


# ---- semaphore ----


async def takes(trace, name, semaphore, delay):
    async with semaphore:
        trace(name, "has one", semaphore.locked())
        await asyncio.sleep(delay)
        trace(name, "gives it back")


@scenario
async def a_semaphore_lets_as_many_in_as_it_has(trace):
    semaphore = asyncio.Semaphore(2)
    delays = {"a": 3, "b": 1, "c": 2, "d": 1, "e": 1}
    tasks = [asyncio.create_task(takes(trace, name, semaphore, delay)) for name, delay in delays.items()]
    for task in tasks:
        await task
    trace(semaphore.locked())


@scenario
async def a_semaphore_of_zero(trace):
    semaphore = asyncio.Semaphore(0)
    task = asyncio.create_task(takes(trace, "a", semaphore, 0))
    await asyncio.sleep(1)
    trace(semaphore.locked())
    semaphore.release()
    await task
    trace(semaphore.locked())


@scenario
async def several_units_are_released_in_a_row(trace):
    semaphore = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(takes(trace, name, semaphore, 0)) for name in "abc"]
    await asyncio.sleep(1)
    semaphore.release()
    semaphore.release()
    trace(semaphore.locked())
    for task in tasks:
        await task


@scenario
async def a_newcomer_does_not_overtake_at_a_semaphore(trace):
    semaphore = asyncio.Semaphore(1)
    await semaphore.acquire()
    task = asyncio.create_task(takes(trace, "a", semaphore, 0))
    await asyncio.sleep(1)
    semaphore.release()
    await takes(trace, "main", semaphore, 0)
    await task


@scenario
async def a_task_that_waits_for_a_semaphore_is_cancelled(trace):
    semaphore = asyncio.Semaphore(1)
    await semaphore.acquire()
    tasks = [asyncio.create_task(takes(trace, name, semaphore, 0)) for name in "abc"]
    await asyncio.sleep(1)
    tasks[1].cancel()
    semaphore.release()
    for task in tasks:
        await watches(trace, "main", task)
    trace(semaphore.locked())


@scenario
async def a_task_that_was_given_a_unit_is_cancelled(trace):
    semaphore = asyncio.Semaphore(1)
    await semaphore.acquire()
    tasks = [asyncio.create_task(takes(trace, name, semaphore, 0)) for name in "ab"]
    await asyncio.sleep(1)
    semaphore.release()
    tasks[0].cancel()
    for task in tasks:
        await watches(trace, "main", task)
    trace(semaphore.locked())


@scenario
async def a_bounded_semaphore_refuses_too_many(trace):
    semaphore = asyncio.BoundedSemaphore(1)
    await semaphore.acquire()
    semaphore.release()
    try:
        semaphore.release()
    except ValueError as error:
        trace(why(error))
    trace(semaphore.locked())


@scenario
async def an_unbounded_semaphore_grows(trace):
    semaphore = asyncio.Semaphore(1)
    semaphore.release()
    await semaphore.acquire()
    trace(semaphore.locked())
    await semaphore.acquire()
    trace(semaphore.locked())


# ---- condition ----


async def expects(trace, name, condition):
    async with condition:
        try:
            await condition.wait()
            trace(name, "notified", condition.locked())
        except asyncio.CancelledError as error:
            trace(name, "caught", why(error), condition.locked())
            raise


@scenario
async def notify_wakes_as_many_as_asked(trace):
    condition = asyncio.Condition()
    tasks = [asyncio.create_task(expects(trace, name, condition)) for name in "abcd"]
    await asyncio.sleep(1)
    for count in [1, 2]:
        async with condition:
            condition.notify(count)
            trace("notified", count)
        await asyncio.sleep(1)
    async with condition:
        condition.notify_all()
        trace("notified all")
    for task in tasks:
        await task


@scenario
async def notify_of_more_than_there_are(trace):
    condition = asyncio.Condition()
    task = asyncio.create_task(expects(trace, "a", condition))
    await asyncio.sleep(1)
    async with condition:
        condition.notify(5)
    await task
    late = asyncio.create_task(expects(trace, "late", condition))
    await asyncio.sleep(1)
    trace(outcome(late))
    async with condition:
        condition.notify()
    await late


@scenario
async def a_condition_wants_its_lock_held(trace):
    condition = asyncio.Condition()
    for operation in [condition.notify, condition.notify_all, condition.release]:
        try:
            operation()
        except RuntimeError as error:
            trace(why(error))
    try:
        await condition.wait()
    except RuntimeError as error:
        trace(why(error))


@scenario
async def a_task_that_waits_for_a_condition_is_cancelled(trace):
    condition = asyncio.Condition()
    tasks = [asyncio.create_task(expects(trace, name, condition)) for name in "ab"]
    await asyncio.sleep(1)
    tasks[0].cancel("enough")
    await watches(trace, "main", tasks[0])
    trace(condition.locked())
    async with condition:
        condition.notify()
    await tasks[1]


@scenario
async def a_cancelled_task_waits_for_the_lock_of_its_condition(trace):
    condition = asyncio.Condition()
    task = asyncio.create_task(expects(trace, "a", condition))
    await asyncio.sleep(1)
    async with condition:
        task.cancel("enough")
        await asyncio.sleep(2)
        trace("main releases", outcome(task))
    await watches(trace, "main", task)
    trace(condition.locked())


@scenario
async def a_task_that_was_notified_is_cancelled(trace):
    condition = asyncio.Condition()
    tasks = [asyncio.create_task(expects(trace, name, condition)) for name in "ab"]
    await asyncio.sleep(1)
    async with condition:
        condition.notify()
        tasks[0].cancel("enough")
    await watches(trace, "main", tasks[0])
    await passes(5)
    trace(outcome(tasks[1]))
    async with condition:
        condition.notify_all()
    await watches(trace, "main", tasks[1])


@scenario
async def condition_wait_for_a_predicate(trace):
    condition = asyncio.Condition()
    numbers = []

    async def collects():
        async with condition:
            trace(await condition.wait_for(lambda: len(numbers) >= 3))

    task = asyncio.create_task(collects())
    for number in range(4):
        await asyncio.sleep(1)
        async with condition:
            numbers.append(number)
            trace("added", number)
            condition.notify()
    await task


@scenario
async def a_wait_for_a_condition_that_times_out(trace):
    condition = asyncio.Condition()
    async with condition:
        try:
            await asyncio.wait_for(condition.wait(), 1)
        except TimeoutError as error:
            trace(why(error), condition.locked())
    trace(condition.locked())


# ---- barrier ----


async def meets(trace, name, barrier):
    try:
        trace(name, "passes as", await barrier.wait())
    except asyncio.BrokenBarrierError as error:
        trace(name, "caught", why(error))


@scenario
async def a_barrier_lets_all_pass_together(trace):
    barrier = asyncio.Barrier(3)
    trace(barrier.parties, barrier.n_waiting, barrier.broken)
    tasks = [asyncio.create_task(meets(trace, name, barrier)) for name in "ab"]
    await asyncio.sleep(1)
    trace(barrier.n_waiting)
    await meets(trace, "main", barrier)
    for task in tasks:
        await task
    trace(barrier.n_waiting)


@scenario
async def a_barrier_is_used_again(trace):
    barrier = asyncio.Barrier(2)
    tasks = [asyncio.create_task(meets(trace, name, barrier)) for name in "abcd"]
    for task in tasks:
        await task


@scenario
async def a_barrier_of_one(trace):
    barrier = asyncio.Barrier(1)
    asyncio.get_running_loop().call_soon(trace, "other")
    await meets(trace, "main", barrier)
    await asyncio.sleep(0)
    await meets(trace, "main", barrier)


@scenario
async def a_task_that_waits_at_a_barrier_is_cancelled(trace):
    barrier = asyncio.Barrier(3)
    a = asyncio.create_task(meets(trace, "a", barrier))
    b = asyncio.create_task(meets(trace, "b", barrier))
    await asyncio.sleep(1)
    a.cancel()
    await watches(trace, "main", a)
    trace(barrier.n_waiting)
    c = asyncio.create_task(meets(trace, "c", barrier))
    await asyncio.sleep(1)
    await meets(trace, "main", barrier)
    await b
    await c


@scenario
async def a_barrier_is_reset(trace):
    barrier = asyncio.Barrier(3)
    tasks = [asyncio.create_task(meets(trace, name, barrier)) for name in "ab"]
    await asyncio.sleep(1)
    await barrier.reset()
    for task in tasks:
        await task
    trace(barrier.n_waiting, barrier.broken)


@scenario
async def a_barrier_is_aborted(trace):
    barrier = asyncio.Barrier(2)
    task = asyncio.create_task(meets(trace, "a", barrier))
    await asyncio.sleep(1)
    await barrier.abort()
    await task
    trace(barrier.broken)
    await meets(trace, "main", barrier)
    await barrier.reset()
    trace(barrier.broken)
    task = asyncio.create_task(meets(trace, "a", barrier))
    await asyncio.sleep(1)
    await meets(trace, "main", barrier)
    await task


@scenario
async def a_barrier_of_nobody(trace):
    try:
        asyncio.Barrier(0)
    except ValueError as error:
        trace(why(error))
