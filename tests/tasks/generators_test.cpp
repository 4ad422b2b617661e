// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/generators.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/config.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/count_allocations.hpp"
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

async_generator<int> count_to(int last) {
    for (int number = 1; number <= last; ++number) co_yield number;
}

// What became of the sources of a test.
struct ledger {
    int asked = 0;   // how often an item was asked for
    int closed = 0;  // by generator_exit, after an asynchronous clean-up
    int cancelled = 0;
    int destroyed = 0;
};

// Counts up; an item takes `pause`, the clean-up a second.
async_generator<int> counting(ledger& book, duration pause = 0s) {
    struct at_the_end {
        ledger& book;
        ~at_the_end() { ++book.destroyed; }
    } entry{book};
    bool closed = false;
    try {
        for (int number = 1;; ++number) {
            ++book.asked;
            if (pause != 0s) co_await aioxx::sleep(pause);
            co_yield number;
        }
    } catch (const generator_exit&) {
        closed = true;
    } catch (const cancelled_error&) {
        ++book.cancelled;
        throw;
    }
    if (closed) {
        co_await aioxx::sleep(1s);
        ++book.closed;
    }
}

async_generator<int> failing_after(int last) {
    for (int number = 1; number <= last; ++number) co_yield number;
    throw std::runtime_error("no more");
}

async_generator<int> failing_at_close(const char* text) {
    try {
        for (int number = 1;; ++number) co_yield number;
    } catch (const generator_exit&) {
        throw std::runtime_error(text);
    }
}

coro<int> sum(async_generator<int> numbers) {
    int total = 0;
    while (auto number = co_await numbers.next()) total += *number;
    co_return total;
}

coro<int> sum_of_three(async_generator<int>& numbers) {
    int total = 0;
    for (int count = 0; count < 3; ++count) {
        const auto number = co_await numbers.next();
        if (number) total += *number;
    }
    co_return total;
}

}  // namespace

// The examples of the headers.
TEST_CASE("a consumer is a function that takes an async generator", "[tasks]") {
    struct example {
        static async_generator<int> ticks(int count) {
            for (int tick = 1; tick <= count; ++tick) {
                co_await aioxx::sleep(1s);
                co_yield tick;
            }
        }
        static async_generator<std::string> lines(async_generator<int> numbers) {
            while (auto number = co_await numbers.next()) {
                co_yield (*number == 2 ? "error " : "tick ") + std::to_string(*number);
            }
        }
        static coro<std::string> join(async_generator<std::string> texts) {
            std::string joined;
            while (auto text = co_await texts.next()) joined += *text + ";";
            co_return joined;
        }
        static coro<std::string> find_error(async_generator<std::string> texts) {
            while (auto text = co_await texts.next()) {
                if (text->starts_with("error")) co_return *text;
            }
            co_return "";
        }
    };
    test_loop loop;
    CHECK(loop.run(example::ticks(3) | example::lines | example::join) == "tick 1;error 2;tick 3;");
    CHECK(loop.elapsed() == 3s);
    CHECK(loop.run(with_generator(example::ticks(100) | example::lines, example::find_error)) == "error 2");
    CHECK(loop.elapsed() == 5s);
    const auto square = [](int number) { return number * number; };
    CHECK(loop.run(example::ticks(100) | map(square) | take(3) | collect) == std::vector<int>{1, 4, 9});
}

