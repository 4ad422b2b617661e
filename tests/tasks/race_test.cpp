// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/race.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<int> after(duration delay, int value) {
    co_await sleep(delay);
    co_return value;
}
coro<std::string> text_after(duration delay, std::string text) {
    co_await sleep(delay);
    co_return text;
}
coro<int> fails_after(duration delay) {
    co_await sleep(delay);
    throw std::runtime_error("failed");
}
// Ends with a value although it was cancelled, after some clean-up.
coro<int> ends_all_the_same(duration clean_up, int value) {
    bool cancelled = false;
    try {
        co_await sleep(1h);
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) co_await sleep(clean_up);
    co_return value;
}
coro<int> fails_when_cancelled() {
    bool cancelled = false;
    try {
        co_await sleep(1h);
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) throw std::runtime_error("clean-up");
    co_return 0;
}

}  // namespace

TEST_CASE("the first one to end wins, and the others are cancelled", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const auto won = co_await race(after(3s, 1), text_after(1s, "fast"), after(2s, 3));
        CHECK(won.first == 1);
        CHECK(std::get<1>(won.values) == "fast");
        CHECK(!std::get<0>(won.values));
        CHECK(!std::get<2>(won.values));
        CHECK(current_task()->cancelling() == 0);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a value that comes all the same is not lost", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::vector<coro<int>> racers;
        racers.push_back(ends_all_the_same(2s, 7));
        racers.push_back(after(1s, 8));
        racers.push_back(after(5s, 10));
        const auto won = co_await race(std::move(racers));
        CHECK(won.first == 1);
        CHECK(won.values[0] == 7);
        CHECK(won.values[1] == 8);
        CHECK(!won.values[2]);
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("one that fails first decides the race by its error", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::string what;
        try {
            co_await race(after(2s, 1), fails_after(1s));
        } catch (const std::runtime_error& caught) {
            what = caught.what();
        }
        CHECK(what == "failed");
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("one that fails when it has lost takes nothing from the winner, and is reported", "[tasks]") {
    testing::test_loop loop({.allow_reports = true});
    loop.run([]() -> coro<> {
        const auto won = co_await race(after(1s, 1), fails_when_cancelled());
        CHECK(won.first == 0);
        CHECK(std::get<0>(won.values) == 1);
    }());
    REQUIRE(loop.reports().size() == 1);
    CHECK(describe(loop.reports()[0].exception) == "clean-up");
}

TEST_CASE("cancelling a race cancels all who run in it", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        auto running = create_task([]() -> coro<> { co_await race(after(1h, 1), after(2h, 2)); }());
        co_await sleep(1s);
        running.cancel();
        bool cancelled = false;
        try {
            co_await running;
        } catch (const cancelled_error&) {
            cancelled = true;
        }
        CHECK(cancelled);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a race with nobody in it is refused", "[tasks]") {
    testing::test_loop loop;
    std::string what;
    try {
        loop.run([]() -> coro<> { co_await race(std::vector<coro<int>>()); }());
    } catch (const std::invalid_argument& caught) {
        what = caught.what();
    }
    CHECK(what == "race: expected at least one coroutine");
}
