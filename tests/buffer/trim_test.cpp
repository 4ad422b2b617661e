// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/trim.hpp>

#include <type_traits>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("white space or a set of bytes is stripped from one or both ends", "[buffer]") {
    CHECK(bytes_view(" \t a b\r\n\v\f").strip() == "a b");
    CHECK(bytes_view("  a ").lstrip() == "a ");
    CHECK(bytes_view("  a ").rstrip() == "  a");
    CHECK(bytes_view("\x1c"
                     "a")
              .strip()
              .size() == 2);
    CHECK(bytes_view("xyaxbyx").strip("xy") == "axb");
    CHECK(bytes_view("xyaxbyx").lstrip("yx") == "axbyx");
    CHECK(bytes_view("xyaxbyx").rstrip("yx") == "xyaxb");
    CHECK(bytes_view("\0a\0").strip(bytes_view("\0", 1)) == "a");
    CHECK(bytes_view(" a ").strip("") == " a ");
    CHECK(bytes_view("   ").strip().empty());
    CHECK(bytes_view().strip().empty());
    CHECK(bytes_view("aa").strip("a").empty());
}

TEST_CASE("a prefix or suffix is removed once", "[buffer]") {
    CHECK(bytes_view("ababc").removeprefix("ab") == "abc");
    CHECK(bytes_view("ababc").removeprefix("b") == "ababc");
    CHECK(bytes_view("cabab").removesuffix("ab") == "cab");
    CHECK(bytes_view("abc").removeprefix("") == "abc");
    CHECK(bytes_view("abc").removesuffix("") == "abc");
    CHECK(bytes_view("abc").removesuffix("abc").empty());
    CHECK(bytes_view("abc").removeprefix("abcd") == "abc");
}

TEST_CASE("what is stripped is a view of the source, and a copy when the source is temporary", "[buffer]") {
    bytearray bytes("  content  ");
    CHECK(bytes.strip().data() == bytes.data() + 2);
    static_assert(std::is_same_v<decltype(bytes.strip()), bytes_view>);
    static_assert(std::is_same_v<decltype(std::move(bytes).strip()), bytearray>);
    static_assert(std::is_same_v<decltype(bytearray().removeprefix("")), bytearray>);
    static_assert(std::is_same_v<decltype(bytes_view().strip()), bytes_view>);
    bytes = bytes.strip();
    CHECK(bytes == "content");
}
