// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/as_result.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/sync/queue.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<std::unique_ptr<int>> boxed() {
    co_await sleep(1s);
    co_return std::make_unique<int>(5);
}
coro<> fails() {
    co_await sleep(1s);
    throw std::runtime_error("no");
}

}  // namespace

TEST_CASE("a value or an error comes as a result, from coroutines, tasks, futures and operations", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        result<std::unique_ptr<int>> value = co_await as_result(boxed());
        REQUIRE(value.has_value());
        CHECK(*value.get() == 5);
        const result<void> failure = co_await as_result(fails());
        CHECK(failure.has_exception());
        const task<> failing = create_task(fails());
        const result<void> of_task = co_await as_result(failing);
        CHECK(of_task.has_exception());
        const future<int> ready = create_future<int>();
        ready.set_result(7);
        result<int> of_future = co_await as_result(ready);
        CHECK(of_future.get() == 7);
        queue<int> items;
        items.put_nowait(1);
        result<int> item = co_await as_result(items.get());
        CHECK(item.get() == 1);
        items.shutdown();
        const result<int> none = co_await as_result(items.get());
        CHECK(none.has_exception());
        const result<int> late = co_await as_result(wait_for(create_future<int>(), 1s));
        CHECK(late.has_exception());
    }());
}

TEST_CASE("a cancellation is no result", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const task<> waiting = create_task([]() -> coro<> {
            static_cast<void>(co_await as_result(sleep(1h)));
        }());
        co_await sleep(0s);
        waiting.cancel();
        co_await sleep(0s);
        CHECK(waiting.cancelled());
    }());
}
