// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/byte_value.hpp>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <type_traits>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

std::byte as_argument(byte_value value) {
    return value;
}

static_assert(!std::is_convertible_v<bool, byte_value> && !std::is_convertible_v<double, byte_value> &&
              !std::is_convertible_v<const char*, byte_value>);
static_assert(sizeof(byte_value) == 1 && byte_value(255) == std::byte{255});

}  // namespace

TEST_CASE("a byte comes from a byte, a character or a number", "[buffer]") {
    CHECK(as_argument(std::byte{7}) == std::byte{7});
    CHECK(as_argument('\xff') == std::byte{255});
    CHECK(as_argument(std::uint8_t{200}) == std::byte{200});
    CHECK(as_argument(0) == std::byte{0});
    CHECK(as_argument(std::size_t{255}) == std::byte{255});
    CHECK(byte_value('x').chr() == 'x');
}

TEST_CASE("a number that is no byte is refused by its name", "[buffer]") {
    CHECK_THROWS_AS(as_argument(256), std::invalid_argument);
    CHECK_THROWS_AS(as_argument(-1), std::invalid_argument);
    CHECK_THROWS_AS(as_argument(std::numeric_limits<std::uint64_t>::max()), std::invalid_argument);
    CHECK_THROWS_AS(as_argument(std::numeric_limits<std::int64_t>::min()), std::invalid_argument);
    try {
        as_argument(1000);
        FAIL("1000 is no byte");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string_view(error.what()) == "a byte must be in 0..255, got 1000");
    }
}
