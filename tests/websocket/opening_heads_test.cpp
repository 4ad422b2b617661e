// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/opening_heads.hpp>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/websocket/proto/server_handshake.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using websocket::http_request;
using websocket::http_response;
using websocket::detail::head_pieces;
using websocket::detail::pack_head;
using websocket::detail::packed_heads;
using websocket::detail::unpack_head;

namespace {

http_request parsed(std::string_view head) {
    websocket::http_head_parser<http_request> parser;
    parser.feed(head);
    return parser.take_head();
}

const std::string chromium =
    "GET /chat HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Safari/537.36\r\nUpgrade: websocket\r\nOrigin: https://example.com\r\nSec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
const std::string python =
    "GET /chat HTTP/1.1\r\nHost: localhost:8765\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    "User-Agent: Python/3.11 websockets/10.4\r\n\r\n";

}  // namespace

TEST_CASE("the heads of an opening handshake are what they were", "[websocket]") {
    http_request request;
    request.target = "/chat?room=1";
    for (int i = 0; i < 200; ++i) request.headers.add("X-" + std::to_string(i), std::string(100, 'v'));
    request.headers.add("Cookie", std::string(20'000, 'c'));
    request.headers.add("X-Empty", "");
    http_response response;
    response.status = 101;
    response.reason = "Switching Protocols";
    response.headers.add("Upgrade", "websocket");
    response.headers.add("X-Name", "h\xc3\xa9");
    const auto kept = packed_heads(request, response).unpack();
    CHECK(kept.response == response);
    CHECK(kept.request == request);
}

TEST_CASE("heads without anything in them, and a body, which is none of the head", "[websocket]") {
    http_response response;
    response.reason = "OK";
    response.body = "body\r\n\r\n";
    const auto kept = packed_heads(http_request(), response).unpack();
    CHECK(kept.request == http_request());
    response.body.clear();
    CHECK(kept.response == response);
}

TEST_CASE("a packed head is a small part of it, and is the same again", "[websocket]") {
    struct packed {
        std::string head;
        std::size_t at_most;
    };
    for (const packed& each : {packed{chromium, 110}, packed{python, 90}}) {
        const std::string small = pack_head(each.head, {});
        CAPTURE(each.head, small.size());
        CHECK(small.size() <= each.at_most);
        CHECK(unpack_head(small, {}) == each.head);
        CHECK(serialize(parsed(each.head)) == each.head);
    }
    websocket::server_handshake handshake({.server_header = "aioxx"});
    handshake.feed(chromium);
    http_response response = handshake.respond();
    response.headers.add("Date", "Sat, 21 Nov 2026 16:19:12 GMT");
    const std::string key = websocket::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
    CHECK(pack_head(serialize(response), key).size() <= 34);
    const auto kept = packed_heads(handshake.request(), response).unpack();
    CHECK(serialize(kept.request) == chromium);
    CHECK(serialize(kept.response) == serialize(response));
}

TEST_CASE("whatever a head is made of, it is the same again", "[websocket]") {
    std::mt19937 random(6);
    const auto below = [&random](std::size_t count) { return random() % count; };
    const std::string key = websocket::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
    const std::vector<std::string> others{"x", "\t", " ", "\xff", "SEC-WebSocket-Key: ", key, key.substr(1), "\r\n"};
    for (int round = 0; round < 3000; ++round) {
        std::string head;
        for (std::size_t count = below(30); count != 0; --count) {
            const std::string_view piece =
                below(3) != 0 ? head_pieces[below(head_pieces.size())] : std::string_view(others[below(others.size())]);
            head += below(4) != 0 ? piece : piece.substr(0, piece.size() / 2);
        }
        for (std::size_t at = 0; (at = head.find('\r', at)) != std::string::npos; ++at) {  // no head has one alone
            if (head.substr(at, 2) != "\r\n") head[at] = '~';
        }
        const std::string accept = below(2) != 0 ? key : std::string();
        const std::string small = pack_head(head, accept);
        CAPTURE(head);
        REQUIRE(unpack_head(small, accept) == head);
        REQUIRE(small.find('\0') == std::string::npos);
    }
}

TEST_CASE("a response whose key is not the one of the request keeps its own", "[websocket]") {
    const http_request request = parsed(chromium);
    http_response response;
    response.status = 101;
    for (const std::string accept : {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "another", ""}) {
        response.headers.set("Sec-WebSocket-Accept", accept);
        const auto kept = packed_heads(request, response).unpack();
        CHECK(kept.response.headers.get("Sec-WebSocket-Accept") == accept);
    }
    const auto keyless = packed_heads(http_request(), response).unpack();
    CHECK(keyless.response.headers == response.headers);
}

TEST_CASE("every piece of a head is found, is the beginning of no other, and is plain text", "[websocket]") {
    for (std::size_t code = 0; code != head_pieces.size(); ++code) {
        const std::string_view piece = head_pieces[code];
        if (piece.empty()) continue;
        CHECK(pack_head(piece, {}) == std::string(1, static_cast<char>(code)));
        for (const std::string_view other : head_pieces) CHECK((other == piece || !other.starts_with(piece)));
        for (const char each : piece) CHECK((each == '\r' || each == '\n' || static_cast<unsigned char>(each) >= ' '));
    }
}
