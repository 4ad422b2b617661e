// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/as_completed.hpp>

#include <chrono>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "tasks/bodies.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

std::vector<task<int>> three_tasks() {
    return {create_task(after(3s, 3)), create_task(after(1s, 1)), create_task(after(2s, 2))};
}

constexpr int nothing = -1;

template <class Handle>
coro<int> next_value(completions<Handle>& from) {
    const auto next = co_await from.next();
    if (!next) co_return nothing;
    co_return next->result();
}

template <class Handles>
constexpr bool can_complete = requires(Handles&& handles) { as_completed(std::forward<Handles>(handles)); };

}  // namespace

TEST_CASE("as_completed gives the tasks as they are done, the same objects", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks = three_tasks();
        auto finished = as_completed(tasks);
        std::vector<int> order;
        while (auto next = co_await finished.next()) {
            order.push_back(next->result());
            if (order.size() == 1) CHECK(next->shared_state().get() == tasks[1].shared_state().get());
        }
        CHECK(order == std::vector<int>{1, 2, 3});
        const auto after_the_end = co_await finished.next();
        CHECK(!after_the_end);
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("as_completed takes coroutines, futures, duplicates and what is done already", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::vector<coro<int>> coroutines;
        coroutines.push_back(after(2s, 2));
        coroutines.push_back(after(1s, 1));
        auto finished = as_completed(std::move(coroutines));
        const auto first = co_await finished.next();
        CHECK(first->result() == 1);
        co_await sleep(10s);  // the iteration can rest, and nothing is lost
        const auto second = co_await finished.next();
        CHECK(second->result() == 2);
        const auto none = co_await finished.next();
        CHECK(!none);

        future<int> early = create_future<int>();
        early.set_result(5);
        const std::vector<future<int>> twice(2, early);
        auto futures = as_completed(twice);
        const auto only = co_await futures.next();
        CHECK(only->result() == 5);
        const auto no_second = co_await futures.next();
        CHECK(!no_second);
    }());
}

TEST_CASE("a timeout of as_completed is thrown for each that is left, and cancels none", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks = three_tasks();
        auto finished = as_completed(tasks, 1500ms);
        const auto first = co_await finished.next();
        CHECK(first->result() == 1);
        int timeouts = 0;
        for (bool more = true; more;) {
            try {
                const auto next = co_await finished.next();
                more = next.has_value();
            } catch (const timeout_error&) {
                ++timeouts;
            }
        }
        CHECK(timeouts == 2);
        CHECK(!tasks[0].done());
        co_await tasks[0];
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("a cancelled next gives nothing away", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        auto finished = as_completed(three_tasks());
        auto first = create_task(next_value(finished));
        co_await sleep(500ms);
        first.cancel();
        CHECK_THROWS_AS(co_await first, cancelled_error);
        const int value = co_await next_value(finished);
        CHECK(value == 1);
        co_await sleep(5s);
    }());
}

TEST_CASE("several tasks can wait for the next one, and are served in the order in which they came", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        auto finished = as_completed(three_tasks());
        const auto first = create_task(next_value(finished));
        const auto second = create_task(next_value(finished));
        const auto third = create_task(next_value(finished));
        const auto too_many = create_task(next_value(finished));
        co_await sleep(2500ms);
        CHECK(first.result() == 1);
        CHECK(second.result() == 2);
        CHECK_FALSE(third.done());
        CHECK_FALSE(too_many.done());
        const int last = co_await third;
        const int none = co_await too_many;
        CHECK(last == 3);
        CHECK(none == nothing);
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("one that is cancelled when its task has ended leaves that to the next one", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const future<int> early = create_future<int>();
        const future<int> late = create_future<int>();
        auto finished = as_completed(std::vector<future<int>>{early, late});
        auto first = create_task(next_value(finished));
        const auto second = create_task(next_value(finished));
        co_await sleep(0s);
        get_running_loop().call_soon([early] { early.set_result(1); });
        // Once the next batch has told the feed, the first one is woken; it resumes in the one after.
        get_running_loop().call_soon([first] {
            get_running_loop().call_soon([first] { first.cancel(); });
        });
        CHECK_THROWS_AS(co_await first, cancelled_error);
        const int value = co_await second;
        CHECK(value == 1);
        late.set_result(2);
        const int last = co_await next_value(finished);
        CHECK(last == 2);
    }());
}

