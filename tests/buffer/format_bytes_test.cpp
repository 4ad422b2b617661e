// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/format_bytes.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

#ifdef __SIZEOF_INT128__  // not where words have 32 bits
__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;
#endif

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

// The kind of an error in Python, and its text.
template <class Action>
std::string refusal_of(Action action) {
    try {
        static_cast<void>(action());
    } catch (const format_type_error& error) {
        return std::string("TypeError: ") + error.what();
    } catch (const std::invalid_argument& error) {
        return std::string("ValueError: ") + error.what();
    } catch (const std::overflow_error& error) {
        return std::string("OverflowError: ") + error.what();
    } catch (const std::out_of_range& error) {
        return std::string("KeyError: ") + error.what();
    } catch (const std::length_error& error) {
        return std::string("MemoryError: ") + error.what();
    }
    return "no error";
}
template <class... Args>
std::string refusal(bytes_view format, const Args&... args) {
    return refusal_of([&] { return format_bytes(runtime_format(format), args...); });
}
std::string mapping_refusal(bytes_view format, std::initializer_list<format_item> mapping) {
    return refusal_of([&] { return format_bytes(format, mapping); });
}

struct bytes_of_its_own {
    std::array<unsigned char, 2> content = {'o', 'k'};
    const unsigned char* data() const { return content.data(); }
    std::size_t size() const { return content.size(); }
};

enum class colour { red };

template <class T>
constexpr bool can_be_formatted = format_value<T>;

}  // namespace

TEST_CASE("a format without conversions is copied", "[buffer]") {
    CHECK(format_bytes("") == "");
    CHECK(format_bytes("text") == "text");
    CHECK(format_bytes("100%%") == "100%");
    CHECK(format_bytes("%%%%d") == "%%d");
    CHECK(format_bytes("a\0b") == bytes_view("a\0b"));
    CHECK(format_bytes("a\0%db", 1) == bytes_view("a\0001b"));
}

TEST_CASE("integers are written in decimal", "[buffer]") {
    CHECK(format_bytes("%d %i %u", 1, -2, -3) == "1 -2 -3");
    CHECK(format_bytes("%d%%", 50) == "50%");
    CHECK(format_bytes("%hd %ld %Ld", 1, 2, 3) == "1 2 3");
    CHECK(format_bytes("%d %d", std::numeric_limits<std::int64_t>::min(),
                       std::numeric_limits<std::uint64_t>::max()) ==
          "-9223372036854775808 18446744073709551615");
    CHECK(format_bytes("%d", std::uint8_t{200}) == "200");
    CHECK(format_bytes("%d", std::int8_t{-100}) == "-100");
    CHECK(format_bytes("%d", std::byte{200}) == "200");
    CHECK(format_bytes("%d %d", true, false) == "1 0");
}

TEST_CASE("the precision of an integer is its least number of digits", "[buffer]") {
    CHECK(format_bytes("%5.3d", 7) == "  007");
    CHECK(format_bytes("%.0d", 0) == "0");
    CHECK(format_bytes("%.d", 0) == "0");
    CHECK(format_bytes("%05.3d", 7) == "00007");
    CHECK(format_bytes("%.3d", -7) == "-007");
    CHECK(format_bytes("%-6.3d|", 7) == "007   |");
    CHECK(format_bytes("%.2d", 12345) == "12345");
}

TEST_CASE("flags sign and align an integer", "[buffer]") {
    CHECK(format_bytes("%+d %+d % d % d %+ d % +d", 1, -1, 1, -1, 1, 1) == "+1 -1  1 -1 +1 +1");
    CHECK(format_bytes("%5d|%-5d|%05d", 42, 42, 42) == "   42|42   |00042");
    CHECK(format_bytes("%5d|%-5d|%05d", -42, -42, -42) == "  -42|-42  |-0042");
    CHECK(format_bytes("%-05d|%0-5d|", 42, 42) == "42   |42   |");
    CHECK(format_bytes("%+05d|% 05d", 42, 42) == "+0042| 0042");
    CHECK(format_bytes("%2d", 12345) == "12345");
    CHECK(format_bytes("%#d", 5) == "5");
}

