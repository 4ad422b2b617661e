// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/uri.hpp>

#include <string>

#include "support/catch.hpp"

using aioxx::websocket::parse_uri;
using aioxx::websocket::uri;

namespace {

std::string complaint(std::string_view text) {
    try {
        static_cast<void>(parse_uri(text));
    } catch (const std::invalid_argument& failure) {
        return failure.what();
    }
    return "";
}

}  // namespace

TEST_CASE("a URI has a host, a port and a target", "[websocket]") {
    const uri plain = parse_uri("ws://example.org");
    CHECK(!plain.secure);
    CHECK(plain.host == "example.org");
    CHECK(plain.port == 80);
    CHECK(plain.target == "/");
    CHECK(plain.host_header() == "example.org");
    const uri full = parse_uri("wss://example.org:8443/path/of?query=1&other=/?");
    CHECK(full.secure);
    CHECK(full.port == 8443);
    CHECK(full.target == "/path/of?query=1&other=/?");
    CHECK(full.host_header() == "example.org:8443");
    CHECK(parse_uri("wss://h").port == 443);
    CHECK(parse_uri("wss://h:80").host_header() == "h:80");
    CHECK(parse_uri("ws://h?q").target == "/?q");
    CHECK(parse_uri("ws://h:/x").port == 80);
    CHECK(parse_uri("WS://h/X").target == "/X");  // a scheme has no case
}

TEST_CASE("an IPv6 address stands in brackets", "[websocket]") {
    const uri v6 = parse_uri("ws://[::1]:8765/x");
    CHECK(v6.host == "::1");
    CHECK(v6.port == 8765);
    CHECK(v6.host_header() == "[::1]:8765");
    CHECK(parse_uri("ws://[::1]").host_header() == "[::1]");
    CHECK(complaint("ws://[::1").find("bracket") != std::string::npos);
    CHECK(complaint("ws://[::1]8765").find("port") != std::string::npos);
}

TEST_CASE("what is no WebSocket URI is refused with the reason", "[websocket]") {
    CHECK(complaint("http://h/").find("ws://") != std::string::npos);
    CHECK(complaint("h:80").find("\"h:80\"") != std::string::npos);
    CHECK(complaint("ws://h/#part").find("fragment") != std::string::npos);
    CHECK(complaint("ws://user:word@h/").find("user") != std::string::npos);
    CHECK(complaint("ws://").find("host") != std::string::npos);
    CHECK(complaint("ws://:80/").find("host") != std::string::npos);
    for (const char* port : {"0", "65536", "-1", "8o", "99999999999"}) {
        CAPTURE(port);
        CHECK(complaint(std::string("ws://h:") + port).find("1 to 65535") != std::string::npos);
    }
}

TEST_CASE("a URI cannot carry anything else into the request", "[websocket]") {
    for (const char* text : {"ws://h/a b", "ws://h/\r\nEvil: 1", "ws://h\r\nEvil: 1/", "ws://h /", "ws://h/\x7f", "ws://h/\xc3\xa4"}) {
        CAPTURE(text);
        CHECK(complaint(text).find("percent") != std::string::npos);
    }
}
