// SPDX-License-Identifier: BSL-1.0

// tests/tasks/await_stack_test.cpp: awaiting in a loop does not use up the stack, with any compiler and any flags.
// It has no header of its own: what it checks is how coroutines, tasks and the loop work together.
// AIOXX_TEST_AWAITS in the environment sets the number of rounds; 10000000 is the one that the design promises.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

std::int64_t rounds() {
    const char* wanted = std::getenv("AIOXX_TEST_AWAITS");
    return wanted != nullptr ? std::atoll(wanted) : 200'000;
}

// How far apart the ends of the stack have been.
class stack_gauge {
public:
    void look() noexcept {
        const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        lowest_ = std::min(lowest_, here);
        highest_ = std::max(highest_, here);
    }
    [[nodiscard]] std::size_t spread() const noexcept { return highest_ - lowest_; }

private:
    std::uintptr_t lowest_ = UINTPTR_MAX;
    std::uintptr_t highest_ = 0;
};

constexpr std::size_t small_spread = 4096;

coro<std::int64_t> at_once(stack_gauge& gauge, std::int64_t number) {
    gauge.look();
    co_return number;
}
coro<std::int64_t> after_a_turn(stack_gauge& gauge, std::int64_t number) {
    co_await aioxx::sleep(0s);
    gauge.look();
    co_return number;
}
coro<std::int64_t> below(stack_gauge& gauge, std::int64_t number) { co_return co_await after_a_turn(gauge, number); }

template <class Child>
coro<std::int64_t> sum(std::int64_t count, stack_gauge& gauge, Child child) {
    std::int64_t total = 0;
    for (std::int64_t number = 1; number <= count; ++number) total += co_await child(gauge, number);
    co_return total;
}

template <class Child>
void check(Child child) {
    testing::test_loop loop;
    stack_gauge gauge;
    const std::int64_t count = rounds();
    CHECK(loop.run(sum(count, gauge, child)) == count * (count + 1) / 2);
    CHECK(gauge.spread() < small_spread);
}

}  // namespace

TEST_CASE("awaiting children that end at once keeps the stack flat", "[tasks]") { check(at_once); }

TEST_CASE("awaiting children that suspend keeps the stack flat", "[tasks]") { check(after_a_turn); }

TEST_CASE("awaiting children whose children suspend keeps the stack flat", "[tasks]") { check(below); }

TEST_CASE("starting and joining tasks keeps the stack flat", "[tasks]") {
    check([](stack_gauge& gauge, std::int64_t number) -> coro<std::int64_t> {
        co_return co_await create_task(at_once(gauge, number));
    });
}

TEST_CASE("returning through a long chain of coroutines keeps the stack flat", "[tasks]") {
    struct chain {
        static coro<> link(stack_gauge& gauge, int below) {
            if (below == 0) {
                co_await aioxx::sleep(1ms);  // not 0: a task that is alone need not suspend to give way
            } else {
                co_await link(gauge, below - 1);
            }
            gauge.look();
        }
    };
    testing::test_loop loop;
    stack_gauge gauge;
    loop.run(chain::link(gauge, 1000));
    CHECK(gauge.spread() < small_spread);
}

TEST_CASE("alternating between children that suspend and ones that do not keeps the stack flat", "[tasks]") {
    check([](stack_gauge& gauge, std::int64_t number) -> coro<std::int64_t> {
        if (number % 2 == 0) co_await aioxx::sleep(0s);
        co_return co_await at_once(gauge, number);
    });
}
