// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/dial.hpp: a stream to a server, directly or through a proxy, and TLS over it: the way of a client before it
// speaks, to a WebSocket or a stream of events.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/tls.hpp>
#include <aioxx/tls/context.hpp>
#include <aioxx/websocket/authority.hpp>
#include <aioxx/websocket/proxy.hpp>

namespace aioxx::websocket::detail {

/// What the options of a client say about the way. `step` is set to what is waited for, for the text of a timeout.
/// Lifetime: what it refers to lives until the functions below return.
struct way {
    const aioxx::connect_options& connecting;
    std::size_t read_limit;  // bytes received and not yet looked at
    const std::string& user_agent;
    const std::optional<tls::context>& proxy_ssl;
    std::string& step;
};

/// Secures a stream, as a client. Parameters: `name` of the server, as its certificate has it; `ssl` {}: the usual context.
/// Errors: as start_tls. Cancellation: partial: the stream is of no use afterwards.
inline coro<> secure(stream over, std::string name, std::optional<tls::context> ssl, std::string& step) {
    step = "securing the connection to " + name;
    tls::connection_options how;
    how.server_hostname = std::move(name);
    if (!ssl) ssl = tls::context::for_client();
    co_await start_tls(over.writer, std::move(*ssl), std::move(how));
}

/// Connects directly. Errors: as open_connection. Cancellation: safe.
inline coro<stream> dial(way how, std::string host, std::uint16_t port) {
    how.step = "connecting to " + bracketed(host) + ":" + std::to_string(port);
    return open_connection(std::move(host), port, how.connecting, how.read_limit);
}

/// Connects with a proxy, which can be asked for something then. Errors: as dial and secure. Cancellation: safe.
inline coro<stream> dial_proxy(way how, proxy_address proxy) {
    stream opened = co_await dial(how, proxy.host, proxy.port);
    if (!proxy.is_secure()) co_return opened;
    scope_exit abandoned([&opened] { opened.writer.abort(); });
    co_await secure(opened, without_zone(proxy.host), how.proxy_ssl, how.step);
    abandoned.release();
    co_return opened;
}

/// Connects with a server through a proxy. Errors: as dial_proxy and open_tunnel. Cancellation: safe.
inline coro<stream> dial_through(way how, proxy_address proxy, std::string host, std::uint16_t port) {
    stream opened = co_await dial_proxy(how, proxy);
    scope_exit abandoned([&opened] { opened.writer.abort(); });
    how.step = "waiting for the answer of the proxy " + to_string(proxy);
    co_await open_tunnel(opened, std::move(proxy), std::move(host), port, how.user_agent);
    abandoned.release();
    co_return opened;
}

}  // namespace aioxx::websocket::detail
