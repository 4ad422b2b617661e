// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/take_over.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/net/connect.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::recording_protocol;
using testing::test_loop;
using websocket::connection_limits;
using websocket::message;
using websocket::opcode;
using websocket::role;

namespace {

// A stream whose other end the test writes to by hand.
struct half_opened {
    std::shared_ptr<recording_protocol> peer = std::make_shared<recording_protocol>(true);
    std::shared_ptr<stream_transport> transport;
    std::optional<stream> ours;
};

coro<std::shared_ptr<half_opened>> half_open() {
    auto made = std::make_shared<half_opened>();
    auto ends = make_memory_channels(get_running_loop());
    made->transport = std::make_shared<stream_transport>(get_running_loop(), std::move(ends.first), made->peer);
    made->transport->start();
    auto state = std::make_shared<stream_protocol>(stream_reader::default_limit);
    static_cast<void>(co_await aioxx::detail::establish(std::move(ends.second), state));
    made->ours = make_stream(state);
    co_return made;
}

}  // namespace

TEST_CASE("what has arrived before a stream becomes a WebSocket is not lost, wherever it was", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const std::shared_ptr<half_opened> with = co_await half_open();
        const std::string first = wire::frame(role::client, opcode::text, "read with the head");
        const std::string second = wire::frame(role::client, opcode::text, "in the stream");
        const std::string third = wire::frame(role::client, opcode::text, "still to come");
        with->transport->write(second.substr(0, 7));
        co_await sleep(1ms);
        auto state = websocket::detail::take_over(with->ours->writer, role::server, connection_limits(), first);
        with->ours.reset();  // the stream is over, the connection goes on
        const websocket::connection ws(state, "", websocket::http_request(), websocket::http_response());
        const message one = co_await ws.receive();
        CHECK(one.str() == "read with the head");
        with->transport->write(second.substr(7) + third);
        const message two = co_await ws.receive();
        CHECK(two.str() == "in the stream");
        const message three = co_await ws.receive();
        CHECK(three.str() == "still to come");
        with->transport->abort();
        co_await ws.wait_closed();
    }());
}

TEST_CASE("a stream that is over cannot be taken over", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const std::shared_ptr<half_opened> with = co_await half_open();
        with->transport->abort();
        with->ours->writer.abort();
        co_await with->ours->writer.wait_closed();
        const stream_writer gone = with->ours->writer;
        CHECK_THROWS_AS(websocket::detail::take_over(gone, role::server, connection_limits(), {}), closed_error);
    }());
}

TEST_CASE("a connection whose heads cannot be kept is none", "[websocket]") {
    test_loop loop;
    auto state = std::make_shared<websocket::detail::connection_state_machine>(loop.loop(), role::server,
                                                                               connection_limits());
    const std::weak_ptr<websocket::detail::connection_state_machine> watched = state;
    websocket::http_response response;
    response.status = 1;
    CHECK_THROWS_AS(websocket::connection(std::move(state), "", websocket::http_request(), response),
                    std::invalid_argument);
    CHECK(watched.expired());
}

TEST_CASE("a connection gets its limits from the options of its side", "[websocket]") {
    const auto check = [](auto options) {
        options.ping_interval = 1s;
        options.ping_timeout = 2s;
        options.close_timeout = 3s;
        options.max_size = 4;
        options.max_queue = 5;
        options.write_limit = 6;
        const connection_limits plain = websocket::detail::limits_of(options);
        CHECK(plain.ping_interval == 1s);
        CHECK(plain.ping_timeout == 2s);
        CHECK(plain.close_timeout == 3s);
        CHECK(plain.max_size == 4);
        CHECK(plain.max_queue == 5);
        CHECK(plain.write_limit == 6);
        CHECK_FALSE(plain.compression);
        CHECK(websocket::detail::limits_of(options, websocket::deflate_parameters()).compression);
    };
    check(websocket::connect_options());
    check(websocket::serve_options());
}
