// SPDX-License-Identifier: BSL-1.0

#include <aioxx/core/async_generator.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/generators.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::close;
using support::failure_of;
using support::next_of;
using testing::step;
using testing::test_loop;

namespace {

// Writes into a log that it was destroyed.
class witness {
public:
    witness(std::string& log, std::string name) : log_(&log), name_(std::move(name)) {}
    witness(witness&& other) noexcept
        : log_(std::exchange(other.log_, nullptr)), name_(std::move(other.name_)) {}
    ~witness() {
        if (log_ != nullptr) *log_ += "~" + name_ + " ";
    }

private:
    std::string* log_;
    std::string name_;
};

async_generator<int> count_to(int last) {
    for (int number = 1; number <= last; ++number) co_yield number;
}

async_generator<int> slowly(int last, duration pause) {
    for (int number = 1; number <= last; ++number) {
        co_await aioxx::sleep(pause);
        co_yield number;
    }
}

// Says how it ended, and takes a second to clean up after it was closed.
async_generator<int> with_cleanup(std::string& log, std::string name) {
    const witness local(log, name);
    bool closed = false;
    try {
        for (int number = 1;; ++number) co_yield number;
    } catch (const generator_exit&) {
        closed = true;
    }
    if (closed) {
        co_await aioxx::sleep(1s);
        log += name + " closed ";
    }
}

async_generator<int> waits_for(future<> first) {
    co_await first;
    co_yield 1;
    co_yield 2;
}

template <class T>
coro<std::vector<T>> all(async_generator<T> items) {
    std::vector<T> seen;
    while (auto item = co_await items.next()) seen.push_back(std::move(*item));
    co_return seen;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an async generator gives its items in order, and then nothing for ever", "[core]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        async_generator<int> numbers = count_to(2);
        const std::optional<int> first = co_await numbers.next();
        const std::optional<int> second = co_await numbers.next();
        const std::optional<int> end = co_await numbers.next();
        const std::optional<int> after = co_await numbers.next();
        CHECK(first == 1);
        CHECK(second == 2);
        CHECK(!end);
        CHECK(!after);
    }());
}

TEST_CASE("an async generator runs no further than it is asked for", "[core]") {
    test_loop loop;
    std::string log;
    const auto talking = [](std::string& into) -> async_generator<int> {
        into += "one ";
        co_yield 1;
        into += "two ";
        co_yield 2;
        into += "end ";
    };
    loop.run([](async_generator<int> numbers, std::string& said) -> coro<> {
        CHECK(said.empty());
        static_cast<void>(co_await numbers.next());
        CHECK(said == "one ");
        static_cast<void>(co_await numbers.next());
        CHECK(said == "one two ");
        static_cast<void>(co_await numbers.next());
        CHECK(said == "one two end ");
    }(talking(log), log));
}

TEST_CASE("an item that is there does not suspend the task that asks for it", "[core]") {
    test_loop loop;
    loop.run([](event_loop& running) -> coro<> {
        int callbacks = 0;
        running.call_soon([&callbacks] { ++callbacks; });
        async_generator<int> numbers = count_to(3);
        while (auto number = co_await numbers.next()) CHECK(callbacks == 0);
        CHECK(callbacks == 0);
        co_await aioxx::sleep(1ms);
        CHECK(callbacks == 1);
    }(loop.loop()));
}

