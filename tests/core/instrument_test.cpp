// SPDX-License-Identifier: BSL-1.0

#include <aioxx/core/instrument.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

class writes_down final : public instrument {
public:
    std::vector<std::string> log;

private:
    void task_started(loop_task& task) noexcept override { log.push_back("started " + task.name()); }
    void task_ended(loop_task& task) noexcept override { log.push_back("ended " + task.name()); }
    void task_suspends(loop_task& task) noexcept override { log.push_back("suspends " + task.name()); }
    void step_begins(const step_source& source) noexcept override {
        log.push_back(source.task != nullptr ? "step of " + source.task->name() : "callback");
    }
};

coro<> one_pause() { co_await sleep(1s); }

coro<> never_awaited() { co_return; }

// Spends virtual time without giving way.
void be_busy(testing::test_loop& loop, duration time) { loop.system().block(time); }

bool mentions(const exception_context& report, const std::string& text) {
    return describe(report).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("an instrument sees tasks, their steps and their suspensions", "[core]") {
    testing::test_loop loop;
    writes_down watching;
    loop.loop().add_instrument(watching);
    loop.run(one_pause());
    CHECK(watching.log == std::vector<std::string>{"started Task-1", "step of Task-1", "suspends Task-1",
                                                   "step of Task-1", "ended Task-1", "callback"});
}

TEST_CASE("an instrument that is added later sees the tasks that run, and one that died sees nothing", "[core]") {
    testing::test_loop loop;
    loop.run([](testing::test_loop& on) -> coro<> {
        writes_down watching;
        on.loop().add_instrument(watching);
        co_await sleep(1s);
        CHECK(watching.log == std::vector<std::string>{"suspends Task-1", "step of Task-1"});
    }(loop));
}

TEST_CASE("an instrument can cancel a task at the very suspension that it is told of", "[core]") {
    class cancels final : public instrument {
        void task_suspends(loop_task& task) noexcept override { static_cast<task_base&>(task).cancel("here"); }
    };
    testing::test_loop loop;
    cancels watching;
    loop.loop().add_instrument(watching);
    std::string message;
    try {
        loop.run(one_pause());
    } catch (const cancelled_error& cancelled) {
        message = cancelled.message();
    }
    CHECK(message == "here");
    CHECK(loop.elapsed() == 0s);
}

TEST_CASE("debug mode reports steps and callbacks that take too long, with their place", "[core][BE053]") {
    testing::test_loop loop({.allow_reports = true});
    loop.loop().set_debug(true);
    CHECK(loop.loop().slow_callback_duration() == 100ms);
    loop.run([](testing::test_loop& on) -> coro<> {
        co_await sleep(1s);
        be_busy(on, 99ms);
        co_await sleep(1s);
        be_busy(on, 250ms);
        co_await sleep(1s);
        on.loop().call_soon([&on] { be_busy(on, 150ms); });
        co_await sleep(1s);
    }(loop));
    REQUIRE(loop.reports().size() == 2);
    CHECK(mentions(loop.reports()[0], "a step of a task took 250 ms"));
    CHECK(mentions(loop.reports()[0], "Task-1"));
    CHECK(mentions(loop.reports()[0], "instrument_test.cpp:"));
    CHECK(mentions(loop.reports()[1], "a callback took 150 ms"));
    CHECK(mentions(loop.reports()[1], "instrument_test.cpp:"));
    loop.loop().set_debug(false);
    CHECK(!loop.loop().debug());
}

TEST_CASE("debug mode reports a coroutine that was never awaited, and not one that was closed", "[core][BE025]") {
    testing::test_loop loop({.allow_reports = true});
    loop.loop().set_debug(true);
    loop.run([]() -> coro<> {
        { const auto forgotten = never_awaited(); }
        auto closed = never_awaited();
        closed.close();
        co_return;
    }());
    REQUIRE(loop.reports().size() == 1);
    CHECK(mentions(loop.reports()[0], "never awaited"));
    CHECK(mentions(loop.reports()[0], "never_awaited"));
}

TEST_CASE("debug mode refuses calls from other threads, and only debug mode does", "[core][BE013]") {
    testing::test_loop loop;
    loop.loop().set_debug(true);
    loop.run([](testing::test_loop& on) -> coro<> {
        std::string what;
        std::thread([&] {
            try {
                on.loop().call_soon([] {});
            } catch (const invalid_state_error& caught) {
                what = caught.what();
            }
            on.loop().call_soon_threadsafe([] {});
        }).join();
        CHECK(what.find("call_soon: called from another thread") == 0);
        what.clear();
        std::thread([&] {
            try {
                on.loop().call_at(time_point{}, [] {});
            } catch (const invalid_state_error& caught) {
                what = caught.what();
            }
        }).join();
        CHECK(what.find("call_at: called from another thread") == 0);
        on.loop().set_debug(false);
        std::thread([&] { on.loop().call_soon([] {}); }).join();
        co_return;
    }(loop));
}
