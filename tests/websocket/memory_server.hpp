// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/websocket/memory_server.hpp: a WebSocket server without the operating system: its clients come over links in
// memory, on virtual time.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/net/connect.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/testing/memory_link.hpp>
#include <aioxx/transports/stream_transport.hpp>
#include <aioxx/websocket/proto/client_handshake.hpp>
#include <aioxx/websocket/serve.hpp>
#include <aioxx/websocket/take_over.hpp>

namespace support {

using aioxx::coro;
using aioxx::websocket::client_handshake;
using aioxx::websocket::client_handshake_options;

/// A handler and options, and a way for clients to come in.
class memory_server {
public:
    template <class Handler>
    explicit memory_server(Handler handler, aioxx::websocket::serve_options options = {})
        : at_(aioxx::websocket::detail::make_serving(std::move(handler), std::move(options))),
          service_(aioxx::websocket::detail::service_of(at_, {})),
          server_(aioxx::detail::serve_on(aioxx::websocket::detail::service_of(at_, {}), std::vector<aioxx::unique_fd>()),
                  at_) {}

    aioxx::websocket::server& server() noexcept { return server_; }

    /// A client that speaks bytes.
    coro<aioxx::stream> connect_raw() {
        aioxx::testing::memory_link wire(aioxx::get_running_loop(), {});
        return come_in(std::move(wire.a), std::move(wire.b));
    }

    /// A client that speaks WebSocket. Sends no pings by itself.
    coro<aioxx::websocket::connection> connect() { return connect(client_handshake_options()); }
    coro<aioxx::websocket::connection> connect(const client_handshake_options& options) {
        aioxx::testing::memory_link wire(aioxx::get_running_loop(), {});
        return connect_over(wire, options);
    }
    coro<aioxx::websocket::connection> connect_over(aioxx::testing::memory_link& wire) {
        return connect_over(wire, client_handshake_options());
    }
    coro<aioxx::websocket::connection> connect_over(aioxx::testing::memory_link& wire,
                                                    const client_handshake_options& options) {
        client_handshake_options mine = options;
        mine.host = "memory";
        return open(come_in(std::move(wire.a), std::move(wire.b)), std::make_unique<client_handshake>(std::move(mine)));
    }

    /// What is said to bytes, until the server closes.
    coro<std::string> answer_to(std::string bytes) {
        return [](coro<aioxx::stream> coming, std::string sent) -> coro<std::string> {
            const aioxx::stream client = co_await std::move(coming);
            co_await client.writer.send(sent);
            const aioxx::bytearray answer = co_await client.reader.read();
            co_return std::string(answer.str());
        }(connect_raw(), std::move(bytes));
    }

private:
    coro<aioxx::stream> come_in(std::unique_ptr<aioxx::stream_channel> ours,
                                std::unique_ptr<aioxx::stream_channel> theirs) {
        aioxx::event_loop& loop = aioxx::get_running_loop();
        std::make_shared<aioxx::stream_transport>(loop, std::move(theirs), service_.factory())->start();
        return [](std::unique_ptr<aioxx::stream_channel> channel) -> coro<aioxx::stream> {
            auto state = std::make_shared<aioxx::stream_protocol>(aioxx::stream_reader::default_limit);
            static_cast<void>(co_await aioxx::detail::establish(std::move(channel), state));
            co_return aioxx::make_stream(state);
        }(std::move(ours));
    }

    static coro<aioxx::websocket::connection> open(coro<aioxx::stream> coming,
                                                   std::unique_ptr<client_handshake> spoken) {
        client_handshake& handshake = *spoken;
        const aioxx::stream client = co_await std::move(coming);
        co_await client.writer.send(handshake.output());
        aioxx::bytearray first_frames;
        while (!handshake.done()) {
            const aioxx::bytes_view arrived = co_await client.reader.read_view();
            if (arrived.empty()) handshake.feed_eof();
            const std::size_t used = handshake.feed(arrived);
            first_frames.append(arrived.subview(used));
        }
        if (handshake.fault()) throw std::runtime_error(handshake.fault()->text);
        aioxx::websocket::connection_limits limits;
        limits.ping_interval.reset();
        limits.compression = handshake.compression();
        auto state =
            aioxx::websocket::detail::take_over(client.writer, aioxx::websocket::role::client, limits, first_frames);
        co_return aioxx::websocket::connection(std::move(state), handshake.subprotocol(), handshake.request(),
                                               handshake.response());
    }

    std::shared_ptr<aioxx::websocket::detail::serving> at_;
    aioxx::detail::service service_;
    aioxx::websocket::server server_;
};

/// An opening request with further lines.
inline std::string opening_request(std::string more = {}, std::string first = "GET / HTTP/1.1") {
    return first + "\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + more + "\r\n";
}

}  // namespace support
