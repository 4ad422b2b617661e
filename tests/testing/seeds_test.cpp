// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/seeds.hpp>

#include <chrono>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace aioxx::testing;
using namespace std::chrono_literals;

namespace {

std::string order_of_five() {
    test_loop loop;
    std::string order;
    for (char name = 'a'; name <= 'e'; ++name) loop.loop().call_soon([&order, name] { order += name; });
    loop.settle();
    return order;
}

// Believes that the task which was started first also ends first.
void relies_on_order(std::uint64_t) {
    test_loop loop;
    std::string order;
    auto ends = [](std::string& log, char name) -> coro<> {
        co_await sleep(0s);
        log += name;
    };
    const auto first = create_task(loop.loop(), ends(order, 'a'));
    const auto second = create_task(loop.loop(), ends(order, 'b'));
    loop.settle();
    if (order != "ab") throw std::logic_error("came as " + order);
}

}  // namespace

TEST_CASE("without a seed a loop is first come first served", "[testing]") { CHECK(order_of_five() == "abcde"); }

TEST_CASE("seeds give many orders, each the same every time", "[testing]") {
    std::set<std::string> orders;
    explore(200, [&orders](std::uint64_t) {
        const std::string order = order_of_five();
        if (order_of_five() != order) throw std::logic_error("another order with the same seed");
        orders.insert(order);
    });
    CHECK(orders.size() > 50);
    CHECK(order_of_five() == "abcde");
}

TEST_CASE("code that relies on an order is found out, with a seed that shows it again", "[testing]") {
    std::uint64_t seed = 0;
    std::string what;
    try {
        explore(100, relies_on_order);
    } catch (const seed_failed& failure) {
        seed = failure.seed();
        what = failure.what();
    }
    REQUIRE(seed != 0);
    CHECK(what == "under seed " + std::to_string(seed) + " (AIOXX_SEED=" + std::to_string(seed) +
                      " runs just that): came as ba");
    CHECK_THROWS_AS(aioxx::testing::detail::run_with_seed(seed, relies_on_order), seed_failed);
}

TEST_CASE("a body can be given a fresh test loop of each seed", "[testing]") {
    std::set<std::string> orders;
    explore(50, [&orders](test_loop& loop) {
        std::string order;
        for (char name = 'a'; name <= 'e'; ++name) loop.loop().call_soon([&order, name] { order += name; });
        loop.settle();
        orders.insert(order);
    });
    CHECK(orders.size() > 10);
}

TEST_CASE("the seed is told whatever the body throws", "[testing]") {
    CHECK_THROWS_AS(explore(3, [](std::uint64_t) { throw 7; }), seed_failed);
    CHECK_THROWS_AS(explore(3, [](std::uint64_t) { throw cancelled_error(); }), seed_failed);
}

TEST_CASE("the environment replays one seed", "[testing]") {
    const char* given = std::getenv("AIOXX_SEED");
    const std::string former = given != nullptr ? given : "";
    const scope_exit restore([&former] {
        if (former.empty()) {
            ::unsetenv("AIOXX_SEED");
        } else {
            ::setenv("AIOXX_SEED", former.c_str(), 1);
        }
    });
    std::set<std::uint64_t> seeds;
    const auto note = [&seeds](std::uint64_t seed) { seeds.insert(seed); };
    ::setenv("AIOXX_SEED", "17", 1);
    explore(3, note);
    CHECK(seeds == std::set<std::uint64_t>{17});
    for (const char* wrong : {"", "seventeen", "17x", "-1"}) {
        ::setenv("AIOXX_SEED", wrong, 1);
        CHECK_THROWS_AS(explore(3, note), std::invalid_argument);
    }
    ::unsetenv("AIOXX_SEED");
    seeds.clear();
    explore(3, note);
    CHECK(seeds == std::set<std::uint64_t>{1, 2, 3});
}
