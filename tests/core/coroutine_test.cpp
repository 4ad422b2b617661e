// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/coroutine.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<int> answer() { co_return 42; }
coro<int> answer_later() {
    co_await sleep(1s);
    co_return 42;
}
coro<> fails(bool later) {
    if (later) co_await sleep(1s);
    throw std::runtime_error("x");
}
coro<std::unique_ptr<int>> makes(int value) { co_return std::make_unique<int>(value); }
coro<int&> refers(int& value) { co_return value; }
coro<std::string> converts() { co_return "text"; }

coro<long> sum_of_awaits(int count) {
    long sum = 0;
    for (int number = 0; number < count; ++number) sum += co_await answer();
    co_return sum;
}
coro<int> deep(int depth, bool suspends) {
    if (depth == 0) {
        if (suspends) co_await sleep(1s);
        co_return 0;
    }
    const int below = co_await deep(depth - 1, suspends);
    co_return below + 1;
}

}  // namespace

TEST_CASE("a coroutine runs when it is awaited, not before", "[core]") {
    testing::test_loop loop;
    int runs = 0;
    loop.run([](int& count) -> coro<> {
        auto body = [](int& inner) -> coro<> {
            ++inner;
            co_return;
        };
        coro<> lazy = body(count);
        CHECK(count == 0);
        CHECK(static_cast<bool>(lazy));
        co_await std::move(lazy);
        CHECK(count == 1);
        CHECK_FALSE(static_cast<bool>(lazy));
        coro<> dropped = body(count);
    }(runs));
    CHECK(runs == 1);
}

TEST_CASE("values, references and exceptions come through, from children that suspend and that do not", "[core]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const int at_once = co_await answer();
        CHECK(at_once == 42);
        const int later = co_await answer_later();
        CHECK(later == 42);
        auto made = co_await makes(5);
        CHECK(*made == 5);
        int number = 1;
        int& same = co_await refers(number);
        CHECK(&same == &number);
        const std::string text = co_await converts();
        CHECK(text == "text");
        int caught = 0;
        for (const bool suspends : {false, true}) {
            try {
                co_await fails(suspends);
            } catch (const std::runtime_error&) {
                ++caught;
            }
        }
        CHECK(caught == 2);
    }());
}

TEST_CASE("a child that does not suspend does not suspend its parent", "[core]") {
    testing::test_loop loop;
    int other_ran = 0;
    loop.run([](event_loop& running, int& other) -> coro<> {
        running.call_soon([&other] { ++other; });
        for (int count = 0; count < 100; ++count) co_await answer();
        CHECK(other == 0);
    }(loop.loop(), other_ran));
    CHECK(other_ran == 1);
}

TEST_CASE("a million awaits in a loop do not grow the stack", "[core]") {
    testing::test_loop loop;
    CHECK(loop.run(sum_of_awaits(1'000'000)) == 42'000'000);
}

TEST_CASE("a chain of suspended coroutines unwinds on a flat stack", "[core]") {
    testing::test_loop loop;
    CHECK(loop.run(deep(1000, false)) == 1000);
    CHECK(loop.run(deep(1000, true)) == 1000);
}

TEST_CASE("a coroutine that is dropped destroys its parameters", "[core]") {
    auto kept = std::make_shared<int>(1);
    auto body = [](std::shared_ptr<int> parameter) -> coro<int> { co_return *parameter; };
    {
        coro<int> dropped = body(kept);
        CHECK(kept.use_count() == 2);
        coro<int> moved = std::move(dropped);
        CHECK(kept.use_count() == 2);
    }
    CHECK(kept.use_count() == 1);
}
