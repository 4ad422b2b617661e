// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/hook.hpp>

#include <memory>
#include <stdexcept>
#include <string>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;
using websocket::hook;
using websocket::http_request;
using websocket::http_response;
using websocket::request_hook;
using websocket::response_hook;

namespace {

using length_hook = hook<int, const std::string&>;

coro<int> slow_length(const std::string& text) {
    co_await sleep(1s);
    co_return static_cast<int>(text.size());
}

struct member_coroutine {
    int more;
    coro<int> operator()(const std::string& text) {
        const int length = co_await slow_length(text);
        co_return length + more;
    }
};

coro<int> measure(length_hook how, std::string text) { co_return co_await how(text); }

static_assert(!std::is_constructible_v<length_hook, int (*)(int)>);
static_assert(!std::is_constructible_v<length_hook, const char* (*)(const std::string&)>);

}  // namespace

TEST_CASE("a hook is a function or a coroutine, whichever the program likes", "[websocket]") {
    test_loop loop;
    CHECK(loop.run(measure([](const std::string& text) { return static_cast<int>(text.size()); }, "four")) == 4);
    CHECK(loop.elapsed() == 0s);
    CHECK(loop.run(measure(slow_length, "seven..")) == 7);
    CHECK(loop.elapsed() == 1s);
    CHECK(loop.run(measure(member_coroutine{3}, "four")) == 7);
}

TEST_CASE("an empty hook says so, and a function without a result is one as well", "[websocket]") {
    CHECK_FALSE(request_hook());
    response_hook plain = [](const http_request&, http_response& response) { response.status = 404; };
    REQUIRE(plain);
    test_loop loop;
    const int status = loop.run([](response_hook change) -> coro<int> {
        const http_request request;
        http_response response;
        co_await change(request, response);
        co_return response.status;
    }(plain));
    CHECK(status == 404);
}

TEST_CASE("the function of a hook outlives the hook while a call is under way", "[websocket]") {
    test_loop loop;
    auto alive = std::make_shared<int>(1);
    const std::weak_ptr<int> watched = alive;
    loop.run([](std::shared_ptr<int> kept, std::weak_ptr<int> seen) -> coro<> {
        struct uses_itself {
            std::shared_ptr<int> own;
            coro<int> operator()(const std::string&) {
                co_await sleep(1s);
                co_return *own;
            }
        };
        const std::string text;
        auto only = std::make_unique<length_hook>(uses_itself{std::move(kept)});
        coro<int> call = (*only)(text);
        task<int> running = create_task(std::move(call));
        co_await sleep(1ms);
        only.reset();
        CHECK_FALSE(seen.expired());
        const int result = co_await running;
        CHECK(result == 1);
    }(std::move(alive), watched));
    CHECK(watched.expired());
}

TEST_CASE("what a hook throws comes out of the call", "[websocket]") {
    test_loop loop;
    const length_hook broken = [](const std::string&) -> int { throw std::runtime_error("no length"); };
    CHECK_THROWS_AS(loop.run(measure(broken, "x")), std::runtime_error);
}
