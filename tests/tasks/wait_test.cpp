// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/wait.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/was_cancelled.hpp"
#include "tasks/bodies.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

std::vector<int> values(const std::vector<task<int>>& tasks) {
    std::vector<int> all;
    for (const auto& each : tasks) all.push_back(each.result());
    return all;
}

template <class Awaitable>
constexpr bool can_wait = requires(Awaitable&& awaited) { wait(std::forward<Awaitable>(awaited)); };

}  // namespace

TEST_CASE("wait gives all tasks when all are done, in the order given", "[tasks][TK024]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks{create_task(after(3s, 1)), create_task(after(1s, 2)), create_task(after(2s, 3))};
        const auto ended = co_await wait(tasks);
        CHECK(values(ended.done) == std::vector<int>{1, 2, 3});
        CHECK(ended.pending.empty());
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("wait gives what is done when the first one is, all that ended in the same batch", "[tasks][TK024]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks{create_task(after(3s, 1)), create_task(after(1s, 2)), create_task(after(1s, 3))};
        wait_options first;
        first.when = return_when::first_completed;
        const auto ended = co_await wait(tasks, first);
        CHECK(values(ended.done) == std::vector<int>{2, 3});
        CHECK(ended.pending.size() == 1);
        const auto again = co_await wait(tasks, first);  // they are done: no waiting
        CHECK(again.done.size() == 2);
        CHECK(!tasks[0].done());
        co_await tasks[0];
    }());
}

TEST_CASE("wait ends at the first exception, and a cancellation is none", "[tasks][TK024]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks{create_task(after(9s, 1)), create_task(fails_after<int>(2s)),
                                           create_task(after(1h, 3))};
        wait_options options;
        options.when = return_when::first_exception;
        const auto canceller = create_task([](task<int> victim) -> coro<> {
            co_await sleep(1s);
            victim.cancel();
        }(tasks[2]));
        const auto ended = co_await wait(tasks, options);
        CHECK(!tasks[0].done());
        CHECK(ended.done.size() == 2);
        CHECK(ended.done[0].exception() != nullptr);
        CHECK(ended.done[1].cancelled());
        const auto already = co_await wait(tasks, options);  // the exception is there already
        CHECK(already.pending.size() == 1);
        co_await tasks[0];
        co_await canceller;
    }());
}

TEST_CASE("without an exception first_exception waits for all", "[tasks][TK024]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks{create_task(after(1s, 1)), create_task(after(2s, 2))};
        wait_options options;
        options.when = return_when::first_exception;
        const auto ended = co_await wait(tasks, options);
        CHECK(ended.done.size() == 2);
    }());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("a timeout of wait cancels nothing and is no error", "[tasks][TK024][TK025]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks{create_task(after(1s, 1)), create_task(after(5s, 2))};
        wait_options options;
        options.timeout = 2s;
        const auto ended = co_await wait(tasks, options);
        CHECK(values(ended.done) == std::vector<int>{1});
        REQUIRE(ended.pending.size() == 1);
        const int late = co_await ended.pending[0];
        CHECK(late == 2);
        options.timeout = 0s;
        const std::vector<task<int>> one_more(1, create_task(after(1s, 3)));
        const auto at_once = co_await wait(one_more, options);
        CHECK(at_once.pending.size() == 1);
        co_await at_once.pending[0];
    }());
    CHECK(loop.elapsed() == 6s);
}

TEST_CASE("cancelling wait leaves the tasks alone, and a later end finds nobody", "[tasks][TK025]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks{create_task(after(5s, 1)), create_task(after(6s, 2))};
        auto waiting = create_task(wait(tasks));
        co_await sleep(1s);
        waiting.cancel();
        const bool cancelled = co_await support::was_cancelled(waiting);
        CHECK(cancelled);
        CHECK(!tasks[0].done());
        const auto ended = co_await wait(tasks);
        CHECK(values(ended.done) == std::vector<int>{1, 2});
    }());
    CHECK(loop.elapsed() == 6s);
}

TEST_CASE("wait takes each task once and futures too", "[tasks][TK024]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const auto one = create_task(after(1s, 1));
        const auto two = create_task(after(2s, 2));
        const std::vector<task<int>> repeated{one, two, one, one, two};
        const auto ended = co_await wait(repeated);
        CHECK(values(ended.done) == std::vector<int>{1, 2});

        future<> soon = create_future();
        get_running_loop().call_later(1s, [soon] { soon.set_result(); });
        const std::vector<future<>> one_future(1, soon);
        const auto futures = co_await wait(one_future);
        CHECK(futures.done.size() == 1);
    }());
}

