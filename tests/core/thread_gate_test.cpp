// SPDX-License-Identifier: BSL-1.0

#include <aioxx/core/thread_gate.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<int> square(int number) {
    co_await sleep(0s);
    co_return number * number;
}
coro<> fails() {
    throw std::runtime_error("no");
    co_return;
}

// Tells when it has begun and whether it was cancelled.
coro<> waits(std::atomic<bool>& begun, std::atomic<bool>& cancelled) {
    begun = true;
    begun.notify_all();
    try {
        co_await sleep(1h);
    } catch (const cancelled_error&) {
        cancelled = true;
        throw;
    }
}

// A loop that runs in a thread of its own.
class loop_thread {
public:
    loop_thread() : thread_([this] { run(); }) { loop_.wait(nullptr); }
    ~loop_thread() { stop(); }

    [[nodiscard]] event_loop& loop() { return *loop_.load(); }
    void stop() {
        if (!thread_.joinable()) return;
        loop().call_soon_threadsafe([this] { loop().stop(); });
        thread_.join();
    }

private:
    void run() {
        runner runs;
        loop_ = &runs.get_loop();
        loop_.notify_all();
        runs.get_loop().run_forever();
    }

    std::atomic<event_loop*> loop_ = nullptr;
    std::thread thread_;
};

}  // namespace

TEST_CASE("a coroutine that another thread starts gives its value or its exception there", "[core][threads][TK036]") {
    loop_thread other;
    CHECK(run_coroutine_threadsafe(square(7), other.loop()).result() == 49);
    CHECK_THROWS_AS(run_coroutine_threadsafe(fails(), other.loop()).result(), std::runtime_error);
}

TEST_CASE("a limited wait leaves the coroutine running, and cancelling the result cancels its task",
          "[core][threads][TK036]") {
    loop_thread other;
    std::atomic<bool> begun = false;
    std::atomic<bool> cancelled = false;
    const auto outcome = run_coroutine_threadsafe(waits(begun, cancelled), other.loop());
    CHECK_THROWS_AS(outcome.result(1ms), timeout_error);
    begun.wait(false);
    CHECK(!cancelled);
    CHECK(outcome.cancel());
    CHECK_THROWS_AS(outcome.result(), cancelled_error);
    other.stop();
    CHECK(cancelled);
}

TEST_CASE("a task that ends cancelled makes its concurrent result so", "[core][threads][TK036]") {
    loop_thread other;
    const auto outcome = run_coroutine_threadsafe(
        []() -> coro<> {
            current_task()->cancel();
            co_await sleep(1h);
        }(),
        other.loop());
    CHECK_THROWS_AS(outcome.result(), cancelled_error);
    CHECK(outcome.cancelled());
}

TEST_CASE("a task factory that fails is seen by the thread that waits", "[core][threads][TK036]") {
    runner runs;
    runs.get_loop().set_exception_handler([](const exception_context&) {});
    runs.get_loop().set_task_factory([](task_options&) { throw std::runtime_error("no tasks"); });
    const auto outcome = run_coroutine_threadsafe(square(2), runs.get_loop());
    runs.get_loop().call_soon([&] { runs.get_loop().stop(); });
    runs.get_loop().run_forever();
    runs.get_loop().set_task_factory({});
    CHECK_THROWS_AS(outcome.result(), std::runtime_error);
}

TEST_CASE("a loop that is closed first ends the results of what it should have run", "[core][threads][TK036]") {
    auto runs = std::make_unique<runner>();
    event_loop& loop = runs->get_loop();
    const auto never_began = run_coroutine_threadsafe(square(3), loop);
    runs->get_loop().close();
    CHECK_THROWS_AS(never_began.result(), invalid_state_error);
    CHECK_THROWS_AS(run_coroutine_threadsafe(square(3), loop), invalid_state_error);

    runner second;
    std::atomic<bool> begun = false;
    std::atomic<bool> cancelled = false;
    const auto half_way = run_coroutine_threadsafe(waits(begun, cancelled), second.get_loop());
    second.get_loop().call_later(1ms, [&second] { second.get_loop().stop(); });
    second.get_loop().run_forever();
    CHECK(begun);
    second.get_loop().close();  // without the orderly end of the runner
    CHECK_THROWS_AS(half_way.result(), invalid_state_error);
    CHECK(!half_way.cancel());
}

