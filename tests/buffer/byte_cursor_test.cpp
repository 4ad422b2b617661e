// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/byte_cursor.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("numbers are read in network order", "[buffer]") {
    byte_cursor cursor("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xff");
    CHECK(cursor.u8() == std::uint8_t{0x01});
    CHECK(cursor.u16() == std::uint16_t{0x0203});
    CHECK(cursor.u32() == std::uint32_t{0x04050607});
    CHECK(cursor.position() == 7);
    CHECK(cursor.remaining() == 8);
    CHECK(cursor.u64() == std::uint64_t{0x08090a0b0c0d0eff});
    CHECK(cursor.remaining() == 0);
    CHECK_FALSE(cursor.u8().has_value());
}

TEST_CASE("the highest bits stay where they are", "[buffer]") {
    const bytes_view ones("\xff\xff\xff\xff\xff\xff\xff\xff");
    CHECK(byte_cursor(ones).u8() == std::uint8_t{0xff});
    CHECK(byte_cursor(ones).u16() == std::uint16_t{0xffff});
    CHECK(byte_cursor(ones).u32() == std::uint32_t{0xffffffff});
    CHECK(byte_cursor(ones).u64() == ~std::uint64_t{0});
}

TEST_CASE("a read that lacks one byte gives nothing and moves nothing", "[buffer]") {
    const bytes_view bytes("1234567");
    for (std::size_t size = 0; size < 8; ++size) {
        CAPTURE(size);
        byte_cursor cursor(bytes.first(size));
        CHECK(cursor.u64() == std::nullopt);
        CHECK(cursor.bytes(size + 1) == std::nullopt);
        CHECK_FALSE(cursor.skip(size + 1));
        CHECK(cursor.bytes(bytes_view::npos) == std::nullopt);
        CHECK(cursor.position() == 0);
        CHECK(cursor.u32().has_value() == (size >= 4));
        CHECK(cursor.position() == (size >= 4 ? 4 : 0));
        CHECK(cursor.u16().has_value() == (size == 2 || size == 3 || size >= 6));
    }
}

TEST_CASE("blocks are views of the bytes", "[buffer]") {
    const bytes_view bytes("abcdef");
    byte_cursor cursor(bytes);
    CHECK(cursor.skip(1));
    const std::optional<bytes_view> block = cursor.bytes(3);
    REQUIRE(block.has_value());
    CHECK(*block == "bcd");
    CHECK(block->data() == bytes.data() + 1);
    CHECK(cursor.bytes(0)->empty());
    CHECK(cursor.bytes(2) == bytes_view("ef"));
    CHECK(cursor.bytes(0).has_value());
    CHECK(cursor.skip(0));
    CHECK_FALSE(cursor.skip(1));
}

TEST_CASE("numbers are read with the lowest byte first when asked for", "[buffer]") {
    byte_cursor cursor("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\xff");
    CHECK(cursor.u16_le() == std::uint16_t{0x0201});
    CHECK(cursor.u32_le() == std::uint32_t{0x06050403});
    CHECK(cursor.u64_le() == std::uint64_t{0xff0d0c0b0a090807});
    CHECK(cursor.remaining() == 0);
}

TEST_CASE("a read that lacks bytes says how many more it needs", "[buffer]") {
    byte_cursor cursor("abc");
    CHECK(cursor.u8().has_value());
    CHECK(cursor.missing() == 0);
    CHECK_FALSE(cursor.u64().has_value());
    CHECK(cursor.missing() == 6);
    CHECK_FALSE(cursor.bytes(3).has_value());
    CHECK(cursor.missing() == 1);
    CHECK_THROWS_WITH(cursor.require(cursor.u32()), "need 2 more bytes at position 1");
    CHECK_THROWS_AS(cursor.require(cursor.bytes(bytes_view::npos)), std::out_of_range);
    CHECK(cursor.require(cursor.u16()) == 0x6263);
    CHECK(cursor.missing() == 0);
    CHECK_THROWS_WITH(cursor.require(cursor.u8()), "need 1 more byte at position 3");
}

TEST_CASE("a varint is read when all of it is there, and refused when it is too long", "[buffer]") {
    CHECK(byte_cursor(bytes_view("\0", 1)).varint() == 0U);
    CHECK(byte_cursor("\x7f").varint() == 127U);
    CHECK(byte_cursor("\xac\x02").varint() == 300U);
    CHECK(byte_cursor("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").varint() == ~std::uint64_t{0});
    CHECK(byte_cursor(bytes_view("\x80\x00", 2)).varint() == 0U);  // longer than needed, but a number

    CHECK(byte_cursor("\x01").signed_varint() == -1);
    CHECK(byte_cursor("\x80\x01").signed_varint() == 64);

    byte_cursor incomplete("\xff\xff");
    CHECK_FALSE(incomplete.varint().has_value());
    CHECK(incomplete.missing() == 1);
    CHECK(incomplete.position() == 0);
    byte_cursor empty("");
    CHECK_THROWS_WITH(empty.require(empty.varint()), "need 1 more byte at position 0");

    for (const bytes_view bytes : {bytes_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
                                   bytes_view("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")}) {
        byte_cursor too_long(bytes);
        CHECK_FALSE(too_long.varint().has_value());
        CHECK(too_long.missing() == 0);
        CHECK_THROWS_AS(too_long.require(too_long.signed_varint()), std::invalid_argument);
        CHECK(too_long.position() == 0);
    }
}
