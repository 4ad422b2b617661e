// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/wait_for.hpp>

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/core/task.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/sync/lock.hpp>
#include <aioxx/sync/queue.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/shield.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "tasks/bodies.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

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

template <class Awaitable>
constexpr bool can_start = requires(Awaitable&& awaited) { create_task(std::forward<Awaitable>(awaited)); };

template <class Awaitable>
constexpr bool can_wait_for =
    requires(Awaitable&& awaited, std::optional<duration> limit) { wait_for(std::forward<Awaitable>(awaited), limit); };

}  // namespace

TEST_CASE("wait_for gives the value of what ends in time", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const int value = co_await wait_for(after(1s, 5), 2s);
        CHECK(value == 5);
        co_await wait_for([]() -> coro<> { co_return; }(), 1s);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a coroutine that takes too long is cancelled, and has ended before timeout_error is thrown", "[tasks][WF002]") {
    test_loop loop;
    std::string log;
    const auto main = [&]() -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(cleaning(log, 0s, true), 1s), timeout_error);
        CHECK(log == "cleaned ");
        CHECK(loop.elapsed() == 1s);
    };
    loop.run(main());
}

TEST_CASE("a limit may be any duration, and NaN is refused", "[tasks][K10]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(wait_forever(), std::chrono::duration<double>(0.5)), timeout_error);
        CHECK(test.elapsed() == 500ms);
        const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
        CHECK_THROWS_AS(wait_for(wait_forever(), nan), std::invalid_argument);
        event never;
        CHECK_THROWS_AS(wait_for(never.wait(), nan), std::invalid_argument);
        const std::chrono::duration<double> endless(std::numeric_limits<double>::infinity());
        const int value = co_await wait_for(after(1h, 1), endless);
        CHECK(value == 1);
    }(loop));
}

TEST_CASE("a coroutine is not started when the limit is zero or negative", "[tasks][WF003]") {
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

TEST_CASE("what is done already gives its outcome however short the limit", "[tasks][WF003]") {
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

TEST_CASE("a task is cancelled and awaited when the limit is zero", "[tasks][WF004][WF008]") {
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

TEST_CASE("without a limit wait_for just waits", "[tasks][WF005]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const int value = co_await wait_for(after(1h, 1), std::nullopt);
        const auto running = create_task(after(1h, 2));
        const int other = co_await wait_for(running, std::nullopt);
        CHECK(value + other == 3);
    }());
    CHECK(loop.elapsed() == 2h);
}

TEST_CASE("a result that is there before the deadline counts, even if it is seen together with it", "[tasks][WF006]") {
    test_loop loop;
    const auto main = [&]() -> coro<> {
        const future<int> number = create_future<int>();
        number.set_result(1);
        loop.system().block(2s);
        const int value = co_await wait_for(number, 1ns);
        CHECK(value == 1);

        // Its timer is armed before that of the limit, and resumes it first.
        const auto sleeping = create_task(after(1s, 2));
        co_await aioxx::sleep(0s);
        const int other = co_await wait_for(sleeping, 1001ms);
        CHECK(other == 2);
    };
    loop.run(main());
}

TEST_CASE("a coroutine that turns its cancellation into a value has its way", "[tasks][WF007]") {
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

TEST_CASE("a long cleanup is waited for", "[tasks][WF008]") {
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

TEST_CASE("another exception thrown during the cancellation comes out", "[tasks][WF009]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        CHECK_THROWS_AS(co_await wait_for(fail_when_cancelled(), 1s), std::runtime_error);
        const auto running = create_task(fail_when_cancelled());
        CHECK_THROWS_AS(co_await wait_for(running, 1s), std::runtime_error);
    }());
}

TEST_CASE("cancelling the caller cancels what it waits for, and waits for its cleanup", "[tasks][WF001][WF010]") {
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

TEST_CASE("a caller that is cancelled when the result arrives gets the cancellation", "[tasks][K1][WF011]") {
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

TEST_CASE("a shielded task survives the limit, and its result can be had later", "[tasks][WF012]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto running = create_task(after(10s, 5));
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

TEST_CASE("an operation that is ready gives its value, one that is late is given up", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        queue<std::unique_ptr<int>> numbers;
        numbers.put_nowait(std::make_unique<int>(1));
        const std::unique_ptr<int> one = co_await wait_for(numbers.get(), 1s);
        CHECK(*one == 1);
        CHECK(test.elapsed() == 0s);

        CHECK_THROWS_AS(co_await wait_for(numbers.get(), 1s), timeout_error);
        CHECK(test.elapsed() == 1s);
        CHECK(current_task()->cancelling() == 0);
        numbers.put_nowait(std::make_unique<int>(2));  // goes to nobody who has left
        CHECK(numbers.qsize() == 1);

        event ready;
        get_running_loop().call_later(2s, [&ready] { ready.set(); });
        CHECK_THROWS_AS(co_await wait_for(ready.wait(), 1s), timeout_error);
        co_await wait_for(ready.wait(), 1h);
        CHECK(test.elapsed() == 3s);
        co_await wait_for(ready.wait(), std::nullopt);
    }(loop));
}

TEST_CASE("an operation with a limit cannot outlive its expression in a task", "[tasks]") {
    static_assert(can_start<coro<>>);
    static_assert(!can_start<decltype(wait_for(std::declval<event&>().wait(), 1s))>);
    static_assert(!can_wait_for<int>);
}

TEST_CASE("an operation may be one that has a name", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        queue<int> numbers;
        get_running_loop().call_later(1s, [&numbers] { numbers.put_nowait(4); });
        auto getting = numbers.get();
        const int number = co_await wait_for(getting, std::chrono::duration<double>(1.5));
        CHECK(number == 4);
    }());
}

