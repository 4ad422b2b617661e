// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/uri.hpp>

#include <optional>
#include <string>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using aioxx::websocket::basic_credentials;
using aioxx::websocket::invalid_uri;
using aioxx::websocket::parse_uri;
using aioxx::websocket::uri;

namespace {

std::string complaint(std::string_view text) {
    return support::complaint_of<invalid_uri>([&] { return parse_uri(text); });
}

bool complains(std::string_view text, std::string_view about) {
    INFO(text << ": " << complaint(text));
    return complaint(text).find(about) != std::string::npos;
}

}  // namespace

TEST_CASE("a URI has a host, a port and a target", "[websocket]") {
    const uri plain = parse_uri("ws://example.org");
    CHECK(!plain.secure);
    CHECK(plain.host == "example.org");
    CHECK(plain.port == 80);
    CHECK(plain.target == "/");
    CHECK(!plain.user_info);
    CHECK(plain.host_header() == "example.org");
    const uri full = parse_uri("wss://example.org:8443/path/of?query=1&other=/?");
    CHECK(full.secure);
    CHECK(full.port == 8443);
    CHECK(full.target == "/path/of?query=1&other=/?");
    CHECK(full.host_header() == "example.org:8443");
    CHECK(parse_uri("wss://h").port == 443);
    CHECK(parse_uri("wss://h:80").host_header() == "h:80");
    CHECK(parse_uri("wss://h:443").host_header() == "h");
    CHECK(parse_uri("ws://h?q").target == "/?q");
    CHECK(parse_uri("ws://h:/x").port == 80);
    CHECK(parse_uri("ws://h:65535").port == 65535);
    CHECK(parse_uri("ws://h/a@b:c//d;e,f").target == "/a@b:c//d;e,f");
}

TEST_CASE("scheme and host have no case, a path has", "[websocket]") {
    const uri shouted = parse_uri("WSS://EXAMPLE.Org/Path?Q");
    CHECK(shouted.secure);
    CHECK(shouted.host == "example.org");
    CHECK(shouted.target == "/Path?Q");
}

TEST_CASE("an IPv6 address stands in brackets", "[websocket]") {
    const uri v6 = parse_uri("ws://[::1]:8765/x");
    CHECK(v6.host == "::1");
    CHECK(v6.port == 8765);
    CHECK(v6.host_header() == "[::1]:8765");
    CHECK(parse_uri("ws://[2001:DB8::1]").host_header() == "[2001:db8::1]");
    CHECK(complains("ws://[::1", "bracket"));
    CHECK(complains("ws://[::1]8765", "port after"));
    CHECK(complains("ws://[::1:/", "bracket"));
    for (const char* text : {"ws://[]/", "ws://[host]/", "ws://[127.0.0.1]/", "ws://[1:2]/"}) {
        CHECK(complains(text, "expected an IPv6 address"));
    }
    CHECK(complains("ws://::1/", "brackets"));
}

TEST_CASE("the zone of an IPv6 address is connected to, and not told", "[websocket]") {
    const uri zoned = parse_uri("ws://[fe80::1%25eth0]:81/");
    CHECK(zoned.host == "fe80::1%eth0");
    CHECK(zoned.host_header() == "[fe80::1]:81");
    CHECK(complains("ws://[fe80::1%eth0]/", "%25name"));
    CHECK(complains("ws://[fe80::1%25]/", "%25name"));
}

TEST_CASE("a user and a password are percent-decoded, and are no part of the host", "[websocket]") {
    const uri own = parse_uri("ws://user:word@h:81/x@y");
    CHECK(own.user_info == basic_credentials{"user", "word"});
    CHECK(own.host_header() == "h:81");
    CHECK(own.target == "/x@y");
    CHECK(to_string(own) == "ws://h:81/x@y");
    CHECK(parse_uri("ws://u%40x:a%3Ab%2f%25@h").user_info == basic_credentials{"u@x", "a:b/%"});
    CHECK(parse_uri("ws://u:a:b@h").user_info == basic_credentials{"u", "a:b"});
    CHECK(parse_uri("ws://u:@h").user_info == basic_credentials{"u", ""});
    CHECK(parse_uri("ws://u:\xc3\xa4@h").user_info == basic_credentials{"u", "\xc3\xa4"});
    CHECK(complains("ws://user@h/", "needs a password"));
    CHECK(complains("ws://u%3Ax:y@h/", "colon"));
    CHECK(complains("ws://u:y%0A@h/", "control"));
    CHECK(complains("ws://u:y%0@h/", "hexadecimal"));
    CHECK(complains("ws://u:y%@h/", "hexadecimal"));
    CHECK(complains("ws://u:a@b@h/", "character @"));
    CHECK(complains("ws://user:word@/", "host is missing"));
}

