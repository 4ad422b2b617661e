// SPDX-License-Identifier: BSL-1.0
// tests/interop/as_operation_types_test.cpp: as_operation with values of all kinds and with the tokens of newer Asio.

#include <aioxx/interop/as_operation.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <asio/awaitable.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/version.hpp>
#if ASIO_VERSION >= 102400
#include <asio/any_completion_handler.hpp>
#include <asio/as_tuple.hpp>
#include <asio/deferred.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/deferred.hpp>
#endif

#include <aioxx/net/server.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

#if ASIO_VERSION >= 102400
using asio::as_tuple;
using asio::deferred;
#else
using asio::experimental::as_tuple;
using asio::experimental::deferred;
#endif
struct scene {
    asio::io_context io;
    event_loop loop{std::make_unique<asio_backend>(io)};
};
struct unset {
    explicit unset(int number) : value(number) {}
    const int value;  // not assignable either
};
coro<unset> give_unset(bool fails) {
    co_await sleep(1ms);
    if (fails) throw std::runtime_error("broken");
    co_return unset(7);
}
coro<int> give(int value) {
    co_await sleep(1ms);
    co_return value;
}
coro<int&> refer(int& value) {
    co_await sleep(1ms);
    co_return value;
}
}  // namespace

TEST_CASE("a value without a default arrives in an optional", "[interop]") {
    scene s;
    int calls = 0;
    as_operation(s.loop, give_unset(false))([&](std::exception_ptr failure, std::optional<unset> given) {
        ++calls;
        CHECK_FALSE(failure);
        REQUIRE(given);
        CHECK(given->value == 7);
    });
    as_operation(s.loop, give_unset(true))([&](std::exception_ptr failure, std::optional<unset> given) {
        ++calls;
        CHECK(failure);
        CHECK_FALSE(given);
    });
    int referred = 3;
    as_operation(s.loop, refer(referred))([&](std::exception_ptr, int given) {
        ++calls;
        CHECK(given == 3);
    });
    s.io.run();
    CHECK(calls == 3);
}

TEST_CASE("an asio::awaitable opens a server and connects to it", "[interop]") {
    scene s;
    std::string line;
    asio::co_spawn(
        s.io,
        [](event_loop& loop, std::string& into) -> asio::awaitable<void> {
            auto serving = co_await as_operation(loop, start_server([](stream_reader, stream_writer writer) -> coro<> {
                writer.write("hello\n");
                co_await writer.drain();
                writer.close();
            }, "127.0.0.1", 0))(asio::use_awaitable);
            auto connected = co_await as_operation(
                loop, open_connection("127.0.0.1", serving->port()))(asio::use_awaitable);
            const bytearray got = co_await as_operation(loop, [&] { return connected->reader.readline(); })(asio::use_awaitable);
            into = std::string(got.str());
            serving->close();
        }(s.loop, line),
        [](std::exception_ptr failure) { CHECK_FALSE(failure); });
    s.io.run();
    CHECK(line == "hello\n");
}

TEST_CASE("a handler may destroy the loop that the operation ran on", "[interop]") {
    asio::io_context io;
    int value = 0;
    asio::co_spawn(
        io,
        [](asio::io_context& context, int& into) -> asio::awaitable<void> {
            event_loop loop(std::make_unique<asio_backend>(context));
            into = co_await as_operation(loop, give(7))(asio::use_awaitable);
        }(io, value),
        asio::detached);
    io.run();
    CHECK(value == 7);
}

TEST_CASE("operations join a parallel group as they are", "[interop]") {
    scene s;
    int sum = 0;
    asio::experimental::make_parallel_group(as_operation(s.loop, give(1)), as_operation(s.loop, give(2)))
        .async_wait(asio::experimental::wait_for_all(),
                    [&](auto, std::exception_ptr, int first, std::exception_ptr, int second) { sum = first + second; });
    s.io.run();
    CHECK(sum == 3);
}

TEST_CASE("deferred and as_tuple are tokens like others", "[interop]") {
    scene s;
    int sum = 0;
    asio::co_spawn(
        s.io,
        [](event_loop& loop, int& into) -> asio::awaitable<void> {
            auto later = as_operation(loop, give(1))(deferred);
            into += co_await std::move(later)(asio::use_awaitable);
            auto [failure, value] = co_await as_operation(loop, give(2))(as_tuple(asio::use_awaitable));
            if (!failure) into += value;
#if ASIO_VERSION >= 103000
            into += co_await as_operation(loop, give(4));
#else
            into += co_await as_operation(loop, give(4))(asio::use_awaitable);
#endif
        }(s.loop, sum),
        asio::detached);
    s.io.run();
    CHECK(sum == 7);
}

#if ASIO_VERSION >= 102400
TEST_CASE("an executor that can only dispatch is enough", "[interop]") {
    int given = 0;
    int aborted = 0;
    asio::io_context io;
    {
        event_loop loop(std::make_unique<asio_backend>(io));
        asio::any_completion_handler<void(std::exception_ptr, int)> ends(
            [&](std::exception_ptr, int value) { given = value; });
        as_operation(loop, give(7))(std::move(ends));
        io.run();
        asio::any_completion_handler<void(std::exception_ptr, int)> never(
            [&](std::exception_ptr failure, int) { aborted += failure ? 1 : 0; });
        as_operation(loop, future<int>(loop))(std::move(never));
    }
    CHECK(given == 7);
    CHECK(aborted == 0);
    io.restart();
    io.run();
    CHECK(aborted == 1);
}
#endif

TEST_CASE("an executor stays busy for an operation that the end of the loop aborts", "[interop][threads]") {
    asio::io_context io;
    asio::io_context other;
    int aborted = 0;
    {
        event_loop loop(std::make_unique<asio_backend>(io));
        as_operation(loop, future<int>(loop))(asio::bind_executor(
            other.get_executor(), [&](std::exception_ptr failure, int) { aborted += failure ? 1 : 0; }));
    }
    CHECK(other.poll() == 0);
    CHECK_FALSE(other.stopped());
    io.run();
    CHECK(aborted == 0);
    other.run();
    CHECK(aborted == 1);
}
