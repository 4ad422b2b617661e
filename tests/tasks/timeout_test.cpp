// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/timeout.hpp>

#include <chrono>
#include <limits>
#include <stdexcept>
#include <string>

#include <aioxx/core/future.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

coro<> sleep_for(duration delay) { co_await aioxx::sleep(delay); }
coro<int> number() { co_return 5; }
coro<> fail() {
    throw std::runtime_error("no");
    co_return;
}

// Sleeps, and throws something else when that is cut short.
coro<> fail_when_cancelled() {
    bool cancelled = false;
    try {
        co_await aioxx::sleep(1h);
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) throw std::runtime_error("in cleanup");
}

}  // namespace

TEST_CASE("TO001 a deadline that passes ends the body and throws timeout_error", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        timeout_scope limit(1s);
        CHECK(limit.when() == test.now() + 1s);
        CHECK_THROWS_AS(co_await limit.run(sleep_for(1h)), timeout_error);
        CHECK(limit.expired());
        CHECK(test.elapsed() == 1s);
        CHECK(current_task()->cancelling() == 0);

        timeout_scope at(test.now() + 2s);
        CHECK_THROWS_AS(co_await at.run(sleep_for(1h)), timeout_error);
        CHECK(test.elapsed() == 3s);
    }(loop));
}

TEST_CASE("TO002 of nested timeouts with the same deadline the outer one throws", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        timeout_scope outer(test.now() + 1s);
        timeout_scope inner(test.now() + 1s);
        const auto body = [](timeout_scope& scope) -> coro<> {
            CHECK_THROWS_AS(co_await scope.run(sleep_for(1h)), cancelled_error);
            throw cancelled_error();
        };
        CHECK_THROWS_AS(co_await outer.run(body(inner)), timeout_error);
        CHECK(outer.expired());
        CHECK(inner.expired());
        CHECK(current_task()->cancelling() == 0);
    }(loop));
}

TEST_CASE("TO003 the body sees a cancellation first", "[tasks]") {
    test_loop loop;
    bool saw = false;
    const auto body = [&]() -> coro<> {
        try {
            co_await aioxx::sleep(1h);
        } catch (const cancelled_error&) {
            saw = true;
            throw;
        }
    };
    const auto main = [&]() -> coro<> {
        timeout_scope limit(1s);
        CHECK_THROWS_AS(co_await limit.run(body()), timeout_error);
    };
    loop.run(main());
    CHECK(saw);
}

TEST_CASE("TO004 a timeout that is not reached has no effect and leaves no timer", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        timeout_scope limit(1h);
        const int value = co_await limit.run(number());
        CHECK(value == 5);
        CHECK_FALSE(limit.expired());
        timeout_scope none;
        CHECK_FALSE(none.when());
        co_await none.run(sleep_for(2h));
        CHECK_FALSE(none.expired());
        CHECK(test.elapsed() == 2h);
    }(loop));
    CHECK(loop.elapsed() == 2h);
}

TEST_CASE("TO005 a deadline of zero or in the past ends the body at its first suspension", "[tasks]") {
    test_loop loop;
    for (const duration delay : {duration(0s), duration(-10s)}) {
        std::string log;
        const auto body = [&]() -> coro<> {
            log += "started ";
            co_await aioxx::sleep(0s);
            log += "went on ";
        };
        const auto main = [&]() -> coro<> {
            timeout_scope limit(delay);
            CHECK_THROWS_AS(co_await limit.run(body()), timeout_error);
            CHECK(limit.expired());
        };
        loop.run(main());
        CHECK(log == "started ");
    }
    CHECK(loop.elapsed() == 0s);
}

TEST_CASE("TO005 a body that never suspends is not interrupted", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        timeout_scope limit(0s);
        const int value = co_await limit.run(number());
        CHECK(value == 5);
        CHECK_FALSE(limit.expired());
        co_await aioxx::sleep(0s);
    }());
}

