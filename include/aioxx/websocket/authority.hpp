// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/authority.hpp: the beginning of a URI: its scheme, and the authority that says whom one talks to and as
// whom (RFC 3986 section 3). Read in one way, and strictly, for WebSockets, proxies and event streams alike.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <aioxx/buffer/ascii.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/websocket/basic_auth.hpp>
#include <aioxx/websocket/percent_encoding.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

namespace aioxx::websocket::detail {

[[nodiscard]] inline std::string to_lower(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), aioxx::detail::to_lower);
    return lower;
}

// Removes the scheme and "://". Returns: the scheme in lower case, empty when there is none.
[[nodiscard]] inline std::string take_scheme(std::string_view& text) {
    const std::size_t end = text.find("://");
    if (end == std::string_view::npos ||
        !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), aioxx::detail::is_alnum)) {
        return {};
    }
    std::string scheme = to_lower(text.substr(0, end));
    text.remove_prefix(end + 3);
    return scheme;
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

// A host without the zone of an IPv6 address, which has a meaning on this machine only.
[[nodiscard]] inline std::string without_zone(const std::string& host) { return host.substr(0, host.find('%')); }

// The host as it stands before a port, in a header or a URI.
[[nodiscard]] inline std::string bracketed(const std::string& host) {
    if (host.find(':') == std::string::npos) return host;
    return "[" + without_zone(host) + "]";
}

// What a URI may begin with, and the port that it means.
struct known_scheme {
    std::string_view name;
    std::uint16_t port;
};

// Error is made of the whole text and of what is wrong with it.
template <class Error>
class authority_parser {
public:
    // Takes the scheme off. Parameters: `known` the ones that it may be.
    authority_parser(std::string_view whole, std::span<const known_scheme> known) : whole_(whole) {
        require_text<Error>(whole);
        std::string_view behind = whole;
        const std::string scheme = take_scheme(behind);
        const auto found = std::find_if(known.begin(), known.end(), [&](const known_scheme& each) { return each.name == scheme; });
        if (found == known.end()) fail("expected it to begin with " + list(known));
        scheme_ = static_cast<std::size_t>(found - known.begin());
        port_ = found->port;
        authority_ = behind.substr(0, behind.find_first_of("/?#"));
        rest_ = behind.substr(authority_.size());
    }

    // Which of the known ones it is.
    [[nodiscard]] std::size_t scheme() const noexcept { return scheme_; }

    // What comes behind the authority: path, query and fragment.
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

    // Sets the members host, port and user_info; the port is the scheme's unless it is given.
    template <class Place>
    void parse_into(Place& place) {
        std::string_view left = authority_;
        if (const std::size_t at = left.rfind('@'); at != std::string_view::npos) {
            take_user_info(left.substr(0, at));
            left.remove_prefix(at + 1);
        }
        take_port(left.starts_with('[') ? take_ipv6(left) : take_name(left));
        place.host = std::move(host_);
        place.port = port_;
        place.user_info = std::move(user_info_);
    }

    [[noreturn]] void fail(const std::string& why) const { throw Error(whole_, why); }

private:
    static std::string list(std::span<const known_scheme> known) {
        std::string text;
        for (std::size_t i = 0; i != known.size(); ++i) {
            if (i != 0) text += i + 1 == known.size() ? " or " : ", ";
            text += std::string(known[i].name) + "://";
        }
        return text;
    }

    void take_user_info(std::string_view text) {
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) fail("a user name needs a password: expected user:password@");
        user_info_ = {decode(text.substr(0, colon)), decode(text.substr(colon + 1))};
        try {
            static_cast<void>(build_authorization_basic(*user_info_));
        } catch (const std::invalid_argument& refused) {
            fail(refused.what());
        }
    }

    std::string decode(std::string_view text) const {
        for (const char c : text) {
            if (is_plain_in_uri(c) || c == '%' || c == ':' || !aioxx::detail::is_ascii(c)) continue;
            fail(std::string("the character ") + c + " in the user information has to be percent-encoded");
        }
        std::optional<std::string> decoded = percent_decode(text);
        if (!decoded) fail("a % in the user information is not followed by two hexadecimal digits");
        return std::move(*decoded);
    }

    // Returns: what follows the host.
    std::string_view take_ipv6(std::string_view text) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos) fail("the bracket of the IPv6 address is not closed");
        const std::string_view address = text.substr(1, end - 1);
        host_ = to_lower(address.substr(0, address.find('%')));
        const std::optional<aioxx::endpoint> read = aioxx::endpoint::try_from_ip(host_, 0);
        if (!read || host_.find(':') == std::string::npos) fail("expected an IPv6 address between [ and ]");
        if (host_.size() != address.size()) {  // a zone, whose % is written %25 (RFC 6874)
            const std::string_view zone = address.substr(host_.size());
            if (!zone.starts_with("%25") || zone.size() == 3)
                fail("the zone of the IPv6 address has to be written %25name");
            host_.append("%").append(zone.substr(3));
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
            if (!aioxx::detail::is_ascii(c)) fail("a host that is not ASCII has to be written in its xn-- form");
            if (!is_plain_in_uri(c)) fail(std::string("the host has the character ") + c);
        }
        host_ = to_lower(name);
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
        port_ = number;
    }

    std::string_view whole_;
    std::string_view authority_;
    std::string_view rest_;
    std::size_t scheme_ = 0;
    std::string host_;
    std::uint16_t port_ = 0;
    std::optional<basic_credentials> user_info_;
};

}  // namespace aioxx::websocket::detail
