// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/basic_auth.hpp: a user and a password as HTTP sends them (RFC 7617), to servers and to proxies.

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/accept_key.hpp>

namespace aioxx::websocket {

/// Who wants to come in.
struct basic_credentials {
    std::string username;
    std::string password;

    friend bool operator==(const basic_credentials&, const basic_credentials&) = default;
};

/// The value of an Authorization or Proxy-Authorization header.
///
/// Errors: std::invalid_argument for what it cannot carry: a colon in the user name, a control character. The
/// text does not show the password.
[[nodiscard]] inline std::string build_authorization_basic(const basic_credentials& who) {
    const auto has_control = [](std::string_view text) {
        return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
    };
    if (who.username.find(':') != std::string::npos) {
        throw std::invalid_argument("basic authentication: a colon cannot be part of a user name");
    }
    if (has_control(who.username) || has_control(who.password)) {
        throw std::invalid_argument("basic authentication: control characters are not allowed");
    }
    return "Basic " + base64_encode(bytes_view(who.username + ":" + who.password));
}

}  // namespace aioxx::websocket
