// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/frame_writer.hpp>

#include <string>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;
using wire::hex;

TEST_CASE("the examples of RFC 6455 section 5.7 are written", "[websocket]") {
    CHECK(wire::frame(role::server, opcode::text, "Hello") == hex("81 05 48 65 6c 6c 6f"));
    CHECK(wire::frame(role::client, opcode::text, "Hello") == hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"));
    CHECK(wire::frame(role::server, opcode::text, "Hel", false) == hex("01 03 48 65 6c"));
    CHECK(wire::frame(role::server, opcode::continuation, "lo") == hex("80 02 6c 6f"));
    CHECK(wire::frame(role::server, opcode::ping, "Hello") == hex("89 05 48 65 6c 6c 6f"));
    CHECK(wire::frame(role::client, opcode::pong, "Hello") == hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"));
    CHECK(wire::frame(role::server, opcode::binary, std::string(256, 'x')) ==
          hex("82 7e 01 00") + std::string(256, 'x'));
    CHECK(wire::frame(role::server, opcode::binary, std::string(65536, 'x')) ==
          hex("82 7f 00 00 00 00 00 01 00 00") + std::string(65536, 'x'));
}

TEST_CASE("lengths take their shortest form", "[websocket]") {
    const auto start = [](std::size_t size) {
        return wire::frame(role::server, opcode::binary, std::string(size, 'x')).substr(1, 9);
    };
    CHECK(start(0) == hex("00"));
    CHECK(start(125).substr(0, 1) == hex("7d"));
    CHECK(start(126).substr(0, 3) == hex("7e 00 7e"));
    CHECK(start(65535).substr(0, 3) == hex("7e ff ff"));
    CHECK(start(65536) == hex("7f 00 00 00 00 00 01 00 00"));
}

TEST_CASE("frames are appended behind what the output holds", "[websocket]") {
    aioxx::bytearray output;
    output.append(aioxx::bytes_view("before"));
    append_frame(output, {}, "");
    append_frame(output, {}, "x");
    CHECK(output.view().str() == "before" + hex("82 00 82 01") + "x");
}

TEST_CASE("a head alone is what stands before the payload", "[websocket]") {
    for (std::size_t size : {0U, 125U, 126U, 65535U, 65536U}) {
        for (bool masked : {false, true}) {
            frame_header header;
            header.masked = masked;
            header.mask = wire::key;
            header.payload_size = size;
            aioxx::bytearray whole;
            append_frame(whole, header, std::string(size, 'x'));
            const frame_head head = encode_head(header);
            CHECK(head.size == whole.size() - size);
            CHECK(head.view() == whole.view().first(head.size));
        }
    }
}

TEST_CASE("a head states a size of any width", "[websocket]") {
    frame_header header;
    header.payload_size = 0x0102'0304'0506'0708;
    header.fin = false;
    CHECK(wire::str(encode_head(header).view()) == hex("02 7f 01 02 03 04 05 06 07 08"));
}

TEST_CASE("the first reserved bit marks a compressed message", "[websocket]") {
    frame_header header;
    header.code = opcode::text;
    header.compressed = true;
    CHECK(wire::str(encode_head(header).view()) == wire::hex("c1 00"));
    header.fin = false;
    CHECK(wire::str(encode_head(header).view()) == wire::hex("41 00"));
}
