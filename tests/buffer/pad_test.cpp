// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/pad.hpp>

#include <cstddef>
#include <limits>
#include <stdexcept>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

constexpr std::ptrdiff_t most = std::numeric_limits<std::ptrdiff_t>::max();

}  // namespace

TEST_CASE("bytes are filled up to a width on either side or both", "[buffer]") {
    CHECK(bytes_view("abc").center(6, '*') == "*abc**");
    CHECK(bytes_view("ab").center(5, '*') == "**ab*");
    CHECK(bytes_view("ab").center(3, '*') == "*ab");
    CHECK(bytes_view("abc").ljust(5) == "abc  ");
    CHECK(bytes_view("abc").rjust(5, '-') == "--abc");
    CHECK(bytes_view("abc").center(3) == "abc");
    CHECK(bytes_view("abc").ljust(-1) == "abc");
    CHECK(bytes_view("").rjust(2, '\0') == bytes_view("\0\0"));
}

TEST_CASE("zeros stand behind a sign", "[buffer]") {
    CHECK(bytes_view("-42").zfill(5) == "-0042");
    CHECK(bytes_view("+42").zfill(5) == "+0042");
    CHECK(bytes_view("").zfill(3) == "000");
    CHECK(bytes_view("-").zfill(3) == "-00");
    CHECK(bytes_view("--4").zfill(5) == "-00-4");
    CHECK(bytes_view("42").zfill(1) == "42");
}

TEST_CASE("tabs go to the next stop, counted from the start of the line", "[buffer]") {
    CHECK(bytes_view("a\tb").expandtabs() == "a       b");
    CHECK(bytes_view("abc\tb").expandtabs(4) == "abc b");
    CHECK(bytes_view("abcd\tb").expandtabs(4) == "abcd    b");
    CHECK(bytes_view("ab\n\tc\r\td").expandtabs(4) == "ab\n    c\r    d");
    CHECK(bytes_view("a\tb").expandtabs(0) == "ab");
    CHECK(bytes_view("a\tb").expandtabs(-3) == "ab");
    CHECK(bytes_view("\t\t").expandtabs(2) == "    ");
    CHECK(bytes_view("").expandtabs().empty());
}

TEST_CASE("a result that no object can hold is refused", "[buffer]") {
    CHECK_THROWS_AS(bytes_view("ab\n\t").expandtabs(most), std::length_error);
    CHECK(bytes_view("ab\n\t").expandtabs(-most) == "ab\n");
    CHECK(bytes_view("ab").center(-most) == "ab");
}
