// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/priority_queue.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

// Seen from those who get.
template <class Queue>
struct item_subject {
    static constexpr auto kind = testing::sync_kind::many;
    coro<> take() { static_cast<void>(co_await subject.get()); }
    void give() { subject.put_nowait(0); }
    std::size_t left() const { return subject.qsize(); }
    Queue subject;
};

// Seen from those who put: slots taken stay taken until one is given.
template <class Queue>
struct slot_subject {
    static constexpr auto kind = testing::sync_kind::kept;
    static constexpr std::size_t size = 100;
    slot_subject() : subject(size) {
        for (std::size_t count = 0; count < size; ++count)
            subject.put_nowait(0);
    }
    coro<> take() { co_await subject.put(0); }
    void give() { static_cast<void>(subject.get_nowait()); }
    std::size_t left() const { return subject.full() ? 0 : size - subject.qsize(); }
    Queue subject;
};

template <class Queue>
std::vector<typename Queue::value_type> drain(Queue& q) {
    std::vector<typename Queue::value_type> items;
    while (!q.empty())
        items.push_back(q.get_nowait());
    return items;
}

struct by_first {
    template <class Pair>
    bool operator()(const Pair& one, const Pair& other) const {
        return one.first < other.first;
    }
};

}  // namespace

TEST_CASE("those who wait at a priority queue obey the laws of waiting", "[sync][QU004][QU005][L4]") {
    CHECK_NOTHROW(testing::check_sync<item_subject<priority_queue<int>>>());
    CHECK_NOTHROW(testing::check_sync<slot_subject<priority_queue<int>>>());
}

TEST_CASE("those who wait at a queue that gives the newest first obey the laws of waiting",
          "[sync][QU004][QU005][L4]") {
    CHECK_NOTHROW(testing::check_sync<item_subject<lifo_queue<int>>>());
    CHECK_NOTHROW(testing::check_sync<slot_subject<lifo_queue<int>>>());
}

TEST_CASE("a priority queue gives the least item first", "[sync][QU008]") {
    priority_queue<int> q;
    for (const int number : {1, 3, 2})
        q.put_nowait(number);
    CHECK(q.get_nowait() == 1);
    q.put_nowait(0);
    CHECK(drain(q) == std::vector<int>{0, 2, 3});

    priority_queue<int, std::greater<int>> greatest_first;
    for (const int number : {1, 3, 2})
        greatest_first.put_nowait(number);
    CHECK(drain(greatest_first) == std::vector<int>{3, 2, 1});
}

TEST_CASE("equal items of a priority queue keep their order", "[sync][QU008]") {
    using job = std::pair<unsigned, unsigned>;
    priority_queue<job, by_first> q;
    std::mt19937 random(1);
    std::vector<job> jobs;
    for (unsigned number = 0; number < 1000; ++number)
        jobs.emplace_back(random() % 10, number);
    for (const job& each : jobs)
        q.put_nowait(each);
    std::sort(jobs.begin(), jobs.end());  // the second of each is its place
    CHECK(drain(q) == jobs);
}

TEST_CASE("items of a priority queue need only be movable", "[sync]") {
    using text = std::unique_ptr<std::string>;
    struct shorter {
        bool operator()(const text& one, const text& other) const { return one->size() < other->size(); }
    };
    testing::test_loop loop;
    priority_queue<text, shorter> q(2);
    loop.run([](priority_queue<text, shorter>& words) -> coro<> {
        text longer = std::make_unique<std::string>("second");
        co_await words.put(std::move(longer));
        words.put_nowait(std::make_unique<std::string>("1st"));
        CHECK(words.full());
        const text first = co_await words.get();
        CHECK(*first == "1st");
        const text second = co_await words.get();
        CHECK(*second == "second");
    }(q));
}

TEST_CASE("a lifo queue gives the newest item first", "[sync][QU008]") {
    lifo_queue<int> q;
    for (const int number : {1, 3, 2})
        q.put_nowait(number);
    CHECK(q.get_nowait() == 2);
    q.put_nowait(4);
    CHECK(drain(q) == std::vector<int>{4, 3, 1});
}

TEST_CASE("an immediate shutdown empties the ordered queues too", "[sync][QU010]") {
    priority_queue<int> least_first;
    lifo_queue<int> newest_first;
    least_first.put_nowait(1);
    newest_first.put_nowait(1);
    least_first.shutdown(true);
    newest_first.shutdown(true);
    CHECK(least_first.empty());
    CHECK(least_first.unfinished() == 0);
    CHECK_THROWS_AS(least_first.get_nowait(), queue_shut_down);
    CHECK(newest_first.empty());
    CHECK(newest_first.unfinished() == 0);
    CHECK_THROWS_AS(newest_first.get_nowait(), queue_shut_down);
}
