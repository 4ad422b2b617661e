// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/current.hpp>

#include <thread>

#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("the running loop is known inside of its callbacks, on its thread only", "[core][EV032][BE054][threads]") {
    CHECK_THROWS_AS(get_running_loop(), invalid_state_error);
    testing::test_loop loop;
    int checks = 0;
    loop.loop().call_soon([&] {
        CHECK(&get_running_loop() == &loop.loop());
        bool other_has_one = true;
        std::thread([&] { other_has_one = detail::running_loop != nullptr; }).join();
        CHECK_FALSE(other_has_one);
        ++checks;
    });
    loop.settle();
    CHECK(checks == 1);
    CHECK_THROWS_AS(get_running_loop(), invalid_state_error);
}
