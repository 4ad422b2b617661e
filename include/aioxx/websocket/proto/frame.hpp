// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/frame.hpp: the header of a WebSocket frame (RFC 6455 section 5.2).

#include <cstddef>
#include <cstdint>

#include <aioxx/websocket/proto/mask.hpp>
#include <aioxx/websocket/proto/opcode.hpp>

namespace aioxx::websocket {

/// Which end of a connection we are: only clients mask.
enum class role : std::uint8_t { client, server };

/// Everything that precedes a payload on the wire. The reserved bits but the first are always zero.
struct frame_header {
    opcode code = opcode::binary;
    bool fin = true;  // the last, or only, fragment of its message
    bool compressed =
        false;  // RSV1 in a message's first frame: the message is compressed (RFC 7692 section 6)
    bool masked = false;
    masking_key mask{};  // meaningful when masked
    std::uint64_t payload_size = 0;

    friend bool operator==(const frame_header&, const frame_header&) = default;
};

/// Two bytes, eight of length, four of mask.
inline constexpr std::size_t max_frame_header_size = 14;

/// The most that a close, ping or pong frame carries (RFC 6455 section 5.5).
inline constexpr std::size_t max_control_payload = 125;

/// The most that the reason of a Close frame has room for, beside its code.
inline constexpr std::size_t max_close_reason = max_control_payload - 2;

}  // namespace aioxx::websocket
