// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/demand.hpp>

#include <stdexcept>
#include <string>

#include "support/catch.hpp"

using aioxx::testing::check_failed;
using aioxx::testing::demand;
using aioxx::testing::demand_throws;

TEST_CASE("a demand that holds is nothing, one that does not is named", "[testing]") {
    CHECK_NOTHROW(demand(true, "bytes arrive"));
    try {
        demand(false, "bytes arrive");
        FAIL("it was accepted");
    } catch (const check_failed& failure) {
        CHECK(std::string(failure.what()) == "not so: bytes arrive");
    }
}

TEST_CASE("an error may be demanded, and another one passes", "[testing]") {
    const auto throws = [] { throw std::invalid_argument("as expected"); };
    CHECK_NOTHROW(demand_throws<std::invalid_argument>(throws, "it refuses"));
    CHECK_NOTHROW(demand_throws<std::logic_error>(throws, "it refuses"));
    CHECK_THROWS_AS(demand_throws<std::out_of_range>(throws, "it refuses"), std::invalid_argument);
    CHECK_THROWS_AS(demand_throws<std::invalid_argument>([] {}, "it refuses"), check_failed);
}
