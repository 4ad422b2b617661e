// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/asio_backend.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <aioxx/core/instrument.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/virtual_backend.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<> give_way() { co_await aioxx::sleep(0s); }

}  // namespace

TEST_CASE("a loop on its own context runs callbacks, timers and tasks until it is stopped", "[core]") {
    event_loop loop(std::make_unique<asio_backend>());
    std::string order;
    loop.call_later(2ms, [&] {
        order += 'c';
        loop.stop();
    });
    loop.call_later(1ms, [&] { order += 'b'; });
    loop.call_soon([&] { order += 'a'; });
    loop.run_forever();
    CHECK(order == "abc");
    loop.call_soon([&] {
        order += 'd';
        loop.stop();
    });
    loop.run_forever();
    CHECK(order == "abcd");
}

TEST_CASE("timers fire no earlier than their deadline, on monotonic time (BE012)", "[core]") {
    event_loop loop(std::make_unique<asio_backend>());
    const time_point start = loop.time();
    time_point fired{};
    loop.call_later(5ms, [&] {
        fired = loop.time();
        loop.stop();
    });
    loop.run_forever();
    CHECK(fired - start >= 5ms);
}

TEST_CASE("an earlier timer that is armed later comes first; a cancelled one does not disturb", "[core]") {
    event_loop loop(std::make_unique<asio_backend>());
    std::string order;
    loop.call_later(20ms, [&] {
        order += 'b';
        loop.stop();
    });
    handle cancelled = loop.call_later(1ms, [&] { order += 'x'; });
    loop.call_soon([&] {
        cancelled.cancel();
        loop.call_later(3ms, [&] { order += 'a'; });
    });
    loop.run_forever();
    CHECK(order == "ab");
}

TEST_CASE("a callback that reschedules itself for ever does not starve timers and posts", "[core]") {
    event_loop loop(std::make_unique<asio_backend>());
    std::function<void()> spin = [&] { loop.call_soon(spin); };
    bool timer = false;
    bool posted = false;
    loop.call_soon(spin);
    loop.call_later(1ms, [&] {
        timer = true;
        if (posted) loop.stop();
    });
    asio::post(asio_backend::context_of(loop), [&] {
        posted = true;
        if (timer) loop.stop();
    });
    loop.run_forever();
    CHECK(timer);
    CHECK(posted);
}

TEST_CASE("a call from another thread wakes a loop that has nothing else to do (BE014)", "[core][threads][EV003]") {
    event_loop loop(std::make_unique<asio_backend>());
    bool called = false;
    const auto here = std::this_thread::get_id();
    std::thread other([&] {
        loop.call_soon_threadsafe([&] {
            called = std::this_thread::get_id() == here;
            loop.stop();
        });
    });
    loop.run_forever();
    other.join();
    CHECK(called);
}

TEST_CASE("a loop that runs again can be woken again", "[core][threads][PR010]") {
    event_loop loop(std::make_unique<asio_backend>());
    int called = 0;
    for (int run = 1; run <= 3; ++run) {
        std::thread other([&] {
            loop.call_soon_threadsafe([&] {
                ++called;
                loop.stop();
            });
        });
        loop.run_forever();
        other.join();
        CHECK(called == run);
    }
}

TEST_CASE("short sleeps do not spin", "[core][EV027]") {
    class turn_counter final : public instrument {
    public:
        void turn_begins() noexcept override { ++turns; }
        int turns = 0;
    };
    event_loop loop(std::make_unique<asio_backend>());
    turn_counter counter;
    loop.add_instrument(counter);
    constexpr int sleeps = 50;
    run_until_complete(loop, []() -> coro<> {
        for (int i = 0; i < sleeps; ++i) co_await aioxx::sleep(300us);
    }());
    CHECK(counter.turns >= sleeps);
    CHECK(counter.turns <= 2 * sleeps + 5);  // one for each sleep, and a wake-up that came too early
}

