# SPDX-License-Identifier: BSL-1.0
# differential/reader.py: a stream reader that is fed by hand: bytes, lines, separators, limits, the end, errors.

import asyncio

from fake_transport import FakeTransport
from harness import Failure, begins, outcome, scenario, shows, why


def fed(*pieces, limit=2**16, ended=False):
    reader = asyncio.StreamReader(limit)
    for piece in pieces:
        reader.feed_data(piece)
    if ended:
        reader.feed_eof()
    return reader


# ---- read ----


@scenario
async def read_gives_what_is_there(trace):
    reader = fed(b"abc", b"def")
    await shows(trace, "four", reader.read(4))
    await shows(trace, "ten", reader.read(10))


@scenario
async def reading_nothing_does_not_wait(trace):
    reader = fed()
    await shows(trace, "none", reader.read(0))
    await shows(trace, "exactly none", reader.readexactly(0))


@scenario
async def read_does_not_suspend_when_bytes_are_there(trace):
    reader = fed(b"a\nbc")
    asyncio.get_running_loop().call_soon(trace, "other")
    await shows(trace, "line", reader.readline())
    await shows(trace, "exactly", reader.readexactly(1))
    await shows(trace, "read", reader.read(10))
    await asyncio.sleep(0)


@scenario
async def read_waits_for_bytes(trace):
    reader = fed()
    task = begins(trace, "read", reader.read(10))
    await asyncio.sleep(1)
    reader.feed_data(b"ab")
    await task


@scenario
async def a_reader_runs_a_pass_after_its_bytes_came(trace):
    reader = fed()
    task = begins(trace, "read", reader.read(10))
    await asyncio.sleep(1)
    loop = asyncio.get_running_loop()
    loop.call_soon(trace, "before")
    reader.feed_data(b"ab")
    loop.call_soon(trace, "after")
    await task


@scenario
async def bytes_that_come_before_a_woken_reader_runs(trace):
    reader = fed()
    task = begins(trace, "read", reader.read(10))
    await asyncio.sleep(1)
    reader.feed_data(b"ab")
    reader.feed_data(b"cd")
    await task
    reader.feed_eof()
    await shows(trace, "rest", reader.read(10))


@scenario
async def no_bytes_wake_nobody(trace):
    reader = fed()
    task = begins(trace, "read", reader.read(10))
    await asyncio.sleep(1)
    reader.feed_data(b"")
    await asyncio.sleep(1)
    trace(outcome(task))
    reader.feed_data(b"x")
    await task


@scenario
async def read_until_the_end(trace):
    reader = fed(b"ab")
    task = begins(trace, "all", reader.read())
    await asyncio.sleep(1)
    reader.feed_data(b"cd")
    await asyncio.sleep(1)
    reader.feed_data(b"ef")
    reader.feed_eof()
    await task


@scenario
async def read_until_the_end_whatever_the_limit(trace):
    reader = fed(b"abcdefghijklmnop", limit=4, ended=True)
    await shows(trace, "all", reader.read())


@scenario
async def the_end_is_no_bytes(trace):
    reader = fed(ended=True)
    for _ in range(2):
        await shows(trace, "read", reader.read(5))
    await shows(trace, "all", reader.read())
    await shows(trace, "line", reader.readline())


@scenario
async def the_end_wakes_a_reader(trace):
    reader = fed()
    task = begins(trace, "read", reader.read(5))
    await asyncio.sleep(1)
    reader.feed_eof()
    await task


@scenario
async def at_eof_when_all_is_read(trace):
    reader = fed(b"ab")
    trace(reader.at_eof())
    reader.feed_eof()
    trace(reader.at_eof())
    await shows(trace, "read", reader.read(1))
    trace(reader.at_eof())
    await shows(trace, "read", reader.read(1))
    trace(reader.at_eof())


# ---- readexactly ----


