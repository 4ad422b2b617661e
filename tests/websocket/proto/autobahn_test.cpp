// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/endpoint.hpp>

// The families of the public Autobahn test suite, re-created without a network: its fuzzing client against an
// echo server. Each case feeds frames whole and byte by byte, and looks at what the server sends back.

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;
using wire::close_payload;
using wire::hex;

namespace {

std::string sent(opcode code, std::string_view payload, bool fin = true) {
    return wire::frame(role::client, code, payload, fin);
}
std::string text(std::string_view payload, bool fin = true) {
    return sent(opcode::text, payload, fin);
}
std::string binary(std::string_view payload, bool fin = true) {
    return sent(opcode::binary, payload, fin);
}
std::string more(std::string_view payload, bool fin = true) {
    return sent(opcode::continuation, payload, fin);
}
std::string ping(std::string_view payload) {
    return sent(opcode::ping, payload);
}
std::string pong(std::string_view payload) {
    return sent(opcode::pong, payload);
}
std::string bye() {
    return sent(opcode::close, close_payload(1000));
}

// A masked frame with any first byte.
std::string raw(unsigned first, std::string_view payload) {
    std::string frame = binary(payload);
    frame[0] = static_cast<char>(first);
    return frame;
}

std::string echo(const std::vector<std::string>& pieces) {
    endpoint server(role::server, {.max_size = 16U << 20});
    std::string replies;
    for (const std::string& piece : pieces) {
        server.feed(piece);
        while (const std::optional<event> next = server.next_event()) {
            if (next->kind == event_kind::text) server.send_text(next->payload);
            if (next->kind == event_kind::binary) server.send_binary(next->payload);
        }
    }
    // The replies, read by a client, as words.
    const aioxx::bytearray output = server.take_output();
    aioxx::bytes_view rest = output.view();
    frame_parser parser(role::client);
    while (const std::optional<frame_piece> piece = parser.next(rest)) {
        const frame_header& header = parser.header();
        REQUIRE(piece->last);
        if (!replies.empty()) replies += " ";
        replies += name_of(header.code);
        if (header.code == opcode::close) {
            close_status status;
            REQUIRE_FALSE(parse_close(piece->payload, status));
            replies += ":" + std::to_string(value_of(status.code));
        } else {
            const std::string payload = wire::str(piece->payload);
            replies += ":" + (payload.size() > 80 ? std::to_string(payload.size()) : payload);
        }
    }
    CHECK_FALSE(parser.fault());
    CHECK(rest.empty());
    return replies;
}

// What an echo server answers, as words.
std::string replies(const std::string& input) {
    const std::string whole = echo({input});
    if (input.size() < 10'000) CHECK(echo(wire::cuts(input)[1]) == whole);
    return whole;
}

}  // namespace

TEST_CASE("Autobahn 1: frames of every size are echoed", "[websocket]") {
    for (std::size_t size : {0U, 125U, 126U, 127U, 128U, 65535U, 65536U}) {
        const std::string payload(size, '*');
        const std::string shown = size > 80 ? std::to_string(size) : payload;
        CHECK(replies(text(payload) + bye()) == "text:" + shown + " close:1000");
        CHECK(replies(binary(payload) + bye()) == "binary:" + shown + " close:1000");
    }
    std::string chopped = text(std::string(65536, '*'));  // 1.1.8: in chops of 997 bytes
    std::vector<std::string> chops;
    for (std::size_t at = 0; at < chopped.size(); at += 997)
        chops.push_back(chopped.substr(at, 997));
    CHECK(echo(chops) == "text:65536");
}

TEST_CASE("Autobahn 2: pings are answered and pongs are not", "[websocket]") {
    CHECK(replies(ping("")) == "pong:");                            // 2.1
    CHECK(replies(ping("Hello, world!")) == "pong:Hello, world!");  // 2.2
    CHECK(replies(ping(hex("00 ff fe fd fc fb 00 ff"))) == "pong:" + hex("00 ff fe fd fc fb 00 ff"));
    CHECK(replies(ping(std::string(125, '\xFE')) + bye()) == "pong:125 close:1000");  // 2.4
    CHECK(replies(sent(opcode::ping, std::string(126, '\xFE'))) == "close:1002");     // 2.5
    CHECK(echo(wire::cuts(ping(std::string(125, '\xFE')))[1]) == "pong:125");         // 2.6
    CHECK(replies(pong("") + bye()) == "close:1000");                                 // 2.7
    CHECK(replies(pong("unsolicited") + ping("p") + bye()) == "pong:p close:1000");   // 2.8, 2.9
    std::string ten;
    for (char c = '0'; c <= '9'; ++c)
        ten += ping(std::string(1, c));
    CHECK(replies(ten) ==
          "pong:0 pong:1 pong:2 pong:3 pong:4 pong:5 pong:6 pong:7 pong:8 pong:9");  // 2.10, 2.11
}

TEST_CASE("Autobahn 3: reserved bits end the connection", "[websocket]") {
    CHECK(replies(raw(0x81 | 0x10, "x")) == "close:1002");                                // 3.1
    CHECK(replies(text("a") + raw(0x81 | 0x20, "x") + ping("")) == "text:a close:1002");  // 3.2
    CHECK(replies(text("a") + raw(0x81 | 0x30, "x") + ping("")) == "text:a close:1002");  // 3.3
    CHECK(replies(text("a") + raw(0x81 | 0x40, "x") + ping("")) == "text:a close:1002");  // 3.4
    CHECK(replies(raw(0x82 | 0x50, "x")) == "close:1002");                                // 3.5
    CHECK(replies(raw(0x89 | 0x60, "x")) == "close:1002");                                // 3.6
    CHECK(replies(raw(0x88 | 0x70, "")) == "close:1002");                                 // 3.7
}

TEST_CASE("Autobahn 4: reserved opcodes end the connection", "[websocket]") {
    for (unsigned code : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
        CHECK(replies(raw(0x80 | code, "")) == "close:1002");
        CHECK(replies(text("a") + raw(0x80 | code, "reserved") + ping("")) == "text:a close:1002");
    }
}

TEST_CASE("Autobahn 5: fragments keep their order", "[websocket]") {
    CHECK(replies(sent(opcode::ping, "a", false) + more("b")) == "close:1002");    // 5.1
    CHECK(replies(sent(opcode::pong, "a", false) + more("b")) == "close:1002");    // 5.2
    CHECK(replies(text("a", false) + more("b")) == "text:ab");                     // 5.3 to 5.5
    CHECK(replies(text("a", false) + ping("p") + more("b")) == "pong:p text:ab");  // 5.6 to 5.8
    CHECK(replies(more("a") + text("b")) == "close:1002");                         // 5.9 to 5.11
    CHECK(replies(more("a", false) + text("b")) == "close:1002");                  // 5.12 to 5.14
    CHECK(replies(text("a", false) + more("b") + more("c", false) + text("d")) ==
          "text:ab close:1002");                                                      // 5.15
    CHECK(replies(more("a", false) + text("b", false) + more("c")) == "close:1002");  // 5.16
    CHECK(replies(more("a") + text("b", false) + more("c")) == "close:1002");         // 5.17
    CHECK(replies(text("a", false) + text("b")) == "close:1002");                     // 5.18
    CHECK(replies(text("1", false) + more("2", false) + ping("p1") + more("3", false) + more("4", false) +
                  ping("p2") + more("5")) == "pong:p1 pong:p2 text:12345");  // 5.19, 5.20
}

TEST_CASE("Autobahn 6: text is UTF-8, across fragments and to the end", "[websocket]") {
    const std::string kosme = hex("ce ba e1 bd b9 cf 83 ce bc ce b5");
    CHECK(replies(text("") + text("", false) + more("", false) + more("")) == "text: text:");  // 6.1
    CHECK(replies(text("", false) + more("middle", false) + more("")) == "text:middle");
    CHECK(replies(text("H" + hex("c3 a9") + "llo")) == "text:H" + hex("c3 a9") + "llo");         // 6.2
    CHECK(replies(text(kosme.substr(0, 3), false) + more(kosme.substr(3))) == "text:" + kosme);  // between
    std::string letters = text("", false);                                                       // 6.2.4
    for (char c : kosme)
        letters += more(std::string(1, c), false);
    CHECK(replies(letters + more("")) == "text:" + kosme);
    const std::string bad = kosme + hex("ed a0 80") + "edited";  // 6.3
    CHECK(replies(text(bad)) == "close:1007");
    std::string single = text("", false);
    for (char c : bad)
        single += more(std::string(1, c), false);
    CHECK(replies(single) == "close:1007");
    CHECK(replies(text(kosme, false) + more(hex("f4 90 80 80"), false)) == "close:1007");     // 6.4.1
    CHECK(replies(text(kosme + hex("f4"), false) + more(hex("90"), false)) == "close:1007");  // 6.4.2
    // 6.4.3, 6.4.4: inside a single frame, before the frame is complete.
    const std::string frame = text(kosme + hex("f4 90") + std::string(50, 'x'));
    CHECK(replies(frame.substr(0, 6 + kosme.size() + 2)) == "close:1007");
    CHECK(replies(frame.substr(0, 6 + kosme.size() + 1)) == "");

    for (const char* valid :
         {"00", "7f", "c2 80", "df bf", "e0 a0 80", "ef bf bf", "f0 90 80 80", "f4 8f bf bf", "ed 9f bf",
          "ee 80 80", "ef bf bd", "f0 9f bf be", "f3 bf bf bf"}) {  // 6.5 to 6.7
        CHECK(replies(text(hex(valid))) == "text:" + hex(valid));
    }
    for (const char* invalid : {"ce",
                                "ce ba e1",
                                "ce ba e1 bd",
                                "f8 88 80 80 80",
                                "fc 84 80 80 80 80",
                                "f7 bf bf bf",
                                "f4 90 80 80",
                                "80",
                                "bf",
                                "80 bf",
                                "80 bf 80 bf",
                                "c0 20 c1 20",
                                "e0 20 e1 20",
                                "f0 20 f1 20",
                                "f8 20",
                                "fc 20",
                                "c0",
                                "e0 80",
                                "f0 80 80",
                                "df",
                                "ef bf",
                                "f7 bf bf",
                                "fe",
                                "ff",
                                "fe fe ff ff",
                                "c0 af",
                                "e0 80 af",
                                "f0 80 80 af",
                                "c1 bf",
                                "e0 9f bf",
                                "f0 8f bf bf",
                                "c0 80",
                                "ed a0 80",
                                "ed ad bf",
                                "ed ae 80",
                                "ed af bf",
                                "ed b0 80",
                                "ed be 80",
                                "ed bf bf",
                                "ed a0 80 ed b0 80",
                                "ed af bf ed bf bf"}) {  // 6.8 to 6.21
        INFO(invalid);
        CHECK(replies(text(hex(invalid))) == "close:1007");
    }
    for (const char* allowed : {"ef bf be", "ef bf bf", "f0 9f bf bf"}) {  // 6.22, 6.23
        CHECK(replies(text(hex(allowed))) == "text:" + hex(allowed));
    }
}

TEST_CASE("Autobahn 7: the closing handshake and its codes", "[websocket]") {
    CHECK(replies(text("a") + bye()) == "text:a close:1000");              // 7.1.1
    CHECK(replies(bye() + bye()) == "close:1000");                         // 7.1.2
    CHECK(replies(bye() + ping("")) == "close:1000");                      // 7.1.3
    CHECK(replies(bye() + text("a")) == "close:1000");                     // 7.1.4
    CHECK(replies(text("a", false) + bye() + more("b")) == "close:1000");  // 7.1.5
    CHECK(replies(text(std::string(256 << 10, '*')) + bye() + ping("")) ==
          "text:262144 close:1000");                                                                  // 7.1.6
    CHECK(replies(sent(opcode::close, "")) == "close:1005");                                          // 7.3.1
    CHECK(replies(sent(opcode::close, "a")) == "close:1002");                                         // 7.3.2
    CHECK(replies(bye()) == "close:1000");                                                            // 7.3.3
    CHECK(replies(sent(opcode::close, close_payload(1000, "Hello World!"))) == "close:1000");         // 7.3.4
    CHECK(replies(sent(opcode::close, close_payload(1000, std::string(123, '*')))) == "close:1000");  // 7.3.5
    CHECK(replies(sent(opcode::close, close_payload(1000, std::string(124, '*')))) == "close:1002");  // 7.3.6
    CHECK(replies(sent(opcode::close, close_payload(1000, hex("ce ba e1 bd b9 ed a0 80")))) ==
          "close:1007");  // 7.5.1
    for (unsigned code :
         {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 3000U, 3999U, 4000U, 4999U}) {
        CHECK(replies(sent(opcode::close, close_payload(code))) == "close:" + std::to_string(code));  // 7.7
    }
    for (unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
        CHECK(replies(sent(opcode::close, close_payload(code))) == "close:1002");  // 7.9, 7.13
    }
}

TEST_CASE("Autobahn 9: large messages, whole and in fragments", "[websocket]") {
    const std::string large(4 << 20, '*');
    CHECK(replies(text(large)) == "text:4194304");                                         // 9.1
    CHECK(replies(binary(large)) == "binary:4194304");                                     // 9.2
    for (std::size_t size : {std::size_t{64}, std::size_t{4096}, std::size_t{1} << 20}) {  // 9.3, 9.4
        const std::size_t total = size == 64 ? 64 << 10 : large.size();
        std::string input = text("", false);
        for (std::size_t at = 0; at < total; at += size) {
            input += more(std::string_view(large).substr(at, size), at + size >= total);
        }
        CHECK(replies(input) == "text:" + std::to_string(total));
    }
    std::vector<std::string> chops;  // 9.5, 9.6
    const std::string frame = binary(large);
    for (std::size_t at = 0; at < frame.size(); at += 1024)
        chops.push_back(frame.substr(at, 1024));
    CHECK(echo(chops) == "binary:4194304");
    std::string many;  // 9.7, 9.8
    for (int i = 0; i != 1000; ++i)
        many += text(std::string(16, '*'));
    CHECK(echo({many}).size() == 1000 * (5 + 16 + 1) - 1);
}
