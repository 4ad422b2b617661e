// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/repr.hpp>

#include <string>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("bytes are shown as a literal, with escapes for what is not printable", "[buffer]") {
    CHECK(bytes_view("abc ~").repr() == "b'abc ~'");
    CHECK(bytes_view("").repr() == "b''");
    CHECK(bytes_view("\t\n\r\\").repr() == R"(b'\t\n\r\\')");
    CHECK(bytes_view("\0\x1f\x7f\x80\xff").repr() == R"(b'\x00\x1f\x7f\x80\xff')");
    CHECK(bytearray("x").repr() == "b'x'");
}

TEST_CASE("double quotes are used when they save an escape", "[buffer]") {
    CHECK(bytes_view("it's").repr() == R"(b"it's")");
    CHECK(bytes_view("\"").repr() == R"(b'"')");
    CHECK(bytes_view("'\"").repr() == R"(b'\'"')");
}
