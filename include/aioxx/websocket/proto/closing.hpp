// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/closing.hpp: the closing handshake (RFC 6455 section 7) as a table, and the payload of
// Close frames. All transitions of a connection's state live in this file.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/close_code.hpp>
#include <aioxx/websocket/proto/frame.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

namespace aioxx::websocket {

/// Where a connection stands between its opening and the end of its transport.
enum class connection_state : std::uint8_t {
    open,        // messages in both directions
    close_sent,  // our Close went out first, the peer's has not come: still receiving
    closing,     // Close frames went both ways: only the transport is left to be closed
    failed,      // the peer broke a rule, or we gave up: nothing it sends is looked at any more
    closed,      // the transport has ended
};

/// What can happen to it.
enum class closing_event : std::uint8_t {
    close_sent,      // we start the handshake
    close_received,  // the peer starts or answers it; starting is answered at once
    failed,          // _Fail the WebSocket Connection_, 7.1.7
    eof,             // the peer's end of the transport
};

/// The state after an event. An event that cannot happen in a state leaves it as it is.
[[nodiscard]] constexpr connection_state after(connection_state state, closing_event event) noexcept {
    using enum connection_state;
    // clang-format off
    constexpr connection_state table[5][4] = {
        //                close_sent  close_received  failed   eof
        /* open       */ {close_sent, closing,        failed,  closed},
        /* close_sent */ {close_sent, closing,        failed,  closed},
        /* closing    */ {closing,    closing,        closing, closed},
        /* failed     */ {failed,     failed,         failed,  closed},
        /* closed     */ {closed,     closed,         closed,  closed},
    };
    // clang-format on
    return table[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

/// Tells whether received bytes still mean something.
[[nodiscard]] constexpr bool is_receiving(connection_state state) noexcept {
    return state == connection_state::open || state == connection_state::close_sent;
}

/// Tells whether it is our turn to close the transport, once the output is written.
///
/// The server closes first, so that the waiting time of TCP is not its own (7.1.1); the client follows it.
/// The client's patience needs a clock and is the business of the layer above.
[[nodiscard]] constexpr bool should_close_transport(connection_state state, role us) noexcept {
    if (state == connection_state::closed) return true;
    return us == role::server && (state == connection_state::closing || state == connection_state::failed);
}

/// Reads the payload of a Close frame.
///
/// Returns: what was wrong with it, or nothing and then `status` is set; 1005 when the frame is empty.
[[nodiscard]] inline std::optional<peer_fault> parse_close(bytes_view payload, close_status& status) {
    if (payload.empty()) {
        status = {close_code::no_status_received, {}};
        return std::nullopt;
    }
    if (payload.size() == 1) {
        return peer_fault{close_code::protocol_error, "close frame with one byte of payload"};  // 5.5.1
    }
    const auto code = static_cast<close_code>(std::to_integer<unsigned>(payload[0]) << 8 |
                                              std::to_integer<unsigned>(payload[1]));
    if (!is_sendable(code)) {  // 7.4
        return peer_fault{
            close_code::protocol_error,
            "close frame with the code " + std::to_string(value_of(code)) + ", which may not be sent"};
    }
    const bytes_view reason = payload.subview(2);
    if (!is_utf8(reason)) {  // 5.5.1
        return peer_fault{close_code::invalid_data, "close frame with a reason that is not UTF-8"};
    }
    status = {code, std::string(reason.str())};
    return std::nullopt;
}

/// Writes the payload of a Close frame to `to`; nothing at all for 1005.
///
/// Parameters: a reason longer than max_close_reason is cut before the character that does not fit.
/// Requires: `to` has room for max_control_payload bytes; the code is sendable or 1005; the reason is UTF-8.
/// Returns: how many bytes were written.
inline std::size_t encode_close(close_code code, bytes_view reason, std::byte* to) noexcept {
    if (code == close_code::no_status_received) return 0;
    std::size_t size = reason.size();
    if (size > max_close_reason) {
        size = max_close_reason;
        while (size != 0 && (reason[size] & std::byte{0xC0}) == std::byte{0x80})
            --size;
    }
    to[0] = static_cast<std::byte>(value_of(code) >> 8);
    to[1] = static_cast<std::byte>(value_of(code) & 0xFF);
    if (size != 0) std::memcpy(to + 2, reason.data(), size);
    return 2 + size;
}

}  // namespace aioxx::websocket
