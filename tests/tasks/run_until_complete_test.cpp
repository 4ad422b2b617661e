// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/run_until_complete.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <aioxx/core/event_loop.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/testing/virtual_backend.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<std::string> slow_answer() {
    co_await aioxx::sleep(1s);
    co_return "answer";
}

std::unique_ptr<event_loop> make_loop() {
    return std::make_unique<event_loop>(std::make_unique<testing::virtual_backend>());
}

}  // namespace

TEST_CASE("run_until_complete gives the value of a coroutine", "[tasks]") {
    const auto loop = make_loop();
    CHECK(run_until_complete(*loop, slow_answer()) == "answer");
}

TEST_CASE("run_until_complete throws what the coroutine throws", "[tasks]") {
    const auto loop = make_loop();
    CHECK_THROWS_AS(run_until_complete(*loop, []() -> coro<> {
                        throw std::runtime_error("no");
                        co_return;
                    }()),
                    std::runtime_error);
}

TEST_CASE("run_until_complete leaves the value of a task that is kept where it is", "[tasks]") {
    const auto loop = make_loop();
    const auto kept = create_task(*loop, slow_answer());
    const std::string& first = run_until_complete(*loop, kept);
    CHECK(first == "answer");
    CHECK(&run_until_complete(*loop, kept) == &first);
    CHECK(kept.result() == "answer");
}

TEST_CASE("run_until_complete waits for a future", "[tasks]") {
    const auto loop = make_loop();
    const future<int> number(*loop);
    loop->call_later(1s, [=] { number.set_result(3); });
    CHECK(run_until_complete(*loop, number) == 3);
    CHECK(run_until_complete(*loop, future<int>(number)) == 3);
}

TEST_CASE("run_until_complete makes a pass over what is ready even when the task is done", "[tasks]") {
    const auto loop = make_loop();
    const future<> done(*loop);
    done.set_result();
    bool ran = false;
    loop->call_soon([&] { ran = true; });
    run_until_complete(*loop, done);
    CHECK(ran);
}

TEST_CASE("TK023 a loop that is stopped first leaves the task pending, and it can be continued", "[tasks][EV001]") {
    const auto loop = make_loop();
    const auto kept = create_task(*loop, slow_answer());
    loop->call_later(500ms, [&] { loop->stop(); });
    CHECK_THROWS_AS(run_until_complete(*loop, kept), invalid_state_error);
    CHECK_FALSE(kept.done());
    CHECK(run_until_complete(*loop, kept) == "answer");
}

TEST_CASE("a run that ended early does not stop a later one", "[tasks]") {
    const auto loop = make_loop();
    const future<> first(*loop);
    loop->call_soon([&] { loop->stop(); });
    CHECK_THROWS_AS(run_until_complete(*loop, first), invalid_state_error);

    loop->call_later(1s, [=] { first.set_result(); });
    CHECK(run_until_complete(*loop, []() -> coro<int> {
              co_await aioxx::sleep(2s);
              co_return 1;
          }()) == 1);
}

TEST_CASE("run_until_complete is refused inside of a loop, and for nothing", "[tasks]") {
    const auto loop = make_loop();
    run_until_complete(*loop, [](event_loop& running) -> coro<> {
        CHECK_THROWS_AS(run_until_complete(running, slow_answer()), invalid_state_error);
        event_loop other(std::make_unique<testing::virtual_backend>());
        CHECK_THROWS_AS(run_until_complete(other, slow_answer()), invalid_state_error);
        CHECK(other.tasks().empty());
        co_return;
    }(*loop));
    CHECK_THROWS_AS(run_until_complete(*loop, task<int>()), invalid_state_error);
    loop->close();
    CHECK_THROWS_AS(run_until_complete(*loop, slow_answer()), invalid_state_error);
}

TEST_CASE("BE017 what belongs to another loop is refused", "[tasks]") {
    aioxx::testing::test_loop first;
    aioxx::testing::test_loop second;
    const future<int> foreign(second.loop());
    std::string what;
    try {
        run_until_complete(first.loop(), foreign);
    } catch (const std::invalid_argument& caught) {
        what = caught.what();
    }
    CHECK(what == "run_until_complete: the future belongs to another event loop");
}
