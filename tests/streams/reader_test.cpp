// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/reader.hpp>

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::step;
using testing::test_loop;

namespace {

std::exception_ptr reset() {
    return std::make_exception_ptr(broken_error(std::make_error_code(std::errc::connection_reset), "receive"));
}

// Reads until nothing is left with every operation in turn, and says what each one gave.
coro<std::vector<std::string>> read_script(stream_reader reader) {
    std::vector<std::string> got;
    const auto note = [&got](const bytearray& bytes) { got.emplace_back(bytes.str()); };
    note(co_await reader.readline());
    note(co_await reader.readexactly(7));
    note(co_await reader.readuntil("\r\n\r\n"));
    const bytes_view view = co_await reader.readline_view();
    got.emplace_back(view.str());
    std::vector<bytes_view> ends;
    ends.emplace_back("END");
    ends.emplace_back(";");
    note(co_await reader.readuntil(ends));
    note(co_await reader.readuntil(ends));
    const std::optional<bytearray> line = co_await reader.next_line();
    note(line.value());
    note(co_await reader.read());
    const std::optional<bytearray> nothing = co_await reader.next_line();
    got.emplace_back(nothing ? "a line" : "the end");
    co_return got;
}

constexpr std::string_view script_text = "first\n1234567head: x\r\ny: \r\r\n\r\na view\nuntil ;or EEND\nlast line\nthe rest\nof it";

std::vector<std::string> run_script(const std::vector<std::string>& pieces) {
    test_loop loop;
    const stream_reader reader;
    step reading(loop, [&] { return read_script(reader); });
    for (const std::string& piece : pieces) {
        reader.feed_data(piece);
        reading.resume();
    }
    reader.feed_eof();
    reading.resume();
    return reading.result();
}

// Keeps what it read outside, because a task that is cancelled drops its value.
coro<> keep_line(stream_reader reader, std::string& kept, bool& stopped) {
    try {
        const bytearray line = co_await reader.readline();
        kept = line.str();
        co_await sleep(1h);
    } catch (const cancelled_error&) {
        stopped = true;
        throw;
    }
}

std::string text_of(step<bytearray>& reading) { return std::string(reading.result().str()); }

}  // namespace

TEST_CASE("every operation gives the same, however the bytes are split", "[streams]") {
    const std::string text(script_text);
    const std::vector<std::string> expected = {"first\n", "1234567",      "head: x\r\ny: \r\r\n\r\n",
                                               "a view\n", "until ;",      "or EEND",
                                               "\n",       "last line\nthe rest\nof it", "the end"};
    CHECK(run_script({text}) == expected);
    std::vector<std::string> bytes;
    for (const char c : text) bytes.emplace_back(1, c);
    CHECK(run_script(bytes) == expected);
    for (unsigned seed = 0; seed < 50; ++seed) {
        std::mt19937 random(seed);
        std::vector<std::string> pieces;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t size = 1 + random() % 9;
            pieces.push_back(text.substr(at, size));
            at += size;
        }
        CAPTURE(seed);
        CHECK(run_script(pieces) == expected);
    }
}

TEST_CASE("read gives what is there, at most what was asked for (SM002)", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    reader.feed_data("");
    step nothing(loop, [&] { return reader.read(0); });
    CHECK(text_of(nothing).empty());
    step waiting(loop, [&] { return reader.read(3); });
    CHECK(waiting.pending());
    reader.feed_data("line\nmore");
    CHECK(waiting.woken());
    waiting.resume();
    CHECK(text_of(waiting) == "lin");
    step across(loop, [&] { return reader.read(100); });
    CHECK(text_of(across) == "e\nmore");
    reader.feed_eof();
    CHECK(reader.at_eof());
    step end(loop, [&] { return reader.read(1); });
    CHECK(text_of(end).empty());
}

TEST_CASE("read_some writes into the caller's memory only what is there", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    std::string memory = "........";
    step waiting(loop, [&] { return reader.read_some(mutable_bytes_view(memory.data(), memory.size())); });
    CHECK(waiting.pending());
    reader.feed_data("abc");
    CHECK(memory == "abc.....");
    waiting.resume();
    CHECK(waiting.result() == 3);
    reader.feed_data("123456789");
    step rest(loop, [&] { return reader.read_some(mutable_bytes_view(memory.data(), memory.size())); });
    CHECK(rest.result() == 8);
    CHECK(memory == "12345678");
    step last(loop, [&] { return reader.read(10); });
    CHECK(text_of(last) == "9");
    reader.feed_eof();
    step end(loop, [&] { return reader.read_some(mutable_bytes_view(memory.data(), memory.size())); });
    CHECK(end.result() == 0);
}

