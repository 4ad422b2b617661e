// SPDX-License-Identifier: BSL-1.0

#include <aioxx/core/concurrent_future.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <aioxx/core/event_loop.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

TEST_CASE("a result that one thread sets is there for all who block for it", "[core][threads]") {
    concurrent_future<std::unique_ptr<int>> outcome;
    CHECK(!outcome.done());
    std::vector<std::thread> waiting;
    std::vector<int> seen(4);
    for (int& each : seen) waiting.emplace_back([&each, outcome] { each = *outcome.result(); });
    CHECK(outcome.set_result(std::make_unique<int>(7)));
    for (std::thread& thread : waiting) thread.join();
    CHECK(seen == std::vector<int>{7, 7, 7, 7});
    CHECK(outcome.done());
    CHECK(outcome.exception() == nullptr);
    CHECK(!outcome.set_result(std::make_unique<int>(8)));
    CHECK(!outcome.cancel());
}

TEST_CASE("an exception and a cancellation come out of a concurrent result", "[core][threads]") {
    concurrent_future<> failed;
    CHECK(failed.set_exception(std::make_exception_ptr(std::runtime_error("no"))));
    CHECK_THROWS_AS(failed.result(), std::runtime_error);
    CHECK(failed.exception() != nullptr);
    CHECK_THROWS_AS(failed.set_exception(nullptr), std::invalid_argument);

    concurrent_future<int> cancelled;
    CHECK(cancelled.cancel());
    CHECK(cancelled.cancelled());
    CHECK_THROWS_AS(cancelled.result(), cancelled_error);
    CHECK_THROWS_AS(cancelled.exception(), cancelled_error);
    CHECK(!cancelled.set_result(1));
}

TEST_CASE("a limited wait for a concurrent result throws timeout_error and can be repeated", "[core][threads]") {
    concurrent_future<int> outcome;
    CHECK_THROWS_AS(outcome.result(0s), timeout_error);
    CHECK_THROWS_AS(outcome.result(1ms), timeout_error);
    outcome.set_result(3);
    CHECK(outcome.result(0s) == 3);
}

TEST_CASE("callbacks of a concurrent result run once, at the end or at once", "[core][threads]") {
    concurrent_future<> outcome;
    int calls = 0;
    outcome.add_done_callback([&calls] { ++calls; });
    CHECK(calls == 0);
    outcome.set_result();
    CHECK(calls == 1);
    outcome.add_done_callback([&calls] { ++calls; });
    CHECK(calls == 2);
}

TEST_CASE("blocking for a concurrent result on a loop's own thread is refused", "[core][threads]") {
    testing::test_loop loop;
    concurrent_future<> outcome;
    std::string what;
    loop.loop().call_soon([&] {
        try {
            outcome.result();
        } catch (const invalid_state_error& caught) {
            what = caught.what();
        }
    });
    loop.settle();
    CHECK(what.find("result: would block the event loop") == 0);
}
