// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/clock.hpp>

#include <limits>
#include <stdexcept>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

TEST_CASE("durations of any unit become the loop's, saturating at both ends", "[core]") {
    using real = std::chrono::duration<double>;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    CHECK(to_duration(1500ms) == 1500ms);
    CHECK(to_duration(real(1.5)) == 1500ms);
    CHECK(to_duration(real(-1.5)) == -1500ms);
    CHECK(to_duration(std::chrono::hours::max()) == duration::max());
    CHECK(to_duration(std::chrono::hours::min()) == duration::min());
    CHECK(to_duration(real(infinity)) == duration::max());
    CHECK(to_duration(real(-infinity)) == duration::min());
    CHECK_THROWS_AS(to_duration(real(std::numeric_limits<double>::quiet_NaN())), std::invalid_argument);
}

TEST_CASE("adding a delay to a point in time stops at the end of time", "[core]") {
    const time_point now(1h);
    CHECK(add_saturated(now, 1s) == now + 1s);
    CHECK(add_saturated(now, -1s) == now - 1s);
    CHECK(add_saturated(now, duration::max()) == time_point::max());
    CHECK(add_saturated(now, duration::min()) < now);
}

TEST_CASE("durations are written as seconds without needless digits", "[core]") {
    CHECK(to_text(0s) == "0 s");
    CHECK(to_text(3200ms) == "3.2 s");
    CHECK(to_text(100s) == "100 s");
    CHECK(to_text(1us) == "0.000001 s");
}