@scenario
async def readexactly_collects(trace):
    reader = fed(b"ab")
    task = begins(trace, "five", reader.readexactly(5))
    for piece in [b"c", b"defg"]:
        await asyncio.sleep(1)
        reader.feed_data(piece)
    await task
    await shows(trace, "rest", reader.read(10))


@scenario
async def readexactly_may_exceed_the_limit(trace):
    reader = fed(limit=2)
    task = begins(trace, "ten", reader.readexactly(10))
    await asyncio.sleep(1)
    reader.feed_data(b"abcdefg")
    await asyncio.sleep(1)
    reader.feed_data(b"hijk")
    await task


@scenario
async def readexactly_is_incomplete_at_the_end(trace):
    reader = fed(b"abc", ended=True)
    await shows(trace, "five", reader.readexactly(5))
    trace(reader.at_eof())
    await shows(trace, "one", reader.readexactly(1))


@scenario
async def a_waiting_readexactly_is_incomplete_at_the_end(trace):
    reader = fed(b"abc")
    task = begins(trace, "five", reader.readexactly(5))
    await asyncio.sleep(1)
    reader.feed_data(b"d")
    reader.feed_eof()
    await task
    trace(reader.at_eof())


@scenario
async def readexactly_of_all_there_is_at_the_end(trace):
    reader = fed(b"abc", ended=True)
    await shows(trace, "three", reader.readexactly(3))
    trace(reader.at_eof())


# ---- readline ----


@scenario
async def lines_with_their_ends(trace):
    reader = fed(b"one\ntwo\n\nth", b"ree", ended=True)
    for _ in range(5):
        await shows(trace, "line", reader.readline())


@scenario
async def a_line_in_pieces(trace):
    reader = fed(b"a")
    task = begins(trace, "line", reader.readline())
    for piece in [b"b", b"c\nd"]:
        await asyncio.sleep(1)
        reader.feed_data(piece)
    await task
    reader.feed_eof()
    await shows(trace, "line", reader.readline())


@scenario
async def lines_until_the_end(trace):
    reader = fed(b"one\n\ntwo", ended=True)
    async for line in reader:
        trace(line)
    trace("end")


@scenario
async def a_line_as_long_as_the_limit(trace):
    reader = fed(b"abcd\nabcde\n", limit=4)
    await shows(trace, "line", reader.readline())
    await shows(trace, "line", reader.readline())


@scenario
async def a_line_above_the_limit_is_dropped(trace):
    reader = fed(b"abcdefgh\nnext\n", limit=5)
    await shows(trace, "line", reader.readline())
    await shows(trace, "line", reader.readline())


@scenario
async def the_beginning_of_a_line_above_the_limit_is_dropped(trace):
    reader = fed(b"abcdefgh", limit=5)
    await shows(trace, "line", reader.readline())
    reader.feed_data(b"ij\nnext\n")
    await shows(trace, "line", reader.readline())
    await shows(trace, "line", reader.readline())


@scenario
async def a_line_grows_above_the_limit(trace):
    reader = fed(b"abcd", limit=5)
    task = begins(trace, "line", reader.readline())
    await asyncio.sleep(1)
    trace(outcome(task))
    reader.feed_data(b"efg")
    await task
    reader.feed_data(b"h\n")
    await shows(trace, "line", reader.readline())


@scenario
async def the_rest_of_a_stream_is_above_the_limit(trace):
    reader = fed(b"abcdefgh", limit=5, ended=True)
    await shows(trace, "line", reader.readline())
    await shows(trace, "line", reader.readline())


# ---- readuntil ----


@scenario
async def readuntil_a_separator(trace):
    reader = fed(b"ab--cd--ef", ended=True)
    for _ in range(4):
        await shows(trace, "part", reader.readuntil(b"--"))


@scenario
async def readuntil_the_default_separator(trace):
    reader = fed(b"ab\ncd")
    await shows(trace, "part", reader.readuntil())


