// SPDX-License-Identifier: BSL-1.0

// tests/bench/micro_aioxx.cpp: the coroutine table by aioxx.

#include <chrono>
#include <numeric>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/sync/lock.hpp>
#include <aioxx/sync/queue.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/timeout.hpp>

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

coro<std::uint64_t> take_turns(aioxx::lock& shared, std::uint64_t first, std::size_t count) {
    std::uint64_t sum = 0;
    for (std::uint64_t index = first; index <= count; index += 2) {
        const auto held = co_await shared.scoped();
        co_await aioxx::sleep(one_batch);  // so that the other one waits for it
        sum += index;
    }
    co_return sum;
}

coro<std::uint64_t> lock(std::size_t count) {
    aioxx::lock shared;
    auto other = create_task(take_turns(shared, 2, count));
    const std::uint64_t own = co_await take_turns(shared, 1, count);
    const std::uint64_t others = co_await other;
    co_return own + others;
}

coro<std::uint64_t> sum_events(aioxx::event& there, aioxx::event& back, std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        co_await there.wait();
        there.clear();
        sum += index;
        back.set();
    }
    co_return sum;
}

coro<std::uint64_t> event(std::size_t count) {
    aioxx::event there;
    aioxx::event back;
    auto other = create_task(sum_events(there, back, count));
    for (std::size_t index = 1; index <= count; ++index) {
        there.set();
        co_await back.wait();
        back.clear();
    }
    co_return co_await other;
}

coro<std::uint64_t> timeout(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        aioxx::timeout_scope limit(std::chrono::seconds(10));
        sum += co_await limit.run(child(index));
    }
    co_return sum;
}

coro<std::uint64_t> timer(std::size_t count) {
    aioxx::event_loop& loop = aioxx::get_running_loop();
    std::uint64_t sum = 0;
    const aioxx::time_point later = loop.time() + std::chrono::seconds(10);
    for (std::size_t index = 1; index <= count; ++index) {
        aioxx::handle armed = loop.call_at(later, [&sum] { sum = 0; });
        armed.cancel();
        sum += index;
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
    run_main<yields>, run_main<queue>, run_main<gather1000>,
    run_main<lock>,   run_main<event>, run_main<timeout>,
    run_main<timer>};
