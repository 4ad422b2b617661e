// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/hex.hpp>

#include <cstddef>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using namespace aioxx;

namespace {

std::string complaint(bytes_view text) {
    return support::complaint_of<std::invalid_argument>([&] { return bytearray::fromhex(text); });
}

}  // namespace

TEST_CASE("bytes become pairs of digits in groups", "[buffer]") {
    CHECK(bytes_view("\x00\xab\xff").hex() == "00abff");
    CHECK(bytes_view("").hex().empty());
    CHECK(bytes_view("\x01\x02\x03").hex(':') == "01:02:03");
    CHECK(bytes_view("UUDDLRLRAB").hex(' ', 4) == "5555 44444c52 4c524142");
    CHECK(bytes_view("UUDDLRLRAB").hex(' ', -4) == "55554444 4c524c52 4142");
    CHECK(bytes_view("abc").hex('-', 0) == "616263");
    CHECK(bytes_view("abc").hex('-', 3) == "616263");
    CHECK(bytes_view("abc").hex('-', std::numeric_limits<std::ptrdiff_t>::max()) == "616263");
    CHECK(bytes_view("abc").hex('-', std::numeric_limits<std::ptrdiff_t>::min()) == "616263");
    CHECK_THROWS_AS(bytes_view("abc").hex('\x80'), std::invalid_argument);
}

TEST_CASE("digits of both cases become bytes, with white space around the pairs", "[buffer]") {
    CHECK(bytearray::fromhex("00aBFf") == bytes_view("\x00\xab\xff"));
    CHECK(bytearray::fromhex(" 61\t62\n63\r\v\f64 ") == "abcd");
    CHECK(bytearray::fromhex("").empty());
    CHECK(bytearray::fromhex("  ").empty());
    CHECK(bytes_view::fromhex("6162") == "ab");
}

TEST_CASE("what is no pair of digits is refused with its position", "[buffer]") {
    CHECK(complaint("61 6g") == "fromhex: expected a hexadecimal digit at position 4");
    CHECK(complaint("6 1") == "fromhex: expected a hexadecimal digit at position 1");
    CHECK(complaint("616") ==
          "fromhex: expected a hexadecimal digit at position 3, found the end of the text");
    CHECK(complaint("x") == "fromhex: expected a hexadecimal digit at position 0");
    CHECK(complaint(bytes_view("61\0", 3)) == "fromhex: expected a hexadecimal digit at position 2");
    CHECK(complaint("\xb1\xb2") == "fromhex: expected a hexadecimal digit at position 0");
}

TEST_CASE("what hex writes fromhex reads", "[buffer]") {
    std::mt19937 random(17);
    for (int round = 0; round < 500; ++round) {
        std::string text(random() % 70, '\0');
        for (char& c : text)
            c = static_cast<char>(random());
        const auto group = static_cast<std::ptrdiff_t>(random() % 9) - 4;
        REQUIRE(bytearray::fromhex(bytes_view(text).hex(' ', group)) == text);
    }
}
