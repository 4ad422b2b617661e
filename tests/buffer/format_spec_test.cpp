// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/format_spec.hpp>

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace aioxx;
using detail::argument_kind;
using detail::conversion;
using detail::presentation;

namespace {

// Writes down what is visited. Each * takes the same number.
class recorder {
public:
    explicit recorder(std::ptrdiff_t star = 0, bool mapping = true) : star_(star), mapping_(mapping) {}

    void literal(std::string_view text) { seen += "[" + std::string(text) + "]"; }
    bool has_mapping() const { return mapping_; }
    void select(std::string_view key, std::size_t index) {
        seen += "(" + std::string(key) + ")@" + std::to_string(index) + " ";
    }
    template <class Integer>
    Integer star(std::size_t index) {
        seen += "*@" + std::to_string(index) + " ";
        return static_cast<Integer>(star_);
    }
    void convert(const conversion& spec) {
        if (spec.alternate) seen += '#';
        if (spec.zero) seen += '0';
        if (spec.left) seen += '-';
        if (spec.blank) seen += ' ';
        if (spec.sign) seen += '+';
        seen += std::to_string(spec.width) + "." + std::to_string(spec.precision) + spec.type + "@" +
                std::to_string(spec.index) + ";";
    }

    std::string seen;

private:
    std::ptrdiff_t star_;
    bool mapping_;
};

std::string walk(std::string_view format, recorder visitor = recorder()) {
    detail::walk_format(format, visitor);
    return visitor.seen;
}

// What is visited before an error, and the error.
std::string refusal(std::string_view format, recorder visitor = recorder()) {
    try {
        detail::walk_format(format, visitor);
    } catch (const format_type_error& error) {
        return visitor.seen + "TypeError: " + error.what();
    } catch (const std::invalid_argument& error) {
        return visitor.seen + "ValueError: " + error.what();
    }
    return visitor.seen + "no error";
}

struct counter {
    constexpr void literal(std::string_view text) noexcept { bytes += text.size(); }
    constexpr bool has_mapping() const noexcept { return false; }
    constexpr void select(std::string_view, std::size_t) noexcept {}
    template <class Integer>
    constexpr Integer star(std::size_t) noexcept {
        return ++stars;
    }
    constexpr void convert(const conversion& spec) noexcept { width += spec.width; }

    std::size_t bytes = 0;
    std::size_t width = 0;
    int stars = 0;
};

constexpr counter count(std::string_view format) {
    counter visitor;
    detail::walk_format(format, visitor);
    return visitor;
}

}  // namespace

TEST_CASE("text and percent signs of a format are visited as they are", "[buffer]") {
    CHECK(walk("") == "");
    CHECK(walk("plain") == "[plain]");
    CHECK(walk("%%") == "[%]");
    CHECK(walk("a%%%%b") == "[a][%][%][b]");
    CHECK(walk(std::string_view("\0%d\0", 4)) == std::string("[\0]0.-1d@2;[\0]", 14));
}

TEST_CASE("each part of a conversion is read", "[buffer]") {
    CHECK(walk("%d") == "0.-1d@1;");
    CHECK(walk("x%-5.3fy%s") == "[x]-5.3f@6;[y]0.-1s@9;");
    CHECK(walk("%#0- +x") == "#0- +0.-1x@6;");
    CHECK(walk("%+ -0##00-x") == "#0- +0.-1x@10;");
    CHECK(walk("%010d") == "010.-1d@4;");
    CHECK(walk("%.d") == "0.0d@2;");
    CHECK(walk("%5.x") == "5.0x@3;");
    CHECK(walk("%.007d") == "0.7d@5;");
    CHECK(walk("%hd%ld%Ld") == "0.-1d@2;0.-1d@5;0.-1d@8;");
}

TEST_CASE("what is no part of a conversion is its type", "[buffer]") {
    CHECK(walk("%lld") == "0.-1l@2;[d]");
    CHECK(walk("%5%") == "5.-1%@2;");
    CHECK(walk("%.-1d") == "0.0-@2;[1d]");
    CHECK(walk("%5 d") == "5.-1 @2;[d]");
    CHECK(walk("%..5d") == "0.0.@2;[5d]");
    CHECK(walk("%*5d", recorder(3)) == "*@1 3.-15@2;[d]");
    CHECK(walk(std::string_view("%\0", 2)) == std::string("0.-1\0@1;", 8));
}

TEST_CASE("a star takes the width or the precision from the arguments", "[buffer]") {
    CHECK(walk("%*d", recorder(7)) == "*@1 7.-1d@2;");
    CHECK(walk("%*.*f", recorder(7)) == "*@1 *@3 7.7f@4;");
    CHECK(walk("%*.*f", recorder(-7)) == "*@1 *@3 -7.0f@4;");
    CHECK(walk("%*d", recorder(std::numeric_limits<std::ptrdiff_t>::min())) ==
          "*@1 -" + std::to_string(std::size_t{1} << (8 * sizeof(std::size_t) - 1)) + ".-1d@2;");
}

