// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/wait_queue.hpp>

#include <memory>
#include <string>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

// A bare owner: counts what came back.
struct place {
    void hand_on() noexcept {
        if (!queue.hand_over()) ++came_back;
    }
    wait_queue queue;
    int came_back = 0;
};

class awaiter final : public wait_queue::handed_entry<place, &place::hand_on> {
public:
    explicit awaiter(place& where) : handed_entry(where.queue, where) {}
    static constexpr bool await_ready() noexcept { return false; }
    bool await_resume() { return take(); }

private:
    const char* waits_for() const noexcept override { return "place"; }
};

coro<std::string> wait_in(place& where) {
    try {
        const bool handed = co_await awaiter(where);
        co_return handed ? "handed" : "woken";
    } catch (const cancelled_error&) {
        co_return "cancelled";
    }
}

struct scene {
    explicit scene(int count) {
        for (int number = 0; number < count; ++number) tasks.push_back(create_task(loop.loop(), wait_in(where)));
        loop.settle();
    }
    testing::test_loop loop;
    place where;
    std::vector<task<std::string>> tasks;
};

}  // namespace

TEST_CASE("nobody to hand over to is reported to the caller", "[sync]") {
    place where;
    CHECK(where.queue.empty());
    CHECK_FALSE(where.queue.hand_over());
    CHECK(where.queue.handed() == 0);
    where.queue.wake_all();
}

TEST_CASE("what was handed over is counted until the waiter takes it", "[sync]") {
    scene s(2);
    CHECK(s.where.queue.size() == 2);
    CHECK(s.where.queue.hand_over());
    CHECK(s.where.queue.size() == 1);
    CHECK(s.where.queue.handed() == 1);
    s.loop.settle();
    CHECK(s.where.queue.handed() == 0);
    CHECK(s.tasks[0].result() == "handed");
    CHECK_FALSE(s.tasks[1].done());
    s.where.queue.wake_all();
    s.loop.settle();
    CHECK(s.tasks[1].result() == "woken");
    CHECK(s.where.came_back == 0);
}

TEST_CASE("a waiter cancelled after the hand-over hands on exactly once", "[sync]") {
    scene s(1);
    s.where.queue.hand_over();
    s.tasks[0].cancel();
    s.loop.settle();
    CHECK(s.tasks[0].result() == "cancelled");
    CHECK(s.where.came_back == 1);
    CHECK(s.where.queue.handed() == 0);
}

TEST_CASE("a waiter cancelled before any wake-up leaves no trace", "[sync]") {
    scene s(1);
    s.tasks[0].cancel();
    CHECK(s.where.queue.empty());
    CHECK_FALSE(s.where.queue.hand_over());
    s.loop.settle();
    CHECK(s.tasks[0].result() == "cancelled");
    CHECK(s.where.came_back == 0);
}

TEST_CASE("a waiter that is destroyed after the hand-over hands on", "[sync]") {
    place where;
    testing::test_loop loop({.allow_lost_tasks = true});
    task<std::string> waiting = create_task(loop.loop(), wait_in(where));
    loop.settle();
    where.queue.hand_over();
    loop.loop().close();
    CHECK(where.came_back == 1);
    CHECK(where.queue.handed() == 0);
}

TEST_CASE("what was handed over and is revoked does not arrive and is not handed on", "[sync]") {
    scene s(3);
    s.where.queue.hand_over();
    s.where.queue.hand_over();
    s.where.queue.revoke();
    CHECK(s.where.queue.handed() == 0);
    s.tasks[1].cancel();
    s.loop.settle();
    CHECK(s.tasks[0].result() == "woken");
    CHECK(s.tasks[1].result() == "cancelled");
    CHECK_FALSE(s.tasks[2].done());
    CHECK(s.where.came_back == 0);
    s.where.queue.wake_all();
    s.loop.settle();
}

TEST_CASE("a queue that is destroyed lets its waiters wait until they are cancelled", "[sync]") {
    testing::test_loop loop;
    auto where = std::make_unique<place>();
    task<std::string> waiting = create_task(loop.loop(), wait_in(*where));
    loop.settle();
    where.reset();
    waiting.cancel();
    loop.settle();
    CHECK(waiting.result() == "cancelled");
}
