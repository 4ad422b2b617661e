// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/asio_await.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <asio/write.hpp>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

using local_socket = asio::local::stream_protocol::socket;

struct scene {
    scene() : loop(std::make_unique<asio_backend>()), io(asio_backend::context_of(loop)), a(io), b(io) {
        asio::local::connect_pair(a, b);
    }
    template <class T>
    T run(coro<T> main) {
        return run_until_complete(loop, std::move(main));
    }
    // Runs what is ready now.
    void settle() {
        for (int pass = 0; pass < 4; ++pass) {
            loop.stop();
            loop.run_forever();
        }
    }
    event_loop loop;
    asio::io_context& io;
    local_socket a;
    local_socket b;
};

// An operation whose end the test decides: keeps the handler.
template <class... Results>
struct manual_operation {
    struct base {
        virtual ~base() = default;
        virtual void call(Results... results) = 0;
        virtual asio::cancellation_slot slot() = 0;
    };
    template <class Handler>
    struct kept final : base {
        explicit kept(Handler&& given) : handler(std::move(given)) {}
        void call(Results... results) override { std::move(handler)(std::move(results)...); }
        asio::cancellation_slot slot() override { return asio::get_associated_cancellation_slot(handler); }
        Handler handler;
    };
    template <class Token>
    auto start(Token token) {
        return asio::async_initiate<Token, void(Results...)>(
            [this](auto handler) {
                ++started;
                pending = std::make_unique<kept<decltype(handler)>>(std::move(handler));
            },
            token);
    }
    void finish(Results... results) {
        auto ended = std::move(pending);
        ended->call(std::move(results)...);
    }
    std::unique_ptr<base> pending;
    int started = 0;
};

using read_like = manual_operation<std::error_code, int>;

coro<int> await_read(read_like& operation) { co_return co_await operation.start(use_coro); }

const std::error_code no_error;
const std::error_code aborted = asio::error::operation_aborted;

}  // namespace

TEST_CASE("a timer, a post and a dispatch can be awaited", "[core]") {
    scene s;
    s.run([](asio::io_context& io) -> coro<> {
        asio::steady_timer timer(io, 1ms);
        co_await timer.async_wait(use_coro);
        co_await asio::post(io, use_coro);
        co_await asio::dispatch(io, use_coro);  // ends inside of its own start
        CHECK(current_task() != nullptr);
    }(s.io));
}

TEST_CASE("sockets are read and written, and the end of stream is the error that Asio gives", "[core]") {
    scene s;
    s.run([](local_socket& a, local_socket& b) -> coro<> {
        const std::string text = "hello";
        const std::size_t written = co_await asio::async_write(a, asio::buffer(text), use_coro);
        CHECK(written == 5);
        char received[16];
        const std::size_t read = co_await asio::async_read(b, asio::buffer(received, 5), use_coro);
        CHECK(read == 5);
        CHECK(std::string(received, 5) == "hello");
        a.close();
        std::error_code seen;
        try {
            co_await b.async_read_some(asio::buffer(received), use_coro);
        } catch (const broken_error& failed) {
            seen = failed.code();
        }
        CHECK(seen == asio::error::eof);
        auto [code, count] = co_await b.async_read_some(asio::buffer(received), use_coro_tuple);
        CHECK(code == asio::error::eof);
        CHECK(count == 0);
    }(s.a, s.b));
}

TEST_CASE("an error code of the system compares with std::errc", "[core]") {
    scene s;
    s.run([](local_socket& a, local_socket& b) -> coro<> {
        b.close();
        std::error_code seen;
        try {
            co_await a.async_write_some(asio::buffer("x", 1), use_coro);
        } catch (const broken_error& failed) {
            seen = failed.code();
        }
        CHECK(seen == std::errc::broken_pipe);
    }(s.a, s.b));
}

