// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/runner.hpp>

#include <csignal>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/virtual_backend.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<int> answer() {
    co_await aioxx::sleep(0s);
    co_return 42;
}
coro<> wait_forever() { co_await create_future<>(); }

bool has_default_interrupt() {
    struct sigaction present {};
    return ::sigaction(SIGINT, nullptr, &present) == 0 && present.sa_handler == SIG_DFL;
}

// The test framework has its own handler: while this lives, SIGINT has its default disposition as in a program.
class default_interrupt : pinned {
public:
    default_interrupt() {
        struct sigaction wanted {};
        wanted.sa_handler = SIG_DFL;
        ::sigaction(SIGINT, &wanted, &former_);
    }
    ~default_interrupt() { ::sigaction(SIGINT, &former_, nullptr); }

private:
    struct sigaction former_ {};
};

// Presses Ctrl-C.
coro<> interrupt() {
    static_cast<void>(std::raise(SIGINT));
    co_return;
}

}  // namespace

TEST_CASE("RN001 run gives the value of the coroutine", "[tasks]") {
    CHECK(run(answer()) == 42);
    CHECK(*run([]() -> coro<std::unique_ptr<int>> { co_return std::make_unique<int>(7); }()) == 7);
    int number = 3;
    CHECK(&run([](int& there) -> coro<int&> { co_return there; }(number)) == &number);
}

TEST_CASE("RN001 run throws what the coroutine throws", "[tasks]") {
    CHECK_THROWS_AS(run([]() -> coro<> {
                        throw std::runtime_error("no");
                        co_return;
                    }()),
                    std::runtime_error);
}

TEST_CASE("RN001 run is refused inside of a running loop", "[tasks]") {
    CHECK_THROWS_AS(run([]() -> coro<int> { co_return run(answer()); }()), invalid_state_error);
}

TEST_CASE("real time passes in a sleep", "[tasks]") {
    const auto begin = clock::now();
    run([]() -> coro<> { co_await aioxx::sleep(5ms); }());
    CHECK(clock::now() - begin >= 5ms);
}

TEST_CASE("RN002 tasks that are left over are cancelled and finish their cleanup before run returns", "[tasks]") {
    std::string log;
    const auto left_over = [&]() -> coro<> {
        try {
            co_await wait_forever();
        } catch (const cancelled_error&) {
            log += "cancelled ";
            throw;
        }
    };
    const auto main = [&]() -> coro<> {
        static_cast<void>(create_task(left_over()));
        co_await aioxx::sleep(0s);
        log += "main ";
    };
    run(main());
    CHECK(log == "main cancelled ");
}

TEST_CASE("RN004 a runner runs one coroutine after the other on the same loop", "[tasks]") {
    runner runs;
    event_loop* first = &runs.run([]() -> coro<event_loop&> { co_return get_running_loop(); }());
    event_loop* second = &runs.run([]() -> coro<event_loop&> { co_return get_running_loop(); }());
    CHECK(first == second);
    CHECK(first == &runs.get_loop());
}

TEST_CASE("RN004 a runner can be closed twice and not used afterwards", "[tasks]") {
    runner runs;
    runs.run(answer());
    runs.close();
    runs.close();
    CHECK(runs.get_loop().is_closed());
    CHECK_THROWS_AS(runs.run(answer()), invalid_state_error);
}

TEST_CASE("RN004 a runner that never ran closes as well", "[tasks]") {
    runner runs;
    runs.close();
    CHECK(runs.get_loop().is_closed());
}

TEST_CASE("RN004 a runner does not run inside of itself, and cannot be closed there", "[tasks]") {
    runner runs;
    runs.run([](runner& outer) -> coro<> {
        CHECK_THROWS_AS(outer.run(answer()), invalid_state_error);
        CHECK_THROWS_AS(outer.close(), invalid_state_error);
        co_return;
    }(runs));
    CHECK(runs.run(answer()) == 42);
}

TEST_CASE("tasks go on between the runs of a runner", "[tasks]") {
    runner runs;
    const future<int> number(runs.get_loop());
    const auto waiting = create_task(runs.get_loop(), [](future<int> source) -> coro<int> { co_return co_await source; }(number));
    runs.run(answer());
    CHECK_FALSE(waiting.done());
    number.set_result(5);
    CHECK(runs.run([](task<int> source) -> coro<int> { co_return co_await source; }(waiting)) == 5);
}

TEST_CASE("a runner runs on the user's context, together with what else is there", "[tasks][RN003]") {
    asio::io_context context;
    bool ran = false;
    asio::post(context, [&] { ran = true; });
    {
        runner runs(context);
        CHECK(runs.run(answer()) == 42);
        runs.run([]() -> coro<> { co_await aioxx::sleep(1ms); }());
    }
    CHECK(ran);
    context.restart();
    context.run();  // returns: nothing of the loop is left
}