TEST_CASE("a key is read with the parentheses inside it", "[buffer]") {
    CHECK(walk("%(a)d") == "(a)@1 0.-1d@4;");
    CHECK(walk("%()5s") == "()@1 5.-1s@4;");
    CHECK(walk("%(a(b)(c(d)))s") == "(a(b)(c(d)))@1 0.-1s@13;");
    CHECK(walk("%(%d)-s") == "(%d)@1 -0.-1s@6;");
    CHECK(walk("%(a)%") == "(a)@1 0.-1%@4;");
    CHECK(walk("%-(a)d") == "-0.-1(@2;[a)d]");
}

TEST_CASE("a format that ends inside a conversion is refused", "[buffer]") {
    for (const char* format : {"%", "%-", "%0", "%5", "%.", "%5.", "%.5", "%l", "%-5.3h"}) {
        CAPTURE(format);
        CHECK(refusal(format) == "ValueError: incomplete format: it ends inside the conversion at index 0");
    }
    CHECK(refusal("100 %") ==
          "[100 ]ValueError: incomplete format: it ends inside the conversion at index 4");
    CHECK(refusal("%%%") == "[%]ValueError: incomplete format: it ends inside the conversion at index 2");
    CHECK(refusal("%*") == "*@1 ValueError: incomplete format: it ends inside the conversion at index 0");
    CHECK(refusal("%.*") == "*@2 ValueError: incomplete format: it ends inside the conversion at index 0");
    CHECK(refusal("%(a)") == "(a)@1 ValueError: incomplete format: it ends inside the conversion at index 0");
}

TEST_CASE("a key that does not end or has no mapping is refused", "[buffer]") {
    for (const char* format : {"%(", "%(a", "%((a)", "%(a(b)d", "%(a%d"}) {
        CAPTURE(format);
        CHECK(refusal(format) == "ValueError: incomplete format key: no ) ends the one at index 1");
        CHECK(refusal(format, recorder(0, false)) ==
              "TypeError: format requires a mapping for the key at index 1");
    }
}

TEST_CASE("a width or precision is read up to its limit and refused beyond", "[buffer]") {
    const auto width = std::to_string(std::numeric_limits<std::ptrdiff_t>::max());
    CHECK(walk("%" + width + "d").starts_with(width + ".-1d"));
    std::string more = width;
    ++more.back();
    CHECK(refusal("%" + more + "d") == "ValueError: width too big at index 1");
    CHECK(refusal("%-" + width + "0d") == "ValueError: width too big at index 2");
    CHECK(refusal("%" + std::string(10000, '9')) == "ValueError: width too big at index 1");

    CHECK(walk("%.2147483647f") == "0.2147483647f@12;");
    CHECK(refusal("%.2147483648f") == "ValueError: precision too big at index 2");
    CHECK(refusal("%5." + std::string(10000, '9')) == "ValueError: precision too big at index 3");
}

TEST_CASE("a format can be walked by the compiler", "[buffer]") {
    static_assert(count("ab%%c").bytes == 4);
    static_assert(count("%*d%-3.*f%12s").stars == 2);
    static_assert(count("%*d%-3.*f%12s").width == 1 + 3 + 12);
    CHECK(count("%*d").stars == 1);
}

TEST_CASE("each type has its presentation, and no other character has one", "[buffer]") {
    std::string known;
    for (int code = 0; code < 256; ++code) {
        try {
            static_cast<void>(detail::presentation_of({.type = static_cast<char>(code), .index = 3}));
            known += static_cast<char>(code);
        } catch (const std::invalid_argument& error) {
            CHECK(std::string(error.what()).ends_with(" at index 3"));
        }
    }
    CHECK(known == "EFGXabcdefgiorsux");
    CHECK_THROWS_WITH(detail::presentation_of({.type = 'q', .index = 3}),
                      "unsupported format character 'q' (0x71) at index 3");
    CHECK_THROWS_WITH(detail::presentation_of({.type = '\xff', .index = 0}),
                      "unsupported format character (0xff) at index 0");
}

TEST_CASE("a presentation takes the kinds of arguments that it can show", "[buffer]") {
    const auto fits = [](char type, argument_kind kind) {
        const conversion spec = {.type = type, .index = 9};
        try {
            detail::require_fit(detail::presentation_of(spec), kind, spec);
        } catch (const format_type_error&) {
            return false;
        }
        return true;
    };
    const auto fitting = [&](argument_kind kind) {
        std::string types;
        for (const char type : std::string("diuoxXeEfFgGcbsar"))
            if (fits(type, kind)) types += type;
        return types;
    };
    CHECK(fitting(argument_kind::integer) == "diuoxXeEfFgGcar");
    CHECK(fitting(argument_kind::boolean) == "diuoxXeEfFgGcar");
    CHECK(fitting(argument_kind::real) == "diueEfFgGar");
    CHECK(fitting(argument_kind::bytes) == "cbsar");
    CHECK_THROWS_WITH(
        detail::require_fit(presentation::bytes, argument_kind::real, {.type = 's', .index = 9}),
        "%s at index 9 requires a bytes-like object, not float");
    CHECK_THROWS_WITH(detail::require_star_fit(argument_kind::bytes, 9),
                      "* at index 9 requires an integer, not bytes");
    CHECK_NOTHROW(detail::require_star_fit(argument_kind::boolean, 9));
}
