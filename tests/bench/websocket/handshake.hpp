// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/websocket/handshake.hpp: what the raw programs need before the first frame: a listener, and the opening
// handshake of RFC 6455. Nothing of it takes part in the measured traffic.

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <aioxx/websocket/proto/accept_key.hpp>

#include "../server.hpp"

namespace bench {

/// Whether a server is to take messages without answering, but for those that are "?".
inline bool is_sink() { return std::getenv("AIOXX_BENCH_SINK") != nullptr; }

/// The answer to a request that is taken to be one for a WebSocket.
inline std::string handshake_answer(const std::string& head) {
    std::string small = head;
    std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::string_view name = "sec-websocket-key:";
    std::size_t begin = small.find(name);
    if (begin == std::string::npos) return "HTTP/1.1 400 Bad Request\r\n\r\n";
    begin = head.find_first_not_of(' ', begin + name.size());
    const std::string key = head.substr(begin, head.find('\r', begin) - begin);
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
           aioxx::websocket::accept_key(key) + "\r\n\r\n";
}

}  // namespace bench
