// SPDX-License-Identifier: BSL-1.0
#include <aioxx/interop/as_operation.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include <aioxx/core/asio_await.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/sync/queue.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

// A loop on the context of a program that runs it itself.
struct scene {
    asio::io_context io;
    event_loop loop{std::make_unique<asio_backend>(io)};
};

coro<int> give(int value) {
    co_await sleep(1ms);
    co_return value;
}
coro<> nothing() { co_await sleep(1ms); }
coro<int> fail() {
    co_await sleep(1ms);
    throw std::runtime_error("broken");
}
// An awaitable that can be moved, unlike most awaiters.
struct short_nap {
    auto operator co_await() && { return sleep(1ms); }
};
// Says how it ended.
coro<int> wait_for_ever(std::string& ended) {
    try {
        co_await sleep(1h);
    } catch (const cancelled_error&) {
        ended = "cancelled";
        throw;
    }
    co_return 0;
}

std::string what(const std::exception_ptr& failure) {
    if (!failure) return "none";
    try {
        std::rethrow_exception(failure);
    } catch (const std::system_error& error) {
        return error.code() == asio::error::operation_aborted ? "aborted" : error.what();
    } catch (const std::exception& error) {
        return error.what();
    } catch (...) {
        return "not a std::exception";
    }
}

// What a handler was called with.
struct seen {
    auto into() {
        return [this](std::exception_ptr failure, int given) {
            ++calls;
            error = what(failure);
            value = given;
        };
    }
    int calls = 0;
    std::string error;
    int value = -1;
};

}  // namespace

TEST_CASE("a coroutine calls a handler with its value or its exception", "[interop]") {
    scene s;
    seen good;
    seen bad;
    std::string empty = "not called";
    as_operation(s.loop, give(7))(good.into());
    as_operation(s.loop, fail())(bad.into());
    as_operation(s.loop, nothing())([&](std::exception_ptr failure) { empty = what(failure); });
    CHECK(good.calls == 0);
    s.io.run();  // returns, and not before the operations have ended
    CHECK(good.calls == 1);
    CHECK(good.error == "none");
    CHECK(good.value == 7);
    CHECK(bad.calls == 1);
    CHECK(bad.error == "broken");
    CHECK(bad.value == 0);
    CHECK(empty == "none");
}

TEST_CASE("an operation starts when it is given a token, not before", "[interop]") {
    scene s;
    {
        auto lazy = as_operation(s.loop, nothing());
        CHECK(s.loop.tasks().empty());
        std::move(lazy)(asio::detached);
        CHECK_FALSE(s.loop.tasks().empty());
    }
    s.io.run();
    CHECK(s.loop.tasks().empty());
}

TEST_CASE("tasks, futures, awaiters and functions are operations", "[interop]") {
    scene s;
    const task<int> kept = create_task(s.loop, give(1));
    const future<std::unique_ptr<int>> moved(s.loop);
    queue<int> items;
    seen of_task;
    seen of_queue;
    seen of_closure;
    int of_future = 0;
    std::string of_sleep;
    as_operation(s.loop, kept)(of_task.into());
    as_operation(s.loop, future(moved))(
        [&](std::exception_ptr, std::unique_ptr<int> value) { of_future = *value; });
    as_operation(s.loop, short_nap{})([&](std::exception_ptr failure) { of_sleep = what(failure); });
    as_operation(s.loop, [&] { return items.get(); })(of_queue.into());
    as_operation(s.loop, [owned = std::make_unique<int>(5)]() -> coro<int> {
        co_await sleep(1ms);
        co_return *owned;
    })(of_closure.into());
    moved.set_result(std::make_unique<int>(2));
    s.loop.call_soon([&] { items.put_nowait(3); });
    s.io.run();
    CHECK(of_task.value == 1);
    CHECK(kept.result() == 1);  // copied
    CHECK(of_future == 2);
    CHECK(of_sleep == "none");
    CHECK(of_queue.value == 3);
    CHECK(of_closure.value == 5);
}