TEST_CASE("an async generator may wait for its items", "[core]") {
    test_loop loop;
    CHECK(loop.run(all(slowly(3, 1s))) == std::vector<int>{1, 2, 3});
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("an async generator may await coroutines and consume other generators", "[core]") {
    test_loop loop;
    const auto pairs = []() -> async_generator<std::string> {
        async_generator<int> inner = slowly(2, 1s);
        while (auto number = co_await inner.next()) {
            const std::string text = co_await [](int n) -> coro<std::string> {
                co_await aioxx::sleep(1s);
                co_return std::to_string(n);
            }(*number);
            co_yield text;
            co_yield text + text;
        }
    };
    CHECK(loop.run(all(pairs())) == std::vector<std::string>{"1", "11", "2", "22"});
    CHECK(loop.elapsed() == 4s);
}

TEST_CASE("a pipe into a function calls it with the generator", "[core]") {
    test_loop loop;
    CHECK(loop.run(count_to(3) | all<int>) == std::vector<int>{1, 2, 3});
    const auto doubled = [](async_generator<int> numbers) -> async_generator<int> {
        while (auto number = co_await numbers.next()) co_yield 2 * *number;
    };
    CHECK(loop.run(count_to(3) | doubled | all<int>) == std::vector<int>{2, 4, 6});
}

TEST_CASE("items may be movable only, without assignment, or made by a conversion", "[core]") {
    struct fixed {
        const int number;
        const std::string text;
    };
    test_loop loop;
    loop.run([]() -> coro<> {
        auto pointers = []() -> async_generator<std::unique_ptr<int>> {
            co_yield std::make_unique<int>(7);
        }();
        auto pointer = co_await pointers.next();
        REQUIRE(pointer);
        CHECK(**pointer == 7);
        auto constants = []() -> async_generator<fixed> {
            fixed constant{1, "one"};
            co_yield std::move(constant);
        }();
        auto constant = co_await constants.next();
        REQUIRE(constant);
        CHECK(constant->text == "one");
        auto end = co_await constants.next();
        CHECK(!end);
        auto texts = []() -> async_generator<std::string> {
            co_yield "literal";
            const std::string kept = "copied";
            co_yield kept;
            CHECK(kept == "copied");
        }();
        const std::vector<std::string> expected{"literal", "copied"};
        const auto seen = co_await all(std::move(texts));
        CHECK(seen == expected);
    }());
}

TEST_CASE("items that are references are the objects themselves", "[core]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        std::vector<int> numbers{1, 2};
        auto references = [](std::vector<int>& of) -> async_generator<int&> {
            for (int& number : of) co_yield number;
        }(numbers);
        while (int* number = co_await references.next()) *number *= 10;
        CHECK(numbers[0] + numbers[1] == 30);
        auto temporaries = []() -> async_generator<const std::string&> { co_yield std::string(100, 'x'); }();
        const std::string* text = co_await temporaries.next();
        REQUIRE(text != nullptr);
        CHECK(*text == std::string(100, 'x'));
        text = co_await temporaries.next();
        CHECK(text == nullptr);
    }());
}

TEST_CASE("what the body throws comes out of next, and ends it", "[core]") {
    for (const bool suspends : {false, true}) {
        CAPTURE(suspends);
        test_loop loop;
        loop.run([](bool waits) -> coro<> {
            auto failing = [](bool pauses) -> async_generator<int> {
                co_yield 1;
                if (pauses) co_await aioxx::sleep(1s);
                throw std::runtime_error("no more");
            }(waits);
            static_cast<void>(co_await next_of(failing));
            const std::string failure = co_await failure_of(next_of(failing));
            CHECK(failure == "no more");
            const auto after = co_await failing.next();
            CHECK(!after);
        }(suspends));
    }
}

TEST_CASE("a cancelled task cancels what the body awaits, and the generator has ended", "[core]") {
    test_loop loop;
    auto numbers = waits_for(future<>(loop.loop()));
    {
        step asking(loop, [&] { return next_of(numbers); });
        CHECK(asking.pending());
        asking.cancel();
        asking.resume();
        CHECK_THROWS_AS(asking.result(), cancelled_error);
    }
    CHECK(!loop.run(next_of(numbers)));
}

TEST_CASE("a cancellation between the wake-up of the body and its resumption is delivered", "[core]") {
    test_loop loop;
    const future<> first(loop.loop());
    auto numbers = waits_for(first);
    step asking(loop, [&] { return next_of(numbers); });
    first.set_result();
    CHECK(asking.woken());
    asking.cancel();
    asking.resume();
    CHECK_THROWS_AS(asking.result(), cancelled_error);
    CHECK(!loop.run(next_of(numbers)));
}

TEST_CASE("a cancellation that is pending waits for an await, as an item needs none", "[core]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        task<> asking = create_task([]() -> coro<> {
            current_task()->cancel();
            async_generator<int> numbers = slowly(2, 1s);
            async_generator<int> ready = count_to(1);
            const auto number = co_await ready.next();
            CHECK(number == 1);
            static_cast<void>(co_await numbers.next());
            FAIL_CHECK("the body was not cancelled");
        }());
        const std::string failure =
            co_await failure_of([](task<> awaited) -> coro<> { co_await awaited; }(asking));
        CHECK(failure == "cancelled");
    }());
}

