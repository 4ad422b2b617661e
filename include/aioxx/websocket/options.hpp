// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/options.hpp: everything that can be set about a WebSocket, with its default.
// Names and values are those of Python's websockets:
//     websocket::connect_options options;
//     options.subprotocols = {"chat"};
//     auto connection = co_await websocket::connect(uri, options);
// They are not aggregates, because g++ 12 destroys the members of an aggregate twice that is written as {...} inside
// of a co_await expression. That may change when g++ 12 is no longer supported.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <aioxx/net/connect.hpp>
#include <aioxx/tls/context.hpp>
#include <aioxx/transports/tls.hpp>
#include <aioxx/websocket/hook.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/permessage_deflate.hpp>

namespace aioxx::websocket {

/// A time that is switched off by {}.
using optional_time = std::optional<std::chrono::milliseconds>;

/// What both ends have in common: the default of every number.
namespace defaults {

inline constexpr std::chrono::milliseconds open_timeout{10'000};
inline constexpr std::chrono::milliseconds ping_interval{20'000};
inline constexpr std::chrono::milliseconds ping_timeout{20'000};
inline constexpr std::chrono::milliseconds close_timeout{10'000};
inline constexpr std::uint64_t max_size = 1U << 20;
inline constexpr std::size_t max_queue = 32;
inline constexpr std::size_t read_limit = 1U << 16;
inline constexpr std::size_t write_limit = 1U << 16;
inline constexpr const char* agent = "aioxx";

}  // namespace defaults

/// Options of connect().
struct connect_options {
    connect_options() = default;

    std::optional<std::string> origin{};       // value of the Origin header
    std::vector<std::string> subprotocols{};   // preferred first
    std::optional<deflate_options> compression = deflate_options{};  // {}: messages are sent as they are
    http_headers extra_headers{};              // replace ours of the same name
    std::string user_agent = defaults::agent;  // empty: none is sent

    std::optional<tls::context> ssl{};             // for wss://; {}: tls::context::for_client()
    std::optional<std::string> server_hostname{};  // that the certificate has to name; {}: the URI's
    std::optional<std::string> host{};             // to connect to instead of the URI's
    std::optional<std::uint16_t> port{};           // likewise
    std::optional<std::string> proxy{};            // "http://user:password@host:port", see parse_proxy; "": none;
                                                   // {}: that of the environment
    std::optional<tls::context> proxy_ssl{};       // for a proxy at https://; {}: tls::context::for_client()
    aioxx::connect_options connecting{};           // family, local address, happy eyeballs

    optional_time open_timeout = defaults::open_timeout;    // for the whole opening, transport included
    optional_time ping_interval = defaults::ping_interval;  // between keepalive pings
    optional_time ping_timeout = defaults::ping_timeout;    // for their pongs
    std::chrono::milliseconds close_timeout = defaults::close_timeout;

    std::uint64_t max_size = defaults::max_size;      // bytes of a received message; 0: unlimited
    std::size_t max_queue = defaults::max_queue;      // messages received and not yet taken; 0: unlimited
    std::size_t read_limit = defaults::read_limit;    // bytes received and not yet looked at
    std::size_t write_limit = defaults::write_limit;  // high-water mark of the bytes waiting to be sent
};

/// Options of serve().
struct serve_options {
    serve_options() = default;

    std::optional<tls::context> ssl{};  // for servers, with a certificate: wss:// instead of ws://
    tls::connection_options secure{};   // its times; the handshake takes open_timeout at most

    std::vector<std::string> origins{};           // accepted ones, "" for requests without Origin; empty: all
    std::vector<std::string> subprotocols{};      // supported ones, preferred first
    std::optional<deflate_options> compression = deflate_options{};  // {}: messages are sent as they are
    http_headers extra_headers{};                 // added to the 101 response
    std::string server_header = defaults::agent;  // empty: none is sent

    /// Decides about an Origin instead of the list above; it is "" for requests without one.
    std::function<bool(const std::string& origin)> check_origin{};

    /// Chooses a subprotocol instead of the list above; an empty result means none.
    std::function<std::string(const std::vector<std::string>& offered)> select_subprotocol{};

    /// Looks at a request before the handshake does. A response answers it as plain HTTP; {} lets it go on.
    /// A function or a coroutine: `optional<http_response>(const http_request&)`. See also basic_auth and router.
    request_hook process_request{};

    /// Looks at the response and may change it; a 101 with another status becomes a refusal.
    /// A function or a coroutine: `void(const http_request&, http_response&)`.
    response_hook process_response{};

    std::size_t max_connections = 0;  // WebSockets at a time, further ones are refused with 503; 0: unlimited
    http_limits header_limits{};      // of a request, which is refused with 414 or 431 beyond

    optional_time open_timeout = defaults::open_timeout;    // for the whole opening, transport included
    optional_time ping_interval = defaults::ping_interval;  // between keepalive pings
    optional_time ping_timeout = defaults::ping_timeout;    // for their pongs
    std::chrono::milliseconds close_timeout = defaults::close_timeout;

    std::uint64_t max_size = defaults::max_size;      // bytes of a received message; 0: unlimited
    std::size_t max_queue = defaults::max_queue;      // messages received and not yet taken; 0: unlimited
    std::size_t read_limit = defaults::read_limit;    // bytes received and not yet looked at
    std::size_t write_limit = defaults::write_limit;  // high-water mark of the bytes waiting to be sent
};

}  // namespace aioxx::websocket
