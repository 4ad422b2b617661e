// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/error.hpp: what the coroutines of a WebSocket throw, beside the errors of base/error.hpp.
// Names, meaning and texts follow Python's websockets.

#include <optional>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/websocket/proto/close_code.hpp>
#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket {

/// The connection is closed: nothing can be sent, nothing more will be received. Thrown as one of the two
/// below.
class connection_closed : public error {
public:
    /// The peer's Close frame, nothing when none came.
    [[nodiscard]] const std::optional<close_status>& received() const noexcept { return received_; }

    /// Our Close frame, nothing when none went out.
    [[nodiscard]] const std::optional<close_status>& sent() const noexcept { return sent_; }

    /// Tells whether the peer closed first. Meaningful when both frames exist.
    [[nodiscard]] bool peer_closed_first() const noexcept { return peer_closed_first_; }

    /// The peer's close code; 1006 when it sent none.
    [[nodiscard]] close_code code() const noexcept {
        return received_ ? received_->code : close_code::abnormal_closure;
    }

    /// The peer's reason, possibly empty.
    [[nodiscard]] std::string reason() const { return received_ ? received_->reason : std::string(); }

protected:
    connection_closed(std::optional<close_status> received, std::optional<close_status> sent, bool peer_first,
                      const std::string& cause)
        : error(describe(received, sent, peer_first) + (cause.empty() ? "" : ": " + cause)),
          received_(std::move(received)),
          sent_(std::move(sent)),
          peer_closed_first_(peer_first) {}

private:
    static std::string describe(const std::optional<close_status>& received,
                                const std::optional<close_status>& sent, bool peer_first) {
        if (!received && !sent) return "no close frame received or sent";
        if (!received) return "sent " + to_string(*sent) + "; no close frame received";
        if (!sent) return "received " + to_string(*received) + "; no close frame sent";
        if (peer_first) return "received " + to_string(*received) + "; then sent " + to_string(*sent);
        return "sent " + to_string(*sent) + "; then received " + to_string(*received);
    }

    std::optional<close_status> received_;
    std::optional<close_status> sent_;
    bool peer_closed_first_;
};

/// The orderly end: 1000 or 1001 in both directions. Iterating over messages ends instead of throwing this.
class connection_closed_ok : public connection_closed {
public:
    connection_closed_ok(std::optional<close_status> received, std::optional<close_status> sent,
                         bool peer_first)
        : connection_closed(std::move(received), std::move(sent), peer_first, {}) {}
};

/// Any other end: another code, or a closing handshake that did not complete.
class connection_closed_error : public connection_closed {
public:
    /// Parameters: `cause` what went wrong beneath, empty when the codes say it all.
    connection_closed_error(std::optional<close_status> received, std::optional<close_status> sent,
                            bool peer_first, const std::string& cause = {})
        : connection_closed(std::move(received), std::move(sent), peer_first, cause) {}
};

/// Tells which of the two an end is.
[[nodiscard]] inline bool is_closed_ok(const std::optional<close_status>& received,
                                       const std::optional<close_status>& sent) noexcept {
    return received && sent && is_ok(received->code) && is_ok(sent->code);
}

/// Throws the one that fits.
///
/// Parameters: as the constructors.
[[noreturn]] inline void throw_connection_closed(std::optional<close_status> received,
                                                 std::optional<close_status> sent, bool peer_first,
                                                 const std::string& cause = {}) {
    if (is_closed_ok(received, sent))
        throw connection_closed_ok(std::move(received), std::move(sent), peer_first);
    throw connection_closed_error(std::move(received), std::move(sent), peer_first, cause);
}

/// The opening handshake failed because of what the other side sent.
class handshake_error : public protocol_error {
public:
    explicit handshake_error(const std::string& what) : protocol_error(aioxx::side::remote, what) {}
};

/// The server answered the opening handshake with something other than 101.
class invalid_status : public handshake_error {
public:
    /// Parameters: `response` with the beginning of its body.
    explicit invalid_status(http_response response)
        : handshake_error("server rejected WebSocket connection: HTTP " + std::to_string(response.status)),
          response_(std::move(response)) {}

    [[nodiscard]] int status() const noexcept { return response_.status; }
    [[nodiscard]] const http_headers& headers() const noexcept { return response_.headers; }
    [[nodiscard]] const std::string& body() const noexcept { return response_.body; }

private:
    http_response response_;
};

}  // namespace aioxx::websocket