TEST_CASE("TO006 TO008 another exception comes out unchanged, before the deadline and after it", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        timeout_scope before(1s);
        CHECK_THROWS_AS(co_await before.run(fail()), std::runtime_error);
        CHECK_FALSE(before.expired());
        timeout_scope after(1s);
        CHECK_THROWS_AS(co_await after.run(fail_when_cancelled()), std::runtime_error);
        CHECK(after.expired());
        CHECK(current_task()->cancelling() == 0);
        co_await aioxx::sleep(1s);  // TO008: nothing is left behind
    }());
}

TEST_CASE("TO007 a cancellation from outside comes out as such", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto limited = create_task([]() -> coro<> {
            timeout_scope limit(1h);
            co_await limit.run(sleep_for(2h));
        }());
        co_await aioxx::sleep(1s);
        limited.cancel();
        CHECK_THROWS_AS(co_await limited, cancelled_error);
    }());
}

TEST_CASE("K1 TK019 a cancellation from outside is not swallowed when the deadline passes at the same time", "[tasks]") {
    test_loop loop;
    for (const bool outside_first : {false, true}) {
        CAPTURE(outside_first);
        const auto main = [&]() -> coro<> {
            task<> limited;
            if (outside_first) get_running_loop().call_later(1s, [&] { limited.cancel(); });
            limited = create_task([]() -> coro<> {
                timeout_scope limit(1s);
                co_await limit.run(sleep_for(1h));
            }());
            co_await aioxx::sleep(0s);
            if (!outside_first) get_running_loop().call_later(1s, [&] { limited.cancel(); });
            try {
                co_await limited;
                FAIL("not cancelled");
            } catch (const timeout_error&) {
                FAIL("the cancellation was swallowed");
            } catch (const cancelled_error&) {
            }
            CHECK(limited.cancelling() == 1);
        };
        loop.run(main());
    }
}

TEST_CASE("a body that has its way after the deadline gives its value", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        timeout_scope limit(1s);
        const int value = co_await limit.run([]() -> coro<int> {
            try {
                co_await aioxx::sleep(1h);
            } catch (const cancelled_error&) {
            }
            co_await aioxx::sleep(1s);
            co_return 7;
        }());
        CHECK(value == 7);
        CHECK(limit.expired());
        CHECK(test.elapsed() == 2s);
        CHECK(current_task()->cancelling() == 0);
        co_await aioxx::sleep(1s);
    }(loop));
}

TEST_CASE("TO009 a body that blocks past both deadlines: the inner one throws, then the outer one", "[tasks]") {
    test_loop loop;
    std::string log;
    const auto inner_body = [&]() -> coro<> {
        loop.system().block(5s);
        co_await aioxx::sleep(0s);
        co_await aioxx::sleep(1h);
    };
    const auto outer_body = [&]() -> coro<> {
        timeout_scope inner(1s);
        try {
            co_await inner.run(inner_body());
        } catch (const timeout_error&) {
            log += "inner timeout ";
        } catch (const cancelled_error&) {
            log += "inner cancelled ";
            throw;
        }
        co_await aioxx::sleep(1h);
    };
    const auto main = [&]() -> coro<> {
        timeout_scope outer(2s);
        CHECK_THROWS_AS(co_await outer.run(outer_body()), timeout_error);
    };
    loop.run(main());
    // Both deadlines are seen in one look at the clock; then the outer request is one from outside to the inner scope.
    CHECK(log == "inner cancelled ");
}

TEST_CASE("TO010 a deadline can be moved and taken away while the body runs", "[tasks]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        timeout_scope later(1s);
        const auto move_later = [](timeout_scope& scope, test_loop& clock) -> coro<> {
            scope.reschedule(clock.now() + 3s);
            CHECK(scope.when() == clock.now() + 3s);
            co_await aioxx::sleep(2s);
        };
        co_await later.run(move_later(later, test));
        CHECK(test.elapsed() == 2s);

        timeout_scope earlier(1h);
        const auto move_earlier = [](timeout_scope& scope, test_loop& clock) -> coro<> {
            scope.reschedule(clock.now() + 1s);
            co_await aioxx::sleep(2h);
        };
        CHECK_THROWS_AS(co_await earlier.run(move_earlier(earlier, test)), timeout_error);
        CHECK(test.elapsed() == 3s);

        timeout_scope none(1s);
        const auto take_away = [](timeout_scope& scope) -> coro<> {
            scope.reschedule(std::nullopt);
            co_await aioxx::sleep(2s);
        };
        co_await none.run(take_away(none));
        CHECK_FALSE(none.expired());

        timeout_scope past(1h);
        const auto move_to_past = [](timeout_scope& scope, test_loop& clock) -> coro<> {
            scope.reschedule(clock.now() - 1s);
            co_await aioxx::sleep(0s);
            FAIL("went on");
        };
        CHECK_THROWS_AS(co_await past.run(move_to_past(past, test)), timeout_error);
    }(loop));
}

