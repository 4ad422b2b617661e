// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/blocking_portal.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <aioxx/core/context_var.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

context_var<std::string> who("who", "nobody");

coro<std::unique_ptr<int>> boxed(std::unique_ptr<int> value) {
    co_await sleep(0s);
    ++*value;
    co_return value;
}
coro<> fails() {
    co_await sleep(0s);
    throw std::runtime_error("from the portal");
}

// Ends when it is cancelled.
coro<> waits(std::atomic<bool>& begun, std::atomic<bool>& cancelled) {
    begun = true;
    begun.notify_all();
    try {
        co_await create_future<>();
    } catch (const cancelled_error&) {
        cancelled = true;
        throw;
    }
}

}  // namespace

TEST_CASE("a portal calls functions and coroutine functions on its own thread", "[tasks][threads]") {
    blocking_portal portal;
    const std::thread::id there = portal.call([] { return std::this_thread::get_id(); });
    CHECK(there != std::this_thread::get_id());
    CHECK(*portal.call(boxed, std::make_unique<int>(4)) == 5);
    int runs = 0;
    portal.call([&runs] { ++runs; });
    CHECK(runs == 1);
    int& same = portal.call([&runs]() -> int& { return runs; });
    CHECK(&same == &runs);
    CHECK_THROWS_AS(portal.call(fails), std::runtime_error);
    CHECK_THROWS_AS(portal.call([]() -> int { throw std::logic_error("no"); }), std::logic_error);
}

TEST_CASE("what a portal runs sees the context variables of the thread that calls", "[tasks][threads]") {
    const context_var<std::string>::scope named(who, "caller");
    blocking_portal portal;
    CHECK(portal.call([] { return who.get(); }) == "caller");
    std::string seen;
    std::thread other([&] { seen = portal.call([] { return who.get(); }); });
    other.join();
    CHECK(seen == "nobody");
}

TEST_CASE("the end of a portal waits for the tasks that were started", "[tasks][threads]") {
    std::atomic<int> ended = 0;
    {
        blocking_portal portal;
        for (int count = 0; count < 10; ++count) {
            portal.start_task_soon([](std::atomic<int>& counter) -> coro<> {
                for (int steps = 0; steps < 20; ++steps) co_await sleep(0s);
                ++counter;
            }(ended));
        }
    }
    CHECK(ended == 10);
}

TEST_CASE("a portal that is told to cancels what remains, also while another thread waits for that",
          "[tasks][threads]") {
    std::atomic<bool> begun = false;
    std::atomic<bool> cancelled = false;
    blocking_portal portal;
    const auto outcome = portal.start_task_soon(waits(begun, cancelled));
    begun.wait(false);
    std::thread patient([&] { portal.stop(); });
    portal.stop(true);
    patient.join();
    CHECK(cancelled);
    CHECK(outcome.cancelled());
}

TEST_CASE("cancelling the result of a portal's task cancels the task", "[tasks][threads]") {
    std::atomic<bool> begun = false;
    std::atomic<bool> cancelled = false;
    blocking_portal portal;
    const auto outcome = portal.start_task_soon(waits(begun, cancelled));
    begun.wait(false);
    CHECK(outcome.cancel());
    portal.stop();  // hangs if it was not
    CHECK(cancelled);
}

TEST_CASE("a task that was cancelled before it began does not keep a portal from ending", "[tasks][threads]") {
    std::atomic<bool> begun = false;
    std::atomic<bool> cancelled = false;
    for (int round = 0; round < 20; ++round) {
        blocking_portal portal;
        portal.start_task_soon(waits(begun, cancelled)).cancel();
    }
    CHECK(begun == cancelled);
}

TEST_CASE("a portal that was stopped refuses calls, and stopping it again does nothing", "[tasks][threads]") {
    blocking_portal portal;
    portal.stop();
    portal.stop(true);
    CHECK_THROWS_AS(portal.call([] {}), invalid_state_error);
    CHECK_THROWS_AS(portal.start_task_soon(fails()), invalid_state_error);
}

TEST_CASE("a portal refuses what could never end", "[tasks][threads]") {
    blocking_portal portal;
    CHECK_THROWS_AS(portal.call([&] { portal.call([] {}); }), invalid_state_error);
    CHECK_THROWS_AS(portal.call([&] { portal.stop(); }), invalid_state_error);
    coro<> moved = fails();
    portal.start_task_soon(std::move(moved));
    CHECK_THROWS_AS(portal.start_task_soon(std::move(moved)), std::invalid_argument);
}

TEST_CASE("a portal whose loop somebody stops ends the results of its tasks", "[tasks][threads]") {
    std::atomic<bool> begun = false;
    std::atomic<bool> cancelled = false;
    blocking_portal portal;
    portal.call([&portal] { portal.get_loop().set_exception_handler([](const exception_context&) {}); });
    const auto outcome = portal.start_task_soon(waits(begun, cancelled));
    begun.wait(false);
    portal.get_loop().call_soon_threadsafe([&portal] { portal.get_loop().stop(); });
    CHECK_THROWS_AS(outcome.result(), cancelled_error);
    portal.stop();
    CHECK(cancelled);
}

TEST_CASE("eight threads call through one portal, and some while it is stopped", "[tasks][threads]") {
    blocking_portal portal;
    std::atomic<int> served = 0;
    std::atomic<int> refused = 0;
    std::atomic<int> first = 0;
    std::vector<std::thread> callers;
    for (int number = 0; number < 8; ++number) {
        callers.emplace_back([&] {
            for (int count = 0; count < 100; ++count) {
                try {
                    const int doubled = portal.call(
                        [](int value) -> coro<int> {
                            co_await sleep(0s);
                            co_return 2 * value;
                        },
                        count);
                    if (doubled == 2 * count) ++served;
                } catch (const invalid_state_error&) {
                    ++refused;
                }
                if (count == 0) {
                    ++first;
                    first.notify_all();
                }
            }
        });
    }
    for (int seen = first; seen < 8; seen = first) first.wait(seen);
    portal.stop();
    for (std::thread& caller : callers) caller.join();
    CHECK(served >= 8);
    CHECK(served + refused == 800);
}
