// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/replace.hpp>

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("occurrences are replaced from the left, up to a count", "[buffer]") {
    CHECK(bytes_view("aXbXc").replace("X", "--") == "a--b--c");
    CHECK(bytes_view("aXbXc").replace("X", "-", 1) == "a-bXc");
    CHECK(bytes_view("aXbXc").replace("X", "-") == "a-b-c");
    CHECK(bytes_view("aXbXc").replace("X", "-", 0) == "aXbXc");
    CHECK(bytes_view("aXbXc").replace("X", "-", 99) == "a-b-c");
    CHECK(bytes_view("aaa").replace("aa", "b") == "ba");
    CHECK(bytes_view("abab").replace("ab", "") == "");
    CHECK(bytes_view("abc").replace("x", "y") == "abc");
    CHECK(bytes_view("").replace("x", "y").empty());
    CHECK(bytes_view("a\0a").replace(bytes_view("\0", 1), "00") == "a00a");
}

TEST_CASE("an empty sequence is before each byte and at the end", "[buffer]") {
    CHECK(bytes_view("aaa").replace("", "-", 2) == "-a-aa");
    CHECK(bytes_view("ab").replace("", "-") == "-a-b-");
    CHECK(bytes_view("ab").replace("", "-", 3) == "-a-b-");
    CHECK(bytes_view("").replace("", "new") == "new");
    CHECK(bytes_view("").replace("", "new", 0).empty());
    CHECK(bytes_view("ab").replace("", "") == "ab");
}

TEST_CASE("bytes can be replaced by themselves or by parts of themselves", "[buffer]") {
    bytearray bytes("abcabc");
    CHECK(bytes.replace(bytes, bytes) == "abcabc");
    CHECK(bytes.replace(bytes, bytes.slice(0, 2)) == "ab");
    bytes = bytes.replace(bytes.slice(0, 1), bytes);
    CHECK(bytes == "abcabcbcabcabcbc");
    const bytearray copy = bytes_view("same").replace("x", "y");
    CHECK(copy == "same");
}

TEST_CASE("bytes are translated by a table after some were removed", "[buffer]") {
    const translation_table table = bytes_view::maketrans("abc", "xyz");
    CHECK(bytes_view("aabbcd").translate(table) == "xxyyzd");
    CHECK(bytes_view("aabbcd").translate(table, "b") == "xxzd");
    CHECK(bytes_view("aabbcd").translate(std::nullopt, "ad") == "bbc");
    CHECK(bytes_view("").translate(table).empty());
    CHECK_THROWS_AS(bytes_view("a").translate("short"), std::invalid_argument);
    CHECK_THROWS_AS(bytes_view("a").translate(""), std::invalid_argument);
    CHECK_THROWS_AS(bytes_view::maketrans("ab", "x"), std::invalid_argument);
    CHECK(bytes_view::maketrans("aa", "xy")['a'] == std::byte{'y'});
    CHECK(bytes_view::maketrans("\xff",
                                "\0"
                                "")[0xff] == std::byte{0});
}

TEST_CASE("bytes are repeated, and not more often than memory allows", "[buffer]") {
    CHECK(bytes_view("ab").repeat(3) == "ababab");
    CHECK(bytes_view("ab").repeat(0).empty());
    CHECK(bytes_view("ab").repeat(-5).empty());
    CHECK(bytes_view("").repeat(std::numeric_limits<std::ptrdiff_t>::max()).empty());
    CHECK_THROWS_AS(bytes_view("ab").repeat(std::numeric_limits<std::ptrdiff_t>::max()), std::length_error);
    std::string model;
    for (std::ptrdiff_t count = 1; count < 40; ++count) {
        model += "abc";
        CHECK(bytes_view("abc").repeat(count) == model);
    }
    bytearray bytes("xy");
    bytes *= 3;
    CHECK(bytes == "xyxyxy");
    bytes *= 0;
    CHECK(bytes.empty());
}
