// SPDX-License-Identifier: BSL-1.0

#include <aioxx/core/executor.hpp>

#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>

#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/context_var.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/to_thread.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/runner.hpp>
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

}  // namespace

TEST_CASE("a blocking call runs on another thread and gives its value", "[core][threads][EV004][MI004]") {
    testing::test_loop loop;
    const auto here = std::this_thread::get_id();
    loop.run([](std::thread::id own) -> coro<> {
        const std::thread::id other = co_await run_in_executor([] { return std::this_thread::get_id(); });
        CHECK(other != own);
        auto made = co_await run_in_executor([] { return std::make_unique<int>(5); });
        CHECK(*made == 5);
        int runs = 0;
        co_await run_in_executor([&runs] { ++runs; });
        CHECK(runs == 1);
    }(here));
}

TEST_CASE("an exception of a blocking call arrives in the task", "[core][threads][MI004]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::string seen;
        try {
            co_await run_in_executor([]() -> int { throw std::runtime_error("from below"); });
        } catch (const std::runtime_error& caught) {
            seen = caught.what();
        }
        CHECK(seen == "from below");
    }());
}

TEST_CASE("calls run at the same time, on no more threads than allowed", "[core][threads][MI004]") {
    testing::test_loop loop;
    set_worker_limit(loop.loop(), 2);
    CHECK_THROWS_AS(set_worker_limit(loop.loop(), 0), std::invalid_argument);
    std::mutex mutex;
    std::set<std::thread::id> threads;
    gate both;
    std::vector<future<>> calls;
    for (int count = 0; count < 20; ++count) {
        calls.push_back(run_in_executor(loop.loop(), [&] {
            {
                const std::scoped_lock lock(mutex);
                threads.insert(std::this_thread::get_id());
            }
            both.pass();
        }));
    }
    both.wait_for(2);  // hangs if they do not run at the same time
    both.open();
    loop.run([](std::vector<future<>>& all) -> coro<> {
        for (auto& each : all) co_await each;
    }(calls));
    CHECK(threads.size() == 2);
}

TEST_CASE("a call cancelled before it starts never runs; one that has started is abandoned",
          "[core][threads][EV004]") {
    testing::test_loop loop;
    set_worker_limit(loop.loop(), 1);
    gate busy;
    std::atomic<int> runs{0};
    future<int> started = run_in_executor(loop.loop(), [&] {
        busy.pass();
        return ++runs;
    });
    busy.wait_for(1);
    future<int> waiting = run_in_executor(loop.loop(), [&] { return runs += 100; });
    future<int> last = run_in_executor(loop.loop(), [&] { return runs.load(); });
    started.cancel();
    waiting.cancel();
    loop.loop().call_soon([&] { busy.open(); });  // after the cancellations took effect
    const int seen = loop.run([](future<int> awaited) -> coro<int> { co_return co_await awaited; }(last));
    CHECK(seen == 1);
    CHECK(started.cancelled());
    CHECK(waiting.cancelled());
}

TEST_CASE("calls that are in the queue when the loop closes are dropped, those that run are waited for",
          "[core][threads]") {
    auto kept = std::make_shared<int>(1);
    std::atomic<int> runs{0};
    gate busy;
    {
        event_loop loop(std::make_unique<asio_backend>());
        set_worker_limit(loop, 1);
        future<> started = run_in_executor(loop, [&, kept] {
            busy.pass();
            ++runs;
        });
        busy.wait_for(1);
        future<> waiting = run_in_executor(loop, [&, kept] { runs += 100; });
        busy.open();
        // Whether the second one starts is open; close() waits for what has.
        loop.close();
        CHECK((runs == 1 || runs == 101));
        CHECK_THROWS_AS(run_in_executor(loop, [] {}), invalid_state_error);
    }
    CHECK(kept.use_count() == 1);
}

TEST_CASE("a user's context runs on while a blocking call is under way", "[core][threads]") {
    asio::io_context io;
    event_loop loop(std::make_unique<asio_backend>(io));
    future<int> call = run_in_executor(loop, [] { return 7; });
    io.run();
    CHECK(call.result() == 7);
}

TEST_CASE("many calls in a row and at once all come back", "[core][threads]") {
    event_loop loop(std::make_unique<asio_backend>());
    const int sum = run_until_complete(loop, []() -> coro<int> {
        int total = 0;
        std::vector<future<int>> calls;
        for (int number = 0; number < 500; ++number) calls.push_back(run_in_executor([number] { return number; }));
        for (auto& each : calls) total += co_await each;
        for (int number = 0; number < 200; ++number) total += co_await to_thread([](int value) { return value; }, 1);
        co_return total;
    }());
    CHECK(sum == 500 * 499 / 2 + 200);
}

