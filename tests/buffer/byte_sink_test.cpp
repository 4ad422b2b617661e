// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/byte_sink.hpp>

#include <cstdint>
#include <random>

#include <aioxx/buffer/byte_cursor.hpp>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("numbers are appended in network order", "[buffer]") {
    bytearray target("..");
    byte_sink sink(target);
    sink.u8(0x01);
    sink.u16(0x0203);
    sink.u32(0x04050607);
    sink.u64(0x08090a0b0c0d0eff);
    sink.bytes("end");
    CHECK(target ==
          "..\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xff"
          "end");
}

TEST_CASE("the target itself can be appended to it", "[buffer]") {
    bytearray target("abc");
    byte_sink(target).bytes(target);
    CHECK(target == "abcabc");
}

TEST_CASE("what a sink writes a cursor reads", "[buffer]") {
    std::mt19937_64 random(11);
    for (int round = 0; round < 200; ++round) {
        const std::uint64_t number = random() >> random() % 64;
        bytearray target;
        byte_sink sink(target);
        sink.u64(number);
        sink.u32(static_cast<std::uint32_t>(number));
        sink.u16(static_cast<std::uint16_t>(number));
        sink.u8(static_cast<std::uint8_t>(number));
        byte_cursor cursor(target);
        REQUIRE(cursor.u64() == number);
        REQUIRE(cursor.u32() == static_cast<std::uint32_t>(number));
        REQUIRE(cursor.u16() == static_cast<std::uint16_t>(number));
        REQUIRE(cursor.u8() == static_cast<std::uint8_t>(number));
        REQUIRE(cursor.remaining() == 0);
    }
}
