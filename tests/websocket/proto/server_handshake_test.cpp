// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/server_handshake.hpp>

#include <string>
#include <vector>

#include <aioxx/websocket/proto/client_handshake.hpp>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;

namespace {

const std::string good =
    "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n"
    "Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
}

// The response to a request; the same however the request is cut.
http_response answer(const std::string& request, const server_handshake_options& options = {}) {
    std::optional<http_response> first;
    for (const std::vector<std::string>& pieces : wire::cuts(request)) {
        server_handshake handshake(options);
        for (const std::string& piece : pieces)
            static_cast<void>(handshake.feed(piece));
        REQUIRE(handshake.done());
        const http_response response = handshake.respond();
        CHECK(handshake.accepted() == (response.status == 101));
        CHECK(handshake.fault().has_value() == (response.status != 101));
        if (!first) first = response;
        CHECK(response == *first);
    }
    return *first;
}

// Status and first line of the body without what all refusals have in common.
std::string refusal(const std::string& request, const server_handshake_options& options = {}) {
    const http_response response = answer(request, options);
    const std::string common = "Failed to open a WebSocket connection: ";
    std::string line = response.body.substr(0, response.body.find('\n'));
    if (line.rfind(common, 0) == 0) line.erase(0, common.size());
    return std::to_string(response.status) + " " + line;
}

}  // namespace

