// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/capacity_limiter.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/check_sync.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

// A thing is one more token.
struct growing_subject {
    static constexpr auto kind = testing::sync_kind::many;
    coro<> take() { co_await subject.acquire(); }
    void give() { subject.set_total_tokens(subject.total_tokens() + 1); }
    std::size_t left() const { return subject.available_tokens(); }
    capacity_limiter subject{0};
};

// The thing is the only token, which goes from one borrower to the next.
struct returning_subject {
    static constexpr auto kind = testing::sync_kind::one;
    returning_subject() { static_cast<void>(subject.try_acquire_on_behalf_of(holder)); }
    coro<> take() {
        const void* const borrower = names + ++taken;
        co_await subject.acquire_on_behalf_of(borrower);
        holder = borrower;
    }
    void give() { subject.release_on_behalf_of(holder); }
    std::size_t left() const { return subject.available_tokens(); }
    capacity_limiter subject{1};
    char names[1000] = {};
    std::size_t taken = 0;
    const void* holder = names;
};

// What another primitive sees of it.
template <class Limiter>
coro<> use(Limiter& limiter, int& inside, int& most) {
    auto token = co_await limiter.scoped();
    if (++inside > most) most = inside;
    co_await sleep(1s);
    --inside;
}

coro<> hold(capacity_limiter& limiter, const void* borrower) {
    co_await limiter.acquire_on_behalf_of(borrower);
}

template <class Function>
std::string refusal(Function function) {
    return support::complaint_of<invalid_state_error>(function);
}

}  // namespace

TEST_CASE("those who wait for a token obey the laws of waiting", "[sync]") {
    CHECK_NOTHROW(testing::check_sync<growing_subject>());
    CHECK_NOTHROW(testing::check_sync<returning_subject>());
}

TEST_CASE("a limiter counts what is lent and what is there", "[sync]") {
    const int one = 0;
    const int other = 0;
    capacity_limiter limiter(2);
    CHECK(limiter.total_tokens() == 2);
    CHECK(limiter.available_tokens() == 2);
    CHECK(limiter.acquire_on_behalf_of(&one).await_ready());
    CHECK(limiter.try_acquire_on_behalf_of(&other));
    CHECK(limiter.borrowed_tokens() == 2);
    CHECK(limiter.available_tokens() == 0);
    CHECK_FALSE(limiter.try_acquire_on_behalf_of(&limiter));
    CHECK_FALSE(limiter.acquire_on_behalf_of(&limiter).await_ready());
    limiter.release_on_behalf_of(&one);
    CHECK(limiter.borrowed_tokens() == 1);
    CHECK(limiter.available_tokens() == 1);
    CHECK(limiter.try_acquire_on_behalf_of(&one));
}

TEST_CASE("no more tasks than tokens are inside at a time", "[sync]") {
    testing::test_loop loop;
    capacity_limiter limiter(3);
    int inside = 0;
    int most = 0;
    for (int count = 0; count < 10; ++count)
        create_task(loop.loop(), use(limiter, inside, most));
    loop.advance(4s);
    CHECK(most == 3);
    CHECK(inside == 0);
    CHECK(limiter.borrowed_tokens() == 0);
}

TEST_CASE("a second token for the same borrower is refused, even when there is one, and the refusal names it",
          "[sync]") {
    testing::test_loop loop;
    const int connection = 0;
    capacity_limiter limiter(2);
    REQUIRE(limiter.try_acquire_on_behalf_of(&connection));
    CHECK_THROWS_AS(limiter.try_acquire_on_behalf_of(&connection), invalid_state_error);
    CHECK_THROWS_AS(loop.run(hold(limiter, &connection)), invalid_state_error);
    CHECK(refusal([&] {
              static_cast<void>(limiter.try_acquire_on_behalf_of(&connection));
          }).starts_with("acquire: the borrower at 0x"));
    CHECK(limiter.borrowed_tokens() == 1);

    auto twice = [](capacity_limiter& from) -> coro<> {
        auto token = co_await from.scoped();
        co_await from.acquire();
    };
    task<> asking = create_task(loop.loop(), twice(limiter), "greedy");
    loop.settle();
    CHECK(refusal([&] { asking.result(); }) == "acquire: greedy has a token of this limiter already");
    CHECK(limiter.borrowed_tokens() == 1);
}

TEST_CASE("a borrower that waits twice gets one token, and the other goes on to the next task", "[sync]") {
    testing::test_loop loop;
    const int connection = 0;
    const int other = 0;
    capacity_limiter limiter(0);
    task<> first = create_task(loop.loop(), hold(limiter, &connection));
    task<> second = create_task(loop.loop(), hold(limiter, &connection));
    task<> third = create_task(loop.loop(), hold(limiter, &other));
    loop.settle();
    limiter.set_total_tokens(2);
    loop.settle();
    CHECK_NOTHROW(first.result());
    CHECK_THROWS_AS(second.result(), invalid_state_error);
    CHECK(third.done());
    CHECK(limiter.borrowed_tokens() == 2);
}

