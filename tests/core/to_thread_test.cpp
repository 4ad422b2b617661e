// SPDX-License-Identifier: BSL-1.0

#include <aioxx/core/to_thread.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/context_var.hpp>
#include <aioxx/core/executor.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/sync/capacity_limiter.hpp>
#include <aioxx/sync/semaphore.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/gate.hpp"
#include "support/was_cancelled.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::gate;

namespace {

context_var<std::string> who("who", "nobody");

// Runs a function given to a thread until it is asked to stop, and notes that.
struct until_stopped {
    std::atomic<int>* begun;
    std::atomic<int>* stopped;

    int operator()(std::stop_token token, int result) const {
        ++*begun;
        begun->notify_all();
        std::mutex mutex;
        std::condition_variable_any changed;
        std::unique_lock lock(mutex);
        changed.wait(lock, token, [] { return false; });
        ++*stopped;
        return result;
    }
};

// Whether a task ended cancelled.
coro<bool> is_cancelled_at_the_end(task<int> awaited) {
    try {
        co_await awaited;
    } catch (const cancelled_error&) {
        co_return awaited.cancelled();
    }
    co_return false;
}

}  // namespace

TEST_CASE("to_thread passes arguments on, by value", "[core][threads][MI004]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        auto join = [](std::unique_ptr<std::string> left, const std::string& right) { return *left + right; };
        const std::string joined = co_await to_thread(join, std::make_unique<std::string>("a"), std::string("b"));
        CHECK(joined == "ab");
        co_await to_thread([] {});
    }());
}

TEST_CASE("a blocking call sees the caller's context variables, and what it sets stays there",
          "[core][threads][MI004]") {
    testing::test_loop loop;
    set_worker_limit(loop.loop(), 1);
    loop.run([]() -> coro<> {
        const context_var<std::string>::scope named(who, "caller");
        const std::string seen = co_await to_thread([] {
            std::string found = who.get();
            who.set("worker");
            return found;
        });
        CHECK(seen == "caller");
        CHECK(who.get() == "caller");
        who.set("again");
        const std::string next = co_await run_in_executor([] { return who.get(); });
        CHECK(next == "again");
    }());
}

TEST_CASE("a function with a stop token is stopped by a cancellation, which waits for its end", "[core][threads]") {
    testing::test_loop loop;
    std::atomic<int> begun = 0;
    std::atomic<int> stopped = 0;
    loop.run([](until_stopped function, std::atomic<int>& starts, std::atomic<int>& stops) -> coro<> {
        task<int> running = create_task(to_thread(function, 7));
        co_await sleep(0s);
        starts.wait(0);
        running.cancel();
        const bool cancelled = co_await is_cancelled_at_the_end(running);
        CHECK(cancelled);
        CHECK(stops == 1);
    }({&begun, &stopped}, begun, stopped));
}

TEST_CASE("a function with a stop token that nobody cancels gives its value", "[core][threads]") {
    testing::test_loop loop;
    const int value = loop.run([]() -> coro<int> {
        co_return co_await to_thread(
            [](std::stop_token token, int given) { return token.stop_possible() && !token.stop_requested() ? given : 0; },
            7);
    }());
    CHECK(value == 7);
}

TEST_CASE("a function with a stop token that has not started is taken back", "[core][threads]") {
    testing::test_loop loop;
    set_worker_limit(loop.loop(), 1);
    gate busy;
    std::atomic<int> begun = 0;
    std::atomic<int> stopped = 0;
    future<> first = run_in_executor(loop.loop(), [&] { busy.pass(); });
    busy.wait_for(1);
    loop.run([](until_stopped function, gate& held, future<> last) -> coro<> {
        task<int> waiting = create_task(to_thread(function, 7));
        co_await sleep(0s);
        waiting.cancel();
        const bool cancelled = co_await is_cancelled_at_the_end(waiting);
        CHECK(cancelled);
        held.open();
        co_await last;
    }({&begun, &stopped}, busy, first));
    CHECK(begun == 0);
}

TEST_CASE("closing the loop stops a function that has a stop token", "[core][threads]") {
    std::atomic<int> begun = 0;
    std::atomic<int> stopped = 0;
    {
        event_loop loop(std::make_unique<asio_backend>());
        static_cast<void>(create_task(loop, to_thread(until_stopped{&begun, &stopped}, 7)));
        loop.stop();
        loop.run_forever();
        begun.wait(0);
        loop.close();  // hangs if it does not
    }
    CHECK(stopped == 1);
}

TEST_CASE("a limiter is held until the thread is done, also when the task does not wait for that",
          "[core][threads]") {
    testing::test_loop loop;
    gate busy;
    capacity_limiter limiter(1);
    loop.run([](gate& held, capacity_limiter& workers) -> coro<> {
        task<> abandoned = create_task(to_thread(workers, [&held] { held.pass(); }));
        co_await sleep(0s);
        held.wait_for(1);
        CHECK(workers.borrowed_tokens() == 1);
        abandoned.cancel();
        const bool cancelled = co_await support::was_cancelled(abandoned);
        CHECK(cancelled);
        CHECK(workers.borrowed_tokens() == 1);
        held.open();
        const int next = co_await to_thread(workers, [](int value) { return value + 1; }, 1);
        CHECK(next == 2);
    }(busy, limiter));
    CHECK(limiter.available_tokens() == 1);
}

TEST_CASE("a task that has a token can call through its limiter, and a semaphore is a limiter too",
          "[core][threads]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        capacity_limiter limiter(2);
        {
            const auto own = co_await limiter.scoped();
            co_await to_thread(limiter, [] {});
        }
        CHECK(limiter.available_tokens() == 2);
        semaphore one(1);
        const bool asked = co_await to_thread(one, [](std::stop_token token) { return token.stop_requested(); });
        CHECK(!asked);
        CHECK(!one.locked());
    }());
}
