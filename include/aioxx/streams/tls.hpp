// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/tls.hpp: secure streams: open_connection and start_server with a tls::context, and start_tls for a stream
// that is open.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/net/tls.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/streams/writer.hpp>
#include <aioxx/tls/context.hpp>
#include <aioxx/transports/stream_transport.hpp>
#include <aioxx/transports/tls.hpp>

namespace aioxx {

/// Connects over TCP and secures the connection.
///
/// Parameters: `context` for clients; `secure` as create_connection; `limit` the longest line of the reader, in bytes.
/// Errors and cancellation: as create_connection with a tls::context. Asyncio: open_connection(ssl=).
/// Example:
///     auto [reader, writer] = co_await open_connection("example.org", 443, tls::context::for_client());
[[nodiscard]] inline coro<stream> open_connection(std::string host, std::uint16_t port, tls::context context,
                                                  tls::connection_options secure = {}, connect_options options = {},
                                                  std::size_t limit = stream_reader::default_limit) {
    auto made = co_await create_connection([limit] { return std::make_shared<stream_protocol>(limit); },
                                           std::move(host), port, std::move(context), std::move(secure),
                                           std::move(options));
    co_return make_stream(made.protocol);
}

/// Likewise over a Unix socket; secure.server_hostname must name the server, or be empty.
/// Cancellation: as above. Asyncio: open_unix_connection(ssl=).
[[nodiscard]] inline coro<stream> open_unix_connection(std::string path, tls::context context,
                                                       tls::connection_options secure = {},
                                                       connect_options options = {},
                                                       std::size_t limit = stream_reader::default_limit) {
    auto made = co_await create_unix_connection([limit] { return std::make_shared<stream_protocol>(limit); },
                                                std::move(path), std::move(context), std::move(secure),
                                                std::move(options));
    co_return make_stream(made.protocol);
}

/// Listens over TCP, secures each connection, and runs a handler as a task for it.
///
/// Parameters: `context` for servers, with a certificate; the rest as start_server.
/// Errors and cancellation: as create_server with a tls::context. Asyncio: start_server(ssl=).
template <stream_handler Handler>
coro<server> start_server(Handler handler, std::string host, std::uint16_t port, tls::context context,
                          tls::connection_options secure = {}, listen_options options = {},
                          std::size_t limit = stream_reader::default_limit) {
    co_return co_await create_server(detail::handler_factory(std::move(handler), limit), std::move(host), port,
                                     std::move(context), std::move(secure), options);
}

/// Likewise on a Unix socket.
/// Cancellation: does not wait. Asyncio: start_unix_server(ssl=).
template <stream_handler Handler>
coro<server> start_unix_server(Handler handler, std::string path, tls::context context,
                               tls::connection_options secure = {}, listen_options options = {},
                               std::size_t limit = stream_reader::default_limit) {
    co_return co_await create_unix_server(detail::handler_factory(std::move(handler), limit), std::move(path),
                                          std::move(context), std::move(secure), options);
}

/// Secures an open stream (STARTTLS). Its reader and writer go on with it.
///
/// What was written is sent before, unsecured. What has arrived and was not read belongs to the handshake; with
/// secure.refuse_received that is an error.
/// Errors: closed_error when the stream is over; else as start_tls for transports. Cancellation: the stream is cut off.
/// Asyncio: StreamWriter.start_tls.
inline coro<> start_tls(stream_writer writer, tls::context context, tls::connection_options secure = {}) {
    auto* open = dynamic_cast<stream_transport*>(writer.transport());
    if (writer.transport() == nullptr) throw closed_error("start_tls: the stream is closed");
    if (open == nullptr) throw std::invalid_argument("start_tls: expected a stream over a byte transport of the library");
    secure.check(context);
    bytearray received = writer.take_received();
    co_await start_tls(open->shared_from_this(), std::move(context), std::move(secure), std::move(received));
}

}  // namespace aioxx