@scenario
async def a_separator_in_pieces(trace):
    reader = fed(b"ab-")
    task = begins(trace, "part", reader.readuntil(b"-=-"))
    for piece in [b"=", b"=-", b"=", b"-x"]:
        await asyncio.sleep(1)
        reader.feed_data(piece)
    await task
    await shows(trace, "rest", reader.read(10))


@scenario
async def a_separator_that_overlaps_itself(trace):
    reader = fed(b"aaab", b"aaaab")
    await shows(trace, "part", reader.readuntil(b"aab"))
    await shows(trace, "part", reader.readuntil(b"aab"))


@scenario
async def an_empty_separator(trace):
    reader = fed(b"ab")
    await shows(trace, "part", reader.readuntil(b""))


@scenario
async def readuntil_is_incomplete_at_the_end(trace):
    reader = fed(b"abc", ended=True)
    await shows(trace, "part", reader.readuntil(b"--"))
    trace(reader.at_eof())
    await shows(trace, "part", reader.readuntil(b"--"))


@scenario
async def readuntil_of_a_part_as_long_as_the_limit(trace):
    reader = fed(b"abcd--", limit=4)
    await shows(trace, "part", reader.readuntil(b"--"))


@scenario
async def readuntil_above_the_limit_leaves_the_bytes(trace):
    reader = fed(b"abcdef--gh", limit=4)
    for _ in range(2):
        await shows(trace, "part", reader.readuntil(b"--"))
    await shows(trace, "read", reader.read(20))


@scenario
async def readuntil_without_a_separator_above_the_limit(trace):
    reader = fed(b"abcde", limit=4)
    task = begins(trace, "part", reader.readuntil(b"--"))
    await asyncio.sleep(1)
    trace(outcome(task))
    reader.feed_data(b"f")
    await task
    await shows(trace, "part", reader.readuntil(b"--"))
    await shows(trace, "read", reader.read(20))


@scenario
async def readuntil_above_the_limit_at_the_end(trace):
    reader = fed(b"abcdefgh", limit=4, ended=True)
    await shows(trace, "part", reader.readuntil(b"--"))
    await shows(trace, "read", reader.read(20))


@scenario(since=(3, 13))
async def the_separator_that_ends_first(trace):
    reader = fed(b"ab;cd--ef;", b"--")
    for _ in range(4):
        await shows(trace, "part", reader.readuntil((b"--", b";")))


@scenario(since=(3, 13))
async def separators_within_separators(trace):
    reader = fed(b"x\r\ny\nz\r\n")
    for _ in range(3):
        await shows(trace, "part", reader.readuntil((b"\r\n", b"\n")))


@scenario(since=(3, 13))
async def a_long_separator_that_begins_first_and_ends_last(trace):
    reader = fed(b"a-<->-b")
    await shows(trace, "part", reader.readuntil((b"-<->-", b"<-")))
    await shows(trace, "rest", reader.read(10))


@scenario(since=(3, 13))
async def the_part_before_one_of_two_separators_that_end_together(trace):
    reader = fed(b"abcd--=", limit=5)
    await shows(trace, "part", reader.readuntil((b"--=", b"-=")))
    reader = fed(b"abcd--=", limit=4)
    await shows(trace, "part", reader.readuntil((b"--=", b"-=")))


@scenario(since=(3, 13))
async def several_separators_in_pieces(trace):
    reader = fed(b"ab=")
    task = begins(trace, "part", reader.readuntil((b"==>", b";;")))
    for piece in [b"=", b";", b"=", b"=>;"]:
        await asyncio.sleep(1)
        reader.feed_data(piece)
    await task


@scenario(since=(3, 13))
async def no_separator_and_empty_ones(trace):
    reader = fed(b"ab")
    await shows(trace, "none", reader.readuntil(()))
    await shows(trace, "one empty", reader.readuntil((b"a", b"")))


