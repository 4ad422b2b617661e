// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/split.hpp>

#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

using strings = std::vector<std::string>;

template <class Parts>
strings listed(const Parts& parts) {
    strings result;
    for (const auto& part : parts)
        result.emplace_back(part.str());
    return result;
}

constexpr auto none = std::nullopt;

}  // namespace

TEST_CASE("split without a separator gives fields and keeps the end of what is left", "[buffer]") {
    const bytes_view bytes = "  a b  c  ";
    CHECK(listed(bytes.split()) == strings{"a", "b", "c"});
    CHECK(listed(bytes.split(none, 1)) == strings{"a", "b  c  "});
    CHECK(listed(bytes.split(none, 0)) == strings{"a b  c  "});
    CHECK(listed(bytes.split(none, 3)) == strings{"a", "b", "c"});
    CHECK(listed(bytes.split(none, 2)) == strings{"a", "b", "c  "});
    CHECK(listed(bytes_view("").split()) == strings{});
    CHECK(listed(bytes_view(" \t\n\r\v\f").split(none, 0)) == strings{});
    CHECK(listed(bytes_view("a\x1c"
                            "b")
                     .split())
              .size() == 1);
}

TEST_CASE("rsplit without a separator keeps the start of what is left", "[buffer]") {
    const bytes_view bytes = "  a b  c  ";
    CHECK(listed(bytes.rsplit()) == strings{"a", "b", "c"});
    CHECK(listed(bytes.rsplit(none, 1)) == strings{"  a b", "c"});
    CHECK(listed(bytes.rsplit(none, 0)) == strings{"  a b  c"});
    CHECK(listed(bytes_view("").rsplit()) == strings{});
    CHECK(listed(bytes_view("   ").rsplit(none, 1)) == strings{});
}

TEST_CASE("split at a separator keeps empty parts", "[buffer]") {
    CHECK(listed(bytes_view("").split(",")) == strings{""});
    CHECK(listed(bytes_view("a,b,,c").split(",")) == strings{"a", "b", "", "c"});
    CHECK(listed(bytes_view("a,b,,c").split(",", 1)) == strings{"a", "b,,c"});
    CHECK(listed(bytes_view("a,b").split(",", 0)) == strings{"a,b"});
    CHECK(listed(bytes_view("aaa").split("aa")) == strings{"", "a"});
    CHECK(listed(bytes_view("aaa").rsplit("aa")) == strings{"a", ""});
    CHECK(listed(bytes_view("a,b,,c").rsplit(",", 2)) == strings{"a,b", "", "c"});
    CHECK(listed(bytes_view("a--b-c").split("--")) == strings{"a", "b-c"});
    CHECK(listed(bytes_view("a\0b").split(bytes_view("\0", 1))) == strings{"a", "b"});
    CHECK(listed(bytes_view("a,b").split(",", std::numeric_limits<std::ptrdiff_t>::min())) ==
          strings{"a", "b"});
}

TEST_CASE("an empty separator is refused by every method that takes one", "[buffer]") {
    const bytes_view bytes = "abc";
    CHECK_THROWS_AS(bytes.split(""), std::invalid_argument);
    CHECK_THROWS_AS(bytes.rsplit(""), std::invalid_argument);
    CHECK_THROWS_AS(bytes.partition(""), std::invalid_argument);
    CHECK_THROWS_AS(bytes.rpartition(""), std::invalid_argument);
}

TEST_CASE("lines are split with or without their ends", "[buffer]") {
    CHECK(listed(bytes_view("a\nb\r\nc\rd").splitlines()) == strings{"a", "b", "c", "d"});
    CHECK(listed(bytes_view("a\nb\r\nc\rd").splitlines(true)) == strings{"a\n", "b\r\n", "c\r", "d"});
    CHECK(listed(bytes_view("").splitlines()) == strings{});
    CHECK(listed(bytes_view("\n").splitlines()) == strings{""});
    CHECK(listed(bytes_view("\n").splitlines(true)) == strings{"\n"});
    CHECK(listed(bytes_view("a\n\r").splitlines()) == strings{"a", ""});
    CHECK(listed(bytes_view("a\v\f\x1c\x85z").splitlines()) == strings{"a\v\f\x1c\x85z"});
}

TEST_CASE("partition gives what is before, at and behind a separator", "[buffer]") {
    CHECK(listed(bytes_view("a=b=c").partition("=")) == strings{"a", "=", "b=c"});
    CHECK(listed(bytes_view("a=b=c").rpartition("=")) == strings{"a=b", "=", "c"});
    CHECK(listed(bytes_view("abc").partition("=")) == strings{"abc", "", ""});
    CHECK(listed(bytes_view("abc").rpartition("=")) == strings{"", "", "abc"});
    CHECK(listed(bytes_view("").partition("=")) == strings{"", "", ""});
}

TEST_CASE("parts are views of the source, and copies when the source is temporary", "[buffer]") {
    bytearray bytes("one,two");
    CHECK(bytes.split(",")[1].data() == bytes.data() + 4);
    static_assert(std::is_same_v<decltype(bytes.split(",")), std::vector<bytes_view>>);
    static_assert(std::is_same_v<decltype(std::move(bytes).split(",")), std::vector<bytearray>>);
    static_assert(std::is_same_v<decltype(std::move(bytes).split()), std::vector<bytearray>>);
    static_assert(std::is_same_v<decltype(std::move(bytes).partition(",")), std::array<bytearray, 3>>);
    static_assert(std::is_same_v<decltype(bytes_view().split(",")), std::vector<bytes_view>>);
    const auto make = [] { return bytearray("a long content that does not fit inline, with a comma"); };
    CHECK(listed(make().split(", ")) == strings{"a long content that does not fit inline", "with a comma"});
    CHECK(listed(make().splitlines()).size() == 1);
    CHECK(listed(make().rsplit(none, 1))[1] == "comma");
    CHECK(listed(make().rsplit("a ", 1))[1] == "comma");
    CHECK(listed(make().rpartition(" "))[2] == "comma");
}

TEST_CASE("joining puts the bytes between the items", "[buffer]") {
    CHECK(bytes_view(", ").join({"a", "b", "c"}) == "a, b, c");
    CHECK(bytes_view(", ").join({"a"}) == "a");
    CHECK(bytes_view(", ").join({}).empty());
    CHECK(bytes_view("").join(strings{"a", "", "b"}) == "ab");
    const std::vector<bytearray> items = {bytearray("x"), bytearray("y")};
    CHECK(bytearray("-").join(items) == "x-y");
    const bytes_view text = "a,b,,c";
    CHECK(bytes_view(",").join(text.split(",")) == text);
}
