// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/semaphore.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

struct semaphore_subject {
    static constexpr auto kind = testing::sync_kind::many;
    coro<> take() { co_await subject.acquire(); }
    void give() { subject.release(); }
    std::size_t left() const { return subject.value(); }
    semaphore subject{0};
};

// All of its units are taken at first.
struct bounded_subject {
    static constexpr auto kind = testing::sync_kind::many;
    bounded_subject() {
        while (subject.try_acquire()) {
        }
    }
    coro<> take() { co_await subject.acquire(); }
    void give() { subject.release(); }
    std::size_t left() const { return subject.value(); }
    bounded_semaphore subject{100};
};

coro<> take(semaphore& s) { co_await s.acquire(); }

coro<> use(semaphore& s, int& inside, int& most) {
    auto unit = co_await s.scoped();
    if (++inside > most) most = inside;
    co_await sleep(1s);
    --inside;
}

}  // namespace

TEST_CASE("a semaphore obeys the laws of waiting", "[sync][LK015][LK016][LK023][L2]") {
    CHECK_NOTHROW(testing::check_sync<semaphore_subject>());
}

TEST_CASE("a semaphore counts down to locked and up again", "[sync][LK014][LK017]") {
    semaphore s(2);
    CHECK(s.value() == 2);
    CHECK_FALSE(s.locked());
    CHECK(s.acquire().await_ready());
    CHECK(s.try_acquire());
    CHECK(s.locked());
    CHECK_FALSE(s.try_acquire());
    CHECK_FALSE(s.acquire().await_ready());
    s.release();
    CHECK(s.value() == 1);
    s.release();
    s.release();
    CHECK(s.value() == 3);  // above the initial value
}

TEST_CASE("a semaphore has one unit by default, and cannot begin with less than none", "[sync][LK014]") {
    CHECK(semaphore().value() == 1);
    CHECK(semaphore(0).locked());
    CHECK_THROWS_AS(semaphore(static_cast<std::size_t>(-1)), std::invalid_argument);
    CHECK_THROWS_AS(bounded_semaphore(static_cast<std::size_t>(-1)), std::invalid_argument);
}

TEST_CASE("a guard gives its unit back at the end of the scope", "[sync][LK014]") {
    testing::test_loop loop;
    semaphore s(1);
    loop.run([](semaphore& from) -> coro<> {
        {
            auto unit = co_await from.scoped();
            CHECK(from.locked());
        }
        CHECK_FALSE(from.locked());
        try {
            auto unit = co_await from.scoped();
            throw std::runtime_error("x");
        } catch (const std::runtime_error&) {
        }
        CHECK(from.value() == 1);
    }(s));
}

TEST_CASE("a bounded semaphore refuses more units than its bound", "[sync][LK017]") {
    bounded_semaphore s(2);
    CHECK_THROWS_AS(s.release(), std::logic_error);
    CHECK(s.try_acquire());
    CHECK_NOTHROW(s.release());
    CHECK_THROWS_AS(s.release(), std::logic_error);
    CHECK(s.value() == 2);
    CHECK(bounded_semaphore().value() == 1);

    semaphore higher(1, 2);
    CHECK_NOTHROW(higher.release());
    CHECK_THROWS_AS(higher.release(), std::logic_error);
    CHECK_THROWS_AS(semaphore(2, 1), std::invalid_argument);
}

TEST_CASE("a bounded semaphore obeys the laws of waiting", "[sync][LK015][LK016][LK023][L2]") {
    CHECK_NOTHROW(testing::check_sync<bounded_subject>());
}

TEST_CASE("no more tasks than units are inside at a time", "[sync]") {
    testing::test_loop loop;
    semaphore s(3);
    int inside = 0;
    int most = 0;
    std::vector<task<>> tasks;
    for (int count = 0; count < 10; ++count) tasks.push_back(create_task(loop.loop(), use(s, inside, most)));
    loop.advance(4s);
    CHECK(most == 3);
    CHECK(inside == 0);
    CHECK(s.value() == 3);
}

TEST_CASE("tasks that take a unit twice take turns, however long they keep it", "[sync][LK015][L2]") {
    for (const auto kept : {0ms, 10ms}) {
        for (const bool at_once : {false, true}) {
            CAPTURE(kept.count(), at_once);
            testing::test_loop loop;
            semaphore s(1);
            std::vector<std::string> order;
            auto taker = [](semaphore& from, std::vector<std::string>& log, int number, auto keep, bool again) -> coro<> {
                for (int round = 1; round <= 2; ++round) {
                    co_await from.acquire();
                    log.push_back(std::to_string(number) + "." + std::to_string(round));
                    co_await sleep(keep);
                    from.release();
                    if (!again) co_await sleep(0s);  // else it asks again before anybody has run
                }
            };
            for (int number = 1; number <= 3; ++number) {
                create_task(loop.loop(), taker(s, order, number, kept, at_once));
            }
            loop.advance(1s);
            CHECK(order == std::vector<std::string>{"1.1", "2.1", "3.1", "1.2", "2.2", "3.2"});
            CHECK(s.value() == 1);
        }
    }
}

TEST_CASE("a task cancelled while it waits for a unit leaves the queue, and the next one gets the unit",
          "[sync][LK016][L2]") {
    testing::test_loop loop;
    semaphore s(0);
    task<> first = create_task(loop.loop(), take(s));
    task<> second = create_task(loop.loop(), take(s));
    loop.settle();
    SECTION("cancelled before the release") {
        first.cancel();
        s.release();
    }
    SECTION("cancelled just after the unit was handed to it") {
        s.release();
        CHECK(s.locked());
        first.cancel();
    }
    loop.settle();
    CHECK(first.cancelled());
    CHECK(second.done());
    CHECK_FALSE(second.cancelled());
    CHECK(s.value() == 0);
}

TEST_CASE("several units, all of whose takers are cancelled, are there again", "[sync][LK016][L2]") {
    testing::test_loop loop;
    semaphore s(0);
    std::vector<task<>> tasks;
    for (int count = 0; count < 3; ++count) tasks.push_back(create_task(loop.loop(), take(s)));
    loop.settle();
    for (int count = 0; count < 3; ++count) s.release();
    for (auto& each : tasks) each.cancel();
    loop.settle();
    CHECK(s.value() == 3);
    loop.run(take(s));
    CHECK(s.value() == 2);
}

TEST_CASE("several units released in a row wake several tasks, and a newcomer overtakes none of them",
          "[sync][LK017][L2]") {
    testing::test_loop loop;
    semaphore s(0);
    std::vector<task<>> tasks;
    for (int count = 0; count < 3; ++count) {
        tasks.push_back(create_task(loop.loop(), take(s)));
    }
    loop.settle();
    s.release();
    s.release();
    CHECK_FALSE(s.try_acquire());
    loop.settle();
    CHECK(tasks[0].done());
    CHECK(tasks[1].done());
    CHECK_FALSE(tasks[2].done());
    s.release();
    s.release();
    loop.settle();
    CHECK(tasks[2].done());
    CHECK(s.try_acquire());
    CHECK(s.locked());
}
