// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/gather.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "tasks/bodies.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

// Writes down its cancellation, and takes its time for it.
coro<> cleaning(std::string& log, std::string name, duration needed) {
    bool cancelled = false;
    try {
        co_await wait_forever();
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) co_await aioxx::sleep(needed);
    log += name + " ";
    throw cancelled_error();
}

}  // namespace

TEST_CASE("gather gives the values in the order of the arguments, whatever order they come in", "[tasks][TK032]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        const auto [a, b, c] = co_await gather(after(3s, 1), after(2s, 2), after(1s, 3));
        CHECK(a == 1);
        CHECK(b == 2);
        CHECK(c == 3);
        CHECK(test.elapsed() == 3s);
    }(loop));
}

TEST_CASE("gathered sleeps overlap instead of adding up", "[tasks][TK032]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const std::tuple<int, std::monostate> values =
            co_await gather(after(2s, 1), []() -> coro<> { co_await aioxx::sleep(2s); }());
        CHECK(std::get<0>(values) == 1);
    }());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("gather starts its coroutines in the order of the arguments", "[tasks][TK032]") {
    test_loop loop;
    std::string log;
    const auto note = [&](std::string text) -> coro<> {
        log += text;
        co_return;
    };
    const auto main = [&]() -> coro<> { co_await gather(note("a"), note("b"), note("c")); };
    loop.run(main());
    CHECK(log == "abc");
}

TEST_CASE("gather takes any number of one type", "[tasks]") {
    test_loop loop;
    const auto values = loop.run([]() -> coro<std::vector<int>> {
        std::vector<coro<int>> children;
        for (int index = 0; index < 1000; ++index) children.push_back(after(1ms * (1000 - index), index));
        co_return co_await gather(std::move(children));
    }());
    REQUIRE(values.size() == 1000);
    for (int index = 0; index < 1000; ++index) CHECK(values[static_cast<std::size_t>(index)] == index);
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("gathering nothing gives nothing at once", "[tasks][TK032]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        bool others_ran = false;
        get_running_loop().call_soon([&] { others_ran = true; });
        co_await gather();
        const std::vector<int> nothing = co_await gather(std::vector<coro<int>>());
        CHECK(nothing.empty());
        CHECK_FALSE(others_ran);
        co_await aioxx::sleep(0s);
    }());
}

TEST_CASE("gather takes tasks and futures: values are copied from an lvalue, moved from an rvalue", "[tasks][TK032]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto kept = create_task([]() -> coro<std::string> { co_return "kept"; }());
        auto given = create_task([]() -> coro<std::unique_ptr<int>> { co_return std::make_unique<int>(1); }());
        const future<int> number = create_future<int>();
        get_running_loop().call_later(1s, [=] { number.set_result(7); });
        const auto [a, b, c, d] = co_await gather(kept, std::move(given), number, kept);
        CHECK(a == "kept");
        CHECK(*b == 1);
        CHECK(c == 7);
        CHECK(d == "kept");
        CHECK(kept.result() == "kept");

        const std::vector<task<std::string>> list(2, kept);
        const std::vector<std::string> values = co_await gather(list);
        CHECK(values == std::vector<std::string>(2, "kept"));
        CHECK(kept.result() == "kept");
    }());
}

TEST_CASE("gathering what is done does not suspend", "[tasks][TK033]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const future<int> done = create_future<int>();
        done.set_result(1);
        bool others_ran = false;
        get_running_loop().call_soon([&] { others_ran = true; });
        const auto [value] = co_await gather(done);
        CHECK(value == 1);
        CHECK_FALSE(others_ran);
        co_await aioxx::sleep(0s);
    }());
}

TEST_CASE("the first exception comes out at once, and the others run on", "[tasks][TK032]") {
    test_loop loop;
    std::string log;
    const auto note = [&](duration delay) -> coro<> {
        co_await aioxx::sleep(delay);
        log += "ran on";
    };
    const auto main = [&]() -> coro<> {
        try {
            co_await gather(note(2s), fails_after(1s, "first"), fails_after(3s, "second"));
            FAIL("did not throw");
        } catch (const std::runtime_error& caught) {
            CHECK(std::string(caught.what()) == "first");
        }
        CHECK(loop.elapsed() == 1s);
        CHECK(log.empty());
        co_await aioxx::sleep(5s);
        CHECK(log == "ran on");
    };
    loop.run(main());  // and nobody reports "second"
}

TEST_CASE("of two exceptions in one batch the first counts and the other is not reported", "[tasks][TK032]") {
    test_loop loop;
    CHECK_THROWS_AS(loop.run([]() -> coro<> {
                        co_await gather(fails_after(1s, "a"), []() -> coro<> {
                            co_await aioxx::sleep(1s);
                            throw std::logic_error("b");
                        }());
                    }()),
                    std::runtime_error);
    CHECK(loop.reports().empty());
}