TEST_CASE("what a path cannot have is percent-encoded, what it has is left", "[websocket]") {
    CHECK(parse_uri("ws://h/\xc3\xa4?\xe2\x82\xac").target == "/%C3%A4?%E2%82%AC");
    CHECK(parse_uri("ws://h/a\"<>\\^`{|}?b[]").target == "/a%22%3C%3E%5C%5E%60%7B%7C%7D?b%5B%5D");
    CHECK(parse_uri("ws://h/%7e%2F%23").target == "/%7e%2F%23");
    CHECK(parse_uri("ws://h/-._~!$&'()*+,;=:@").target == "/-._~!$&'()*+,;=:@");
    CHECK(complains("ws://h/100%", "hexadecimal"));
    CHECK(complains("ws://h/%4", "hexadecimal"));
    CHECK(complains("ws://h/?%zz", "hexadecimal"));
    CHECK(complains("ws://h/\xff", "UTF-8"));
}

TEST_CASE("what is no WebSocket URI is refused with the reason", "[websocket]") {
    CHECK(complains("http://h/", "ws:// or wss://"));
    CHECK(complains("", "ws:// or wss://"));
    CHECK(complains("ws:/h", "ws:// or wss://"));
    CHECK(complains("//h/", "ws:// or wss://"));
    CHECK(complains("h:80", "'h:80'"));
    CHECK(complains("ws://h/#part", "fragment"));
    CHECK(complains("ws://h/#", "fragment"));
    CHECK(complains("ws://h#part", "fragment"));
    CHECK(complains("ws://", "host"));
    CHECK(complains("ws://:80/", "host"));
    CHECK(complains("ws://h\\x/", "character \\"));
    CHECK(complains("ws://h%41/", "character %"));
    CHECK(
        complains("ws://b\xc3\xbc"
                  "cher.example/",
                  "xn--"));
    for (const char* port : {"0", "65536", "-1", "+1", "8o", "99999999999"}) {
        CAPTURE(port);
        CHECK(complains(std::string("ws://h:") + port, "1 to 65535"));
    }
}

TEST_CASE("a URI cannot carry anything else into the request", "[websocket]") {
    for (const char* text : {"ws://h/a b", "ws://h/\r\nEvil: 1", "ws://h\r\nEvil: 1/", "ws://h /", " ws://h/",
                             "ws://h/\x7f", "ws://h/\t", "ws://u:p q@h/"}) {
        CHECK(complains(text, "percent-encoded"));
    }
    CHECK(complains(std::string_view("ws://h/\0x", 9), "percent-encoded"));
}

TEST_CASE("a complaint does not show the password", "[websocket]") {
    CHECK(complains("http://user:secret@h/", "http://***@h/"));
    CHECK(complains("ws://user:secret@/", "ws://***@/"));
    CHECK(complains("ws://u:secret@x@h/", "ws://***@h/"));
    CHECK(!complains("ws://user:secret@h:0/", "secret"));
    CHECK(!complains("user:secret@h", "secret"));
}

TEST_CASE("an origin is scheme, host and port", "[websocket]") {
    const uri here = parse_uri("ws://h/a");
    CHECK(here.has_same_origin(parse_uri("WS://u:p@H:80/b?c")));
    CHECK(!here.has_same_origin(parse_uri("wss://h:80/a")));
    CHECK(!here.has_same_origin(parse_uri("ws://h:81/a")));
    CHECK(!here.has_same_origin(parse_uri("ws://i/a")));
}