TEST_CASE("integers are written in octal and hexadecimal", "[buffer]") {
    CHECK(format_bytes("%o %x %X", 8, 255, 255) == "10 ff FF");
    CHECK(format_bytes("%#o %#x %#X", 8, 255, 255) == "0o10 0xff 0XFF");
    CHECK(format_bytes("%#o %#x %#X", 0, 0, 0) == "0o0 0x0 0X0");
    CHECK(format_bytes("%x %#x %#o", -255, -255, -8) == "-ff -0xff -0o10");
    CHECK(format_bytes("%#06x|%#.4x|%#8.4x|%-#8x|", 255, 255, 255, 255) ==
          "0x00ff|0x00ff|  0x00ff|0xff    |");
    CHECK(format_bytes("%+#08x|%+#8x", 255, 255) == "+0x000ff|   +0xff");
    CHECK(format_bytes("%#06x", -255) == "-0x0ff");
    CHECK(format_bytes("%-0 +#12x|", -255) == "-0xff       |");
    CHECK(format_bytes("%x %o", true, true) == "1 1");
}

TEST_CASE("a real number as an integer loses its fraction and no digit", "[buffer]") {
    CHECK(format_bytes("%d %i %u", 2.9, -2.9, 0.0) == "2 -2 0");
    CHECK(format_bytes("%d %+d", -0.5, -0.0) == "0 +0");
    CHECK(format_bytes("%d", 1e22) == "10000000000000000000000");
    CHECK(format_bytes("%d", 1e23) == "99999999999999991611392");
    CHECK(format_bytes("%d", -std::ldexp(1.0, 100)) == "-1267650600228229401496703205376");
    CHECK(format_bytes("%d", std::numeric_limits<double>::max()).size() == 309);
    CHECK(format_bytes("%8.3d|%-8d|%08d", 7.5, 7.5, 7.5) == "     007|7       |00000007");
}

TEST_CASE("real numbers are written as printf does", "[buffer]") {
    CHECK(format_bytes("%f %.2f %.0f", 1.0, 2.675, 2.5) == "1.000000 2.67 2");
    CHECK(format_bytes("%e %.2E %.0e", 12345.678, 12345.678, 0.0) == "1.234568e+04 1.23E+04 0e+00");
    CHECK(format_bytes("%g %g %g %g", 100000.0, 1e6, 0.0001, 0.00001) == "100000 1e+06 0.0001 1e-05");
    CHECK(format_bytes("%.0g %.3g %G", 123.0, 1234.5, 1e-10) == "1e+02 1.23e+03 1E-10");
    CHECK(format_bytes("%#.0f %#.0e %#g %#.3g", 1.0, 1.0, 1.0, 1e10) == "1. 1.e+00 1.00000 1.00e+10");
    CHECK(format_bytes("%8.2f|%-8.2f|%08.2f|%+.1f|% .1f", 1.5, 1.5, -1.5, 1.5, 1.5) ==
          "    1.50|1.50    |-0001.50|+1.5| 1.5");
    CHECK(format_bytes("%.1f", -0.0) == "-0.0");
    CHECK(format_bytes("%f %.3f", 3, true) == "3.000000 1.000");
    CHECK(format_bytes("%.1f", 1.5f) == "1.5");
    CHECK(format_bytes("%.1f", 1.5L) == "1.5");
    CHECK(format_bytes("%.1100f", 5e-324).size() == 1102);
}

TEST_CASE("infinite numbers and NaN are padded like numbers", "[buffer]") {
    CHECK(format_bytes("%f %F %e %G", infinity, infinity, -infinity, nan_value) == "inf INF -inf NAN");
    CHECK(format_bytes("%05f|%06.1f|%+f|%+F|% f", infinity, -infinity, infinity, nan_value, nan_value) ==
          "00inf|-00inf|+inf|+NAN| nan");
    CHECK(format_bytes("%f", -nan_value) == "nan");
    CHECK(format_bytes("%-6f|", infinity) == "inf   |");
}

TEST_CASE("c writes one byte", "[buffer]") {
    CHECK(format_bytes("%c%c%c", 'a', 98, "c") == "abc");
    CHECK(format_bytes("%c", 0) == bytes_view("\0"));
    CHECK(format_bytes("%c", 255) == "\xff");
    CHECK(format_bytes("%c", std::byte{0x41}) == "A");
    CHECK(format_bytes("%c", true) == "\x01");
    CHECK(format_bytes("%3c|%-3c|%03c|%.0c", 'x', 'x', 'x', 'x') == "  x|x  |  x|x");
}

