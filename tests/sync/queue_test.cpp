// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/queue.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

// Seen from those who get.
struct item_subject {
    static constexpr auto kind = testing::sync_kind::many;
    coro<> take() { static_cast<void>(co_await subject.get()); }
    void give() { subject.put_nowait(0); }
    std::size_t left() const { return subject.qsize(); }
    queue<int> subject;
};

// Seen from those who put: a slot is what they wait for. Slots taken stay taken until one is given.
struct slot_subject {
    static constexpr auto kind = testing::sync_kind::kept;
    static constexpr std::size_t size = 100;
    slot_subject() : subject(size) {
        for (std::size_t count = 0; count < size; ++count) subject.put_nowait(0);
    }
    coro<> take() { co_await subject.put(0); }
    void give() { static_cast<void>(subject.get_nowait()); }
    std::size_t left() const {
        return subject.full() ? 0 : size - subject.qsize();
    }
    queue<int> subject;
};

using text = std::unique_ptr<std::string>;

coro<> put_one(queue<int>& q, int value) { co_await q.put(value); }
coro<int> get_one(queue<int>& q) { co_return co_await q.get(); }

coro<std::string> outcome_of_get(queue<int>& q) {
    try {
        co_return std::to_string(co_await q.get());
    } catch (const queue_shut_down&) {
        co_return "shut down";
    }
}
coro<std::string> outcome_of_put(queue<int>& q, int value) {
    try {
        co_await q.put(value);
        co_return "put";
    } catch (const queue_shut_down&) {
        co_return "shut down";
    }
}

}  // namespace

TEST_CASE("those who wait for items obey the laws of waiting", "[sync][QU004][QU007][LK023][L4]") {
    CHECK_NOTHROW(testing::check_sync<item_subject>());
}

TEST_CASE("those who wait for room obey the laws of waiting", "[sync][QU005][QU007][LK023][L4]") {
    CHECK_NOTHROW(testing::check_sync<slot_subject>());
}

TEST_CASE("a queue is empty, filling and full at n-1, n and n+1 items", "[sync][QU001][QU003]") {
    queue<int> q(2);
    CHECK(q.maxsize() == 2);
    CHECK(q.empty());
    CHECK_FALSE(q.full());
    CHECK_THROWS_AS(q.get_nowait(), queue_empty);
    CHECK_FALSE(q.try_get().has_value());
    q.put_nowait(1);
    CHECK_FALSE(q.full());
    CHECK_FALSE(q.empty());
    q.put_nowait(2);
    CHECK(q.full());
    CHECK(q.qsize() == 2);
    CHECK_THROWS_AS(q.put_nowait(3), queue_full);
    CHECK(q.get_nowait() == 1);
    CHECK_FALSE(q.full());
    CHECK(q.try_get() == 2);
    CHECK(q.empty());
}

TEST_CASE("a queue without a limit is never full, and keeps the order", "[sync][QU001]") {
    queue<int> q;
    CHECK(q.maxsize() == 0);
    for (int number = 0; number < 1000; ++number) q.put_nowait(number);
    CHECK_FALSE(q.full());
    for (int number = 0; number < 1000; ++number) CHECK(q.get_nowait() == number);
    queue<int> negative(static_cast<std::size_t>(-1));  // as in asyncio
    negative.put_nowait(1);
    CHECK_FALSE(negative.full());
}

TEST_CASE("a refused try_put leaves the item with its owner", "[sync]") {
    queue<text> q(1);
    auto first = std::make_unique<std::string>("a");
    auto second = std::make_unique<std::string>("b");
    CHECK(q.try_put(std::move(first)));
    CHECK_FALSE(q.try_put(std::move(second)));
    CHECK(second != nullptr);
    CHECK(*q.get_nowait() == "a");
}

TEST_CASE("get waits for put, put waits for get, and items that only move go through", "[sync][QU002]") {
    testing::test_loop loop;
    queue<text> q(1);
    std::vector<std::string> seen;
    auto consume = [](queue<text>& from, std::vector<std::string>& into) -> coro<> {
        for (int count = 0; count < 4; ++count) {
            text item = co_await from.get();
            into.push_back(*item);
            co_await sleep(1ms);
        }
    };
    task<> consumer = create_task(loop.loop(), consume(q, seen));
    loop.run([](queue<text>& into) -> coro<> {
        for (const char* word : {"a", "b", "c", "d"}) co_await into.put(std::make_unique<std::string>(word));
        co_await sleep(10ms);
    }(q));
    CHECK(seen == std::vector<std::string>{"a", "b", "c", "d"});
    CHECK(consumer.done());
}

