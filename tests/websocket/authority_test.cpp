// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/authority.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using aioxx::websocket::basic_credentials;
using aioxx::websocket::detail::authority_parser;
using aioxx::websocket::detail::bracketed;
using aioxx::websocket::detail::take_scheme;
using aioxx::websocket::detail::without_zone;

namespace {

struct refused : std::runtime_error {
    refused(std::string_view text, const std::string& why) : std::runtime_error(std::string(text) + ": " + why) {}
};

constexpr aioxx::websocket::detail::known_scheme two[] = {{"plain", 80}, {"safe", 443}};

struct place {
    std::size_t scheme = 0;
    std::string host;
    std::uint16_t port = 0;
    std::optional<basic_credentials> user_info;
};

place read(std::string_view text) {
    authority_parser<refused> authority(text, two);
    place found;
    found.scheme = authority.scheme();
    authority.parse_into(found);
    return found;
}

std::string complaint(std::string_view text) {
    return support::complaint_of<refused>([&] { return read(text); });
}

}  // namespace

TEST_CASE("an authority has one of the schemes that are known, and its port unless another is given", "[websocket]") {
    CHECK(read("plain://h").scheme == 0);
    CHECK(read("plain://h").port == 80);
    CHECK(read("SAFE://h").scheme == 1);
    CHECK(read("safe://h").port == 443);
    CHECK(read("plain://h:443").port == 443);
    for (const char* text : {"other://h", "h:80", "", "plain:/h", "pl-ain://h"}) {
        CHECK(complaint(text) == std::string(text) + ": expected it to begin with plain:// or safe://");
    }
    constexpr aioxx::websocket::detail::known_scheme three[] = {{"a", 1}, {"b", 2}, {"c", 3}};
    CHECK(support::complaint_of<refused>([&] { return authority_parser<refused>("d://h", three).scheme(); }) ==
          "d://h: expected it to begin with a://, b:// or c://");
}

TEST_CASE("an authority ends at the path, the query or the fragment", "[websocket]") {
    const auto rest = [](std::string_view text) {
        return std::string(authority_parser<refused>(text, two).rest());
    };
    CHECK(rest("plain://u:p@h:1/a?b#c") == "/a?b#c");
    CHECK(rest("plain://h?b/c") == "?b/c");
    CHECK(rest("plain://h#c?d") == "#c?d");
    CHECK(rest("plain://h") == "");
    CHECK(read("plain://h/@x:1").host == "h");
}

TEST_CASE("an authority names a user, a host and a port", "[websocket]") {
    const place full = read("safe://us%40er:p:w%2f@Host.Example:8080/");
    CHECK(full.user_info == basic_credentials{"us@er", "p:w/"});
    CHECK(full.host == "host.example");
    CHECK(full.port == 8080);
    CHECK(read("plain://[FE80::1%25eth0]:81").host == "fe80::1%eth0");
    CHECK(read("plain://h").user_info == std::nullopt);
}

TEST_CASE("what is wrong with an authority is said with the whole text", "[websocket]") {
    CHECK(complaint("plain://h:0/x") == "plain://h:0/x: the port must be a number from 1 to 65535");
    CHECK(complaint("plain://h h/").find("spaces") != std::string::npos);
    CHECK(complaint("plain://\xff/").find("UTF-8") != std::string::npos);
    CHECK(complaint("plain://u@h/").find("needs a password") != std::string::npos);
    CHECK(complaint("plain://u:%4x@h/").find("hexadecimal") != std::string::npos);
    CHECK(complaint("plain://u:<@h/").find("character <") != std::string::npos);
}

TEST_CASE("a scheme is taken off in lower case", "[websocket]") {
    std::string_view text = "HTTP2://h";
    CHECK(take_scheme(text) == "http2");
    CHECK(text == "h");
    text = "no scheme://h";
    CHECK(take_scheme(text) == "");
    CHECK(text == "no scheme://h");
}

TEST_CASE("only an IPv6 address is put in brackets, without its zone", "[websocket]") {
    CHECK(bracketed("h.example") == "h.example");
    CHECK(bracketed("::1") == "[::1]");
    CHECK(bracketed("fe80::1%eth0") == "[fe80::1]");
    CHECK(without_zone("fe80::1%eth0") == "fe80::1");
    CHECK(without_zone("h.example") == "h.example");
}
