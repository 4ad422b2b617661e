// SPDX-License-Identifier: BSL-1.0

// tests/bench/micro_asio.cpp: the coroutine table by asio::awaitable.

#include <asio.hpp>
#include <asio/experimental/channel.hpp>
#include <chrono>
#include <exception>

#include "micro.hpp"

namespace {

using asio::awaitable;
using asio::use_awaitable;
using slot = asio::experimental::channel<void(std::error_code, std::uint64_t)>;

[[gnu::noinline]] awaitable<std::uint64_t> child(std::uint64_t value) {
    co_return value;
}

[[gnu::noinline]] awaitable<std::uint64_t> suspending_child(std::uint64_t value) {
    co_await asio::post(use_awaitable);
    co_return value;
}

awaitable<std::uint64_t> await(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index)
        sum += co_await child(index);
    co_return sum;
}

awaitable<std::uint64_t> await_suspending(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index)
        sum += co_await suspending_child(index);
    co_return sum;
}

awaitable<std::uint64_t> spawn_join(std::size_t count) {
    const auto executor = co_await asio::this_coro::executor;
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        sum += co_await asio::co_spawn(executor, child(index), use_awaitable);
    }
    co_return sum;
}

awaitable<std::uint64_t> yields(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        co_await asio::post(use_awaitable);
        sum += index;
    }
    co_return sum;
}

awaitable<void> produce(slot& to, std::size_t count) {
    for (std::size_t index = 1; index <= count; ++index) {
        co_await to.async_send(std::error_code(), index, use_awaitable);
    }
}

awaitable<std::uint64_t> queue(std::size_t count) {
    const auto executor = co_await asio::this_coro::executor;
    slot between(executor, 1);
    asio::co_spawn(executor, produce(between, count), asio::detached);
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index)
        sum += co_await between.async_receive(use_awaitable);
    co_return sum;
}

awaitable<std::uint64_t> gather1000(std::size_t count) {
    const auto executor = co_await asio::this_coro::executor;
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        slot done(executor, 1);
        std::uint64_t total = 0;
        int left = 1000;
        for (int number = 0; number < 1000; ++number) {
            asio::co_spawn(executor, child(index), [&](std::exception_ptr, std::uint64_t value) {
                total += value;
                if (--left == 0) done.try_send(std::error_code(), total);
            });
        }
        sum += co_await done.async_receive(use_awaitable) / 1000;
    }
    co_return sum;
}

awaitable<std::uint64_t> timer(std::size_t count) {
    asio::steady_timer armed(co_await asio::this_coro::executor);
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        armed.expires_after(std::chrono::seconds(10));
        armed.async_wait([](std::error_code) {});
        armed.cancel();
        sum += index;
        if (index % 64 == 0) co_await asio::post(use_awaitable);  // the cancelled handlers run
    }
    co_return sum;
}

template <awaitable<std::uint64_t> (*Main)(std::size_t)>
std::uint64_t run_main(std::size_t count) {
    asio::io_context io(1);
    std::uint64_t result = 0;
    asio::co_spawn(io, Main(count), [&](std::exception_ptr, std::uint64_t sum) { result = sum; });
    io.run();
    return result;
}

}  // namespace

const bench::operations bench::asio_awaitable{
    "asio",           run_main<await>, run_main<await_suspending>, run_main<spawn_join>,
    run_main<yields>, run_main<queue>, run_main<gather1000>,
    nullptr,          nullptr,         nullptr,
    run_main<timer>};