TEST_CASE("giving back what one does not have is refused, and the refusal names the borrower", "[sync]") {
    testing::test_loop loop;
    const int connection = 0;
    capacity_limiter limiter(1);
    CHECK(refusal([&] {
              limiter.release_on_behalf_of(&connection);
          }).ends_with("has no token of this limiter"));
    auto give_back = [](capacity_limiter& to) -> coro<> {
        to.release();
        co_return;
    };
    task<> giving = create_task(loop.loop(), give_back(limiter), "honest");
    loop.settle();
    CHECK(refusal([&] { giving.result(); }) == "release: honest has no token of this limiter");
    CHECK(limiter.available_tokens() == 1);
}

TEST_CASE("only a task borrows for itself", "[sync]") {
    testing::test_loop loop;
    capacity_limiter limiter(1);
    CHECK_THROWS_AS(limiter.try_acquire(), invalid_state_error);
    bool refused = false;
    loop.loop().call_soon([&] {
        refused = !refusal([&] { static_cast<void>(limiter.acquire()); }).empty() &&
                  refusal([&] { limiter.release(); }) != "none";
    });
    loop.settle();
    CHECK(refused);
    loop.run([](capacity_limiter& from) -> coro<> {
        CHECK(from.try_acquire());
        CHECK(from.statistics().borrowers == std::vector<const void*>{current_task()});
        from.release();
        co_return;
    }(limiter));
    CHECK(limiter.borrowed_tokens() == 0);
}

TEST_CASE("raising the total lets in as many as there are new tokens, lowering it takes none away",
          "[sync]") {
    testing::test_loop loop;
    const char names[6] = {};
    capacity_limiter limiter(1);
    std::vector<task<>> tasks;
    for (const char& name : names)
        tasks.push_back(create_task(loop.loop(), hold(limiter, &name)));
    loop.settle();
    CHECK(limiter.statistics().tasks_waiting == 5);
    limiter.set_total_tokens(3);
    CHECK(limiter.borrowed_tokens() == 3);  // two of them are on their way
    CHECK(limiter.statistics().borrowers.size() == 1);
    loop.settle();
    CHECK(tasks[2].done());
    CHECK_FALSE(tasks[3].done());

    limiter.set_total_tokens(1);
    CHECK(limiter.borrowed_tokens() == 3);
    CHECK(limiter.available_tokens() == 0);
    limiter.release_on_behalf_of(&names[0]);
    limiter.release_on_behalf_of(&names[1]);
    loop.settle();
    CHECK_FALSE(tasks[3].done());
    limiter.release_on_behalf_of(&names[2]);
    loop.settle();
    CHECK(tasks[3].done());
    CHECK_FALSE(tasks[4].done());

    limiter.set_total_tokens(capacity_limiter::unlimited);
    loop.settle();
    CHECK(tasks[5].done());
    CHECK(limiter.statistics().tasks_waiting == 0);
    CHECK(limiter.statistics().total_tokens == capacity_limiter::unlimited);
    CHECK(limiter.statistics().borrowed_tokens == 3);
}

TEST_CASE("a negative number of tokens is refused", "[sync]") {
    CHECK_THROWS_AS(capacity_limiter(static_cast<std::size_t>(-1)), std::invalid_argument);
    capacity_limiter limiter(1);
    CHECK_THROWS_AS(limiter.set_total_tokens(static_cast<std::size_t>(-2)), std::invalid_argument);
    CHECK(limiter.total_tokens() == 1);
}

TEST_CASE("a guard gives back the token of its borrower, once, wherever it ends", "[sync]") {
    testing::test_loop loop;
    const int connection = 0;
    capacity_limiter limiter(1);
    loop.run([](capacity_limiter& from, const void* borrower) -> coro<> {
        auto kept = co_await from.scoped_on_behalf_of(borrower);
        CHECK(from.statistics().borrowers == std::vector<const void*>{borrower});
        auto move_away = [](capacity_limiter::token token) -> coro<> {
            CHECK(static_cast<bool>(token));
            co_return;
        };
        co_await move_away(std::move(kept));
        CHECK(from.borrowed_tokens() == 0);
        CHECK_FALSE(static_cast<bool>(kept));

        auto token = co_await from.scoped();
        from.release();
        CHECK(from.try_acquire_on_behalf_of(borrower));
        token.release();  // had been given back by hand
        CHECK(from.borrowed_tokens() == 1);
    }(limiter, &connection));
    CHECK(limiter.borrowed_tokens() == 1);
}