TEST_CASE("operations that need not wait do not suspend", "[sync][QU009]") {
    queue<int> q(1);
    CHECK(q.put(1).await_ready());
    CHECK_FALSE(q.get().await_ready());
    q.put_nowait(1);
    CHECK_FALSE(q.put(2).await_ready());
    CHECK(q.get().await_ready());
    CHECK_FALSE(q.join().await_ready());
    CHECK(queue<int>().join().await_ready());
}

TEST_CASE("an item on its way to a woken task is out of reach for others", "[sync][QU003]") {
    testing::test_loop loop;
    queue<int> q(1);
    task<int> getter = create_task(loop.loop(), get_one(q));
    loop.settle();
    q.put_nowait(7);
    CHECK(q.empty());
    CHECK(q.qsize() == 0);
    CHECK(q.full());  // it still takes up its slot
    CHECK_THROWS_AS(q.get_nowait(), queue_empty);
    loop.settle();
    CHECK(getter.result() == 7);
    CHECK_FALSE(q.full());
}

TEST_CASE("a getter cancelled after its wake-up gives the item back in its place", "[sync][QU004][L4]") {
    testing::test_loop loop;
    queue<int> q;
    task<int> getter = create_task(loop.loop(), get_one(q));
    loop.settle();
    q.put_nowait(1);
    q.put_nowait(2);
    getter.cancel();
    loop.settle();
    CHECK(getter.cancelled());
    CHECK(q.qsize() == 2);
    CHECK(q.get_nowait() == 1);
    CHECK(q.get_nowait() == 2);
}

TEST_CASE("a putter cancelled after its item went in has put it, and is cancelled at its next suspension",
          "[sync][QU005][L4]") {
    testing::test_loop loop;
    queue<int> q(1);
    q.put_nowait(1);
    bool returned = false;
    task<> putter = create_task(loop.loop(), [](queue<int>& into, bool& done) -> coro<> {
        co_await into.put(2);
        done = true;
        co_await into.put(3);
    }(q, returned));
    loop.settle();
    CHECK(q.get_nowait() == 1);
    CHECK(q.full());
    CHECK_THROWS_AS(q.put_nowait(9), queue_full);
    putter.cancel();
    loop.settle();
    CHECK(returned);
    CHECK(putter.cancelled());
    CHECK(q.get_nowait() == 2);
    CHECK(q.empty());
    CHECK(q.unfinished() == 2);
}

TEST_CASE("an item that the store refuses fails the task that put it, and the next one goes in", "[sync][QU005]") {
    struct picky {
        void push(int item) {
            if (item < 0) throw std::invalid_argument("negative");
            items.push_back(item);
        }
        int pop() {
            const int item = items.front();
            items.erase(items.begin());
            return item;
        }
        std::size_t size() const noexcept { return items.size(); }
        void clear() noexcept { items.clear(); }
        std::vector<int> items;
    };
    testing::test_loop loop;
    queue<int, picky> q(1);
    q.put_nowait(1);
    const auto put = [](queue<int, picky>& into, int value) -> coro<> { co_await into.put(value); };
    const task<> refused = create_task(loop.loop(), put(q, -1));
    const task<> accepted = create_task(loop.loop(), put(q, 2));
    loop.settle();
    CHECK(q.get_nowait() == 1);
    CHECK(q.qsize() == 1);
    loop.settle();
    CHECK_THROWS_AS(refused.result(), std::invalid_argument);
    CHECK(accepted.done());
    CHECK(q.get_nowait() == 2);
    CHECK(q.unfinished() == 2);
}

