// SPDX-License-Identifier: BSL-1.0

// tests/bench/micro_aioxx.cpp: the coroutine table by aioxx.

#include <chrono>
#include <numeric>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/sync/queue.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "micro.hpp"

namespace {

using aioxx::coro;
using aioxx::create_task;
using slot = aioxx::queue<std::uint64_t>;

constexpr auto one_batch = std::chrono::nanoseconds(0);

[[gnu::noinline]] coro<std::uint64_t> child(std::uint64_t value) { co_return value; }

[[gnu::noinline]] coro<std::uint64_t> suspending_child(std::uint64_t value) {
    co_await aioxx::sleep(one_batch);
    co_return value;
}

coro<std::uint64_t> await(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) sum += co_await child(index);
    co_return sum;
}

coro<std::uint64_t> await_suspending(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) sum += co_await suspending_child(index);
    co_return sum;
}

coro<std::uint64_t> spawn_join(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) sum += co_await create_task(child(index));
    co_return sum;
}

coro<std::uint64_t> yields(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        co_await aioxx::sleep(one_batch);
        sum += index;
    }
    co_return sum;
}

coro<> produce(slot& to, std::size_t count) {
    for (std::size_t index = 1; index <= count; ++index) co_await to.put(index);
}

coro<std::uint64_t> queue(std::size_t count) {
    slot between(1);
    const auto producer = create_task(produce(between, count));
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) sum += co_await between.get();
    co_await producer;
    co_return sum;
}

coro<std::uint64_t> gather1000(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        std::vector<coro<std::uint64_t>> children;
        children.reserve(1000);
        for (int number = 0; number < 1000; ++number) children.push_back(child(index));
        const std::vector<std::uint64_t> values = co_await aioxx::gather(std::move(children));
        sum += std::accumulate(values.begin(), values.end(), std::uint64_t{0}) / 1000;
    }
    co_return sum;
}

template <coro<std::uint64_t> (*Main)(std::size_t)>
std::uint64_t run_main(std::size_t count) {
    return aioxx::run(Main(count));
}

}  // namespace

const bench::operations bench::aioxx_tasks{
    "aioxx",          run_main<await>, run_main<await_suspending>, run_main<spawn_join>,
    run_main<yields>, run_main<queue>, run_main<gather1000>};
