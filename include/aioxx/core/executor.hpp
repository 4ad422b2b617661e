// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/executor.hpp: blocking calls on other threads, with a future on the loop for each result.

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/concurrent_future.hpp>
#include <aioxx/core/context.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/handle.hpp>
#include <aioxx/core/thread_gate.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/core/worker_pool.hpp>

namespace aioxx {

namespace detail {

// A function with the context variables of the place where it was made. What it sets is seen by itself only.
template <class Function>
class contextual_function {
public:
    explicit contextual_function(Function function)
        : function_(std::move(function)), values_(current_context()) {}

    // On another thread.
    decltype(auto) operator()() {
        swap(thread_context(), values_);
        const scope_exit back([this] { swap(thread_context(), values_); });
        return function_();
    }

private:
    Function function_;
    context values_;
};

// What a function gives.
template <class T, class Function>
result<T> outcome_of(Function& function) noexcept {
    result<T> outcome;
    try {
        if constexpr (std::is_void_v<T>) {
            function();
            outcome.set_value();
        } else {
            outcome.set_value(function());
        }
    } catch (...) {
        outcome.set_exception(std::current_exception());
    }
    return outcome;
}

template <class Function, class T>
class blocking_call final : public worker_job {
public:
    blocking_call(Function function, future<T> destination)
        : function_(std::move(function)), destination_(std::move(destination)) {}

    void execute() noexcept override { outcome_ = outcome_of<T>(function_); }

    void deliver() override {
        if (destination_.done()) return;  // cancelled meanwhile: the outcome is dropped
        if (outcome_.has_exception()) {
            destination_.set_exception(outcome_.exception());
        } else if constexpr (std::is_void_v<T>) {
            destination_.set_result();
        } else {
            destination_.set_result(outcome_.take_value());
        }
    }

private:
    contextual_function<Function> function_;
    future<T> destination_;
    result<T> outcome_;
};

// A call on its way to a worker.
template <class T>
struct submitted_call {
    future<T> outcome;
    worker_pool& pool;
    std::uint64_t number;
};

template <class Function>
submitted_call<std::invoke_result_t<Function&>> submit_call(event_loop& loop, Function function) {
    using value = std::invoke_result_t<Function&>;
    loop.require_open("run_in_executor");
    future<value> outcome(loop);
    auto& pool = loop.extension<worker_pool>();
    const std::uint64_t number =
        pool.submit(std::make_unique<blocking_call<Function, value>>(std::move(function), outcome));
    return {std::move(outcome), pool, number};
}

// Waits for the threads to end without stopping them, for a limited time.
class retirement_wait final : public waiter {
public:
    retirement_wait(future<> awaited, std::optional<duration> timeout) : awaited_(std::move(awaited)), timeout_(timeout) {}
    ~retirement_wait() { over_.cancel(); }

    [[nodiscard]] bool await_ready() const { return awaited_.done(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        awaited_.shared_state()->add_waiter(*this);
        if (timeout_) {
            over_ = get_running_loop().call_later(*timeout_, [this] {
                list_node<wait_tag>::unlink();
                wake();
            });
        }
        this->suspend(coroutine);
    }
    // Returns: whether it is done.
    bool await_resume() const {
        throw_if_cancelled();
        return awaited_.done();
    }

private:
    const char* waits_for() const noexcept override { return "threads that end"; }

    future<> awaited_;
    std::optional<duration> timeout_;
    handle over_;
};

// A call that an executor of the user's has been given. When that drops it, the call ends with an error.
template <class Function, class T>
class offered_call : pinned {
public:
    offered_call(Function function, concurrent_future<T> outcome)
        : function_(std::move(function)), outcome_(std::move(outcome)) {}
    ~offered_call() {
        if (!outcome_.done()) {
            outcome_.set_exception(std::make_exception_ptr(
                invalid_state_error("run_in_executor: the executor dropped the function without calling it")));
        }
    }

