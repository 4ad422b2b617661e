// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/task.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<int> value_after(duration delay, int value) {
    co_await sleep(delay);
    co_return value;
}
coro<> wait_for(future<> awaited) { co_await awaited; }
coro<> fails() {
    throw std::runtime_error("task failed");
    co_return;
}

// Swallows a number of cancellations and goes on.
coro<int> stubborn(int swallows, std::string& messages) {
    for (int count = 0; count < swallows; ++count) {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error& cancelled) {
            messages += cancelled.message() + ";";
        }
    }
    co_await sleep(1s);
    co_return swallows;
}

template <class T>
std::string message_of(const task<T>& ended) {
    try {
        ended.result();
    } catch (const cancelled_error& cancelled) {
        return cancelled.message();
    }
    return "not cancelled";
}

}  // namespace

TEST_CASE("a task starts in the next batch and gives its value", "[core]") {
    testing::test_loop loop;
    int runs = 0;
    task<> t = create_task(loop.loop(), [](int& count) -> coro<> {
        ++count;
        co_return;
    }(runs));
    CHECK(runs == 0);
    CHECK_FALSE(t.done());
    loop.settle();
    CHECK(runs == 1);
    CHECK(t.done());
    CHECK_FALSE(t.cancelled());
    task<int> with_value = create_task(loop.loop(), value_after(1s, 5));
    CHECK_THROWS_AS(with_value.result(), invalid_state_error);
    loop.advance(1s);
    CHECK(with_value.result() == 5);
    CHECK(with_value.exception() == nullptr);
}

TEST_CASE("an empty coroutine is refused (TK004)", "[core]") {
    testing::test_loop loop;
    coro<int> moved_from = value_after(0s, 1);
    coro<int> taken = std::move(moved_from);
    CHECK_THROWS_AS(create_task(loop.loop(), std::move(moved_from)), std::invalid_argument);
    CHECK_THROWS_AS(create_task(std::move(taken)), invalid_state_error);  // no running loop
}

TEST_CASE("tasks have names: given, changed, or counted by the loop (TK002)", "[core]") {
    testing::test_loop loop;
    task<int> first = create_task(loop.loop(), value_after(0s, 1));
    task<int> named = create_task(loop.loop(), value_after(0s, 1), "reader");
    task<int> third = create_task(loop.loop(), value_after(0s, 1));
    CHECK(first.name() == "Task-1");
    CHECK(named.name() == "reader");
    CHECK(third.name() == "Task-3");
    third.set_name("writer");
    CHECK(third.name() == "writer");
    loop.settle();
}

TEST_CASE("a task says what it waits for", "[core]") {
    testing::test_loop loop;
    task<int> t = create_task(loop.loop(), value_after(1s, 1), "t");
    CHECK(t.shared_state()->describe() == "t is ready to start");
    loop.settle();
    CHECK(t.shared_state()->describe() == "t waits for sleep");
    task<> outer = create_task(
        loop.loop(), [](task<int> inner) -> coro<> { co_await inner; }(t), "outer");
    loop.settle();
    CHECK(outer.shared_state()->describe() == "outer waits for task");
    loop.advance(1s);
    CHECK(t.shared_state()->describe() == "t");
}

TEST_CASE("the loop knows the tasks that are not done, oldest first (TK029)", "[core]") {
    testing::test_loop loop;
    task<int> first = create_task(loop.loop(), value_after(1s, 1));
    task<int> second = create_task(loop.loop(), value_after(2s, 1));
    CHECK(loop.loop().tasks().size() == 2);
    loop.advance(1s);
    REQUIRE(loop.loop().tasks().size() == 1);
    CHECK(loop.loop().tasks().front()->describe() == "Task-2 waits for sleep");
    loop.advance(1s);
    CHECK(loop.loop().tasks().empty());
}

TEST_CASE("cancelling a waiting task throws at its await and makes it cancelled (TK006, TK007)", "[core]") {
    testing::test_loop loop;
    task<int> t = create_task(loop.loop(), value_after(1h, 1));
    loop.settle();
    CHECK(t.cancel("stop it"));
    CHECK_FALSE(t.cancelled());  // not before it has unwound
    loop.settle();
    CHECK(t.cancelled());
    CHECK(message_of(t) == "stop it");
    CHECK_FALSE(t.cancel());
    CHECK_THROWS_AS(t.exception(), cancelled_error);
    CHECK(loop.elapsed() == 0s);
}

