// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/byte_sink.hpp>

#include <cstdint>
#include <limits>
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

TEST_CASE("numbers are appended with the lowest byte first when asked for", "[buffer]") {
    bytearray target;
    byte_sink sink(target);
    sink.u16_le(0x0201);
    sink.u32_le(0x06050403);
    sink.u64_le(0xff0d0c0b0a090807);
    CHECK(target == "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\xff");
}

TEST_CASE("varints take as few bytes as do", "[buffer]") {
    const auto written = [](std::uint64_t value) {
        bytearray target;
        byte_sink(target).varint(value);
        return target;
    };
    CHECK(written(0) == bytes_view("\0", 1));
    CHECK(written(127) == "\x7f");
    CHECK(written(128) == "\x80\x01");
    CHECK(written(300) == "\xac\x02");
    CHECK(written(~std::uint64_t{0}) == "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST_CASE("small numbers of both signs are short", "[buffer]") {
    const auto written = [](std::int64_t value) {
        bytearray target;
        byte_sink(target).signed_varint(value);
        return target;
    };
    CHECK(written(0) == bytes_view("\0", 1));
    CHECK(written(-1) == "\x01");
    CHECK(written(1) == "\x02");
    CHECK(written(-64) == "\x7f");
    CHECK(written(64) == "\x80\x01");
    CHECK(written(std::numeric_limits<std::int64_t>::min()).size() == 10);
}

TEST_CASE("what a sink writes in other forms a cursor reads as well", "[buffer]") {
    std::mt19937_64 random(12);
    for (int round = 0; round < 500; ++round) {
        const std::uint64_t number = random() >> random() % 64;
        const auto number_with_sign = static_cast<std::int64_t>(random()) >> random() % 64;
        bytearray target;
        byte_sink sink(target);
        sink.varint(number);
        sink.signed_varint(number_with_sign);
        sink.u64_le(number);
        sink.u32_le(static_cast<std::uint32_t>(number));
        sink.u16_le(static_cast<std::uint16_t>(number));
        byte_cursor cursor(target);
        REQUIRE(cursor.varint() == number);
        REQUIRE(cursor.signed_varint() == number_with_sign);
        REQUIRE(cursor.u64_le() == number);
        REQUIRE(cursor.u32_le() == static_cast<std::uint32_t>(number));
        REQUIRE(cursor.u16_le() == static_cast<std::uint16_t>(number));
        REQUIRE(cursor.remaining() == 0);
    }
}
