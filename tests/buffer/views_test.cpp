// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/views.hpp>

#include <algorithm>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include <range/v3/algorithm/count_if.hpp>
#include <range/v3/algorithm/equal.hpp>
#include <range/v3/algorithm/find.hpp>
#include <range/v3/range/concepts.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/join.hpp>
#include <range/v3/view/reverse.hpp>
#include <range/v3/view/take.hpp>
#include <range/v3/view/transform.hpp>

#include <aioxx/buffer/bytearray.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

static_assert(ranges::contiguous_range<bytes_view> && ranges::view_<bytes_view> &&
              ranges::borrowed_range<bytes_view>);
static_assert(ranges::contiguous_range<mutable_bytes_view> && ranges::view_<mutable_bytes_view> &&
              ranges::borrowed_range<mutable_bytes_view>);
static_assert(ranges::contiguous_range<bytearray> && ranges::contiguous_range<const bytearray> &&
              !ranges::view_<bytearray>);
static_assert(std::ranges::contiguous_range<bytes_view> && std::ranges::contiguous_range<bytearray>);

using line_range = decltype(lines(bytes_view()));
using part_range = decltype(split(bytes_view(), bytes_view()));
using field_range = decltype(fields(bytes_view()));
static_assert(ranges::forward_range<line_range> && ranges::forward_range<part_range> &&
              ranges::forward_range<field_range> && ranges::view_<line_range> &&
              ranges::borrowed_range<line_range>);
static_assert(std::ranges::forward_range<line_range> && std::ranges::forward_range<part_range> &&
              std::ranges::forward_range<field_range> && std::ranges::view<line_range> &&
              std::ranges::borrowed_range<line_range>);

using strings = std::vector<std::string>;

template <class Range>
strings listed(Range&& range) {
    strings result;
    for (const bytes_view element : range)
        result.emplace_back(element.str());
    return result;
}

strings model_lines(const std::string& text) {
    strings result;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find_first_of("\r\n", at), text.size());
        result.push_back(text.substr(at, end - at));
        at = end + (text.compare(end, 2, "\r\n") == 0 ? 2 : 1);
    }
    return result;
}

strings model_parts(const std::string& text, const std::string& separator) {
    strings result;
    std::size_t at = 0;
    for (std::size_t end; (end = text.find(separator, at)) != std::string::npos;
         at = end + separator.size()) {
        result.push_back(text.substr(at, end - at));
    }
    result.push_back(text.substr(at));
    return result;
}

}  // namespace

TEST_CASE("lines end with each of the three line ends, as in splitlines", "[buffer]") {
    CHECK(listed(lines("")) == strings{});
    CHECK(listed(lines("\n")) == strings{""});
    CHECK(listed(lines("a")) == strings{"a"});
    CHECK(listed(lines("a\n")) == strings{"a"});
    CHECK(listed(lines("a\nb\r\nc\rd")) == strings{"a", "b", "c", "d"});
    CHECK(listed(lines("a\n\r")) == strings{"a", ""});
    CHECK(listed(lines("\r\n\r\n")) == strings{"", ""});
    CHECK(listed(lines("\r\r\n\n")) == strings{"", "", ""});
    CHECK(listed(lines("a\v\f\x1c\x85z")) == strings{"a\v\f\x1c\x85z"});
    CHECK(listed(lines(bytes_view())) == strings{});
}

TEST_CASE("parts stand between separators, empty ones included", "[buffer]") {
    CHECK(listed(split("", ",")) == strings{""});
    CHECK(listed(split("a,b,,c", ",")) == strings{"a", "b", "", "c"});
    CHECK(listed(split(",", ",")) == strings{"", ""});
    CHECK(listed(split("a--b-c--", "--")) == strings{"a", "b-c", ""});
    CHECK(listed(split("aaa", "aa")) == strings{"", "a"});
    CHECK(listed(split("abc", "abcd")) == strings{"abc"});
    CHECK_THROWS_AS(split("abc", ""), std::invalid_argument);
}

TEST_CASE("fields stand between runs of white space and are never empty", "[buffer]") {
    CHECK(listed(fields("")) == strings{});
    CHECK(listed(fields(" \t\n\r\v\f")) == strings{});
    CHECK(listed(fields("a")) == strings{"a"});
    CHECK(listed(fields("  a b\t\tc\r\n")) == strings{"a", "b", "c"});
    CHECK(listed(fields("a\x1c"
                        "b\xa0"
                        "c\0d")) == strings{std::string("a\x1c"
                                                        "b\xa0"
                                                        "c\0d",
                                                        7)});
}

