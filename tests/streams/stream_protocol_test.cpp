// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/stream_protocol.hpp>

#include <memory>
#include <string>
#include <utility>
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
using testing::recording_protocol;
using testing::test_loop;

namespace {

// A stream protocol at one end of a memory link, a recording protocol at the other.
struct pair {
    explicit pair(std::size_t limit = 1024, std::size_t capacity = 64 * 1024) {
        auto [a, b] = make_memory_channels(get_running_loop(), capacity);
        state = std::make_shared<stream_protocol>(limit);
        near = std::make_shared<stream_transport>(get_running_loop(), std::move(a), state);
        far = std::make_shared<stream_transport>(get_running_loop(), std::move(b), peer);
        near->start();
        far->start();
    }
    coro<> settle() {
        for (int i = 0; i < 5; ++i) co_await sleep(1ms);
    }
    coro<> end() {
        near->abort();
        far->abort();
        co_await settle();
    }

    std::shared_ptr<recording_protocol> peer = std::make_shared<recording_protocol>(true);
    std::shared_ptr<stream_protocol> state;
    std::shared_ptr<stream_transport> near;
    std::shared_ptr<stream_transport> far;
};

}  // namespace

TEST_CASE("a stream protocol connects its buffer and its gate to the transport", "[streams]") {
    test_loop().run([]() -> coro<> {
        pair both(10);
        int connected = 0;
        both.state->set_connected_callback([&] { ++connected; });
        CHECK(both.state->transport() == nullptr);
        co_await both.settle();
        CHECK(connected == 1);
        CHECK(both.state->transport() == both.near.get());
        both.far->write(std::string(30, 'x'));
        co_await both.settle();
        CHECK(both.state->incoming.size() == 30);
        CHECK(!both.near->is_reading());  // above twice the limit
        co_await both.end();
        CHECK(both.state->transport() == nullptr);
        CHECK(both.state->incoming.ended());
        CHECK(both.state->gate.lost());
    }());
}

TEST_CASE("the peer's end leaves the writing half open", "[streams]") {
    test_loop().run([]() -> coro<> {
        pair both;
        co_await both.settle();
        both.far->write_eof();
        co_await both.settle();
        CHECK(both.state->incoming.at_eof());
        CHECK(!both.near->is_closing());
        both.near->write("still here");
        co_await both.settle();
        CHECK(both.peer->received() == "still here");
        co_await both.end();
    }());
}

TEST_CASE("a loss with a reason is the error of the buffer and of the gate", "[streams]") {
    test_loop().run([]() -> coro<> {
        pair both;
        co_await both.settle();
        both.near->write("nobody reads this");
        both.far->pause_reading();
        co_await both.settle();
        both.far->abort();
        co_await both.settle();
        CHECK(both.state->incoming.failure() != nullptr);
        CHECK(both.state->gate.reason() == both.state->incoming.failure());
        co_await both.end();
    }());
}

TEST_CASE("hand_over gives the connection and what was not read to another protocol", "[streams]") {
    test_loop().run([]() -> coro<> {
        pair both(9);
        co_await both.settle();
        both.far->write("GET / upgrade;first frames");
        co_await both.settle();
        stream halves = make_stream(both.state);
        const bytearray head = co_await halves.reader.readuntil("/ ");
        CHECK(head == "GET / ");
        auto next = std::make_shared<recording_protocol>();
        const bytearray rest = halves.writer.hand_over(next);
        CHECK(rest == "upgrade;first frames");
        CHECK(next->story() == "connection_made");
        both.far->write("more");
        co_await both.settle();
        CHECK(next->received() == "more");
        CHECK(halves.writer.transport() == nullptr);
        CHECK(halves.reader.at_eof());
        CHECK(!both.near->is_closing());
        bool refused = false;
        try {
            static_cast<void>(halves.writer.hand_over(next));
        } catch (const closed_error&) {
            refused = true;
        }
        CHECK(refused);
        co_await both.end();
        CHECK(next->story() == "connection_made data_received connection_lost");
    }());
}

TEST_CASE("an end that came before hand_over is told to the other protocol", "[streams]") {
    test_loop().run([]() -> coro<> {
        pair both;
        co_await both.settle();
        both.far->write("hello");
        both.far->write_eof();
        co_await both.settle();
        CHECK(both.state->incoming.ended());
        stream halves = make_stream(both.state);
        auto next = std::make_shared<recording_protocol>();
        CHECK(halves.writer.hand_over(next) == "hello");
        co_await both.settle();
        CHECK(next->story() == "connection_made eof_received connection_lost");
        co_await both.end();
    }());
}

TEST_CASE("dropping both halves of a stream closes the connection, dropping one does not (SM017)", "[streams]") {
    test_loop().run([]() -> coro<> {
        pair both;
        co_await both.settle();
        {
            stream_writer kept = make_stream(both.state).writer;
            co_await both.settle();
            CHECK(!both.near->is_closing());
        }
        CHECK(both.near->is_closing());
        co_await both.settle();
        CHECK(both.peer->count("eof_received") == 1);
        co_await both.end();
    }());
}

TEST_CASE("the connection is closed when nobody holds a half any more, however many were made", "[streams]") {
    test_loop().run([]() -> coro<> {
        pair both;
        co_await both.settle();
        auto first = std::make_unique<stream>(make_stream(both.state));
        auto second = std::make_unique<stream_reader>(make_stream(both.state).reader);
        stream_writer moved = std::move(first->writer);
        first.reset();
        second.reset();
        CHECK(!both.near->is_closing());
        {
            const stream_writer last = moved;
            moved = make_stream(std::make_shared<stream_protocol>(10)).writer;
            CHECK(!both.near->is_closing());
        }
        CHECK(both.near->is_closing());
        co_await both.end();
    }());
}

TEST_CASE("large portions and lines across their borders arrive whole", "[streams]") {
    test_loop().run([]() -> coro<> {
        pair both(64 * 1024, 256 * 1024);
        co_await both.settle();
        const stream halves = make_stream(both.state);
        std::string text;
        std::vector<std::string> lines;
        while (text.size() < 1024 * 1024) {
            lines.push_back("line " + std::to_string(lines.size()) + std::string(lines.size() * 7 % 500, '.') + '\n');
            text += lines.back();
        }
        both.far->write(text);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            CAPTURE(i);
            if (i % 3 == 0) {
                const bytes_view line = co_await halves.reader.readline_view();
                REQUIRE(line.str() == lines[i]);
            } else if (i % 3 == 1) {
                const bytearray line = co_await halves.reader.readline();
                REQUIRE(line.str() == lines[i]);
            } else {
                const bytes_view line = co_await halves.reader.readline_view();
                if (i % 100 == 2) co_await both.settle();  // more arrives while it is lent
                REQUIRE(line.str() == lines[i]);
            }
        }
        co_await both.end();
    }());
}
