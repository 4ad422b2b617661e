// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/condition.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/tasks/cancel_scope.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

// Things under the lock of a condition. A thing on its way to a task that was notified is not counted as
// left: the lock is on its way then, too.
struct condition_subject {
    static constexpr auto kind = testing::sync_kind::many;
    coro<> take() {
        co_await subject.acquire();
        try {
            co_await subject.wait_for([this] { return count != 0; });
        } catch (...) {
            subject.release();
            throw;
        }
        --count;
        subject.release();
    }
    void give() {
        const bool was_free = subject.try_acquire();
        ++count;
        subject.notify();
        if (was_free) subject.release();
    }
    std::size_t left() const { return subject.locked() ? 0 : count; }
    condition subject;
    std::size_t count = 0;
};

// Tasks that wait under the lock and write down how it ended.
struct scene {
    explicit scene(std::size_t count, condition& where) : changed(where) {
        for (std::size_t number = 0; number < count; ++number)
            add();
        loop.settle();
    }

    void add() { tasks.push_back(create_task(loop.loop(), wait(changed, log, tasks.size()))); }

    static coro<> wait(condition& changed, std::vector<std::string>& log, std::size_t number) {
        auto guard = co_await changed.scoped();
        std::string end = "woken";
        try {
            co_await changed.wait();
        } catch (const cancelled_error& cancelled) {
            end = "cancelled" + cancelled.message();
        }
        if (!changed.locked()) end += " without the lock";
        log.push_back(std::to_string(number) + " " + end);
    }

    // Under the lock, which is released at the end unless it is to be kept.
    template <class Function>
    void locked(Function function, bool keep = false) {
        REQUIRE(changed.try_acquire());
        function();
        if (!keep) changed.release();
    }

    std::vector<std::string> take_log() { return std::exchange(log, {}); }

    testing::test_loop loop{{.allow_lost_tasks = true}};
    condition& changed;
    std::vector<std::string> log;
    std::vector<task<>> tasks;
};

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE("tasks that wait for a condition obey the laws of waiting", "[sync][LK008][LK023]") {
    CHECK_NOTHROW(testing::check_sync<condition_subject>());
}

TEST_CASE("waiting releases the lock, and the notified task has it again", "[sync][LK008]") {
    condition changed;
    scene s(1, changed);
    CHECK_FALSE(changed.locked());
    s.locked([&] {
        changed.notify();
        s.loop.settle();
        CHECK(s.log.empty());  // the lock is not free yet
    });
    CHECK(changed.locked());  // it is on its way
    s.loop.settle();
    CHECK(s.log == lines{"0 woken"});
    CHECK_FALSE(changed.locked());
}

TEST_CASE("notify wakes as many as it is told, oldest first, and only those not notified before",
          "[sync][LK008]") {
    condition changed;
    scene s(6, changed);
    s.locked([&] { changed.notify(); });
    s.loop.settle();
    CHECK(s.take_log() == lines{"0 woken"});
    s.locked([&] {
        changed.notify(1);
        changed.notify(2);
    });
    s.loop.settle();
    CHECK(s.take_log() == lines{"1 woken", "2 woken", "3 woken"});
    s.locked([&] { changed.notify(0); });
    s.loop.settle();
    CHECK(s.log.empty());
    s.locked([&] { changed.notify(2048); });
    s.loop.settle();
    CHECK(s.take_log() == lines{"4 woken", "5 woken"});
    s.locked([&] { changed.notify(); });
    s.add();
    s.loop.settle();
    CHECK(s.log.empty());  // what nobody waited for is forgotten
    s.tasks.back().cancel();
    s.loop.settle();
}

TEST_CASE("notify_all wakes everybody who waits, and nobody who comes later", "[sync][LK008]") {
    condition changed;
    scene s(3, changed);
    s.locked([&] { changed.notify_all(); });
    s.add();
    s.loop.settle();
    CHECK(s.take_log() == lines{"0 woken", "1 woken", "2 woken"});
    CHECK_FALSE(s.tasks[3].done());
    s.tasks[3].cancel();
    s.loop.settle();
}

TEST_CASE("waiting and notifying without the lock are errors that change nothing", "[sync][LK009]") {
    testing::test_loop loop;
    condition changed;
    CHECK_THROWS_AS(changed.notify(), invalid_state_error);
    CHECK_THROWS_AS(changed.notify_all(), invalid_state_error);
    CHECK_THROWS_AS(changed.release(), invalid_state_error);
    auto wait = [](condition& where) -> coro<> { co_await where.wait(); };
    CHECK_THROWS_AS(loop.run(wait(changed)), invalid_state_error);
    CHECK_FALSE(changed.locked());
}

