// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/lock.hpp>

#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

struct lock_subject {
    static constexpr auto kind = testing::sync_kind::one;
    lock_subject() { static_cast<void>(subject.try_acquire()); }
    coro<> take() { co_await subject.acquire(); }
    void give() { subject.release(); }
    std::size_t left() const { return subject.locked() ? 0 : 1; }
    lock subject;
};

coro<> note(lock& mutex, std::vector<int>& order, int number) {
    auto guard = co_await mutex.scoped();
    order.push_back(number);
}

}  // namespace

TEST_CASE("a lock obeys the laws of waiting", "[sync][LK003][LK004][LK023][L1]") {
    CHECK_NOTHROW(testing::check_sync<lock_subject>());
}

TEST_CASE("a free lock is taken without suspending", "[sync][LK001]") {
    lock l;
    auto attempt = l.acquire();
    CHECK(attempt.await_ready());
    CHECK(l.locked());
    CHECK_FALSE(l.try_acquire());
    l.release();
    CHECK_FALSE(l.locked());
    CHECK(l.try_acquire());
}

TEST_CASE("releasing a lock that is not locked is an error", "[sync][LK001]") {
    lock l;
    CHECK_THROWS_AS(l.release(), invalid_state_error);
    CHECK_FALSE(l.locked());
}

TEST_CASE("a guard holds the lock for its scope, also when the scope is left by an exception", "[sync][LK001]") {
    testing::test_loop loop;
    lock l;
    loop.run([](lock& held_lock) -> coro<> {
        {
            auto guard = co_await held_lock.scoped();
            CHECK(held_lock.locked());
            CHECK(static_cast<bool>(guard));
        }
        CHECK_FALSE(held_lock.locked());
        try {
            auto guard = co_await held_lock.scoped();
            throw std::runtime_error("x");
        } catch (const std::runtime_error&) {
        }
        CHECK_FALSE(held_lock.locked());
        {
            auto guard = co_await held_lock.scoped();
            auto moved = std::move(guard);
            guard.release();
            CHECK(held_lock.locked());
            moved.release();
            moved.release();
            CHECK_FALSE(held_lock.locked());
        }
        CHECK_FALSE(held_lock.locked());
    }(l));
}

TEST_CASE("tasks that increment under a lock across a suspension never interleave", "[sync][LK002]") {
    testing::test_loop loop;
    lock l;
    int inside = 0;
    std::vector<int> order;
    auto worker = [](lock& mutex, int& count, std::vector<int>& seen, int number) -> coro<> {
        for (int round = 0; round < 3; ++round) {
            auto guard = co_await mutex.scoped();
            CHECK(++count == 1);
            co_await sleep(1ms);
            seen.push_back(number);
            --count;
        }
    };
    std::vector<task<>> tasks;
    for (int number = 0; number < 3; ++number) {
        tasks.push_back(create_task(loop.loop(), worker(l, inside, order, number)));
    }
    loop.advance(1s);
    CHECK(order == std::vector<int>{0, 1, 2, 0, 1, 2, 0, 1, 2});
    CHECK_FALSE(l.locked());
}

TEST_CASE("three tasks get the lock in the order in which they asked", "[sync][LK002]") {
    testing::test_loop loop;
    lock l;
    std::vector<int> order;
    REQUIRE(l.try_acquire());
    for (int number = 0; number < 3; ++number) create_task(loop.loop(), note(l, order, number));
    loop.settle();
    CHECK(order.empty());
    l.release();
    loop.settle();
    CHECK(order == std::vector<int>{0, 1, 2});
    CHECK_FALSE(l.locked());
}

TEST_CASE("a cancelled task leaves the queue of a lock", "[sync][LK003]") {
    testing::test_loop loop;
    lock l;
    std::vector<int> order;
    REQUIRE(l.try_acquire());
    std::vector<task<>> tasks;
    for (int number = 0; number < 3; ++number) tasks.push_back(create_task(loop.loop(), note(l, order, number)));
    loop.settle();
    tasks[1].cancel();
    loop.settle();
    CHECK(tasks[1].cancelled());
    CHECK(l.locked());
    l.release();
    loop.settle();
    CHECK(order == std::vector<int>{0, 2});
}

TEST_CASE("a task cancelled after it was woken passes the lock on", "[sync][LK004][L1]") {
    testing::test_loop loop;
    lock l;
    std::vector<int> order;
    REQUIRE(l.try_acquire());
    task<> first = create_task(loop.loop(), note(l, order, 1));
    create_task(loop.loop(), note(l, order, 2));
    loop.settle();
    loop.loop().call_soon([&] {
        l.release();
        first.cancel();
    });
    loop.settle();
    CHECK(first.cancelled());
    CHECK(order == std::vector<int>{2});
    CHECK_FALSE(l.locked());
}

TEST_CASE("release and cancellation in one step leave the lock usable", "[sync][LK005]") {
    testing::test_loop loop;
    lock l;
    std::vector<int> order;
    REQUIRE(l.try_acquire());
    task<> first = create_task(loop.loop(), note(l, order, 1));
    task<> second = create_task(loop.loop(), note(l, order, 2));
    loop.settle();
    loop.loop().call_soon([&] {
        first.cancel();
        l.release();
        second.cancel();
    });
    loop.settle();
    CHECK(first.cancelled());
    CHECK(second.cancelled());
    CHECK_FALSE(l.locked());
    loop.run(note(l, order, 3));
    CHECK(order == std::vector<int>{3});
}

TEST_CASE("a task that comes after the woken one was cancelled, and before it has run, gets the lock", "[sync][LK006]") {
    testing::test_loop loop;
    lock l;
    std::vector<int> order;
    REQUIRE(l.try_acquire());
    task<> woken = create_task(loop.loop(), note(l, order, 1));
    loop.settle();
    task<> late;
    loop.loop().call_soon([&] {
        late = create_task(loop.loop(), note(l, order, 2));  // its first step comes before the end of the cancelled one
        l.release();
        woken.cancel();
    });
    loop.settle();
    CHECK(woken.cancelled());
    CHECK(late.done());
    CHECK(order == std::vector<int>{2});
    CHECK_FALSE(l.locked());
}
