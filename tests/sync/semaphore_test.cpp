// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/semaphore.hpp>

#include <cstddef>
#include <stdexcept>
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

coro<> use(semaphore& s, int& inside, int& most) {
    auto unit = co_await s.scoped();
    if (++inside > most) most = inside;
    co_await sleep(1s);
    --inside;
}

}  // namespace

TEST_CASE("a semaphore obeys the laws of waiting (LK015, LK016)", "[sync]") {
    CHECK_NOTHROW(testing::check_sync<semaphore_subject>());
}

TEST_CASE("a semaphore counts down to locked and up again (LK014)", "[sync]") {
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
    CHECK(s.value() == 3);  // above the initial value (LK017)
}

TEST_CASE("a bounded semaphore refuses more units than its bound (LK017)", "[sync]") {
    semaphore s(1, 1);
    CHECK_THROWS_AS(s.release(), std::logic_error);
    CHECK(s.try_acquire());
    CHECK_NOTHROW(s.release());
    CHECK_THROWS_AS(semaphore(2, 1), std::invalid_argument);
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

TEST_CASE("several units released in a row wake several tasks", "[sync]") {
    testing::test_loop loop;
    semaphore s(0);
    std::vector<task<>> tasks;
    for (int count = 0; count < 3; ++count) {
        tasks.push_back(create_task(loop.loop(), [](semaphore& from) -> coro<> { co_await from.acquire(); }(s)));
    }
    loop.settle();
    s.release();
    s.release();
    loop.settle();
    CHECK(tasks[0].done());
    CHECK(tasks[1].done());
    CHECK_FALSE(tasks[2].done());
    s.release();
    loop.settle();
}