TEST_CASE("b and s copy bytes of all types", "[buffer]") {
    const std::string text = "text";
    const std::vector<std::byte> list = {std::byte{'o'}, std::byte{'k'}};
    const char* const pointer = "pointer";
    char field[8] = "name";
    CHECK(format_bytes("%s %b", "a", text) == "a text");
    CHECK(format_bytes("%s%s", list, bytes_of_its_own()) == "okok");
    CHECK(format_bytes("%s %s %s", pointer, field, std::string_view("view")) == "pointer name view");
    CHECK(format_bytes("%s%s", bytearray("x"), bytes_view("y")) == "xy");
    CHECK(format_bytes("%s", 'c') == "c");
    CHECK(format_bytes("%s", "\0zero") == bytes_view("\0zero"));
    CHECK(format_bytes("[%s]", "") == "[]");
    CHECK(format_bytes("%5s|%-5s|%05s|%.1s|%5.1s|%.0s", "ab", "ab", "ab", "ab", "ab", "ab") ==
          "   ab|ab   |   ab|a|    a|");
    CHECK(format_bytes("%+ #s", "ab") == "ab");
}

TEST_CASE("a and r write Python's repr", "[buffer]") {
    CHECK(format_bytes("%a %r", 12, -3) == "12 -3");
    CHECK(format_bytes("%a %a", true, false) == "True False");
    CHECK(format_bytes("%a %a %a %a", 1.0, -0.1, 1e16, 1e-5) == "1.0 -0.1 1e+16 1e-05");
    CHECK(format_bytes("%a %a %a", infinity, -infinity, -nan_value) == "inf -inf nan");
    CHECK(format_bytes("%a", -0.0) == "-0.0");
    CHECK(format_bytes("%a %r", "it's", "a\n\xff\\") == "b\"it's\" b'a\\n\\xff\\\\'");
    CHECK(format_bytes("%a", 'c') == "b'c'");
    CHECK(format_bytes("%a", std::byte{7}) == "7");
    CHECK(format_bytes("%.3a|%6a|%-6a|%06a|%.0a|%+a", true, true, true, true, true, 5) ==
          "Tru|  True|True  |  True||5");
    CHECK(format_bytes("%.2a", -123) == "-1");
}

TEST_CASE("width and precision come from the arguments", "[buffer]") {
    CHECK(format_bytes("%*d|%*d|", 5, 42, -5, 42) == "   42|42   |");
    CHECK(format_bytes("%0*d|%-*d|", 5, 42, -5, 42) == "00042|42   |");
    CHECK(format_bytes("%.*f %.*f", 1, 2.25, -1, 2.5) == "2.2 2");
    CHECK(format_bytes("%*.*s|", 4, 2, "abc") == "  ab|");
    CHECK(format_bytes("%.*d", -3, 7) == "7");
    CHECK(format_bytes("%*d", true, 7) == "7");
    CHECK(format_bytes("%*d", std::byte{3}, 7) == "  7");
}

TEST_CASE("values are found by their keys", "[buffer]") {
    CHECK(format_bytes("%(a)d-%(b)s-%(a)x", {{"a", 10}, {"b", "two"}, {"c", 1.5}}) == "10-two-a");
    CHECK(format_bytes("%(a)-5d|%(a)05.1f%%", {{"a", 10}}) == "10   |010.0%");
    CHECK(format_bytes("%(a(b))d%()d", {{"a(b)", 1}, {"", 2}}) == "12");
    CHECK(format_bytes("%(a)d", {{"a", 1}, {"a", 2}}) == "2");
    CHECK(format_bytes("text%%", {}) == "text%");
    CHECK(format_bytes("text", {{"a", 1}}) == "text");
    CHECK(format_bytes(bytes_view("%(\0\xff)c", 6), {{bytes_view("\0\xff"), 'x'}}) == "x");
    const std::vector<format_item> items = {{"k", 1}, {"l", "two"}};
    CHECK(format_bytes("%(l)s%(k)s", std::vector<format_item>{{"k", "1"}, {"l", "2"}}) == "21");
    CHECK(format_bytes("%(k)d %(l)s", items) == "1 two");
}

TEST_CASE("arguments may be collected when the program runs", "[buffer]") {
    std::vector<format_argument> arguments = {1, 2.5, "three", 'c', true};
    CHECK(format_bytes("%d %.1f %s %c %a", arguments) == "1 2.5 three c True");
    arguments.pop_back();
    CHECK_THROWS_AS(format_bytes("%d %.1f %s %c %a", arguments), format_type_error);
    CHECK(format_bytes("", std::span<const format_argument>()) == "");
    const format_argument copy = arguments[2];
    CHECK(format_bytes("%s", std::span(&copy, 1)) == "three");
}

