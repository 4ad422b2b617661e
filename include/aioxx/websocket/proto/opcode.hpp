// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/opcode.hpp: what a WebSocket frame carries (RFC 6455 section 5.2).

#include <cstdint>
#include <string_view>

namespace aioxx::websocket {

/// The four-bit opcode of a frame. The values between binary and close, and above pong, are reserved.
enum class opcode : std::uint8_t {
    continuation = 0x0,
    text = 0x1,
    binary = 0x2,
    close = 0x8,
    ping = 0x9,
    pong = 0xA
};

/// Tells whether the four bits name an opcode of RFC 6455.
[[nodiscard]] constexpr bool is_known_opcode(std::uint8_t bits) noexcept {
    return bits <= 0x2 || (bits >= 0x8 && bits <= 0xA);
}

/// Close, ping and pong: short, never fragmented, allowed between the fragments of a message.
[[nodiscard]] constexpr bool is_control(opcode code) noexcept {
    return (static_cast<std::uint8_t>(code) & 0x8) != 0;
}

/// The RFC's word for an opcode.
[[nodiscard]] constexpr std::string_view name_of(opcode code) noexcept {
    switch (code) {
        case opcode::continuation:
            return "continuation";
        case opcode::text:
            return "text";
        case opcode::binary:
            return "binary";
        case opcode::close:
            return "close";
        case opcode::ping:
            return "ping";
        case opcode::pong:
            return "pong";
    }
    return "reserved";
}

}  // namespace aioxx::websocket
