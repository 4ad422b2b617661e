// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/report_collector.hpp>

#include <exception>
#include <stdexcept>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("reports are collected in order while the collector lives", "[testing]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        event_loop& running = get_running_loop();
        testing::report_collector reports;
        const auto broken = std::make_exception_ptr(std::runtime_error("it broke"));
        running.call_exception_handler({"exception in a test", broken, "here"});
        running.call_exception_handler({"a second one", nullptr, {}});
        REQUIRE(reports.seen.size() == 2);
        CHECK(reports.seen[0].message == "exception in a test");
        CHECK(reports.seen[0].exception == broken);
        CHECK(reports.seen[0].source == "here");
        CHECK(reports.seen[1].message == "a second one");
        co_return;
    }());
    CHECK(loop.reports().empty());
}
