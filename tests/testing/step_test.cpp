// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/step.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>

#include <aioxx/core/future.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::step;
using testing::test_loop;

TEST_CASE("a step that waits is pending and has no result", "[testing]") {
    test_loop loop;
    const future<int> number(loop.loop());
    step waiting(loop, [&]() -> const future<int>& { return number; });
    CHECK(waiting.pending());
    CHECK_FALSE(waiting.woken());
    CHECK_FALSE(waiting.ready());
    CHECK_THROWS_AS(waiting.result(), invalid_state_error);
}

TEST_CASE("a step that was woken has not run yet", "[testing]") {
    test_loop loop;
    future<int> number(loop.loop());
    step waiting(loop, [&]() -> future<int>& { return number; });
    CHECK(waiting.pending());

    number.set_result(3);
    CHECK(waiting.woken());
    CHECK_FALSE(waiting.pending());
    CHECK_FALSE(waiting.ready());

    waiting.resume();
    CHECK(waiting.ready());
    CHECK(waiting.result() == 3);
}

TEST_CASE("a step that need not wait is ready at once", "[testing]") {
    test_loop loop;
    step immediate(loop, []() -> coro<std::unique_ptr<int>> { co_return std::make_unique<int>(5); });
    CHECK(immediate.ready());
    CHECK(*immediate.result() == 5);
}

TEST_CASE("a step gives the exception of its awaitable", "[testing]") {
    test_loop loop;
    step failing(loop, []() -> coro<> {
        throw std::runtime_error("no");
        co_return;
    });
    CHECK(failing.ready());
    CHECK_THROWS_AS(failing.result(), std::runtime_error);
}

TEST_CASE("no time passes when a step is resumed", "[testing]") {
    test_loop loop;
    step sleeping(loop, [] { return aioxx::sleep(1s); });
    sleeping.resume();
    CHECK(sleeping.pending());
    loop.advance(1s);
    CHECK(sleeping.ready());
}

TEST_CASE("a step can be cancelled", "[testing]") {
    test_loop loop;
    step sleeping(loop, [] { return aioxx::sleep(1s); });
    sleeping.cancel();
    CHECK(sleeping.woken());
    sleeping.resume();
    CHECK_THROWS_AS(sleeping.result(), cancelled_error);
}

TEST_CASE("a step that goes away while pending leaves nothing behind", "[testing]") {
    test_loop loop;
    {
        step sleeping(loop, [] { return aioxx::sleep(1s); });
    }
    CHECK(loop.loop().tasks().empty());
    CHECK(loop.reports().empty());
}
