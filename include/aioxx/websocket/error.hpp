// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/error.hpp: what the coroutines of a WebSocket throw, beside the errors of base/error.hpp.
// Names, meaning and texts follow Python's websockets.

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// The orderly end: 1000, 1001 or no code in both directions. Iterating over messages ends instead of throwing this.
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

/// The next message is of the other kind than the one that was asked for. It was not taken.
class wrong_message_kind : public protocol_error {
public:
    /// Parameters: `is_text` and `size` are of the message that is there.
    wrong_message_kind(const std::string& operation, bool is_text, std::size_t size)
        : protocol_error(aioxx::side::remote, operation + ": expected a " + name(!is_text) + " message, got a " +
                                                  name(is_text) + " message of " + std::to_string(size) + " bytes"),
          is_text_(is_text) {}

    /// Whether the message that is there is text.
    [[nodiscard]] bool is_text() const noexcept { return is_text_; }

private:
    static std::string name(bool text) { return text ? "text" : "binary"; }

    bool is_text_;
};

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

/// The connection ended before the answer to the opening handshake was complete.
class handshake_incomplete : public handshake_error {
    using handshake_error::handshake_error;
};

/// The server sent the client somewhere else, and it does not go there.
class redirect_error : public handshake_error {
public:
    /// Parameters: `why` it does not; `chain` the URIs so far, the refused one last, without passwords.
    redirect_error(const std::string& why, std::vector<std::string> chain)
        : handshake_error("cannot follow redirect: " + why + describe(chain)), chain_(std::move(chain)) {}

    [[nodiscard]] const std::vector<std::string>& chain() const noexcept { return chain_; }

private:
    static std::string describe(const std::vector<std::string>& chain) {
        std::string text;
        for (const std::string& step : chain) text += (text.empty() ? " (" : " -> ") + step;
        return text.empty() ? text : text + ")";
    }

    std::vector<std::string> chain_;
};

/// The proxy did not connect us with the server.
class proxy_error : public handshake_error {
    using handshake_error::handshake_error;
};

/// The proxy answered CONNECT with something other than 2xx.
class invalid_proxy_status : public proxy_error {
public:
    /// Parameters: `proxy` its address; `response` without its body.
    invalid_proxy_status(const std::string& proxy, http_response response)
        : proxy_error("proxy " + proxy + " rejected connection: HTTP " + std::to_string(response.status) +
                      (response.reason.empty() ? "" : " " + response.reason)),
          response_(std::move(response)) {}

    [[nodiscard]] int status() const noexcept { return response_.status; }
    [[nodiscard]] const http_headers& headers() const noexcept { return response_.headers; }

private:
    http_response response_;
};

namespace detail {

// For error texts: a URI without its user information, which may have a password.
[[nodiscard]] inline std::string hide_user_info(std::string_view text) {
    const std::size_t slashes = text.find("//");
    const std::size_t begin = slashes == std::string_view::npos ? 0 : slashes + 2;
    const std::size_t at = text.substr(0, text.find_first_of("/?#", begin)).rfind('@');
    if (at == std::string_view::npos || at < begin) return std::string(text);
    return std::string(text.substr(0, begin)) + "***" + std::string(text.substr(at));
}

}  // namespace detail

/// A text is not the URI of a WebSocket.
class invalid_uri : public std::invalid_argument {
public:
    invalid_uri(std::string_view text, const std::string& why)
        : std::invalid_argument(detail::quoted(detail::hide_user_info(text)) +
                                " is not a WebSocket URI: " + why) {}
};

/// A text is not the address of a proxy that can be used.
class invalid_proxy : public std::invalid_argument {
public:
    invalid_proxy(std::string_view text, const std::string& why)
        : std::invalid_argument(detail::quoted(detail::hide_user_info(text)) +
                                " is not a proxy that can be used: " + why) {}
};

}  // namespace aioxx::websocket
