// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/event.hpp>

#include <memory>

#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

struct event_subject {
    static constexpr auto kind = testing::sync_kind::everybody;
    coro<> take() { co_await subject.wait(); }
    void give() { subject.set(); }
    std::size_t left() const { return subject.is_set() ? 1 : 0; }
    event subject;
};

coro<> wait_for(event& e) { co_await e.wait(); }

}  // namespace

TEST_CASE("an event obeys the laws of waiting", "[sync][LK007][LK023]") {
    CHECK_NOTHROW(testing::check_sync<event_subject>());
}

TEST_CASE("waiting for an event that is set does not suspend", "[sync][LK007]") {
    event e;
    CHECK_FALSE(e.is_set());
    e.set();
    e.set();
    CHECK(e.is_set());
    CHECK(e.wait().await_ready());
    e.clear();
    CHECK_FALSE(e.is_set());
    CHECK_FALSE(e.wait().await_ready());
}

TEST_CASE("set followed by clear wakes everybody who waited", "[sync][LK007]") {
    testing::test_loop loop;
    event e;
    task<> first = create_task(loop.loop(), wait_for(e));
    task<> second = create_task(loop.loop(), wait_for(e));
    loop.settle();
    e.set();
    e.clear();
    task<> late = create_task(loop.loop(), wait_for(e));
    loop.settle();
    CHECK(first.done());
    CHECK(second.done());
    CHECK_FALSE(late.done());
    e.set();
    loop.settle();
    CHECK(late.done());
}

TEST_CASE("an event may be destroyed right after set, before the woken tasks resume", "[sync]") {
    testing::test_loop loop;
    auto e = std::make_unique<event>();
    task<> waiting = create_task(loop.loop(), wait_for(*e));
    loop.settle();
    e->set();
    e.reset();
    loop.settle();
    CHECK(waiting.done());
    CHECK_FALSE(waiting.cancelled());
}

TEST_CASE("a task that waits for an event says so, and can be cancelled", "[sync][LK007]") {
    testing::test_loop loop;
    event e;
    task<> waiting = create_task(loop.loop(), wait_for(e), "watcher");
    loop.settle();
    CHECK(waiting.shared_state()->describe() == "watcher waits for event");
    waiting.cancel();
    loop.settle();
    CHECK(waiting.cancelled());
}

TEST_CASE("an event on which tasks of two loops wait at the same time is an error", "[sync][LK023]") {
    testing::test_loop one;
    testing::test_loop other;
    event e;
    task<> waiting = create_task(one.loop(), wait_for(e));
    one.settle();
    CHECK_THROWS_AS(other.run(wait_for(e)), invalid_state_error);
    e.set();
    one.settle();
    CHECK(waiting.done());
}
