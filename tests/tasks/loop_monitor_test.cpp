// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/loop_monitor.hpp>

#include <chrono>
#include <string>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

TEST_CASE("a histogram counts in powers of two and knows its quantiles", "[tasks]") {
    duration_histogram times;
    CHECK(times.quantile(0.5) == 0s);
    times.add(0us);
    times.add(1us);
    times.add(3us);
    times.add(3us);
    times.add(1000us);
    times.add(-1us);
    times.add(24h);
    CHECK(times.count() == 7);
    CHECK(times.count_in(0) == 2);
    CHECK(times.count_in(1) == 1);
    CHECK(times.count_in(2) == 2);
    CHECK(times.count_in(10) == 1);
    CHECK(times.count_in(duration_histogram::classes - 1) == 1);
    CHECK(duration_histogram::upper_bound(2) == 4us);
    CHECK(times.longest() == 24h);
    CHECK(times.quantile(0.5) == 4us);
    CHECK(times.quantile(1.0) == 24h);
}

TEST_CASE("a monitor measures steps and turns, and says where the longest step began", "[tasks]") {
    testing::test_loop loop;
    loop.run([](testing::test_loop& on) -> coro<> {
        loop_monitor monitor(on.loop());
        co_await sleep(1s);
        on.system().block(30ms);
        co_await sleep(1s);
        CHECK(monitor.steps().longest() == 30ms);
        CHECK(monitor.lag().longest() == 30ms);
        CHECK(monitor.longest_step().find("loop_monitor_test.cpp:") == 0);
        CHECK(monitor.longest_step().find("(Task-1)") != std::string::npos);
        CHECK(monitor.describe().find("longest 0.03 s at loop_monitor_test.cpp:") != std::string::npos);
        CHECK(monitor.age_of(*current_task()) == 2030ms);
    }(loop));
}