TEST_CASE("a future that is done already calls the handler later, never from the start", "[interop]") {
    scene s;
    const future<int> done(s.loop);
    done.set_result(4);
    seen got;
    as_operation(s.loop, done)(got.into());
    CHECK(got.calls == 0);
    s.io.run();
    CHECK(got.value == 4);
}

TEST_CASE("a std::future gets the result from the thread that runs the context", "[interop][threads]") {
    scene s;
    std::future<int> good = as_operation(s.loop, give(7))(asio::use_future);
    std::future<int> bad = as_operation(s.loop, fail())(asio::use_future);
    std::future<void> empty = as_operation(s.loop, nothing())(asio::use_future);
    std::thread runs([&] { s.io.run(); });
    CHECK(good.get() == 7);
    CHECK_THROWS_AS(bad.get(), std::runtime_error);
    empty.get();
    runs.join();
}

TEST_CASE("an asio::awaitable awaits a coroutine", "[interop]") {
    scene s;
    std::vector<std::string> log;
    asio::co_spawn(
        s.io,
        [](event_loop& loop, std::vector<std::string>& into) -> asio::awaitable<void> {
            const int value = co_await as_operation(loop, give(7))(asio::use_awaitable);
            into.push_back(std::to_string(value));
            co_await as_operation(loop, nothing())(asio::use_awaitable);
            try {
                co_await as_operation(loop, fail())(asio::use_awaitable);
            } catch (const std::runtime_error& error) {
                into.emplace_back(error.what());
            }
        }(s.loop, log),
        asio::detached);
    s.io.run();
    CHECK(log == std::vector<std::string>{"7", "broken"});
}

TEST_CASE("the handler's cancellation slot cancels the task, seen as operation_aborted", "[interop]") {
    scene s;
    asio::cancellation_signal signal;
    seen got;
    std::string ended;
    as_operation(s.loop, wait_for_ever(ended))(asio::bind_cancellation_slot(signal.slot(), got.into()));
    s.io.poll();
    signal.emit(asio::cancellation_type::total);
    s.io.poll();
    CHECK(ended.empty());  // a task cannot promise to have had no effect
    signal.emit(asio::cancellation_type::terminal);
    CHECK(got.calls == 0);
    s.io.run();
    CHECK(ended == "cancelled");
    CHECK(got.calls == 1);
    CHECK(got.error == "aborted");
    signal.emit(asio::cancellation_type::terminal);  // finds nobody
}

TEST_CASE("a task that is cancelled before its first step still calls the handler", "[interop]") {
    scene s;
    asio::cancellation_signal signal;
    seen got;
    std::string ended;
    as_operation(s.loop, wait_for_ever(ended))(asio::bind_cancellation_slot(signal.slot(), got.into()));
    signal.emit(asio::cancellation_type::all);
    s.io.run();
    CHECK(ended.empty());
    CHECK(got.error == "aborted");
}

TEST_CASE("a task that survives its cancellation delivers its value", "[interop]") {
    scene s;
    asio::cancellation_signal signal;
    seen got;
    as_operation(s.loop, []() -> coro<int> {
        try {
            co_await sleep(1h);
        } catch (const cancelled_error&) {
        }
        co_return 6;
    }())(asio::bind_cancellation_slot(signal.slot(), got.into()));
    s.io.poll();
    signal.emit(asio::cancellation_type::terminal);
    s.io.run();
    CHECK(got.error == "none");
    CHECK(got.value == 6);
}