TEST_CASE("read without a number collects everything, with a tiny limit as well (SM011)", "[streams]") {
    test_loop loop;
    const stream_reader reader(3);
    reader.feed_data("before ");
    step all(loop, [&] { return reader.read(); });
    for (int i = 0; i < 100; ++i) {
        reader.feed_data("0123456789");
        CHECK(all.pending());
    }
    reader.feed_eof();
    all.resume();
    const std::string text = text_of(all);
    CHECK(text.size() == 7 + 1000);
    CHECK(text.substr(0, 10) == "before 012");
}

TEST_CASE("a limit of zero is refused (SM003)", "[streams]") {
    CHECK_THROWS_AS(stream_reader(0), std::invalid_argument);
}

TEST_CASE("readline: the limit counts the line without its end (SM004)", "[streams]") {
    test_loop loop;
    for (const std::size_t size : {4U, 5U}) {
        for (const bool waiting_first : {false, true}) {
            CAPTURE(size, waiting_first);
            const stream_reader reader(5);
            const std::string line = std::string(size, 'x') + "\n";
            if (!waiting_first) reader.feed_data(line + "next\n");
            step reading(loop, [&] { return reader.readline(); });
            if (waiting_first) reader.feed_data(line + "next\n");
            reading.resume();
            CHECK(text_of(reading) == line);
        }
    }
}

TEST_CASE("readline: a line above the limit is dropped and the next one can be read (SM004, R6)", "[streams]") {
    test_loop loop;
    for (const bool waiting_first : {false, true}) {
        CAPTURE(waiting_first);
        const stream_reader reader(5);
        if (!waiting_first) reader.feed_data("xxxxxx\nnext\n");
        step reading(loop, [&] { return reader.readline(); });
        if (waiting_first) reader.feed_data("xxxxxx\nnext\n");
        reading.resume();
        try {
            reading.result();
            FAIL("a line of 6 bytes passed a limit of 5");
        } catch (const limit_error& failure) {
            CHECK(failure.seen() == 6);
            CHECK(std::string(failure.what()).find('5') != std::string::npos);
        }
        step next(loop, [&] { return reader.readline(); });
        CHECK(text_of(next) == "next\n");
    }
    const stream_reader endless(5);
    step reading(loop, [&] { return endless.readline(); });
    endless.feed_data("12345");
    CHECK(reading.pending());
    endless.feed_data("6");
    reading.resume();
    CHECK_THROWS_AS(reading.result(), limit_error);
    step next(loop, [&] { return endless.readline(); });
    endless.feed_data("ok\n");
    next.resume();
    CHECK(text_of(next) == "ok\n");
}

TEST_CASE("readline gives the rest without an end, then nothing (SM004)", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    reader.feed_data("a\nrest");
    reader.feed_eof();
    step first(loop, [&] { return reader.readline(); });
    CHECK(text_of(first) == "a\n");
    step second(loop, [&] { return reader.readline(); });
    CHECK(text_of(second) == "rest");
    step third(loop, [&] { return reader.readline(); });
    CHECK(text_of(third).empty());
}

TEST_CASE("next_line iterates over the lines (SM005)", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    reader.feed_data("one\ntwo\nthree");
    reader.feed_eof();
    const std::string joined = loop.run([](stream_reader from) -> coro<std::string> {
        std::string text;
        while (auto line = co_await from.next_line()) text += "[" + std::string(line->str()) + "]";
        co_return text;
    }(reader));
    CHECK(joined == "[one\n][two\n][three]");
}