TEST_CASE("results may be several, only movable, or an exception", "[core]") {
    scene s;
    s.run([](event_loop& loop) -> coro<> {
        manual_operation<std::error_code, std::unique_ptr<int>> moves;
        loop.call_soon([&] { moves.finish({}, std::make_unique<int>(3)); });
        auto owned = co_await moves.start(use_coro);
        CHECK(*owned == 3);

        manual_operation<int, std::string> several;
        loop.call_soon([&] { several.finish(1, "x"); });
        const std::tuple<int, std::string> both = co_await several.start(use_coro);
        CHECK(both == std::tuple<int, std::string>(1, "x"));

        manual_operation<std::exception_ptr, int> fails;
        loop.call_soon([&] { fails.finish(std::make_exception_ptr(std::runtime_error("x")), 0); });
        bool caught = false;
        try {
            co_await fails.start(use_coro);
        } catch (const std::runtime_error&) {
            caught = true;
        }
        CHECK(caught);

        manual_operation<> nothing;
        loop.call_soon([&] { nothing.finish(); });
        co_await nothing.start(use_coro);
    }(s.loop));
}

TEST_CASE("an operation starts when it is awaited, not before", "[core]") {
    scene s;
    read_like operation;
    {
        [[maybe_unused]] auto lazy = operation.start(use_coro);
        CHECK(operation.started == 0);
    }
    CHECK(operation.started == 0);
}

TEST_CASE("cancelling the task cancels the operation, and the wait ends with its handler", "[core]") {
    scene s;
    task<> t = create_task(s.loop, [](local_socket& b) -> coro<> {
        char byte = 0;
        co_await b.async_read_some(asio::buffer(&byte, 1), use_coro);
    }(s.b));
    s.settle();
    CHECK(t.shared_state()->describe() == "Task-1 waits for an Asio operation");
    t.cancel("enough");
    CHECK_FALSE(t.done());
    s.settle();
    CHECK(t.cancelled());
    CHECK(s.a.write_some(asio::buffer("x", 1)) == 1);  // the socket is as it was
    char byte = 0;
    CHECK(s.b.read_some(asio::buffer(&byte, 1)) == 1);
}

TEST_CASE("a cancelled task goes on only when the handler has run", "[core]") {
    scene s;
    read_like operation;
    task<int> t = create_task(s.loop, await_read(operation));
    s.settle();
    REQUIRE(operation.pending);
    int emitted = 0;
    operation.pending->slot().assign([&](asio::cancellation_type type) {
        CHECK(type == asio::cancellation_type::all);
        ++emitted;
    });
    t.cancel();
    t.cancel();
    CHECK(emitted == 2);
    s.settle();
    CHECK_FALSE(t.done());
    operation.finish(aborted, 0);
    s.settle();
    CHECK(t.cancelled());
}

TEST_CASE("an operation that succeeds in spite of the cancellation delivers, and the next await throws", "[core]") {
    scene s;
    read_like operation;
    int delivered = 0;
    task<> t = create_task(s.loop, [](read_like& from, int& into) -> coro<> {
        into = co_await from.start(use_coro);
        co_await sleep(1h);
    }(operation, delivered));
    s.settle();
    t.cancel("late");
    operation.finish(no_error, 5);
    s.settle();
    CHECK(delivered == 5);
    CHECK(t.cancelled());
}

TEST_CASE("a task cancelled between the handler and its resumption still gets the result", "[core]") {
    scene s;
    for (const bool success : {true, false}) {
        read_like operation;
        int delivered = 0;
        task<> t = create_task(s.loop, [](read_like& from, int& into) -> coro<> {
            into = co_await from.start(use_coro);
            co_await sleep(1h);
        }(operation, delivered));
        s.settle();
        s.loop.call_soon([&] {
            operation.finish(success ? no_error : aborted, 5);
            t.cancel();
        });
        s.settle();
        CHECK(delivered == (success ? 5 : 0));
        CHECK(t.cancelled());
    }
}

TEST_CASE("a task that is cancelled already does not start the operation", "[core]") {
    scene s;
    read_like operation;
    task<int> t = create_task(s.loop, [](read_like& from) -> coro<int> {
        current_task()->cancel();
        co_return co_await from.start(use_coro);
    }(operation));
    s.settle();
    CHECK(t.cancelled());
    CHECK(operation.started == 0);
}

