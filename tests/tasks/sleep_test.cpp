// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/sleep.hpp>

#include <chrono>
#include <coroutine>
#include <exception>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include <aioxx/core/task.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::step;
using testing::test_loop;

namespace {

// A coroutine type that knows nothing of aioxx.
struct foreign {
    struct promise_type {
        foreign get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

coro<> note(std::string& log, std::string text, int times) {
    for (int count = 0; count < times; ++count) {
        log += text;
        co_await aioxx::sleep(0s);
    }
}

}  // namespace

TEST_CASE("sleep waits for the delay, in any unit", "[tasks][TK027]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        co_await aioxx::sleep(1500ms);
        CHECK(test.elapsed() == 1500ms);
        co_await aioxx::sleep(std::chrono::duration<double>(0.25));
        CHECK(test.elapsed() == 1750ms);
        co_await aioxx::sleep(1min);
        CHECK(test.elapsed() == 61750ms);
    }(loop));
}

TEST_CASE("sleep gives its value", "[tasks][TK027]") {
    test_loop loop;
    const auto value = loop.run([]() -> coro<std::unique_ptr<int>> {
        co_return co_await aioxx::sleep(1s, std::make_unique<int>(5));
    }());
    CHECK(*value == 5);
}

TEST_CASE("a sleep of zero or less lets everybody else run once", "[tasks][TK027][TK038]") {
    test_loop loop;
    std::string log;
    loop.run([](std::string& text) -> coro<> {
        auto first = create_task(note(text, "a", 3));
        auto second = create_task(note(text, "b", 3));
        co_await first;
        co_await second;
    }(log));
    CHECK(log == "ababab");

    log.clear();
    loop.run([](std::string& text) -> coro<> {
        get_running_loop().call_soon([&] { text += "ready "; });
        co_await aioxx::sleep(-1h);
        text += "slept ";
    }(log));
    CHECK(log == "ready slept ");
    CHECK(loop.elapsed() == 0s);
}

TEST_CASE("a sleep of NaN is refused", "[tasks][TK027][K10]") {
    const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
    CHECK_THROWS_AS(aioxx::sleep(nan), std::invalid_argument);
    CHECK_THROWS_AS(aioxx::sleep(nan, 1), std::invalid_argument);
}

TEST_CASE("an infinite sleep lasts until it is cancelled", "[tasks]") {
    test_loop loop;
    step sleeping(loop, [] {
        return aioxx::sleep(std::chrono::duration<double>(std::numeric_limits<double>::infinity()));
    });
    loop.advance(std::chrono::hours(24 * 365 * 100));
    CHECK(sleeping.pending());
    sleeping.cancel();
    sleeping.resume();
    CHECK_THROWS_AS(sleeping.result(), cancelled_error);
}

TEST_CASE("cancelling a sleep takes its timer out", "[tasks][TK020][TK027]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        auto sleeping = create_task([]() -> coro<> { co_await aioxx::sleep(1h); }());
        co_await aioxx::sleep(1s);
        sleeping.cancel("enough");
        try {
            co_await sleeping;
            FAIL("not cancelled");
        } catch (const cancelled_error& caught) {
            CHECK(caught.message() == "enough");
        }
        CHECK(test.elapsed() == 1s);
    }(loop));
    CHECK_THROWS_AS(loop.loop().run_forever(), testing::stalled);  // no timer is left to jump to
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a cancellation wins over a timer that is due in the same batch", "[tasks]") {
    test_loop loop;
    std::unique_ptr<step<void>> sleeping;
    loop.loop().call_later(1s, [&] { sleeping->cancel(); });  // armed first, so it runs first
    sleeping = std::make_unique<step<void>>(loop, [] { return aioxx::sleep(1s); });
    loop.advance(1s);
    CHECK_THROWS_AS(sleeping->result(), cancelled_error);
}

TEST_CASE("a timer that is due when its sleep is cancelled does not resume the task later on", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        task_base* self = current_task();
        get_running_loop().call_later(1s, [=] { self->cancel(); });  // in one batch with the timer, and before it
        auto nap = aioxx::sleep(1s);
        CHECK_THROWS_AS(co_await nap, cancelled_error);
        co_await aioxx::sleep(1h);
        CHECK(test.elapsed() == 3601s);
    }(loop));
}

TEST_CASE("sleeps end in the order of their deadlines, and of their beginning when those are equal", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto sleeper = [&](duration delay, std::string text) -> coro<> {
        co_await aioxx::sleep(delay);
        log += text;
    };
    auto c = create_task(loop.loop(), sleeper(2s, "c"));
    auto a = create_task(loop.loop(), sleeper(1s, "a"));
    auto b = create_task(loop.loop(), sleeper(1s, "b"));
    loop.advance(2s);
    CHECK(log == "abc");
}

TEST_CASE("a coroutine of another library can sleep", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto sleeper = [&]() -> foreign {
        co_await aioxx::sleep(0s);
        log += "yielded ";
        co_await aioxx::sleep(1s);
        log += "slept";
    };
    loop.loop().call_soon([&] { sleeper(); });
    loop.settle();
    CHECK(log == "yielded ");
    loop.advance(1s);
    CHECK(log == "yielded slept");
}

TEST_CASE("a sleeping coroutine can be destroyed", "[tasks]") {
    test_loop loop;
    create_task(loop.loop(), []() -> coro<> { co_await aioxx::sleep(1s); }());
    loop.settle();
    loop.loop().close();
    CHECK(loop.loop().tasks().empty());
}
