// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/to_thread.hpp: a blocking call that a task waits for, which may be asked to stop, and may have to wait
// until a limiter lets it in.

#include <coroutine>
#include <functional>
#include <memory>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/executor.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

namespace detail {

// Waits for a call that looks at a stop token. A cancellation requests the stop and throws when the call has ended.
template <class T>
class stoppable_wait final : public waiter {
public:
    stoppable_wait(submitted_call<T> call, std::stop_source source) noexcept
        : call_(std::move(call)), source_(std::move(source)) {}
    // The loop is closed, which will wait for the thread.
    ~stoppable_wait() {
        if (!call_.outcome.done()) source_.request_stop();
    }

    static constexpr bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        call_.outcome.shared_state()->add_waiter(*this);
        this->suspend(coroutine);
    }
    T await_resume() {
        if (this->cancelled()) forget_cancellation_below();
        this->throw_if_cancelled();
        call_.outcome.shared_state()->mark_retrieved();
        return call_.outcome.shared_state()->outcome.take_value();
    }

private:
    void cancel_wait() noexcept override {
        if (call_.pool.withdraw(call_.number)) return this->wake_cancelled();
        this->set_cancelled();
        source_.request_stop();
    }
    const char* waits_for() const noexcept override { return "blocking call"; }
    std::vector<const future_base*> awaited() const override { return {call_.outcome.shared_state().get()}; }

    // A function may end with cancelled_error because it was asked to stop. Other errors are still reported.
    void forget_cancellation_below() {
        auto& state = *call_.outcome.shared_state();
        if (state.done() && is_cancelled(state.outcome.exception())) state.mark_retrieved();
    }

    submitted_call<T> call_;
    std::stop_source source_;
};

template <class Function, class... Args>
inline constexpr bool takes_stop_token = std::is_invocable_v<Function, std::stop_token, Args...>;

template <class Function, class... Args>
struct thread_result : std::invoke_result<Function, Args...> {};
template <class Function, class... Args>
    requires takes_stop_token<Function, Args...>
struct thread_result<Function, Args...> : std::invoke_result<Function, std::stop_token, Args...> {};
template <class Function, class... Args>
using thread_result_t = typename thread_result<Function, Args...>::type;

// A function that takes nothing, of one and its arguments.
template <class Function, class... Args>
auto bind_call(Function function, Args... args) {
    return [function = std::move(function), packed = std::tuple<Args...>(std::move(args)...)]() mutable
           -> std::invoke_result_t<Function, Args...> { return std::apply(std::move(function), std::move(packed)); };
}

// What a call has to hold before it starts.
template <class Limiter>
concept thread_limiter = requires(Limiter& limiter) { limiter.scoped(); };

// A call borrows for itself where it can: its task may hold a token already, for a call that it has abandoned.
template <thread_limiter Limiter>
auto scoped_for_call(Limiter& limiter, [[maybe_unused]] const void* call) {
    if constexpr (requires { limiter.scoped_on_behalf_of(call); }) {
        return limiter.scoped_on_behalf_of(call);
    } else {
        return limiter.scoped();
    }
}

}  // namespace detail

/// Calls a function with arguments on a worker thread and waits for it (asyncio: to_thread).
///
/// A function whose first parameter is a std::stop_token gets one that is stopped when the task is cancelled.
/// Returns: what the function returns; throws what it throws.
/// Errors: as run_in_executor.
/// Cancellation: takes the call back when it has not started. Else, with a stop token: requests the stop, waits for the
/// end of the function and throws, with its value dropped and its error reported to the exception handler. Without one:
/// ends at once, and the function runs to its end unobserved.
/// Example:
///     std::string text = co_await aioxx::to_thread(read_whole_file, std::filesystem::path("notes.txt"));
template <class Function, class... Args>
coro<detail::thread_result_t<Function, Args...>> to_thread(Function function, Args... args) {
    if constexpr (detail::takes_stop_token<Function, Args...>) {
        std::stop_source source;
        detail::stoppable_wait ended(
            detail::submit_call(get_running_loop(),
                                detail::bind_call(std::move(function), source.get_token(), std::move(args)...)),
            source);
        co_return co_await ended;
    } else {
        auto call = detail::bind_call(std::move(function), std::move(args)...);
        co_return co_await run_in_executor(std::move(call));
    }
}

/// As above, when a limiter lets it in: a capacity_limiter, a semaphore, a lock. It is held until the function has
/// ended, also when the task does not wait for that.
///
/// Cancellation: as above; safe while it waits for the limiter.
/// Lifetime: the limiter outlives the function, and what has been abandoned of it until the loop has seen its end.
template <detail::thread_limiter Limiter, class Function, class... Args>
coro<detail::thread_result_t<Function, Args...>> to_thread(Limiter& limiter, Function function, Args... args) {
    auto borrower = std::make_unique<char>();
    auto permit = co_await detail::scoped_for_call(limiter, borrower.get());
    // The call owns it, and calls are destroyed on the loop's thread.
    auto limited = [borrower = std::move(borrower), permit = std::move(permit),
                    function = std::move(function)]<class... Given>(Given&&... given) mutable
        -> std::invoke_result_t<Function, Given...> {
        return std::invoke(std::move(function), std::forward<Given>(given)...);
    };
    auto call = to_thread(std::move(limited), std::move(args)...);
    co_return co_await std::move(call);
}

}  // namespace aioxx