TEST_CASE("wait takes any range of handles", "[tasks][TK024]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::array<task<int>, 3> tasks{create_task(after(3s, 1)), create_task(after(1s, 2)),
                                             create_task(after(2s, 3))};
        const auto early = co_await wait(std::span(tasks).subspan(1));
        CHECK(values(early.done) == std::vector<int>{2, 3});
        auto pending_ones = tasks | std::views::filter([](const task<int>& each) { return !each.done(); });
        const auto late = co_await wait(pending_ones);
        CHECK(values(late.done) == std::vector<int>{1});
        const auto start = [](int each) { return create_task(after(1s, each)); };
        const auto made = std::views::iota(1, 4) | std::views::transform(start);
        const auto all = co_await wait(made, {.timeout = 5s});
        CHECK(values(all.done) == std::vector<int>{1, 2, 3});
    }());
    CHECK(loop.elapsed() == 4s);
}

TEST_CASE("wait takes handles of any types one by one, and gives their positions", "[tasks][TK024]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const task<int> number = create_task(after(2s, 1));
        const task<std::string> text = create_task([]() -> coro<std::string> {
            co_await sleep(1s);
            co_return "text";
        }());
        const future<> never = create_future();
        const auto first = co_await wait({.when = return_when::first_completed}, number, text, never);
        CHECK(first.done == std::vector<std::size_t>{1});
        CHECK(first.pending == std::vector<std::size_t>{0, 2});
        CHECK(text.result() == "text");
        const auto some = co_await wait({.timeout = 5s}, never, number, text);
        CHECK(some.done == std::vector<std::size_t>{1, 2});
        CHECK(some.pending == std::vector<std::size_t>{0});
        const auto all = co_await wait(number, text);
        CHECK(all.done.size() == 2);
        CHECK_FALSE(never.done());
    }());
    CHECK(loop.elapsed() == 6s);
}

TEST_CASE("wait refuses nothing at all, empty handles and what can never end the wait", "[tasks][TK024]") {
    static_assert(can_wait<task<int>&>);
    static_assert(can_wait<std::vector<task<int>>&>);
    static_assert(!can_wait<coro<int>>);
    static_assert(!can_wait<std::vector<coro<int>>>);
    static_assert(!can_wait<int>);
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::string what;
        try {
            co_await wait(std::vector<task<int>>());
        } catch (const std::invalid_argument& caught) {
            what = caught.what();
        }
        CHECK(what == "wait: expected at least one task or future");
        CHECK_THROWS_AS(co_await wait(task<int>()), invalid_state_error);
        CHECK_THROWS_AS(co_await wait(std::vector<task<int>>(2)), invalid_state_error);

        event_loop other(std::make_unique<testing::virtual_backend>());
        const future<> foreign(other);
        CHECK_THROWS_AS(co_await wait(foreign), invalid_state_error);
        foreign.set_result();
        const auto ended = co_await wait(foreign);  // it is done: nothing has to wake anybody
        CHECK(ended.done.size() == 1);

        task<> self;
        self = create_task([](task<>& own) -> coro<> { co_await wait(own); }(self));
        CHECK_THROWS_AS(co_await self, invalid_state_error);
    }());
}

TEST_CASE("a wait that is cancelled or over leaves no timer", "[tasks][TK025]") {
    testing::test_loop loop;
    const auto main = []() -> coro<> {
        const auto quick = create_task(after(1s, 1));
        co_await wait({.timeout = 1h}, quick);
        const future<> never = create_future();
        auto waiting = create_task(wait({.timeout = 1h}, never));
        co_await sleep(0s);
        waiting.cancel();
        co_await wait(waiting);
        CHECK(waiting.cancelled());
        CHECK_FALSE(never.done());
        co_await never;
    };
    CHECK_THROWS_AS(loop.run(main()), testing::stalled);  // at once: there is no timer left to jump to
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("wait finds the duplicates among many tasks, and keeps their order", "[tasks][TK024]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::vector<task<int>> tasks;
        for (int number = 0; number < 20'000; ++number) tasks.push_back(create_task(after(1s, number)));
        for (int number = 0; number < 20'000; ++number) tasks.push_back(tasks[static_cast<std::size_t>(number)]);
        const auto ended = co_await wait(std::move(tasks));
        CHECK(ended.done.size() == 20'000);
        CHECK(ended.done.front().result() == 0);
        CHECK(ended.done.back().result() == 19'999);
    }());
}

TEST_CASE("errors of tasks that were waited for are reported unless somebody asks", "[tasks][TK024]") {
    testing::test_loop loop({.allow_reports = true});
    loop.run([]() -> coro<> {
        const std::vector<task<int>> failing(1, create_task(fails_after<int>(1s)));
        co_await wait(failing);
    }());
    CHECK(loop.reports().size() == 1);
}
