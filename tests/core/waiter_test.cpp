// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/waiter.hpp>

#include <coroutine>
#include <exception>
#include <string>

#include <aioxx/core/task.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

// A waiter that the test wakes, and whose cancellation it may delay.
class manual final : public waiter {
public:
    manual(manual*& known, bool delays, bool keeps) : known_(known), delays_(delays), keeps_(keeps) {}

    static constexpr bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        known_ = this;
        this->suspend(coroutine);
    }
    bool await_resume() {
        if (!cancelled()) return false;
        if (!keeps_) throw_if_cancelled();
        postpone_cancellation();
        return true;
    }

private:
    void cancel_wait() noexcept override {
        if (!delays_) return wake_cancelled();
        set_cancelled();
    }
    const char* waits_for() const noexcept override { return "the test"; }

    manual*& known_;
    bool delays_;
    bool keeps_;
};

struct options {
    bool delays = false;
    bool keeps = false;
};

coro<std::string> waits(manual*& known, options given) {
    std::string log;
    try {
        log += co_await manual(known, given.delays, given.keeps) ? "kept " : "woken ";
        given.keeps = false;
        log += co_await manual(known, false, false) ? "kept" : "woken";
    } catch (const cancelled_error& cancelled) {
        log += "cancelled:" + cancelled.message();
    }
    co_return log;
}

struct scene {
    explicit scene(options given = {}) {
        running = create_task(loop.loop(), waits(known, given));
        loop.settle();
    }
    testing::test_loop loop{{.allow_lost_tasks = true}};
    manual* known = nullptr;
    task<std::string> running;
};

// A coroutine type that knows nothing of tasks.
struct foreign {
    struct promise_type {
        foreign get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

}  // namespace

TEST_CASE("waking schedules the coroutine, once", "[core]") {
    scene s;
    CHECK(s.known->is_waiting());
    CHECK(s.known->loop() == &s.loop.loop());
    s.known->wake();
    CHECK_FALSE(s.known->is_waiting());
    s.known->wake();
    CHECK_FALSE(s.running.done());
    s.loop.settle();
    s.known->wake();
    s.loop.settle();
    CHECK(s.running.result() == "woken woken");
}

TEST_CASE("a wait is cancelled at once, or when its operation says so", "[core]") {
    scene at_once;
    at_once.running.cancel("a");
    at_once.loop.settle();
    CHECK(at_once.running.result() == "cancelled:a");

    scene later({.delays = true});
    later.running.cancel("b");
    later.loop.settle();
    CHECK_FALSE(later.running.done());
    later.known->wake();
    later.loop.settle();
    CHECK(later.running.result() == "cancelled:b");
}

TEST_CASE("a cancellation between wake-up and resumption reaches the awaiter", "[core]") {
    scene s;
    s.known->wake();
    s.running.cancel("c");
    s.loop.settle();
    CHECK(s.running.result() == "cancelled:c");
}

TEST_CASE("a postponed cancellation is thrown by the next suspension", "[core]") {
    scene s({.keeps = true});
    s.known->wake();
    s.running.cancel("d");
    s.loop.settle();
    CHECK(s.running.result() == "kept cancelled:d");
}

TEST_CASE("a waiter serves coroutines of other types too", "[core]") {
    testing::test_loop loop;
    manual* known = nullptr;
    bool resumed = false;
    loop.loop().call_soon([&] {
        [](manual*& waiting, bool& flag) -> foreign {
            co_await manual(waiting, false, false);
            flag = true;
        }(known, resumed);
    });
    loop.settle();
    REQUIRE(known != nullptr);
    CHECK_FALSE(resumed);
    known->wake();
    CHECK_FALSE(resumed);
    loop.settle();
    CHECK(resumed);
}