TEST_CASE("cancelling beats a result that came before the task resumed (TK008)", "[core]") {
    testing::test_loop loop;
    future<> f(loop.loop());
    task<> t = create_task(loop.loop(), wait_for(f));
    loop.settle();
    f.set_result();
    t.cancel();
    loop.settle();
    CHECK(t.cancelled());
    future<> failed(loop.loop());
    task<> other = create_task(loop.loop(), wait_for(failed));
    loop.settle();
    failed.set_exception(std::make_exception_ptr(std::runtime_error("x")));
    other.cancel();
    loop.settle();
    CHECK(other.cancelled());
    static_cast<void>(failed.exception());
}

TEST_CASE("a task cancelled before its first step never runs its body (TK009)", "[core]") {
    testing::test_loop loop;
    auto kept = std::make_shared<int>(1);
    task<> t = create_task(loop.loop(), [](std::shared_ptr<int>) -> coro<> {
        FAIL("ran");
        co_return;
    }(kept));
    t.cancel("early");
    loop.settle();
    CHECK(t.cancelled());
    CHECK(message_of(t) == "early");
    CHECK(kept.use_count() == 1);
}

TEST_CASE("cancelling the awaited future cancels the task (TK010)", "[core]") {
    testing::test_loop loop;
    future<> f(loop.loop());
    task<> t = create_task(loop.loop(), wait_for(f));
    loop.settle();
    f.cancel("inner");
    loop.settle();
    CHECK(t.cancelled());
    CHECK(message_of(t) == "inner");
}

TEST_CASE("cancelling the task cancels the awaited future; both at once cancel once (TK011)", "[core]") {
    testing::test_loop loop;
    future<> f(loop.loop());
    task<> t = create_task(loop.loop(), wait_for(f));
    loop.settle();
    t.cancel();
    CHECK(f.cancelled());
    CHECK_FALSE(f.cancel());
    loop.settle();
    CHECK(t.cancelled());
}

TEST_CASE("a task that catches the cancellation and returns is done, not cancelled (TK012)", "[core]") {
    testing::test_loop loop;
    task<int> t = create_task(loop.loop(), []() -> coro<int> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            co_return 42;
        }
        co_return 0;
    }());
    loop.settle();
    t.cancel();
    loop.settle();
    CHECK_FALSE(t.cancelled());
    CHECK(t.result() == 42);
    CHECK(t.cancelling() == 1);
}

TEST_CASE("each cancellation is delivered once; later awaits work as usual (TK013, TK017)", "[core]") {
    testing::test_loop loop;
    std::string messages;
    task<int> t = create_task(loop.loop(), stubborn(2, messages));
    loop.settle();
    t.cancel("one");
    loop.settle();
    CHECK(messages == "one;");
    t.cancel("two");
    loop.settle();
    CHECK(messages == "one;two;");
    CHECK_FALSE(t.done());
    loop.advance(1s);
    CHECK(t.result() == 2);
    CHECK(t.cancelling() == 2);
}

TEST_CASE("two cancellations before the task runs count two and are thrown once", "[core]") {
    testing::test_loop loop;
    std::string messages;
    task<int> t = create_task(loop.loop(), stubborn(1, messages));
    loop.settle();
    t.cancel("one");
    t.cancel("two");
    CHECK(t.cancelling() == 2);
    loop.settle();
    CHECK(messages.starts_with("two;"));
    loop.advance(1s);
    CHECK(t.done());
}

TEST_CASE("a task that cancels itself is cancelled at its next await (TK014)", "[core]") {
    testing::test_loop loop;
    bool reached = false;
    task<> t = create_task(loop.loop(), [](bool& before) -> coro<> {
        current_task()->cancel("myself");
        before = true;
        co_await sleep(1h);
        FAIL("went on");
    }(reached));
    loop.settle();
    CHECK(reached);
    CHECK(t.cancelled());
    CHECK(message_of(t) == "myself");
}

