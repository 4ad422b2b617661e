// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/uri.hpp: the parts of a ws:// or wss:// URI (RFC 6455 section 3).

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace aioxx::websocket {

/// Where a WebSocket is.
struct uri {
    bool secure = false;
    std::string host;    ///< without the brackets of an IPv6 address
    std::uint16_t port;  ///< 80 or 443 unless it was given
    std::string target;  ///< path and query, at least "/"

    /// The value of the Host header: the port only when it is not the scheme's own.
    [[nodiscard]] std::string host_header() const {
        const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
        return port == (secure ? 443 : 80) ? name : name + ":" + std::to_string(port);
    }
};

namespace detail {

// Removes a scheme, which has no case (RFC 3986, 3.1). Returns: whether it was there.
inline bool take_scheme(std::string_view& text, std::string_view scheme) noexcept {
    const auto same = [](char found, char expected) {
        return (found >= 'A' && found <= 'Z' ? static_cast<char>(found - 'A' + 'a') : found) == expected;
    };
    if (text.size() < scheme.size() || !std::equal(scheme.begin(), scheme.end(), text.begin(),
                                                   [&](char expected, char found) { return same(found, expected); })) {
        return false;
    }
    text.remove_prefix(scheme.size());
    return true;
}

}  // namespace detail

/// Reads a URI. Errors: std::invalid_argument naming what is wrong with it and what was expected.
[[nodiscard]] inline uri parse_uri(std::string_view text) {
    const auto wrong = [&](const char* why) {
        return std::invalid_argument("\"" + std::string(text) + "\" is not a WebSocket URI: " + why);
    };
    const auto is_allowed = [](char c) { return c > ' ' && c < '\x7f'; };
    if (!std::all_of(text.begin(), text.end(), is_allowed)) {
        throw wrong("spaces, control and non-ASCII characters have to be percent-encoded");
    }
    uri parsed{};
    std::string_view rest = text;
    if (detail::take_scheme(rest, "wss://")) {
        parsed.secure = true;
    } else if (!detail::take_scheme(rest, "ws://")) {
        throw wrong("expected it to begin with ws:// or wss://");
    }
    if (rest.find('#') != std::string_view::npos) throw wrong("a fragment (#) is not allowed");
    const std::size_t end = rest.find_first_of("/?");
    std::string_view authority = rest.substr(0, end);
    const std::string_view target = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    parsed.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
    if (authority.find('@') != std::string_view::npos) throw wrong("user information (@) is not supported");

    std::string_view port;
    if (authority.starts_with('[')) {
        const std::size_t bracket = authority.find(']');
        if (bracket == std::string_view::npos) throw wrong("the bracket of the IPv6 address is not closed");
        parsed.host = authority.substr(1, bracket - 1);
        authority.remove_prefix(bracket + 1);
        if (!authority.empty() && !authority.starts_with(':')) throw wrong("expected a port after the address");
        port = authority.empty() ? authority : authority.substr(1);
    } else {
        const std::size_t colon = authority.find(':');
        parsed.host = authority.substr(0, colon);
        port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1);
    }
    if (parsed.host.empty()) throw wrong("the host is missing");
    parsed.port = parsed.secure ? 443 : 80;
    if (!port.empty()) {
        const auto [last, error] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
        if (error != std::errc() || last != port.data() + port.size() || parsed.port == 0) {
            throw wrong("the port must be a number from 1 to 65535");
        }
    }
    return parsed;
}

}  // namespace aioxx::websocket
