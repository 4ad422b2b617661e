// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/opcode.hpp>

#include "support/catch.hpp"

using namespace aioxx::websocket;

TEST_CASE("six of the sixteen opcodes are known", "[websocket]") {
    std::string known;
    for (std::uint8_t bits = 0; bits != 16; ++bits)
        known += is_known_opcode(bits) ? 'x' : '.';
    CHECK(known == "xxx.....xxx.....");
}

TEST_CASE("close, ping and pong are control frames and data frames are not", "[websocket]") {
    CHECK(is_control(opcode::close));
    CHECK(is_control(opcode::ping));
    CHECK(is_control(opcode::pong));
    CHECK_FALSE(is_control(opcode::continuation));
    CHECK_FALSE(is_control(opcode::text));
    CHECK_FALSE(is_control(opcode::binary));
}

TEST_CASE("an opcode has the RFC's name", "[websocket]") {
    CHECK(name_of(opcode::continuation) == "continuation");
    CHECK(name_of(opcode::pong) == "pong");
    CHECK(name_of(opcode{0x5}) == "reserved");
}
