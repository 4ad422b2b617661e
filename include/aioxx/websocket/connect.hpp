// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/connect.hpp: opens a WebSocket as a client: connect, opening handshake, connection.

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/client_handshake.hpp>
#include <aioxx/websocket/uri.hpp>

namespace aioxx::websocket {

namespace detail {

// What connect and serve give to a connection.
template <class Options>
connection_limits limits_of(const Options& options) {
    return {options.ping_interval, options.ping_timeout, options.close_timeout,
            options.max_size,      options.max_queue,    options.write_limit};
}

// Turns a stream whose opening handshake is over into a connection.
inline std::shared_ptr<connection_state_machine> take_over(const stream_writer& writer, role us,
                                                           const connection_limits& limits, bytes_view first_frames) {
    auto state = std::make_shared<connection_state_machine>(get_running_loop(), us, limits);
    bytearray rest(first_frames);
    rest.append(writer.hand_over(state));
    if (!rest.empty()) state->data_received(rest);
    return state;
}

inline coro<connection> open(uri where, connect_options options) {
    client_handshake handshake({.host = where.host_header(),
                                .target = where.target,
                                .origin = options.origin,
                                .subprotocols = options.subprotocols,
                                .extra_headers = options.extra_headers,
                                .user_agent = options.user_agent});
    stream opened = co_await open_connection(where.host, where.port, {}, options.read_limit);
    co_await opened.writer.send(handshake.output());
    bytearray first_frames;
    while (!handshake.done()) {
        const bytes_view arrived = co_await opened.reader.read_view();
        if (arrived.empty()) handshake.feed_eof();
        const std::size_t used = handshake.feed(arrived);
        first_frames.append(arrived.subview(used));
    }
    if (handshake.fault()) {
        if (handshake.fault()->response && handshake.fault()->response->status != 101) {
            throw invalid_status(*handshake.fault()->response);
        }
        throw handshake_error(handshake.fault()->text);
    }
    co_return connection(take_over(opened.writer, role::client, limits_of(options), first_frames),
                         handshake.subprotocol(), handshake.request(), handshake.response());
}

}  // namespace detail

/// Opens a WebSocket connection. `auto ws = co_await websocket::connect("ws://localhost:8765/");`
///
/// Errors: std::invalid_argument for a URI or an option that cannot be used (wss:// is one: this version speaks ws://
/// only); connect_error; invalid_status when the server answers with another status than 101; handshake_error when
/// its answer is wrong otherwise; timeout_error after options.open_timeout.
/// Cancellation: safe, the connection is closed.
[[nodiscard]] inline coro<connection> connect(std::string address, connect_options options = {}) {
    uri where = parse_uri(address);
    if (where.secure) {
        throw std::invalid_argument("connect: \"" + address + "\" asks for TLS; expected a ws:// address");
    }
    std::optional<duration> limit;
    if (options.open_timeout) limit = *options.open_timeout;
    co_return co_await wait_for(detail::open(std::move(where), std::move(options)), limit);
}

}  // namespace aioxx::websocket
