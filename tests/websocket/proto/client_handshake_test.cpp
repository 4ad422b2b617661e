// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/client_handshake.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;

namespace {

const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";

client_handshake_options options() {
    client_handshake_options options;
    options.host = "server.example.com";
    options.target = "/chat";
    options.subprotocols = {"chat", "superchat"};
    return options;
}

const std::string good =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

// The fault's text, "open", or "waiting"; the same however the response is cut.
std::string judge(const std::string& response, bool eof = false) {
    std::string first;
    for (const std::vector<std::string>& pieces : wire::cuts(response)) {
        client_handshake handshake(options(), key);
        for (const std::string& piece : pieces) {
            const std::size_t used = handshake.feed(piece);
            if (!handshake.done()) CHECK(used == piece.size());
        }
        if (eof) handshake.feed_eof();
        std::string result = !handshake.done()   ? "waiting"
                             : handshake.fault() ? handshake.fault()->text
                                                 : "open";
        if (first.empty()) first = result;
        CHECK(result == first);
    }
    return first;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("the request is that of the RFC", "[websocket]") {
    client_handshake_options asked = options();
    asked.origin = "http://example.com";
    asked.user_agent = "tester";
    asked.extra_headers = {{"X-Token", "1"}, {"X-Token", "2"}};
    const client_handshake handshake(asked, key);
    CHECK(handshake.output().str() ==
          "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nOrigin: http://example.com\r\nUser-Agent: "
          "tester\r\n"
          "X-Token: 1\r\nX-Token: 2\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Protocol: chat, superchat\r\n\r\n");
}

TEST_CASE("extra headers replace ours, but not those that make the handshake", "[websocket]") {
    client_handshake_options asked = options();
    asked.user_agent = "ours";
    asked.extra_headers = {{"user-agent", "theirs"}, {"host", "elsewhere"}, {"Upgrade", "h2c"}};
    const client_handshake handshake(asked, key);
    CHECK(handshake.request().headers.get("User-Agent") == "theirs");
    CHECK(handshake.request().headers.get("Host") == "elsewhere");
    CHECK(handshake.request().headers.get_list("Upgrade") == std::vector<std::string_view>{"websocket"});
}

TEST_CASE("options that cannot be written are refused at once", "[websocket]") {
    client_handshake_options asked = options();
    asked.target = "/a b";
    CHECK_THROWS_AS(client_handshake(asked), std::invalid_argument);
    asked = options();
    asked.subprotocols = {"a,b"};
    CHECK_THROWS_AS(client_handshake(asked), std::invalid_argument);
    asked.subprotocols = {"a", "b", "a"};
    CHECK_THROWS_AS(client_handshake(asked), std::invalid_argument);
    asked = options();
    asked.host = "a\r\nX: y";
    CHECK_THROWS_AS(client_handshake(asked), std::invalid_argument);
}

TEST_CASE("the RFC's response opens the WebSocket", "[websocket]") {
    CHECK(judge(good + "\r\n") == "open");
    CHECK(judge(replaced(good, "Upgrade: websocket\r\nConnection: Upgrade",
                         "upgrade: WebSocket\r\nconnection: keep-alive, upgrade") +
                "\r\n") == "open");
}

TEST_CASE("what follows the response is left to the caller", "[websocket]") {
    client_handshake handshake(options(), key);
    const std::string head = good + "Sec-WebSocket-Protocol: chat\r\n\r\n";
    CHECK(handshake.feed(head + "frames") == head.size());
    REQUIRE(handshake.done());
    CHECK_FALSE(handshake.fault());
    CHECK(handshake.subprotocol() == "chat");
    CHECK(handshake.response().status == 101);
    CHECK(handshake.feed("more") == 0);
}

TEST_CASE("a response that lacks or spoils a header is refused", "[websocket]") {
    CHECK(judge(replaced(good, "Upgrade: websocket\r\n", "") + "\r\n") ==
          "missing Upgrade header in the server's response");
    CHECK(judge(replaced(good, "Upgrade: websocket", "Upgrade: h2c") + "\r\n") ==
          "invalid Upgrade header: expected 'websocket', got 'h2c'");
    CHECK(judge(replaced(good, "Upgrade: websocket", "Upgrade: websocket, h2c") + "\r\n") ==
          "invalid Upgrade header: expected 'websocket', got 'websocket, h2c'");
    CHECK(judge(replaced(good, "Connection: Upgrade", "Connection: close") + "\r\n") ==
          "invalid Connection header: expected 'Upgrade', got 'close'");
    CHECK(judge(replaced(good, "s3pP", "xxxx") + "\r\n") ==
          "invalid Sec-WebSocket-Accept header: expected 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', got "
          "'xxxxLMBiTxaQ9kYGzzhZRbK+xOo='");
    CHECK(judge(good + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n") ==
          "more than one Sec-WebSocket-Accept header");
    CHECK(judge(replaced(good, "HTTP/1.1", "HTTP/1.0") + "\r\n") == "unsupported HTTP version HTTP/1.0");
}

TEST_CASE("the server chooses only among what was offered", "[websocket]") {
    CHECK(judge(good + "Sec-WebSocket-Protocol: superchat\r\n\r\n") == "open");
    CHECK(judge(good + "Sec-WebSocket-Protocol: Chat\r\n\r\n") ==
          "server chose a subprotocol that was not offered: 'Chat'");
    CHECK(judge(good + "Sec-WebSocket-Protocol: chat, superchat\r\n\r\n") ==
          "server chose more than one subprotocol");
    CHECK(judge(good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n") ==
          "server chose an extension that was not offered: 'permessage-deflate'");
}

TEST_CASE("a refusal keeps status, headers and the beginning of the body", "[websocket]") {
    for (const std::vector<std::string>& pieces : wire::cuts(
             "HTTP/1.1 403 Forbidden\r\nX-Why: token\r\nContent-Length: 9\r\n\r\nsee above and beyond")) {
        client_handshake handshake(options(), key);
        for (const std::string& piece : pieces)
            static_cast<void>(handshake.feed(piece));
        REQUIRE(handshake.done());
        REQUIRE(handshake.fault());
        CHECK(handshake.fault()->text == "server rejected WebSocket connection: HTTP 403");
        REQUIRE(handshake.fault()->response);
        CHECK(handshake.fault()->response->status == 403);
        CHECK(handshake.fault()->response->headers.get("X-Why") == "token");
        CHECK(handshake.fault()->response->body == "see above");
    }
}

TEST_CASE("a body without length ends with the connection or at the limit", "[websocket]") {
    client_handshake_options asked = options();
    asked.max_body = 10;
    const std::string head = "HTTP/1.1 500 Internal Server Error\r\n\r\n";
    for (std::size_t size : {9U, 10U, 11U}) {
        client_handshake handshake(asked, key);
        static_cast<void>(handshake.feed(head + std::string(size, 'x')));
        CHECK(handshake.done() == (size >= 10));
        CHECK(handshake.fault());
        handshake.feed_eof();
        REQUIRE(handshake.done());
        CHECK(handshake.fault()->response->body == std::string(std::min<std::size_t>(size, 10), 'x'));
    }
    client_handshake announced(asked, key);
    static_cast<void>(
        announced.feed("HTTP/1.1 500 Oops\r\nContent-Length: 1000000\r\n\r\n" + std::string(50, 'x')));
    REQUIRE(announced.done());
    CHECK(announced.fault()->response->body.size() == 10);
    CHECK(judge("HTTP/1.1 304 Not Modified\r\n\r\n") == "server rejected WebSocket connection: HTTP 304");
    CHECK(judge("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") ==
          "server rejected WebSocket connection: HTTP 200");
    CHECK(judge("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n") == "waiting");
}

TEST_CASE("a response that is none is refused with what it was", "[websocket]") {
    CHECK(judge("SSH-2.0-OpenSSH_9.2\r\n") ==
          "status line 'SSH-2.0-OpenSSH_9.2' is not 'version status reason'");
    CHECK(judge("HTTP/1.1 101 Switch", true) ==
          "the connection ended before the server answered the opening handshake");
    CHECK(judge("", false) == "waiting");
}

TEST_CASE("compression is offered and judged", "[websocket]") {
    client_handshake_options asked = options();
    asked.compression = deflate_options{};
    const auto with = [&](const std::string& lines) {
        client_handshake handshake(asked, key);
        CHECK(handshake.request().headers.get("Sec-WebSocket-Extensions") ==
              "permessage-deflate; client_max_window_bits");
        static_cast<void>(handshake.feed(good + lines + "\r\n"));
        REQUIRE(handshake.done());
        if (handshake.fault()) {
            CHECK_FALSE(handshake.compression());
            return handshake.fault()->text;
        }
        if (!handshake.compression()) return std::string("none");
        return std::to_string(handshake.compression()->server_max_window_bits);
    };
    const std::string name = "Sec-WebSocket-Extensions: ";
    CHECK(with("") == "none");
    CHECK(with(name + "permessage-deflate\r\n") == "15");
    CHECK(with(name + "permessage-deflate; server_max_window_bits=10\r\n") == "10");
    CHECK(with(name + "permessage-deflate; x\r\n") ==
          "server's answer to permessage-deflate is wrong: unknown parameter 'x'");
    CHECK(with(name + "permessage-deflate, permessage-deflate\r\n") ==
          "server chose permessage-deflate twice");
    CHECK(with(name + "permessage-deflate\r\n" + name + "permessage-deflate\r\n") ==
          "server chose permessage-deflate twice");
    CHECK(with(name + "x-other\r\n") == "server chose an extension that was not offered: 'x-other'");
    CHECK(with(name + "permessage-deflate, x-other\r\n") ==
          "server chose an extension that was not offered: 'x-other'");
    CHECK(with(name + "permessage-deflate;\r\n") ==
          "malformed Sec-WebSocket-Extensions header: 'permessage-deflate;'");
    CHECK(judge(good + name + "a b\r\n\r\n") == "malformed Sec-WebSocket-Extensions header: 'a b'");
    asked.compression->client_max_window_bits = 16;
    CHECK_THROWS_AS(client_handshake(asked), std::invalid_argument);
}
