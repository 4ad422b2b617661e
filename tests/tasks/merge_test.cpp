// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/merge.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/cancel_scope.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/generators.hpp"

using namespace aioxx;
using namespace aioxx::generators;
using namespace std::chrono_literals;
using support::close;
using support::failure_of;
using support::next_of;
using testing::step;
using testing::test_loop;

namespace {

// What became of a source.
struct ledger {
    int made = 0;  // items
    int closed = 0;
    int cancelled = 0;
    int destroyed = 0;
};

// Counts up from `first`, an item each `pause`; its clean-up after a close or a cancellation takes a second.
async_generator<int> every(duration pause, int first, ledger& book) {
    struct at_the_end {
        ledger& book;
        ~at_the_end() { ++book.destroyed; }
    } entry{book};
    bool closed = false;
    bool cancelled = false;
    try {
        for (int number = first;; ++number) {
            if (pause != 0s) co_await aioxx::sleep(pause);
            ++book.made;
            co_yield number;
        }
    } catch (const generator_exit&) {
        closed = true;
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    co_await aioxx::sleep(1s);
    if (closed) ++book.closed;
    if (cancelled) {
        ++book.cancelled;
        throw cancelled_error();
    }
}

async_generator<int> range(int first, int last, duration pause = 0s) {
    for (int number = first; number <= last; ++number) {
        if (pause != 0s) co_await aioxx::sleep(pause);
        co_yield number;
    }
}

async_generator<int> failing_after(duration delay, const char* text = "broken") {
    co_await aioxx::sleep(delay);
    co_yield -1;
    throw std::runtime_error(text);
}

}  // namespace

TEST_CASE("merge gives the items of all sources in the order in which they arrive", "[tasks]") {
    test_loop loop;
    const auto merged =
        loop.run(merge(range(1, 3, 20ms), range(11, 13, 31ms), range(21, 21, 45ms)) | collect);
    CHECK(merged == std::vector<int>{1, 11, 2, 21, 3, 12, 13});
    CHECK(loop.elapsed() == 93ms);
}

TEST_CASE("merge gives sources that never wait their turns", "[tasks]") {
    test_loop loop;
    ledger one;
    ledger two;
    const auto merged = loop.run(merge(every(0s, 0, one), every(0s, 100, two)) | take(6) | collect);
    CHECK(merged == std::vector<int>{0, 100, 1, 101, 2, 102});
}

TEST_CASE("merge takes any number of sources, also none", "[tasks]") {
    test_loop loop;
    CHECK(loop.run(merge(std::vector<async_generator<int>>()) | collect).empty());
    std::vector<async_generator<int>> sources;
    for (int number = 0; number < 100; ++number) sources.push_back(range(number, number));
    CHECK(loop.run(merge(std::move(sources)) | collect).size() == 100);
    CHECK(loop.run(merge(range(1, 2)) | collect) == std::vector<int>{1, 2});
}

TEST_CASE("a merged source is at most one item ahead", "[tasks]") {
    test_loop loop({.allow_lost_tasks = true});
    ledger book;
    auto merged = merge(every(0s, 1, book), every(1h, 1, book));
    CHECK(book.made == 0);
    for (int number = 1; number <= 3; ++number) {
        CHECK(loop.run(next_of(merged)) == number);
        loop.advance(1s);
        CHECK(book.made == number + 1);
    }
    loop.run(close(merged));
}

TEST_CASE("items that can only be moved pass through merge and buffered", "[tasks]") {
    test_loop loop;
    const auto boxes = map([](int number) { return std::make_unique<int>(number); });
    const auto merged = loop.run(merge(range(1, 1) | boxes, range(2, 2) | boxes) | buffered(2) | collect);
    REQUIRE(merged.size() == 2);
    CHECK(*merged[1] == 2);
}

TEST_CASE("a source that fails ends merge and cancels the other sources", "[tasks]") {
    test_loop loop({.allow_lost_tasks = true});
    ledger silent;
    ledger talking;
    auto merged = merge(failing_after(5s), every(1h, 0, silent), every(4s, 100, talking));
    CHECK(loop.run(next_of(merged)) == 100);
    CHECK(loop.run(next_of(merged)) == -1);
    CHECK(loop.run(failure_of(next_of(merged))) == "broken");
    CHECK(loop.elapsed() == 6s);  // the clean-up of the others, at the same time
    CHECK(silent.cancelled == 1);
    CHECK(talking.cancelled == 1);
    CHECK(!loop.run(next_of(merged)));
    CHECK(loop.loop().tasks().empty());
}

TEST_CASE("items that arrived before a failure are given before it, and none that came later", "[tasks]") {
    const auto fails = [](duration delay) -> async_generator<int> {
        co_await aioxx::sleep(delay);
        throw std::runtime_error("broken");
        co_yield 0;
    };
    for (const auto delay : {5s, 9s}) {
        CAPTURE(delay.count());
        test_loop loop({.allow_lost_tasks = true});
        ledger book;
        auto merged = merge(fails(delay), every(4s, 100, book));
        CHECK(loop.run(next_of(merged)) == 100);
        loop.advance(10s);
        CHECK(book.made == 2);  // the second one at 8 s
        if (delay == 9s) CHECK(loop.run(next_of(merged)) == 101);
        CHECK(loop.run(failure_of(next_of(merged))) == "broken");
        CHECK(book.closed == 1);
        CHECK(loop.loop().tasks().empty());
    }
}

TEST_CASE("of several failures the first one is thrown, and the others are reported", "[tasks]") {
    test_loop loop({.allow_reports = true});
    const auto late = []() -> async_generator<int> {
        try {
            co_await create_future<>();
        } catch (const cancelled_error&) {
            throw std::runtime_error("second");
        }
        co_yield 1;
    };
    CHECK(loop.run(failure_of(merge(failing_after(1s, "first"), late()) | collect)) == "first");
    REQUIRE(loop.reports().size() == 1);
    CHECK(describe(loop.reports().front().exception) == "second");
}

TEST_CASE("a source that fails while merge is closed gives aclose its error", "[tasks]") {
    test_loop loop({.allow_lost_tasks = true});
    const auto late = []() -> async_generator<int> {
        try {
            co_await create_future<>();
        } catch (const cancelled_error&) {
            throw std::runtime_error("cannot end");
        }
        co_yield 1;
    };
    auto merged = merge(range(1, 1), late());
    CHECK(loop.run(next_of(merged)) == 1);
    CHECK(loop.run(failure_of(close(merged))) == "cannot end");
}

TEST_CASE("merge that is closed after any number of items ends and closes all sources", "[tasks]") {
    for (const int items : {0, 1, 2, 3, 4}) {
        CAPTURE(items);
        test_loop loop({.allow_lost_tasks = true});
        ledger fast;
        ledger slow;
        ledger silent;
        {
            auto merged = merge(every(0s, 0, fast), every(1s, 100, slow), every(1h, 0, silent));
            for (int item = 0; item < items; ++item) CHECK(loop.run(next_of(merged)).has_value());
            loop.run(close(merged));
            CHECK(loop.loop().tasks().empty());
            CHECK(!loop.run(next_of(merged)));
            if (items > 0) {
                CHECK(fast.closed + fast.cancelled == 1);
                CHECK(slow.closed + slow.cancelled <= 1);
                CHECK(silent.closed == 0);
            }
        }
        CHECK(fast.destroyed == (fast.made > 0 ? 1 : 0));
        CHECK(slow.closed + slow.cancelled == slow.destroyed);
        CHECK(silent.cancelled == silent.destroyed);
    }
}

TEST_CASE("merge that is dropped after any number of items cancels its sources, which end by themselves",
          "[tasks]") {
    for (const int items : {0, 1, 2, 3}) {
        CAPTURE(items);
        test_loop loop;
        ledger one;
        ledger two;
        loop.run([](ledger& first, ledger& second, int count) -> coro<> {
            {
                auto merged = merge(every(1ms, 0, first), every(10s, 100, second));
                for (int item = 0; item < count; ++item) static_cast<void>(co_await merged.next());
            }
            co_await aioxx::sleep(2s);
        }(one, two, items));
        CHECK(one.destroyed == (items == 0 ? 0 : 1));
        CHECK(two.destroyed == one.destroyed);
        CHECK(two.cancelled == two.destroyed);
        CHECK(loop.loop().tasks().empty());
    }
}

TEST_CASE("cancelling a task that waits for merge ends all sources before the task", "[tasks]") {
    test_loop loop;
    ledger one;
    ledger two;
    auto merged = merge(every(1h, 0, one), every(2h, 0, two));
    step asking(loop, [&] { return next_of(merged); });
    CHECK(asking.pending());
    asking.cancel();
    asking.resume();
    CHECK(!asking.ready());  // the clean-up of the sources takes a second
    SECTION("however long they take") {
        loop.advance(1s);
        CHECK(one.cancelled + two.cancelled == 2);
    }
    SECTION("cut short by a second cancellation") {
        asking.cancel();
        asking.resume();
        CHECK(one.cancelled + two.cancelled == 0);
    }
    CHECK_THROWS_AS(asking.result(), cancelled_error);
    CHECK(loop.loop().tasks().empty());
    CHECK(!loop.run(next_of(merged)));
}

TEST_CASE("a task that is cancelled after an item has woken it ends merge", "[tasks]") {
    test_loop loop;
    const future<> opened(loop.loop());
    auto merged = merge([](future<> first) -> async_generator<int> {
        co_await first;
        co_yield 1;
    }(opened));
    std::optional<step<std::optional<int>>> asking;
    asking.emplace(loop, [&] { return next_of(merged); });
    opened.set_result();
    loop.loop().call_soon([&asking] { asking->cancel(); });  // after the source's task, before the asking one
    loop.settle();
    CHECK_THROWS_AS(asking->result(), cancelled_error);
    CHECK(!loop.run(next_of(merged)));
    CHECK(loop.loop().tasks().empty());
}

TEST_CASE("a merge in a cancel scope that is cancelled ends its sources", "[tasks]") {
    test_loop loop;
    ledger book;
    const bool finished = loop.run([](ledger& one) -> coro<bool> {
        cancel_scope scope;
        get_running_loop().call_later(1s, [&scope] { scope.cancel(); });
        auto endless = merge(every(1h, 0, one), every(0s, 0, one) | filter([](int number) -> coro<bool> {
                                                    co_await aioxx::sleep(1h);
                                                    co_return number > 0;
                                                })) |
                       for_each([](int) {});
        co_return co_await scope.run(std::move(endless));
    }(book));
    CHECK(!finished);
    CHECK(book.destroyed == 2);
    CHECK(loop.loop().tasks().empty());
}

TEST_CASE("a source whose task is cancelled by somebody else ends merge with that cancellation", "[tasks]") {
    const auto cancel_the_second = [](test_loop& loop) {
        auto* main = loop.loop().tasks().front();
        REQUIRE(main != nullptr);
        auto* source = loop.loop().tasks().next(*main);
        REQUIRE(source != nullptr);
        static_cast<task_base*>(source)->cancel();
    };
    SECTION("while it runs") {
        test_loop loop;
        ledger book;
        auto merged = merge(every(1h, 0, book));
        step asking(loop, [&] { return next_of(merged); });
        cancel_the_second(loop);
        loop.advance(1s);
        CHECK_THROWS_AS(asking.result(), cancelled_error);
        CHECK(book.destroyed == 1);
    }
    SECTION("before its first step") {
        test_loop loop;
        ledger book;
        auto merged = merge(every(1h, 0, book));
        task<std::optional<int>> starting = create_task(loop.loop(), next_of(merged));
        loop.loop().call_soon(
            [&] { cancel_the_second(loop); });  // in the same batch as the task that starts them
        loop.settle();
        REQUIRE(starting.done());
        CHECK(starting.cancelled());
        CHECK(book.made == 0);
    }
}

TEST_CASE("a source that swallows its cancellation and goes on yielding is ended all the same", "[tasks]") {
    test_loop loop({.allow_lost_tasks = true});
    int rounds = 0;
    const auto stubborn = [](int& counted) -> async_generator<int> {
        for (;;) {
            try {
                co_await create_future<>();
            } catch (const cancelled_error&) {
            }
            ++counted;
            co_yield counted;
        }
    };
    auto merged = merge(stubborn(rounds), range(7, 7));
    CHECK(loop.run(next_of(merged)) == 7);
    loop.run(close(merged));
    CHECK(rounds == 1);
    CHECK(loop.loop().tasks().empty());
}

TEST_CASE("a loop that is closed destroys merge and its sources where they stand", "[tasks]") {
    ledger book;
    {
        test_loop loop({.allow_lost_tasks = true});
        create_task(loop.loop(), merge(every(1h, 0, book), every(0s, 0, book)) |
                                     for_each([](int) -> coro<> { co_await create_future<>(); }));
        loop.settle();
        loop.loop().close();
        CHECK(book.destroyed == 2);
    }
    {
        std::optional<async_generator<int>> merged(merge(every(1h, 0, book), every(0s, 0, book)));
        {
            test_loop loop({.allow_lost_tasks = true});
            create_task(loop.loop(), next_of(*merged));
            loop.settle();
        }
        merged.reset();
        CHECK(book.destroyed == 4);
    }
    CHECK(book.closed + book.cancelled == 0);
}

TEST_CASE("shutdown ends a merge that nobody closed, and its sources", "[tasks]") {
    test_loop loop({.allow_lost_tasks = true});
    ledger one;
    ledger two;
    auto merged = merge(every(0s, 0, one), every(1h, 0, two));
    CHECK(loop.run(next_of(merged)) == 0);
    loop.run(shutdown_async_generators(loop.loop()));
    CHECK(one.closed == 1);
    CHECK(two.cancelled == 1);
    CHECK(loop.loop().tasks().empty());
}

TEST_CASE("buffered lets a source and its consumer work at the same time", "[tasks]") {
    test_loop loop;
    const auto slow = [](int) -> coro<> { co_await aioxx::sleep(1s); };
    loop.run(range(1, 10, 1s) | for_each(slow));
    CHECK(loop.elapsed() == 20s);
    loop.run(range(1, 10, 1s) | buffered(1) | for_each(slow));
    CHECK(loop.elapsed() == 31s);
}

TEST_CASE("buffered gives what is left after its source has ended", "[tasks]") {
    test_loop loop;
    std::vector<int> seen;
    const auto slow = [&seen](int number) -> coro<> {
        co_await aioxx::sleep(1s);
        seen.push_back(number);
    };
    loop.run(range(1, 5) | buffered(3) | for_each(slow));
    CHECK(seen == std::vector<int>{1, 2, 3, 4, 5});
}

TEST_CASE("buffered runs ahead by its limit and no further", "[tasks]") {
    for (const int limit : {1, 2, 5}) {
        CAPTURE(limit);
        test_loop loop({.allow_lost_tasks = true});
        ledger book;
        auto items = every(0s, 1, book) | buffered(static_cast<std::size_t>(limit));
        loop.settle();
        CHECK(book.made == 0);
        CHECK(loop.run(next_of(items)) == 1);
        loop.advance(1s);
        CHECK(book.made == 1 + limit);
        CHECK(loop.run(next_of(items)) == 2);
        loop.advance(1s);
        CHECK(book.made == 2 + limit);
        loop.run(close(items));
        CHECK(book.closed + book.cancelled == 1);
        CHECK(loop.loop().tasks().empty());
    }
    CHECK_THROWS_AS(buffered(0), std::invalid_argument);
}

TEST_CASE("buffered gives the items before the error of its source", "[tasks]") {
    test_loop loop({.allow_lost_tasks = true});
    auto items = failing_after(1s) | buffered(5);
    CHECK(loop.run(next_of(items)) == -1);
    loop.advance(1s);
    CHECK(loop.run(failure_of(next_of(items))) == "broken");
    CHECK(!loop.run(next_of(items)));
}
