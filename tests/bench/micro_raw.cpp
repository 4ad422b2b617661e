// SPDX-License-Identifier: BSL-1.0

// tests/bench/micro_raw.cpp: the limit of the coroutine table: the least C++20 that does the work, without
// error handling, cancellation, names or a pool. One coroutine type, one queue of ready handles.

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "micro.hpp"

namespace {

std::vector<std::coroutine_handle<>> ready;

void run() {
    std::vector<std::coroutine_handle<>> batch;
    while (!ready.empty()) {
        batch.swap(ready);
        for (const auto handle : batch)
            handle.resume();
        batch.clear();
    }
}

// Lazy; awaiting it starts it unless start() put it into the queue before.
class coro {
public:
    struct promise_type {
        struct final_awaiter {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
                return self.promise().continuation;
            }
            void await_resume() noexcept {}
        };

        coro get_return_object() { return coro(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        final_awaiter final_suspend() noexcept { return {}; }
        void return_value(std::uint64_t value) noexcept { result = value; }
        void unhandled_exception() { std::terminate(); }

        std::coroutine_handle<> continuation = std::noop_coroutine();
        std::uint64_t result = 0;
        bool started = false;
    };

    coro(coro&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    ~coro() {
        if (handle_) handle_.destroy();
    }

    void start() {
        handle_.promise().started = true;
        ready.push_back(handle_);
    }

    std::uint64_t result() const { return handle_.promise().result; }

    bool await_ready() const noexcept { return handle_.done(); }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        handle_.promise().continuation = awaiting;
        return handle_.promise().started ? std::coroutine_handle<>(std::noop_coroutine()) : handle_;
    }
    std::uint64_t await_resume() const noexcept { return result(); }

private:
    explicit coro(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

struct yield {
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) { ready.push_back(self); }
    void await_resume() noexcept {}
};

class slot {
public:
    auto put(std::uint64_t value) { return putting{*this, value}; }
    auto get() { return getting{*this}; }

private:
    struct putting {
        slot& to;
        std::uint64_t value;
        bool await_ready() noexcept { return !to.item_; }
        void await_suspend(std::coroutine_handle<> self) noexcept { to.putter_ = self; }
        void await_resume() {
            to.item_ = value;
            if (to.getter_) ready.push_back(std::exchange(to.getter_, nullptr));
        }
    };

    struct getting {
        slot& from;
        bool await_ready() noexcept { return from.item_.has_value(); }
        void await_suspend(std::coroutine_handle<> self) noexcept { from.getter_ = self; }
        std::uint64_t await_resume() {
            if (from.putter_) ready.push_back(std::exchange(from.putter_, nullptr));
            return *std::exchange(from.item_, std::nullopt);
        }
    };

    std::optional<std::uint64_t> item_;
    std::coroutine_handle<> putter_;
    std::coroutine_handle<> getter_;
};

[[gnu::noinline]] coro child(std::uint64_t value) {
    co_return value;
}

[[gnu::noinline]] coro suspending_child(std::uint64_t value) {
    co_await yield{};
    co_return value;
}

coro await(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index)
        sum += co_await child(index);
    co_return sum;
}

coro await_suspending(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index)
        sum += co_await suspending_child(index);
    co_return sum;
}

coro spawn_join(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        coro task = child(index);
        task.start();
        sum += co_await task;
    }
    co_return sum;
}

coro yields(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        co_await yield{};
        sum += index;
    }
    co_return sum;
}

coro produce(slot& to, std::size_t count) {
    for (std::size_t index = 1; index <= count; ++index)
        co_await to.put(index);
    co_return 0;
}

coro queue(std::size_t count) {
    slot between;
    coro producer = produce(between, count);
    producer.start();
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index)
        sum += co_await between.get();
    co_await producer;
    co_return sum;
}

coro gather1000(std::size_t count) {
    std::uint64_t sum = 0;
    for (std::size_t index = 1; index <= count; ++index) {
        std::vector<coro> tasks;
        tasks.reserve(1000);
        for (int number = 0; number < 1000; ++number) {
            tasks.push_back(child(index));
            tasks.back().start();
        }
        std::uint64_t total = 0;
        for (coro& task : tasks)
            total += co_await task;
        sum += total / 1000;
    }
    co_return sum;
}

template <coro (*Main)(std::size_t)>
std::uint64_t run_main(std::size_t count) {
    coro main = Main(count);
    main.start();
    run();
    return main.result();
}

}  // namespace

const bench::operations bench::raw{
    "raw",           run_main<await>,     run_main<await_suspending>, run_main<spawn_join>, run_main<yields>,
    run_main<queue>, run_main<gather1000>};