TEST_CASE("a body that catches its cancellation goes on", "[core]") {
    test_loop loop;
    const auto stubborn = []() -> async_generator<int> {
        try {
            co_await create_future<>();
        } catch (const cancelled_error&) {
        }
        co_yield 7;
    };
    auto numbers = stubborn();
    step asking(loop, [&] { return next_of(numbers); });
    asking.cancel();
    asking.resume();
    CHECK(asking.result() == 7);
}

TEST_CASE("a second task that asks meanwhile gets a busy_error, and the first one its item", "[core]") {
    test_loop loop;
    const future<> first(loop.loop());
    auto numbers = waits_for(first);
    step asking(loop, [&] { return next_of(numbers); });
    step second(loop, [&] { return next_of(numbers); });
    CHECK_THROWS_AS(second.result(), busy_error);
    step closing(loop, [&] { return close(numbers); });
    CHECK_THROWS_AS(closing.result(), busy_error);
    first.set_result();
    asking.resume();
    CHECK(asking.result() == 1);
    CHECK(loop.run(next_of(numbers)) == 2);  // the refused aclose has left no trace
}

TEST_CASE("several tasks may take turns", "[core]") {
    test_loop loop;
    auto numbers = slowly(2, 1s);
    CHECK(loop.run(next_of(numbers)) == 1);
    CHECK(loop.run(next_of(numbers)) == 2);
    CHECK(!loop.run(next_of(numbers)));
}

TEST_CASE("a body that asks itself, and one that was moved from, get an invalid_state_error", "[core]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        struct recursive {
            static async_generator<int> make(std::optional<async_generator<int>>& self) {
                const std::string failure = co_await failure_of(next_of(*self));
                CHECK(contains(failure, "waits for itself"));
                co_yield 1;
            }
        };
        std::optional<async_generator<int>> self;
        self.emplace(recursive::make(self));
        const auto item = co_await self->next();
        CHECK(item == 1);
    }());
    auto numbers = count_to(1);
    const auto moved = std::move(numbers);
    CHECK(moved);
    CHECK(!numbers);
    CHECK_THROWS_AS(static_cast<void>(numbers.next()), invalid_state_error);
    CHECK_THROWS_AS(static_cast<void>(numbers.aclose()), invalid_state_error);
}

TEST_CASE("destroying an async generator runs its destructors, and nothing else of it", "[core]") {
    test_loop loop;
    std::string log;
    {
        auto numbers = with_cleanup(log, "body");
        CHECK(loop.run(next_of(numbers)) == 1);
        CHECK(log.empty());
    }
    CHECK(log == "~body ");
    loop.settle();
    CHECK(log == "~body ");
    log.clear();
    {
        const auto never_started = [](witness) -> async_generator<int> {
            co_yield 1;
        }(witness(log, "parameter"));
    }
    CHECK(log == "~parameter ");
}