TEST_CASE("a task that cancels itself and returns is cancelled; if it throws, the exception wins (TK015)", "[core]") {
    testing::test_loop loop;
    task<int> returns = create_task(loop.loop(), []() -> coro<int> {
        current_task()->cancel();
        co_return 1;
    }());
    task<int> throws = create_task(loop.loop(), []() -> coro<int> {
        current_task()->cancel();
        throw std::runtime_error("wins");
        co_return 1;
    }());
    loop.settle();
    CHECK(returns.cancelled());
    CHECK_FALSE(throws.cancelled());
    CHECK_THROWS_AS(throws.result(), std::runtime_error);
}

TEST_CASE("cancelling a task that awaits another cancels the inner one first (TK016)", "[core]") {
    testing::test_loop loop;
    std::string order;
    auto inner_body = [](std::string& log) -> coro<> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            log += "inner ";
            throw;
        }
    };
    task<> inner = create_task(loop.loop(), inner_body(order));
    task<> outer = create_task(loop.loop(), [](task<> awaited, std::string& log) -> coro<> {
        try {
            co_await awaited;
        } catch (const cancelled_error& cancelled) {
            log += "outer " + cancelled.message();
            throw;
        }
    }(inner, order));
    loop.settle();
    outer.cancel("all");
    CHECK(inner.cancelling() == 1);
    loop.settle();
    CHECK(order == "inner outer all");
    CHECK(inner.cancelled());
    CHECK(outer.cancelled());
}

TEST_CASE("an inner task that swallows the cancellation gives the outer one its value", "[core]") {
    testing::test_loop loop;
    std::string messages;
    task<int> inner = create_task(loop.loop(), stubborn(1, messages));
    task<int> outer = create_task(loop.loop(), [](task<int> awaited) -> coro<int> { co_return co_await awaited; }(inner));
    loop.settle();
    outer.cancel();
    loop.advance(1s);
    CHECK(outer.result() == 1);
}

TEST_CASE("cancelling and uncancel count; at zero a request that is not delivered is forgotten (TK018)", "[core]") {
    testing::test_loop loop;
    task<int> t = create_task(loop.loop(), []() -> coro<int> {
        task_base& self = *current_task();
        CHECK(self.cancelling() == 0);
        CHECK(self.uncancel() == 0);
        self.cancel();
        self.cancel();
        CHECK(self.cancelling() == 2);
        CHECK(self.uncancel() == 1);
        CHECK(self.uncancel() == 0);
        co_await sleep(1s);
        co_return 1;
    }());
    loop.advance(1s);
    CHECK(t.result() == 1);
}

TEST_CASE("an exception that replaces the cancellation propagates as itself (TK022)", "[core]") {
    testing::test_loop loop;
    task<> t = create_task(loop.loop(), []() -> coro<> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            throw std::runtime_error("cleanup failed");
        }
    }());
    loop.settle();
    t.cancel();
    loop.settle();
    CHECK_FALSE(t.cancelled());
    CHECK_THROWS_AS(t.result(), std::runtime_error);
}

TEST_CASE("a cancellation that nobody requested makes the task cancelled", "[core]") {
    testing::test_loop loop;
    task<> t = create_task(loop.loop(), []() -> coro<> {
        throw cancelled_error("own");
        co_return;
    }());
    loop.settle();
    CHECK(t.cancelled());
    CHECK(message_of(t) == "own");
}

TEST_CASE("a task cannot await itself, nor one of another loop (TK005)", "[core]") {
    testing::test_loop loop;
    testing::test_loop other;
    task<> self;
    self = create_task(loop.loop(), [](task<>& own) -> coro<> { co_await own; }(self), "loner");
    loop.settle();
    try {
        self.result();
        FAIL("did not throw");
    } catch (const invalid_state_error& caught) {
        CHECK(caught.what() == std::string("loner cannot await itself"));
    }
    task<int> foreign = create_task(other.loop(), value_after(0s, 1));
    CHECK_THROWS_AS(loop.run([](task<int> awaited) -> coro<> { co_await awaited; }(foreign)), invalid_state_error);
    other.settle();
}