TEST_CASE("a cancelled wait ends with the lock held", "[sync][LK010]") {
    condition changed;
    scene s(2, changed);
    s.tasks[0].cancel("!");
    s.loop.settle();
    CHECK(s.log == lines{"0 cancelled!"});
    CHECK_FALSE(changed.locked());
    s.locked([&] { changed.notify(); });
    s.loop.settle();
    CHECK(s.log == lines{"0 cancelled!", "1 woken"});
}

TEST_CASE("a cancelled wait whose lock is taken waits for it, in the order of those who want it",
          "[sync][LK010]") {
    condition changed;
    scene s(1, changed);
    auto take = [](condition& where, std::vector<std::string>& log) -> coro<> {
        auto guard = co_await where.scoped();
        log.push_back("taken");
    };
    s.locked([&] {
        create_task(s.loop.loop(), take(changed, s.log));
        s.loop.settle();
        s.tasks[0].cancel();
        create_task(s.loop.loop(), take(changed, s.log));
        s.loop.settle();
        s.tasks[0].cancel();  // a second time, which does not cost it its place
        s.loop.settle();
        CHECK(s.log.empty());
        CHECK(s.tasks[0].shared_state()->waits_for() == std::string("the lock of a condition"));
    });
    s.loop.settle();
    CHECK(s.log == lines{"taken", "0 cancelled", "taken"});
}

TEST_CASE(
    "cancelled again and again while it waits for the lock, a wait throws the latest, once, with the lock",
    "[sync][LK010][L3]") {
    condition changed;
    scene s(1, changed);
    s.locked([&] {
        for (const char* message : {" 1", " 2", " 3"}) {
            s.tasks[0].cancel(message);
            s.loop.settle();
            CHECK_FALSE(s.tasks[0].done());
        }
    });
    s.tasks[0].cancel(" 4");  // the lock is on its way already
    s.loop.settle();
    CHECK(s.log == lines{"0 cancelled 4"});
    CHECK(s.tasks[0].done());
    CHECK_FALSE(s.tasks[0].cancelled());  // the task caught it, and no other request is left to be delivered
    CHECK_FALSE(changed.locked());
}

TEST_CASE("a wait that is cancelled after its notification ends with the lock held", "[sync][LK010]") {
    condition changed;
    scene s(1, changed);
    SECTION("before the lock is free") {
        s.locked([&] {
            changed.notify();
            s.tasks[0].cancel();
            s.loop.settle();
            CHECK(s.log.empty());
        });
    }
    SECTION("after the lock was handed over") {
        s.locked([&] { changed.notify(); });
        s.tasks[0].cancel();
    }
    s.loop.settle();
    CHECK(s.log == lines{"0 cancelled"});
    CHECK_FALSE(changed.locked());
}

TEST_CASE("in a cancelled scope a wait gives the lock to others and ends with it", "[sync][LK010]") {
    testing::test_loop loop;
    condition changed;
    std::vector<std::string> log;
    auto other = [](condition& where, std::vector<std::string>& into) -> coro<> {
        auto guard = co_await where.scoped();
        into.push_back("other");
    };
    auto waiting = [](condition& where, std::vector<std::string>& into, cancel_scope& scope) -> coro<> {
        auto guard = co_await where.scoped();
        scope.cancel();
        for (int round = 0; round < 2; ++round) {
            try {
                co_await where.wait();
            } catch (const cancelled_error&) {
                into.push_back(where.locked() ? "cancelled with the lock" : "cancelled without the lock");
            }
        }
    };
    loop.run([](condition& where, std::vector<std::string>& into, auto wait, auto take) -> coro<> {
        cancel_scope scope;
        task<> second;
        {
            auto guard = co_await where.scoped();
            second = create_task(take(where, into));
            co_await sleep(0s);
        }
        co_await scope.run(wait(where, into, scope));
        co_await second;
    }(changed, log, waiting, other));
    CHECK(log == lines{"other", "cancelled with the lock", "cancelled with the lock"});
    CHECK_FALSE(changed.locked());
}