TEST_CASE("loops in several threads know their own tasks and call each other", "[core][threads][MI007]") {
    constexpr std::size_t threads = 4;
    constexpr int calls = 500;
    std::vector<std::unique_ptr<event_loop>> loops;
    for (std::size_t i = 0; i < threads; ++i) loops.push_back(std::make_unique<event_loop>(std::make_unique<asio_backend>()));
    std::vector<int> arrived(threads, 0);   // each counted in its own thread only
    std::vector<int> mistakes(threads, 0);

    // Calls the neighbour until it has been called as often itself.
    const auto main = [](std::vector<std::unique_ptr<event_loop>>& all, std::vector<int>& counts,
                         std::vector<int>& wrong, std::size_t self) -> coro<> {
        event_loop& here = *all[self];
        const std::size_t next = (self + 1) % all.size();
        const std::string name = "main " + std::to_string(self);
        current_task()->set_name(name);
        for (int i = 0; i < calls; ++i) {
            all[next]->call_soon_threadsafe([&counts, &wrong, &all, next] {
                ++counts[next];
                if (&get_running_loop() != all[next].get() || current_task() != nullptr) ++wrong[next];
            });
            co_await create_task(give_way(), "child");
            if (&get_running_loop() != &here || current_task()->name() != name) ++wrong[self];
        }
        if (here.tasks().front() == nullptr || here.tasks().next(*here.tasks().front()) != nullptr) ++wrong[self];
        while (counts[self] < calls) co_await aioxx::sleep(100us);
    };
    std::vector<std::thread> running;
    for (std::size_t self = 0; self < threads; ++self) {
        running.emplace_back([&, self] { run_until_complete(*loops[self], main(loops, arrived, mistakes, self)); });
    }
    for (std::thread& each : running) each.join();
    for (std::size_t self = 0; self < threads; ++self) {
        CHECK(arrived[self] == calls);
        CHECK(mistakes[self] == 0);
        CHECK(loops[self]->tasks().empty());
    }
}

TEST_CASE("calls from several threads all arrive, each thread's in order", "[core][threads]") {
    event_loop loop(std::make_unique<asio_backend>());
    constexpr int threads = 3;
    constexpr int calls = 1000;
    std::vector<std::vector<int>> seen(threads);
    int arrived = 0;
    std::vector<std::thread> others;
    for (int thread = 0; thread < threads; ++thread) {
        others.emplace_back([&, thread] {
            for (int number = 0; number < calls; ++number) {
                loop.call_soon_threadsafe([&, thread, number] {
                    seen[static_cast<std::size_t>(thread)].push_back(number);
                    if (++arrived == threads * calls) loop.stop();
                });
            }
        });
    }
    loop.run_forever();
    for (std::thread& other : others) other.join();
    for (const auto& numbers : seen) {
        REQUIRE(numbers.size() == calls);
        for (int number = 0; number < calls; ++number) {
            if (numbers[static_cast<std::size_t>(number)] != number) FAIL("out of order");
        }
    }
}

TEST_CASE("a program that runs its own context runs the loop with it, until both have nothing to do", "[core]") {
    asio::io_context io;
    std::string order;
    {
        event_loop loop(std::make_unique<asio_backend>(io));
        CHECK(&asio_backend::context_of(loop) == &io);
        task<int> t = create_task(loop, [](std::string& log) -> coro<int> {
            log += 'a';
            co_await sleep(2ms);
            log += 'c';
            co_return 1;
        }(order));
        loop.call_later(1ms, [&] { order += 'b'; });
        handle cancelled = loop.call_later(1h, [] {});
        cancelled.cancel();
        io.run();
        CHECK(order == "abc");
        CHECK(t.result() == 1);

        io.restart();
        loop.call_soon([&] { loop.call_later(1h, [] {}).cancel(); });
        io.run();  // the cancelled timer does not keep it
    }
    io.restart();
    io.run();
}

TEST_CASE("run_forever works on a user's context, and what the user posted runs too", "[core]") {
    asio::io_context io;
    event_loop loop(std::make_unique<asio_backend>(io));
    bool posted = false;
    asio::post(io, [&] {
        posted = true;
        loop.call_soon([&] { loop.stop(); });
    });
    loop.run_forever();
    CHECK(posted);
}

TEST_CASE("a loop that is destroyed leaves nothing in the user's context that calls it", "[core]") {
    asio::io_context io;
    {
        event_loop loop(std::make_unique<asio_backend>(io));
        loop.call_soon([] { FAIL("ran"); });
        loop.call_later(1ms, [] { FAIL("ran"); });
        loop.call_soon_threadsafe([] { FAIL("ran"); });
    }
    io.run();
}

TEST_CASE("two loops share a context", "[core]") {
    asio::io_context io;
    event_loop first(std::make_unique<asio_backend>(io));
    event_loop second(std::make_unique<asio_backend>(io));
    int seen = 0;
    first.call_soon([&] {
        CHECK(&get_running_loop() == &first);
        second.call_soon([&] {
            CHECK(&get_running_loop() == &second);
            ++seen;
        });
        ++seen;
    });
    io.run();
    CHECK(seen == 2);
}

TEST_CASE("while a call from outside is announced, the context waits for it", "[core][threads]") {
    asio::io_context io;
    event_loop loop(std::make_unique<asio_backend>(io));
    bool arrived = false;
    loop.system().hold();
    std::thread other([&] {
        loop.call_soon_threadsafe([&] {
            arrived = true;
            loop.system().release();
        });
    });
    io.run();
    other.join();
    CHECK(arrived);
}

TEST_CASE("a loop that does not run on Asio has no context", "[core]") {
    event_loop loop(std::make_unique<testing::virtual_backend>());
    CHECK_THROWS_AS(asio_backend::context_of(loop), invalid_state_error);
}
