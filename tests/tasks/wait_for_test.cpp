// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/wait_for.hpp>

#include <chrono>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/shield.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

coro<int> number_after(duration delay, int number) {
    co_await aioxx::sleep(delay);
    co_return number;
}
coro<> wait_forever() { co_await create_future<>(); }

// Needs time to end once it is cancelled. Returns: whether it was, or passes the cancellation on.
coro<bool> cleaning(std::string& log, duration needed, bool passes_on) {
    bool cancelled = false;
    try {
        co_await aioxx::sleep(1h);
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) co_await aioxx::sleep(needed);
    log += "cleaned ";
    if (passes_on) throw cancelled_error();
    co_return cancelled;
}

coro<> fail_when_cancelled() {
    try {
        co_await wait_forever();
    } catch (const cancelled_error&) {
    }
    throw std::runtime_error("in cleanup");
}

}  // namespace

TEST_CASE("wait_for gives the value of what ends in time", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const int value = co_await wait_for(number_after(1s, 5), 2s);
        CHECK(value == 5);
        co_await wait_for([]() -> coro<> { co_return; }(), 1s);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("WF002 a coroutine that takes too long is cancelled, and has ended before timeout_error is thrown", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto main = [&]() -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(cleaning(log, 0s, true), 1s), timeout_error);
        CHECK(log == "cleaned ");
        CHECK(loop.elapsed() == 1s);
    };
    loop.run(main());
}

TEST_CASE("a limit may be any duration, and NaN is refused", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(wait_forever(), std::chrono::duration<double>(0.5)), timeout_error);
        CHECK(test.elapsed() == 500ms);
        const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
        CHECK_THROWS_AS(wait_for(wait_forever(), nan), std::invalid_argument);
    }(loop));
}

TEST_CASE("WF003 a coroutine is not started when the limit is zero or negative", "[tasks]") {
    test_loop loop;
    bool started = false;
    const auto body = [&]() -> coro<> {
        started = true;
        co_return;
    };
    const auto main = [&]() -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(body(), 0s), timeout_error);
        CHECK_THROWS_AS(co_await wait_for(body(), -1s), timeout_error);
    };
    loop.run(main());
    CHECK_FALSE(started);
}

TEST_CASE("WF003 what is done already gives its outcome however short the limit", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const future<int> done = create_future<int>();
        done.set_result(3);
        const int first = co_await wait_for(done, 0s);
        const int second = co_await wait_for(done, -1s);
        CHECK(first + second == 6);

        const future<int> failed = create_future<int>();
        failed.set_exception(std::make_exception_ptr(std::runtime_error("no")));
        CHECK_THROWS_AS(co_await wait_for(failed, 0s), std::runtime_error);
    }());
}

TEST_CASE("WF004 a task is cancelled and awaited when the limit is zero", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto main = [&]() -> coro<> {
        const auto running = create_task(cleaning(log, 1s, true));
        co_await aioxx::sleep(0s);
        CHECK_THROWS_AS(co_await wait_for(running, 0s), timeout_error);
        CHECK(running.cancelled());
        CHECK(log == "cleaned ");
    };
    loop.run(main());
}

TEST_CASE("WF005 without a limit wait_for just waits", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const int value = co_await wait_for(number_after(1h, 1), std::nullopt);
        const auto running = create_task(number_after(1h, 2));
        const int other = co_await wait_for(running, std::nullopt);
        CHECK(value + other == 3);
    }());
    CHECK(loop.elapsed() == 2h);
}

TEST_CASE("WF006 a result that is there before the deadline counts, even if it is seen together with it", "[tasks]") {
    test_loop loop;
    const auto main = [&]() -> coro<> {
        const future<int> number = create_future<int>();
        number.set_result(1);
        loop.system().block(2s);
        const int value = co_await wait_for(number, 1ns);
        CHECK(value == 1);

        // Its timer is armed before that of the limit, and resumes it first.
        const auto sleeping = create_task(number_after(1s, 2));
        co_await aioxx::sleep(0s);
        const int other = co_await wait_for(sleeping, 1001ms);
        CHECK(other == 2);
    };
    loop.run(main());
}

