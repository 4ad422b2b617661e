// SPDX-License-Identifier: BSL-1.0
#include <aioxx/base/ring_buffer.hpp>

#include <deque>
#include <memory>
#include <random>
#include <utility>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("a ring buffer behaves as a queue, whatever the order of pushes and pops", "[base]") {
    std::mt19937 random(7);
    ring_buffer<std::unique_ptr<int>> ring;
    std::deque<int> model;
    for (int step = 0; step < 20000; ++step) {
        const bool grow = (step / 1000) % 2 == 0;
        if (model.empty() || random() % 3 < (grow ? 2u : 1u)) {
            ring.push(std::make_unique<int>(step));
            model.push_back(step);
        } else {
            CHECK(*ring.front() == model.front());
            CHECK(*ring.pop() == model.front());
            model.pop_front();
        }
        if (ring.size() != model.size() || ring.empty() != model.empty()) FAIL("sizes differ");
    }
}

TEST_CASE("a ring buffer keeps its memory", "[base]") {
    ring_buffer<int> ring;
    CHECK(ring.capacity() == 0);
    for (int number = 0; number < 9; ++number) ring.push(number);
    const auto capacity = ring.capacity();
    CHECK(capacity == 16);
    for (int round = 0; round < 100; ++round) ring.push(ring.pop());
    ring.clear();
    CHECK(ring.empty());
    CHECK(ring.capacity() == capacity);
}

TEST_CASE("a ring buffer destroys what it holds, once, and can be moved", "[base]") {
    auto shared = std::make_shared<int>(1);
    {
        ring_buffer<std::shared_ptr<int>> ring;
        for (int count = 0; count < 20; ++count) ring.push(shared);
        CHECK(shared.use_count() == 21);
        ring.pop();
        ring_buffer<std::shared_ptr<int>> moved(std::move(ring));
        CHECK(ring.empty());
        CHECK(moved.size() == 19);
        ring.push(shared);
        ring = std::move(moved);
        CHECK(ring.size() == 19);
        CHECK(shared.use_count() == 20);
    }
    CHECK(shared.use_count() == 1);
}
