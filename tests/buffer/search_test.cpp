// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/search.hpp>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

constexpr std::size_t npos = bytes_view::npos;

}  // namespace

TEST_CASE("find and rfind look in a range and give the lowest and the highest position", "[buffer]") {
    const bytes_view bytes = "abcabc";
    CHECK(bytes.find("c", -2) == 5);
    CHECK(bytes.find("bc", 2, 5) == npos);
    CHECK(bytes.find("bc", 2, 6) == 4);
    CHECK(bytes.rfind("abc") == 3);
    CHECK(bytes.rfind("abc", 0, 5) == 0);
    CHECK(bytes.rfind('c', 0, -1) == 2);
    CHECK(bytes.rfind(97) == 3);
    CHECK(bytes.find("abcabcd") == npos);
    CHECK(bytes.rfind("abcabcd") == npos);
    CHECK(bytes_view("a\0b\0").rfind('\0') == 3);
    CHECK(bytes_view().rfind('a') == npos);
    CHECK_THROWS_AS(bytes.find(256), std::invalid_argument);
}

TEST_CASE("an empty sequence is found at each end of a range that exists", "[buffer]") {
    const bytes_view bytes = "abc";
    CHECK(bytes.find("", 3) == 3);
    CHECK(bytes.find("", 4) == npos);
    CHECK(bytes.find("", 2, 1) == npos);
    CHECK(bytes.rfind("", 0, 2) == 2);
    CHECK(bytes.rfind("", 0, 99) == 3);
    CHECK(bytes.rfind("", 4) == npos);
    CHECK(bytes.count("") == 4);
    CHECK(bytes.count("", 3) == 1);
    CHECK(bytes.count("", 4) == 0);
    CHECK(bytes.count("", 2, 1) == 0);
    CHECK(bytes_view().count("") == 1);
}

TEST_CASE("index and rindex refuse what is not there", "[buffer]") {
    const bytes_view bytes = "abcabc";
    CHECK(bytes.index("c") == 2);
    CHECK(bytes.rindex('c') == 5);
    CHECK_THROWS_AS(bytes.index("x"), std::invalid_argument);
    CHECK_THROWS_AS(bytes.rindex('x'), std::invalid_argument);
    CHECK_THROWS_AS(bytes.index("a", 4), std::invalid_argument);
}

TEST_CASE("matches are counted without overlap", "[buffer]") {
    CHECK(bytes_view("aaaa").count("aa") == 2);
    CHECK(bytes_view("aaaaa").count("aa") == 2);
    CHECK(bytes_view("aXbXc").count('X', 2) == 1);
    CHECK(bytes_view("a\0b\0").count('\0') == 2);
}

TEST_CASE("bytes start and end with one of several prefixes within a range", "[buffer]") {
    const bytes_view bytes = "abcdef";
    CHECK(bytes.startswith("bc", 1));
    CHECK_FALSE(bytes.startswith("bc", 1, 2));
    CHECK(bytes.startswith({"x", "ab"}));
    CHECK_FALSE(bytes.startswith({"x", "y"}));
    CHECK_FALSE(bytes.startswith(std::initializer_list<bytes_view>{}));
    CHECK(bytes.startswith(std::vector<std::string>{"x", "abc"}));
    CHECK_FALSE(bytes.endswith(std::vector<bytes_view>()));
    CHECK(bytes.startswith(std::string("abc")));
    CHECK(bytes.startswith("", 6));
    CHECK_FALSE(bytes.startswith("", 7));
    CHECK(bytes.endswith("de", 0, -1));
    CHECK(bytes.endswith({"x", "ef"}, 2));
    CHECK_FALSE(bytes.endswith("ef", 5));
    CHECK(bytes.endswith("", 6));
    CHECK_FALSE(bytes.endswith("", 7));
    CHECK(bytes.contains(""));
    CHECK(bytes.contains('f'));
    CHECK_FALSE(bytes.contains("fa"));
}

TEST_CASE("searches agree with std::string on few letters, where wrong beginnings are many", "[buffer]") {
    std::mt19937 random(31);
    const auto draw = [&](std::size_t longest, unsigned letters) {
        std::string text(random() % (longest + 1), '\0');
        for (char& c : text)
            c = static_cast<char>('a' + random() % letters);
        return text;
    };
    for (int round = 0; round < 20000; ++round) {
        const auto letters = static_cast<unsigned>(1 + random() % 3);
        const std::string text = draw(round % 8 == 0 ? 600 : 40, letters);
        const std::string wanted = draw(random() % 2 == 0 ? 3 : 30, letters);
        const std::size_t from = random() % 45;
        CAPTURE(text, wanted, from);
        REQUIRE(detail::find_bytes(text, wanted, from) == text.find(wanted, from));
        REQUIRE(detail::rfind_bytes(text, wanted) == text.rfind(wanted));
        std::size_t count = 0;
        if (!wanted.empty()) {
            for (std::size_t at = 0; (at = text.find(wanted, at)) != npos; at += wanted.size())
                ++count;
            REQUIRE(detail::count_bytes(text, wanted) == count);
            REQUIRE(detail::count_bytes(text, wanted, 2) == std::min<std::size_t>(count, 2));
        }
    }
}

TEST_CASE("a search through the worst bytes takes time in proportion to their number", "[buffer]") {
    // Half a megabyte against a quarter: 30 000 million comparisons if each place were tried.
    const std::string text(500'000, 'a');
    const std::string wanted = std::string(125'000, 'a') + 'b' + std::string(125'000, 'a');
    const auto begin = std::chrono::steady_clock::now();
    CHECK(bytes_view(text).find(wanted) == npos);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(200));
}