TEST_CASE("a format may be known only when the program runs", "[buffer]") {
    const std::string format = "%d/%s";
    CHECK(format_bytes(runtime_format(format), 1, "x") == "1/x");
    static constexpr std::string_view constant = "%d:%d";
    CHECK(format_bytes(constant, 1, 2) == "1:2");
    const format_string<int, const char*> kept = "%d %s";
    CHECK(kept.str() == "%d %s");
}

TEST_CASE("what is neither a number nor bytes is no argument", "[buffer]") {
    static_assert(can_be_formatted<int> && can_be_formatted<const bool&> && can_be_formatted<float>);
    static_assert(can_be_formatted<const char(&)[4]> && can_be_formatted<std::vector<unsigned char>>);
    static_assert(!can_be_formatted<wchar_t> && !can_be_formatted<char8_t> && !can_be_formatted<char32_t>);
    static_assert(!can_be_formatted<void*> && !can_be_formatted<std::nullptr_t> && !can_be_formatted<colour>);
    static_assert(!can_be_formatted<std::vector<int>> && !can_be_formatted<format_argument>);
    CHECK(can_be_formatted<std::byte>);
}

TEST_CASE("too few and too many arguments are refused", "[buffer]") {
    CHECK(refusal("%d") ==
          "TypeError: not enough arguments for format string: there are 0, another is needed at index 1");
    CHECK(refusal("%d %d", 1).starts_with("TypeError: not enough arguments for format string: there are 1"));
    CHECK(refusal("%*d", 1).starts_with("TypeError: not enough arguments"));
    CHECK(refusal("%*.*d", 1, 2).starts_with("TypeError: not enough arguments"));
    CHECK(refusal("%5%").starts_with("TypeError: not enough arguments"));
    CHECK(refusal("%q").starts_with("TypeError: not enough arguments"));
    CHECK(refusal("", 1) == "TypeError: not all arguments converted during bytes formatting: 0 of 1");
    CHECK(refusal("%d%%", 1, 2, 3) ==
          "TypeError: not all arguments converted during bytes formatting: 1 of 3");
}

TEST_CASE("an argument of another type is refused", "[buffer]") {
    CHECK(refusal("%d", "x") == "TypeError: %d at index 1 requires a real number, not bytes");
    CHECK(refusal("id %5x", 1.0) == "TypeError: %x at index 5 requires an integer, not float");
    CHECK(refusal("%g", "1") == "TypeError: %g at index 1 requires a real number, not bytes");
    CHECK(refusal("%s", 1) == "TypeError: %s at index 1 requires a bytes-like object, not int");
    CHECK(refusal("%b", true) == "TypeError: %b at index 1 requires a bytes-like object, not bool");
    CHECK(refusal("%c", 65.0) ==
          "TypeError: %c at index 1 requires an integer in range(256) or a single byte, not float");
    CHECK(refusal("%c", "ab") ==
          "TypeError: %c at index 1 requires an integer in range(256) or a single byte, not 2 bytes");
    CHECK(refusal("%c", "").ends_with("not 0 bytes"));
    CHECK(refusal("%*d", 1.0, 1) == "TypeError: * at index 1 requires an integer, not float");
    CHECK(refusal("%.*d", "1", 1) == "TypeError: * at index 2 requires an integer, not bytes");
}

TEST_CASE("a broken format is refused", "[buffer]") {
    CHECK(refusal("%q", 1) == "ValueError: unsupported format character 'q' (0x71) at index 1");
    CHECK(refusal("abc%lld", 1) == "ValueError: unsupported format character 'l' (0x6c) at index 5");
    CHECK(refusal("%5%", 1) == "ValueError: unsupported format character '%' (0x25) at index 2");
    CHECK(refusal("%", 1) == "ValueError: incomplete format: it ends inside the conversion at index 0");
    CHECK(refusal("%*", 1).starts_with("ValueError: incomplete format"));
    CHECK(refusal("%99999999999999999999d", 1) == "ValueError: width too big at index 1");
    CHECK(refusal("%.2147483648d", 1) == "ValueError: precision too big at index 2");
    CHECK(refusal("%(a)d", 1) == "TypeError: format requires a mapping for the key at index 1");
}

