// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/units.hpp>

#include <stdexcept>
#include <string>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using namespace aioxx;

namespace {

std::string refusal(std::size_t least, std::size_t number) {
    return support::complaint_of<std::invalid_argument>([&] { detail::checked_units("the seats", least, number); });
}

}  // namespace

TEST_CASE("a number of units is checked, and a refusal names it", "[sync]") {
    CHECK(detail::checked_units("the seats", 1, 1) == 1);
    CHECK(detail::checked_units("the seats", 0, detail::most_units) == detail::most_units);
    CHECK(refusal(0, 0) == "none");
    CHECK(refusal(1, 0) == "the seats: expected 1 or more, got 0");
    CHECK(refusal(0, static_cast<std::size_t>(-1)) == "the seats: expected 0 or more, got -1");
    CHECK(refusal(0, detail::most_units + 1) != "none");
}