TEST_CASE("cancelling an asio::awaitable cancels the coroutine that it awaits", "[interop]") {
    scene s;
    asio::cancellation_signal signal;
    std::string ended;
    std::string outer;
    asio::co_spawn(
        s.io,
        [](event_loop& loop, std::string& into) -> asio::awaitable<int> {
            co_return co_await as_operation(loop, wait_for_ever(into))(asio::use_awaitable);
        }(s.loop, ended),
        asio::bind_cancellation_slot(signal.slot(),
                                     [&](std::exception_ptr failure, int) { outer = what(failure); }));
    s.io.poll();
    signal.emit(asio::cancellation_type::terminal);
    s.io.run();
    CHECK(ended == "cancelled");
    CHECK(outer == "aborted");
}

TEST_CASE("the first of two alternatives of Asio cancels the other, whichever is ours", "[interop]") {
    using namespace asio::experimental::awaitable_operators;
    scene s;
    std::string ended;
    std::vector<std::size_t> winners;
    asio::co_spawn(
        s.io,
        [](event_loop& loop, std::string& into, std::vector<std::size_t>& won) -> asio::awaitable<void> {
            asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
            auto slow = co_await (as_operation(loop, wait_for_ever(into))(asio::use_awaitable) ||
                                  timer.async_wait(asio::use_awaitable));
            won.push_back(slow.index());
            timer.expires_after(1h);
            auto fast = co_await (as_operation(loop, give(7))(asio::use_awaitable) ||
                                  timer.async_wait(asio::use_awaitable));
            won.push_back(fast.index());
            auto both = co_await (as_operation(loop, give(1))(asio::use_awaitable) &&
                                  as_operation(loop, give(2))(asio::use_awaitable));
            won.push_back(static_cast<std::size_t>(std::get<0>(both) * 10 + std::get<1>(both)));
        }(s.loop, ended, winners),
        [](std::exception_ptr failure) { CHECK(what(failure) == "none"); });
    s.io.run();
    CHECK(ended == "cancelled");
    CHECK(winners == std::vector<std::size_t>{1, 0, 12});
}

TEST_CASE("operations are members of a parallel group", "[interop]") {
    scene s;
    asio::steady_timer timer(s.io, 1ms);
    std::string ended;
    std::string ours;
    asio::experimental::make_parallel_group(
        [&](auto token) { return as_operation(s.loop, wait_for_ever(ended))(std::move(token)); },
        [&](auto token) { return timer.async_wait(std::move(token)); })
        .async_wait(asio::experimental::wait_for_one(),
                    [&](auto order, std::exception_ptr failure, int, std::error_code) {
                        CHECK(order[0] == 1);
                        ours = what(failure);
                    });
    s.io.run();
    CHECK(ended == "cancelled");
    CHECK(ours == "aborted");
}

TEST_CASE("a detached operation runs to its end, its error unseen", "[interop]") {
    scene s;
    bool reported = false;
    s.loop.set_exception_handler([&](const exception_context&) { reported = true; });
    as_operation(s.loop, fail())(asio::detached);
    s.io.run();
    CHECK(s.loop.tasks().empty());
    CHECK_FALSE(reported);
}

TEST_CASE("the context stays busy while an operation waits for what only the program will do", "[interop]") {
    scene s;
    const future<int> waited(s.loop);
    seen got;
    as_operation(s.loop, waited)(got.into());
    s.io.poll();
    CHECK_FALSE(s.io.stopped());
    waited.set_result(7);
    s.io.run();
    CHECK(got.value == 7);
}

TEST_CASE("the handler runs on its executor, which stays busy until then", "[interop][threads]") {
    scene s;
    asio::thread_pool pool(1);
    const auto here = std::this_thread::get_id();
    std::thread::id there;
    const auto note_thread = [&](std::exception_ptr, int) { there = std::this_thread::get_id(); };
    as_operation(s.loop, give(7))(asio::bind_executor(pool.get_executor(), note_thread));
    s.io.run();
    pool.join();
    CHECK(there != std::thread::id());
    CHECK(there != here);

    asio::io_context other;
    int value = 0;
    as_operation(s.loop, give(7))(
        asio::bind_executor(other.get_executor(), [&](std::exception_ptr, int given) { value = given; }));
    CHECK(other.poll() == 0);
    CHECK_FALSE(other.stopped());  // it knows of the work that will come
    s.io.restart();
    s.io.run();
    CHECK(value == 0);
    other.run();
    CHECK(value == 7);
}

