// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/decode.hpp>

#include <string>
#include <string_view>
#include <type_traits>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

// The error of strict decoding as "start-end reason", or the text.
std::string strict(bytes_view bytes, text_encoding encoding = text_encoding::utf_8) {
    try {
        return bytes.decode(encoding);
    } catch (const decode_error& error) {
        return std::to_string(error.start()) + "-" + std::to_string(error.end()) + " " + error.reason();
    }
}

std::string replaced(bytes_view bytes) {
    return bytearray(bytes_view(bytes.decode(text_encoding::utf_8, decode_errors::replace)))
        .replace("\xEF\xBF\xBD", "?")
        .decode();
}

static_assert(std::is_base_of_v<std::invalid_argument, decode_error> &&
              std::is_nothrow_copy_constructible_v<decode_error>);

}  // namespace

TEST_CASE("valid UTF-8 is the text, whatever its length", "[buffer]") {
    for (const std::string_view text :
         {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
          "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        CHECK(bytes_view(text).decode() == text);
        const std::string longer =
            "some ASCII in front " + std::string(text) + " and behind, 8 bytes and more";
        CHECK(bytes_view(longer).decode() == longer);
    }
    CHECK(bytes_view("a\0b").decode() == std::string("a\0b", 3));
}

TEST_CASE("what is not UTF-8 is refused with its place and reason", "[buffer]") {
    CHECK(strict("\x80") == "0-1 invalid start byte");
    CHECK(strict("ab\xff") == "2-3 invalid start byte");
    CHECK(strict("\xc0\x80") == "0-1 invalid start byte");
    CHECK(strict("\xf5\x80\x80\x80") == "0-1 invalid start byte");
    CHECK(strict("\xc3") == "0-1 unexpected end of data");
    CHECK(strict("\xe2\x82") == "0-2 unexpected end of data");
    CHECK(strict("\xf0\x9f\x98") == "0-3 unexpected end of data");
    CHECK(strict("\xc3(") == "0-1 invalid continuation byte");
    CHECK(strict("\xe2\x82(") == "0-2 invalid continuation byte");
    CHECK(strict("\xf0\x9f\x98(") == "0-3 invalid continuation byte");
    CHECK(strict("\xe0\x9f\xbf") == "0-1 invalid continuation byte");  // overlong
    CHECK(strict("\xed\xa0\x80") == "0-1 invalid continuation byte");  // a surrogate
    CHECK(strict("\xf0\x8f\xbf\xbf") == "0-1 invalid continuation byte");
    CHECK(strict("\xf4\x90\x80\x80") == "0-1 invalid continuation byte");  // beyond U+10FFFF
    CHECK(strict("\xe0\x80") == "0-1 invalid continuation byte");
}

TEST_CASE("the error has the text that Python gives it", "[buffer]") {
    const auto text_of = [](bytes_view bytes, text_encoding encoding) -> std::string {
        try {
            return bytes.decode(encoding);
        } catch (const decode_error& error) {
            return error.what();
        }
    };
    CHECK(text_of("ab\xff", text_encoding::utf_8) ==
          "'utf-8' codec can't decode byte 0xff in position 2: invalid start byte");
    CHECK(text_of("a\xe2\x82", text_encoding::utf_8) ==
          "'utf-8' codec can't decode bytes in position 1-2: unexpected end of data");
    CHECK(text_of("a\x80", text_encoding::ascii) ==
          "'ascii' codec can't decode byte 0x80 in position 1: ordinal not in range(128)");
}

TEST_CASE("each fault is the longest part that could have begun a character", "[buffer]") {
    // The Unicode standard, 3.9, table 3-8 and its neighbours.
    CHECK(replaced("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64") == "a???b?c??d");
    CHECK(replaced("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41") == "????????A");
    CHECK(replaced("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41") == "????????A");
    CHECK(replaced("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42") == "?????A??B");
    CHECK(replaced("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == "????A");
}

TEST_CASE("faults are left out, or written with their values, when asked for", "[buffer]") {
    const bytes_view bytes = "a\xe2\x82z\xff";
    CHECK(bytes.decode(text_encoding::utf_8, decode_errors::ignore) == "az");
    CHECK(bytes.decode(text_encoding::utf_8, decode_errors::backslashreplace) == "a\\xe2\\x82z\\xff");
    CHECK(bytes.decode(text_encoding::ascii, decode_errors::ignore) == "az");
    CHECK(bytes.decode(text_encoding::ascii, decode_errors::replace) ==
          "a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD");
}

TEST_CASE("Latin-1 has a character for every byte", "[buffer]") {
    std::string all;
    std::string expected;
    for (int code = 0; code < 256; ++code) {
        all += static_cast<char>(code);
        if (code < 128) {
            expected += static_cast<char>(code);
        } else {
            expected += static_cast<char>(code < 192 ? 0xC2 : 0xC3);
            expected += static_cast<char>(code < 192 ? code : code - 64);
        }
    }
    CHECK(bytes_view(all).decode(text_encoding::latin_1) == expected);
    CHECK(bytes_view(expected).decode() == expected);
}