TEST_CASE("worker threads have names", "[core][threads]") {
    testing::test_loop loop;
    const std::string name = loop.run([]() -> coro<std::string> {
        co_return co_await to_thread([] {
            std::array<char, 16> text{};
            pthread_getname_np(pthread_self(), text.data(), text.size());
            return std::string(text.data());
        });
    }());
    CHECK(name == "aioxx-1");
}

TEST_CASE("shutting the executor down waits for what was submitted, and refuses what comes later",
          "[core][threads][BE008]") {
    testing::test_loop loop;
    set_worker_limit(loop.loop(), 2);
    loop.run([]() -> coro<> {
        std::atomic<int> runs = 0;
        std::vector<future<>> calls;
        for (int count = 0; count < 10; ++count) calls.push_back(run_in_executor([&runs] { ++runs; }));
        event_loop& running = get_running_loop();
        const bool in_time = co_await shutdown_default_executor(running, 1h);
        CHECK(in_time);
        CHECK(runs == 10);
        for (const auto& call : calls) CHECK(call.done());
        CHECK_THROWS_AS(run_in_executor([] {}), invalid_state_error);
        const bool again = co_await shutdown_default_executor(running);
        CHECK(again);
    }());
}

TEST_CASE("an executor that was never used shuts down at once", "[core][threads]") {
    testing::test_loop loop;
    CHECK(loop.run(shutdown_default_executor(loop.loop())));
}

TEST_CASE("shutting the executor down in too short a time is reported and gives false", "[core][threads][BE008]") {
    runner runs;
    std::vector<std::string> reports;
    runs.get_loop().set_exception_handler([&](const exception_context& what) { reports.push_back(what.message); });
    gate busy;
    future<> call = run_in_executor(runs.get_loop(), [&] { busy.pass(); });
    CHECK(!runs.run(shutdown_default_executor(runs.get_loop(), 1ms)));
    CHECK(reports == std::vector<std::string>{"shutdown_default_executor: blocking calls did not end in time"});
    CHECK(!call.done());
    busy.open();
    CHECK(runs.run(shutdown_default_executor(runs.get_loop())));
    CHECK(call.done());
}

TEST_CASE("a cancelled wait for the end of the executor can be repeated", "[core][threads]") {
    testing::test_loop loop;
    gate busy;
    future<> call = run_in_executor(loop.loop(), [&] { busy.pass(); });
    loop.run([](gate& held) -> coro<> {
        task<bool> ending = create_task(shutdown_default_executor(get_running_loop()));
        co_await sleep(0s);
        ending.cancel();
        const bool cancelled = co_await support::was_cancelled(ending);
        CHECK(cancelled);
        held.open();
        const bool ended = co_await shutdown_default_executor(get_running_loop());
        CHECK(ended);
    }(busy));
    CHECK(call.done());
}

TEST_CASE("an executor of the user's runs functions, with the caller's context variables", "[core][threads][EV004]") {
    runner runs;
    std::vector<std::thread> threads;
    runs.run([](std::vector<std::thread>& started) -> coro<> {
        const auto own_thread = [&started](function<void()> job) { started.emplace_back(std::move(job)); };
        const context_var<std::string>::scope named(who, "caller");
        const std::string seen = co_await run_in_executor(own_thread, [] { return who.get(); });
        CHECK(seen == "caller");
        bool failed = false;
        try {
            co_await run_in_executor(own_thread, [] { throw std::runtime_error("no"); });
        } catch (const std::runtime_error&) {
            failed = true;
        }
        CHECK(failed);
    }(threads));
    for (std::thread& each : threads) each.join();
    CHECK(threads.size() == 2);
}

TEST_CASE("a function that an executor of the user's has not started is cancelled with its future",
          "[core][threads][EV004]") {
    runner runs;
    runs.run([]() -> coro<> {
        std::vector<function<void()>> kept;
        const auto keep = [&kept](function<void()> job) { kept.push_back(std::move(job)); };
        int count = 0;
        future<> cancelled = run_in_executor(keep, [&count] { ++count; });
        future<> dropped = run_in_executor(keep, [&count] { ++count; });
        cancelled.cancel();
        co_await sleep(0s);
        kept.front()();
        CHECK(count == 0);
        kept.clear();
        bool failed = false;
        try {
            co_await dropped;
        } catch (const invalid_state_error&) {
            failed = true;
        }
        CHECK(failed);
    }());
}

TEST_CASE("what an executor of the user's ends after the loop was closed is dropped", "[core][threads]") {
    std::vector<function<void()>> kept;
    int count = 0;
    {
        runner runs;
        runs.run([](std::vector<function<void()>>& jobs, int& counter) -> coro<> {
            static_cast<void>(run_in_executor([&jobs](function<void()> job) { jobs.push_back(std::move(job)); },
                                              [&counter] { return ++counter; }));
            co_return;
        }(kept, count));
    }
    kept.front()();
    CHECK(count == 1);
}
