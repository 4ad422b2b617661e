// SPDX-License-Identifier: BSL-1.0
// differential/reader.cpp: a stream reader that is fed by hand: bytes, lines, separators, limits, the end, errors.

#include <cstddef>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "differential/fake_transport.hpp"
#include "differential/harness.hpp"

namespace differential {
namespace {

constexpr std::size_t wide = stream_reader::default_limit;
constexpr bool ended = true;

stream_reader fed(std::initializer_list<bytes_view> pieces, std::size_t limit = wide, bool at_its_end = false) {
    stream_reader reader(limit);
    for (const bytes_view& piece : pieces) reader.feed_data(piece);
    if (at_its_end) reader.feed_eof();
    return reader;
}

stream_reader fed_by(fake_transport& transport, std::size_t limit) {
    auto source = std::make_shared<receive_buffer>(limit);
    source->set_transport(&transport);
    return stream_reader(std::move(source));
}

std::exception_ptr failure_x() { return std::make_exception_ptr(failure("x")); }

// ---- read ----

coro<> read_gives_what_is_there(tracer& trace) {
    const stream_reader reader = fed({"abc", "def"});
    co_await shows(trace, "four", [&] { return reader.read(4); });
    co_await shows(trace, "ten", [&] { return reader.read(10); });
}

coro<> reading_nothing_does_not_wait(tracer& trace) {
    const stream_reader reader = fed({});
    co_await shows(trace, "none", [&] { return reader.read(0); });
    co_await shows(trace, "exactly none", [&] { return reader.readexactly(0); });
}

coro<> read_does_not_suspend_when_bytes_are_there(tracer& trace) {
    const stream_reader reader = fed({"a\nbc"});
    get_running_loop().call_soon([&] { trace("other"); });
    co_await shows(trace, "line", [&] { return reader.readline(); });
    co_await shows(trace, "exactly", [&] { return reader.readexactly(1); });
    co_await shows(trace, "read", [&] { return reader.read(10); });
    co_await aioxx::sleep(0s);
}

coro<> read_waits_for_bytes(tracer& trace) {
    const stream_reader reader = fed({});
    const auto waiting = begins(trace, "read", [&] { return reader.read(10); });
    co_await aioxx::sleep(1s);
    reader.feed_data("ab");
    co_await waiting;
}

coro<> a_reader_runs_a_pass_after_its_bytes_came(tracer& trace) {
    const stream_reader reader = fed({});
    const auto waiting = begins(trace, "read", [&] { return reader.read(10); });
    co_await aioxx::sleep(1s);
    event_loop& loop = get_running_loop();
    loop.call_soon([&] { trace("before"); });
    reader.feed_data("ab");
    loop.call_soon([&] { trace("after"); });
    co_await waiting;
}

coro<> bytes_that_come_before_a_woken_reader_runs(tracer& trace) {
    const stream_reader reader = fed({});
    const auto waiting = begins(trace, "read", [&] { return reader.read(10); });
    co_await aioxx::sleep(1s);
    reader.feed_data("ab");
    reader.feed_data("cd");
    co_await waiting;
    reader.feed_eof();
    co_await shows(trace, "rest", [&] { return reader.read(10); });
}

coro<> no_bytes_wake_nobody(tracer& trace) {
    const stream_reader reader = fed({});
    const auto waiting = begins(trace, "read", [&] { return reader.read(10); });
    co_await aioxx::sleep(1s);
    reader.feed_data("");
    co_await aioxx::sleep(1s);
    trace(outcome(waiting));
    reader.feed_data("x");
    co_await waiting;
}

coro<> read_until_the_end(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    const auto waiting = begins(trace, "all", [&] { return reader.read(); });
    co_await aioxx::sleep(1s);
    reader.feed_data("cd");
    co_await aioxx::sleep(1s);
    reader.feed_data("ef");
    reader.feed_eof();
    co_await waiting;
}

coro<> read_until_the_end_whatever_the_limit(tracer& trace) {
    const stream_reader reader = fed({"abcdefghijklmnop"}, 4, ended);
    co_await shows(trace, "all", [&] { return reader.read(); });
}

coro<> the_end_is_no_bytes(tracer& trace) {
    const stream_reader reader = fed({}, wide, ended);
    for (int count = 0; count < 2; ++count) {
        co_await shows(trace, "read", [&] { return reader.read(5); });
    }
    co_await shows(trace, "all", [&] { return reader.read(); });
    co_await shows(trace, "line", [&] { return reader.readline(); });
}

coro<> the_end_wakes_a_reader(tracer& trace) {
    const stream_reader reader = fed({});
    const auto waiting = begins(trace, "read", [&] { return reader.read(5); });
    co_await aioxx::sleep(1s);
    reader.feed_eof();
    co_await waiting;
}

coro<> at_eof_when_all_is_read(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    trace(reader.at_eof());
    reader.feed_eof();
    trace(reader.at_eof());
    co_await shows(trace, "read", [&] { return reader.read(1); });
    trace(reader.at_eof());
    co_await shows(trace, "read", [&] { return reader.read(1); });
    trace(reader.at_eof());
}

// ---- readexactly ----

coro<> readexactly_collects(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    const auto waiting = begins(trace, "five", [&] { return reader.readexactly(5); });
    for (const bytes_view piece : {"c", "defg"}) {
        co_await aioxx::sleep(1s);
        reader.feed_data(piece);
    }
    co_await waiting;
    co_await shows(trace, "rest", [&] { return reader.read(10); });
}

coro<> readexactly_may_exceed_the_limit(tracer& trace) {
    const stream_reader reader = fed({}, 2);
    const auto waiting = begins(trace, "ten", [&] { return reader.readexactly(10); });
    co_await aioxx::sleep(1s);
    reader.feed_data("abcdefg");
    co_await aioxx::sleep(1s);
    reader.feed_data("hijk");
    co_await waiting;
}

coro<> readexactly_is_incomplete_at_the_end(tracer& trace) {
    const stream_reader reader = fed({"abc"}, wide, ended);
    co_await shows(trace, "five", [&] { return reader.readexactly(5); });
    trace(reader.at_eof());
    co_await shows(trace, "one", [&] { return reader.readexactly(1); });
}

coro<> a_waiting_readexactly_is_incomplete_at_the_end(tracer& trace) {
    const stream_reader reader = fed({"abc"});
    const auto waiting = begins(trace, "five", [&] { return reader.readexactly(5); });
    co_await aioxx::sleep(1s);
    reader.feed_data("d");
    reader.feed_eof();
    co_await waiting;
    trace(reader.at_eof());
}

coro<> readexactly_of_all_there_is_at_the_end(tracer& trace) {
    const stream_reader reader = fed({"abc"}, wide, ended);
    co_await shows(trace, "three", [&] { return reader.readexactly(3); });
    trace(reader.at_eof());
}

// ---- readline ----

coro<> lines_with_their_ends(tracer& trace) {
    const stream_reader reader = fed({"one\ntwo\n\nth", "ree"}, wide, ended);
    for (int count = 0; count < 5; ++count) {
        co_await shows(trace, "line", [&] { return reader.readline(); });
    }
}

coro<> a_line_in_pieces(tracer& trace) {
    const stream_reader reader = fed({"a"});
    const auto waiting = begins(trace, "line", [&] { return reader.readline(); });
    for (const bytes_view piece : {"b", "c\nd"}) {
        co_await aioxx::sleep(1s);
        reader.feed_data(piece);
    }
    co_await waiting;
    reader.feed_eof();
    co_await shows(trace, "line", [&] { return reader.readline(); });
}

coro<> lines_until_the_end(tracer& trace) {
    const stream_reader reader = fed({"one\n\ntwo"}, wide, ended);
    while (const auto line = co_await reader.next_line()) trace(*line);
    trace("end");
}

coro<> a_line_as_long_as_the_limit(tracer& trace) {
    const stream_reader reader = fed({"abcd\nabcde\n"}, 4);
    co_await shows(trace, "line", [&] { return reader.readline(); });
    co_await shows(trace, "line", [&] { return reader.readline(); });
}

coro<> a_line_above_the_limit_is_dropped(tracer& trace) {
    const stream_reader reader = fed({"abcdefgh\nnext\n"}, 5);
    co_await shows(trace, "line", [&] { return reader.readline(); });
    co_await shows(trace, "line", [&] { return reader.readline(); });
}

coro<> the_beginning_of_a_line_above_the_limit_is_dropped(tracer& trace) {
    const stream_reader reader = fed({"abcdefgh"}, 5);
    co_await shows(trace, "line", [&] { return reader.readline(); });
    reader.feed_data("ij\nnext\n");
    co_await shows(trace, "line", [&] { return reader.readline(); });
    co_await shows(trace, "line", [&] { return reader.readline(); });
}

coro<> a_line_grows_above_the_limit(tracer& trace) {
    const stream_reader reader = fed({"abcd"}, 5);
    const auto waiting = begins(trace, "line", [&] { return reader.readline(); });
    co_await aioxx::sleep(1s);
    trace(outcome(waiting));
    reader.feed_data("efg");
    co_await waiting;
    reader.feed_data("h\n");
    co_await shows(trace, "line", [&] { return reader.readline(); });
}

coro<> the_rest_of_a_stream_is_above_the_limit(tracer& trace) {
    const stream_reader reader = fed({"abcdefgh"}, 5, ended);
    co_await shows(trace, "line", [&] { return reader.readline(); });
    co_await shows(trace, "line", [&] { return reader.readline(); });
}

// ---- readuntil ----

coro<> readuntil_a_separator(tracer& trace) {
    const stream_reader reader = fed({"ab--cd--ef"}, wide, ended);
    for (int count = 0; count < 4; ++count) {
        co_await shows(trace, "part", [&] { return reader.readuntil("--"); });
    }
}

coro<> readuntil_the_default_separator(tracer& trace) {
    const stream_reader reader = fed({"ab\ncd"});
    co_await shows(trace, "part", [&] { return reader.readuntil("\n"); });
}

coro<> a_separator_in_pieces(tracer& trace) {
    const stream_reader reader = fed({"ab-"});
    const auto waiting = begins(trace, "part", [&] { return reader.readuntil("-=-"); });
    for (const bytes_view piece : {"=", "=-", "=", "-x"}) {
        co_await aioxx::sleep(1s);
        reader.feed_data(piece);
    }
    co_await waiting;
    co_await shows(trace, "rest", [&] { return reader.read(10); });
}

coro<> a_separator_that_overlaps_itself(tracer& trace) {
    const stream_reader reader = fed({"aaab", "aaaab"});
    co_await shows(trace, "part", [&] { return reader.readuntil("aab"); });
    co_await shows(trace, "part", [&] { return reader.readuntil("aab"); });
}

coro<> an_empty_separator(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    co_await shows(trace, "part", [&] { return reader.readuntil(""); });
}

coro<> readuntil_is_incomplete_at_the_end(tracer& trace) {
    const stream_reader reader = fed({"abc"}, wide, ended);
    co_await shows(trace, "part", [&] { return reader.readuntil("--"); });
    trace(reader.at_eof());
    co_await shows(trace, "part", [&] { return reader.readuntil("--"); });
}

coro<> readuntil_of_a_part_as_long_as_the_limit(tracer& trace) {
    const stream_reader reader = fed({"abcd--"}, 4);
    co_await shows(trace, "part", [&] { return reader.readuntil("--"); });
}

coro<> readuntil_above_the_limit_leaves_the_bytes(tracer& trace) {
    const stream_reader reader = fed({"abcdef--gh"}, 4);
    for (int count = 0; count < 2; ++count) {
        co_await shows(trace, "part", [&] { return reader.readuntil("--"); });
    }
    co_await shows(trace, "read", [&] { return reader.read(20); });
}

coro<> readuntil_without_a_separator_above_the_limit(tracer& trace) {
    const stream_reader reader = fed({"abcde"}, 4);
    const auto waiting = begins(trace, "part", [&] { return reader.readuntil("--"); });
    co_await aioxx::sleep(1s);
    trace(outcome(waiting));
    reader.feed_data("f");
    co_await waiting;
    co_await shows(trace, "part", [&] { return reader.readuntil("--"); });
    co_await shows(trace, "read", [&] { return reader.read(20); });
}

coro<> readuntil_above_the_limit_at_the_end(tracer& trace) {
    const stream_reader reader = fed({"abcdefgh"}, 4, ended);
    co_await shows(trace, "part", [&] { return reader.readuntil("--"); });
    co_await shows(trace, "read", [&] { return reader.read(20); });
}

coro<> the_separator_that_ends_first(tracer& trace) {
    const stream_reader reader = fed({"ab;cd--ef;", "--"});
    for (int count = 0; count < 4; ++count) {
        const std::vector<bytes_view> several{"--", ";"};
        co_await shows(trace, "part", [&] { return reader.readuntil(several); });
    }
}

coro<> separators_within_separators(tracer& trace) {
    const stream_reader reader = fed({"x\r\ny\nz\r\n"});
    for (int count = 0; count < 3; ++count) {
        const std::vector<bytes_view> several{"\r\n", "\n"};
        co_await shows(trace, "part", [&] { return reader.readuntil(several); });
    }
}

coro<> a_long_separator_that_begins_first_and_ends_last(tracer& trace) {
    const stream_reader reader = fed({"a-<->-b"});
    const std::vector<bytes_view> several{"-<->-", "<-"};
    co_await shows(trace, "part", [&] { return reader.readuntil(several); });
    co_await shows(trace, "rest", [&] { return reader.read(10); });
}

coro<> the_part_before_one_of_two_separators_that_end_together(tracer& trace) {
    const std::vector<bytes_view> several{"--=", "-="};
    for (const std::size_t limit : {5U, 4U}) {
        const stream_reader reader = fed({"abcd--="}, limit);
        co_await shows(trace, "part", [&] { return reader.readuntil(several); });
    }
}

coro<> several_separators_in_pieces(tracer& trace) {
    const stream_reader reader = fed({"ab="});
    const std::vector<bytes_view> several{"==>", ";;"};
    const auto waiting = begins(trace, "part", [&] { return reader.readuntil(several); });
    for (const bytes_view piece : {"=", ";", "=", "=>;"}) {
        co_await aioxx::sleep(1s);
        reader.feed_data(piece);
    }
    co_await waiting;
}

coro<> no_separator_and_empty_ones(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    const std::vector<bytes_view> none;
    co_await shows(trace, "none", [&] { return reader.readuntil(none); });
    const std::vector<bytes_view> one_empty{"a", ""};
    co_await shows(trace, "one empty", [&] { return reader.readuntil(one_empty); });
}

coro<> a_limit_of_nothing(tracer& trace) {
    try {
        stream_reader reader(0);
    } catch (const std::invalid_argument&) {
        trace(why());
    }
    co_return;
}

// ---- errors ----

coro<> an_error_wakes_a_reader(tracer& trace) {
    const stream_reader reader = fed({});
    const auto waiting = begins(trace, "read", [&] { return reader.read(5); });
    co_await aioxx::sleep(1s);
    trace(why(reader.exception()));
    reader.set_exception(failure_x());
    co_await waiting;
    trace(why(reader.exception()));
}

coro<> an_error_stays(tracer& trace) {
    const stream_reader reader = fed({});
    reader.set_exception(failure_x());
    co_await shows(trace, "read", [&] { return reader.read(5); });
    co_await shows(trace, "line", [&] { return reader.readline(); });
    co_await shows(trace, "exactly", [&] { return reader.readexactly(5); });
    co_await shows(trace, "until", [&] { return reader.readuntil("--"); });
    co_await shows(trace, "all", [&] { return reader.read(); });
}

coro<> an_error_after_bytes(tracer& trace) {
    const stream_reader reader = fed({"ab\ncd"});
    reader.set_exception(failure_x());
    co_await shows(trace, "line", [&] { return reader.readline(); });
    co_await shows(trace, "read", [&] { return reader.read(1); });
    co_await shows(trace, "read", [&] { return reader.read(5); });
    co_await shows(trace, "read", [&] { return reader.read(5); });
}

coro<> an_error_in_the_middle_of_what_is_awaited(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    const auto waiting = begins(trace, "exactly", [&] { return reader.readexactly(5); });
    co_await aioxx::sleep(1s);
    reader.set_exception(failure_x());
    co_await waiting;
    co_await shows(trace, "read", [&] { return reader.read(5); });
}

coro<> an_error_instead_of_a_line(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    const auto waiting = begins(trace, "line", [&] { return reader.readline(); });
    co_await aioxx::sleep(1s);
    reader.set_exception(failure_x());
    co_await waiting;
    co_await shows(trace, "read", [&] { return reader.read(5); });
}

coro<> an_error_in_the_middle_of_everything(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    const auto waiting = begins(trace, "all", [&] { return reader.read(); });
    co_await aioxx::sleep(1s);
    reader.set_exception(failure_x());
    co_await waiting;
    co_await shows(trace, "read", [&] { return reader.read(5); });
}

coro<> an_error_after_the_end(tracer& trace) {
    const stream_reader reader = fed({"ab"}, wide, ended);
    co_await shows(trace, "read", [&] { return reader.read(5); });
    reader.set_exception(failure_x());
    co_await shows(trace, "read", [&] { return reader.read(5); });
}

// ---- cancellation ----

coro<> a_cancelled_read_loses_nothing(tracer& trace) {
    const stream_reader reader = fed({});
    const auto waiting = begins(trace, "read", [&] { return reader.read(5); });
    co_await aioxx::sleep(1s);
    waiting.cancel();
    co_await waiting;
    reader.feed_data("ab");
    co_await shows(trace, "read", [&] { return reader.read(5); });
}

coro<> a_cancelled_readexactly_loses_nothing(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    const auto waiting = begins(trace, "five", [&] { return reader.readexactly(5); });
    co_await aioxx::sleep(1s);
    reader.feed_data("cd");
    co_await aioxx::sleep(1s);
    waiting.cancel("enough");
    co_await waiting;
    reader.feed_data("e");
    co_await shows(trace, "five", [&] { return reader.readexactly(5); });
}

coro<> a_cancelled_readline_loses_nothing(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    const auto waiting = begins(trace, "line", [&] { return reader.readline(); });
    co_await aioxx::sleep(1s);
    waiting.cancel();
    co_await waiting;
    reader.feed_data("c\n");
    co_await shows(trace, "line", [&] { return reader.readline(); });
}

coro<> a_cancelled_read_of_everything_loses_what_it_has(tracer& trace) {
    const stream_reader reader = fed({"ab"});
    const auto waiting = begins(trace, "all", [&] { return reader.read(); });
    co_await aioxx::sleep(1s);
    waiting.cancel();
    co_await waiting;
    reader.feed_data("cd");
    co_await shows(trace, "read", [&] { return reader.read(5); });
}

coro<> reads_and_sleeps(tracer& trace, stream_reader reader) {
    co_await shows(trace, "read", [&] { return reader.read(5); });
    co_await shows(trace, "sleep", [&] { return aioxx::sleep(1s); });
}

coro<> a_read_is_cancelled_after_its_bytes_came(tracer& trace) {
    const stream_reader reader = fed({});
    const auto waiting = create_task(reads_and_sleeps(trace, reader));
    co_await aioxx::sleep(1s);
    reader.feed_data("ab");
    waiting.cancel("enough");
    co_await waiting;
    reader.feed_eof();
    co_await shows(trace, "rest", [&] { return reader.read(5); });
}

coro<bytearray> reads(stream_reader reader, std::size_t count) { co_return co_await reader.read(count); }

coro<> a_read_in_time_and_one_that_is_not(tracer& trace) {
    const stream_reader reader = fed({});
    get_running_loop().call_later(3s, [&] { reader.feed_data("ab"); });
    co_await shows(trace, "first", [&] { return wait_for(reads(reader, 5), 2s); });
    co_await shows(trace, "second", [&] { return wait_for(reads(reader, 5), 2s); });
}

// ---- two readers ----

coro<> a_second_reader_that_has_to_wait(tracer& trace) {
    const stream_reader reader = fed({});
    const auto first = begins(trace, "first", [&] { return reader.read(5); });
    co_await aioxx::sleep(1s);
    co_await shows(trace, "second", [&] { return reader.read(5); });
    co_await shows(trace, "second", [&] { return reader.readline(); });
    co_await shows(trace, "second", [&] { return reader.readexactly(2); });
    reader.feed_data("ab");
    co_await first;
}

coro<> a_second_reader_that_need_not_wait(tracer& trace) {
    const stream_reader reader = fed({"abc"});
    const auto first = begins(trace, "first", [&] { return reader.readexactly(4); });
    co_await aioxx::sleep(1s);
    co_await shows(trace, "second", [&] { return reader.read(2); });
    reader.feed_data("def");
    co_await first;
}

coro<> a_second_reader_after_the_first_was_cancelled(tracer& trace) {
    const stream_reader reader = fed({});
    const auto first = begins(trace, "first", [&] { return reader.read(5); });
    co_await aioxx::sleep(1s);
    first.cancel();
    co_await aioxx::sleep(1s);
    const auto second = begins(trace, "second", [&] { return reader.read(5); });
    co_await aioxx::sleep(1s);
    reader.feed_data("ab");
    co_await second;
}

// ---- the transport is paused ----

coro<> the_transport_is_paused_above_twice_the_limit(tracer& trace) {
    fake_transport transport(trace);
    const stream_reader reader = fed_by(transport, 4);
    for (const bytes_view piece : {"abcdefgh", "i", "j"}) {
        trace("feed", piece);
        reader.feed_data(piece);
    }
    co_return;
}

coro<> the_transport_goes_on_at_the_limit(tracer& trace) {
    fake_transport transport(trace);
    const stream_reader reader = fed_by(transport, 4);
    reader.feed_data("abcdefghij");
    for (const std::size_t count : {5U, 1U, 1U, 3U}) {
        co_await shows(trace, "read", [&] { return reader.read(count); });
    }
}

coro<> the_transport_is_paused_again(tracer& trace) {
    fake_transport transport(trace);
    const stream_reader reader = fed_by(transport, 2);
    for (int count = 0; count < 2; ++count) {
        reader.feed_data("abcde");
        co_await shows(trace, "line", [&] { return reader.readexactly(5); });
    }
}

coro<> waiting_for_more_lets_the_transport_go_on(tracer& trace) {
    fake_transport transport(trace);
    const stream_reader reader = fed_by(transport, 2);
    reader.feed_data("abcde");
    const auto waiting = begins(trace, "ten", [&] { return reader.readexactly(10); });
    co_await aioxx::sleep(1s);
    reader.feed_data("f");
    co_await aioxx::sleep(1s);
    reader.feed_data("ghij");
    co_await waiting;
}

coro<> much_for_one_who_waits_for_little(tracer& trace) {
    fake_transport transport(trace);
    const stream_reader reader = fed_by(transport, 2);
    const auto waiting = begins(trace, "read", [&] { return reader.read(2); });
    co_await aioxx::sleep(1s);
    reader.feed_data("abcdefghij");
    trace("fed");
    co_await waiting;
    co_await shows(trace, "rest", [&] { return reader.read(20); });
}

coro<> reading_everything_is_not_paused(tracer& trace) {
    fake_transport transport(trace);
    const stream_reader reader = fed_by(transport, 2);
    const auto waiting = begins(trace, "all", [&] { return reader.read(); });
    for (int count = 0; count < 3; ++count) {
        co_await aioxx::sleep(1s);
        reader.feed_data("abcdefg");
    }
    reader.feed_eof();
    co_await waiting;
}

coro<> a_line_above_the_limit_and_a_paused_transport(tracer& trace) {
    fake_transport transport(trace);
    const stream_reader reader = fed_by(transport, 2);
    reader.feed_data("abcdefg");
    co_await shows(trace, "line", [&] { return reader.readline(); });
}

coro<> the_end_while_the_transport_is_paused(tracer& trace) {
    fake_transport transport(trace);
    const stream_reader reader = fed_by(transport, 2);
    reader.feed_data("abcdefg");
    reader.feed_eof();
    co_await shows(trace, "read", [&] { return reader.read(3); });
    co_await shows(trace, "all", [&] { return reader.read(); });
}

}  // namespace

const scenarios reader_scenarios = {
    {"read_gives_what_is_there", read_gives_what_is_there},
    {"reading_nothing_does_not_wait", reading_nothing_does_not_wait},
    {"read_does_not_suspend_when_bytes_are_there", read_does_not_suspend_when_bytes_are_there},
    {"read_waits_for_bytes", read_waits_for_bytes},
    {"a_reader_runs_a_pass_after_its_bytes_came", a_reader_runs_a_pass_after_its_bytes_came},
    {"bytes_that_come_before_a_woken_reader_runs", bytes_that_come_before_a_woken_reader_runs},
    {"no_bytes_wake_nobody", no_bytes_wake_nobody},
    {"read_until_the_end", read_until_the_end},
    {"read_until_the_end_whatever_the_limit", read_until_the_end_whatever_the_limit},
    {"the_end_is_no_bytes", the_end_is_no_bytes},
    {"the_end_wakes_a_reader", the_end_wakes_a_reader},
    {"at_eof_when_all_is_read", at_eof_when_all_is_read},
    {"readexactly_collects", readexactly_collects},
    {"readexactly_may_exceed_the_limit", readexactly_may_exceed_the_limit},
    {"readexactly_is_incomplete_at_the_end", readexactly_is_incomplete_at_the_end},
    {"a_waiting_readexactly_is_incomplete_at_the_end", a_waiting_readexactly_is_incomplete_at_the_end},
    {"readexactly_of_all_there_is_at_the_end", readexactly_of_all_there_is_at_the_end},
    {"lines_with_their_ends", lines_with_their_ends},
    {"a_line_in_pieces", a_line_in_pieces},
    {"lines_until_the_end", lines_until_the_end},
    {"a_line_as_long_as_the_limit", a_line_as_long_as_the_limit},
    {"a_line_above_the_limit_is_dropped", a_line_above_the_limit_is_dropped},
    {"the_beginning_of_a_line_above_the_limit_is_dropped",
     the_beginning_of_a_line_above_the_limit_is_dropped},
    {"a_line_grows_above_the_limit", a_line_grows_above_the_limit},
    {"the_rest_of_a_stream_is_above_the_limit", the_rest_of_a_stream_is_above_the_limit},
    {"readuntil_a_separator", readuntil_a_separator},
    {"readuntil_the_default_separator", readuntil_the_default_separator},
    {"a_separator_in_pieces", a_separator_in_pieces},
    {"a_separator_that_overlaps_itself", a_separator_that_overlaps_itself},
    {"an_empty_separator", an_empty_separator},
    {"readuntil_is_incomplete_at_the_end", readuntil_is_incomplete_at_the_end},
    {"readuntil_of_a_part_as_long_as_the_limit", readuntil_of_a_part_as_long_as_the_limit},
    {"readuntil_above_the_limit_leaves_the_bytes", readuntil_above_the_limit_leaves_the_bytes},
    {"readuntil_without_a_separator_above_the_limit", readuntil_without_a_separator_above_the_limit},
    {"readuntil_above_the_limit_at_the_end", readuntil_above_the_limit_at_the_end},
    {"the_separator_that_ends_first", the_separator_that_ends_first},
    {"separators_within_separators", separators_within_separators},
    {"a_long_separator_that_begins_first_and_ends_last", a_long_separator_that_begins_first_and_ends_last},
    {"the_part_before_one_of_two_separators_that_end_together",
     the_part_before_one_of_two_separators_that_end_together},
    {"several_separators_in_pieces", several_separators_in_pieces},
    {"no_separator_and_empty_ones", no_separator_and_empty_ones},
    {"a_limit_of_nothing", a_limit_of_nothing},
    {"an_error_wakes_a_reader", an_error_wakes_a_reader},
    {"an_error_stays", an_error_stays},
    {"an_error_after_bytes", an_error_after_bytes},
    {"an_error_in_the_middle_of_what_is_awaited", an_error_in_the_middle_of_what_is_awaited},
    {"an_error_instead_of_a_line", an_error_instead_of_a_line},
    {"an_error_in_the_middle_of_everything", an_error_in_the_middle_of_everything},
    {"an_error_after_the_end", an_error_after_the_end},
    {"a_cancelled_read_loses_nothing", a_cancelled_read_loses_nothing},
    {"a_cancelled_readexactly_loses_nothing", a_cancelled_readexactly_loses_nothing},
    {"a_cancelled_readline_loses_nothing", a_cancelled_readline_loses_nothing},
    {"a_cancelled_read_of_everything_loses_what_it_has", a_cancelled_read_of_everything_loses_what_it_has},
    {"a_read_is_cancelled_after_its_bytes_came", a_read_is_cancelled_after_its_bytes_came},
    {"a_read_in_time_and_one_that_is_not", a_read_in_time_and_one_that_is_not},
    {"a_second_reader_that_has_to_wait", a_second_reader_that_has_to_wait},
    {"a_second_reader_that_need_not_wait", a_second_reader_that_need_not_wait},
    {"a_second_reader_after_the_first_was_cancelled", a_second_reader_after_the_first_was_cancelled},
    {"the_transport_is_paused_above_twice_the_limit", the_transport_is_paused_above_twice_the_limit},
    {"the_transport_goes_on_at_the_limit", the_transport_goes_on_at_the_limit},
    {"the_transport_is_paused_again", the_transport_is_paused_again},
    {"waiting_for_more_lets_the_transport_go_on", waiting_for_more_lets_the_transport_go_on},
    {"much_for_one_who_waits_for_little", much_for_one_who_waits_for_little},
    {"reading_everything_is_not_paused", reading_everything_is_not_paused},
    {"a_line_above_the_limit_and_a_paused_transport", a_line_above_the_limit_and_a_paused_transport},
    {"the_end_while_the_transport_is_paused", the_end_while_the_transport_is_paused},
};

}  // namespace differential
