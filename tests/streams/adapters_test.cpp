// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/adapters.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

// Gives a text in pieces, a second each; fails where it is told to.
class slow_text {
public:
    slow_text(std::string text, std::size_t piece) : text_(std::move(text)), piece_(piece) {}

    coro<std::size_t> read_some(mutable_bytes_view into) {
        co_await sleep(1s);
        if (fail_once && at_ >= 4) {
            fail_once = false;
            throw broken_error(std::make_error_code(std::errc::io_error), "slow_text");
        }
        const std::size_t count = std::min({piece_, text_.size() - at_, into.size()});
        std::copy_n(bytes_view(text_).data() + at_, count, into.data());
        at_ += count;
        co_return count;
    }
    bool fail_once = false;

private:
    std::string text_;
    std::size_t piece_;
    std::size_t at_ = 0;
};

struct kept_text {
    coro<> send(bytes_view bytes) {
        text += bytes.str();
        co_return;
    }
    std::string text;
};

static_assert(byte_source<slow_text>);
static_assert(byte_source<const stream_reader>);
static_assert(byte_source<buffered_reader<slow_text>>, "they can be stacked");
static_assert(!byte_source<kept_text>);
static_assert(byte_destination<kept_text>);
static_assert(!byte_destination<std::string>);

}  // namespace

TEST_CASE("lines and blocks come from any source, whatever its pieces", "[streams]") {
    for (const std::size_t piece : {1u, 2u, 3u, 7u, 100u}) {
        CAPTURE(piece);
        test_loop loop;
        loop.run([](std::size_t size) -> coro<> {
            const buffered_reader reader(slow_text("first\nsecond\n12345k=v;x\r\n\r\nthe rest", size));
            const bytearray first = co_await reader.readline();
            CHECK(first == "first\n");
            const std::optional<bytearray> second = co_await reader.next_line();
            CHECK(second.value() == "second\n");
            const bytearray ahead = co_await reader.peek(2);
            CHECK(ahead == "12");
            const bytearray block = co_await reader.readexactly(5);
            CHECK(block == "12345");
            const bytearray until = co_await reader.readuntil(";");
            CHECK(until == "k=v;");
            std::vector<bytes_view> ends;
            ends.emplace_back("\r\n\r\n");
            ends.emplace_back("\n\n");
            const bytearray head = co_await reader.readuntil(ends);
            CHECK(head == "x\r\n\r\n");
            reader.unread("not ");
            const bytearray rest = co_await reader.read();
            CHECK(rest == "not the rest");
            CHECK(reader.at_eof());
            const std::optional<bytearray> nothing = co_await reader.next_line();
            CHECK_FALSE(nothing);
        }(piece));
    }
}

TEST_CASE("a source that fails or is cancelled loses nothing of what it gave before", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        slow_text text("one\ntwo\n", 2);
        text.fail_once = true;
        const buffered_reader reader(std::move(text));
        const bytearray first = co_await reader.readline();
        CHECK(first == "one\n");
        bool failed = false;
        try {
            const bytearray broken = co_await reader.readline();
        } catch (const broken_error&) {
            failed = true;
        }
        CHECK(failed);
        const task<bytearray> waiting = create_task(reader.readline());
        co_await sleep(1500ms);  // "tw" has arrived
        waiting.cancel();
        co_await sleep(1ms);
        CHECK(waiting.cancelled());
        const bytearray second = co_await reader.readline();
        CHECK(second == "two\n");
    }());
}

TEST_CASE("a buffered reader serves one operation at a time, and keeps to its limit", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const buffered_reader reader(slow_text("a line that is far too long\nshort\n", 5), 10);
        const task<bytearray> first = create_task(reader.readline());
        co_await sleep(1ms);
        bool busy = false;
        try {
            const bytearray second = co_await reader.read(1);
        } catch (const busy_error&) {
            busy = true;
        }
        CHECK(busy);
        bool too_long = false;
        try {
            co_await first;
        } catch (const limit_error&) {
            too_long = true;
        }
        CHECK(too_long);
    }());
}

TEST_CASE("a source and a destination can be stapled together", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        stapled_stream both{slow_text("question", 100), kept_text()};
        static_assert(byte_source<decltype(both)> && byte_destination<decltype(both)>);
        std::vector<std::byte> space(100);
        const std::size_t count = co_await both.read_some(mutable_bytes_view(space));
        CHECK(bytes_view(space).first(count) == "question");
        co_await both.send("answer");
        CHECK(both.destination.text == "answer");
    }());
}