TEST_CASE("the RFC's request is answered as the RFC says", "[websocket]") {
    const http_response response = answer(good + "\r\n", {.subprotocols = {"chat"}});
    CHECK(serialize(response) ==
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
}

TEST_CASE("names and tokens are compared without regard to case and in lists", "[websocket]") {
    CHECK(answer(replaced(good, "Upgrade: websocket\r\nConnection: Upgrade",
                          "UPGRADE: foo, WebSocket\r\nconnection: keep-alive, upgrade") +
                 "\r\n")
              .status == 101);
    CHECK(answer(replaced(good, "Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade") +
                 "\r\n")
              .status == 101);
}

TEST_CASE("bytes after the request are left to the caller", "[websocket]") {
    server_handshake handshake;
    CHECK(handshake.feed(good + "\r\nframes") == good.size() + 2);
    CHECK(handshake.done());
    CHECK(handshake.request().target == "/chat");
}

TEST_CASE("a request that is not for a WebSocket is refused", "[websocket]") {
    CHECK(refusal(replaced(good, "GET", "POST") + "\r\n") == "405 unsupported HTTP method POST.");
    CHECK(answer(replaced(good, "GET", "POST") + "\r\n").headers.get("Allow") == "GET");
    CHECK(refusal(replaced(good, "HTTP/1.1", "HTTP/1.0") + "\r\n") ==
          "505 unsupported HTTP version HTTP/1.0.");
    CHECK(refusal(replaced(good, "Host: server.example.com\r\n", "") + "\r\n") == "400 missing Host header.");
    CHECK(refusal(good + "Host: other\r\n\r\n") == "400 more than one Host header.");
    CHECK(refusal(replaced(good, "server.example.com", "a b") + "\r\n") == "400 invalid Host header: 'a b'.");
    CHECK(answer(replaced(good, "server.example.com", "[::1]:8080") + "\r\n").status == 101);
    CHECK(refusal(good + "Content-Length: 5\r\n\r\n") == "400 unsupported request body.");
    CHECK(refusal(good + "Transfer-Encoding: chunked\r\n\r\n") == "400 unsupported request body.");
    CHECK(refusal(replaced(good, "Upgrade: websocket\r\n", "") + "\r\n") == "426 missing Upgrade header.");
    CHECK(refusal(replaced(good, "Upgrade: websocket", "Upgrade: h2c") + "\r\n") ==
          "426 invalid Upgrade header: 'h2c'.");
    CHECK(refusal(replaced(good, "Connection: Upgrade\r\n", "") + "\r\n") ==
          "426 missing Connection header.");
    CHECK(refusal(replaced(good, "Connection: Upgrade", "Connection: close") + "\r\n") ==
          "426 invalid Connection header: 'close'.");
    CHECK(answer(good + "Content-Length: 0\r\n\r\n").status == 101);
}

TEST_CASE("another version is refused with the one that is supported", "[websocket]") {
    for (const char* version : {"8", "12", "14", "013", "13, 8", ""}) {
        const http_response response =
            answer(replaced(good, "Version: 13", std::string("Version: ") + version) + "\r\n");
        CHECK(response.status == 426);
        CHECK(response.headers.get("Sec-WebSocket-Version") == "13");
        CHECK(response.headers.get("Upgrade") == "websocket");
        CHECK(response.headers.list_contains("Connection", "close"));
    }
    CHECK(refusal(replaced(good, "Sec-WebSocket-Version: 13\r\n", "") + "\r\n") ==
          "400 missing Sec-WebSocket-Version header.");
    CHECK(refusal(good + "Sec-WebSocket-Version: 13\r\n\r\n") ==
          "400 more than one Sec-WebSocket-Version header.");
}

TEST_CASE("the key is the base64 of sixteen bytes", "[websocket]") {
    CHECK(refusal(replaced(good, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "") + "\r\n") ==
          "400 missing Sec-WebSocket-Key header.");
    CHECK(refusal(replaced(good, "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j") + "\r\n") ==
          "400 invalid Sec-WebSocket-Key header: 'dGhlIHNhbXBsZSBub25j'.");
    CHECK(refusal(good + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n") ==
          "400 more than one Sec-WebSocket-Key header.");
}

TEST_CASE("only the origins that were named are accepted", "[websocket]") {
    const std::string none = replaced(good, "Origin: http://example.com\r\n", "");
    CHECK(answer(good + "\r\n", {.origins = {"http://other", "http://example.com"}}).status == 101);
    CHECK(refusal(good + "\r\n", {.origins = {"http://other"}}) ==
          "403 invalid Origin header: 'http://example.com'.");
    CHECK(refusal(none + "\r\n", {.origins = {"http://other"}}) == "403 missing Origin header.");
    CHECK(answer(none + "\r\n", {.origins = {"http://other", ""}}).status == 101);
    CHECK(refusal(good + "Origin: http://other\r\n\r\n") == "400 more than one Origin header.");
}

TEST_CASE("the subprotocol is the one both sides like best", "[websocket]") {
    const auto chosen = [](const std::string& offered, std::vector<std::string> ours) {
        server_handshake handshake({.subprotocols = std::move(ours)});
        static_cast<void>(handshake.feed(replaced(good, "chat, superchat", offered) + "\r\n"));
        const http_response response = handshake.respond();
        CHECK(response.headers.get("Sec-WebSocket-Protocol").value_or("") == handshake.subprotocol());
        return handshake.subprotocol();
    };
    CHECK(chosen("a, b", {}) == "");
    CHECK(chosen("a, b", {"c"}) == "");
    CHECK(chosen("a, b", {"b"}) == "b");
    CHECK(chosen("a, b", {"b", "a"}) == "a");  // equal: the client's order
    CHECK(chosen("a, b, c", {"c", "b", "a"}) == "a");
    CHECK(chosen("a, b, c", {"b", "x", "y", "a"}) == "b");
    CHECK(chosen("A", {"a"}) == "");
}

TEST_CASE("a selector replaces the choice of subprotocol", "[websocket]") {
    const server_handshake_options last{
        .select_subprotocol = [](const std::vector<std::string>& offered) { return offered.back(); }};
    CHECK(answer(good + "\r\n", last).headers.get("Sec-WebSocket-Protocol") == "superchat");
    CHECK(answer(replaced(good, "Sec-WebSocket-Protocol: chat, superchat\r\n", "") + "\r\n", last).status ==
          101);
    server_handshake wrong(
        {.select_subprotocol = [](const std::vector<std::string>&) { return "invented"; }});
    static_cast<void>(wrong.feed(good + "\r\n"));
    CHECK_THROWS_AS(wrong.respond(), aioxx::protocol_error);
}

TEST_CASE("extra headers and the server's name are part of the response", "[websocket]") {
    const server_handshake_options options{.extra_headers = {{"Set-Cookie", "a=b"}},
                                           .server_header = "tester"};
    CHECK(answer(good + "\r\n", options).headers.get("Set-Cookie") == "a=b");
    CHECK(answer(good + "\r\n", options).headers.get("Server") == "tester");
    const http_response refused = answer("GET / HTTP/1.1\r\nHost: a\r\n\r\n", options);
    CHECK(refused.status == 426);
    CHECK(refused.headers.get("Server") == "tester");
    CHECK_FALSE(refused.headers.contains("Set-Cookie"));
}

TEST_CASE("a malformed request is answered and says what is wrong", "[websocket]") {
    CHECK(refusal("hello\r\n") == "400 request line 'hello' is not 'method target version'.");
    CHECK(refusal("\x16\x03\x01\x02\r\n").substr(0, 3) == "400");
    CHECK(refusal("GET /" + std::string(9000, 'x')) == "414 HTTP line longer than 8192 bytes.");
    const http_response response = answer("hello\r\n");
    CHECK(response.headers.get("Connection") == "close");
    CHECK(response.headers.get("Content-Length") == std::to_string(response.body.size()));
}

TEST_CASE("a request cut short by the end of the connection is a fault", "[websocket]") {
    server_handshake handshake;
    static_cast<void>(handshake.feed("GET / HTTP/1.1\r\n"));
    CHECK_FALSE(handshake.done());
    handshake.feed_eof();
    REQUIRE(handshake.done());
    CHECK(handshake.fault()->text == "the connection ended inside the HTTP head");
}

TEST_CASE("our client and our server agree", "[websocket]") {
    client_handshake client({.host = "a", .subprotocols = {"x", "y"}});
    server_handshake server({.subprotocols = {"y"}});
    CHECK(server.feed(client.output()) == client.output().size());
    REQUIRE(server.done());
    static_cast<void>(client.feed(serialize(server.respond())));
    REQUIRE(client.done());
    CHECK_FALSE(client.fault());
    CHECK(client.subprotocol() == "y");
    CHECK(server.subprotocol() == "y");
}

TEST_CASE("malformed and repeated subprotocols are refused", "[websocket]") {
    CHECK(refusal(replaced(good, "chat, superchat", "chat, a b") + "\r\n") ==
          "400 subprotocol 'a b' is not a token.");
    CHECK(refusal(replaced(good, "chat, superchat", "chat, chat") + "\r\n") ==
          "400 subprotocol 'chat' is offered twice.");
    CHECK(refusal(good + "Sec-WebSocket-Protocol: superchat\r\n\r\n") ==
          "400 subprotocol 'superchat' is offered twice.");
}

TEST_CASE("compression is agreed on when both want it", "[websocket]") {
    const std::string offer =
        good + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    const server_handshake_options willing{.compression = deflate_options{}};
    CHECK(answer(offer, willing).headers.get("Sec-WebSocket-Extensions") ==
          "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12");
    CHECK_FALSE(answer(offer).headers.contains("Sec-WebSocket-Extensions"));
    CHECK_FALSE(answer(good + "\r\n", willing).headers.contains("Sec-WebSocket-Extensions"));
    CHECK_FALSE(answer(good + "Sec-WebSocket-Extensions: permessage-deflate; x\r\n\r\n", willing)
                    .headers.contains("Sec-WebSocket-Extensions"));
    server_handshake handshake(willing);
    static_cast<void>(handshake.feed(offer));
    CHECK_FALSE(handshake.compression());
    static_cast<void>(handshake.respond());
    REQUIRE(handshake.compression());
    CHECK(handshake.compression()->client_max_window_bits == 12);
    server_handshake_options wrong = willing;
    wrong.compression->settings.memory_level = 10;
    CHECK_THROWS_AS(server_handshake(wrong), std::invalid_argument);
}

TEST_CASE("a malformed list of extensions is refused, wanted or not", "[websocket]") {
    const std::string bad = good + "Sec-WebSocket-Extensions: permessage-deflate;\r\n\r\n";
    CHECK(refusal(bad) == "400 malformed Sec-WebSocket-Extensions header: 'permessage-deflate;'.");
    CHECK(refusal(bad, {.compression = deflate_options{}}) ==
          "400 malformed Sec-WebSocket-Extensions header: 'permessage-deflate;'.");
}

TEST_CASE("the key has 24 characters of the base64 alphabet", "[websocket]") {
    for (const char* bad :
         {"dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZQ=x",
          "dGhlIHNhbXBsZSBub25jZ_==", "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSBub25jZQ= ="}) {
        INFO(bad);
        const http_response response = answer(replaced(good, "dGhlIHNhbXBsZSBub25jZQ==", bad) + "\r\n");
        CHECK(response.status == 400);
    }
}

TEST_CASE("floods of headers are refused before they take memory", "[websocket]") {
    std::string many = good;
    for (int i = 0; i != 100; ++i)
        many += "X-" + std::to_string(i) + ": y\r\n";
    CHECK(refusal(many) == "431 more than 100 HTTP headers.");
    CHECK(refusal(good + "X: " + std::string(9000, 'y')) == "431 HTTP line longer than 8192 bytes.");
    std::string large = good;
    for (int i = 0; i != 9; ++i)
        large += "X: " + std::string(8000, 'y') + "\r\n";
    CHECK(refusal(large) == "431 HTTP head longer than 65536 bytes.");
}
