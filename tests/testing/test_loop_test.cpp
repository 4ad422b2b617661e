// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/test_loop.hpp>

#include <csignal>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;

namespace {

coro<> wait_forever() { co_await create_future<>(); }
coro<> fail(std::string what) {
    throw std::runtime_error(what);
    co_return;
}

template <class Error, class Function>
std::string text_of(Function&& function) {
    try {
        function();
    } catch (const Error& caught) {
        return caught.what();
    }
    return "not thrown";
}

}  // namespace

TEST_CASE("a test loop runs a coroutine and gives its value", "[testing]") {
    test_loop loop;
    CHECK(loop.run([]() -> coro<int> { co_return 42; }()) == 42);
    CHECK(*loop.run([]() -> coro<std::unique_ptr<int>> { co_return std::make_unique<int>(7); }()) == 7);
}

TEST_CASE("an hour is over at once on a test loop", "[testing]") {
    test_loop loop;
    loop.run([]() -> coro<> { co_await aioxx::sleep(1h); }());
    CHECK(loop.elapsed() == 1h);
}

TEST_CASE("what the main coroutine throws comes out of run, and the loop can be used again", "[testing]") {
    test_loop loop;
    CHECK_THROWS_AS(loop.run(fail("no")), std::runtime_error);
    CHECK(loop.run([]() -> coro<int> { co_return 1; }()) == 1);
}

TEST_CASE("a stall names every task and what it waits for", "[testing]") {
    test_loop loop;
    const std::string text = text_of<testing::stalled>([&] {
        loop.run([]() -> coro<> {
            static_cast<void>(create_task(wait_forever(), "reader"));
            co_await aioxx::sleep(3200ms);
            co_await create_future<int>();
        }());
    });
    CHECK(text == "nothing can run any more at 3.2 s:\n  Task-1 waits for future\n  reader waits for future");
}

TEST_CASE("after a stall every coroutine is gone, and the loop is closed", "[testing]") {
    test_loop loop;
    bool gone = false;
    const auto main = [&]() -> coro<> {
        const scope_exit at_the_end([&] { gone = true; });
        co_await wait_forever();
    };
    CHECK_THROWS_AS(loop.run(main()), testing::stalled);
    CHECK(gone);
    CHECK_THROWS_AS(loop.run(main()), invalid_state_error);
}

TEST_CASE("a task that the main one leaves behind is an error that names it", "[testing]") {
    test_loop loop;
    const std::string text = text_of<testing::lost_tasks>([&] {
        loop.run([]() -> coro<> {
            static_cast<void>(create_task(wait_forever(), "forgotten"));
            co_return;
        }());
    });
    CHECK(text == "the main task ended at 0 s and left behind:\n  forgotten waits for future");
}

TEST_CASE("tasks that only need another step to end are not lost", "[testing]") {
    test_loop loop;
    CHECK_NOTHROW(loop.run([]() -> coro<> {
        create_task(wait_forever()).cancel();
        co_return;
    }()));
}

TEST_CASE("lost tasks can be allowed", "[testing]") {
    test_loop loop({.allow_lost_tasks = true});
    CHECK_NOTHROW(loop.run([]() -> coro<> {
        static_cast<void>(create_task(wait_forever()));
        co_return;
    }()));
    CHECK_FALSE(loop.loop().is_closed());
}

TEST_CASE("the main task's own exception goes before lost tasks", "[testing]") {
    test_loop loop;
    CHECK_THROWS_AS(loop.run([]() -> coro<> {
                        static_cast<void>(create_task(wait_forever()));
                        co_await fail("the reason");
                    }()),
                    std::runtime_error);
}

TEST_CASE("an error that nobody caught fails the run", "[testing]") {
    test_loop loop;
    const std::string text = text_of<testing::unhandled_reports>([&] {
        loop.run([]() -> coro<> {
            static_cast<void>(create_task(fail("boom"), "careless"));
            co_await aioxx::sleep(1s);
        }());
    });
    CHECK(text == "errors that nobody caught:\n  exception was never retrieved [careless]: boom");
    CHECK(loop.reports().empty());
    CHECK_NOTHROW(loop.run([]() -> coro<> { co_return; }()));
}

TEST_CASE("reports can be looked at instead", "[testing]") {
    test_loop loop({.allow_reports = true});
    loop.run([]() -> coro<> {
        get_running_loop().call_soon([] { throw std::runtime_error("in a callback"); });
        co_return;
    }());
    REQUIRE(loop.reports().size() == 1);
    CHECK(loop.reports().front().message == "exception in a callback");
}

TEST_CASE("a run without an end fails with the tasks that run", "[testing]") {
    test_loop loop({.turn_limit = 1000});
    const std::string text = text_of<testing::stalled>([&] {
        loop.run([]() -> coro<> {
            for (;;) co_await aioxx::sleep(1s);
        }());
    });
    CHECK(text.find("still running after 1000 turns, at 999 s:\n  Task-1") == 0);
}

TEST_CASE("advance runs what is due on the way and ends at the given time", "[testing]") {
    test_loop loop;
    std::string log;
    const auto tick = [&]() -> coro<> {
        for (int count = 0; count < 3; ++count) {
            co_await aioxx::sleep(1s);
            log += std::to_string(count);
        }
    };
    const auto ticking = create_task(loop.loop(), tick());
    loop.advance(2500ms);
    CHECK(log == "01");
    CHECK(loop.elapsed() == 2500ms);
    loop.advance(500ms);
    CHECK(log == "012");
    CHECK(ticking.done());
}

TEST_CASE("a test loop delivers signals to the loop's handlers", "[testing]") {
    test_loop loop;
    loop.run([](test_loop& test) -> coro<> {
        future<> hung_up = create_future<>();
        get_running_loop().add_signal_handler(SIGHUP, [=] { hung_up.set_result(); });
        test.raise_signal(SIGHUP);
        co_await hung_up;
    }(loop));
}

TEST_CASE("a run inside of a run is refused", "[testing]") {
    test_loop loop;
    CHECK_THROWS_AS(loop.run([](test_loop& test) -> coro<> {
                        test.run(wait_forever());
                        co_return;
                    }(loop)),
                    invalid_state_error);
}

TEST_CASE("resources that are left open are an error where the test wants it so", "[testing]") {
    struct link final : loop_resource {
        void abandon() noexcept override {}
        std::string describe() const override { return "a link"; }
    };
    const auto nothing = []() -> coro<> { co_return; };
    {
        test_loop lenient;
        link open;
        lenient.loop().attach(open);
        CHECK_NOTHROW(lenient.run(nothing()));
    }
    test_loop strict({.allow_open_resources = false});
    CHECK_NOTHROW(strict.run(nothing()));
    link open;
    strict.loop().attach(open);
    CHECK(text_of<testing::lost_resources>([&] { strict.run(nothing()); }).find("left behind:\n  a link") !=
          std::string::npos);
    CHECK(strict.loop().is_closed());
}
