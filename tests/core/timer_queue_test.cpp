// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/timer_queue.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

struct timer final : timer_node {
    explicit timer(int id = 0) : number(id) {}
    void run() override {}
    void discard() noexcept override { ++discarded; }
    int number;
    int discarded = 0;
};

constexpr time_point at(int tick) { return time_point(std::chrono::seconds(tick)); }

int pop(timer_queue& queue, time_point now) {
    timer_node* due = queue.pop_due(now);
    return due != nullptr ? static_cast<timer*>(due)->number : -1;
}

}  // namespace

TEST_CASE("timers come out by deadline, and in the order of arming among equal ones", "[core]") {
    timer_queue queue;
    timer a(0);
    timer b(1);
    timer c(2);
    timer d(3);
    queue.arm(a, at(5));
    queue.arm(b, at(3));
    queue.arm(c, at(5));
    queue.arm(d, at(3));
    CHECK(queue.size() == 4);
    CHECK(queue.earliest() == at(3));
    CHECK(queue.pop_due(at(2)) == nullptr);
    CHECK(pop(queue, at(3)) == 1);
    CHECK(pop(queue, at(3)) == 3);
    CHECK(pop(queue, at(3)) == -1);
    CHECK(pop(queue, at(9)) == 0);
    CHECK(pop(queue, at(9)) == 2);
    CHECK(queue.empty());
}

TEST_CASE("a cancelled timer is taken out at once, wherever it stands", "[core][BE015]") {
    timer_queue queue;
    timer a;
    timer b;
    queue.arm(a, at(1));
    queue.arm(b, at(2));
    CHECK(a.is_armed());
    CHECK(a.when() == at(1));
    queue.cancel(a);
    queue.cancel(a);
    CHECK_FALSE(a.is_armed());
    CHECK(queue.size() == 1);
    b.disarm();
    b.disarm();
    CHECK(queue.empty());
    queue.arm(a, at(1));
    CHECK(queue.pop_due(at(1)) == &a);
}

TEST_CASE("a timer that dies takes itself out", "[core]") {
    timer_queue queue;
    timer a(1);
    queue.arm(a, at(2));
    {
        timer b(2);
        queue.arm(b, at(1));
    }
    CHECK(queue.size() == 1);
    CHECK(queue.earliest() == at(2));
}

TEST_CASE("a queue that dies discards its timers and leaves them usable", "[core]") {
    timer a;
    {
        timer_queue queue;
        queue.arm(a, at(1));
    }
    CHECK(a.discarded == 1);
    CHECK_FALSE(a.is_armed());
}

TEST_CASE("the timer queue agrees with a sorted list whatever is armed and cancelled", "[core]") {
    struct expected {
        time_point when;
        std::uint64_t order;
        int number;
    };
    std::mt19937 random(3);
    for (int trial = 0; trial < 20; ++trial) {
        timer_queue queue;
        std::vector<std::unique_ptr<timer>> timers;
        for (int number = 0; number < 64; ++number) timers.push_back(std::make_unique<timer>(number));
        std::vector<expected> model;
        std::uint64_t order = 0;
        int now = 0;
        for (int step = 0; step < 2000; ++step) {
            timer& chosen = *timers[random() % timers.size()];
            const auto found = std::find_if(model.begin(), model.end(),
                                            [&](const expected& each) { return each.number == chosen.number; });
            if (chosen.is_armed() != (found != model.end())) FAIL("armed differs");
            switch (random() % 4) {
                case 0:
                case 1:
                    if (found != model.end()) break;
                    model.push_back({at(now + static_cast<int>(random() % 8)), order++, chosen.number});
                    queue.arm(chosen, model.back().when);
                    break;
                case 2:
                    if (found != model.end()) model.erase(found);
                    queue.cancel(chosen);
                    break;
                default: {
                    now += static_cast<int>(random() % 2);
                    const auto first = std::min_element(model.begin(), model.end(), [](const auto& a, const auto& b) {
                        return a.when != b.when ? a.when < b.when : a.order < b.order;
                    });
                    const bool due = first != model.end() && first->when <= at(now);
                    const int number = due ? first->number : -1;
                    if (due) model.erase(first);
                    if (pop(queue, at(now)) != number) FAIL("another timer came out");
                }
            }
            if (queue.size() != model.size()) FAIL("sizes differ");
        }
    }
    SUCCEED();
}
