// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/wait.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/core/task.hpp>
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
coro<int> fails_after(duration delay) {
    co_await sleep(delay);
    throw std::runtime_error("failed");
}

std::vector<int> values(const std::vector<task<int>>& tasks) {
    std::vector<int> all;
    for (const auto& each : tasks) all.push_back(each.result());
    return all;
}

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
        const std::vector<task<int>> tasks{create_task(after(9s, 1)), create_task(fails_after(2s)), create_task(after(1h, 3))};
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
        bool cancelled = false;
        try {
            co_await waiting;
        } catch (const cancelled_error&) {
            cancelled = true;
        }
        CHECK(cancelled);
        CHECK(!tasks[0].done());
        const auto ended = co_await wait(tasks);
        CHECK(values(ended.done) == std::vector<int>{1, 2});
    }());
    CHECK(loop.elapsed() == 6s);
}

TEST_CASE("wait takes each task once, futures too, and refuses nothing at all", "[tasks][TK024]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const auto one = create_task(after(1s, 1));
        const std::vector<task<int>> thrice(3, one);
        const auto ended = co_await wait(thrice);
        CHECK(ended.done.size() == 1);

        future<> soon = create_future();
        get_running_loop().call_later(1s, [soon] { soon.set_result(); });
        const std::vector<future<>> one_future(1, soon);
        const auto futures = co_await wait(one_future);
        CHECK(futures.done.size() == 1);

        std::string what;
        try {
            co_await wait(std::vector<task<int>>());
        } catch (const std::invalid_argument& caught) {
            what = caught.what();
        }
        CHECK(what == "wait: expected at least one task or future");
        CHECK_THROWS_AS(task<int>().done(), invalid_state_error);
    }());
}

TEST_CASE("errors of tasks that were waited for are reported unless somebody asks", "[tasks][TK024]") {
    testing::test_loop loop({.allow_reports = true});
    loop.run([]() -> coro<> {
        const std::vector<task<int>> failing(1, create_task(fails_after(1s)));
        co_await wait(failing);
    }());
    CHECK(loop.reports().size() == 1);
}