namespace {

template <class T>
struct counting_allocator {
    using value_type = T;
    explicit counting_allocator(int& counter) noexcept : live(&counter) {}
    template <class U>
    counting_allocator(const counting_allocator<U>& other) noexcept : live(other.live) {}
    T* allocate(std::size_t count) {
        ++*live;
        return std::allocator<T>().allocate(count);
    }
    void deallocate(T* place, std::size_t count) {
        --*live;
        std::allocator<T>().deallocate(place, count);
    }
    template <class U>
    bool operator==(const counting_allocator<U>& other) const noexcept {
        return live == other.live;
    }
    int* live;
};

struct handler_with_allocator {
    using allocator_type = counting_allocator<char>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(*live); }
    void operator()(std::exception_ptr) const { *live_in_call = *live; }
    int* live;
    int* live_in_call;
};

}  // namespace

TEST_CASE("the operation lives in the handler's allocator, given back before the call", "[interop]") {
    scene s;
    int live = 0;
    int live_in_call = -1;
    as_operation(s.loop, nothing())(handler_with_allocator{&live, &live_in_call});
    CHECK(live == 1);
    s.io.run();
    CHECK(live_in_call == 0);
    CHECK(live == 0);
}

TEST_CASE("what a handler throws leaves the context's run, not the loop's exception handler", "[interop]") {
    scene s;
    bool reported = false;
    s.loop.set_exception_handler([&](const exception_context&) { reported = true; });
    as_operation(s.loop, nothing())([](std::exception_ptr) { throw std::logic_error("handler"); });
    CHECK_THROWS_AS(s.io.run(), std::logic_error);
    CHECK_FALSE(reported);
}

TEST_CASE("without a loop the running one is meant", "[interop]") {
    runner r;
    CHECK_THROWS_AS(as_operation(short_nap{}), invalid_state_error);
    const int value = r.run([]() -> coro<int> { co_return co_await as_operation(give(7))(use_coro); }());
    CHECK(value == 7);
}

TEST_CASE("the end of the loop aborts what is outstanding", "[interop]") {
    asio::io_context io;
    seen of_task;
    seen of_future;
    std::string ended;
    asio::cancellation_signal signal;
    {
        event_loop loop(std::make_unique<asio_backend>(io));
        as_operation(loop, wait_for_ever(ended))(asio::bind_cancellation_slot(signal.slot(), of_task.into()));
        as_operation(loop, future<int>(loop))(of_future.into());
        io.poll();
    }
    signal.emit(asio::cancellation_type::terminal);  // finds nobody
    CHECK(of_task.calls == 0);
    io.restart();
    io.run();
    CHECK(of_task.error == "aborted");
    CHECK(of_future.error == "aborted");
}

TEST_CASE("a runner that closes ends an operation on a future that nobody will set", "[interop]") {
    asio::io_context io;
    seen got;
    {
        runner r(io, {.shutdown_timeout = 1h});
        as_operation(r.get_loop(), future<int>(r.get_loop()))(got.into());
    }
    io.restart();
    io.run();
    CHECK(got.error == "aborted");
}

TEST_CASE("an outstanding operation dies with the loop's own context", "[interop]") {
    auto alive = std::make_shared<int>();
    const std::weak_ptr<int> watched = alive;
    {
        event_loop loop(std::make_unique<asio_backend>());
        std::string ended;
        as_operation(loop, wait_for_ever(ended))(
            [kept = std::move(alive)](std::exception_ptr, int) { FAIL("called"); });
        loop.stop();
        loop.run_forever();
    }
    CHECK(watched.expired());
}