TEST_CASE("without time an operation gives what is at hand and never waits", "[tasks][WF003]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        queue<int> numbers;
        numbers.put_nowait(1);
        numbers.put_nowait(2);
        bool others_ran = false;
        const auto other = get_running_loop().call_soon([&others_ran] { others_ran = true; });
        const int first = co_await wait_for(numbers.get(), 0s);
        const int second = co_await wait_for(numbers.get(), -1s);
        CHECK(first + second == 3);
        CHECK_THROWS_AS(co_await wait_for(numbers.get(), 0s), timeout_error);
        CHECK_THROWS_AS(co_await wait_for(aioxx::sleep(0s), 0s), timeout_error);

        lock mutex;
        co_await wait_for(mutex.acquire(), 0s);
        CHECK(mutex.locked());
        CHECK_THROWS_AS(co_await wait_for(mutex.acquire(), 0s), timeout_error);
        mutex.release();
        CHECK_FALSE(mutex.locked());
        CHECK_FALSE(others_ran);
        CHECK(test.elapsed() == 0s);
        co_await aioxx::sleep(0s);
    }(loop));
}

TEST_CASE("an item that arrives with the deadline is not lost", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        queue<int> numbers;
        get_running_loop().call_later(1s, [&numbers] { numbers.put_nowait(7); });
        int got = 0;
        try {
            got = co_await wait_for(numbers.get(), 1s);
        } catch (const timeout_error&) {
        }
        const int left = numbers.empty() ? 0 : numbers.get_nowait();
        CHECK(got + left == 7);
    }());
}

TEST_CASE("cancelling the caller cancels the operation", "[tasks][WF010]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        queue<int> numbers;
        const auto get = [](queue<int>& from) -> coro<int> { co_return co_await wait_for(from.get(), 1h); };
        auto waiting = create_task(get(numbers));
        co_await aioxx::sleep(1s);
        waiting.cancel("enough");
        std::string message;
        try {
            co_await waiting;
        } catch (const cancelled_error& caught) {
            message = caught.message();
        }
        CHECK(message == "enough");
        CHECK(test.elapsed() == 1s);
        numbers.put_nowait(1);
        CHECK(numbers.qsize() == 1);
    }(loop));
}

TEST_CASE("wait_for takes a function that makes what is awaited, and calls it when it is awaited", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        queue<int> numbers;
        int calls = 0;
        const auto get = [&] {
            ++calls;
            return numbers.get();
        };
        auto waiting = create_task(wait_for(get, 1h));
        CHECK(calls == 0);
        co_await aioxx::sleep(1s);
        CHECK(calls == 1);
        numbers.put_nowait(3);
        const int item = co_await waiting;
        CHECK(item == 3);

        const auto by_coroutine = [] { return after(1s, 1); };
        const auto by_task = [] { return create_task(after(1s, 2)); };
        const auto [one, two] = co_await gather(wait_for(by_coroutine, 2s), wait_for(by_task, 2s));
        CHECK(one == 1);
        CHECK(two == 2);
        CHECK_THROWS_AS(co_await wait_for(by_task, 1ms), timeout_error);
    }());
}

TEST_CASE("a coroutine that is not started for want of time was no mistake", "[tasks][WF003]") {
    test_loop loop({.allow_reports = true});
    loop.loop().set_debug(true);
    loop.run([]() -> coro<> { CHECK_THROWS_AS(co_await wait_for(wait_forever(), 0s), timeout_error); }());
    CHECK(loop.reports().empty());
}
