// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/shield.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "tasks/bodies.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

}  // namespace

TEST_CASE("shield gives the value or exception of what it shields", "[tasks][TK030]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto kept = create_task(after(1s, 5));
        const int copy = co_await shield(kept);
        CHECK(copy == 5);
        CHECK(kept.result() == 5);
        auto unique = create_task([]() -> coro<std::unique_ptr<int>> { co_return std::make_unique<int>(3); }());
        const std::unique_ptr<int> moved = co_await shield(std::move(unique));
        CHECK(*moved == 3);
        CHECK_THROWS_AS(co_await shield(fails_after(1s)), std::runtime_error);
    }());
}

TEST_CASE("cancelling the waiting task leaves the shielded one running", "[tasks][TK030][TK031]") {
    test_loop loop;
    bool finished = false;
    const auto work = [&]() -> coro<> {
        co_await aioxx::sleep(10s);
        finished = true;
    };
    const auto main = [&]() -> coro<> {
        auto waiting = create_task(shield(work()));
        co_await aioxx::sleep(1s);
        waiting.cancel();
        CHECK_THROWS_AS(co_await waiting, cancelled_error);
        CHECK(loop.elapsed() == 1s);
        co_await aioxx::sleep(1h);
    };
    loop.run(main());
    CHECK(finished);
}

TEST_CASE("cancelling the shielded task cancels the waiting one", "[tasks][TK030]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto inner = create_task(after(1h, 1));
        get_running_loop().call_later(1s, [=] { inner.cancel(); });
        CHECK_THROWS_AS(co_await shield(inner), cancelled_error);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("a shield that is cancelled when the result arrives throws, and the result stays", "[tasks]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const future<int> number = create_future<int>();
        auto waiting = create_task(shield(number));
        auto other = create_task(shield(number));
        co_await aioxx::sleep(0s);
        number.set_result(1);
        waiting.cancel();
        CHECK_THROWS_AS(co_await waiting, cancelled_error);
        const int value = co_await other;
        CHECK(value == 1);
    }());
}

TEST_CASE("an exception is reported when nobody can see it, and only then", "[tasks][K7]") {
    test_loop loop({.allow_reports = true});
    const auto main = [&]() -> coro<> {
        auto unseen = create_task(shield(fails_after(2s)));
        auto kept = create_task(fails_after(2s));
        auto waiting = create_task(shield(kept));
        co_await aioxx::sleep(1s);
        unseen.cancel();
        waiting.cancel();
        co_await aioxx::sleep(2s);
        CHECK(loop.reports().size() == 1);
        CHECK_THROWS_AS(kept.result(), std::runtime_error);
    };
    loop.run(main());
    CHECK(loop.reports().size() == 1);
}

TEST_CASE("a shield that was cancelled is not called back any more", "[tasks][K7]") {
    test_loop loop;
    std::size_t largest_batch = 0;
    const auto main = [&]() -> coro<> {
        const future<int> number = create_future<int>();
        std::vector<task<int>> waiting;
        for (int count = 0; count < 10; ++count) waiting.push_back(create_task(shield(number)));
        co_await aioxx::sleep(0s);
        for (const auto& each : waiting) each.cancel();
        co_await wait(waiting);
        get_running_loop().set_batch_order([&](auto batch) { largest_batch = std::max(largest_batch, batch.size()); });
        auto other = create_task(shield(number));
        co_await aioxx::sleep(1s);
        number.set_result(1);
        const int value = co_await other;
        CHECK(value == 1);
    };
    loop.run(main());
    CHECK(largest_batch == 0);  // all batches were of one, which have no order
}

TEST_CASE("what could never end is not shielded: the task itself, or a future of another loop", "[tasks][TK030]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        event_loop other(std::make_unique<testing::virtual_backend>());
        CHECK_THROWS_AS(co_await shield(future<>(other)), invalid_state_error);
        task<> self;
        self = create_task([](task<>& own) -> coro<> { co_await shield(own); }(self));
        CHECK_THROWS_AS(co_await self, invalid_state_error);
    }());
}

TEST_CASE("a shielded task within a gather survives the gather's cancellation", "[tasks][TK030]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto inner = create_task(after(10s, 1));
        auto outer = create_task([](task<int> kept) -> coro<> { co_await gather(shield(kept), after(1h, 2)); }(inner));
        co_await aioxx::sleep(1s);
        outer.cancel();
        CHECK_THROWS_AS(co_await outer, cancelled_error);
        const int value = co_await inner;
        CHECK(value == 1);
    }());
    CHECK(loop.elapsed() == 10s);
}
