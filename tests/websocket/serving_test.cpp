// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/serving.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/was_cancelled.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;
using websocket::detail::serving;

namespace {

std::shared_ptr<serving> make_serving(std::size_t max_connections = 0) {
    websocket::serve_options options;
    options.max_connections = max_connections;
    const auto handle = [](websocket::connection) -> coro<> { co_return; };
    return std::make_shared<serving>(handle, websocket::request_hook(), std::move(options));
}

coro<> stay(std::shared_ptr<serving> at) {
    const serving::guest client(*at);
    co_await sleep(1h);
}

}  // namespace

TEST_CASE("a guest takes a place from when it is let in until it is turned away or gone", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto at = make_serving(1);
        CHECK(at->empty());
        {
            serving::guest client(*at);
            CHECK_FALSE(at->empty());
            CHECK(at->refuses() == nullptr);
            at->admit(client);
            REQUIRE(at->refuses() != nullptr);
            CHECK(std::string(at->refuses()) == "the server has as many connections as it may");
            at->turn_away(client);
            at->turn_away(client);  // has no place any more
            CHECK(at->refuses() == nullptr);
            at->admit(client);
        }
        CHECK(at->refuses() == nullptr);
        CHECK(at->empty());
        co_return;
    }());
}

TEST_CASE("a server that was closed lets nobody in, however few are there", "[websocket]") {
    const auto at = make_serving();
    CHECK(at->refuses() == nullptr);
    CHECK_FALSE(at->closed());
    at->close();
    CHECK(at->closed());
    CHECK(std::string(at->refuses()) == "the server is shutting down");
}

TEST_CASE("who waits for the clients is told when one has gone, also one that was cancelled", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto at = make_serving();
        const auto one = create_task(stay(at));
        const auto other = create_task(stay(at));
        co_await sleep(0s);
        CHECK_FALSE(at->empty());
        one.cancel();
        co_await at->left.wait();
        CHECK(one.done());
        CHECK_FALSE(at->empty());
        at->cancel_handlers();
        co_await at->left.wait();
        CHECK(at->empty());
        const bool cancelled = co_await support::was_cancelled(other);
        CHECK(cancelled);
        CHECK(at->connections().empty());
    }());
}
