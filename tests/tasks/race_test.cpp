// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/race.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/tasks/shield.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/was_cancelled.hpp"
#include "tasks/bodies.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

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

template <class... Racers>
constexpr bool can_race = requires(Racers... racers) { race(std::move(racers)...); };

}  // namespace

TEST_CASE("the first one to end wins, and the others are cancelled", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const auto won = co_await race(after(3s, 1), after(1s, std::string("fast")), after(2s, 3));
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
            co_await race(after(2s, 1), fails_after<int>(1s));
        } catch (const std::runtime_error& caught) {
            what = caught.what();
        }
        CHECK(what == "failed");
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("when those who were cancelled for a failure fail as well, the errors are a group", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::string what;
        try {
            co_await race(fails_when_cancelled(), fails_after<int>(1s), after(1h, 1));
        } catch (const error_group& group) {
            what = group.what();
        }
        CHECK(what == "errors in a task group (2):\n  failed\n  clean-up");
        CHECK(current_task()->cancelling() == 0);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("of several that could end in the same batch one wins, and the others are cancelled", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const future<> start = create_future();
        std::vector<coro<int>> racers;
        for (int number = 0; number < 3; ++number) {
            racers.push_back([](future<> go, int value) -> coro<int> {
                co_await shield(go);
                co_return value;
            }(start, number));
        }
        get_running_loop().call_later(1s, [start] { start.set_result(); });
        const auto won = co_await race(std::move(racers));
        CHECK(won.first == 0);
        CHECK(won.values[0] == 0);
        CHECK(!won.values[1]);
        CHECK(!won.values[2]);
    }());
}

TEST_CASE("one that is cancelled by somebody else has not won", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const auto gone = create_task(after(1h, 1));
        get_running_loop().call_later(1s, [gone] { gone.cancel(); });
        const auto awaits = [](task<int> other) -> coro<int> { co_return co_await other; };
        const auto won = co_await race(awaits(gone), after(2s, 2));
        CHECK(won.first == 1);
        CHECK(std::get<1>(won.values) == 2);
        const auto gone_too = create_task(after(1h, 1));
        get_running_loop().call_later(1s, [gone_too] { gone_too.cancel(); });
        CHECK_THROWS_AS(co_await race(awaits(gone_too)), cancelled_error);
    }());
    CHECK(loop.elapsed() == 3s);
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
        const bool cancelled = co_await support::was_cancelled(running);
        CHECK(cancelled);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a race with nobody in it is refused", "[tasks]") {
    static_assert(can_race<coro<int>>);
    static_assert(!can_race<>);
    testing::test_loop loop;
    std::string what;
    try {
        loop.run([]() -> coro<> { co_await race(std::vector<coro<int>>()); }());
    } catch (const std::invalid_argument& caught) {
        what = caught.what();
    }
    CHECK(what == "race: expected at least one coroutine");
}