TEST_CASE("wait_for returns what the predicate returned, and does not wait when that is true at once",
          "[sync][LK011]") {
    testing::test_loop loop;
    condition changed;
    // Even the lock is not needed then.
    CHECK(loop.run(changed.wait_for([] { return std::optional<int>(7); })).value() == 7);
    CHECK_THROWS_AS(loop.run(changed.wait_for([] { return false; })), invalid_state_error);

    std::vector<int> numbers;
    int asked = 0;
    auto wait = [](condition& where, const std::vector<int>& seen, int& count) -> coro<std::size_t> {
        auto guard = co_await where.scoped();
        const auto enough = [&] {
            ++count;
            return seen.size() < 3 ? 0 : seen.size();
        };
        co_return co_await where.wait_for(enough);
    };
    task<std::size_t> waiting = create_task(loop.loop(), wait(changed, numbers, asked));
    for (int number = 0; number < 5; ++number) {
        loop.settle();
        CHECK(waiting.done() == (number >= 3));
        REQUIRE(changed.try_acquire());
        numbers.push_back(number);
        changed.notify_all();
        changed.release();
    }
    loop.settle();
    CHECK(waiting.result() == 3);
    CHECK(asked == 4);
    CHECK_FALSE(changed.locked());
}

TEST_CASE("what the predicate throws comes out of wait_for with the lock held", "[sync][LK011]") {
    testing::test_loop loop;
    condition changed;
    REQUIRE(changed.try_acquire());
    auto refuse = []() -> bool { throw std::out_of_range("x"); };
    CHECK_THROWS_AS(loop.run(changed.wait_for(refuse)), std::out_of_range);
    CHECK(changed.locked());
}

TEST_CASE("conditions that share a lock are notified apart", "[sync][LK012]") {
    lock shared;
    condition filled(shared);
    condition drained(shared);
    scene s(2, filled);
    task<> other = create_task(s.loop.loop(), scene::wait(drained, s.log, 9));
    s.loop.settle();
    REQUIRE(shared.try_acquire());
    CHECK(filled.locked());
    CHECK(drained.locked());
    drained.notify_all();
    filled.notify();
    drained.release();
    s.loop.settle();
    CHECK(s.log == lines{"9 woken", "0 woken"});
    CHECK_FALSE(shared.locked());
    s.tasks[1].cancel();
    s.loop.settle();
}

TEST_CASE("a timeout inside of a scope of the lock ends the wait, and leaves the lock to the scope",
          "[sync][LK012]") {
    testing::test_loop loop;
    lock shared;
    condition changed(shared);
    loop.run([](condition& where, lock& outer) -> coro<> {
        auto guard = co_await where.scoped();
        bool timed_out = false;
        try {
            co_await wait_for([](condition& in) -> coro<> { co_await in.wait(); }(where), 1s);
        } catch (const timeout_error&) {
            timed_out = true;
        }
        CHECK(timed_out);
        CHECK(outer.locked());
        guard.release();
        CHECK_FALSE(outer.locked());
    }(changed, shared));
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a notified task that is cancelled passes the notification on", "[sync][LK013][L3]") {
    condition changed;
    scene s(3, changed);
    SECTION("before the lock is free") {
        s.locked([&] {
            changed.notify();
            s.tasks[0].cancel();
        });
    }
    SECTION("after the lock was handed over") {
        s.locked([&] { changed.notify(); });
        s.tasks[0].cancel();
    }
    SECTION("several times") {
        s.locked([&] {
            changed.notify();
            s.tasks[0].cancel(" 1");
            s.tasks[0].cancel("");
        });
    }
    s.loop.settle();
    CHECK(s.log == lines{"0 cancelled", "1 woken"});
    s.tasks[2].cancel();
    s.loop.settle();
}

TEST_CASE("a task that is cancelled before any notification passes none on", "[sync][LK013]") {
    condition changed;
    scene s(3, changed);
    s.locked([&] {
        s.tasks[0].cancel();
        changed.notify();
    });
    s.loop.settle();
    CHECK(s.log == lines{"0 cancelled", "1 woken"});
    CHECK_FALSE(s.tasks[2].done());
    s.tasks[2].cancel();
    s.loop.settle();
}

TEST_CASE("a wait whose condition is gone ends when it is cancelled", "[sync]") {
    auto changed = std::make_unique<condition>();
    testing::test_loop loop;
    auto wait = [](condition& where) -> coro<> {
        static_cast<void>(where.try_acquire());
        co_await where.wait();
    };
    task<> waiting = create_task(loop.loop(), wait(*changed));
    loop.settle();
    changed.reset();
    waiting.cancel();
    loop.settle();
    CHECK(waiting.cancelled());
}

TEST_CASE("a lock on its way to a task that goes away with its loop is free again", "[sync]") {
    lock shared;
    condition changed(shared);
    scene s(1, changed);
    SECTION("notified") {
        s.locked([&] { changed.notify(); });
    }
    SECTION("cancelled") {
        s.tasks[0].cancel();
    }
    CHECK(shared.locked());
    s.loop.loop().close();
    CHECK_FALSE(shared.locked());
}