TEST_CASE("a loop that is closed, foreign, without Asio or elsewhere is refused", "[interop][threads]") {
    scene s;
    scene other;
    const future<int> foreign(other.loop);
    CHECK_THROWS_AS(as_operation(s.loop, foreign)(asio::detached), invalid_state_error);
    CHECK_THROWS_AS(as_operation(s.loop, future<int>())(asio::detached), invalid_state_error);

    testing::test_loop virtual_time;
    CHECK_THROWS_AS(as_operation(virtual_time.loop(), nothing())(asio::detached), invalid_state_error);

    other.loop.set_debug(true);
    other.loop.set_exception_handler([](const exception_context&) {});  // the coroutine that did not run
    other.loop.call_soon([] {});
    other.io.run();
    std::string refused;
    std::thread([&] {
        try {
            as_operation(other.loop, nothing())(asio::detached);
        } catch (const invalid_state_error& error) {
            refused = error.what();
        }
    }).join();
    CHECK(refused.find("as_operation: called from another thread") != std::string::npos);

    s.loop.close();
    CHECK_THROWS_AS(as_operation(s.loop, nothing())(asio::detached), invalid_state_error);
}

// ---- the other direction, and both on one context ----

namespace {

asio::awaitable<int> wait_in_asio(std::chrono::milliseconds delay, std::string& ended) {
    asio::steady_timer timer(co_await asio::this_coro::executor, delay);
    try {
        co_await timer.async_wait(asio::use_awaitable);
    } catch (const std::system_error& error) {
        ended = what(std::make_exception_ptr(error));
        throw;
    }
    co_return 9;
}

coro<int> await_asio(asio::io_context& io, std::chrono::milliseconds delay, std::string& ended) {
    co_return co_await asio::co_spawn(io, wait_in_asio(delay, ended), use_coro);
}

}  // namespace

TEST_CASE("a coroutine awaits an asio::awaitable, and its cancellation cancels that", "[interop]") {
    scene s;
    std::string none;
    std::string ended;
    const task<int> ends = create_task(s.loop, await_asio(s.io, 1ms, none));
    const task<int> waits = create_task(s.loop, await_asio(s.io, 1h, ended));
    s.loop.call_later(2ms, [&] { waits.cancel(); });
    s.io.run();
    CHECK(ends.result() == 9);
    CHECK(none.empty());
    CHECK(waits.cancelled());
    CHECK(ended == "aborted");
}

TEST_CASE("a cancellation goes through an awaitable in a coroutine in an awaitable", "[interop]") {
    scene s;
    asio::cancellation_signal signal;
    std::string inner;
    std::string outer;
    asio::co_spawn(
        s.io,
        [](scene& on, std::string& ended) -> asio::awaitable<int> {
            co_return co_await as_operation(on.loop, await_asio(on.io, 1h, ended))(asio::use_awaitable);
        }(s, inner),
        asio::bind_cancellation_slot(signal.slot(),
                                     [&](std::exception_ptr failure, int) { outer = what(failure); }));
    s.io.poll();
    signal.emit(asio::cancellation_type::terminal);
    s.io.run();
    CHECK(inner == "aborted");
    CHECK(outer == "aborted");
}

TEST_CASE("plain handlers and tasks take turns on one context, which returns at the end", "[interop]") {
    scene s;
    std::vector<int> order;
    // Each side waits for the other's step: with one of them starved this would not end.
    future<> from_handler(s.loop);
    std::function<void(int)> step = [&](int number) {
        order.push_back(number);
        from_handler.set_result();
    };
    as_operation(s.loop, [&]() -> coro<> {
        for (int number = 0; number < 10; number += 2) {
            from_handler = create_future<>();
            order.push_back(number);
            asio::post(s.io, [&step, number] { step(number + 1); });
            co_await from_handler;
        }
    })([&](std::exception_ptr failure) {
        CHECK(what(failure) == "none");
        order.push_back(10);
    });
    s.io.run();
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    CHECK(s.io.stopped());
}