TEST_CASE("WF007 a coroutine that turns its cancellation into a value has its way", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto main = [&]() -> coro<> {
        const bool was_cancelled = co_await wait_for(cleaning(log, 0s, false), 1s);
        CHECK(was_cancelled);
        CHECK(current_task()->cancelling() == 0);

        const auto running = create_task(cleaning(log, 0s, false));
        const bool task_was_cancelled = co_await wait_for(running, 1s);
        CHECK(task_was_cancelled);
    };
    loop.run(main());
}

TEST_CASE("WF008 a long cleanup is waited for", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto main = [&]() -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(cleaning(log, 10s, true), 1s), timeout_error);
        CHECK(loop.elapsed() == 11s);
        const auto running = create_task(cleaning(log, 10s, true));
        CHECK_THROWS_AS(co_await wait_for(running, 1s), timeout_error);
        CHECK(loop.elapsed() == 22s);
    };
    loop.run(main());
    CHECK(log == "cleaned cleaned ");
}

TEST_CASE("WF009 another exception thrown during the cancellation comes out", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(fail_when_cancelled(), 1s), std::runtime_error);
        const auto running = create_task(fail_when_cancelled());
        CHECK_THROWS_AS(co_await wait_for(running, 1s), std::runtime_error);
    }());
}

TEST_CASE("WF001 WF010 cancelling the caller cancels what it waits for, and waits for its cleanup", "[tasks]") {
    test_loop loop;
    std::string log;
    for (const bool limited : {false, true}) {
        log.clear();
        const auto start = loop.now();
        const auto main = [&]() -> coro<> {
            const auto running = create_task(cleaning(log, 2s, true));
            const auto limit = limited ? std::optional<duration>(1h) : std::nullopt;
            auto waiting = create_task(wait_for(running, limit));
            co_await aioxx::sleep(1s);
            waiting.cancel();
            CHECK_THROWS_AS(co_await waiting, cancelled_error);
            CHECK(running.cancelled());
            CHECK(log == "cleaned ");
            CHECK(loop.now() - start == 3s);
        };
        loop.run(main());
    }
}

TEST_CASE("K1 WF011 a caller that is cancelled when the result arrives gets the cancellation", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const future<std::string> text = create_future<std::string>();
        auto waiting = create_task(wait_for(text, 1h));
        co_await aioxx::sleep(0s);
        text.set_result("intact");
        waiting.cancel();
        CHECK_THROWS_AS(co_await waiting, cancelled_error);
        CHECK(text.result() == "intact");
    }());
}

TEST_CASE("WF012 a shielded task survives the limit, and its result can be had later", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto running = create_task(number_after(10s, 5));
        CHECK_THROWS_AS(co_await wait_for(shield(running), 0s), timeout_error);
        CHECK_THROWS_AS(co_await wait_for(shield(running), 1s), timeout_error);
        CHECK_FALSE(running.done());
        const int value = co_await wait_for(shield(running), std::nullopt);
        CHECK(value == 5);
    }());
    CHECK(loop.elapsed() == 10s);
}

TEST_CASE("wait_for moves the value of a task that is given away, and copies that of one that is kept", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto unique = create_task([]() -> coro<std::unique_ptr<int>> { co_return std::make_unique<int>(3); }());
        const std::unique_ptr<int> value = co_await wait_for(std::move(unique), 1s);
        CHECK(*value == 3);

        const auto kept = create_task([]() -> coro<std::string> { co_return "kept"; }());
        const std::string copy = co_await wait_for(kept, 1s);
        CHECK(copy == kept.result());
    }());
}

TEST_CASE("wait_for can be nested: the shorter limit counts", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(wait_for(wait_forever(), 1s), 1h), timeout_error);
        CHECK(test.elapsed() == 1s);
        CHECK_THROWS_AS(co_await wait_for(wait_for(wait_forever(), 1h), 1s), timeout_error);
        CHECK(test.elapsed() == 2s);
        CHECK(current_task()->cancelling() == 0);
    }(loop));
}