@scenario
async def a_limit_of_nothing(trace):
    try:
        asyncio.StreamReader(0)
    except ValueError as error:
        trace(why(error))


# ---- errors ----


@scenario
async def an_error_wakes_a_reader(trace):
    reader = fed()
    task = begins(trace, "read", reader.read(5))
    await asyncio.sleep(1)
    trace(why(reader.exception()))
    reader.set_exception(Failure("x"))
    await task
    trace(why(reader.exception()))


@scenario
async def an_error_stays(trace):
    reader = fed()
    reader.set_exception(Failure("x"))
    await shows(trace, "read", reader.read(5))
    await shows(trace, "line", reader.readline())
    await shows(trace, "exactly", reader.readexactly(5))
    await shows(trace, "until", reader.readuntil(b"--"))
    await shows(trace, "all", reader.read())


@scenario
async def an_error_after_bytes(trace):
    reader = fed(b"ab\ncd")
    reader.set_exception(Failure("x"))
    await shows(trace, "line", reader.readline())
    await shows(trace, "read", reader.read(1))
    await shows(trace, "read", reader.read(5))
    await shows(trace, "read", reader.read(5))


@scenario
async def an_error_in_the_middle_of_what_is_awaited(trace):
    reader = fed(b"ab")
    task = begins(trace, "exactly", reader.readexactly(5))
    await asyncio.sleep(1)
    reader.set_exception(Failure("x"))
    await task
    await shows(trace, "read", reader.read(5))


@scenario
async def an_error_instead_of_a_line(trace):
    reader = fed(b"ab")
    task = begins(trace, "line", reader.readline())
    await asyncio.sleep(1)
    reader.set_exception(Failure("x"))
    await task
    await shows(trace, "read", reader.read(5))


@scenario
async def an_error_in_the_middle_of_everything(trace):
    reader = fed(b"ab")
    task = begins(trace, "all", reader.read())
    await asyncio.sleep(1)
    reader.set_exception(Failure("x"))
    await task
    await shows(trace, "read", reader.read(5))


@scenario
async def an_error_after_the_end(trace):
    reader = fed(b"ab", ended=True)
    await shows(trace, "read", reader.read(5))
    reader.set_exception(Failure("x"))
    await shows(trace, "read", reader.read(5))


# ---- cancellation ----


@scenario
async def a_cancelled_read_loses_nothing(trace):
    reader = fed()
    task = begins(trace, "read", reader.read(5))
    await asyncio.sleep(1)
    task.cancel()
    await task
    reader.feed_data(b"ab")
    await shows(trace, "read", reader.read(5))


@scenario
async def a_cancelled_readexactly_loses_nothing(trace):
    reader = fed(b"ab")
    task = begins(trace, "five", reader.readexactly(5))
    await asyncio.sleep(1)
    reader.feed_data(b"cd")
    await asyncio.sleep(1)
    task.cancel("enough")
    await task
    reader.feed_data(b"e")
    await shows(trace, "five", reader.readexactly(5))


@scenario
async def a_cancelled_readline_loses_nothing(trace):
    reader = fed(b"ab")
    task = begins(trace, "line", reader.readline())
    await asyncio.sleep(1)
    task.cancel()
    await task
    reader.feed_data(b"c\n")
    await shows(trace, "line", reader.readline())


@scenario
async def a_cancelled_read_of_everything_loses_what_it_has(trace):
    reader = fed(b"ab")
    task = begins(trace, "all", reader.read())
    await asyncio.sleep(1)
    task.cancel()
    await task
    reader.feed_data(b"cd")
    await shows(trace, "read", reader.read(5))


@scenario
async def a_read_is_cancelled_after_its_bytes_came(trace):
    reader = fed()

    async def reads():
        await shows(trace, "read", reader.read(5))
        await shows(trace, "sleep", asyncio.sleep(1))

    task = asyncio.create_task(reads())
    await asyncio.sleep(1)
    reader.feed_data(b"ab")
    task.cancel("enough")
    await task
    reader.feed_eof()
    await shows(trace, "rest", reader.read(5))


