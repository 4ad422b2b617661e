// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/uri.hpp: the parts of a ws:// or wss:// URI (RFC 6455 section 3, RFC 3986). Strict about what
// decides whom one talks to and as whom, the authority; a path or query is percent-encoded where it has to
// be.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <aioxx/io/endpoint.hpp>
#include <aioxx/websocket/basic_auth.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

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

[[nodiscard]] constexpr bool is_alphanumeric(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// unreserved and sub-delims of RFC 3986: what stands for itself in a host, and in user information.
[[nodiscard]] constexpr bool is_plain_in_uri(char c) noexcept {
    return is_alphanumeric(c) || std::string_view("-._~!$&'()*+,;=").find(c) != std::string_view::npos;
}

[[nodiscard]] constexpr int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Whether two hexadecimal digits follow the % at a place.
[[nodiscard]] constexpr bool is_percent_triplet(std::string_view text, std::size_t at) noexcept {
    return text.size() - at > 2 && hex_digit(text[at + 1]) >= 0 && hex_digit(text[at + 2]) >= 0;
}

[[nodiscard]] inline std::string to_lower(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    return lower;
}

// Removes the scheme and "://". Returns: the scheme in lower case, empty when there is none.
[[nodiscard]] inline std::string take_scheme(std::string_view& text) {
    const std::size_t end = text.find("://");
    if (end == std::string_view::npos ||
        !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), is_alphanumeric)) {
        return {};
    }
    std::string scheme = to_lower(text.substr(0, end));
    text.remove_prefix(end + 3);
    return scheme;
}

// The part between "//" and the path, for WebSockets and proxies alike. Error is made of the whole text and
// of what is wrong with it.
template <class Error>
class authority_parser {
public:
    explicit authority_parser(std::string_view whole) : whole_(whole) {}

    void parse(std::string_view authority) {
        if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
            take_user_info(authority.substr(0, at));
            authority.remove_prefix(at + 1);
        }
        take_port(authority.starts_with('[') ? take_ipv6(authority) : take_name(authority));
    }

    std::string host;
    std::optional<std::uint16_t> port;
    std::optional<basic_credentials> user_info;

    [[noreturn]] void fail(const std::string& why) const { throw Error(whole_, why); }

private:
    void take_user_info(std::string_view text) {
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) fail("a user name needs a password: expected user:password@");
        user_info = {decode(text.substr(0, colon)), decode(text.substr(colon + 1))};
        try {
            static_cast<void>(build_authorization_basic(*user_info));
        } catch (const std::invalid_argument& refused) {
            fail(refused.what());
        }
    }

    std::string decode(std::string_view text) const {
        std::string decoded;
        for (std::size_t i = 0; i != text.size(); ++i) {
            if (text[i] == '%') {
                if (!is_percent_triplet(text, i))
                    fail("a % in the user information is not followed by two hexadecimal digits");
                decoded += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
                i += 2;
            } else if (is_plain_in_uri(text[i]) || text[i] == ':' ||
                       static_cast<unsigned char>(text[i]) > 0x7F) {
                decoded += text[i];
            } else {
                fail(std::string("the character ") + text[i] +
                     " in the user information has to be percent-encoded");
            }
        }
        return decoded;
    }

    // Returns: what follows the host.
    std::string_view take_ipv6(std::string_view text) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) fail("the bracket of the IPv6 address is not closed");
        std::string_view address = text.substr(1, end - 1);
        host = to_lower(address.substr(0, address.find('%')));
        const std::optional<aioxx::endpoint> read = aioxx::endpoint::try_from_ip(host, 0);
        if (!read || host.find(':') == std::string::npos) fail("expected an IPv6 address between [ and ]");
        if (host.size() != address.size()) {  // a zone, whose % is written %25 (RFC 6874)
            const std::string_view zone = address.substr(host.size());
            if (!zone.starts_with("%25") || zone.size() == 3)
                fail("the zone of the IPv6 address has to be written %25name");
            host.append("%").append(zone.substr(3));
        }
        text.remove_prefix(end + 1);
        if (!text.empty() && !text.starts_with(':')) fail("expected a port after the IPv6 address");
        return text;
    }
    std::string_view take_name(std::string_view text) {
        if (text.find(':') != text.rfind(':'))
            fail("an IPv6 address has to stand in brackets, and a port is a number");
        const std::string_view name = text.substr(0, text.find(':'));
        if (name.empty()) fail("the host is missing");
        for (const char c : name) {
            if (static_cast<unsigned char>(c) > 0x7F)
                fail("a host that is not ASCII has to be written in its xn-- form");
            if (!is_plain_in_uri(c)) fail(std::string("the host has the character ") + c);
        }
        host = to_lower(name);
        return text.substr(name.size());
    }

    // Parameters: `text` empty, or a colon and a number, which may be missing.
    void take_port(std::string_view text) {
        if (text.size() < 2) return;
        text.remove_prefix(1);
        std::uint16_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end != text.data() + text.size() || number == 0) {
            fail("the port must be a number from 1 to 65535");
        }
        port = number;
    }

    std::string_view whole_;
};

// The host as it stands before a port, in a header or a URI; a zone has a meaning on this machine only.
[[nodiscard]] inline std::string bracketed(const std::string& host) {
    if (host.find(':') == std::string::npos) return host;
    return "[" + host.substr(0, host.find('%')) + "]";
}

// Percent-encodes what has to be, and leaves what is so already. Returns: with "/" at the beginning.
template <class Error>
std::string encode_target(std::string_view whole, std::string_view target) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded = target.starts_with('/') ? "" : "/";
    for (std::size_t i = 0; i != target.size(); ++i) {
        const char c = target[i];
        if (c == '%' && !is_percent_triplet(target, i))
            throw Error(whole, "a % is not followed by two hexadecimal digits");
        if (c == '%' || is_plain_in_uri(c) || std::string_view(":@/?").find(c) != std::string_view::npos) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded.append(1, '%').append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        }
    }
    return encoded;
}

// What no URI may have, whichever kind it is.
template <class Error>
void require_text(std::string_view text) {
    const auto is_space = [](unsigned char c) { return c <= ' ' || c == 0x7F; };
    if (std::any_of(text.begin(), text.end(), is_space)) {
        throw Error(text, "spaces and control characters have to be percent-encoded");
    }
    if (!is_utf8(text)) throw Error(text, "expected UTF-8");
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
    detail::require_text<invalid_uri>(text);
    std::string_view rest = text;
    const std::string scheme = detail::take_scheme(rest);
    if (scheme != "ws" && scheme != "wss")
        throw invalid_uri(text, "expected it to begin with ws:// or wss://");
    if (rest.find('#') != std::string_view::npos) {
        throw invalid_uri(
            text, "a fragment (#) has no meaning for WebSockets; as a part of the path it is written %23");
    }
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    detail::authority_parser<invalid_uri> authority(text);
    authority.parse(rest.substr(0, end));
    uri parsed;
    parsed.secure = scheme == "wss";
    parsed.host = std::move(authority.host);
    parsed.port = authority.port.value_or(static_cast<std::uint16_t>(parsed.secure ? 443 : 80));
    parsed.target = detail::encode_target<invalid_uri>(text, rest.substr(end));
    parsed.user_info = std::move(authority.user_info);
    return parsed;
}

}  // namespace aioxx::websocket
