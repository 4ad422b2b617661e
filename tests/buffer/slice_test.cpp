// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/slice.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

constexpr std::ptrdiff_t most = std::numeric_limits<std::ptrdiff_t>::max();
constexpr std::optional<std::ptrdiff_t> none = std::nullopt;

slice_bound bound(std::optional<std::ptrdiff_t> value) {
    return value ? slice_bound(*value) : slice_bound(std::nullopt);
}

// The rule in words: from the start, step by step, while inside of the stop and of the bytes.
std::string model(const std::string& text, std::optional<std::ptrdiff_t> start,
                  std::optional<std::ptrdiff_t> stop, std::ptrdiff_t step) {
    const auto size = static_cast<std::ptrdiff_t>(text.size());
    const auto resolve = [&](std::ptrdiff_t value) { return value < 0 ? value + size : value; };
    std::ptrdiff_t at = start ? resolve(*start) : step > 0 ? 0 : size - 1;
    if (step > 0 && at < 0) at = 0;
    if (step < 0 && at >= size) at = size - 1;
    std::string result;
    for (; at >= 0 && at < size; at += step) {
        if (stop && (step > 0 ? at >= resolve(*stop) : at <= resolve(*stop))) break;
        result += text[static_cast<std::size_t>(at)];
    }
    return result;
}

static_assert(!std::is_convertible_v<bool, slice_bound> && !std::is_convertible_v<char, slice_bound> &&
              !std::is_convertible_v<double, slice_bound>);
static_assert(slice_bound(bytes_view::npos).value() == most && slice_bound(-1).value() == -1);
static_assert(slice_bound(std::numeric_limits<std::ptrdiff_t>::min()).value() == -most);
static_assert(slice_bound(std::uint64_t{1} << 63).value() == most);

}  // namespace

TEST_CASE("bounds count from the end when negative, are clamped, and may be left out", "[buffer]") {
    const bytes_view bytes = "abcdef";
    CHECK(bytes.slice(1, 3) == "bc");
    CHECK(bytes.slice(-3, -1) == "de");
    CHECK(bytes.slice(std::nullopt, 2) == "ab");
    CHECK(bytes.slice(4, std::nullopt) == "ef");
    CHECK(bytes.slice(3, 1).empty());
    CHECK(bytes.slice(-99, 99) == "abcdef");
    CHECK(bytes.slice(6, 99).empty());
    CHECK(bytes.slice(0, bytes_view::npos) == "abcdef");
    CHECK(bytes.slice(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::uint64_t>::max()) ==
          "abcdef");
    CHECK(bytes_view().slice(-1, 1).empty());
}

TEST_CASE("slices with steps hold the elements that counting gives", "[buffer]") {
    for (const std::string text : {"", "a", "ab", "abcdefg"}) {
        for (const std::ptrdiff_t step : {-9, -7, -3, -2, -1, 1, 2, 3, 7, 9}) {
            for (std::ptrdiff_t start = -10; start <= 10; ++start) {
                for (std::ptrdiff_t stop = -10; stop <= 10; ++stop) {
                    CAPTURE(text, start, stop, step);
                    // The ends of the loops stand for a bound that is left out.
                    const auto from = start == 10 ? none : start;
                    const auto to = stop == 10 ? none : stop;
                    REQUIRE(bytes_view(text).slice(bound(from), bound(to), step) ==
                            model(text, from, to, step));
                }
            }
        }
    }
}

TEST_CASE("steps as large as numbers are do not overflow, and a step of 0 is refused", "[buffer]") {
    const bytes_view bytes = "abcdef";
    CHECK(bytes.slice(1, std::nullopt, most) == "b");
    CHECK(bytes.slice(4, std::nullopt, -most) == "e");
    CHECK(bytes.slice(4, std::nullopt, std::numeric_limits<std::ptrdiff_t>::min()) == "e");
    CHECK(bytes.slice(std::nullopt, std::nullopt, -1) == "fedcba");
    CHECK(bytes.slice(std::nullopt, std::nullopt, std::nullopt) == "abcdef");
    CHECK_THROWS_AS(bytes.slice(0, 1, 0), std::invalid_argument);
}

TEST_CASE("a slice in ascending order has the same elements", "[buffer]") {
    for (const std::ptrdiff_t step : {-4, -3, -2, -1, 1, 2}) {
        const detail::slice_range range(7, std::nullopt, std::nullopt, step);
        const detail::slice_range upwards = range.ascending();
        REQUIRE(upwards.count == range.count);
        REQUIRE(upwards.step == (step < 0 ? -step : step));
        for (std::size_t i = 0; i < range.count; ++i)
            CHECK(upwards[i] == (step < 0 ? range[range.count - 1 - i] : range[i]));
    }
}

TEST_CASE("a range of a search may start behind all, and then there is nothing in it", "[buffer]") {
    CHECK(detail::search_range(3, 3, std::nullopt).exists());
    CHECK_FALSE(detail::search_range(3, 4, std::nullopt).exists());
    CHECK_FALSE(detail::search_range(3, 2, 1).exists());
    CHECK(detail::search_range(3, -2, -1).begin == 1);
    CHECK(detail::search_range(3, -2, -1).end == 2);
    CHECK_FALSE(detail::search_range(0, most, most).exists());
}