TEST_CASE("a get unblocks the putter that waits longest, and no other", "[sync][QU002]") {
    testing::test_loop loop;
    queue<int> q(1);
    q.put_nowait(1);
    task<> first = create_task(loop.loop(), put_one(q, 2));
    task<> second = create_task(loop.loop(), put_one(q, 3));
    loop.settle();
    CHECK(q.get_nowait() == 1);
    loop.settle();
    CHECK(first.done());
    CHECK_FALSE(second.done());
    CHECK(q.get_nowait() == 2);
    loop.settle();
    CHECK(second.done());
    CHECK(q.get_nowait() == 3);
}

TEST_CASE("a getter cancelled before or after its wake-up leaves the item to the next one", "[sync][QU004][L4]") {
    testing::test_loop loop;
    queue<int> q;
    task<int> first = create_task(loop.loop(), get_one(q));
    task<int> second = create_task(loop.loop(), get_one(q));
    loop.settle();
    SECTION("before") {
        first.cancel();
        q.put_nowait(1);
    }
    SECTION("after") {
        q.put_nowait(1);
        first.cancel();
    }
    loop.settle();
    CHECK(first.cancelled());
    CHECK(second.result() == 1);
}

TEST_CASE("a putter cancelled before there was room leaves it to the next one", "[sync][QU005][L4]") {
    testing::test_loop loop;
    queue<int> q(1);
    q.put_nowait(1);
    task<> first = create_task(loop.loop(), put_one(q, 2));
    task<> second = create_task(loop.loop(), put_one(q, 3));
    loop.settle();
    first.cancel();
    CHECK(q.get_nowait() == 1);
    loop.settle();
    CHECK(first.cancelled());
    CHECK(second.done());
    CHECK(q.get_nowait() == 3);
    CHECK(q.empty());
    CHECK(q.unfinished() == 2);
}

TEST_CASE("a slow consumer does not stall producers, nor are they woken in vain", "[sync][QU007]") {
    testing::test_loop loop;
    queue<int> q(2);
    std::vector<int> seen;
    auto produce = [](queue<int>& into, int from) -> coro<> {
        for (int number = from; number < from + 5; ++number) co_await into.put(number);
    };
    auto consume = [](queue<int>& from, std::vector<int>& into) -> coro<> {
        for (int count = 0; count < 10; ++count) {
            co_await sleep(1ms);
            into.push_back(co_await from.get());
        }
    };
    task<> one = create_task(loop.loop(), produce(q, 0));
    task<> other = create_task(loop.loop(), produce(q, 10));
    loop.run(consume(q, seen));
    CHECK(loop.elapsed() == 10ms);
    CHECK(one.done());
    CHECK(other.done());
    std::vector<int> of_one;
    for (const int number : seen) {
        if (number < 10) of_one.push_back(number);
    }
    CHECK(of_one == std::vector<int>{0, 1, 2, 3, 4});
    CHECK(seen.size() == 10);
    CHECK(q.empty());
}

TEST_CASE("many cancelled getters leave nothing behind", "[sync][QU006]") {
    testing::test_loop loop;
    queue<int> q;
    std::vector<task<int>> getters;
    for (int count = 0; count < 1000; ++count) getters.push_back(create_task(loop.loop(), get_one(q)));
    loop.settle();
    for (auto& getter : getters) getter.cancel();
    loop.settle();
    q.put_nowait(1);
    CHECK(q.qsize() == 1);
    CHECK(loop.run(get_one(q)) == 1);
}

TEST_CASE("task_done called more often than items were put is an error", "[sync][QU009]") {
    queue<int> q;
    CHECK_THROWS_AS(q.task_done(), std::logic_error);
    q.put_nowait(1);
    q.task_done();
    CHECK_THROWS_AS(q.task_done(), std::logic_error);
}

TEST_CASE("join waits until every item is reported done", "[sync][QU009]") {
    testing::test_loop loop;
    queue<int> q;
    auto work = [](queue<int>& from) -> coro<> {
        for (;;) {
            static_cast<void>(co_await from.get());
            co_await sleep(1s);
            from.task_done();
        }
    };
    task<> first = create_task(loop.loop(), work(q));
    task<> second = create_task(loop.loop(), work(q));
    loop.run([](queue<int>& jobs, task<> one, task<> other) -> coro<> {
        for (int count = 0; count < 6; ++count) jobs.put_nowait(count);
        CHECK(jobs.unfinished() == 6);
        co_await jobs.join();
        one.cancel();
        other.cancel();
    }(q, first, second));
    CHECK(loop.elapsed() == 3s);
    CHECK(q.unfinished() == 0);
}