TEST_CASE("whoever comes late takes nothing from one that was woken before", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const future<int> early = create_future<int>();
        const future<int> late = create_future<int>();
        auto finished = as_completed(std::vector<future<int>>{early, late});
        const auto first = create_task(next_value(finished));
        task<int> second;
        co_await sleep(0s);
        early.set_result(1);
        get_running_loop().call_soon([&] { second = create_task(next_value(finished), {.eager_start = true}); });
        const int value = co_await first;
        CHECK(value == 1);
        CHECK_FALSE(second.done());
        late.set_result(2);
        const int other = co_await second;
        CHECK(other == 2);
    }());
}

TEST_CASE("whoever asks when the time is over takes nothing from one that was woken before", "[tasks][TK026]") {
    testing::test_loop loop;
    const future<int> early(loop.loop());
    const future<int> late(loop.loop());
    task<int> second;
    const auto main = [&]() -> coro<> {
        auto finished = as_completed(std::vector<future<int>>{early, late}, 1s);
        const auto first = create_task(next_value(finished));
        get_running_loop().call_later(1s, [&] { second = create_task(next_value(finished), {.eager_start = true}); });
        const int value = co_await first;
        CHECK(value == 1);
        CHECK_THROWS_AS(co_await second, timeout_error);
    };
    const auto running = create_task(loop.loop(), main());
    loop.settle();
    early.set_result(1);
    loop.system().block(1s);  // one batch has the end of the first, the end of the time and the second one who asks
    loop.settle();
    REQUIRE(running.done());
    running.result();
}

TEST_CASE("a timeout reaches as many as there are tasks left, and the end all others", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks = three_tasks();
        auto finished = as_completed(tasks, 1500ms);
        std::vector<task<int>> waiting;
        for (int count = 0; count < 5; ++count) waiting.push_back(create_task(next_value(finished)));
        const auto ended = co_await wait(waiting);
        CHECK(ended.pending.empty());
        CHECK(waiting[0].result() == 1);
        CHECK_THROWS_AS(waiting[1].result(), timeout_error);
        CHECK_THROWS_AS(waiting[2].result(), timeout_error);
        CHECK(waiting[3].result() == nothing);
        CHECK(waiting[4].result() == nothing);
        co_await wait(tasks);
    }());
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("what ends after the timeout counts as late, however long nobody asks", "[tasks][TK026]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks = three_tasks();
        auto finished = as_completed(tasks, 1500ms);
        co_await sleep(10s);
        const int in_time = co_await next_value(finished);
        CHECK(in_time == 1);
        CHECK_THROWS_AS(co_await next_value(finished), timeout_error);
        CHECK_THROWS_AS(co_await next_value(finished), timeout_error);
        const int none = co_await next_value(finished);
        CHECK(none == nothing);
    }());
}

TEST_CASE("a timeout that is not needed leaves no timer", "[tasks][TK026]") {
    testing::test_loop loop;
    const auto main = []() -> coro<> {
        auto finished = as_completed(three_tasks(), 1h);
        while (co_await finished.next()) {
        }
        const auto unneeded = as_completed(std::vector<task<int>>(), 1h);
        co_await create_future<>();
    };
    CHECK_THROWS_AS(loop.run(main()), testing::stalled);  // at once: no timer is left to jump to
    CHECK(loop.elapsed() == 3s);
}

TEST_CASE("as_completed takes views, and refuses what is no range of handles", "[tasks][TK026]") {
    static_assert(!can_complete<task<int>&>);
    static_assert(!can_complete<std::vector<int>>);
    static_assert(can_complete<std::vector<task<int>>&>);
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const std::vector<task<int>> tasks = three_tasks();
        auto first_two = as_completed(std::span(tasks).first(2));
        int count = 0;
        while (co_await first_two.next()) ++count;
        CHECK(count == 2);
        CHECK_THROWS_AS(as_completed(std::vector<task<int>>(1)), invalid_state_error);
        event_loop other(std::make_unique<testing::virtual_backend>());
        CHECK_THROWS_AS(as_completed(std::vector<future<>>(1, future<>(other))), invalid_state_error);
    }());
}
