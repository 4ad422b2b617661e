// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/byte_set.hpp>

#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("a set has the bytes it was given, also zeros and those above 0x7f", "[buffer]") {
    const detail::byte_set set(std::string_view("a\0\xff", 3));
    CHECK(set.contains('a'));
    CHECK(set.contains('\0'));
    CHECK(set.contains('\xff'));
    CHECK_FALSE(set.contains('b'));
}

TEST_CASE("an empty set has no byte, and a set of all has each", "[buffer]") {
    std::string all;
    for (int code = 0; code < 256; ++code)
        all += static_cast<char>(code);
    const detail::byte_set full(all);
    const detail::byte_set empty("");
    for (const char c : all) {
        CHECK(full.contains(c));
        CHECK_FALSE(empty.contains(c));
    }
}
