# SPDX-License-Identifier: BSL-1.0
# differential/harness.py: what every scenario uses on the side of asyncio; harness.hpp is the same for aioxx.
# The two write the same words for the same thing, so that traces can be compared line by line.

import asyncio
import logging
import selectors
import sys
import zlib

SCENARIOS = []


class Stalled(Exception):
    """Nothing can run any more."""


class Failure(Exception):
    """What scenarios throw."""


class VirtualSelector(selectors.SelectSelector):
    """Waits no time: the clock jumps to the next deadline."""

    now = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise Stalled
        self.now += max(timeout, 0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.clock = VirtualSelector()
        super().__init__(self.clock)
        self._clock_resolution = 1e-9

    def time(self):
        return self.clock.now


class Tracer:
    """Writes lines: the loop's time in seconds, then words."""

    def __init__(self):
        self.lines = []
        self.loop = None
        self.silent = False

    def follow(self, loop):
        """Writes the time of a loop, and what is reported to its exception handler."""
        self.loop = loop

        def handler(_, context):
            self("reported:", report_kind(context["message"]), why(context.get("exception")))

        loop.set_exception_handler(handler)

    def __call__(self, *words):
        if self.silent:
            return
        time = f"{self.loop.time():g}" if self.loop else "-"
        self.lines.append(" ".join([time + ":", *map(text, words)]))


class Ticker:
    """Counts the passes of the loop. Time stands still meanwhile, because something is always ready."""

    def __init__(self):
        self.count = -1
        self.next()

    def next(self):
        self.count += 1
        self.handle = asyncio.get_running_loop().call_soon(self.next)

    def stop(self):
        self.handle.cancel()


class Ordered(dict):
    """A set that keeps its order."""

    def add(self, item):
        self[item] = None

    def discard(self, item):
        self.pop(item, None)


class TaskGroup(asyncio.TaskGroup):
    """A group that cancels its tasks in the order of creation; that of a set changes from run to run."""

    def __init__(self):
        super().__init__()
        self._tasks = Ordered()


def scenario(function=None, *, since=(3, 11)):
    """Marks a scenario: a coroutine function that gets a loop, or a function that makes its own."""
    if function is None:
        return lambda marked: scenario(marked, since=since)
    SCENARIOS.append((f"{function.__module__}/{function.__name__}", function, since))
    return function


def text(value):
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(text, value)) + "]"
    if isinstance(value, BaseException):
        return why(value)
    if isinstance(value, (bytes, bytearray)):
        return quoted(value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def quoted(value):
    if len(value) > 64:
        return f"{len(value)} bytes of checksum {zlib.adler32(value)}"
    escaped = str(value, "latin1").replace("\r", "\\r").replace("\n", "\\n")
    return f'"{escaped}"'


def why(error):
    """The kind of an exception, in the words that both sides use."""
    if error is None:
        return "no exception"
    if isinstance(error, BaseExceptionGroup):
        return "group" + text([why(each) for each in error.exceptions])
    if isinstance(error, asyncio.CancelledError):
        return f"cancelled {error}".rstrip()
    if isinstance(error, Failure):
        return f"failure {error}"
    if isinstance(error, ValueError) and isinstance(error.__context__, asyncio.LimitOverrunError):
        error = error.__context__  # readline has another name for it
    if isinstance(error, asyncio.LimitOverrunError):
        return f"limit overrun at {error.consumed}"
    if isinstance(error, asyncio.IncompleteReadError):
        return f"incomplete {quoted(error.partial)} of {text(error.expected)}"
    if isinstance(error, RuntimeError) and "is already waiting" in str(error):
        return "busy"
    for kind, name in KINDS.items():
        if isinstance(error, kind):
            return name
    return f"{type(error).__name__}: {error}"


KINDS = {
    TimeoutError: "timed out",
    asyncio.InvalidStateError: "invalid state",
    asyncio.QueueEmpty: "queue empty",
    asyncio.QueueFull: "queue full",
    getattr(asyncio, "QueueShutDown", ()): "queue shut down",
    asyncio.BrokenBarrierError: "broken barrier",
    RuntimeError: "invalid state",
    ValueError: "invalid argument",
    Stalled: "stalled",
    ConnectionResetError: "connection reset",
    ConnectionAbortedError: "connection aborted",
    BrokenPipeError: "broken pipe",
}


def outcome(future):
    """What a future or task ended with."""
    if not future.done():
        return "pending"
    if future.cancelled():
        return "cancelled"
    if future.exception() is not None:
        return why(future.exception())
    return "done" if future.result() is None else f"value {text(future.result())}"


async def shows(trace, name, operation):
    """Runs an operation and writes what it gave or how it failed."""
    try:
        trace(name, await operation)
    except (Exception, asyncio.CancelledError) as error:
        trace(name, "caught", why(error))


def begins(trace, name, operation):
    return asyncio.create_task(shows(trace, name, operation))


async def watches(trace, name, awaited):
    """Waits for a coroutine, a task or a future, and writes what it gave or how it failed."""
    try:
        trace(name, "has", await awaited)
    except (Exception, BaseExceptionGroup, asyncio.CancelledError) as error:
        trace(name, "caught", why(error))


async def cancels(trace, coroutine, delay=1, message="enough"):
    """Runs a coroutine as a task, cancels it after some time, and writes how it ended."""
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(delay)
    task.cancel(message)
    await watches(trace, "main", task)
    trace(outcome(task), task.cancelling())


def all_tasks_in_order(loop=None, all_tasks=asyncio.all_tasks):
    """asyncio.all_tasks in the order of names instead of an order that changes from run to run."""
    return sorted(all_tasks(loop), key=asyncio.Task.get_name)


def report_kind(message):
    if message.startswith("Exception in callback"):
        return "exception in a callback"
    if message.endswith("exception was never retrieved"):
        return "exception was never retrieved"
    if message.startswith("unhandled exception during asyncio.run() shutdown"):
        return "exception at shutdown"
    return message


def traced_loop(trace):
    """A loop on virtual time that the trace follows."""
    loop = VirtualLoop()
    trace.follow(loop)
    return loop


def run_on_loop(function, trace):
    loop = traced_loop(trace)
    try:
        loop.run_until_complete(function(trace))
    except BaseException as error:
        trace("ended with", why(error))
    try:
        for _ in range(32):  # whatever is ready, without any time passing
            loop.stop()
            loop.run_forever()
        if left := asyncio.all_tasks(loop):
            trace("left behind", len(left))
    finally:
        trace.silent = True
        loop.close()


def run(function, trace):
    try:
        if asyncio.iscoroutinefunction(function):
            run_on_loop(function, trace)
        else:
            function(trace)
    except BaseException as error:
        trace("ended with", why(error))
    trace.silent = True


def main():
    logging.disable()
    asyncio.tasks.all_tasks = all_tasks_in_order
    for name, function, since in SCENARIOS:
        if not any(word in name for word in sys.argv[1:] or [""]):
            continue
        print("==", name)
        trace = Tracer()
        if sys.version_info < since:
            print("skipped: needs Python " + ".".join(map(str, since)))
            continue
        run(function, trace)
        print("\n".join(trace.lines))