TEST_CASE("with_generator closes the generator when a consumer has enough", "[tasks]") {
    test_loop loop;
    ledger book;
    CHECK(loop.run(with_generator(counting(book), sum_of_three)) == 6);
    CHECK(book.closed == 1);
    CHECK(book.destroyed == 1);
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("with_generator closes also what a consumer takes by value", "[tasks]") {
    test_loop loop;
    ledger book;
    const auto first = [](async_generator<int> numbers) -> coro<int> {
        const auto number = co_await numbers.next();
        co_return number.value_or(0);
    };
    CHECK(loop.run(with_generator(counting(book), first)) == 1);
    CHECK(book.closed == 1);
    CHECK(loop.run(with_generator(count_to(4), sum)) == 10);
}

TEST_CASE("with_generator keeps a consumer that captures until it has ended", "[tasks]") {
    test_loop loop;
    std::vector<int> seen;
    loop.run(with_generator(
        count_to(3), [&seen, offset = std::make_unique<int>(10)](async_generator<int>& numbers) -> coro<> {
            while (auto number = co_await numbers.next()) {
                co_await aioxx::sleep(1s);
                seen.push_back(*number + *offset);
            }
        }));
    CHECK(seen == std::vector<int>{11, 12, 13});
}

TEST_CASE("with_generator closes the generator when the consumer throws", "[tasks]") {
    test_loop loop;
    ledger book;
    const auto throwing = [](async_generator<int>& numbers) -> coro<> {
        static_cast<void>(co_await numbers.next());
        throw std::runtime_error("cannot take it");
    };
    CHECK(loop.run(failure_of(with_generator(counting(book), throwing))) == "cannot take it");
    CHECK(book.closed == 1);
}

TEST_CASE("with_generator closes the generator when the consumer is cancelled elsewhere", "[tasks]") {
    test_loop loop;
    ledger book;
    const auto busy = [](async_generator<int>& numbers) -> coro<> {
        static_cast<void>(co_await numbers.next());
        co_await create_future<>();
    };
    step consuming(loop, [&] { return with_generator(counting(book), busy); });
    consuming.cancel();
    loop.advance(1s);
    CHECK_THROWS_AS(consuming.result(), cancelled_error);
    CHECK(book.closed == 1);
}

TEST_CASE("with_generator cancels a generator that the consumer waits for", "[tasks]") {
    test_loop loop;
    ledger book;
    step consuming(loop, [&] { return with_generator(counting(book, 10s), sum); });
    consuming.cancel();
    consuming.resume();
    CHECK_THROWS_AS(consuming.result(), cancelled_error);
    CHECK(book.cancelled == 1);
    CHECK(book.closed == 0);
    CHECK(book.destroyed == 1);
}

TEST_CASE("a second cancellation cuts the closing short, and the task ends cancelled", "[tasks]") {
    test_loop loop;
    ledger book;
    step consuming(loop, [&] { return with_generator(counting(book), sum_of_three); });
    CHECK(consuming.pending());  // closing
    consuming.cancel();
    consuming.resume();
    CHECK_THROWS_AS(consuming.result(), cancelled_error);
    CHECK(book.closed == 0);
    CHECK(book.destroyed == 1);
}

TEST_CASE("an error while closing is thrown when there is no other, and reported when there is", "[tasks]") {
    test_loop loop({.allow_reports = true});
    CHECK(loop.run(failure_of(with_generator(failing_at_close("late"), sum_of_three))) == "late");
    CHECK(loop.reports().empty());
    const auto throwing = [](async_generator<int>& numbers) -> coro<> {
        static_cast<void>(co_await numbers.next());
        throw std::runtime_error("early");
    };
    CHECK(loop.run(failure_of(with_generator(failing_at_close("late"), throwing))) == "early");
    REQUIRE(loop.reports().size() == 1);
    CHECK(describe(loop.reports().front().exception) == "late");
}

TEST_CASE("a cancellation goes before an error, whichever was first", "[tasks]") {
    test_loop loop({.allow_reports = true});
    ledger book;
    const auto throwing = [](async_generator<int>& numbers) -> coro<> {
        static_cast<void>(co_await numbers.next());
        throw std::runtime_error("early");
    };
    SECTION("the error first") {
        step consuming(loop, [&] { return with_generator(counting(book), throwing); });
        consuming.cancel();  // while it closes
        consuming.resume();
        CHECK_THROWS_AS(consuming.result(), cancelled_error);
        REQUIRE(loop.reports().size() == 1);
        CHECK(describe(loop.reports().front().exception) == "early");
    }
    SECTION("the cancellation first") {
        const auto busy = [](async_generator<int>& numbers) -> coro<> {
            static_cast<void>(co_await numbers.next());
            co_await create_future<>();
        };
        step consuming(loop, [&] { return with_generator(failing_at_close("late"), busy); });
        consuming.cancel();
        consuming.resume();
        CHECK_THROWS_AS(consuming.result(), cancelled_error);
        REQUIRE(loop.reports().size() == 1);
        CHECK(describe(loop.reports().front().exception) == "late");
    }
}

TEST_CASE("map gives what a function makes of each item", "[tasks]") {
    test_loop loop;
    const auto doubled = map([](int number) { return 2 * number; });
    CHECK(loop.run(count_to(3) | doubled | collect) == std::vector<int>{2, 4, 6});
    CHECK(loop.run(count_to(2) | doubled | collect) == std::vector<int>{2, 4});  // a step may be used again
}

TEST_CASE("map takes coroutine functions, functions that can only be moved, and gives references on",
          "[tasks]") {
    test_loop loop;
    const auto later = [](int number) -> coro<std::unique_ptr<int>> {
        co_await aioxx::sleep(1s);
        co_return std::make_unique<int>(number);
    };
    auto plus = [offset = std::make_unique<int>(10)](std::unique_ptr<int> number) {
        return *number + *offset;
    };
    CHECK(loop.run(count_to(2) | map(later) | map(std::move(plus)) | collect) == std::vector<int>{11, 12});
    CHECK(loop.elapsed() == 2s);

    struct record {
        std::string name;
    };
    std::vector<record> records{{"a"}, {"b"}};
    auto references = [](std::vector<record>& of) -> async_generator<record&> {
        for (record& each : of) co_yield each;
    };
    loop.run(references(records) | map(&record::name) |
             filter([](const std::string& name) { return name == "b"; }) |
             for_each([](std::string& name) { name = "changed"; }));
    CHECK(records[0].name == "a");
    CHECK(records[1].name == "changed");
}

TEST_CASE("filter gives the items for which a predicate holds, plain or coroutine", "[tasks]") {
    test_loop loop;
    CHECK(loop.run(count_to(6) | filter([](int number) { return number % 2 == 0; }) | collect) ==
          std::vector<int>{2, 4, 6});
    const auto odd = [](int number) -> coro<bool> {
        co_await aioxx::sleep(1s);
        co_return number % 2 == 1;
    };
    CHECK(loop.run(count_to(6) | filter(odd) | collect) == std::vector<int>{1, 3, 5});
    CHECK(loop.elapsed() == 6s);
    const auto pointers = map([](int number) { return std::make_unique<int>(number); });
    const auto kept = loop.run(count_to(3) | pointers |
                               filter([](const auto& pointer) { return *pointer != 2; }) | collect);
    REQUIRE(kept.size() == 2);
    CHECK(*kept[1] == 3);
}

TEST_CASE("take asks for no item more than it gives, and closes the source", "[tasks]") {
    for (const int count : {0, 1, 3}) {
        CAPTURE(count);
        test_loop loop;
        ledger book;
        CHECK(loop.run(counting(book) | take(static_cast<std::size_t>(count)) | collect).size() ==
              static_cast<std::size_t>(count));
        CHECK(book.asked == count);
        CHECK(book.closed == (count == 0 ? 0 : 1));
    }
}

TEST_CASE("take gives fewer when the source has fewer", "[tasks]") {
    test_loop loop;
    CHECK(loop.run(count_to(2) | take(5) | collect) == std::vector<int>{1, 2});
}

TEST_CASE("take_while ends before the first item that does not fit, and closes the source", "[tasks]") {
    test_loop loop;
    ledger book;
    CHECK(loop.run(counting(book) | take_while([](int number) { return number % 4 != 0; }) | collect) ==
          std::vector<int>{1, 2, 3});
    CHECK(book.asked == 4);
    CHECK(book.closed == 1);
}

TEST_CASE("enumerate numbers the items", "[tasks]") {
    test_loop loop;
    const auto pairs = loop.run(count_to(2) | enumerate(7) | collect);
    REQUIRE(pairs.size() == 2);
    CHECK(pairs[0] == std::pair<std::size_t, int>(7, 1));
    CHECK(pairs[1] == std::pair<std::size_t, int>(8, 2));
}

TEST_CASE("chunk gives full vectors, and the rest at the end", "[tasks]") {
    test_loop loop;
    using chunks = std::vector<std::vector<int>>;
    CHECK(loop.run(count_to(0) | chunk(2) | collect).empty());
    CHECK(loop.run(count_to(1) | chunk(2) | collect) == chunks{{1}});
    CHECK(loop.run(count_to(2) | chunk(2) | collect) == chunks{{1, 2}});
    CHECK(loop.run(count_to(3) | chunk(2) | collect) == chunks{{1, 2}, {3}});
    CHECK_THROWS_AS(chunk(0), std::invalid_argument);
}

TEST_CASE("flatten gives the items of generators one after the other", "[tasks]") {
    test_loop loop;
    CHECK(loop.run(count_to(3) | map(count_to) | flatten | collect) == std::vector<int>{1, 1, 2, 1, 2, 3});
}

TEST_CASE("flatten closes the part it stands in and the source", "[tasks]") {
    test_loop loop;
    ledger parts;
    ledger source;
    const auto part = map([&parts](int) { return counting(parts); });
    CHECK(loop.run(counting(source) | part | flatten | take(2) | collect) == std::vector<int>{1, 2});
    CHECK(parts.closed == 1);
    CHECK(source.closed == 1);
    CHECK(source.asked == 1);
}

TEST_CASE("from_range keeps a range, or what a view refers to", "[tasks]") {
    test_loop loop;
    std::vector<int> numbers{1, 2};
    auto kept = from_range(numbers);
    auto seen = from_range(std::views::all(numbers));
    numbers[0] = 9;
    CHECK(loop.run(std::move(kept) | collect) == std::vector<int>{1, 2});
    CHECK(loop.run(std::move(seen) | collect) == std::vector<int>{9, 2});
    CHECK(loop.run(from_range(std::views::iota(1, 4)) | collect) == std::vector<int>{1, 2, 3});
}

TEST_CASE("for_each calls a function with one item at a time, and closes the source when it throws",
          "[tasks]") {
    test_loop loop;
    std::string log;
    const auto slow = [&log](int number) -> coro<> {
        log += "<";
        co_await aioxx::sleep(1s);
        log += std::to_string(number) + ">";
    };
    loop.run(count_to(2) | for_each(slow));
    CHECK(log == "<1><2>");
    ledger book;
    const auto picky = for_each([](int number) {
        if (number == 2) throw std::runtime_error("not this one");
    });
    CHECK(loop.run(failure_of(counting(book) | picky)) == "not this one");
    CHECK(book.closed == 1);
}

TEST_CASE("an error of the source passes through all steps after the items before it", "[tasks]") {
    test_loop loop;
    std::vector<int> seen;
    auto pipe = failing_after(2) | map([](int number) { return number; }) | filter([](int) { return true; }) |
                enumerate();
    CHECK(loop.run(next_of(pipe))->second == 1);
    CHECK(loop.run(next_of(pipe))->second == 2);
    CHECK(loop.run(failure_of(next_of(pipe))) == "no more");
    CHECK(!loop.run(next_of(pipe)));
}

TEST_CASE("an error of a function closes the source before it comes out", "[tasks]") {
    test_loop loop;
    ledger book;
    auto pipe = counting(book) | map([](int number) -> int {
                    if (number == 2) throw std::runtime_error("two");
                    return number;
                }) |
                take(5);
    CHECK(loop.run(next_of(pipe)) == 1);
    CHECK(loop.run(failure_of(next_of(pipe))) == "two");
    CHECK(book.closed == 1);
    CHECK(!loop.run(next_of(pipe)));
}

TEST_CASE("a pipe that is closed after any number of items closes its source once", "[tasks]") {
    for (const int items : {0, 1, 2, 3}) {
        for (const bool waits : {false, true}) {
            CAPTURE(items, waits);
            test_loop loop;
            ledger book;
            {
                auto pipe = counting(book, waits ? duration(1s) : duration(0s)) |
                            map([](int number) { return number; }) | filter([](int) { return true; }) |
                            chunk(1) | enumerate() | take(10);
                for (int item = 0; item < items; ++item) CHECK(loop.run(next_of(pipe)).has_value());
                loop.run(close(pipe));
                CHECK(book.closed == (items == 0 ? 0 : 1));
                CHECK(book.asked == items);
                CHECK(!loop.run(next_of(pipe)));
            }
            CHECK(book.destroyed == (items == 0 ? 0 : 1));
        }
    }
}

TEST_CASE("a pipe that is dropped after any number of items destroys its source at once", "[tasks]") {
    for (const int items : {0, 1, 2}) {
        CAPTURE(items);
        test_loop loop;
        ledger book;
        {
            auto pipe = counting(book) | map([](int number) { return number; }) | take(10);
            for (int item = 0; item < items; ++item) loop.run(next_of(pipe));
        }
        CHECK(book.destroyed == (items == 0 ? 0 : 1));
        CHECK(book.closed == 0);
    }
}

TEST_CASE("a cancellation ends a pipe wherever it waits, and closes what is before that", "[tasks]") {
    test_loop loop;
    ledger book;
    SECTION("in the source") {
        auto pipe = counting(book, 1s) | map([](int number) { return number; }) | take(10);
        step asking(loop, [&] { return next_of(pipe); });
        asking.cancel();
        asking.resume();
        CHECK_THROWS_AS(asking.result(), cancelled_error);
        CHECK(book.cancelled == 1);
        CHECK(!loop.run(next_of(pipe)));
    }
    SECTION("in a function") {
        auto pipe = counting(book) | filter([](int) -> coro<bool> {
                        co_await create_future<>();
                        co_return true;
                    });
        step asking(loop, [&] { return next_of(pipe); });
        asking.cancel();
        loop.advance(1s);
        CHECK_THROWS_AS(asking.result(), cancelled_error);
        CHECK(book.closed == 1);
    }
    SECTION("between the wake-up and the resumption") {
        const future<> opened(loop.loop());
        auto pipe = counting(book) | map([opened](int number) -> coro<int> {
                        co_await opened;
                        co_return number;
                    });
        step asking(loop, [&] { return next_of(pipe); });
        opened.set_result();
        asking.cancel();
        loop.advance(1s);
        CHECK_THROWS_AS(asking.result(), cancelled_error);
        CHECK(book.closed == 1);
    }
}

// Without the pool, as under AddressSanitizer, each frame is an allocation.
#if !defined(AIOXX_NO_FRAME_POOL)

TEST_CASE("a pipe allocates its frames and nothing for an item", "[tasks]") {
    test_loop loop;
    const long counted = loop.run([]() -> coro<long> {
        long before = 0;
        for (int round = 0; round < 2; ++round) {  // the first one fills the pool
            before = support::allocations;
            int total = 0;
            co_await (count_to(1000) | map([](int number) { return 2 * number; }) |
                      filter([](int number) -> coro<bool> { co_return number % 3 == 0; }) | enumerate() |
                      take(300) | for_each([&total](auto item) { total += item.second; }));
            CHECK(total > 0);
        }
        co_return support::allocations - before;
    }());
    CHECK(counted == 0);
}

#endif
