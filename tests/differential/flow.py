# SPDX-License-Identifier: BSL-1.0
# differential/flow.py: a stream writer over a transport that does nothing: drain, the end of the connection.

import asyncio

from fake_transport import FakeTransport
from harness import Failure, begins, outcome, scenario, shows, why


class Stream:
    """A stream whose transport is played by the scenario."""

    def __init__(self, trace, limit=2**16):
        loop = asyncio.get_running_loop()
        self.transport = FakeTransport(trace)
        self.reader = asyncio.StreamReader(limit)
        self.protocol = asyncio.StreamReaderProtocol(self.reader)
        self.protocol.connection_made(self.transport)
        self.writer = asyncio.StreamWriter(self.transport, self.protocol, self.reader, loop)

    def lost(self, error=None):
        self.protocol.connection_lost(error)

    def ends(self):
        """The last step of a scenario: nothing is left to be cleaned up."""
        self.transport.closing = True


# ---- drain ----


@scenario
async def drain_does_not_suspend(trace):
    stream = Stream(trace)
    asyncio.get_running_loop().call_soon(trace, "other")
    stream.writer.write(b"ab")
    await shows(trace, "drain", stream.writer.drain())
    await asyncio.sleep(0)
    stream.ends()


@scenario
async def drain_waits_while_writing_is_paused(trace):
    stream = Stream(trace)
    stream.protocol.pause_writing()
    task = begins(trace, "drain", stream.writer.drain())
    await asyncio.sleep(1)
    trace(outcome(task))
    stream.protocol.resume_writing()
    await task
    await shows(trace, "again", stream.writer.drain())
    stream.ends()


@scenario
async def several_drain(trace):
    stream = Stream(trace)
    stream.protocol.pause_writing()
    tasks = [begins(trace, name, stream.writer.drain()) for name in "abc"]
    await asyncio.sleep(1)
    stream.protocol.resume_writing()
    for task in tasks:
        await task
    stream.ends()


@scenario
async def one_of_several_who_drain_is_cancelled(trace):
    stream = Stream(trace)
    stream.protocol.pause_writing()
    tasks = [begins(trace, name, stream.writer.drain()) for name in "abc"]
    await asyncio.sleep(1)
    tasks[1].cancel("enough")
    await asyncio.sleep(1)
    stream.protocol.resume_writing()
    for task in tasks:
        await task
    stream.ends()


@scenario
async def writing_is_paused_again_before_who_drains_runs(trace):
    stream = Stream(trace)
    stream.protocol.pause_writing()
    task = begins(trace, "drain", stream.writer.drain())
    await asyncio.sleep(1)
    stream.protocol.resume_writing()
    stream.protocol.pause_writing()
    await asyncio.sleep(1)
    trace(outcome(task))
    late = begins(trace, "late", stream.writer.drain())
    await asyncio.sleep(1)
    stream.protocol.resume_writing()
    await task
    await late
    stream.ends()


@scenario
async def who_drains_runs_a_pass_after_writing_goes_on(trace):
    stream = Stream(trace)
    stream.protocol.pause_writing()
    task = begins(trace, "drain", stream.writer.drain())
    await asyncio.sleep(1)
    loop = asyncio.get_running_loop()
    loop.call_soon(trace, "before")
    stream.protocol.resume_writing()
    loop.call_soon(trace, "after")
    await task
    stream.ends()


@scenario
async def writing_in_spite_of_the_pause(trace):
    stream = Stream(trace)
    stream.protocol.pause_writing()
    stream.writer.write(b"ab")
    stream.writer.writelines([b"cd", b"", b"ef"])
    stream.protocol.resume_writing()
    await shows(trace, "drain", stream.writer.drain())
    stream.ends()


# ---- the connection is lost ----


@scenario
async def the_connection_ends_during_drain(trace):
    stream = Stream(trace)
    stream.protocol.pause_writing()
    tasks = [begins(trace, name, stream.writer.drain()) for name in "ab"]
    await asyncio.sleep(1)
    stream.lost()
    for task in tasks:
        await task
    stream.ends()


@scenario
async def the_connection_breaks_during_drain(trace):
    stream = Stream(trace)
    stream.protocol.pause_writing()
    tasks = [begins(trace, name, stream.writer.drain()) for name in "ab"]
    await asyncio.sleep(1)
    stream.lost(Failure("x"))
    for task in tasks:
        await task
    stream.ends()


@scenario
async def drain_after_the_end(trace):
    stream = Stream(trace)
    stream.lost()
    for _ in range(2):
        await shows(trace, "drain", stream.writer.drain())
    stream.ends()


@scenario
async def drain_after_a_break(trace):
    stream = Stream(trace)
    stream.lost(Failure("x"))
    for _ in range(2):
        await shows(trace, "drain", stream.writer.drain())
    stream.ends()


@scenario
async def drain_after_the_connection_was_lost_while_paused(trace):
    stream = Stream(trace)
    stream.protocol.pause_writing()
    stream.lost()
    await shows(trace, "drain", stream.writer.drain())
    stream.ends()


@scenario
async def a_reader_learns_of_the_end(trace):
    stream = Stream(trace)
    task = begins(trace, "read", stream.reader.read(5))
    await asyncio.sleep(1)
    stream.lost()
    await task
    trace(stream.reader.at_eof(), why(stream.reader.exception()))
    stream.ends()


