// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/cancel_scope.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/task_group.hpp>
#include <aioxx/tasks/timeout.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "tasks/bodies.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<> pause(duration delay) { co_await sleep(delay); }

// Swallows every cancellation, and counts them.
coro<> swallow(int times, int& swallowed) {
    for (int round = 0; round < times; ++round) {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
            ++swallowed;
        }
    }
}

coro<> cancel_after(duration delay, cancel_scope& scope) {
    co_await sleep(delay);
    scope.cancel("enough");
}

}  // namespace

TEST_CASE("a scope that nobody cancels gives what the coroutine returns", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        cancel_scope scope;
        const std::optional<int> value = co_await scope.run(after(1s, 5));
        CHECK(value == 5);
        CHECK(!scope.cancel_called());
        CHECK(!scope.cancelled_caught());
        cancel_scope other;
        const bool finished = co_await other.run(pause(1s));
        CHECK(finished);
    }());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("a cancelled scope ends its body and nothing else", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        cancel_scope scope;
        const auto other = create_task(cancel_after(1s, scope));
        const std::optional<int> value = co_await scope.run(after(1h, 5));
        CHECK(!value);
        CHECK(scope.cancelled_caught());
        CHECK(current_task()->cancelling() == 0);
        co_await sleep(1s);  // the task itself is not cancelled
        co_await other;
    }());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("every suspension in a cancelled scope throws, until it is left", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        int swallowed = 0;
        const bool finished = co_await move_on_after(1s, swallow(5, swallowed));
        CHECK(swallowed == 5);
        CHECK(finished);  // it ended by itself, in spite of all
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a scope can be cancelled before it runs, and with a deadline in the past", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        cancel_scope scope;
        scope.cancel();
        const bool finished = co_await scope.run(pause(1h));
        CHECK(!finished);
        const bool second = co_await move_on_after(-1s, pause(1h));
        CHECK(!second);
        // A body that never suspends is not interrupted.
        const bool third = co_await move_on_after(0s, []() -> coro<> { co_return; }());
        CHECK(third);
    }());
    CHECK(loop.elapsed() == 0s);
}

TEST_CASE("the tasks of groups in a cancelled scope are cancelled with it, at every suspension", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        int swallowed = 0;
        const bool finished = co_await move_on_after(1s, [](int& count) -> coro<> {
            co_await with_task_group([&count](task_group& group) -> coro<> {
                group.create_task(swallow(2, count));
                group.create_task(swallow(3, count));
                co_await sleep(1h);
            });
        }(swallowed));
        CHECK(!finished);
        CHECK(swallowed == 5);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a scope inside of a group's task is cancelled with the scope around the group", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::vector<std::string> seen;
        co_await move_on_after(1s, [](std::vector<std::string>& log) -> coro<> {
            co_await with_task_group([&log](task_group& group) -> coro<> {
                group.create_task([](std::vector<std::string>& notes) -> coro<> {
                    cancel_scope inner;
                    try {
                        co_await inner.run(pause(1h));
                        notes.push_back("went on");
                    } catch (const cancelled_error&) {
                        notes.push_back(inner.cancel_called() ? "inner" : "outer");
                        throw;
                    }
                }(log));
                co_return;
            });
        }(seen));
        CHECK(seen == std::vector<std::string>{"outer"});
    }());
}

TEST_CASE("of two nested scopes that are cancelled the outer one ends", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        bool went_on = false;
        const bool finished = co_await move_on_after(1s, [](bool& on) -> coro<> {
            co_await move_on_after(1s, pause(1h));
            co_await sleep(0s);  // hits the outer one, should the inner have ended alone
            on = true;
        }(went_on));
        CHECK(!finished);
        CHECK(!went_on);
    }());
}

TEST_CASE("a shield keeps the scopes around it away", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::vector<std::string> seen;
        const bool finished = co_await move_on_after(1s, [](std::vector<std::string>& log) -> coro<> {
            co_await shielded(pause(3s));
            log.push_back("shielded part done");
            co_await sleep(0s);
            log.push_back("never");
        }(seen));
        CHECK(!finished);
        CHECK(seen == std::vector<std::string>{"shielded part done"});
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("a shield can be cancelled itself, and has its own deadline", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const bool outer = co_await move_on_after(1s, []() -> coro<> {
            cancel_scope clean_up({.deadline = get_running_loop().time() + 5s, .shield = true});
            const bool finished = co_await clean_up.run(pause(1h));
            CHECK(!finished);
            CHECK(clean_up.cancelled_caught());
        }());
        CHECK(outer);  // nothing suspended after the shield
    }());
    CHECK(loop.elapsed() == 5s);
}