TEST_CASE("a number that is too large for its use is refused", "[buffer]") {
    CHECK(refusal("%c", 256) == "OverflowError: %c at index 1: the argument is not in range(256)");
    CHECK(refusal("%c", -1).starts_with("OverflowError"));
    CHECK(refusal("%d", infinity) == "OverflowError: cannot convert float infinity to integer at index 1");
    CHECK(refusal("%i", -infinity).starts_with("OverflowError"));
    CHECK(refusal("%d", nan_value) == "ValueError: cannot convert float NaN to integer at index 1");
    CHECK(refusal("%*d", std::uint64_t{1} << 63, 1) ==
          "OverflowError: the number for the * at index 1 is too large");
    CHECK(refusal("%.*d", std::int64_t{1} << 31, 1) ==
          "OverflowError: the number for the * at index 2 is too large");
    CHECK(refusal("%.*d", -(std::int64_t{1} << 31) - 1, 1).starts_with("OverflowError"));
    CHECK(refusal("%.*d", std::numeric_limits<int>::min(), 1) == "no error");
}

TEST_CASE("a width beyond memory is refused without a wrap of sizes", "[buffer]") {
    const auto most = std::to_string(std::numeric_limits<std::ptrdiff_t>::max());
    CHECK(refusal("x%" + most + "d", 1) ==
          "MemoryError: a bytearray cannot grow from 1 by " + most + " bytes");
    CHECK(refusal("x%-" + most + "s", "y").starts_with("MemoryError"));
    CHECK(refusal("x%0*f", std::numeric_limits<std::ptrdiff_t>::max(), 1.0).starts_with("MemoryError"));
    CHECK(refusal("%*d", std::numeric_limits<std::ptrdiff_t>::min(), 1).starts_with("MemoryError"));
    CHECK(refusal("x%0" + most + ".2147483647d", 1).starts_with("MemoryError"));
    CHECK(refusal("x%#0" + most + ".2147483647g", 1).starts_with("MemoryError"));
}

TEST_CASE("keys that do not fit are refused", "[buffer]") {
    CHECK(mapping_refusal("%(b)d", {{"a", 1}}) == "KeyError: there is no value for the key b'b' at index 1");
    CHECK(mapping_refusal("%(a", {{"a", 1}}) ==
          "ValueError: incomplete format key: no ) ends the one at index 1");
    CHECK(mapping_refusal("%(a)", {{"a", 1}}).starts_with("ValueError: incomplete format"));
    CHECK(mapping_refusal("%(a)s", {{"a", 1}}).starts_with("TypeError: %s at index 4"));
    CHECK(mapping_refusal("%(a)*d", {{"a", 1}}).starts_with("TypeError: not enough arguments"));
    CHECK(mapping_refusal("%(a)d%d", {{"a", 1}}).starts_with("TypeError: not enough arguments"));
    CHECK(mapping_refusal("%(a)%", {{"a", 1}}) ==
          "ValueError: unsupported format character '%' (0x25) at index 4");
    CHECK(mapping_refusal("%d", {{"a", 1}}) ==
          "TypeError: the arguments are a mapping: a key is needed at index 1");
    CHECK(mapping_refusal("%*d", {{"a", 1}}) ==
          "TypeError: the arguments are a mapping: a key is needed at index 1");
}

TEST_CASE("of several errors the first one counts", "[buffer]") {
    CHECK(refusal("%d%q", "x", 1).starts_with("TypeError: %d"));
    CHECK(refusal("%q%d", 1, "x").starts_with("ValueError"));
    CHECK(refusal("%*", "x").starts_with("TypeError: * at index 1"));
    CHECK(refusal("%*.99999999999d", infinity).starts_with("TypeError: *"));
}

#ifdef __SIZEOF_INT128__
TEST_CASE("integers of 128 bits are formatted like all others", "[buffer]") {
    CHECK(format_bytes("%d", ~static_cast<uint128>(0)) == "340282366920938463463374607431768211455");
    CHECK(format_bytes("%d", static_cast<int128>(-1) << 100) == "-1267650600228229401496703205376");
    CHECK(format_bytes("%x", ~static_cast<uint128>(0)) == std::string(32, 'f'));
    CHECK(format_bytes("%.0f", ~static_cast<uint128>(0)) == "340282366920938463463374607431768211456");
    CHECK(format_bytes("%.0f", static_cast<int128>(-1) << 100) == "-1267650600228229401496703205376");
    CHECK(format_bytes("%a", ~static_cast<uint128>(0)) == "340282366920938463463374607431768211455");
    CHECK(format_bytes("%*d", static_cast<int128>(3), 7) == "  7");
    static_assert(can_be_formatted<int128> && can_be_formatted<uint128&>);
    CHECK(refusal("%c", static_cast<int128>(1) << 64).starts_with("OverflowError"));
    CHECK(refusal("%*d", static_cast<int128>(1) << 100, 1).starts_with("OverflowError"));
}
#endif
