// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/format_number.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

#include "support/catch.hpp"

using namespace aioxx;
using detail::integer_text;
using detail::real_text;
using detail::wide_integer;

namespace {

#ifdef __SIZEOF_INT128__  // not where words have 32 bits
__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;
#endif

template <class Integer>
std::string digits(Integer value, unsigned radix = 10) {
    const wide_integer number(value);
    return (number.negative ? "-" : "") + std::string(integer_text(number, radix).text());
}

std::string joined(const real_text& text) {
    return std::string(text.mantissa()) + std::string(text.zeros(), '0') + std::string(text.exponent());
}
std::string shown(double value, char type, int precision = -1, bool alternate = false) {
    return joined(real_text(value, type, precision, alternate));
}
std::string repr(double value) {
    return joined(real_text(value));
}

std::string printed(double value, char type, int precision, bool alternate) {
    const char format[] = {'%', alternate ? '#' : '-', '.', '*', type, '\0'};
    char text[2000];
    std::snprintf(text, sizeof(text), format, precision, value);
    return text;
}

// Any finite number, with the sign bit clear.
double any_double(std::mt19937_64& random) {
    for (;;) {
        const auto value = std::bit_cast<double>(random() >> 1);
        if (std::isfinite(value))
            return random() % 2 == 0 ? value : std::ldexp(static_cast<double>(random() >> 40), -12);
    }
}

}  // namespace

