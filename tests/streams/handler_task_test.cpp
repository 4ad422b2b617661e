// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/handler_task.hpp>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

using story = std::vector<std::string>;

// Writes down how its handler has ended.
class noted_task final : public aioxx::detail::handler_task {
public:
    noted_task(event_loop& loop, coro<>&& handling, const task_options& options, story& to)
        : handler_task(loop, std::move(handling), options), to_(to) {}

private:
    void ended(const std::exception_ptr& thrown) noexcept override {
        to_.push_back(!thrown ? "returned" : is_cancelled(thrown) ? "cancelled" : "threw");
    }
    story& to_;
};

class stage {
public:
    state_ptr<noted_task> start(coro<> handling) {
        const task_options options = aioxx::detail::handler_task::options_for(loop.loop());
        state_ptr started(new noted_task(loop.loop(), std::move(handling), options, ends));
        started->start(options.eager_start);
        return started;
    }
    test_loop loop;
    story ends;
};

coro<> returns() { co_await sleep(1s); }
coro<> throws() {
    co_await sleep(1s);
    throw std::runtime_error("the handler's own error");
}

}  // namespace

TEST_CASE("the end of a handler is told, and the derived class reports what it threw", "[streams]") {
    int reports = 0;
    stage on;
    on.loop.loop().set_exception_handler([&reports](const exception_context&) { ++reports; });
    const auto returned = on.start(returns());
    const auto threw = on.start(throws());
    on.loop.advance(1s);
    CHECK(on.ends == story{"returned", "threw"});
    CHECK(returned->done());
    CHECK(threw->done());
    CHECK_FALSE(threw->cancelled());
    CHECK(reports == 0);
}

TEST_CASE("a handler that is cancelled ends as a cancelled task, also before its first step", "[streams]") {
    stage on;
    const auto running = on.start(returns());
    on.loop.settle();
    const auto unbegun = on.start(returns());
    unbegun->cancel();
    running->cancel();
    on.loop.settle();
    CHECK(on.ends == story{"cancelled", "cancelled"});
    CHECK(running->cancelled());
    CHECK(unbegun->cancelled());
}

TEST_CASE("a cancellation that comes too late for the handler is told after its end", "[streams]") {
    stage on;
    const auto busy = on.start([]() -> coro<> {
        static_cast<task_base*>(get_running_loop().current())->cancel();
        co_return;
    }());
    on.loop.settle();
    CHECK(on.ends == story{"returned", "cancelled"});
    CHECK(busy->cancelled());
}

TEST_CASE("the task of a handler is called connection until it gets another name", "[streams]") {
    stage on;
    const auto one = on.start(returns());
    CHECK(one->name() == "connection");
    one->set_name("mine");
    CHECK(one->name() == "mine");
    on.loop.loop().set_task_factory([](task_options& options) { options.eager_start = options.name == "connection"; });
    const auto eager = on.start([]() -> coro<> { co_return; }());
    on.loop.settle();
    CHECK(eager->name() == "connection");
    on.loop.loop().set_task_factory({});
    on.loop.advance(1s);
}

TEST_CASE("a handler that gives no coroutine makes no task", "[streams]") {
    stage on;
    coro<> moved_from = returns();
    moved_from.close();
    CHECK_THROWS_AS(on.start(std::move(moved_from)), std::invalid_argument);
    CHECK(on.ends.empty());
}
