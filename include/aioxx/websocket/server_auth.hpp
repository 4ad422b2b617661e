// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/server_auth.hpp: asks clients for a user name and a password: HTTP Basic authentication (RFC 7617).
// As basic_auth of Python's websockets it gives a value for process_request:
//     options.process_request = basic_auth("my server", {{"hello", "iloveyou"}});

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/websocket/basic_auth.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/hook.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/server_handshake.hpp>

namespace aioxx::websocket {

/// Decides about a user name and a password; it may be a coroutine that asks a database.
using credentials_check = hook<bool, const basic_credentials&>;

namespace detail {

// Reads base64 with padding (RFC 4648 section 4). Returns: nothing when it is not well-formed.
[[nodiscard]] inline std::optional<std::string> base64_decode(std::string_view text) {
    static constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.size() % 4 != 0) return std::nullopt;
    const std::size_t padding = text.size() - (text.find_last_not_of('=') + 1);
    if (padding > 2) return std::nullopt;
    text.remove_suffix(padding);
    std::string decoded;
    std::uint32_t bits = 0;
    unsigned count = 0;  // of the bits that are not in `decoded` yet
    for (const char c : text) {
        const std::size_t value = alphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        decoded.push_back(static_cast<char>(bits >> count & 0xFFU));
    }
    const bool rest_is_zero = (bits & ((1U << count) - 1)) == 0;  // else two texts would mean the same
    return rest_is_zero ? std::optional(std::move(decoded)) : std::nullopt;
}

// The time that it takes says nothing about the place of the first difference.
[[nodiscard]] inline bool equal_in_constant_time(std::string_view secret, std::string_view guess) noexcept {
    volatile std::size_t difference = secret.size() ^ guess.size();
    for (std::size_t i = 0; i != guess.size(); ++i) {
        const char expected = secret.empty() ? '\0' : secret[i % secret.size()];
        difference = difference | static_cast<unsigned char>(expected ^ guess[i]);
    }
    return difference == 0;
}

[[nodiscard]] inline bool is_one_of(const std::vector<basic_credentials>& accepted,
                                    const basic_credentials& given) noexcept {
    bool found = false;
    for (const basic_credentials& each : accepted) {  // all of them, whichever it is
        const bool same_name = equal_in_constant_time(each.username, given.username);
        const bool same_password = equal_in_constant_time(each.password, given.password);
        found = (same_name && same_password) || found;
    }
    return found;
}

[[nodiscard]] inline std::string challenge_of(std::string_view realm) {
    std::string text = "Basic realm=\"";
    for (const char c : realm) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return text + "\", charset=\"UTF-8\"";
}

}  // namespace detail

/// Reads an Authorization header of the kind Basic, the reverse of build_authorization_basic.
///
/// Returns: nothing when there is none, more than one, or it is of another kind or malformed.
[[nodiscard]] inline std::optional<basic_credentials> parse_authorization_basic(const http_headers& headers) {
    constexpr std::string_view scheme = "Basic";
    const std::string_view header = headers.get("Authorization").value_or("");
    if (headers.count("Authorization") != 1 || !detail::equal_ignoring_case(header.substr(0, scheme.size()), scheme)) {
        return std::nullopt;
    }
    const std::string_view rest = header.substr(scheme.size());
    if (!rest.starts_with(' ')) return std::nullopt;
    const std::optional<std::string> decoded = detail::base64_decode(detail::trim(rest));
    const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) return std::nullopt;
    return basic_credentials{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

namespace detail {

// Refuses requests without the right credentials.
struct authenticator {
    std::string challenge;
    credentials_check check;

    coro<std::optional<http_response>> operator()(const http_request& request) {
        if (!request.headers.contains("Authorization")) co_return refuse("Missing credentials");
        const std::optional<basic_credentials> given = parse_authorization_basic(request.headers);
        if (!given) co_return refuse("Unsupported credentials");
        const bool accepted = co_await check(*given);
        if (!accepted) co_return refuse("Invalid credentials");
        co_return std::nullopt;
    }

    [[nodiscard]] http_response refuse(std::string_view why) const {
        http_response response = make_refusal(401, why);
        response.headers.add("WWW-Authenticate", challenge);
        return response;
    }
};

}  // namespace detail

/// Lets only requests pass whose user name and password a function accepts; the others get 401.
///
/// Without TLS both travel readable. Where some paths need no password, call it from a hook of your own.
/// Parameters: `realm` tells the user what the password is for; `check` is asked once for each request.
/// Errors: std::invalid_argument for a realm with control characters, and without a function.
[[nodiscard]] inline request_hook basic_auth(std::string_view realm, credentials_check check) {
    if (!check) throw std::invalid_argument("basic_auth: expected a function that checks credentials, got none");
    std::string challenge = detail::challenge_of(realm);
    if (!detail::is_field_value(challenge)) {
        throw std::invalid_argument("basic_auth: the realm " + detail::quoted(realm) + " has control characters");
    }
    return detail::authenticator{std::move(challenge), std::move(check)};
}

/// As above for users who are known beforehand. Their names and passwords are compared in constant time.
[[nodiscard]] inline request_hook basic_auth(std::string_view realm, std::vector<basic_credentials> accepted) {
    return basic_auth(realm, [known = std::move(accepted)](const basic_credentials& given) {
        return detail::is_one_of(known, given);
    });
}

/// The user name that a client gave when it connected; empty without one.
///
/// Requires: the server asked for it with basic_auth; otherwise nobody has checked that it is true.
[[nodiscard]] inline std::string username(const connection& of) {
    const std::optional<basic_credentials> given = parse_authorization_basic(of.request().headers);
    return given ? given->username : std::string();
}

}  // namespace aioxx::websocket
