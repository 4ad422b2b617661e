// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/executor.hpp>

#include <atomic>
#include <condition_variable>
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
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

// Holds worker threads until it is opened, and tells how many have come.
class gate {
public:
    void pass() {
        std::unique_lock lock(mutex_);
        ++arrived_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return open_; });
    }
    void open() {
        const std::scoped_lock lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    void wait_for(int count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return arrived_ >= count; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int arrived_ = 0;
    bool open_ = false;
};

}  // namespace

TEST_CASE("a blocking call runs on another thread and gives its value (MI004, EV004)", "[core][threads]") {
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

TEST_CASE("an exception of a blocking call arrives in the task", "[core][threads]") {
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

TEST_CASE("to_thread passes arguments on, by value", "[core][threads]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        auto join = [](std::unique_ptr<std::string> left, const std::string& right) { return *left + right; };
        const std::string joined = co_await to_thread(join, std::make_unique<std::string>("a"), std::string("b"));
        CHECK(joined == "ab");
        co_await to_thread([] {});
    }());
}

TEST_CASE("calls run at the same time, on no more threads than allowed", "[core][threads]") {
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

TEST_CASE("a call cancelled before it starts never runs; one that has started is abandoned", "[core][threads]") {
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