@scenario
async def a_reader_learns_of_a_break(trace):
    stream = Stream(trace)
    task = begins(trace, "read", stream.reader.read(5))
    await asyncio.sleep(1)
    stream.lost(Failure("x"))
    await task
    trace(why(stream.reader.exception()))
    stream.ends()


@scenario
async def what_has_come_before_the_end(trace):
    stream = Stream(trace)
    stream.protocol.data_received(b"abc")
    stream.lost()
    await shows(trace, "read", stream.reader.read(2))
    await shows(trace, "read", stream.reader.read(2))
    await shows(trace, "read", stream.reader.read(2))
    stream.ends()


@scenario
async def the_peer_has_no_more(trace):
    stream = Stream(trace)
    task = begins(trace, "read", stream.reader.read(5))
    await asyncio.sleep(1)
    trace("keeps open", stream.protocol.eof_received())
    await task
    stream.writer.write(b"ab")
    await shows(trace, "drain", stream.writer.drain())
    stream.ends()


@scenario
async def an_error_of_the_reader_and_drain(trace):
    stream = Stream(trace)
    stream.reader.set_exception(Failure("x"))
    await shows(trace, "drain", stream.writer.drain())
    stream.ends()


# ---- closing ----


@scenario
async def close_and_is_closing(trace):
    stream = Stream(trace)
    trace(stream.writer.is_closing())
    stream.writer.close()
    trace(stream.writer.is_closing())
    stream.lost()
    trace(stream.writer.is_closing())


@scenario
async def close_twice(trace):
    stream = Stream(trace)
    stream.writer.close()
    stream.writer.close()
    stream.lost()


@scenario
async def drain_while_closing(trace):
    stream = Stream(trace)
    stream.writer.close()
    asyncio.get_running_loop().call_soon(trace, "other")
    await shows(trace, "drain", stream.writer.drain())
    await asyncio.sleep(1)
    stream.lost()


@scenario
async def writing_after_close(trace):
    stream = Stream(trace)
    stream.writer.close()
    stream.writer.write(b"ab")
    task = begins(trace, "drain", stream.writer.drain())
    await asyncio.sleep(1)
    trace(outcome(task))
    stream.lost()
    await task


@scenario
async def writing_after_the_end(trace):
    stream = Stream(trace)
    stream.ends()
    stream.lost()
    stream.writer.write(b"ab")
    await shows(trace, "drain", stream.writer.drain())


@scenario
async def wait_closed_waits_for_the_end(trace):
    stream = Stream(trace)
    tasks = [begins(trace, name, stream.writer.wait_closed()) for name in "ab"]
    await asyncio.sleep(1)
    stream.writer.close()
    await asyncio.sleep(1)
    trace(outcome(tasks[0]), outcome(tasks[1]))
    stream.lost()
    for task in tasks:
        await task
    await shows(trace, "again", stream.writer.wait_closed())


@scenario
async def wait_closed_and_a_break(trace):
    stream = Stream(trace)
    task = begins(trace, "closed", stream.writer.wait_closed())
    await asyncio.sleep(1)
    stream.lost(Failure("x"))
    await task
    await shows(trace, "again", stream.writer.wait_closed())
    stream.ends()


@scenario
async def wait_closed_is_cancelled(trace):
    stream = Stream(trace)
    one, other = (begins(trace, name, stream.writer.wait_closed()) for name in ["one", "other"])
    await asyncio.sleep(1)
    other.cancel("enough")
    await other
    stream.lost()
    await one
    stream.ends()


@scenario
async def ending_the_half_that_writes(trace):
    stream = Stream(trace)
    trace(stream.writer.can_write_eof())
    stream.writer.write(b"ab")
    stream.writer.write_eof()
    stream.protocol.data_received(b"cd")
    await shows(trace, "read", stream.reader.read(5))
    stream.ends()


# ---- both directions ----


@scenario
async def a_stream_that_nobody_reads_is_paused(trace):
    stream = Stream(trace, limit=2)
    stream.protocol.data_received(b"abcd")
    stream.protocol.data_received(b"e")
    await shows(trace, "read", stream.reader.read(2))
    await shows(trace, "read", stream.reader.read(2))
    stream.ends()


@scenario
async def a_stream_that_is_paused_when_it_is_lost(trace):
    stream = Stream(trace, limit=2)
    stream.protocol.data_received(b"abcdefgh")
    stream.lost()
    await shows(trace, "all", stream.reader.read())
    stream.ends()


@scenario
async def an_echo_that_waits_for_its_peer(trace):
    stream = Stream(trace)

    async def echoes():
        while data := await stream.reader.readline():
            stream.writer.write(data)
            await stream.writer.drain()
        stream.writer.close()

    task = begins(trace, "echo", echoes())
    await asyncio.sleep(1)
    stream.protocol.data_received(b"one\n")
    await asyncio.sleep(1)
    stream.protocol.pause_writing()
    stream.protocol.data_received(b"two\nthree\n")
    await asyncio.sleep(1)
    stream.protocol.resume_writing()
    stream.protocol.data_received(b"four")
    await asyncio.sleep(1)
    stream.protocol.eof_received()
    await task
    stream.lost()