TEST_CASE("readuntil finds a separator that is split at any position (SM006)", "[streams]") {
    const std::string text = "-----S-SEPARATOR-after";
    for (std::size_t split = 0; split <= text.size(); ++split) {
        test_loop loop;
        CAPTURE(split);
        const stream_reader reader;
        step reading(loop, [&] { return reader.readuntil("-SEPARATOR"); });
        reader.feed_data(std::string_view(text).substr(0, split));
        reading.resume();
        reader.feed_data(std::string_view(text).substr(split));
        reading.resume();
        REQUIRE(reading.ready());
        CHECK(text_of(reading) == "-----S-SEPARATOR");
        reader.feed_eof();
        step rest(loop, [&] { return reader.read(); });
        CHECK(text_of(rest) == "-after");
    }
}

TEST_CASE("readuntil takes the separator that ends first, of two that end together the shorter (SM006)", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    reader.feed_data("some textabcde!");
    std::vector<bytes_view> separators;
    separators.emplace_back("abcde");
    separators.emplace_back("bcd");
    separators.emplace_back("cd");
    step first(loop, [&] { return reader.readuntil(separators); });
    CHECK(text_of(first) == "some textabcd");
    std::vector<bytes_view> bad;
    CHECK_THROWS_AS(reader.readuntil(bad), std::invalid_argument);
    bad.emplace_back("x");
    bad.emplace_back("");
    CHECK_THROWS_AS(reader.readuntil(bad), std::invalid_argument);
    CHECK_THROWS_AS(reader.readuntil(""), std::invalid_argument);
}

TEST_CASE("readuntil: the limit counts the part before the separator, and the bytes stay (SM006)", "[streams]") {
    test_loop loop;
    for (const std::size_t size : {4U, 5U}) {
        const stream_reader reader(5);
        reader.feed_data(std::string(size, 'x') + "##");
        step reading(loop, [&] { return reader.readuntil("##"); });
        CHECK(text_of(reading) == std::string(size, 'x') + "##");
    }
    const stream_reader found(5);
    found.feed_data("xxxxxx##");
    step over(loop, [&] { return found.readuntil("##"); });
    try {
        over.result();
        FAIL("6 bytes passed a limit of 5");
    } catch (const limit_error& failure) {
        CHECK(failure.seen() == 6);
    }
    step kept(loop, [&] { return found.readexactly(8); });
    CHECK(text_of(kept) == "xxxxxx##");

    const stream_reader missing(5);
    step waiting(loop, [&] { return missing.readuntil("##"); });
    missing.feed_data("xxxxx");  // 4 are known not to begin the separator
    CHECK(waiting.pending());
    missing.feed_data("x");
    CHECK(waiting.pending());
    missing.feed_data("x");  // 6
    waiting.resume();
    CHECK_THROWS_AS(waiting.result(), limit_error);
    step rest(loop, [&] { return missing.read(100); });
    CHECK(text_of(rest) == "xxxxxxx");
}

TEST_CASE("readuntil at the end of the stream gives what there is with the error (SM006)", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    reader.feed_data("some data#");
    reader.feed_eof();
    step found(loop, [&] { return reader.readuntil("#"); });
    CHECK(text_of(found) == "some data#");
    const stream_reader cut;
    step reading(loop, [&] { return cut.readuntil("##"); });
    cut.feed_data("partial#");
    cut.feed_eof();
    reading.resume();
    try {
        reading.result();
        FAIL("there was no separator");
    } catch (const incomplete_read_error& failure) {
        CHECK(failure.partial() == "partial#");
        CHECK(!failure.expected());
    }
    CHECK(cut.at_eof());
}

TEST_CASE("readexactly waits for all bytes, above the limit as well (SM007)", "[streams]") {
    test_loop loop;
    const stream_reader reader(3);
    step none(loop, [&] { return reader.readexactly(0); });
    CHECK(text_of(none).empty());
    step reading(loop, [&] { return reader.readexactly(20); });
    for (int i = 0; i < 4; ++i) {
        CHECK(reading.pending());
        reader.feed_data("012345");
    }
    reading.resume();
    CHECK(text_of(reading) == "01234501234501234501");
    step cut(loop, [&] { return reader.readexactly(18); });
    reader.feed_eof();
    cut.resume();
    try {
        cut.result();
        FAIL("4 bytes are not 18");
    } catch (const incomplete_read_error& failure) {
        CHECK(failure.partial() == "2345");
        CHECK(failure.expected() == 18U);
        CHECK(std::string(failure.what()) == "4 bytes read on a total of 18 expected bytes");
    }
    CHECK(reader.at_eof());
}