TEST_CASE("a closed async generator may clean up asynchronously", "[core]") {
    test_loop loop;
    std::string log;
    auto numbers = with_cleanup(log, "body");
    CHECK(loop.run(next_of(numbers)) == 1);
    loop.run(close(numbers));
    CHECK(log == "body closed ~body ");
    CHECK(loop.elapsed() == 1s);
    CHECK(!loop.run(next_of(numbers)));
    loop.run(close(numbers));
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("closing throws generator_exit at the co_yield, past handlers of std::exception", "[core]") {
    test_loop loop;
    std::string log;
    auto numbers = [](std::string& into) -> async_generator<int> {
        const witness local(into, "body");
        try {
            co_yield 1;
        } catch (const std::exception&) {
            into += "swallowed ";
        }
        into += "went on ";
    }(log);
    CHECK(loop.run(next_of(numbers)) == 1);
    loop.run(close(numbers));
    CHECK(log == "~body ");
}

TEST_CASE("closing an async generator that has not started keeps it from starting", "[core]") {
    test_loop loop;
    bool started = false;
    auto numbers = [](bool& ran) -> async_generator<int> {
        ran = true;
        co_yield 1;
    }(started);
    loop.run(close(numbers));
    CHECK(!loop.run(next_of(numbers)));
    CHECK(!started);
}

TEST_CASE("what the body throws while it is closed comes out of aclose", "[core]") {
    test_loop loop;
    auto numbers = []() -> async_generator<int> {
        try {
            co_yield 1;
        } catch (const generator_exit&) {
            throw std::runtime_error("not like this");
        }
    }();
    CHECK(loop.run(next_of(numbers)) == 1);
    CHECK(loop.run(failure_of(close(numbers))) == "not like this");
    CHECK(!loop.run(next_of(numbers)));
}

TEST_CASE("a body that yields although it is closed gives aclose an error, and has ended", "[core]") {
    for (const bool suspends : {false, true}) {
        CAPTURE(suspends);
        test_loop loop;
        std::string log;
        {
            auto numbers = [](std::string& into, bool waits) -> async_generator<int> {
                const witness local(into, "body");
                bool closed = false;
                try {
                    co_yield 1;
                } catch (const generator_exit&) {
                    closed = true;
                }
                if (closed && waits) co_await aioxx::sleep(1s);
                co_yield 2;
            }(log, suspends);
            CHECK(loop.run(next_of(numbers)) == 1);
            CHECK_THROWS_AS(loop.run(close(numbers)), invalid_state_error);
            CHECK(!loop.run(next_of(numbers)));
            loop.run(close(numbers));
            CHECK(log.empty());
        }
        CHECK(log == "~body ");
    }
}

TEST_CASE("cancelling a task that closes cuts the clean-up short", "[core]") {
    test_loop loop;
    std::string log;
    auto numbers = with_cleanup(log, "body");
    CHECK(loop.run(next_of(numbers)) == 1);
    step closing(loop, [&] { return close(numbers); });
    CHECK(closing.pending());
    step meanwhile(loop, [&] { return next_of(numbers); });
    CHECK_THROWS_AS(meanwhile.result(), busy_error);
    closing.cancel();
    closing.resume();
    CHECK_THROWS_AS(closing.result(), cancelled_error);
    CHECK(log == "~body ");
    CHECK(!loop.run(next_of(numbers)));
}

TEST_CASE("a generator that has two owners lives until the second one drops it", "[core]") {
    test_loop loop;
    std::string log;
    auto numbers = with_cleanup(log, "body");
    {
        auto second = numbers.share();
        CHECK(loop.run(next_of(second)) == 1);
        CHECK(loop.run(next_of(numbers)) == 2);
    }
    CHECK(log.empty());
    { const auto last = std::move(numbers); }
    CHECK(log == "~body ");
}

TEST_CASE("a loop that is closed destroys a waiting consumer and its generator, whoever owns that",
          "[core]") {
    std::string log;
    const auto waiting = [](std::string& into) -> async_generator<int> {
        const witness local(into, "body");
        co_await create_future<>();
        co_yield 1;
    };
    SECTION("the consumer") {
        test_loop loop({.allow_lost_tasks = true});
        create_task(loop.loop(), all(waiting(log)));
        loop.settle();
        loop.loop().close();
        CHECK(log == "~body ");
    }
    SECTION("a task that is destroyed before the consumer") {
        test_loop loop({.allow_lost_tasks = true});
        create_task(loop.loop(), [](async_generator<int> numbers) -> coro<> {
            create_task(next_of(numbers));
            co_await create_future<>();
        }(waiting(log)));
        loop.settle();
        loop.loop().close();
        CHECK(log == "~body ");
    }
    SECTION("somebody who outlives the loop") {
        std::optional<async_generator<int>> numbers(waiting(log));
        {
            test_loop loop({.allow_lost_tasks = true});
            create_task(loop.loop(), next_of(*numbers));
            loop.settle();
        }
        numbers.reset();
        CHECK(log == "~body ");
    }
}

TEST_CASE("shutdown closes the generators that are left, the oldest first, one after the other", "[core]") {
    test_loop loop;
    std::string log;
    auto second = with_cleanup(log, "second");
    auto first = with_cleanup(log, "first");
    auto not_started = with_cleanup(log, "not started");
    loop.run(next_of(first));
    loop.run(next_of(second));
    loop.run(shutdown_async_generators(loop.loop()));
    CHECK(log == "first closed ~first second closed ~second ");
    CHECK(loop.elapsed() == 2s);
    CHECK(!loop.run(next_of(first)));
}

TEST_CASE("shutdown leaves generators alone that ended, were dropped or are running", "[core]") {
    test_loop loop({.allow_lost_tasks = true});
    std::string log;
    auto ended = count_to(0);
    loop.run(next_of(ended));
    {
        auto dropped = with_cleanup(log, "dropped");
        loop.run(next_of(dropped));
    }
    CHECK(log == "~dropped ");
    const future<> first(loop.loop());
    auto running = waits_for(first);
    step asking(loop, [&] { return next_of(running); });
    loop.run(shutdown_async_generators(loop.loop()));
    CHECK(log == "~dropped ");
    CHECK(asking.pending());
    first.set_result();
    asking.resume();
    CHECK(asking.result() == 1);
}

TEST_CASE("shutdown closes what holds other generators before them, in one go", "[core]") {
    test_loop loop;
    std::string log;
    auto outer = [](std::string& into) -> async_generator<int> {
        auto inner = with_cleanup(into, "inner");
        const witness local(into, "outer");
        while (auto number = co_await inner.next()) co_yield *number;
    }(log);
    loop.run(next_of(outer));
    loop.run(shutdown_async_generators(loop.loop()));
    CHECK(log == "~outer ~inner ");
}

TEST_CASE("errors of generators at shutdown go to the exception handler, and the others are closed",
          "[core]") {
    test_loop loop({.allow_reports = true});
    std::string log;
    auto failing = []() -> async_generator<int> {
        try {
            co_yield 1;
        } catch (const generator_exit&) {
            throw std::runtime_error("cannot close");
        }
    }();
    auto orderly = with_cleanup(log, "orderly");
    loop.run(next_of(failing));
    loop.run(next_of(orderly));
    loop.run(shutdown_async_generators(loop.loop()));
    CHECK(log == "orderly closed ~orderly ");
    REQUIRE(loop.reports().size() == 1);
    CHECK(contains(describe(loop.reports().front()), "cannot close"));
    auto late = count_to(2);
    loop.run(next_of(late));
    REQUIRE(loop.reports().size() == 2);
    CHECK(contains(describe(loop.reports().back()), "started after their shutdown"));
}

TEST_CASE("a shutdown that is cancelled ends the clean-up that is under way", "[core]") {
    test_loop loop;
    std::string log;
    auto slow = with_cleanup(log, "slow");
    auto next = with_cleanup(log, "next");
    loop.run(next_of(slow));
    loop.run(next_of(next));
    step shutting(loop, [&] { return shutdown_async_generators(loop.loop()); });
    shutting.cancel();
    shutting.resume();
    CHECK_THROWS_AS(shutting.result(), cancelled_error);
    CHECK(log == "~slow ");
}

TEST_CASE("a generator that is dropped while it is being shut down is closed to its end", "[core]") {
    test_loop loop;
    std::string log;
    std::optional<async_generator<int>> numbers(with_cleanup(log, "body"));
    loop.run(next_of(*numbers));
    step shutting(loop, [&] { return shutdown_async_generators(loop.loop()); });
    numbers.reset();
    CHECK(log.empty());
    loop.advance(1s);
    CHECK(shutting.ready());
    CHECK(log == "body closed ~body ");
}

// AIOXX_TEST_AWAITS in the environment sets the number of items; 10000000 is the one that the design
// promises.
TEST_CASE("items use up no stack, whether the body suspends or not", "[core]") {
    const char* wanted = std::getenv("AIOXX_TEST_AWAITS");
    const std::int64_t count = wanted != nullptr ? std::atoll(wanted) : 200'000;
    for (const int suspends_at : {0, 1, 2}) {  // never, always, at every second item
        CAPTURE(suspends_at);
        struct body {
            static async_generator<std::int64_t> items(std::int64_t last, int at, std::uintptr_t& deepest) {
                for (std::int64_t number = 1; number <= last; ++number) {
                    if (at != 0 && number % at == 0) co_await aioxx::sleep(1us);
                    deepest = std::min(deepest, reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
                    co_yield number;
                }
            }
            static async_generator<std::int64_t> passed_on(async_generator<std::int64_t> numbers) {
                while (auto number = co_await numbers.next()) co_yield *number;
            }
            static coro<std::int64_t> sum(async_generator<std::int64_t> numbers, std::uintptr_t& deepest) {
                std::int64_t total = 0;
                std::uintptr_t first = 0;
                while (auto number = co_await numbers.next()) {
                    total += *number;
                    if (*number == 4)
                        first = deepest;  // by now it has been asked in each of the possible ways
                }
                CHECK(first - deepest < 4096);
                co_return total;
            }
        };
        test_loop loop({.turn_limit = static_cast<std::size_t>(count) * 4});
        std::uintptr_t deepest = UINTPTR_MAX;
        const auto total =
            loop.run(body::sum(body::passed_on(body::items(count, suspends_at, deepest)), deepest));
        CHECK(total == count * (count + 1) / 2);
    }
}