TEST_CASE("cancelling after the end changes nothing", "[core]") {
    scene s;
    read_like operation;
    task<int> t = create_task(s.loop, await_read(operation));
    s.settle();
    operation.finish(no_error, 5);
    s.settle();
    CHECK(t.result() == 5);
    CHECK_FALSE(t.cancel());
}

TEST_CASE("an operation cancelled by somebody else is a broken_error, not a cancellation", "[core]") {
    scene s;
    task<> t = create_task(s.loop, [](local_socket& b) -> coro<> {
        char byte = 0;
        co_await b.async_read_some(asio::buffer(&byte, 1), use_coro);
    }(s.b));
    s.settle();
    s.b.cancel();
    s.settle();
    CHECK_FALSE(t.cancelled());
    try {
        t.result();
        FAIL("did not throw");
    } catch (const broken_error& failed) {
        CHECK(failed.code() == std::errc::operation_canceled);
    }
}

TEST_CASE("an operation that ends inside of the emission of its cancellation is safe", "[core]") {
    scene s;
    read_like operation;
    task<int> t = create_task(s.loop, await_read(operation));
    s.settle();
    operation.pending->slot().assign([&](asio::cancellation_type) { operation.finish(aborted, 0); });
    t.cancel();
    s.settle();
    CHECK(t.cancelled());
}

TEST_CASE("an operation that drops its handler ends the wait with an error", "[core]") {
    scene s;
    read_like operation;
    task<int> t = create_task(s.loop, await_read(operation));
    s.settle();
    operation.pending.reset();
    s.settle();
    CHECK_THROWS_AS(t.result(), broken_error);
}

TEST_CASE("an operation whose start throws throws in the coroutine", "[core]") {
    scene s;
    task<> t = create_task(s.loop, []() -> coro<> {
        co_await asio::async_initiate<const use_coro_t, void()>(
            [](auto) { throw std::runtime_error("cannot start"); }, use_coro);
    }());
    s.settle();
    CHECK_THROWS_AS(t.result(), std::runtime_error);
}

TEST_CASE("operations that are outstanding when the loop closes end without the coroutine", "[core]") {
    asio::io_context io;
    local_socket a(io);
    local_socket b(io);
    asio::local::connect_pair(a, b);
    asio::steady_timer timer(io, 1h);
    read_like operation;
    {
        event_loop loop(std::make_unique<asio_backend>(io));
        create_task(loop, [](local_socket& from) -> coro<> {
            char bytes[8];
            co_await asio::async_read(from, asio::buffer(bytes), use_coro);
        }(b));
        create_task(loop, [](asio::steady_timer& waits) -> coro<> { co_await waits.async_wait(use_coro); }(timer));
        create_task(loop, await_read(operation));
        loop.stop();
        loop.run_forever();
        a.write_some(asio::buffer("x", 1));
    }
    io.restart();
    io.run();  // the cancelled operations end here; their memory is gone from the coroutine's frame
    operation.finish(no_error, 1);
}

TEST_CASE("a loop that owns its context may be destroyed with operations outstanding", "[core]") {
    scene s;
    create_task(s.loop, [](local_socket& from) -> coro<> {
        char byte = 0;
        co_await from.async_read_some(asio::buffer(&byte, 1), use_coro);
    }(s.b));
    s.settle();
    s.loop.close();
}

TEST_CASE("an operation of another context resumes on the loop's thread", "[core][threads]") {
    scene s;
    asio::thread_pool pool(1);
    s.run([](asio::thread_pool& other) -> coro<> {
        const auto here = std::this_thread::get_id();
        for (int round = 0; round < 100; ++round) {
            co_await asio::post(other, use_coro);
            CHECK(std::this_thread::get_id() == here);
        }
    }(pool));
    pool.join();
}

TEST_CASE("a loop that does not run on Asio refuses Asio's operations", "[core]") {
    testing::test_loop loop;
    asio::io_context io;
    CHECK_THROWS_AS(loop.run([](asio::io_context& other) -> coro<> { co_await asio::post(other, use_coro); }(io)),
                    invalid_state_error);
}
