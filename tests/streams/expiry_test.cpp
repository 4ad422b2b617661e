// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/expiry.hpp>

#include <optional>
#include <string>
#include <vector>

#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

double seconds(time_point since) {
    return std::chrono::duration<double>(get_running_loop().time() - since).count();
}

coro<bool> line_times_out(stream_reader reader) {
    try {
        const bytearray line = co_await reader.readline();
    } catch (const timeout_error&) {
        co_return true;
    }
    co_return false;
}

// A stream over a memory link of 1000 bytes whose peer reads nothing unless told to.
struct joined_link {
    joined_link() {
        auto [a, b] = make_memory_channels(get_running_loop(), 1000);
        auto state = std::make_shared<stream_protocol>(1024);
        near = std::make_shared<stream_transport>(get_running_loop(), std::move(a), state);
        far = std::make_shared<stream_transport>(get_running_loop(), std::move(b), peer);
        near->start();
        far->start();
        both.emplace(make_stream(state));
    }
    coro<> end() {
        near->abort();
        far->abort();
        for (int i = 0; i < 8; ++i) co_await sleep(1ms);
    }

    std::shared_ptr<testing::recording_protocol> peer = std::make_shared<testing::recording_protocol>(true);
    std::shared_ptr<stream_transport> near;
    std::shared_ptr<stream_transport> far;
    std::optional<stream> both;
};

coro<bool> send_times_out(stream_writer writer, std::size_t size) {
    const std::string text(size, 'x');
    try {
        co_await writer.send(text);
    } catch (const timeout_error&) {
        co_return true;
    }
    co_return false;
}

}  // namespace

TEST_CASE("a deadline is reached once, and counts from where it was moved to", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const time_point began = get_running_loop().time();
        std::vector<double> reached;
        expiry limit([&] { reached.push_back(seconds(began)); });
        limit.set(began + 5s);
        co_await sleep(3s);
        limit.set(began + 10s);  // later: the timer that is armed finds it moved
        co_await sleep(6s);
        CHECK(reached.empty());
        CHECK_FALSE(limit.expired());
        co_await sleep(2s);
        CHECK(reached == std::vector<double>{10});
        CHECK(limit.expired());
        limit.set(began + 30s);
        CHECK_FALSE(limit.expired());
        limit.set(began + 12s);  // earlier
        co_await sleep(20s);
        CHECK(reached == std::vector<double>{10, 12});
        limit.set(std::nullopt);
        CHECK_FALSE(limit.expired());
        limit.set(began);  // in the past
        CHECK(limit.expired());
        co_await sleep(1ms);
        CHECK(reached.size() == 3);
    }());
}

TEST_CASE("the deadline of a reader ends what waits, loses nothing and can be moved", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const time_point began = get_running_loop().time();
        const stream_reader reader;
        reader.feed_data("one\ntwo\nthr");
        reader.expires_after(10s);
        const bytearray first = co_await reader.readline();
        CHECK(first == "one\n");
        co_await sleep(11s);
        const bytearray second = co_await reader.readline();  // it is there: no waiting, no error
        CHECK(second == "two\n");
        const bool third = co_await line_times_out(reader);
        CHECK(third);
        CHECK(seconds(began) == 11);
        reader.expires_after(4s);
        const bool again = co_await line_times_out(reader);
        CHECK(again);
        CHECK(seconds(began) == 15);
        reader.feed_data("ee\n");
        const bytearray at_last = co_await reader.readline();
        CHECK(at_last == "three\n");
        reader.expires_never();
        get_running_loop().call_later(1h, [reader] { reader.feed_eof(); });
        const std::optional<bytearray> nothing = co_await reader.next_line();
        CHECK_FALSE(nothing);
        CHECK(seconds(began) == 15 + 3600);
    }());
}

TEST_CASE("the deadline of a writer ends send and drain that wait, and nothing else", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        joined_link link;
        co_await sleep(1ms);
        link.far->pause_reading();
        const time_point began = get_running_loop().time();
        const stream_writer writer = link.both->writer;
        link.both->expires_after(5s);
        const bool small = co_await send_times_out(writer, 2000);
        CHECK_FALSE(small);
        const bool large = co_await send_times_out(writer, 200'000);
        CHECK(large);
        CHECK(seconds(began) == 5);
        const bool late = co_await send_times_out(writer, 1);
        CHECK(late);
        CHECK(seconds(began) == 5);
        writer.expires_never();
        link.far->resume_reading();
        co_await writer.drain();
        CHECK_FALSE(writer.is_closing());
        co_await link.end();
    }());
}

TEST_CASE("a stream that does not end in time is aborted", "[streams]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        joined_link link;
        co_await sleep(1ms);
        link.far->pause_reading();
        link.both->writer.write(std::string(5000, 'x'));
        link.both->writer.close();
        const time_point began = get_running_loop().time();
        const bool clean = co_await link.both->writer.wait_closed(3s);
        CHECK_FALSE(clean);
        CHECK(seconds(began) == 3);
        co_await link.end();

        joined_link other;
        co_await sleep(1ms);
        other.both->writer.write("all of it");
        other.both->writer.close();
        const bool by_itself = co_await other.both->writer.wait_closed(3s);
        CHECK(by_itself);
        co_await other.end();
    }());
}
