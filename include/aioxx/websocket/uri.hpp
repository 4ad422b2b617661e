// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/uri.hpp: the parts of a ws:// or wss:// URI (RFC 6455 section 3, RFC 3986). Strict about its beginning,
// see authority.hpp; a path or query is percent-encoded where it has to be.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/websocket/authority.hpp>
#include <aioxx/websocket/basic_auth.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/percent_encoding.hpp>

namespace aioxx::websocket {

/// Where a WebSocket is.
struct uri {
    bool secure = false;
    std::string host{};                            ///< lower case; an IPv6 address without its brackets
    std::uint16_t port = 80;                       ///< 80 or 443 unless it was given
    std::string target = "/";                      ///< path and query, percent-encoded, at least "/"
    std::optional<basic_credentials> user_info{};  ///< percent-decoded

    /// The value of the Host header: the port only when it is not the scheme's own.
    [[nodiscard]] std::string host_header() const;

    /// Tells whether scheme, host and port are the same.
    [[nodiscard]] bool has_same_origin(const uri& other) const noexcept {
        return secure == other.secure && host == other.host && port == other.port;
    }

    friend bool operator==(const uri&, const uri&) = default;
};

namespace detail {

// A path and a query with what has to be percent-encoded so. Returns: with "/" at the beginning.
template <class Error>
std::string encode_target(std::string_view whole, std::string_view target) {
    std::optional<std::string> encoded = percent_encode(target, ":@/?");
    if (!encoded) throw Error(whole, "a % is not followed by two hexadecimal digits");
    if (!encoded->starts_with('/')) encoded->insert(0, "/");
    return std::move(*encoded);
}

}  // namespace detail

inline std::string uri::host_header() const {
    const std::string name = detail::bracketed(host);
    return port == (secure ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

/// The URI again, without user name and password: for messages and logs.
[[nodiscard]] inline std::string to_string(const uri& where) {
    return (where.secure ? "wss://" : "ws://") + where.host_header() + where.target;
}

/// Reads a URI.
///
/// Characters of path and query that have to be percent-encoded, as those beyond ASCII, become so; spaces and
/// control characters are refused.
/// Errors: invalid_uri naming what is wrong with it and what was expected.
[[nodiscard]] inline uri parse_uri(std::string_view text) {
    static constexpr detail::known_scheme schemes[] = {{"ws", 80}, {"wss", 443}};
    detail::authority_parser<invalid_uri> authority(text, schemes);
    if (authority.rest().find('#') != std::string_view::npos) {
        authority.fail("a fragment (#) has no meaning for WebSockets; as a part of the path it is written %23");
    }
    uri parsed;
    parsed.secure = authority.scheme() == 1;
    authority.parse_into(parsed);
    parsed.target = detail::encode_target<invalid_uri>(text, authority.rest());
    return parsed;
}

}  // namespace aioxx::websocket