TEST_CASE("RN005 Ctrl-C cancels the main task, and run throws interrupted_error", "[tasks]") {
    const default_interrupt as_in_a_program;
    std::string log;
    const auto main = [&]() -> coro<> {
        static_cast<void>(create_task(interrupt()));
        try {
            co_await wait_forever();
        } catch (const cancelled_error&) {
            log = "cleaned up";
            throw;
        }
    };
    CHECK_THROWS_AS(run(main()), interrupted_error);
    CHECK(log == "cleaned up");
    CHECK(has_default_interrupt());
}

TEST_CASE("RN005 Ctrl-C reaches a main task that is busy", "[tasks]") {
    const default_interrupt as_in_a_program;
    CHECK_THROWS_AS(run([]() -> coro<> {
                        co_await interrupt();
                        for (;;) co_await aioxx::sleep(0s);
                    }()),
                    interrupted_error);
}

TEST_CASE("RN006 a main task that swallows Ctrl-C returns its value", "[tasks]") {
    const default_interrupt as_in_a_program;
    const int value = run([]() -> coro<int> {
        static_cast<void>(create_task(interrupt()));
        try {
            co_await wait_forever();
        } catch (const cancelled_error&) {
        }
        co_return 3;
    }());
    CHECK(value == 3);
    CHECK(has_default_interrupt());
}

TEST_CASE("after the first Ctrl-C the second one has its default effect", "[tasks]") {
    const default_interrupt as_in_a_program;
    run([]() -> coro<> {
        static_cast<void>(create_task(interrupt()));
        try {
            co_await wait_forever();
        } catch (const cancelled_error&) {
        }
        CHECK(has_default_interrupt());
    }());
}

TEST_CASE("RN005 a main task that was cancelled without Ctrl-C ends as cancelled", "[tasks]") {
    CHECK_THROWS_AS(run([]() -> coro<> {
                        current_task()->cancel();
                        co_await wait_forever();
                    }()),
                    cancelled_error);
}

TEST_CASE("RN005 a cancellation besides Ctrl-C is told apart from it", "[tasks]") {
    const default_interrupt as_in_a_program;
    CHECK_THROWS_AS(run([]() -> coro<> {
                        current_task()->cancel();
                        static_cast<void>(create_task(interrupt()));
                        try {
                            co_await wait_forever();
                        } catch (const cancelled_error&) {
                        }
                        co_await wait_forever();
                    }()),
                    cancelled_error);
}

TEST_CASE("Ctrl-C belongs to the main thread: a runner on another one leaves it alone", "[tasks]") {
    const default_interrupt as_in_a_program;
    bool was_default = false;
    std::thread([&] {
        was_default = run([]() -> coro<bool> { co_return has_default_interrupt(); }());
    }).join();
    CHECK(was_default);
    CHECK_FALSE(run([]() -> coro<bool> { co_return has_default_interrupt(); }()));
}

TEST_CASE("a program's own handler for SIGINT stays in force", "[tasks]") {
    static volatile std::sig_atomic_t calls = 0;
    const auto former = std::signal(SIGINT, [](int) { calls = calls + 1; });
    CHECK(run([]() -> coro<int> {
              co_await interrupt();
              co_await aioxx::sleep(0s);
              co_return 1;
          }()) == 1);
    CHECK(calls == 1);
    std::signal(SIGINT, former);
}

TEST_CASE("a handler that the main task adds for SIGINT replaces the runner's and outlives the run", "[tasks]") {
    const default_interrupt as_in_a_program;
    int calls = 0;
    {
        runner runs;
        runs.run([](int& count) -> coro<> {
            get_running_loop().add_signal_handler(SIGINT, [&] { ++count; });
            co_return;
        }(calls));
        runs.run([](int& count) -> coro<> {
            co_await interrupt();
            while (count == 0) co_await aioxx::sleep(0s);
        }(calls));
    }
    CHECK(calls == 1);
    CHECK(has_default_interrupt());
}

TEST_CASE("a runner works on any backend", "[tasks][RN003]") {
    runner runs(std::make_unique<testing::virtual_backend>());
    const auto begin = runs.get_loop().time();
    runs.run([]() -> coro<> { co_await aioxx::sleep(1h); }());
    CHECK(runs.get_loop().time() - begin == 1h);
}

TEST_CASE("RN002 async generators that outlive their tasks are closed at the end, and their clean-up is awaited", "[tasks]") {
    std::vector<std::string> log;
    {
        runner runs;
        std::optional<async_generator<int>> kept;
        kept.emplace([](std::vector<std::string>& notes) -> async_generator<int> {
            bool closing = false;
            try {
                co_yield 1;
                co_yield 2;
            } catch (const generator_exit&) {
                closing = true;
            }
            if (closing) {
                co_await aioxx::sleep(1ms);
                notes.push_back("cleaned up");
            }
        }(log));
        runs.run([](async_generator<int>& numbers) -> coro<> {
            const auto first = co_await numbers.next();
            CHECK(first == 1);
        }(*kept));
        runs.close();
        CHECK(log == std::vector<std::string>{"cleaned up"});
    }
}
