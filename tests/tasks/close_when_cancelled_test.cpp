// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/close_when_cancelled.hpp>

#include <memory>

#include <aioxx/core/task.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

// Closed at once, gone when it is let go. Copies refer to the same one.
struct closable {
    struct shared {
        bool closed = false;
        event gone;
    };
    std::shared_ptr<shared> state = std::make_shared<shared>();

    void close() const { state->closed = true; }
    [[nodiscard]] coro<> wait_closed() const { co_await state->gone.wait(); }
};

}  // namespace

TEST_CASE("without a cancellation nothing is closed, and the end is waited for", "[tasks]") {
    testing::test_loop().run([]() -> coro<> {
        const closable served;
        const task<> serving = create_task(detail::close_when_cancelled(served));
        co_await sleep(duration::zero());
        CHECK(!serving.done());
        served.state->gone.set();
        co_await serving;
        CHECK(!served.state->closed);
    }());
}

TEST_CASE("a cancellation closes, waits for the end and is thrown on", "[tasks]") {
    testing::test_loop().run([]() -> coro<> {
        const closable served;
        const task<> serving = create_task(detail::close_when_cancelled(served));
        co_await sleep(duration::zero());
        serving.cancel("enough");
        co_await sleep(duration::zero());
        CHECK(served.state->closed);
        CHECK(!serving.done());
        served.state->gone.set();
        try {
            co_await serving;
            FAIL("the cancellation was lost");
        } catch (const cancelled_error& thrown) {
            CHECK(thrown.message() == "enough");
        }
        CHECK(serving.cancelled());
    }());
}