TEST_CASE("what arrived before an error is read before it (R1)", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    reader.feed_data("line\nrest");
    reader.set_exception(reset());
    step line(loop, [&] { return reader.readline(); });
    CHECK(text_of(line) == "line\n");
    step exactly(loop, [&] { return reader.readexactly(2); });
    CHECK(text_of(exactly) == "re");
    step too_many(loop, [&] { return reader.readexactly(5); });
    CHECK_THROWS_AS(too_many.result(), incomplete_read_error);
    step failed(loop, [&] { return reader.read(5); });
    CHECK_THROWS_AS(failed.result(), broken_error);
    step again(loop, [&] { return reader.readline(); });
    CHECK_THROWS_AS(again.result(), broken_error);
    const stream_reader all;
    all.feed_data("all of it");
    all.set_exception(reset());
    step everything(loop, [&] { return all.read(); });
    CHECK(text_of(everything) == "all of it");
    step end(loop, [&] { return all.read(); });
    CHECK_THROWS_AS(end.result(), broken_error);
}

TEST_CASE("an error wakes whoever waits (SM008)", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    step waiting(loop, [&] { return reader.readline(); });
    reader.set_exception(reset());
    waiting.resume();
    CHECK_THROWS_AS(waiting.result(), broken_error);
    CHECK(reader.exception() != nullptr);
    const stream_reader cancelled_first;
    {
        step cancelled(loop, [&] { return cancelled_first.readline(); });
        cancelled.cancel();
    }
    cancelled_first.set_exception(reset());
    step next(loop, [&] { return cancelled_first.read(1); });
    CHECK_THROWS_AS(next.result(), broken_error);
}

TEST_CASE("a second task that has to wait is refused, the first one goes on (SM019)", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    step first(loop, [&] { return reader.readline(); });
    step second(loop, [&] { return reader.read(1); });
    try {
        second.result();
        FAIL("two tasks wait for the same bytes");
    } catch (const busy_error& failure) {
        CHECK(std::string(failure.what()).find("read") == 0);
    }
    reader.feed_data("still mine\n");
    first.resume();
    CHECK(text_of(first) == "still mine\n");
}

TEST_CASE("a read that is cancelled while it waits takes no byte", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    reader.feed_data("half");
    {
        step line(loop, [&] { return reader.readline(); });
        CHECK(line.pending());
        line.cancel();
        reader.feed_data(" a");  // before the cancelled task has run
        line.resume();
        CHECK_THROWS_AS(line.result(), cancelled_error);
    }
    {
        step exactly(loop, [&] { return reader.readexactly(100); });
        exactly.cancel();
    }
    {
        step until(loop, [&] { return reader.readuntil("##"); });
        until.cancel();
    }
    reader.feed_data(" line\n");
    step whole(loop, [&] { return reader.readline(); });
    CHECK(text_of(whole) == "half a line\n");
}

TEST_CASE("a read that is cancelled after its wake-up still delivers, and the next suspension throws", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    std::string kept;
    bool stopped = false;
    loop.run([](stream_reader from, std::string& line, bool& end) -> coro<> {
        task<> reading = create_task(keep_line(from, line, end));
        co_await sleep(0s);
        from.feed_data("whole line\nnext");
        reading.cancel();
        for (int i = 0; i < 3; ++i) co_await sleep(0s);
        CHECK(reading.cancelled());
    }(reader, kept, stopped));
    CHECK(kept == "whole line\n");
    CHECK(stopped);
    step rest(loop, [&] { return reader.read(100); });
    CHECK(text_of(rest) == "next");
}

TEST_CASE("an error that holds bytes is delivered in spite of a cancellation after the wake-up", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    std::string partial;
    loop.run([](stream_reader from, std::string& kept) -> coro<> {
        task<> reading = create_task([](stream_reader source, std::string& found) -> coro<> {
            try {
                co_await source.readexactly(10);
            } catch (const incomplete_read_error& failure) {
                found = failure.partial();
            }
        }(from, kept));
        co_await sleep(0s);
        from.feed_data("abc");
        from.feed_eof();
        reading.cancel();
        for (int i = 0; i < 3; ++i) co_await sleep(0s);
        CHECK(reading.cancelled());
    }(reader, partial));
    CHECK(partial == "abc");
}

