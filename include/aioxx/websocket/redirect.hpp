// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/redirect.hpp: where a redirect leads (RFC 9110 section 15.4, RFC 3986 section 5), and whether a
// client may go there. Decides without waiting; connect() does the rest.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/websocket/authority.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/uri.hpp>

namespace aioxx::websocket {

namespace detail {

// A path without its steps "." and ".." (RFC 3986, 5.2.4). Parameters: `path` begins with "/".
[[nodiscard]] inline std::string remove_dot_segments(std::string_view path) {
    std::string result;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/', 1), path.size());
        const std::string_view segment = path.substr(0, end);
        path.remove_prefix(end);
        if (segment == "/..")
            result.resize(result.find_last_of('/') == std::string::npos ? 0 : result.find_last_of('/'));
        if (segment == "/." || segment == "/..") {
            if (path.empty()) result += '/';
        } else {
            result += segment;
        }
    }
    return result;
}

// Whether a reference begins with a scheme: a letter, and nothing up to the colon that ends one.
[[nodiscard]] constexpr bool has_scheme(std::string_view reference) noexcept {
    const std::size_t colon = reference.find(':');
    return colon != 0 && colon != std::string_view::npos && colon < reference.find_first_of("/?#") &&
           !(reference[0] >= '0' && reference[0] <= '9');
}

[[nodiscard]] inline std::string with_websocket_scheme(std::string_view absolute) {
    std::string_view rest = absolute;
    const std::string scheme = take_scheme(rest);
    if (scheme == "http") return "ws://" + std::string(rest);
    if (scheme == "https") return "wss://" + std::string(rest);
    return std::string(absolute);
}

}  // namespace detail

/// The URI that a reference means on a page at another one: what a Location header says.
///
/// Parameters: `reference` absolute or relative. http:// and https:// mean ws:// and wss://, because a server
/// of HTTP names itself like that. A fragment is dropped.
/// Returns: with the user and password of `base` only when the origin is the same and the reference names
/// none.
/// Errors: invalid_uri.
[[nodiscard]] inline uri resolve_reference(const uri& base, std::string_view reference) {
    reference = reference.substr(0, reference.find('#'));
    uri found;
    if (detail::has_scheme(reference) || reference.starts_with("//")) {
        const std::string scheme = reference.starts_with("//") ? (base.secure ? "wss:" : "ws:") : "";
        found = parse_uri(detail::with_websocket_scheme(scheme + std::string(reference)));
    } else {
        const std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
        std::string target(reference);
        if (reference.empty()) {
            target = base.target;
        } else if (reference.starts_with('?')) {
            target = std::string(path) + target;
        } else if (!reference.starts_with('/')) {
            target = std::string(path.substr(0, path.rfind('/') + 1)) + target;
        }
        found = base;
        detail::require_text<invalid_uri>(target);
        found.target = detail::encode_target<invalid_uri>(reference, target);
    }
    const std::size_t query = std::min(found.target.find('?'), found.target.size());
    found.target = detail::remove_dot_segments(std::string_view(found.target).substr(0, query)) +
                   found.target.substr(query);
    if (!found.user_info && found.has_same_origin(base)) found.user_info = base.user_info;
    return found;
}

/// Tells whether an answer sends the client somewhere else.
[[nodiscard]] inline bool is_redirect(const http_response& answer) noexcept {
    switch (answer.status) {
        case 301:
        case 302:
        case 303:
        case 307:
        case 308:
            return answer.headers.contains("Location");
        default:
            return false;
    }
}

/// The way of a client from URI to URI.
class redirect_chain {
public:
    static constexpr std::size_t max_redirects = 10;

    explicit redirect_chain(uri first) : present_(std::move(first)) { chain_.push_back(to_string(present_)); }

    /// Where the client is to ask now.
    [[nodiscard]] const uri& present() const noexcept { return present_; }

    /// Tells whether a redirect has led away from the first origin: what was meant for that one alone, such
    /// as cookies, must not be sent any more; see withhold().
    [[nodiscard]] bool left_origin() const noexcept { return left_origin_; }

    /// Takes away the headers that are meant for the first origin alone, once it was left.
    void withhold(http_headers& headers) const {
        if (!left_origin_) return;
        for (const char* name : {"Authorization", "Cookie", "Host", "Proxy-Authorization"}) headers.erase(name);
    }

    /// Goes where the answer says. Requires: is_redirect(answer).
    ///
    /// Parameters: `fixed` what ties the client to its origin ("a Unix socket"), or empty.
    /// Errors: redirect_error for the eleventh redirect, from wss:// to ws://, for a Location that is no URI
    /// of a WebSocket, and for another origin in spite of `fixed`.
    void follow(const http_response& answer, std::string_view fixed = {}) {
        const std::string_view location = *answer.headers.get("Location");
        uri next;
        try {
            next = resolve_reference(present_, location);
        } catch (const invalid_uri& wrong) {
            chain_.push_back(detail::hide_user_info(location));
            refuse(wrong.what());
        }
        chain_.push_back(to_string(next));
        if (chain_.size() > max_redirects + 1)
            refuse("more than " + std::to_string(max_redirects) + " in a row");
        if (present_.secure && !next.secure) refuse("it leads from wss:// to ws://, which is not secure");
        if (!next.has_same_origin(present_)) {
            if (!fixed.empty())
                refuse("it leads to another origin, but the connection is tied to " + std::string(fixed));
            left_origin_ = true;
        }
        present_ = std::move(next);
    }

    /// Refuses to go anywhere. Parameters: `why`. Errors: always redirect_error.
    [[noreturn]] void refuse(const std::string& why) const { throw redirect_error(why, chain_); }

private:
    uri present_;
    std::vector<std::string> chain_;
    bool left_origin_ = false;
};

}  // namespace aioxx::websocket
