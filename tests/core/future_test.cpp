// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/future.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

std::exception_ptr error_with(const char* text) { return std::make_exception_ptr(std::runtime_error(text)); }

coro<int> wait_for(future<int> awaited) { co_return co_await awaited; }

}  // namespace

TEST_CASE("a new future is pending and has no outcome (FU001)", "[core]") {
    testing::test_loop loop;
    future<int> f(loop.loop());
    CHECK_FALSE(f.done());
    CHECK_FALSE(f.cancelled());
    CHECK_THROWS_AS(f.result(), invalid_state_error);
    CHECK_THROWS_AS(f.exception(), invalid_state_error);
}

TEST_CASE("an outcome is set once (FU002)", "[core]") {
    testing::test_loop loop;
    future<int> with_result(loop.loop());
    with_result.set_result(1);
    CHECK_THROWS_AS(with_result.set_result(2), invalid_state_error);
    CHECK_THROWS_AS(with_result.set_exception(error_with("x")), invalid_state_error);
    CHECK(with_result.result() == 1);
    CHECK(with_result.exception() == nullptr);
    CHECK_FALSE(with_result.cancel());

    future<int> cancelled(loop.loop());
    CHECK(cancelled.cancel());
    CHECK_THROWS_AS(cancelled.set_result(1), invalid_state_error);

    future<int> null(loop.loop());
    CHECK_THROWS_AS(null.set_exception(nullptr), std::invalid_argument);
    CHECK_FALSE(null.done());
}

TEST_CASE("a cancelled future says so, once, and keeps the message (FU003)", "[core]") {
    testing::test_loop loop;
    future<> f(loop.loop());
    CHECK(f.cancel("enough"));
    CHECK_FALSE(f.cancel());
    CHECK(f.done());
    CHECK(f.cancelled());
    CHECK_THROWS_AS(f.exception(), cancelled_error);
    try {
        f.result();
        FAIL("did not throw");
    } catch (const cancelled_error& cancelled) {
        CHECK(cancelled.message() == "enough");
    }
}

TEST_CASE("a stored exception is thrown at each look (FU004)", "[core]") {
    testing::test_loop loop;
    future<int> f(loop.loop());
    f.set_exception(error_with("x"));
    CHECK_THROWS_AS(f.result(), std::runtime_error);
    CHECK_THROWS_AS(f.result(), std::runtime_error);
    CHECK(f.exception() != nullptr);
}

TEST_CASE("awaiting a future that is done does not suspend, twice (FU005)", "[core]") {
    testing::test_loop loop;
    int other = 0;
    loop.run([](event_loop& running, int& ran) -> coro<> {
        auto f = create_future<int>();
        f.set_result(3);
        running.call_soon([&ran] { ++ran; });
        const int first = co_await f;
        const int second = co_await f;
        CHECK(first == 3);
        CHECK(second == 3);
        CHECK(ran == 0);
    }(loop.loop(), other));
}

TEST_CASE("all who await a future resume in order, each with the value", "[core]") {
    testing::test_loop loop;
    future<int> f(loop.loop());
    std::vector<int> order;
    auto waits = [](future<int> awaited, std::vector<int>& seen, int number) -> coro<> {
        seen.push_back(number + co_await awaited);
    };
    std::vector<task<>> tasks;
    for (int number = 0; number < 3; ++number) tasks.push_back(create_task(loop.loop(), waits(f, order, number)));
    loop.settle();
    f.set_result(10);
    CHECK(order.empty());
    loop.settle();
    CHECK(order == std::vector<int>{10, 11, 12});
}

TEST_CASE("an rvalue future gives its value away", "[core]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        auto f = create_future<std::unique_ptr<int>>();
        f.set_result(std::make_unique<int>(7));
        std::unique_ptr<int> taken = co_await std::move(f);
        CHECK(*taken == 7);
    }());
}

TEST_CASE("a future of a reference refers", "[core]") {
    testing::test_loop loop;
    int number = 1;
    future<int&> f(loop.loop());
    f.set_result(number);
    CHECK(&f.result() == &number);
}

