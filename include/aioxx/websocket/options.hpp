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

#include <aioxx/websocket/proto/http_head.hpp>

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
    http_headers extra_headers{};              // replace ours of the same name
    std::string user_agent = defaults::agent;  // empty: none is sent

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

    std::vector<std::string> origins{};           // accepted ones, "" for requests without Origin; empty: all
    std::vector<std::string> subprotocols{};      // supported ones, preferred first
    http_headers extra_headers{};                 // added to the 101 response
    std::string server_header = defaults::agent;  // empty: none is sent

    /// Chooses a subprotocol instead of the list above; an empty result means none.
    std::function<std::string(const std::vector<std::string>& offered)> select_subprotocol{};

    /// Looks at a request before the handshake does. A response answers it as plain HTTP; {} lets it go on.
    std::function<std::optional<http_response>(const http_request&)> process_request{};

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
