// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/close_code.hpp: the numbers that say why a WebSocket was closed (RFC 6455 section 7.4).
// A code outside the named ones is written close_code{4000}.

#include <cstdint>
#include <string>
#include <string_view>

namespace aioxx::websocket {

/// Why a connection was closed. 3000 to 3999 are registered with IANA, 4000 to 4999 are free for
/// applications.
enum class close_code : std::uint16_t {
    normal_closure = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    no_status_received = 1005,  // local: the Close frame carried no code
    abnormal_closure = 1006,    // local: the connection ended without a Close frame
    invalid_data = 1007,
    policy_violation = 1008,
    message_too_big = 1009,
    mandatory_extension = 1010,
    internal_error = 1011,
    service_restart = 1012,
    try_again_later = 1013,
    bad_gateway = 1014,
    tls_handshake = 1015,  // local: TLS failed
};

[[nodiscard]] constexpr std::uint16_t value_of(close_code code) noexcept {
    return static_cast<std::uint16_t>(code);
}

/// Tells whether a Close frame may carry this code, in either direction (RFC 6455 sections 7.4.1 and 7.4.2).
[[nodiscard]] constexpr bool is_sendable(close_code code) noexcept {
    const std::uint16_t value = value_of(code);
    return (value >= 1000 && value <= 1003) || (value >= 1007 && value <= 1014) ||
           (value >= 3000 && value <= 4999);
}

/// Tells whether the code means an orderly end: 1000, 1001, or 1005 for a Close frame without a code, which is what the
/// close() of a browser sends. Python: websockets took 1005 for an error up to its version 10 at least.
[[nodiscard]] constexpr bool is_ok(close_code code) noexcept {
    return code == close_code::normal_closure || code == close_code::going_away ||
           code == close_code::no_status_received;
}

/// A few words for people, the ones of Python's websockets.
[[nodiscard]] constexpr std::string_view name_of(close_code code) noexcept {
    switch (code) {
        case close_code::normal_closure:
            return "OK";
        case close_code::going_away:
            return "going away";
        case close_code::protocol_error:
            return "protocol error";
        case close_code::unsupported_data:
            return "unsupported data";
        case close_code::no_status_received:
            return "no status received [internal]";
        case close_code::abnormal_closure:
            return "connection closed abnormally [internal]";
        case close_code::invalid_data:
            return "invalid data";
        case close_code::policy_violation:
            return "policy violation";
        case close_code::message_too_big:
            return "message too big";
        case close_code::mandatory_extension:
            return "mandatory extension";
        case close_code::internal_error:
            return "internal error";
        case close_code::service_restart:
            return "service restart";
        case close_code::try_again_later:
            return "try again later";
        case close_code::bad_gateway:
            return "bad gateway";
        case close_code::tls_handshake:
            return "TLS handshake failure [internal]";
    }
    if (value_of(code) >= 3000 && value_of(code) <= 3999) return "registered";
    if (value_of(code) >= 4000 && value_of(code) <= 4999) return "private use";
    return "unknown";
}

/// What a Close frame says.
struct close_status {
    close_code code = close_code::normal_closure;
    std::string reason;

    friend bool operator==(const close_status&, const close_status&) = default;
};

/// For messages: `1001 (going away) restart at noon`.
[[nodiscard]] inline std::string to_string(const close_status& status) {
    std::string text = std::to_string(value_of(status.code)) + " (" + std::string(name_of(status.code)) + ")";
    if (!status.reason.empty()) text += " " + status.reason;
    return text;
}

/// What the peer did wrong, and the code that tells it so.
struct peer_fault {
    close_code code = close_code::protocol_error;
    std::string text;

    friend bool operator==(const peer_fault&, const peer_fault&) = default;
};

}  // namespace aioxx::websocket
