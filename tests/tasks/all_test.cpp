// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/all.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/was_cancelled.hpp"
#include "tasks/bodies.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<> wait_a_bit(duration delay) { co_await sleep(delay); }
coro<> fails_in_clean_up() {
    bool cancelled = false;
    try {
        co_await sleep(1h);
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    if (cancelled) throw std::runtime_error("clean-up");
}
coro<> counts_its_end(int& ends) {
    try {
        co_await sleep(1h);
    } catch (const cancelled_error&) {
        ++ends;
        throw;
    }
}

}  // namespace

TEST_CASE("all gives the values of all in the order of the arguments", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const auto [one, nothing, two] = co_await all(after(2s, 1), wait_a_bit(1s), after(1s, 2));
        static_cast<void>(nothing);
        CHECK(one == 1);
        CHECK(two == 2);

        std::vector<coro<int>> list;
        for (int number = 0; number < 5; ++number) list.push_back(after(std::chrono::seconds(5 - number), number));
        const std::vector<int> values = co_await all(std::move(list));
        CHECK(values == std::vector<int>{0, 1, 2, 3, 4});
        const auto none = co_await all(std::vector<coro<int>>());
        CHECK(none.empty());
    }());
    CHECK(loop.elapsed() == 7s);
}

TEST_CASE("the first failure of all cancels the others, which are waited for, and comes out as itself", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        int ends = 0;
        std::string what;
        try {
            co_await all(counts_its_end(ends), fails_after<int>(1s, "no"), counts_its_end(ends));
        } catch (const std::runtime_error& caught) {
            what = caught.what();
        }
        CHECK(what == "no");
        CHECK(ends == 2);
        CHECK(current_task()->cancelling() == 0);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("several failures of all are a group", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::size_t errors = 0;
        try {
            co_await all(fails_in_clean_up(), fails_after<int>(1s, "no"));
        } catch (const error_group& group) {
            errors = group.exceptions().size();
        }
        CHECK(errors == 2);
    }());
}

TEST_CASE("cancelling all cancels every one of them and waits", "[tasks]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        int ends = 0;
        auto running = create_task([](int& count) -> coro<> {
            co_await all(counts_its_end(count), counts_its_end(count));
        }(ends));
        co_await sleep(1s);
        running.cancel();
        const bool cancelled = co_await support::was_cancelled(running);
        CHECK(cancelled);
        CHECK(ends == 2);
    }());
}