TEST_CASE("a child that is cancelled counts as an exception", "[tasks][TK032]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto child = create_task(after(1h, 1));
        get_running_loop().call_later(1s, [=] { child.cancel(); });
        CHECK_THROWS_AS(co_await gather(child, after(2s, 2)), cancelled_error);
        CHECK(current_task()->cancelling() == 0);
        co_await aioxx::sleep(1s);
    }());
    CHECK(loop.elapsed() == 2s);
}

TEST_CASE("gather_results waits for all and gives values and exceptions", "[tasks][TK032]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        auto cancelled = create_task(after(1h, 1));
        get_running_loop().call_later(1s, [=] { cancelled.cancel(); });
        auto [a, b, c] = co_await gather_results(after(2s, 5), fails_after(1s, "no"), cancelled);
        CHECK(test.elapsed() == 2s);
        CHECK(a.take_value() == 5);
        CHECK_THROWS_AS(b.take_value(), std::runtime_error);
        CHECK(is_cancelled(c.exception()));

        std::vector<coro<>> list;
        list.push_back(fails_after(1s, "no"));
        list.push_back([]() -> coro<> { co_return; }());
        const auto results = co_await gather_results(std::move(list));
        REQUIRE(results.size() == 2);
        CHECK(results[0].has_exception());
        CHECK(results[1].has_value());
    }(loop));
}

TEST_CASE("cancelling a gather cancels all children and waits for them, in both forms", "[tasks][TK032][K8]") {
    test_loop loop;
    for (const bool as_results : {false, true}) {
        CAPTURE(as_results);
        std::string log;
        const auto start = loop.now();
        const auto gathers = [&]() -> coro<> {
            if (as_results) {
                co_await gather_results(cleaning(log, "slow", 2s), cleaning(log, "fast", 1s));
            } else {
                co_await gather(cleaning(log, "slow", 2s), cleaning(log, "fast", 1s));
            }
        };
        const auto main = [&]() -> coro<> {
            auto outer = create_task(gathers());
            co_await aioxx::sleep(1s);
            outer.cancel("enough");
            try {
                co_await outer;
                FAIL("returned normally");
            } catch (const cancelled_error& caught) {
                CHECK(caught.message() == "enough");
            }
        };
        loop.run(main());
        CHECK(log == "fast slow ");
        CHECK(loop.now() - start == 3s);
    }
}

TEST_CASE("a gather that is cancelled after its children have ended throws", "[tasks][TK032]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const future<int> number = create_future<int>();
        auto outer = create_task([](future<int> source) -> coro<> { co_await gather(source); }(number));
        co_await aioxx::sleep(0s);
        number.set_result(1);
        CHECK(outer.cancel());
        CHECK_THROWS_AS(co_await outer, cancelled_error);
        CHECK(number.result() == 1);
        CHECK_FALSE(outer.cancel());
    }());
}

TEST_CASE("cancelling before a gather has started its children prevents them from running", "[tasks]") {
    test_loop loop;
    bool ran = false;
    const auto child = [&]() -> coro<> {
        ran = true;
        co_return;
    };
    const auto main = [&]() -> coro<> {
        current_task()->cancel();
        CHECK_THROWS_AS(co_await gather(child(), child()), cancelled_error);
    };
    loop.run(main());
    CHECK_FALSE(ran);
}

TEST_CASE("what could never end is not gathered: the task itself, or a future of another loop", "[tasks][TK032]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        event_loop other(std::make_unique<testing::virtual_backend>());
        CHECK_THROWS_AS(co_await gather(future<int>(other)), invalid_state_error);
        task<> self;
        self = create_task([](task<>& own) -> coro<> { co_await gather(own); }(self));
        CHECK_THROWS_AS(co_await self, invalid_state_error);
    }());
}

TEST_CASE("gathers can be nested", "[tasks][TK032]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto [inner, number] = co_await gather(gather(after(1s, 1), after(2s, 2)), after(3s, 3));
        CHECK(inner == std::tuple<int, int>(1, 2));
        CHECK(number == 3);
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("a gather that is never awaited starts nothing", "[tasks]") {
    test_loop loop;
    bool ran = false;
    const auto child = [&]() -> coro<> {
        ran = true;
        co_return;
    };
    const auto main = [&]() -> coro<> {
        static_cast<void>(gather(child()));
        co_await aioxx::sleep(1s);
    };
    loop.run(main());
    CHECK_FALSE(ran);
}

TEST_CASE("a gathering coroutine can be destroyed while its children run", "[tasks]") {
    test_loop loop;
    create_task(loop.loop(), []() -> coro<> { co_await gather(wait_forever(), wait_forever()); }());
    loop.settle();
    loop.loop().close();
    CHECK(loop.loop().tasks().empty());
}