TEST_CASE("TO011 a timeout works in the cleanup of one that expired", "[tasks]") {
    test_loop loop;
    const auto body = [&]() -> coro<> {
        bool cancelled = false;
        try {
            co_await aioxx::sleep(1h);
        } catch (const cancelled_error&) {
            cancelled = true;
        }
        CHECK(cancelled);
        timeout_scope cleanup(1s);
        CHECK_THROWS_AS(co_await cleanup.run(sleep_for(1h)), timeout_error);
        throw cancelled_error();
    };
    const auto main = [&]() -> coro<> {
        timeout_scope limit(1s);
        CHECK_THROWS_AS(co_await limit.run(body()), timeout_error);
    };
    loop.run(main());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("TO012 a timeout works after a cancellation that was handled", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        current_task()->cancel();
        CHECK_THROWS_AS(co_await aioxx::sleep(1h), cancelled_error);
        CHECK(current_task()->cancelling() == 1);

        timeout_scope limit(1s);
        CHECK_THROWS_AS(co_await limit.run(sleep_for(1h)), timeout_error);
        CHECK(current_task()->cancelling() == 1);

        timeout_scope cancelled(1h);
        const auto cancels_itself = []() -> coro<> {
            current_task()->cancel();
            co_await aioxx::sleep(1h);
        };
        CHECK_THROWS_AS(co_await cancelled.run(cancels_itself()), cancelled_error);
    }());
}

TEST_CASE("a cancellation that is pending when the timeout begins is not mistaken for the timeout's own", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        current_task()->cancel();
        timeout_scope limit(0s);
        CHECK_THROWS_AS(co_await limit.run(sleep_for(1h)), cancelled_error);
        CHECK(current_task()->cancelling() == 1);
    }());
}

TEST_CASE("TO013 a timeout is used once, and rescheduled while it runs", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        timeout_scope limit(1s);
        CHECK_THROWS_AS(limit.reschedule(std::nullopt), invalid_state_error);
        const auto twice = [](timeout_scope& scope) -> coro<> {
            CHECK_THROWS_AS(co_await scope.run(number()), invalid_state_error);
        };
        co_await limit.run(twice(limit));
        CHECK_THROWS_AS(limit.reschedule(std::nullopt), invalid_state_error);
        CHECK_THROWS_AS(co_await limit.run(number()), invalid_state_error);

        timeout_scope expiring(1s);
        const auto too_late = [](timeout_scope& scope) -> coro<> {
            try {
                co_await aioxx::sleep(1h);
            } catch (const cancelled_error&) {
            }
            try {
                scope.reschedule(std::nullopt);
                FAIL("rescheduled");
            } catch (const invalid_state_error& caught) {
                CHECK(std::string(caught.what()) == "reschedule: the timeout is expiring, expected active");
            }
        };
        co_await expiring.run(too_late(expiring));
    }());
}

TEST_CASE("TO014 a timeout is refused outside of a loop, and NaN as well", "[tasks]") {
    CHECK_THROWS_AS(timeout_scope(1s), invalid_state_error);
    test_loop loop;
    loop.run([]() -> coro<> {
        CHECK_THROWS_AS(timeout_scope(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())),
                        std::invalid_argument);
        co_return;
    }());
}

TEST_CASE("a coroutine can be destroyed while its timeout runs", "[tasks]") {
    test_loop loop;
    create_task(loop.loop(), []() -> coro<> {
        timeout_scope limit(1s);
        co_await limit.run(sleep_for(1h));
    }());
    loop.settle();
    loop.loop().close();
    CHECK(loop.loop().tasks().empty());
}