TEST_CASE("integers of every width have their digits", "[buffer]") {
    CHECK(digits(0) == "0");
    CHECK(digits(std::int8_t{-128}) == "-128");
    CHECK(digits(std::uint8_t{255}) == "255");
    CHECK(digits(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(digits(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
}

TEST_CASE("integers have digits in octal and hexadecimal", "[buffer]") {
    CHECK(digits(-255, 16) == "-ff");
    CHECK(digits(8, 8) == "10");
    integer_text text(wide_integer(0xa9), 16);
    text.to_upper();
    CHECK(text.text() == "A9");
}

TEST_CASE("an integer becomes the nearest double, half to even", "[buffer]") {
    std::mt19937_64 random(5);
    for (int round = 0; round < 20000; ++round) {
        const std::uint64_t value = random() >> random() % 64;
        REQUIRE(wide_integer(value).to_double() == static_cast<double>(value));
    }
}

#ifdef __SIZEOF_INT128__
TEST_CASE("integers of 128 bits have their digits", "[buffer]") {
    CHECK(digits(static_cast<uint128>(1) << 64) == "18446744073709551616");
    CHECK(digits(~static_cast<uint128>(0)) == "340282366920938463463374607431768211455");
    CHECK(digits(static_cast<int128>(static_cast<uint128>(1) << 127)) ==
          "-170141183460469231731687303715884105728");
    CHECK(digits(static_cast<int128>(-1)) == "-1");
    CHECK(digits(-(static_cast<int128>(1) << 64)) == "-18446744073709551616");
    CHECK(digits(~static_cast<uint128>(0), 16) == std::string(32, 'f'));
    CHECK(digits(~static_cast<uint128>(0), 8) == "3" + std::string(42, '7'));
    CHECK(digits(static_cast<uint128>(1) << 64, 16) == "1" + std::string(16, '0'));
}

TEST_CASE("an integer of 128 bits becomes the nearest double, half to even", "[buffer]") {
    std::mt19937_64 random(5);
    for (int round = 0; round < 20000; ++round) {
        uint128 value = (static_cast<uint128>(random()) << 64 | random()) >> random() % 128;
        // Next to the middle of two doubles, where a second rounding would show.
        if (round % 2 == 0)
            value = (static_cast<uint128>(random() >> 11 | 1) << (random() % 64)) + random() % 3;
        REQUIRE(wide_integer(value).to_double() == static_cast<double>(value));
    }
    CHECK(wide_integer(~static_cast<uint128>(0)).to_double() == std::ldexp(1.0, 128));
    // The middle of two doubles, whose last bit decides far behind the first 64.
    const uint128 middle = static_cast<uint128>((std::uint64_t{1} << 53) + 1) << 70;
    CHECK(wide_integer(middle - 1).to_double() == std::ldexp(1.0, 123));
    CHECK(wide_integer(middle).to_double() == std::ldexp(1.0, 123));
    CHECK(wide_integer(middle + 1).to_double() == std::ldexp(1.0, 123) + std::ldexp(1.0, 71));
}
#endif

TEST_CASE("numbers have the digits of printf with any precision", "[buffer]") {
    std::mt19937_64 random(6);
    for (int round = 0; round < 20000; ++round) {
        const double value = any_double(random);
        const int precision = static_cast<int>(random() % (round % 10 == 0 ? 1200 : 25));
        const bool alternate = random() % 2 == 0;
        const char type = "eEfFgG"[random() % 6];
        CAPTURE(value, precision, alternate, type);
        REQUIRE(shown(value, type, precision, alternate) == printed(value, type, precision, alternate));
    }
}

TEST_CASE("a precision beyond all digits of a number adds zeros only", "[buffer]") {
    const double least = std::numeric_limits<double>::denorm_min();
    const real_text fixed(least, 'f', std::numeric_limits<int>::max(), false);
    CHECK(fixed.mantissa().size() == 2 + 1074);
    CHECK(fixed.zeros() == std::numeric_limits<int>::max() - 1074);
    CHECK(fixed.exponent() == "");
    const real_text scientific(std::numeric_limits<double>::max(), 'e', std::numeric_limits<int>::max(),
                               false);
    CHECK(scientific.zeros() == std::numeric_limits<int>::max() - 1074);
    CHECK(scientific.exponent() == "e+308");
    CHECK(shown(least, 'g', std::numeric_limits<int>::max()).size() == 751 + 1 + 5);
    CHECK(real_text(1.5, 'g', std::numeric_limits<int>::max(), true).zeros() ==
          std::numeric_limits<int>::max() - 1 - 1074);
    CHECK(shown(0, 'f', 1500) == "0." + std::string(1500, '0'));
    CHECK(shown(1, 'e', 1500) == "1." + std::string(1500, '0') + "e+00");
    CHECK(shown(1, 'g', 1500) == "1");
    CHECK(shown(1, 'g', 1500, true) == "1." + std::string(1499, '0'));
}

TEST_CASE("rounding is half to even on the exact binary value", "[buffer]") {
    CHECK(shown(2.675, 'f', 2) == "2.67");
    CHECK(shown(0.5, 'f', 0) == "0");
    CHECK(shown(1.5, 'f', 0) == "2");
    CHECK(shown(2.5, 'f', 0) == "2");
    CHECK(shown(2.5, 'e', 0) == "2e+00");
    CHECK(shown(0.125, 'g', 2) == "0.12");
    CHECK(shown(9.5, 'g', 1) == "1e+01");
    CHECK(shown(999999.5, 'g') == "1e+06");
}

TEST_CASE("infinite numbers and NaN have the case of the type", "[buffer]") {
    for (const char type : {'e', 'f', 'g'}) {
        const char upper = detail::to_upper(type);
        CHECK(shown(std::numeric_limits<double>::infinity(), type) == "inf");
        CHECK(shown(std::numeric_limits<double>::quiet_NaN(), type, 3, true) == "nan");
        CHECK(shown(std::numeric_limits<double>::infinity(), upper) == "INF");
        CHECK(shown(std::numeric_limits<double>::quiet_NaN(), upper) == "NAN");
    }
    CHECK(repr(std::numeric_limits<double>::infinity()) == "inf");
    CHECK(repr(std::numeric_limits<double>::quiet_NaN()) == "nan");
}

TEST_CASE("the repr of a number has a point or an exponent", "[buffer]") {
    CHECK(repr(0) == "0.0");
    CHECK(repr(1) == "1.0");
    CHECK(repr(0.1) == "0.1");
    CHECK(repr(100) == "100.0");
    CHECK(repr(123.456) == "123.456");
    CHECK(repr(0.0001) == "0.0001");
    CHECK(repr(0.00012345) == "0.00012345");
    CHECK(repr(0.00001) == "1e-05");
    CHECK(repr(1.5e-7) == "1.5e-07");
    CHECK(repr(1e15) == "1000000000000000.0");
    CHECK(repr(9999999999999998) == "9999999999999998.0");
    CHECK(repr(1e16) == "1e+16");
    CHECK(repr(1.25e100) == "1.25e+100");
    CHECK(repr(5e-324) == "5e-324");
    CHECK(repr(1.7976931348623157e308) == "1.7976931348623157e+308");
}

TEST_CASE("the repr of a number reads back as the same number", "[buffer]") {
    std::mt19937_64 random(7);
    for (int round = 0; round < 20000; ++round) {
        const double value = any_double(random);
        const std::string text = repr(value);
        CAPTURE(text);
        REQUIRE(std::strtod(text.c_str(), nullptr) == value);
    }
}