TEST_CASE("a request to the task waits at the shield and arrives when it is left", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        bool shielded_done = false;
        auto worker = create_task([](bool& done) -> coro<> {
            co_await shielded(pause(2s));
            done = true;
            co_await sleep(1h);
        }(shielded_done));
        co_await sleep(1s);
        worker.cancel("stop");
        CHECK(worker.cancelling() == 0);
        std::string message;
        try {
            co_await worker;
        } catch (const cancelled_error& cancelled) {
            message = cancelled.message();
        }
        CHECK(shielded_done);
        CHECK(message == "stop");
    }());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("a timeout outside of a shield waits for it, one inside does not", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        timeout_scope outside(1s);
        bool timed_out = false;
        try {
            co_await outside.run([]() -> coro<> {
                co_await shielded([]() -> coro<> {
                    timeout_scope inside(2s);
                    bool inner = false;
                    try {
                        co_await inside.run(pause(1h));
                    } catch (const timeout_error&) {
                        inner = true;
                    }
                    CHECK(inner);
                    CHECK(get_running_loop().time() > time_point{});
                }());
                co_await sleep(1h);
            }());
        } catch (const timeout_error&) {
            timed_out = true;
        }
        CHECK(timed_out);
        CHECK(current_task()->cancelling() == 0);
    }());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("a cancellation from outside passes through a scope that is cancelled too", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        cancel_scope scope;
        bool passed = false;
        auto worker = create_task([](cancel_scope& own, bool& through) -> coro<> {
            try {
                co_await own.run(pause(1h));
            } catch (const cancelled_error&) {
                through = true;
                throw;
            }
        }(scope, passed));
        co_await sleep(1s);
        scope.cancel();
        worker.cancel();
        try {
            co_await worker;
        } catch (const cancelled_error&) {
        }
        CHECK(passed);
        CHECK(worker.cancelled());
        CHECK(!scope.cancelled_caught());
    }());
}

TEST_CASE("errors of the body pass through a cancelled scope", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        cancel_scope scope;
        scope.cancel();
        std::string what;
        try {
            co_await scope.run([]() -> coro<> {
                try {
                    co_await sleep(1h);
                } catch (const cancelled_error&) {
                }
                throw std::runtime_error("broken");
            }());
        } catch (const std::runtime_error& caught) {
            what = caught.what();
        }
        CHECK(what == "broken");
        CHECK(!scope.cancelled_caught());
    }());
}

TEST_CASE("the deadline of a scope can be moved and taken away while it runs", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        cancel_scope scope({.deadline = get_running_loop().time() + 1s});
        const auto extender = create_task([](cancel_scope& extended) -> coro<> {
            co_await sleep(500ms);
            extended.set_deadline(get_running_loop().time() + 2s);
        }(scope));
        const bool finished = co_await scope.run(pause(1h));
        CHECK(!finished);
        CHECK(scope.deadline().has_value());
        co_await extender;

        cancel_scope endless({.deadline = get_running_loop().time() + 1s});
        const auto remover = create_task([](cancel_scope& changed) -> coro<> {
            changed.set_deadline(std::nullopt);
            co_return;
        }(endless));
        const bool second = co_await endless.run(pause(5s));
        CHECK(second);
        co_await remover;
    }());
    CHECK(loop.elapsed() == 7500ms);
}

TEST_CASE("fail_after gives the value, or throws timeout_error", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const int value = co_await fail_after(2s, after(1s, 7));
        CHECK(value == 7);
        bool timed_out = false;
        try {
            co_await fail_after(1s, after(2s, 7));
        } catch (const timeout_error&) {
            timed_out = true;
        }
        CHECK(timed_out);
        co_await fail_after(1s, pause(500ms));
    }());
    CHECK(loop.elapsed() == 2500ms);
}

TEST_CASE("a scope is used once and needs a task", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        cancel_scope scope;
        co_await scope.run(pause(0s));
        std::string what;
        try {
            co_await scope.run(pause(0s));
        } catch (const invalid_state_error& caught) {
            what = caught.what();
        }
        CHECK(what == "run: a cancel scope can be used once");
    }());
    CHECK_THROWS_AS(cancel_scope(), invalid_state_error);
}

TEST_CASE("a loop that is closed while tasks are in scopes and groups leaves nothing behind", "[tasks]") {
    testing::test_loop loop({.allow_lost_tasks = true});
    auto nested = []() -> coro<> {
        co_await move_on_after(1h, []() -> coro<> {
            co_await with_task_group([](task_group& group) -> coro<> {
                group.create_task([]() -> coro<> { co_await shielded(pause(1h)); }());
                group.create_task([]() -> coro<> { co_await move_on_after(2h, pause(3h)); }());
                co_await sleep(1h);
            });
        }());
    };
    const auto abandoned = create_task(loop.loop(), nested());
    loop.settle();
    loop.loop().close();
    CHECK(loop.loop().tasks().empty());
}
