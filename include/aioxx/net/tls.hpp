// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/tls.hpp: secure connections: the facades of connect.hpp and listen.hpp with a tls::context, and start_tls,
// which secures a connection that stands.

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/tls/context.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/stream_transport.hpp>
#include <aioxx/transports/tls.hpp>

namespace aioxx {

namespace detail {

inline void require_role(const tls::context& context, tls::role expected, const char* operation) {
    if (context.which() == expected) return;
    throw std::invalid_argument(std::string(operation) + (expected == tls::role::client
                                                              ? ": expected a tls::context for clients"
                                                              : ": expected a tls::context for servers"));
}

inline std::unique_ptr<stream_channel> secured(unique_fd fd, tls::context context, tls::connection_options secure) {
    auto& loop = get_running_loop();
    std::unique_ptr<stream_channel> plain = std::make_unique<socket_channel>(loop, std::move(fd));
    return std::make_unique<tls_channel>(loop, std::move(plain), std::move(context), std::move(secure));
}

inline server_state::layer_function server_layer(tls::context context, tls::connection_options secure) {
    require_role(context, tls::role::server, "create_server");
    secure.check(context);
    return [context = std::move(context), secure = std::move(secure)](std::unique_ptr<stream_channel>&& plain) {
        return std::make_unique<tls_channel>(get_running_loop(), std::move(plain), context, secure);
    };
}

}  // namespace detail

/// Connects to a host and port over TCP, secures the connection, and joins a protocol of the factory to it.
///
/// Parameters: `context` for clients; `secure` its server_hostname is `host` unless it says otherwise; the rest as
/// create_connection.
/// Returns: the pair, after the handshake and connection_made.
/// Errors: as create_connection; tls::certificate_error naming the host, tls::tls_error for other failures of the
/// handshake, among them its time-out and its end by the peer; std::invalid_argument for a context of a server.
/// Cancellation: safe; the connection is cut off. Asyncio: create_connection(ssl=).
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> create_connection(Factory factory, std::string host, std::uint16_t port,
                                                           tls::context context, tls::connection_options secure = {},
                                                           connect_options options = {}) {
    detail::require_role(context, tls::role::client, "create_connection");
    if (!secure.server_hostname) secure.server_hostname = host;
    const std::optional<duration> limit = options.timeout;
    unique_fd fd = co_await wait_for(detail::resolve_and_connect(std::move(host), port, std::move(options)), limit);
    auto channel = detail::secured(std::move(fd), std::move(context), std::move(secure));
    co_return co_await detail::establish(std::move(channel), factory());
}

/// Likewise over a Unix socket, whose server has no name: secure.server_hostname must say one, or be empty.
///
/// Errors: also std::invalid_argument without it. Cancellation: as above.
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> create_unix_connection(Factory factory, std::string path, tls::context context,
                                                                tls::connection_options secure = {},
                                                                connect_options options = {}) {
    detail::require_role(context, tls::role::client, "create_unix_connection");
    const std::optional<duration> limit = options.timeout;
    unique_fd fd = co_await wait_for(detail::connect_to_path(std::move(path), std::move(options)), limit);
    auto channel = detail::secured(std::move(fd), std::move(context), std::move(secure));
    co_return co_await detail::establish(std::move(channel), factory());
}

/// Secures a stream socket that is connected already, as a client or as a server: the context says which.
///
/// Errors and cancellation as for the form without TLS, and as above. Asyncio: connect_accepted_socket(ssl=).
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> connect_accepted_socket(Factory factory, unique_fd socket,
                                                                 tls::context context,
                                                                 tls::connection_options secure = {}) {
    detail::require_socket_type(socket.get(), SOCK_STREAM, "connect_accepted_socket: a connected stream socket was expected");
    detail::make_non_blocking(socket.get());
    auto channel = detail::secured(std::move(socket), std::move(context), std::move(secure));
    co_return co_await detail::establish(std::move(channel), factory());
}

/// Listens as create_server does and secures each connection. The protocol is told of it after the handshake.
///
/// A connection whose handshake fails is dropped without a report. It counts as one of the server's all the while.
/// Parameters: `context` for servers, with a certificate. Errors and cancellation as create_server;
/// std::invalid_argument for a context of a client. Asyncio: create_server(ssl=).
template <protocol_factory Factory>
coro<server> create_server(Factory factory, std::vector<std::string> hosts, std::uint16_t port, tls::context context,
                           tls::connection_options secure = {}, listen_options options = {}) {
    detail::service served{std::move(factory), detail::server_layer(std::move(context), std::move(secure)), options};
    co_return co_await detail::serve_on_hosts(std::move(served), std::move(hosts), port);
}
/// Likewise on the addresses of one host.
/// Cancellation: as above.
template <protocol_factory Factory>
coro<server> create_server(Factory factory, std::string host, std::uint16_t port, tls::context context,
                           tls::connection_options secure = {}, listen_options options = {}) {
    std::vector<std::string> only(1, std::move(host));
    co_return co_await create_server(std::move(factory), std::move(only), port, std::move(context), std::move(secure),
                                     options);
}
/// Likewise on a socket that is bound already.
/// Cancellation: does not wait.
template <protocol_factory Factory>
coro<server> create_server(Factory factory, unique_fd socket, tls::context context, tls::connection_options secure = {},
                           listen_options options = {}) {
    detail::service served{std::move(factory), detail::server_layer(std::move(context), std::move(secure)), options};
    co_return detail::serve_on_socket(std::move(served), std::move(socket));
}
/// Likewise on a Unix socket.
/// Cancellation: does not wait.
template <protocol_factory Factory>
coro<server> create_unix_server(Factory factory, std::string path, tls::context context,
                                tls::connection_options secure = {}, listen_options options = {}) {
    detail::service served{std::move(factory), detail::server_layer(std::move(context), std::move(secure)), options};
    co_return detail::serve_on_path(std::move(served), path);
}

/// Secures a connection that stands (STARTTLS), plain or secured already: TLS in TLS.
///
/// What was written before is sent first, unsecured. Reading stops at once and goes on after the handshake; what is
/// written meanwhile is sent then. The transport and its protocol stay, and connection_made is not called again.
/// Parameters: `connection` one of this library's; `context` says which side we are; `secure` a client names the
/// server there; `received` bytes that the protocol had been given already and that belong to the handshake.
/// Errors: std::invalid_argument for another kind of transport, and for a client that does not name the server;
/// closed_error; invalid_state_error while another start_tls is under way; those of the handshake as create_connection,
/// after which the connection is lost with the same error; tls::tls_error for bytes that secure.refuse_received refuses.
/// Cancellation: the connection is cut off.
/// Asyncio: loop.start_tls, which gives a new transport.
inline coro<> start_tls(std::shared_ptr<transport> connection, tls::context context,
                        tls::connection_options secure = {}, bytearray received = {}) {
    auto* open = dynamic_cast<stream_transport*>(connection.get());
    if (open == nullptr) throw std::invalid_argument("start_tls: expected a byte transport of the library");
    secure.check(context);
    if (secure.refuse_received && !received.empty()) {
        open->abort();
        throw tls::tls_error(tls::tls_errc::early_data, "start_tls");
    }
    const future<> ready = create_future();
    open->insert_layer(
        [context = std::move(context), secure = std::move(secure),
         received = std::move(received)](std::unique_ptr<stream_channel>&& plain) mutable {
            return std::make_unique<tls_channel>(get_running_loop(), std::move(plain), std::move(context),
                                                 std::move(secure), std::move(received));
        },
        detail::settling(ready));
    try {
        co_await ready;
    } catch (...) {  // a cancellation, or the connection is lost already
        ready.cancel();
        open->abort();
        throw;
    }
}

}  // namespace aioxx
