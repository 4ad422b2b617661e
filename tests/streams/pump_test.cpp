// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/pump.hpp>

#include <memory>
#include <string>

#include <sys/socket.h>

#include <aioxx/core/task.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/gather.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;

namespace {

struct joined {
    stream a, b;
};

coro<joined> join() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    stream a = co_await open_socket(unique_fd(ends[0]));
    stream b = co_await open_socket(unique_fd(ends[1]));
    joined both{std::move(a), std::move(b)};
    co_return both;
}

coro<std::uint64_t> relay(stream_reader from, stream_writer to) {
    const std::uint64_t copied = co_await pump(from, to);
    to.write_eof();
    co_return copied;
}

coro<> write_all(stream_writer to, const std::string& text) {
    co_await to.send(text);
    to.write_eof();
}

// A source that is not a stream.
struct counter {
    coro<std::size_t> read_some(mutable_bytes_view into) {
        const std::size_t count = std::min(left, into.size());
        left -= count;
        std::fill_n(into.begin(), count, std::byte('c'));
        co_return count;
    }
    std::size_t left;
};

}  // namespace

TEST_CASE("a relay of two pumps carries both directions to their ends, with back-pressure", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined left = co_await join();
        const joined right = co_await join();
        std::string there(3'000'000, 't');
        const std::string back(1'000'000, 'b');
        for (std::size_t i = 0; i < there.size(); i += 1000) there[i] = static_cast<char>('a' + i / 1000 % 26);
        const task<std::uint64_t> forth = create_task(relay(left.b.reader, right.a.writer));
        const task<std::uint64_t> home = create_task(relay(right.a.reader, left.b.writer));
        const task<> sending = create_task(write_all(left.a.writer, there));
        const task<> answering = create_task(write_all(right.b.writer, back));
        const bytearray received = co_await right.b.reader.read();
        CHECK(received == there);
        const bytearray answer = co_await left.a.reader.read();
        CHECK(answer == back);
        co_await gather(sending, answering);
        const std::uint64_t forward = co_await forth;
        CHECK(forward == there.size());
        const std::uint64_t backward = co_await home;
        CHECK(backward == back.size());
    }());
}

TEST_CASE("any source is copied to any destination", "[streams]") {
    support::run_bounded([]() -> coro<> {
        const joined both = co_await join();
        const task<std::uint64_t> copying = create_task(pump(counter{700'000}, both.a.writer));
        const bytearray received = co_await both.b.reader.readexactly(700'000);
        CHECK(received == std::string(700'000, 'c'));
        const std::uint64_t copied = co_await copying;
        CHECK(copied == 700'000);
    }());
}