TEST_CASE("what another thread sets can be awaited, and a cancellation goes both ways", "[core][threads][FU012]") {
    concurrent_future<int> value;
    concurrent_future<> failure;
    concurrent_future<> cancelled_here;
    concurrent_future<> cancelled_there;
    std::thread setter([&] {
        value.set_result(5);
        failure.set_exception(std::make_exception_ptr(std::runtime_error("no")));
        cancelled_there.cancel();
    });
    run([](auto& five, auto& failing, auto& here, auto& there) -> coro<> {
        const int awaited = co_await wrap_future(five);
        CHECK(awaited == 5);
        bool failed = false;
        try {
            co_await wrap_future(failing);
        } catch (const std::runtime_error&) {
            failed = true;
        }
        CHECK(failed);
        bool cancelled = false;
        try {
            co_await wrap_future(there);
        } catch (const cancelled_error&) {
            cancelled = true;
        }
        CHECK(cancelled);
        future<> wrapped = wrap_future(here);
        wrapped.cancel();
        co_await sleep(0s);
        co_await sleep(1ms);
    }(value, failure, cancelled_here, cancelled_there));
    setter.join();
    CHECK(cancelled_here.cancelled());
}

TEST_CASE("a result that comes after the loop was closed is dropped", "[core][threads][FU012]") {
    concurrent_future<int> late;
    {
        runner runs;
        runs.run([](concurrent_future<int>& source) -> coro<> {
            static_cast<void>(wrap_future(source));
            co_return;
        }(late));
    }
    CHECK((late.set_result(1) || late.cancelled()));
}

TEST_CASE("eight threads start coroutines on one loop, each runs once and in the order of its thread",
          "[core][threads][MI007]") {
    constexpr std::size_t threads = 8;
    constexpr int each = 500;
    loop_thread other;
    std::vector<std::vector<int>> seen(threads);
    std::vector<std::thread> senders;
    std::atomic<int> sum = 0;
    for (std::size_t number = 0; number < threads; ++number) {
        senders.emplace_back([&, number] {
            std::vector<concurrent_future<int>> outcomes;
            for (int count = 0; count < each; ++count) {
                outcomes.push_back(run_coroutine_threadsafe(
                    [](std::vector<int>& log, int value) -> coro<int> {
                        log.push_back(value);
                        co_await sleep(0s);
                        co_return value;
                    }(seen[number], count),
                    other.loop()));
                if (count % 10 == 0) outcomes.back().cancel();
            }
            for (const auto& outcome : outcomes) {
                try {
                    sum += outcome.result();
                } catch (const cancelled_error&) {
                }
            }
        });
    }
    for (std::thread& thread : senders) thread.join();
    other.stop();
    for (const auto& log : seen) {
        CHECK(log.size() >= each * 9 / 10);
        CHECK(std::is_sorted(log.begin(), log.end()));
    }
}

TEST_CASE("eight threads call into a loop that is being closed, and nobody hangs", "[core][threads][MI007]") {
    for (int round = 0; round < 20; ++round) {
        auto runs = std::make_unique<runner>();
        event_loop& loop = runs->get_loop();
        std::atomic<int> ended = 0;
        std::atomic<int> tried = 0;
        std::vector<std::thread> senders;
        for (int number = 0; number < 8; ++number) {
            senders.emplace_back([&] {
                for (int count = 0; count < 50; ++count) {
                    ++tried;
                    try {
                        const auto outcome = run_coroutine_threadsafe(square(count), loop);
                        try {
                            outcome.result();
                        } catch (...) {
                        }
                    } catch (const invalid_state_error&) {
                    }
                    ++ended;
                }
            });
        }
        loop.call_later(1ms, [&loop] { loop.stop(); });
        loop.run_forever();
        loop.close();
        for (std::thread& thread : senders) thread.join();
        CHECK(ended == tried);
    }
}