TEST_CASE("a cancelled join changes nothing", "[sync]") {
    testing::test_loop loop;
    queue<int> q;
    q.put_nowait(1);
    task<> joining = create_task(loop.loop(), [](queue<int>& jobs) -> coro<> { co_await jobs.join(); }(q));
    loop.settle();
    joining.cancel();
    loop.settle();
    CHECK(joining.cancelled());
    q.task_done();
    CHECK(q.unfinished() == 0);
}

TEST_CASE("shutdown lets getters drain the queue and refuses putters at once", "[sync][QU010]") {
    testing::test_loop loop;
    queue<int> q(1);
    q.put_nowait(1);
    task<std::string> putter = create_task(loop.loop(), outcome_of_put(q, 2));
    loop.settle();
    q.shutdown();
    q.shutdown();
    CHECK(q.is_shut_down());
    CHECK_THROWS_AS(q.put_nowait(3), queue_shut_down);
    CHECK_THROWS_AS(q.try_put(3), queue_shut_down);
    loop.settle();
    CHECK(putter.result() == "shut down");
    CHECK(q.get_nowait() == 1);
    CHECK_THROWS_AS(q.get_nowait(), queue_shut_down);
    CHECK(loop.run(outcome_of_get(q)) == "shut down");
    CHECK(loop.run(outcome_of_put(q, 4)) == "shut down");
    CHECK_FALSE(q.try_get().has_value());
}

TEST_CASE("shutdown wakes those who wait for items in vain", "[sync][QU010]") {
    testing::test_loop loop;
    queue<int> q;
    task<std::string> first = create_task(loop.loop(), outcome_of_get(q));
    task<std::string> second = create_task(loop.loop(), outcome_of_get(q));
    loop.settle();
    q.put_nowait(5);
    q.shutdown();
    loop.settle();
    CHECK(first.result() == "5");  // it had been given to it
    CHECK(second.result() == "shut down");
}

TEST_CASE("an immediate shutdown drops the items and lets join end", "[sync][QU010]") {
    testing::test_loop loop;
    queue<int> q;
    task<std::string> getter = create_task(loop.loop(), outcome_of_get(q));
    task<> joining = create_task(loop.loop(), [](queue<int>& jobs) -> coro<> {
        co_await sleep(0s);
        co_await jobs.join();
    }(q));
    loop.settle();
    q.put_nowait(1);
    q.put_nowait(2);
    task<> late_joining = create_task(loop.loop(), [](queue<int>& jobs) -> coro<> { co_await jobs.join(); }(q));
    q.shutdown(true);
    CHECK(q.unfinished() == 0);
    CHECK(q.qsize() == 0);  // also what had been given to the getter is gone
    loop.settle();
    CHECK(getter.result() == "shut down");
    CHECK(joining.done());
    CHECK(late_joining.done());
}

TEST_CASE("an immediate shutdown still waits for items that were taken before", "[sync][QU010]") {
    testing::test_loop loop;
    queue<int> q;
    q.put_nowait(1);
    q.put_nowait(2);
    CHECK(q.get_nowait() == 1);
    q.shutdown(true);
    CHECK(q.unfinished() == 1);
    task<> joining = create_task(loop.loop(), [](queue<int>& jobs) -> coro<> { co_await jobs.join(); }(q));
    loop.settle();
    CHECK_FALSE(joining.done());
    q.task_done();
    loop.settle();
    CHECK(joining.done());
}

TEST_CASE("an item that went in before the queue was shut down is still given out", "[sync][QU010]") {
    testing::test_loop loop;
    queue<int> q(1);
    q.put_nowait(1);
    task<std::string> putter = create_task(loop.loop(), outcome_of_put(q, 2));
    task<std::string> late = create_task(loop.loop(), outcome_of_put(q, 3));
    loop.settle();
    static_cast<void>(q.get_nowait());
    q.shutdown();
    loop.settle();
    CHECK(putter.result() == "put");
    CHECK(late.result() == "shut down");
    CHECK(q.get_nowait() == 2);
    CHECK(q.empty());
}