TEST_CASE("done callbacks run in order, through the loop, for every outcome (FU006, FU007, FU009)", "[core]") {
    testing::test_loop loop;
    for (const int outcome : {0, 1, 2}) {
        future<int> f(loop.loop());
        std::string order;
        f.add_done_callback([&] { order += 'a'; });
        f.add_done_callback([&] {
            order += 'b';
            f.add_done_callback([&] { order += 'd'; });  // when it is done already: also later (FU008)
        });
        f.add_done_callback([&] { order += 'c'; });
        if (outcome == 0) f.set_result(1);
        if (outcome == 1) f.set_exception(error_with("x"));
        if (outcome == 2) f.cancel();
        CHECK(order.empty());
        loop.settle();
        CHECK(order == "abcd");
        if (outcome == 1) static_cast<void>(f.exception());
    }
}

TEST_CASE("a done callback may drop the last reference to its future", "[core]") {
    testing::test_loop loop;
    auto f = std::make_unique<future<int>>(loop.loop());
    f->add_done_callback([&] { f.reset(); });
    f->set_result(1);
    loop.settle();
    CHECK(f == nullptr);
}

TEST_CASE("a future that is dropped with callbacks and waiters destroys them", "[core]") {
    testing::test_loop loop;
    auto kept = std::make_shared<int>(1);
    {
        future<> f(loop.loop());
        f.add_done_callback([kept] { FAIL("ran"); });
        CHECK(kept.use_count() == 2);
    }
    CHECK(kept.use_count() == 1);
}

TEST_CASE("an exception that nobody retrieves is reported once, when the future dies (FU011)", "[core]") {
    testing::test_loop loop({.allow_reports = true});
    {
        future<int> f(loop.loop());
        future<int> copy = f;
        f.set_exception(error_with("unseen"));
    }
    REQUIRE(loop.reports().size() == 1);
    CHECK(loop.reports()[0].message == "exception was never retrieved");
    CHECK(describe(loop.reports()[0].exception) == "unseen");
}

TEST_CASE("an exception that somebody looked at is not reported", "[core]") {
    testing::test_loop loop;
    {
        future<int> by_result(loop.loop());
        by_result.set_exception(error_with("x"));
        CHECK_THROWS_AS(by_result.result(), std::runtime_error);
        future<int> by_exception(loop.loop());
        by_exception.set_exception(error_with("x"));
        CHECK(by_exception.exception() != nullptr);
        future<int> by_await(loop.loop());
        by_await.set_exception(error_with("x"));
        CHECK_THROWS_AS(loop.run(wait_for(by_await)), std::runtime_error);
        future<int> cancelled(loop.loop());
        cancelled.cancel();
    }
    CHECK(loop.reports().empty());
}

TEST_CASE("a future of another loop cannot be awaited (TK005)", "[core]") {
    testing::test_loop loop;
    testing::test_loop other;
    future<int> foreign(other.loop());
    CHECK_THROWS_AS(loop.run(wait_for(foreign)), invalid_state_error);
}

TEST_CASE("an empty future is refused", "[core]") {
    future<int> empty;
    CHECK_FALSE(empty);
    CHECK_THROWS_AS(empty.done(), invalid_state_error);
    CHECK_THROWS_AS(empty.cancel(), invalid_state_error);
    CHECK_THROWS_AS(empty.set_result(1), invalid_state_error);
    CHECK_THROWS_AS(create_future<int>(), invalid_state_error);  // no running loop
}

TEST_CASE("callbacks may be added from within a callback, and the batch under way is not disturbed", "[core][FU008]") {
    testing::test_loop loop;
    std::vector<std::string> order;
    future<> done(loop.loop());
    done.add_done_callback([&order, done] {
        order.push_back("first");
        done.add_done_callback([&order] { order.push_back("added"); });
    });
    done.add_done_callback([&order] { order.push_back("second"); });
    done.set_result();
    loop.settle();
    CHECK(order == std::vector<std::string>{"first", "second", "added"});
}
