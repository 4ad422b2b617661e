// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/ready_queue.hpp>

#include <functional>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

struct node final : ready_node {
    explicit node(std::function<void()> what = {}) : action(std::move(what)) {}
    void run() override { action(); }
    void discard() noexcept override {
        ++discarded;
        if (action) action();
    }
    std::function<void()> action;
    int discarded = 0;
};

}  // namespace

TEST_CASE("a batch is what was in the queue when it started", "[core]") {
    ready_queue queue;
    CHECK(queue.empty());
    std::vector<int> order;
    node third([&] { order.push_back(3); });
    node first([&] {
        order.push_back(1);
        queue.push(third);
    });
    node second([&] { order.push_back(2); });
    queue.push(first);
    queue.push(second);
    CHECK_FALSE(queue.empty());
    CHECK(queue.next() == nullptr);  // no batch has begun
    queue.begin_batch();
    while (ready_node* next = queue.next()) next->run();
    CHECK(order == std::vector<int>{1, 2});
    CHECK_FALSE(queue.empty());
    queue.begin_batch();
    while (ready_node* next = queue.next()) next->run();
    CHECK(order == std::vector<int>{1, 2, 3});
    CHECK(queue.empty());
}

TEST_CASE("a node that is unlinked or dies before its turn does not run", "[core]") {
    ready_queue queue;
    int runs = 0;
    node first([&] { ++runs; });
    {
        node second([&] { ++runs; });
        queue.push(first);
        queue.push(second);
        queue.begin_batch();
    }
    first.unlink();
    CHECK(queue.next() == nullptr);
    CHECK(runs == 0);
}

TEST_CASE("take_all appends another queue in order", "[core]") {
    ready_queue queue;
    ready_queue later;
    node first;
    node second;
    queue.push(first);
    later.push(second);
    queue.take_all(later);
    CHECK(later.empty());
    queue.begin_batch();
    CHECK(queue.next() == &first);
    CHECK(queue.next() == &second);
}

TEST_CASE("clearing discards everything once, also what is scheduled by it", "[core]") {
    ready_queue queue;
    node late;
    node first([&] { queue.push(late); });
    node second;
    queue.push(first);
    queue.begin_batch();
    queue.push(second);
    queue.clear();
    CHECK(queue.empty());
    CHECK(first.discarded == 1);
    CHECK(second.discarded == 1);
    CHECK(late.discarded == 1);
}
