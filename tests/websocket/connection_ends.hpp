// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/websocket/connection_ends.hpp: both ends of an open WebSocket in memory, or one end and the test that writes frames
// by hand, for tests in virtual time.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>
#include <aioxx/websocket/connection.hpp>

#include "websocket/proto/wire.hpp"

namespace support {

/// Without keepalive.
inline aioxx::websocket::connection_limits quiet() {
    aioxx::websocket::connection_limits limits;
    limits.ping_interval.reset();
    return limits;
}

inline aioxx::websocket::connection open_over(std::unique_ptr<aioxx::stream_channel> channel, aioxx::websocket::role us,
                                              const aioxx::websocket::connection_limits& limits) {
    aioxx::event_loop& loop = aioxx::get_running_loop();
    auto state = std::make_shared<aioxx::websocket::detail::connection_state_machine>(loop, us, limits);
    std::make_shared<aioxx::stream_transport>(loop, std::move(channel), state)->start();
    return {state, "", aioxx::websocket::http_request(), aioxx::websocket::http_response()};
}

/// Until everything that can happen now has happened.
inline aioxx::coro<> settle() { co_await aioxx::sleep(std::chrono::milliseconds(1)); }

/// A client and a server over a memory link.
struct both_ends {
    using limits = aioxx::websocket::connection_limits;

    explicit both_ends(const limits& of_client = quiet(), const limits& of_server = quiet(),
                       std::size_t capacity = 64 * 1024)
        : both_ends(aioxx::make_memory_channels(aioxx::get_running_loop(), capacity), of_client, of_server) {}

    aioxx::websocket::connection client, server;

private:
    using channels = decltype(aioxx::make_memory_channels(aioxx::get_running_loop(), 0));
    both_ends(channels ends, const limits& of_client, const limits& of_server)
        : client(open_over(std::move(ends.first), aioxx::websocket::role::client, of_client)),
          server(open_over(std::move(ends.second), aioxx::websocket::role::server, of_server)) {}
};

/// A server whose client is the test: it writes frames by hand.
struct raw_client {
    using limits = aioxx::websocket::connection_limits;

    explicit raw_client(const limits& of_server = quiet(), std::size_t capacity = 64 * 1024)
        : raw_client(aioxx::make_memory_channels(aioxx::get_running_loop(), capacity), of_server) {}

    void send(aioxx::websocket::opcode code, std::string_view payload, bool fin = true) const {
        peer->connection()->write(wire::frame(aioxx::websocket::role::client, code, payload, fin));
    }

    std::shared_ptr<aioxx::testing::recording_protocol> peer =
        std::make_shared<aioxx::testing::recording_protocol>(true);
    std::shared_ptr<aioxx::stream_transport> transport;
    aioxx::websocket::connection server;

private:
    using channels = decltype(aioxx::make_memory_channels(aioxx::get_running_loop(), 0));
    raw_client(channels ends, const limits& of_server)
        : transport(std::make_shared<aioxx::stream_transport>(aioxx::get_running_loop(), std::move(ends.first), peer)),
          server(open_over(std::move(ends.second), aioxx::websocket::role::server, of_server)) {
        transport->start();
    }
};

/// The next message as text, whatever its kind.
inline aioxx::coro<std::string> receive_text(aioxx::websocket::connection from) {
    const aioxx::websocket::message received = co_await from.receive();
    co_return std::string(received.str());
}

/// Awaits something. Returns: whether it throws an exception of a type; others go on.
template <class Exception, class Awaitable>
aioxx::coro<bool> throws(Awaitable&& awaited) {
    try {
        static_cast<void>(co_await std::forward<Awaitable>(awaited));
        co_return false;
    } catch (const Exception&) {
        co_return true;
    }
}

}  // namespace support