TEST_CASE("an exception that nobody retrieves is reported once, when the task ends (TK021)", "[core]") {
    testing::test_loop loop({.allow_reports = true});
    create_task(loop.loop(), fails(), "lost");
    loop.settle();
    REQUIRE(loop.reports().size() == 1);
    CHECK(loop.reports()[0].message == "exception was never retrieved");
    CHECK(loop.reports()[0].source == "lost");
    CHECK(describe(loop.reports()[0].exception) == "task failed");
    loop.reports().clear();
    {
        task<> seen = create_task(loop.loop(), fails());
        loop.settle();
        CHECK_THROWS_AS(seen.result(), std::runtime_error);
    }
    CHECK(loop.reports().empty());
}

TEST_CASE("a task whose handle was dropped goes on (K9)", "[core]") {
    testing::test_loop loop;
    int runs = 0;
    create_task(loop.loop(), [](int& count) -> coro<> {
        co_await sleep(1s);
        ++count;
    }(runs));
    loop.advance(2s);
    CHECK(runs == 1);
}

TEST_CASE("each task sees itself as the current one, callbacks see none (TK028)", "[core]") {
    testing::test_loop loop;
    CHECK_THROWS_AS(current_task(), invalid_state_error);
    auto body = []() -> coro<> {
        task_base* self = current_task();
        const std::string name = self->name();
        for (int round = 0; round < 3; ++round) {
            co_await sleep(0s);
            CHECK(current_task() == self);
            co_await [](std::string expected) -> coro<> {
                CHECK(current_task()->name() == expected);
                co_return;
            }(name);
        }
    };
    task<> first = create_task(loop.loop(), body());
    task<> second = create_task(loop.loop(), body());
    int callbacks = 0;
    loop.loop().call_soon([&] {
        CHECK(current_task() == nullptr);
        ++callbacks;
    });
    loop.settle();
    CHECK(callbacks == 1);
    CHECK(first.exception() == nullptr);
    CHECK(second.exception() == nullptr);
}

TEST_CASE("two tasks that yield take turns (TK038)", "[core]") {
    testing::test_loop loop;
    std::string order;
    auto body = [](std::string& log, char name) -> coro<> {
        for (int round = 0; round < 3; ++round) {
            log += name;
            co_await sleep(0s);
        }
    };
    task<> a = create_task(loop.loop(), body(order, 'a'));
    task<> b = create_task(loop.loop(), body(order, 'b'));
    loop.settle();
    CHECK(order == "ababab");
}

TEST_CASE("a task is pending after the loop stopped in it and goes on in the next run (TK023)", "[core]") {
    testing::test_loop loop;
    task<int> t = create_task(loop.loop(), [](event_loop& running) -> coro<int> {
        running.stop();
        co_await sleep(0s);
        co_return 1;
    }(loop.loop()));
    loop.loop().run_forever();
    CHECK_FALSE(t.done());
    loop.settle();
    CHECK(t.result() == 1);
}

TEST_CASE("a task that is suspended when the loop closes is destroyed where it stands", "[core][TK034]") {
    auto kept = std::make_shared<int>(0);
    {
        testing::test_loop loop({.allow_lost_tasks = true});
        event never;
        struct cancels_itself {
            task<>& own;
            std::shared_ptr<int> count;
            ~cancels_itself() {
                own.cancel();  // a request nobody can deliver any more
                ++*count;
            }
        };
        task<> t;
        auto deep = [](event& e, task<>& own, std::shared_ptr<int> count) -> coro<> {
            const cancels_itself guard{own, count};
            co_await e.wait();
        };
        t = create_task(loop.loop(), [](coro<> child) -> coro<> { co_await std::move(child); }(deep(never, t, kept)));
        task<> waits_for_it = create_task(loop.loop(), [](task<> awaited) -> coro<> { co_await awaited; }(t));
        task<> not_started = create_task(loop.loop(), deep(never, t, kept));
        loop.loop().call_soon([&] { loop.loop().stop(); });
        loop.loop().run_forever();
        task<> scheduled = create_task(loop.loop(), deep(never, t, kept));
        loop.loop().close();
        CHECK(*kept == 2);  // those that had started
        CHECK_FALSE(t.done());
    }
    CHECK(kept.use_count() == 1);
}
