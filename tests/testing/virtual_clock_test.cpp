// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/virtual_clock.hpp>

#include <chrono>

#include "support/catch.hpp"

using namespace std::chrono_literals;
using aioxx::testing::virtual_clock;

TEST_CASE("a virtual clock stands still until it is moved", "[testing]") {
    virtual_clock clock;
    const auto start = clock.now();
    CHECK(clock.now() == start);
    CHECK(clock.elapsed() == 0s);

    clock.advance_to(start + 90min);
    CHECK(clock.now() - start == 90min);
    CHECK(clock.elapsed() == 90min);
}

TEST_CASE("a virtual clock does not start at the epoch", "[testing]") {
    CHECK(virtual_clock().now() != aioxx::time_point());
}
