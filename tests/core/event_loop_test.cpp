// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/event_loop.hpp>

#include <csignal>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/handle.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

struct flusher final : flush_node {
    explicit flusher(std::function<void()> what) : action(std::move(what)) {}
    void flush() override { action(); }
    std::function<void()> action;
};

template <class Function>
std::string message_of(Function function) {
    try {
        function();
    } catch (const std::exception& caught) {
        return caught.what();
    }
    return "nothing was thrown";
}

}  // namespace

TEST_CASE("callbacks run first come first served, each exactly once (BE009)", "[core]") {
    testing::test_loop loop;
    std::vector<int> order;
    for (int number = 0; number < 5; ++number) loop.loop().call_soon([&order, number] { order.push_back(number); });
    CHECK(order.empty());
    loop.settle();
    loop.settle();
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
}

TEST_CASE("what a callback schedules runs after everything that was ready before it", "[core]") {
    testing::test_loop loop;
    std::vector<int> order;
    loop.loop().call_soon([&] {
        order.push_back(1);
        loop.loop().call_soon([&] { order.push_back(3); });
    });
    loop.loop().call_soon([&] { order.push_back(2); });
    loop.settle();
    CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("timers run by deadline, in order of arming among equal ones; negative delays count as zero", "[core][BE011][EV002][EV031]") {
    testing::test_loop loop;
    std::string order;
    loop.loop().call_later(2s, [&] { order += 'd'; });
    loop.loop().call_later(1s, [&] { order += 'b'; });
    loop.loop().call_later(1s, [&] { order += 'c'; });
    loop.loop().call_later(-5s, [&] { order += 'a'; });
    loop.loop().call_at(loop.now() + 2s, [&] { order += 'e'; });
    loop.settle();
    CHECK(order == "a");
    loop.advance(1s);
    CHECK(order == "abc");
    loop.advance(1s);
    CHECK(order == "abcde");
}

TEST_CASE("a delay may be infinite but not NaN (K10)", "[core]") {
    testing::test_loop loop;
    using seconds = std::chrono::duration<double>;
    CHECK_THROWS_AS(loop.loop().call_later(seconds(std::numeric_limits<double>::quiet_NaN()), [] {}),
                    std::invalid_argument);
    loop.loop().call_later(seconds(std::numeric_limits<double>::infinity()), [] { FAIL("ran"); });
    int runs = 0;
    loop.loop().call_later(seconds(-std::numeric_limits<double>::infinity()), [&] { ++runs; });
    loop.advance(1000h);
    CHECK(runs == 1);
}

TEST_CASE("stop before run makes one pass", "[core][BE030]") {
    testing::test_loop loop;
    std::vector<int> order;
    loop.loop().call_soon([&] {
        order.push_back(1);
        loop.loop().call_soon([&] { order.push_back(3); });
    });
    loop.loop().call_soon([&] { order.push_back(2); });
    loop.loop().stop();
    loop.loop().run_forever();
    CHECK(order == std::vector<int>{1, 2});
    loop.settle();
    CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("stop inside a callback lets the batch finish and keeps the rest for the next run (BE028)", "[core]") {
    testing::test_loop loop;
    std::vector<int> order;
    loop.loop().call_soon([&] {
        order.push_back(1);
        loop.loop().stop();
        loop.loop().call_soon([&] {
            order.push_back(3);
            loop.loop().stop();
        });
    });
    loop.loop().call_soon([&] { order.push_back(2); });
    loop.loop().run_forever();
    CHECK(order == std::vector<int>{1, 2});
    CHECK_FALSE(loop.loop().is_running());
    loop.loop().run_forever();
    CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("a loop cannot be run inside of a loop, nor closed (BE018, BE005)", "[core][EV001][EV029]") {
    testing::test_loop loop;
    testing::test_loop other;
    int checks = 0;
    loop.loop().call_soon([&] {
        CHECK(loop.loop().is_running());
        CHECK_THROWS_AS(loop.loop().run_forever(), invalid_state_error);
        CHECK_THROWS_AS(other.loop().run_forever(), invalid_state_error);
        CHECK_THROWS_AS(loop.loop().close(), invalid_state_error);
        ++checks;
    });
    loop.settle();
    CHECK(checks == 1);
    CHECK_FALSE(loop.loop().is_closed());
}

TEST_CASE("a closed loop refuses everything and says what was tried (BE005)", "[core]") {
    testing::test_loop loop;
    int runs = 0;
    loop.loop().call_soon([&] { ++runs; });
    loop.loop().call_later(1s, [&] { ++runs; });
    loop.loop().call_soon_threadsafe([&] { ++runs; });
    loop.loop().close();
    loop.loop().close();
    CHECK(loop.loop().is_closed());
    auto& closed = loop.loop();
    CHECK(message_of([&] { closed.call_soon([] {}); }) == "call_soon: the event loop is closed");
    CHECK(message_of([&] { closed.call_at(time_point{}, [] {}); }) == "call_at: the event loop is closed");
    CHECK(message_of([&] { closed.call_later(1s, [] {}); }) == "call_at: the event loop is closed");
    CHECK(message_of([&] { closed.call_soon_threadsafe([] {}); }) ==
          "call_soon_threadsafe: the event loop is closed");
    CHECK(message_of([&] { closed.run_forever(); }) == "run_forever: the event loop is closed");
    CHECK(message_of([&] { closed.add_signal_handler(SIGUSR1, [] {}); }) ==
          "add_signal_handler: the event loop is closed");
    CHECK(message_of([&] { create_task(closed, []() -> coro<> { co_return; }()); }) ==
          "create_task: the event loop is closed");
    CHECK(runs == 0);
}

TEST_CASE("an empty callback is refused with the name of the operation", "[core][BE010]") {
    testing::test_loop loop;
    CHECK(message_of([&] { loop.loop().call_soon({}); }) == "call_soon: the callback is empty");
    CHECK_THROWS_AS(loop.loop().call_later(1s, nullptr), std::invalid_argument);
    CHECK_THROWS_AS(loop.loop().call_soon_threadsafe(nullptr), std::invalid_argument);
    CHECK_THROWS_AS(loop.loop().add_signal_handler(SIGUSR1, nullptr), std::invalid_argument);
}

TEST_CASE("closing destroys what is scheduled, and what its destruction schedules, without running it", "[core]") {
    auto counted = std::make_shared<int>(0);
    {
        testing::test_loop loop;
        struct reschedules {
            event_loop* on;
            future<> pending;
            ~reschedules() {
                if (pending) pending.set_result();
            }
            reschedules(event_loop& running, std::shared_ptr<int> kept) : on(&running), pending(running) {
                pending.add_done_callback([kept] { FAIL("ran"); });
            }
        };
        auto late = std::make_shared<reschedules>(loop.loop(), counted);
        loop.loop().call_soon([late, counted] { FAIL("ran"); });
        loop.loop().call_later(1s, [late, counted] { FAIL("ran"); });
        loop.loop().call_soon_threadsafe([late, counted] { FAIL("ran"); });
        late.reset();
        CHECK(counted.use_count() > 2);
        loop.loop().close();
        CHECK(counted.use_count() == 1);
    }
}

TEST_CASE("an exception in a callback is reported with its place and the loop goes on", "[core][BE021][EV030]") {
    testing::test_loop loop({.allow_reports = true});
    int runs = 0;
    loop.loop().call_soon([] { throw std::runtime_error("oops"); });
    loop.loop().call_soon([&] { ++runs; });
    loop.settle();
    CHECK(runs == 1);
    REQUIRE(loop.reports().size() == 1);
    CHECK(loop.reports()[0].message == "exception in a callback");
    CHECK(describe(loop.reports()[0].exception) == "oops");
    CHECK(loop.reports()[0].source.find("event_loop_test.cpp:") == 0);
}

TEST_CASE("an empty exception handler is the default one, which writes to standard error", "[core][BE022]") {
    testing::test_loop loop({.allow_reports = true});
    loop.loop().call_exception_handler({"first", nullptr, {}});
    loop.loop().set_exception_handler({});
    loop.loop().call_exception_handler({"expected on standard error", nullptr, {}});
    CHECK(loop.reports().size() == 1);
}

TEST_CASE("a timer that an earlier callback of its batch cancels does not run, many of them neither", "[core][BE015]") {
    testing::test_loop loop;
    std::vector<handle> timers;
    int ran = 0;
    for (int number = 0; number < 1000; ++number) {
        timers.push_back(loop.loop().call_later(std::chrono::seconds(number % 7), [&ran] { ++ran; }));
    }
    for (std::size_t number = 0; number < timers.size(); ++number) {
        if (number % 10 != 0) timers[number].cancel();
    }
    loop.advance(10s);
    CHECK(ran == 100);
}

TEST_CASE("closing a loop with orphaned futures and tasks reports nothing", "[core][BE019]") {
    testing::test_loop loop({.allow_lost_tasks = true});
    future<> orphan(loop.loop());
    const auto waiting = create_task(loop.loop(), [](future<> awaited) -> coro<> { co_await awaited; }(orphan));
    loop.settle();
    loop.loop().close();
    CHECK(loop.reports().empty());
}

TEST_CASE("an exception handler that throws does not stop the loop (BE023)", "[core]") {
    testing::test_loop loop;
    int runs = 0;
    loop.loop().set_exception_handler([&](const exception_context&) {
        ++runs;
        throw std::runtime_error("the handler failed (this line on standard error is expected)");
    });
    loop.loop().call_soon([] { throw std::runtime_error("oops (expected)"); });
    loop.loop().call_soon([&] { ++runs; });
    loop.settle();
    CHECK(runs == 2);
}

TEST_CASE("what is flushed in a turn is flushed once, at its end", "[core]") {
    testing::test_loop loop;
    std::string order;
    flusher first([&] { order += 'F'; });
    loop.loop().call_soon([&] {
        loop.loop().request_flush(first);
        loop.loop().request_flush(first);
        order += 'a';
        loop.loop().call_soon([&] { order += 'b'; });
    });
    loop.settle();
    CHECK(order == "abF");
    loop.loop().request_flush(first);  // outside of a turn
    CHECK(order == "abF");
    loop.settle();
    CHECK(order == "abFF");
}

TEST_CASE("a flush may ask for another one, and one that throws is reported", "[core]") {
    testing::test_loop loop({.allow_reports = true});
    int runs = 0;
    flusher again([&] {
        if (++runs < 200) loop.loop().request_flush(again);
    });
    flusher throws([] { throw std::runtime_error("flush"); });
    loop.loop().request_flush(again);
    loop.loop().request_flush(throws);
    loop.settle();
    CHECK(runs == 200);
    REQUIRE(loop.reports().size() == 1);
    CHECK(describe(loop.reports()[0].exception) == "flush");
}

TEST_CASE("callbacks that reschedule themselves do not starve what is deferred or flushed", "[core]") {
    testing::test_loop loop;
    loop.loop().set_turn_budget({.batches = 4});
    struct deferred_node final : ready_node {
        void run() override { ran = true; }
        bool ran = false;
    } deferred;
    int spins = 0;
    bool flushed = false;
    flusher flush([&] { flushed = true; });
    int spins_at_deferred = 0;
    std::function<void()> again = [&] {
        ++spins;
        if (deferred.ran && spins_at_deferred == 0) spins_at_deferred = spins;
        if (spins < 100) loop.loop().call_soon(again);
    };
    loop.loop().call_soon(again);
    loop.loop().call_soon([&] {
        loop.loop().defer(deferred);
        loop.loop().request_flush(flush);
    });
    loop.settle();
    CHECK(spins == 100);
    CHECK(flushed);
    CHECK(spins_at_deferred > 0);
    CHECK(spins_at_deferred <= 8);
}

TEST_CASE("call_soon_threadsafe keeps the order", "[core][EV003]") {
    testing::test_loop loop;
    std::vector<int> order;
    for (int number = 0; number < 3; ++number) {
        loop.loop().call_soon_threadsafe([&order, number] { order.push_back(number); });
    }
    loop.settle();
    loop.loop().call_soon_threadsafe([&order] { order.push_back(3); });
    loop.settle();
    CHECK(order == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("enter makes a turn of an outside event, and is a call inside of one", "[core]") {
    testing::test_loop loop({.allow_reports = true});
    std::string order;
    loop.loop().enter([&] {
        CHECK(&get_running_loop() == &loop.loop());
        loop.loop().call_soon([&] { order += 'b'; });
        loop.loop().enter([&] { order += 'a'; });
    });
    CHECK(order == "ab");
    CHECK_THROWS_AS(get_running_loop(), invalid_state_error);
    loop.loop().enter([] { throw std::runtime_error("event"); });
    REQUIRE(loop.reports().size() == 1);
    CHECK(loop.reports()[0].message == "exception in an event callback");
}

TEST_CASE("signal numbers are checked and a removal tells whether there was a handler (MI001)", "[core]") {
    testing::test_loop loop;
    for (const int wrong : {0, -1, NSIG, SIGKILL, SIGSTOP}) {
        CHECK_THROWS_AS(loop.loop().add_signal_handler(wrong, [] {}), std::invalid_argument);
        CHECK_THROWS_AS(loop.loop().remove_signal_handler(wrong), std::invalid_argument);
    }
    int runs = 0;
    CHECK_FALSE(loop.loop().remove_signal_handler(SIGUSR1));
    loop.loop().add_signal_handler(SIGUSR1, [&] { ++runs; });
    loop.raise_signal(SIGUSR1);
    loop.settle();
    CHECK(runs == 1);
    CHECK(loop.loop().remove_signal_handler(SIGUSR1));
    CHECK_FALSE(loop.loop().remove_signal_handler(SIGUSR1));
    loop.loop().add_signal_handler(SIGUSR1, [] {});
    loop.loop().close();
    CHECK_THROWS_AS(loop.raise_signal(SIGUSR1), std::invalid_argument);  // closing removed it
}

TEST_CASE("an extension is made once for each loop and type and ends with the loop", "[core]") {
    struct counter {
        explicit counter(event_loop& owner) : loop(&owner) {}
        ~counter() {
            if (ended != nullptr) *ended = true;
        }
        event_loop* loop;
        bool* ended = nullptr;
    };
    struct other {
        explicit other(event_loop&) {}
    };
    testing::test_loop loop;
    testing::test_loop second;
    bool ended = false;
    auto& made = loop.loop().extension<counter>();
    made.ended = &ended;
    CHECK(made.loop == &loop.loop());
    CHECK(&loop.loop().extension<counter>() == &made);
    CHECK(&second.loop().extension<counter>() != &made);
    static_cast<void>(loop.loop().extension<other>());
    CHECK(&loop.loop().extension<counter>() == &made);
    loop.loop().close();
    CHECK(ended);
    CHECK_THROWS_AS(loop.loop().extension<counter>(), invalid_state_error);
}

TEST_CASE("the receive buffer is one for all of a loop", "[core]") {
    testing::test_loop loop;
    const auto first = loop.loop().receive_buffer();
    CHECK(first.size() == 64 * 1024);
    CHECK(loop.loop().receive_buffer().data() == first.data());
}
