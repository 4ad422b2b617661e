// SPDX-License-Identifier: BSL-1.0

// Steady state allocates nothing: counted below the frame pool.

#include <cstddef>
#include <memory>

#include <aioxx/base/config.hpp>
#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/sync/barrier.hpp>
#include <aioxx/sync/capacity_limiter.hpp>
#include <aioxx/sync/condition.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/sync/lock.hpp>
#include <aioxx/sync/queue.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/count_allocations.hpp"

// Without the pool, as under AddressSanitizer, each frame is an allocation.
#if !defined(AIOXX_NO_FRAME_POOL)

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<int> answer() { co_return 42; }

// Runs a coroutine's rounds twice: to warm up, and to count. Returns: what the second time allocated.
template <class Make>
long allocations_of(Make make) {
    testing::test_loop loop;
    return loop.run([](Make rounds, event_loop& running) -> coro<long> {
        co_await rounds(running, 100);
        const long before = support::allocations;
        co_await rounds(running, 1000);
        co_return support::allocations - before;
    }(make, loop.loop()));
}

}  // namespace

TEST_CASE("awaiting a child coroutine allocates nothing", "[core]") {
    CHECK(allocations_of([](event_loop&, int rounds) -> coro<> {
        for (int round = 0; round < rounds; ++round) co_await answer();
    }) == 0);
}

TEST_CASE("starting a task and awaiting it allocates nothing", "[core]") {
    CHECK(allocations_of([](event_loop&, int rounds) -> coro<> {
        for (int round = 0; round < rounds; ++round) co_await create_task(answer());
    }) == 0);
}

TEST_CASE("call_soon and call_later with cancel allocate nothing", "[core]") {
    CHECK(allocations_of([](event_loop& loop, int rounds) -> coro<> {
        int calls = 0;
        for (int round = 0; round < rounds; ++round) {
            loop.call_soon([&calls] { ++calls; });
            handle timer = loop.call_later(1h, [&calls] { ++calls; });
            timer.cancel();
            co_await sleep(0s);
        }
    }) == 0);
}

TEST_CASE("sleeping allocates nothing, cancelled or not", "[core]") {
    CHECK(allocations_of([](event_loop&, int rounds) -> coro<> {
        for (int round = 0; round < rounds; ++round) {
            co_await sleep(0s);
            co_await sleep(1ms);
        }
    }) == 0);
}

TEST_CASE("a future that is made, awaited and set allocates nothing", "[core]") {
    CHECK(allocations_of([](event_loop& loop, int rounds) -> coro<> {
        for (int round = 0; round < rounds; ++round) {
            auto f = create_future<int>();
            loop.call_soon([f] { f.set_result(1); });
            co_await f;
        }
    }) == 0);
}

TEST_CASE("calls that arrive through call_soon_threadsafe allocate nothing", "[core]") {
    CHECK(allocations_of([](event_loop& loop, int rounds) -> coro<> {
        event arrived;
        for (int round = 0; round < rounds; ++round) {
            loop.call_soon_threadsafe([&arrived] { arrived.set(); });
            co_await arrived.wait();
            arrived.clear();
        }
    }) == 0);
}

TEST_CASE("handing a lock over allocates nothing", "[core]") {
    CHECK(allocations_of([](event_loop&, int rounds) -> coro<> {
        lock shared;
        auto contend = [](lock& mutex, int times) -> coro<> {
            for (int time = 0; time < times; ++time) {
                auto guard = co_await mutex.scoped();
                co_await sleep(0s);
            }
        };
        task<> other = create_task(contend(shared, rounds));
        co_await contend(shared, rounds);
        co_await other;
    }) == 0);
}

TEST_CASE("passing items through a queue allocates nothing once it has grown", "[core]") {
    testing::test_loop loop;
    long counted = -1;
    loop.run([](long& into) -> coro<> {
        queue<int> items(4);
        auto produce = [](queue<int>& to, int count) -> coro<> {
            for (int number = 0; number < count; ++number) co_await to.put(number);
        };
        task<> producer = create_task(produce(items, 1100));
        long before = 0;
        for (int number = 0; number < 1100; ++number) {
            if (number == 100) before = support::allocations;
            co_await items.get();
        }
        into = support::allocations - before;
        co_await producer;
    }(counted));
    CHECK(counted == 0);
}

TEST_CASE("waiting for a condition and being notified allocates nothing", "[core]") {
    CHECK(allocations_of([](event_loop&, int rounds) -> coro<> {
        condition changed;
        int turn = 0;
        auto play = [](condition& where, int& whose, int me, int times) -> coro<> {
            for (int time = 0; time < times; ++time) {
                auto guard = co_await where.scoped();
                const auto mine = [&whose, me] { return whose == me; };
                co_await where.wait_for(mine);
                whose = 1 - me;
                where.notify();
            }
        };
        task<> other = create_task(play(changed, turn, 1, rounds));
        co_await play(changed, turn, 0, rounds);
        co_await other;
    }) == 0);
}

TEST_CASE("meeting at a barrier allocates nothing", "[core]") {
    CHECK(allocations_of([](event_loop&, int rounds) -> coro<> {
        barrier both(2);
        auto meet = [](barrier& where, int times) -> coro<> {
            for (int time = 0; time < times; ++time) static_cast<void>(co_await where.wait());
        };
        task<> other = create_task(meet(both, rounds));
        co_await meet(both, rounds);
        co_await other;
    }) == 0);
}

TEST_CASE("borrowing from a limiter that has lent as much before allocates nothing", "[core]") {
    testing::test_loop loop;
    capacity_limiter limiter(1);
    const auto rounds = [&limiter](event_loop&, int count) -> coro<> {
        auto contend = [](capacity_limiter& from, int times) -> coro<> {
            for (int time = 0; time < times; ++time) {
                auto token = co_await from.scoped();
                co_await sleep(0s);
            }
        };
        task<> other = create_task(contend(limiter, count));
        co_await contend(limiter, count);
        co_await other;
    };
    CHECK(allocations_of(rounds) == 0);
}

TEST_CASE("sleeping on Asio allocates nothing", "[core]") {
    event_loop loop(std::make_unique<asio_backend>());
    const long counted = run_until_complete(loop, []() -> coro<long> {
        long before = 0;
        for (int round = 0; round < 200; ++round) {
            if (round == 100) before = support::allocations;
            co_await sleep(std::chrono::microseconds(1));
            co_await sleep(0s);
        }
        co_return support::allocations - before;
    }());
    CHECK(counted == 0);
}

#endif