TEST_CASE("a view stays as it is while more arrives, until the next operation", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    reader.feed_data("first line\nand");
    step line(loop, [&] { return reader.readline_view(); });
    const bytes_view view = line.result();
    const std::byte* const place = view.data();
    for (int i = 0; i < 1000; ++i) reader.feed_data(" more and more");
    CHECK(view.str() == "first line\n");
    CHECK(view.data() == place);
    reader.feed_data("\n");
    step next(loop, [&] { return reader.readline(); });
    const std::string second = text_of(next);
    CHECK(second.size() == 3 + 14 * 1000 + 1);
    CHECK(second.substr(0, 8) == "and more");
    reader.feed_data("abcdef");
    step some(loop, [&] { return reader.read_view(4); });
    CHECK(some.result().str() == "abcd");
    CHECK(!reader.at_eof());
    reader.feed_eof();
    step rest(loop, [&] { return reader.read_view(); });
    CHECK(rest.result().str() == "ef");
    CHECK(reader.at_eof());
    step end(loop, [&] { return reader.read_view(); });
    CHECK(end.result().empty());
}

TEST_CASE("a view that had to wait refers to the reader's own memory", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    step waiting(loop, [&] { return reader.read_view(); });
    std::string arriving = "borrowed";
    reader.feed_data(arriving);
    arriving.assign(arriving.size(), '#');
    waiting.resume();
    CHECK(waiting.result().str() == "borrowed");
}

TEST_CASE("a copy of a reader is the same stream", "[streams]") {
    test_loop loop;
    const stream_reader reader;
    const stream_reader copy = reader;
    reader.feed_data("ab");
    step first(loop, [&] { return copy.read(1); });
    CHECK(text_of(first) == "a");
    step second(loop, [&] { return reader.read(1); });
    CHECK(text_of(second) == "b");
}

TEST_CASE("peek waits for bytes and leaves them, unread puts them back", "[streams][R5]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        stream_reader reader(10);
        reader.feed_data("hel");
        task<bytearray> looking = create_task([](stream_reader from) -> coro<bytearray> { co_return co_await from.peek(5); }(reader));
        co_await sleep(0s);
        CHECK_FALSE(looking.done());
        reader.feed_data("lo\nworld");
        const bytearray seen = co_await looking;
        CHECK(seen == "hello");
        const bytearray line = co_await reader.readline();
        CHECK(line == "hello\n");
        reader.unread("again\n");
        const bytes_view view = co_await reader.readline_view();
        CHECK(view == "again\n");
        reader.unread(view);  // what is lent itself
        const bytearray back = co_await reader.readline();
        CHECK(back == "again\n");
        reader.feed_eof();
        const bytearray rest = co_await reader.peek(100);
        CHECK(rest == "world");
        const bytearray all = co_await reader.read();
        CHECK(all == "world");
        CHECK(reader.at_eof());
        const bytearray nothing = co_await reader.peek(1);
        CHECK(nothing.empty());
        reader.unread("x");
        CHECK_FALSE(reader.at_eof());
        const bytearray last = co_await reader.readexactly(1);
        CHECK(last == "x");
    }());
}

TEST_CASE("a cancelled peek takes nothing, and unread is refused while another task waits", "[streams][R5]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        stream_reader reader;
        task<bytearray> looking = create_task([](stream_reader from) -> coro<bytearray> { co_return co_await from.peek(5); }(reader));
        co_await sleep(0s);
        CHECK_THROWS_AS(reader.unread("x"), busy_error);
        reader.feed_data("abc");
        looking.cancel();
        co_await sleep(0s);
        CHECK(looking.cancelled());
        const bytearray text = co_await reader.read(10);
        CHECK(text == "abc");
    }());
}

TEST_CASE("a read that is destroyed while it waits is forgotten", "[streams]") {
    const stream_reader reader;
    {
        test_loop loop;
        static_cast<void>(create_task(loop.loop(), [](stream_reader from) -> coro<> {
            static_cast<void>(co_await from.readline());
        }(reader)));
        loop.settle();
    }  // the loop destroys its tasks where they stand
    reader.feed_data("later\n");
    test_loop loop;
    step next(loop, [&] { return reader.readline(); });
    CHECK(next.result() == "later\n");
}
