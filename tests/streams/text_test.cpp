// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/text.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

// Gives bytes in pieces of a size, a second each; fails once where it is told to.
class slow_bytes {
public:
    slow_bytes(std::string bytes, std::size_t piece) : bytes_(std::move(bytes)), piece_(piece) {}

    coro<std::size_t> read_some(mutable_bytes_view into) {
        co_await sleep(1s);
        if (fail_at && at_ >= *fail_at) {
            fail_at.reset();
            throw broken_error(std::make_error_code(std::errc::io_error), "slow_bytes");
        }
        const std::size_t count = std::min({piece_, bytes_.size() - at_, into.size()});
        std::copy_n(bytes_view(bytes_).data() + at_, count, into.data());
        at_ += count;
        co_return count;
    }
    std::optional<std::size_t> fail_at;

private:
    std::string bytes_;
    std::size_t piece_;
    std::size_t at_ = 0;
};

struct kept_bytes {
    std::string* kept;

    coro<> send(bytes_view bytes) {
        co_await sleep(1s);
        *kept += bytes.str();
    }
};

}  // namespace

TEST_CASE("text comes from any source in characters and lines, whatever its pieces", "[streams]") {
    for (const std::size_t piece : {1u, 2u, 3u, 7u, 100u}) {
        CAPTURE(piece);
        test_loop loop;
        loop.run([](std::size_t size) -> coro<> {
            const text_reader text(slow_bytes("naïve\r\n€ uro\rline\nüber\n😀 end", size));
            const std::string first = co_await text.readline();
            CHECK(first == "naïve\n");
            const std::string three = co_await text.read(3);
            CHECK(three == "€ u");
            const std::optional<std::string> rest_of_line = co_await text.next_line();
            CHECK(rest_of_line == "ro\n");
            std::string some;
            while (!some.ends_with('\n')) some += co_await text.read(1);
            CHECK(some == "line\n");
            std::string pieces = co_await text.read_some();
            CHECK_FALSE(pieces.empty());
            CHECK_FALSE(text.at_eof());
            pieces += co_await text.read();
            CHECK(pieces == "über\n😀 end");
            CHECK(text.at_eof());
            const std::string nothing = co_await text.read(10);
            CHECK(nothing.empty());
            const std::optional<std::string> no_line = co_await text.next_line();
            CHECK_FALSE(no_line);
        }(piece));
    }
}

TEST_CASE("text options reach what is read", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        text_options options;
        options.errors = decode_errors::replace;
        options.newline = newline_mode::crlf;
        options.limit = 6;
        const stream_reader bytes;
        bytes.feed_data("a\nb\xFF\r\n1234567\r\n");
        bytes.feed_eof();
        const text_reader text(bytes, options);
        const std::string line = co_await text.readline();
        CHECK(line == "a\nb\uFFFD\r\n");
        bool too_long = false;
        try {
            const std::string longer = co_await text.readline();
        } catch (const limit_error&) {
            too_long = true;
        }
        CHECK(too_long);
        const std::string rest = co_await text.read();
        CHECK(rest.empty());
    }());
}

TEST_CASE("a source that fails or is cancelled loses no text that it gave before", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        slow_bytes bytes("one\ntwö\nthree", 2);
        bytes.fail_at = 2;
        const text_reader text(std::move(bytes));
        bool failed = false;
        try {
            const std::string line = co_await text.readline();
        } catch (const broken_error&) {
            failed = true;
        }
        CHECK(failed);
        const std::string first = co_await text.readline();
        CHECK(first == "one\n");
        const task<std::string> waiting = create_task(text.read());
        co_await sleep(2500ms);  // half of "ö" has arrived
        waiting.cancel();
        co_await sleep(1ms);
        CHECK(waiting.cancelled());
        const std::string rest = co_await text.read();
        CHECK(rest == "twö\nthree");
    }());
}

TEST_CASE("one operation at a time reads text", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const text_reader text(slow_bytes("a line\n", 1));
        const task<std::string> first = create_task(text.readline());
        co_await sleep(1ms);
        bool busy = false;
        try {
            const std::string second = co_await text.read(1);
        } catch (const busy_error&) {
            busy = true;
        }
        CHECK(busy);
        const std::string line = co_await first;
        CHECK(line == "a line\n");
    }());
}

TEST_CASE("text is written in UTF-8 with the line ends that are wished for", "[streams]") {
    const auto written = [](newline_mode mode) {
        std::string kept;
        test_loop loop;
        loop.run([](std::string& to, newline_mode ends) -> coro<> {
            const text_writer text(kept_bytes{&to}, ends);
            coro<> sending = text.send(std::string("é\n\n") + "x\r\n");  // the text is gone when it is sent
            co_await std::move(sending);
            co_await text.send("");
        }(kept, mode));
        return kept;
    };
    CHECK(written(newline_mode::universal) == "é\n\nx\r\n");
    CHECK(written(newline_mode::any) == "é\n\nx\r\n");
    CHECK(written(newline_mode::lf) == "é\n\nx\r\n");
    CHECK(written(newline_mode::cr) == "é\r\rx\r\r");
    CHECK(written(newline_mode::crlf) == "é\r\n\r\nx\r\r\n");
}

TEST_CASE("what is not UTF-8 is not written", "[streams]") {
    std::string kept;
    const text_writer text(kept_bytes{&kept});
    std::string what;
    try {
        const coro<> sending = text.send("good, b\xE4\x64");
    } catch (const decode_error& error) {
        what = error.what();
    }
    CHECK(what == "'utf-8' codec can't decode byte 0xe4 in position 7: invalid continuation byte");
    CHECK_THROWS_AS(text.send("cut \xE2\x82"), decode_error);
    CHECK(kept.empty());
}

TEST_CASE("what is written as text is read as the same text", "[streams]") {
    for (const newline_mode mode : {newline_mode::lf, newline_mode::cr, newline_mode::crlf}) {
        std::string kept;
        test_loop loop;
        loop.run([](std::string& to, newline_mode ends) -> coro<> {
            const text_writer writer(kept_bytes{&to}, ends);
            co_await writer.send("€\n\n😀\n");
            const text_reader reader(slow_bytes(to, 1));
            const std::string text = co_await reader.read();
            CHECK(text == "€\n\n😀\n");
        }(kept, mode));
    }
}