@scenario
async def a_read_in_time_and_one_that_is_not(trace):
    reader = fed()
    asyncio.get_running_loop().call_later(3, reader.feed_data, b"ab")
    await shows(trace, "first", asyncio.wait_for(reader.read(5), 2))
    await shows(trace, "second", asyncio.wait_for(reader.read(5), 2))


# ---- two readers ----


@scenario
async def a_second_reader_that_has_to_wait(trace):
    reader = fed()
    first = begins(trace, "first", reader.read(5))
    await asyncio.sleep(1)
    await shows(trace, "second", reader.read(5))
    await shows(trace, "second", reader.readline())
    await shows(trace, "second", reader.readexactly(2))
    reader.feed_data(b"ab")
    await first


@scenario
async def a_second_reader_that_need_not_wait(trace):
    reader = fed(b"abc")
    first = begins(trace, "first", reader.readexactly(4))
    await asyncio.sleep(1)
    await shows(trace, "second", reader.read(2))
    reader.feed_data(b"def")
    await first


@scenario
async def a_second_reader_after_the_first_was_cancelled(trace):
    reader = fed()
    first = begins(trace, "first", reader.read(5))
    await asyncio.sleep(1)
    first.cancel()
    await asyncio.sleep(1)
    second = begins(trace, "second", reader.read(5))
    await asyncio.sleep(1)
    reader.feed_data(b"ab")
    await second


# ---- the transport is paused ----


def fed_by(trace, limit):
    reader = asyncio.StreamReader(limit)
    reader.set_transport(FakeTransport(trace))
    return reader


@scenario
async def the_transport_is_paused_above_twice_the_limit(trace):
    reader = fed_by(trace, 4)
    for piece in [b"abcdefgh", b"i", b"j"]:
        trace("feed", piece)
        reader.feed_data(piece)


@scenario
async def the_transport_goes_on_at_the_limit(trace):
    reader = fed_by(trace, 4)
    reader.feed_data(b"abcdefghij")
    for count in [5, 1, 1, 3]:
        await shows(trace, "read", reader.read(count))


@scenario
async def the_transport_is_paused_again(trace):
    reader = fed_by(trace, 2)
    for _ in range(2):
        reader.feed_data(b"abcde")
        await shows(trace, "line", reader.readexactly(5))


@scenario
async def waiting_for_more_lets_the_transport_go_on(trace):
    reader = fed_by(trace, 2)
    reader.feed_data(b"abcde")
    task = begins(trace, "ten", reader.readexactly(10))
    await asyncio.sleep(1)
    reader.feed_data(b"f")
    await asyncio.sleep(1)
    reader.feed_data(b"ghij")
    await task


@scenario
async def much_for_one_who_waits_for_little(trace):
    reader = fed_by(trace, 2)
    task = begins(trace, "read", reader.read(2))
    await asyncio.sleep(1)
    reader.feed_data(b"abcdefghij")
    trace("fed")
    await task
    await shows(trace, "rest", reader.read(20))


@scenario
async def reading_everything_is_not_paused(trace):
    reader = fed_by(trace, 2)
    task = begins(trace, "all", reader.read())
    for _ in range(3):
        await asyncio.sleep(1)
        reader.feed_data(b"abcdefg")
    reader.feed_eof()
    await task


@scenario
async def a_line_above_the_limit_and_a_paused_transport(trace):
    reader = fed_by(trace, 2)
    reader.feed_data(b"abcdefg")
    await shows(trace, "line", reader.readline())


@scenario
async def the_end_while_the_transport_is_paused(trace):
    reader = fed_by(trace, 2)
    reader.feed_data(b"abcdefg")
    reader.feed_eof()
    await shows(trace, "read", reader.read(3))
    await shows(trace, "all", reader.read())