    // On a thread of the executor.
    void execute() {
        if (outcome_.done()) return;  // cancelled before it started
        result<T> outcome = outcome_of<T>(function_);
        if (outcome.has_exception()) {
            outcome_.set_exception(outcome.exception());
        } else if constexpr (std::is_void_v<T>) {
            outcome_.set_result();
        } else {
            outcome_.set_result(outcome.take_value());
        }
    }

private:
    contextual_function<Function> function_;
    concurrent_future<T> outcome_;
};

}  // namespace detail

/// Sets how many worker threads a loop may start; those that run stay. The default is asyncio's, the number of
/// processors plus four, 32 at most.
///
/// Errors: std::invalid_argument for zero.
inline void set_worker_limit(event_loop& loop, std::size_t threads) {
    if (threads == 0) throw std::invalid_argument("set_worker_limit: expected at least one thread, got 0");
    loop.extension<detail::worker_pool>().set_limit(threads);
}

/// Ends a loop's worker threads (asyncio: loop.shutdown_default_executor). The loop goes on meanwhile.
///
/// Calls that were submitted still run; later ones are refused with invalid_state_error.
/// Parameters: `timeout` how long to wait; none waits for as long as it takes.
/// Returns: true when all threads have ended; false at the timeout, which the exception handler is told of. Closing the
/// loop waits for the calls that run then.
/// Cancellation: safe, of the waiting alone.
/// Concurrency: in a task of that loop.
inline coro<bool> shutdown_default_executor(event_loop& loop, std::optional<duration> timeout = std::nullopt) {
    auto& pool = loop.extension<detail::worker_pool>();
    detail::retirement_wait gone(pool.retire(), timeout);
    const bool in_time = co_await gone;
    if (!in_time) {
        loop.call_exception_handler({"shutdown_default_executor: blocking calls did not end in time", nullptr,
                                     std::to_string(pool.threads()) + " worker threads"});
    }
    co_return in_time;
}

/// Calls a function on a worker thread (asyncio: loop.run_in_executor with the default executor).
///
/// Parameters: `function` takes nothing; it, its captures and its result must bear to be used on another thread. It
/// sees the context variables of the caller; what it sets is dropped.
/// Returns: a future of the running loop with what the function returns or throws.
/// Errors: invalid_state_error when the loop is closed or shutdown_default_executor was called.
/// Cancellation: cancelling the future before the function has started takes the call back; later the function
/// runs to its end and its outcome is dropped.
/// Lifetime: closing the loop waits for functions that have started.
template <class Function>
auto run_in_executor(event_loop& loop, Function function) {
    auto call = detail::submit_call(loop, std::move(function));
    call.outcome.add_done_callback([&pool = call.pool, number = call.number] { pool.withdraw(number); });
    return std::move(call.outcome);
}

/// As above, on the running loop.
template <class Function>
auto run_in_executor(Function function) {
    return run_in_executor(get_running_loop(), std::move(function));
}

/// Calls a function through an executor of the user's: whatever can be called with a function<void()> and calls that
/// once, on any thread (asyncio: loop.run_in_executor with an executor).
///
/// Parameters: `function` as above; it is destroyed where the executor destroys what it was given.
/// Returns: a future of the running loop with what the function returns or throws.
/// Errors: what the executor throws. The future ends with invalid_state_error when the executor drops the function.
/// Cancellation: cancelling the future before the function has started prevents that; later its outcome is dropped.
/// Lifetime: the loop may be closed first, which drops the outcome.
/// Example:
///     auto on_pool = [&pool](aioxx::function<void()> job) { pool.submit(std::move(job)); };
///     int answer = co_await aioxx::run_in_executor(on_pool, compute);
template <class Executor, class Function>
    requires std::invocable<Executor&, function<void()>>
auto run_in_executor(Executor&& executor, Function function) {
    using value = std::invoke_result_t<Function&>;
    concurrent_future<value> outcome;
    future<value> wrapped = wrap_future(outcome);
    auto call = std::make_unique<detail::offered_call<Function, value>>(std::move(function), std::move(outcome));
    executor(aioxx::function<void()>([call = std::move(call)] { call->execute(); }));
    return wrapped;
}

}  // namespace aioxx