TEST_CASE("lines, parts and fields agree with a model on random bytes", "[buffer]") {
    std::mt19937 random(9);
    for (int round = 0; round < 3000; ++round) {
        std::string text(random() % 40, '\0');
        for (char& c : text)
            c = "a\n\r ,\tb"[random() % 7];
        CAPTURE(text);
        REQUIRE(listed(lines(text)) == model_lines(text));
        REQUIRE(listed(split(text, ",")) == model_parts(text, ","));
        REQUIRE(listed(split(text, "\r\n")) == model_parts(text, "\r\n"));
        strings expected;
        for (std::size_t at = 0; (at = text.find_first_not_of(" \t\n\r", at)) != std::string::npos;) {
            const std::size_t end = std::min(text.find_first_of(" \t\n\r", at), text.size());
            expected.push_back(text.substr(at, end - at));
            at = end;
        }
        REQUIRE(listed(fields(text)) == expected);
    }
}

TEST_CASE("lines of many thousand bytes end where the model says", "[buffer]") {
    std::mt19937 random(10);
    for (int round = 0; round < 300; ++round) {
        std::string text;
        for (auto pieces = random() % 6; pieces != 0; --pieces) {
            text.append(random() % 9000, 'x');
            text += std::vector<std::string>{"\n", "\r", "\r\n", "\n\r", ""}[random() % 5];
        }
        REQUIRE(listed(lines(text)) == model_lines(text));
    }
}

TEST_CASE("the elements are views of the bytes and the ranges can be walked again", "[buffer]") {
    const std::string text = "one\ntwo";
    const auto range = lines(text);
    auto first = range.begin();
    const auto kept = first;
    CHECK((*first).data() == bytes_view(text).data());
    ++first;
    CHECK(first != kept);
    CHECK((*first).data() == bytes_view(text).data() + 4);
    CHECK(*kept == "one");
    CHECK(listed(range) == listed(range));
}

TEST_CASE("algorithms and views of range-v3 and of the standard take bytes and their parts", "[buffer]") {
    const bytearray text("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    const auto filled = [](bytes_view line) { return !line.empty(); };
    CHECK(ranges::count_if(lines(text), filled) == 2);
    CHECK(std::ranges::count_if(lines(text), filled) == 2);
    CHECK(std::ranges::distance(fields(text)) == 5);

    const auto sizes = lines(text) | ranges::views::filter(filled) |
                       ranges::views::transform([](bytes_view line) { return line.size(); }) |
                       ranges::to<std::vector<std::size_t>>();
    CHECK(sizes == std::vector<std::size_t>{14, 7});
    std::vector<std::size_t> again;
    for (const std::size_t size : lines(text) | std::views::filter(filled) |
                                      std::views::transform([](bytes_view line) { return line.size(); })) {
        again.push_back(size);
    }
    CHECK(again == sizes);

    CHECK(ranges::find(text, std::byte{'/'}) == text.begin() + 4);
    CHECK(ranges::equal(text.view() | ranges::views::take(3), bytes_view("GET")));
    CHECK(ranges::equal(bytes_view("abc") | ranges::views::reverse, bytes_view("cba")));
    CHECK(std::ranges::equal(bytes_view("abc") | std::views::reverse, bytes_view("cba")));
}

TEST_CASE("chunks have a size, and the last has what is left", "[buffer]") {
    CHECK(listed(chunks("", 3)) == strings{});
    CHECK(listed(chunks("abcdefg", 3)) == strings{"abc", "def", "g"});
    CHECK(listed(chunks("abcdef", 3)) == strings{"abc", "def"});
    CHECK(listed(chunks("abc", bytes_view::npos)) == strings{"abc"});
    CHECK_THROWS_AS(chunks("abc", 0), std::invalid_argument);
    const auto range = chunks("abcd", 1);
    CHECK(listed(range) == listed(range));
}

TEST_CASE("a range of bytes becomes a bytearray", "[buffer]") {
    const auto upper = ranges::views::transform(
        [](std::byte value) { return static_cast<std::byte>(std::to_integer<int>(value) & 0xdf); });
    CHECK((bytes_view("abc") | upper | ranges::to<bytearray>()) == "ABC");
    CHECK((bytes_view("abc") | ranges::views::reverse | ranges::to<bytearray>()) == "cba");
    CHECK((lines("one\ntwo") | ranges::views::join | ranges::to<bytearray>()) == "onetwo");
}

TEST_CASE("lines of parts of lines can be walked lazily", "[buffer]") {
    const bytearray text("a=1\nb=2\n\nc\n");
    strings keys;
    for (const bytes_view key :
         lines(text) | ranges::views::filter([](bytes_view line) { return !line.empty(); }) |
             ranges::views::transform([](bytes_view line) { return line.partition("=")[0]; })) {
        keys.emplace_back(key.str());
    }
    CHECK(keys == strings{"a", "b", "c"});
    CHECK(bytes_view("+").join(lines(text)) == "a=1+b=2++c");
}
