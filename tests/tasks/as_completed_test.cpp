// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/as_completed.hpp>

#include <chrono>
#include <stdexcept>
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

std::vector<task<int>> three_tasks() {
    return {create_task(after(3s, 3)), create_task(after(1s, 1)), create_task(after(2s, 2))};
}

}  // namespace

TEST_CASE("as_completed gives the tasks as they are done, the same objects", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks = three_tasks();
        auto finished = as_completed(tasks);
        std::vector<int> order;
        while (auto next = co_await finished.next()) {
            order.push_back(next->result());
            if (order.size() == 1) CHECK(next->shared_state().get() == tasks[1].shared_state().get());
        }
        CHECK(order == std::vector<int>{1, 2, 3});
        const auto after_the_end = co_await finished.next();
        CHECK(!after_the_end);
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("as_completed takes coroutines, futures, duplicates and what is done already", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::vector<coro<int>> coroutines;
        coroutines.push_back(after(2s, 2));
        coroutines.push_back(after(1s, 1));
        auto finished = as_completed(std::move(coroutines));
        const auto first = co_await finished.next();
        CHECK(first->result() == 1);
        co_await sleep(10s);  // the iteration can rest, and nothing is lost
        const auto second = co_await finished.next();
        CHECK(second->result() == 2);
        const auto none = co_await finished.next();
        CHECK(!none);

        future<int> early = create_future<int>();
        early.set_result(5);
        const std::vector<future<int>> twice(2, early);
        auto futures = as_completed(twice);
        const auto only = co_await futures.next();
        CHECK(only->result() == 5);
        const auto nothing = co_await futures.next();
        CHECK(!nothing);
    }());
}

TEST_CASE("a timeout of as_completed is thrown for each that is left, and cancels none", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks = three_tasks();
        auto finished = as_completed(tasks, 1500ms);
        const auto first = co_await finished.next();
        CHECK(first->result() == 1);
        int timeouts = 0;
        for (bool more = true; more;) {
            try {
                const auto next = co_await finished.next();
                more = next.has_value();
            } catch (const timeout_error&) {
                ++timeouts;
            }
        }
        CHECK(timeouts == 2);
        CHECK(!tasks[0].done());
        co_await tasks[0];
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("a cancelled next gives nothing away, and a second one at the same time is refused", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        auto finished = as_completed(three_tasks());
        auto first = create_task([](completions<task<int>>& from) -> coro<int> {
            auto next = co_await from.next();
            co_return next->result();
        }(finished));
        co_await sleep(0s);
        co_await sleep(500ms);
        bool busy = false;
        try {
            co_await finished.next();
        } catch (const busy_error&) {
            busy = true;
        }
        CHECK(busy);
        first.cancel();
        try {
            co_await first;
        } catch (const cancelled_error&) {
        }
        const auto next = co_await finished.next();
        CHECK(next->result() == 1);
        co_await sleep(5s);
    }());
}
