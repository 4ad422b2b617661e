// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/virtual_backend.hpp>

#include <csignal>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <aioxx/core/event_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::virtual_backend;

namespace {

struct fixture {
    event_loop loop{std::make_unique<virtual_backend>()};
    virtual_backend& system = static_cast<virtual_backend&>(loop.system());
    std::string log;
};

struct no_handler final : fd_handler {
    void on_readable() override {}
    void on_writable() override {}
};

std::string text_of_stall(event_loop& loop) {
    try {
        loop.run_forever();
    } catch (const testing::stalled& stall) {
        return stall.what();
    }
    return "no stall";
}

}  // namespace

TEST_CASE("virtual time jumps from deadline to deadline", "[testing]") {
    fixture test;
    const auto start = test.loop.time();
    test.loop.call_later(2h, [&] {
        test.log += "late";
        CHECK(test.loop.time() - start == 2h);
        test.loop.stop();
    });
    test.loop.call_later(1ms, [&] {
        test.log += "early ";
        CHECK(test.loop.time() - start == 1ms);
    });
    test.loop.run_forever();
    CHECK(test.log == "early late");
}

TEST_CASE("virtual time stands still as long as something is ready", "[testing]") {
    fixture test;
    const auto start = test.loop.time();
    int left = 1000;
    function<void()> again;
    const auto step = [&] {
        CHECK(test.loop.time() == start);
        if (--left > 0) test.loop.call_soon([&] { again(); });
    };
    again = step;
    test.loop.call_later(1ns, [&] { test.loop.stop(); });
    test.loop.call_soon([&] { again(); });
    test.loop.run_forever();
    CHECK(left == 0);
    CHECK(test.loop.time() - start == 1ns);
}

TEST_CASE("a loop on which nothing can run any more is stalled", "[testing]") {
    fixture test;
    test.loop.call_later(3200ms, [] {});
    CHECK(text_of_stall(test.loop) == "nothing can run any more at 3.2 s");
}

TEST_CASE("a timer that never comes does not hide a stall", "[testing]") {
    fixture test;
    test.loop.call_at(time_point::max(), [] {});
    CHECK(text_of_stall(test.loop) == "nothing can run any more at 0 s");
}

TEST_CASE("a loop that runs without an end is stopped by the limit of turns", "[testing]") {
    fixture test;
    test.system.set_turn_limit(100);
    function<void()> again;
    again = [&] { test.loop.call_later(1s, [&] { again(); }); };
    again();
    CHECK(text_of_stall(test.loop) == "still running after 100 turns, at 99 s");
}

TEST_CASE("a horizon ends a run after everything up to it, and moves the clock there", "[testing]") {
    fixture test;
    const auto start = test.loop.time();
    test.loop.call_later(1s, [&] { test.log += "1"; });
    test.loop.call_later(2s, [&] {
        test.log += "2";
        test.loop.call_soon([&] { test.log += "after"; });
    });
    test.loop.call_later(2001ms, [&] { test.log += "3"; });
    test.system.set_horizon(start + 2s);
    test.loop.run_forever();
    CHECK(test.log == "12after");
    CHECK(test.loop.time() - start == 2s);
}

TEST_CASE("a callback can make time pass as if it had blocked", "[testing]") {
    fixture test;
    const auto start = test.loop.time();
    test.loop.call_later(1s, [&] { test.log += "1"; });
    test.loop.call_later(2s, [&] { test.log += "2"; });
    test.loop.call_later(6s, [&] { test.loop.stop(); });
    test.loop.call_soon([&] {
        test.system.block(5s);
        test.loop.call_soon([&] { test.log += "blocked "; });
    });
    test.loop.run_forever();
    CHECK(test.log == "blocked 12");
    CHECK(test.loop.time() - start == 6s);
}

TEST_CASE("virtual time has no descriptors", "[testing]") {
    fixture test;
    no_handler handler;
    CHECK_THROWS_AS(test.system.watch(0, handler), invalid_state_error);
}

TEST_CASE("a raised signal runs its handler once in the loop", "[testing]") {
    fixture test;
    test.loop.add_signal_handler(SIGTERM, [&] {
        test.log += "term ";
        test.loop.stop();
    });
    test.system.raise_signal(SIGTERM);
    CHECK(test.log.empty());
    test.loop.run_forever();
    CHECK(test.log == "term ");
}

TEST_CASE("a signal handler may remove itself", "[testing]") {
    fixture test;
    test.loop.add_signal_handler(SIGTERM, [&, witness = std::make_shared<int>(1)] {
        test.loop.remove_signal_handler(SIGTERM);
        CHECK(*witness == 1);
        test.loop.stop();
    });
    test.system.raise_signal(SIGTERM);
    test.loop.run_forever();
    CHECK_THROWS_AS(test.system.raise_signal(SIGTERM), std::invalid_argument);
}

TEST_CASE("while a thread is expected to call in, the loop waits for it and the clock stands still", "[testing]") {
    fixture test;
    const auto start = test.loop.time();
    test.loop.call_later(1s, [&] { test.log += "timer"; test.loop.stop(); });
    test.system.hold();
    std::thread outside([&] {
        test.loop.call_soon_threadsafe([&] {
            CHECK(test.loop.time() == start);
            test.log += "thread ";
            test.system.release();
        });
    });
    test.loop.run_forever();
    outside.join();
    CHECK(test.log == "thread timer");
}
