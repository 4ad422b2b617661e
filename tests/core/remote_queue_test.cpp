// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/remote_queue.hpp>

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

struct node final : ready_node {
    explicit node(std::size_t given) : number(given) {}
    void run() override {}
    const std::size_t number;
};

std::vector<std::size_t> taken_from(detail::remote_queue& queue) {
    ready_queue target;
    queue.take_all(target);
    target.begin_batch();
    std::vector<std::size_t> numbers;
    while (ready_node* next = target.next()) {
        const std::unique_ptr<node> owned(static_cast<node*>(next));
        numbers.push_back(owned->number);
    }
    return numbers;
}

}  // namespace

TEST_CASE("what is added comes out in order, and wakes once until it is taken", "[core]") {
    detail::remote_queue queue;
    int woken = 0;
    for (const std::size_t number : {1U, 2U, 3U}) queue.push(std::make_unique<node>(number), [&] { ++woken; });
    CHECK(woken == 1);
    CHECK(taken_from(queue) == std::vector<std::size_t>{1, 2, 3});
    CHECK(taken_from(queue).empty());
    queue.push(std::make_unique<node>(4), [&] { ++woken; });
    CHECK(woken == 2);
    CHECK(taken_from(queue) == std::vector<std::size_t>{4});
}

TEST_CASE("a closed one hands over what waits, and refuses the rest", "[core]") {
    detail::remote_queue queue;
    queue.push(std::make_unique<node>(1), [] {});
    ready_queue left;
    queue.close(left);
    left.begin_batch();
    const std::unique_ptr<node> first(static_cast<node*>(left.next()));
    REQUIRE(first);
    CHECK(first->number == 1);
    CHECK(left.next() == nullptr);
    CHECK_THROWS_AS(queue.push(std::make_unique<node>(2), [] { FAIL("woken"); }), invalid_state_error);
    CHECK(taken_from(queue).empty());
}

TEST_CASE("several threads add at the same time, and nothing is lost", "[core]") {
    detail::remote_queue queue;
    constexpr std::size_t threads = 4;
    constexpr std::size_t each = 500;
    std::vector<std::jthread> adding;
    for (std::size_t thread = 0; thread < threads; ++thread) {
        adding.emplace_back([&queue, thread] {
            for (std::size_t i = 0; i < each; ++i) queue.push(std::make_unique<node>(thread * each + i), [] {});
        });
    }
    std::vector<std::size_t> next(threads, 0);
    std::size_t total = 0;
    const auto take = [&] {
        for (const std::size_t number : taken_from(queue)) {
            REQUIRE(number % each == next[number / each]);  // in the order of its thread
            ++next[number / each];
            ++total;
        }
    };
    while (total < threads * each / 2) take();
    adding.clear();
    take();
    CHECK(total == threads * each);
}
