// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/writer.hpp>

#include <memory>
#include <string>
#include <vector>

#include <aioxx/core/task.hpp>
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

// A stream over a memory link of 1000 bytes, and what its peer does.
struct joined_link {
    joined_link() {
        auto [a, b] = make_memory_channels(get_running_loop(), 1000);
        state = std::make_shared<stream_protocol>(1024);
        near = std::make_shared<stream_transport>(get_running_loop(), std::move(a), state);
        far = std::make_shared<stream_transport>(get_running_loop(), std::move(b), peer);
        near->start();
        far->start();
    }
    coro<> settle() {
        for (int i = 0; i < 8; ++i) co_await sleep(1ms);
    }
    coro<> end() {
        near->abort();
        far->abort();
        co_await settle();
    }
    stream open() { return make_stream(state); }

    std::shared_ptr<recording_protocol> peer = std::make_shared<recording_protocol>(true);
    std::shared_ptr<stream_protocol> state;
    std::shared_ptr<stream_transport> near;
    std::shared_ptr<stream_transport> far;
};

coro<std::error_code> code_of_drain(stream_writer writer) {
    try {
        co_await writer.drain();
    } catch (const broken_error& failure) {
        co_return failure.code();
    }
    co_return std::error_code();
}

}  // namespace

TEST_CASE("send returns at once below the water mark and waits above it", "[streams]") {
    test_loop().run([]() -> coro<> {
        joined_link joined;
        co_await joined.settle();
        auto [reader, writer] = joined.open();
        joined.far->pause_reading();
        co_await writer.send("small");
        bool sent = false;
        task<> large = create_task([](stream_writer to, bool& done) -> coro<> {
            const std::string data(100'000, 'x');
            co_await to.send(data);
            done = true;
        }(writer, sent));
        co_await joined.settle();
        CHECK(!sent);
        CHECK(joined.near->get_write_buffer_size() > 64 * 1024);
        joined.far->resume_reading();
        co_await large;
        CHECK(joined.near->get_write_buffer_size() <= 16 * 1024);
        co_await joined.end();
    }());
}

TEST_CASE("pieces that are sent together arrive in order", "[streams]") {
    test_loop().run([]() -> coro<> {
        joined_link joined;
        co_await joined.settle();
        auto [reader, writer] = joined.open();
        std::vector<bytes_view> pieces;
        pieces.emplace_back("a");
        pieces.emplace_back("");
        pieces.emplace_back("bc");
        co_await writer.send(std::span<const bytes_view>(pieces));
        writer.writelines(pieces);
        writer.write(bytearray("d"));
        co_await writer.drain();
        co_await joined.settle();
        CHECK(joined.peer->received() == "abcabcd");
        co_await joined.end();
    }());
}

TEST_CASE("a write after close is dropped and the next drain says so (SM015)", "[streams]") {
    test_loop().run([]() -> coro<> {
        joined_link joined;
        co_await joined.settle();
        auto [reader, writer] = joined.open();
        writer.write("before");
        writer.close();
        CHECK(writer.is_closing());
        writer.write("after");
        const std::error_code at_once = co_await code_of_drain(writer);
        CHECK(at_once == std::errc::connection_reset);
        writer.write("later");
        const std::error_code later = co_await code_of_drain(writer);
        CHECK(later == std::errc::connection_reset);
        co_await joined.settle();
        CHECK(joined.peer->received() == "before");
        co_await joined.end();
    }());
}

TEST_CASE("drain after close without another write is no error", "[streams]") {
    test_loop().run([]() -> coro<> {
        joined_link joined;
        co_await joined.settle();
        auto [reader, writer] = joined.open();
        writer.write("everything");
        writer.close();
        CHECK_NOTHROW(co_await writer.drain());
        co_await writer.wait_closed();
        co_await joined.settle();
        CHECK(joined.peer->received() == "everything");
        co_await joined.end();
    }());
}

TEST_CASE("a write loop with drain notices that the peer has gone (R3, SM013)", "[streams]") {
    test_loop().run([]() -> coro<> {
        joined_link joined;
        co_await joined.settle();
        auto [reader, writer] = joined.open();
        joined.far->abort();
        std::error_code code;
        try {
            for (;;) co_await writer.send(std::string(100, 'x'));
        } catch (const broken_error& failure) {
            code = failure.code();
        }
        CHECK(code == std::errc::broken_pipe);
        const std::error_code again = co_await code_of_drain(writer);
        CHECK(again == std::errc::broken_pipe);  // the original reason
        co_await joined.end();
    }());
}

TEST_CASE("a drain that is paused when the connection is lost learns the reason", "[streams][FC008]") {
    test_loop().run([]() -> coro<> {
        joined_link joined;
        co_await joined.settle();
        auto [reader, writer] = joined.open();
        joined.far->pause_reading();
        writer.write(std::string(200'000, 'x'));
        task<std::error_code> waiting = create_task(code_of_drain(writer));
        co_await joined.settle();
        CHECK(!waiting.done());
        joined.far->abort();
        const std::error_code code = co_await waiting;
        CHECK(code);
        co_await joined.end();
    }());
}

TEST_CASE("write_eof ends one half only, and a write after it is a mistake", "[streams]") {
    test_loop().run([]() -> coro<> {
        joined_link joined;
        co_await joined.settle();
        auto [reader, writer] = joined.open();
        CHECK(writer.can_write_eof());
        writer.write("last words");
        writer.write_eof();
        co_await joined.settle();
        CHECK(joined.peer->story() == "connection_made data_received eof_received");
        bool refused = false;
        try {
            writer.write("one more");
        } catch (const invalid_state_error&) {
            refused = true;
        }
        CHECK(refused);
        joined.far->write("answer");
        const bytearray answer = co_await reader.readexactly(6);
        CHECK(answer == "answer");
        co_await joined.end();
    }());
}

TEST_CASE("wait_closed returns when the connection is over, for everybody and for good (R4, SM014)", "[streams]") {
    test_loop().run([]() -> coro<> {
        joined_link joined;
        co_await joined.settle();
        auto [reader, writer] = joined.open();
        joined.far->write("nobody reads this");
        co_await joined.settle();
        task<> first = create_task([](stream_writer of) -> coro<> { co_await of.wait_closed(); }(writer));
        task<> second = create_task([](stream_writer of) -> coro<> { co_await of.wait_closed(); }(writer));
        co_await joined.settle();
        CHECK(!first.done());
        writer.close();
        co_await first;
        co_await second;
        co_await writer.wait_closed();
        CHECK(writer.is_closing());
        CHECK(writer.transport() == nullptr);
        CHECK(!writer.can_write_eof());
        CHECK(!writer.get_extra_info(extra_info::peername));
        CHECK_NOTHROW(writer.close());
        CHECK_NOTHROW(writer.abort());
        CHECK_NOTHROW(writer.write_eof());
        co_await joined.end();
    }());
}

TEST_CASE("closing the writer ends the reader of the same stream (SM016)", "[streams]") {
    test_loop().run([]() -> coro<> {
        joined_link joined;
        co_await joined.settle();
        auto [reader, writer] = joined.open();
        task<bytearray> reading = create_task([](stream_reader from) -> coro<bytearray> { co_return co_await from.read(); }(reader));
        co_await joined.settle();
        writer.close();
        const bytearray nothing = co_await reading;
        CHECK(nothing.empty());
        CHECK(reader.at_eof());
        co_await joined.end();
    }());
}
