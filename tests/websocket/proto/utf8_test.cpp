// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/utf8.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;
using wire::hex;

namespace {

// The definition, one code point at a time: what Unicode allows, in its only encoding.
std::string encode(std::uint32_t point) {
    std::string text;
    const auto put = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
    if (point < 0x80) {
        put(point);
    } else if (point < 0x800) {
        put(0xC0 | point >> 6);
        put(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        put(0xE0 | point >> 12);
        put(0x80 | (point >> 6 & 0x3F));
        put(0x80 | (point & 0x3F));
    } else {
        put(0xF0 | point >> 18);
        put(0x80 | (point >> 12 & 0x3F));
        put(0x80 | (point >> 6 & 0x3F));
        put(0x80 | (point & 0x3F));
    }
    return text;
}

// At which byte the text stops being the beginning of something valid; its size when it never does.
std::size_t first_error(const std::string& text) {
    utf8_validator validator;
    for (std::size_t i = 0; i != text.size(); ++i) {
        if (!validator.feed(std::string_view(text).substr(i, 1))) return i;
    }
    return text.size();
}

}  // namespace

TEST_CASE("every code point but the surrogates is valid", "[websocket]") {
    for (std::uint32_t point = 0; point != 0x120000; ++point) {
        const bool expected = point < 0xD800 || (point > 0xDFFF && point < 0x110000);
        if (is_utf8(encode(point)) != expected) FAIL("code point " << point);
    }
}

TEST_CASE("all two-byte and three-byte strings are judged as by their definition", "[websocket]") {
    std::vector<bool> pairs(0x10000), triples(0x1000000);
    for (std::uint32_t point = 0; point != 0x10000; ++point) {
        if (point >= 0xD800 && point <= 0xDFFF) continue;
        const std::string text = encode(point);
        const auto byte = [&](std::size_t i) {
            return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
        };
        if (text.size() == 2) pairs[byte(0) << 8 | byte(1)] = true;
        if (text.size() == 3) triples[byte(0) << 16 | byte(1) << 8 | byte(2)] = true;
    }
    for (std::uint32_t a = 0x80; a != 0x100; ++a) {
        for (std::uint32_t b = 0; b != 0x100; ++b) {
            const std::string two{static_cast<char>(a), static_cast<char>(b)};
            if (is_utf8(two) != pairs[a << 8 | b]) FAIL(a << " " << b);
            if (a < 0xE0) continue;
            for (std::uint32_t c = 0; c != 0x100; ++c) {
                if (is_utf8(two + static_cast<char>(c)) != triples[a << 16 | b << 8 | c]) {
                    FAIL(a << " " << b << " " << c);
                }
            }
        }
    }
}

TEST_CASE("an error shows at the first byte that cannot be right", "[websocket]") {
    CHECK(first_error(hex("80")) == 0);     // a continuation first
    CHECK(first_error(hex("c0 af")) == 0);  // overlong, two bytes
    CHECK(first_error(hex("c1 bf")) == 0);
    CHECK(first_error(hex("e0 80 af")) == 1);  // overlong, three bytes
    CHECK(first_error(hex("e0 9f bf")) == 1);
    CHECK(first_error(hex("f0 80 80 af")) == 1);  // overlong, four bytes
    CHECK(first_error(hex("f0 8f bf bf")) == 1);
    CHECK(first_error(hex("ed a0 80")) == 1);     // the first surrogate
    CHECK(first_error(hex("ed bf bf")) == 1);     // the last one
    CHECK(first_error(hex("f4 90 80 80")) == 1);  // U+110000
    CHECK(first_error(hex("f5 80 80 80")) == 0);
    CHECK(first_error(hex("f8 88 80 80 80")) == 0);     // five bytes
    CHECK(first_error(hex("fc 84 80 80 80 80")) == 0);  // six bytes
    CHECK(first_error(hex("fe")) == 0);
    CHECK(first_error(hex("ff")) == 0);
    CHECK(first_error(hex("e2 82 41")) == 2);                                       // a character cut short
    CHECK(first_error(hex("ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80")) == 12);  // Autobahn 6.4.1
}

TEST_CASE("a text that stops inside a character is valid so far and not complete", "[websocket]") {
    for (const std::string& start : {hex("c3"), hex("e2 82"), hex("f0 9f 98"), "abc" + hex("f4")}) {
        utf8_validator validator;
        CHECK(validator.feed(start));
        CHECK_FALSE(validator.complete());
        CHECK_FALSE(is_utf8(start));
    }
    CHECK(is_utf8(""));
}

TEST_CASE("the fast path over ASCII misses nothing at any position", "[websocket]") {
    for (std::size_t size = 1; size != 100; ++size) {
        for (std::size_t at = 0; at != size; ++at) {
            std::string text(size, 'a');
            if (!is_utf8(text)) FAIL("ASCII of " << size << " bytes refused");
            text[at] = '\x80';
            if (is_utf8(text)) FAIL("bad byte at " << at << " of " << size << " accepted");
        }
    }
}

TEST_CASE("the result does not depend on how a text is cut", "[websocket]") {
    const std::string good = wire::some_text(400);
    std::string bad = good;
    bad[300] = '\xFF';
    for (const std::string& text : {good, bad}) {
        for (const std::vector<std::string>& pieces : wire::cuts(text)) {
            utf8_validator validator;
            bool valid = true;
            for (const std::string& piece : pieces)
                valid = validator.feed(piece);
            CHECK(valid == (text == good));
            CHECK(validator.complete() == (text == good));
        }
    }
}

TEST_CASE("an invalid text stays invalid until the validator is reset", "[websocket]") {
    utf8_validator validator;
    CHECK_FALSE(validator.feed(hex("ff")));
    CHECK_FALSE(validator.feed("fine"));
    validator.reset();
    CHECK(validator.feed("fine"));
    CHECK(validator.complete());
}
