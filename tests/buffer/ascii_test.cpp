// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/ascii.hpp>

#include <string>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("each of the 256 bytes has the class and case that ASCII gives it", "[buffer]") {
    const std::string upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const std::string lower = "abcdefghijklmnopqrstuvwxyz";
    const auto has = [](const std::string& text, char c) { return text.find(c) != std::string::npos; };
    for (int code = 0; code < 256; ++code) {
        CAPTURE(code);
        const char c = static_cast<char>(code);
        CHECK(detail::is_upper(c) == has(upper, c));
        CHECK(detail::is_lower(c) == has(lower, c));
        CHECK(detail::is_alpha(c) == (has(upper, c) || has(lower, c)));
        CHECK(detail::is_digit(c) == has("0123456789", c));
        CHECK(detail::is_alnum(c) == (has("0123456789", c) || has(upper, c) || has(lower, c)));
        CHECK(detail::is_space(c) == has(" \t\n\v\f\r", c));
        CHECK(detail::is_ascii(c) == (code < 128));
        CHECK(detail::to_upper(c) == (has(lower, c) ? upper[lower.find(c)] : c));
        CHECK(detail::to_lower(c) == (has(upper, c) ? lower[upper.find(c)] : c));
        CHECK(detail::swap_case(c) == (has(upper, c)   ? detail::to_lower(c)
                                       : has(lower, c) ? detail::to_upper(c)
                                                       : c));
    }
}

TEST_CASE("case is changed for letters of ASCII only", "[buffer]") {
    CHECK(bytes_view("abC1\xe4").upper() == "ABC1\xe4");
    CHECK(bytes_view("ABc1\xc4").lower() == "abc1\xc4");
    CHECK(bytes_view("aBc").swapcase() == "AbC");
    CHECK(bytes_view("hELLO wORLD").capitalize() == "Hello world");
    CHECK(bytes_view("1ab").capitalize() == "1ab");
    CHECK(bytes_view().capitalize().empty());
    CHECK(bytes_view("they're bill's 1st").title() == "They'Re Bill'S 1St");
    CHECK(bytes_view("a\0b").upper() == bytes_view("A\0B"));
}

TEST_CASE("case is changed in bytes of every length", "[buffer]") {
    std::string text;
    std::string upper;
    for (int i = 0; i < 150; ++i) {
        REQUIRE(bytes_view(text).upper() == upper);
        REQUIRE(bytes_view(upper).lower() == text);
        text += static_cast<char>('a' + i % 26);
        upper += static_cast<char>('A' + i % 26);
    }
}

TEST_CASE("predicates hold for all bytes of a class, and for none when there are no bytes", "[buffer]") {
    CHECK(bytes_view("abC").isalpha());
    CHECK_FALSE(bytes_view("ab1").isalpha());
    CHECK(bytes_view("0123").isdigit());
    CHECK_FALSE(bytes_view("\xb2").isdigit());
    CHECK(bytes_view("a1").isalnum());
    CHECK(bytes_view(" \t\n\r\v\f").isspace());
    CHECK_FALSE(bytes_view("\x1c").isspace());
    const bytes_view none;
    CHECK_FALSE((none.isalpha() || none.isdigit() || none.isalnum() || none.isspace() || none.islower() ||
                 none.isupper() || none.istitle()));
    CHECK(none.isascii());
    CHECK(bytes_view("a1 b").islower());
    CHECK_FALSE(bytes_view("1 ").islower());
    CHECK_FALSE(bytes_view("aB").isupper());
    CHECK(bytes_view("A1").isupper());
}

TEST_CASE("a title has upper case at the start of each word and nowhere else", "[buffer]") {
    CHECK(bytes_view("1A").istitle());
    CHECK_FALSE(bytes_view("A1b").istitle());
    CHECK_FALSE(bytes_view("HeLLo").istitle());
    CHECK(bytes_view("Hello World").istitle());
    CHECK_FALSE(bytes_view("123").istitle());
}

TEST_CASE("bytes above 0x7f are found wherever they stand", "[buffer]") {
    for (std::size_t size = 0; size < 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            std::string text(size, 'a');
            CHECK(bytes_view(text).isascii());
            text[at] = '\x80';
            CHECK_FALSE(bytes_view(text).isascii());
            CHECK(detail::ascii_prefix(text) == at);
        }
    }
}
