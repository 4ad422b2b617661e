// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/wait_for.hpp: awaits something for a limited time.

#include <chrono>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/awaitable.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/timeout.hpp>

namespace aioxx {

namespace detail {

template <class T, class State>
coro<> wait_until_done(outcome_handle<T, State> awaited) {
    static_cast<void>(co_await awaited);
}

template <class T, class State>
coro<> wait_until_done_within(outcome_handle<T, State> awaited, std::optional<duration> limit) {
    if (awaited.done()) co_return;
    timeout_scope scope(limit ? std::optional(add_saturated(get_running_loop().time(), *limit)) : std::nullopt);
    co_await scope.run(wait_until_done(std::move(awaited)));
}

// References to the awaiter itself or to its owner stay valid; one to a temporary becomes a value.
template <class T>
using kept_value = std::conditional_t<std::is_lvalue_reference_v<T>, T, std::remove_cvref_t<T>>;

template <class Awaitable>
using awaited_value = kept_value<awaited_t<Awaitable>>;

template <class Awaitable>
coro<awaited_value<Awaitable>> await_operation(Awaitable&& awaited) {
    co_return co_await std::forward<Awaitable>(awaited);
}

template <class Awaitable>
coro<awaited_value<Awaitable>> await_operation_within(Awaitable&& awaited, std::optional<duration> limit) {
    if (!limit) co_return co_await std::forward<Awaitable>(awaited);
    if (*limit <= duration::zero()) {
        auto&& awaiter = awaiter_of(std::forward<Awaitable>(awaited));
        if (!awaiter.await_ready()) throw timeout_error();
        co_return awaiter.await_resume();
    }
    timeout_scope scope(*limit);
    co_return co_await scope.run(await_operation(std::forward<Awaitable>(awaited)));
}

// An operation and its limit. Operations are pinned and this refers to one, so it is awaited where it is made: it
// is no coroutine that create_task or gather would take.
template <class Awaitable>
class [[nodiscard]] limited_operation : pinned {
public:
    using value_type = awaited_value<Awaitable>;

    limited_operation(Awaitable&& awaited, std::optional<duration> limit) noexcept
        : awaited_(std::forward<Awaitable>(awaited)), limit_(limit) {}

    auto operator co_await() && {
        return await_operation_within<Awaitable>(std::forward<Awaitable>(awaited_), limit_).operator co_await();
    }

private:
    Awaitable&& awaited_;
    std::optional<duration> limit_;
};

}  // namespace detail

/// Awaits a coroutine for a limited time; it runs as part of the present task (asyncio: wait_for since 3.12).
///
/// Parameters: `limit` from the moment on at which this is awaited; nothing means no limit. At zero and below the
/// coroutine is not started.
/// Errors: timeout_error, after the coroutine was cancelled and has ended, which may take longer than the limit. A
/// coroutine that then returns or throws something else has its way.
/// Cancellation: as the coroutine handles it; never lost, even when the limit is reached at the same time.
/// Example:
///     coro<std::string> ask(stream_reader reader);
///     std::string answer = co_await wait_for(ask(reader), 5s);
template <class T>
coro<T> wait_for(coro<T> awaited, std::optional<duration> limit) {
    if (!limit) co_return co_await std::move(awaited);
    if (*limit <= duration::zero()) {
        awaited.close();
        throw timeout_error();
    }
    timeout_scope scope(*limit);
    co_return co_await scope.run(std::move(awaited));
}

/// Awaits a task or future for a limited time.
///
/// Returns: its value, moved out. One that is done gives it however short the limit.
/// Errors: timeout_error, after it was cancelled and has ended; use shield to keep it running.
/// Cancellation: cancels what is waited for, as awaiting it does.
template <class T, class State>
coro<T> wait_for(outcome_handle<T, State>&& awaited, std::optional<duration> limit) {
    return [](outcome_handle<T, State> handle, std::optional<duration> most) -> coro<T> {
        co_await detail::wait_until_done_within(handle, most);
        co_return detail::take_outcome(*handle.shared_state());
    }(std::move(awaited), limit);
}

/// Likewise. Returns: a copy of its value.
/// Cancellation: as for the other form.
template <class T, class State>
coro<T> wait_for(const outcome_handle<T, State>& awaited, std::optional<duration> limit) {
    return [](outcome_handle<T, State> handle, std::optional<duration> most) -> coro<T> {
        co_await detail::wait_until_done_within(handle, most);
        co_return handle.result();
    }(awaited, limit);
}

/// Awaits an operation for a limited time: what queue.get(), event.wait() or reader.readline() return.
///
/// Parameters: `limit` as above. At zero and below the operation gives its value if it can do so at once.
/// Errors: timeout_error, after the operation was cancelled.
/// Cancellation: as the operation handles it; what it took by then is not lost.
/// Lifetime: refers to the operation, and is awaited in the same expression. The form with a function may wait.
/// Asyncio: a coroutine there, which a limit of zero does not start even if its value is at hand.
/// Example:
///     std::string line = co_await wait_for(lines.get(), 5s);
template <class Awaitable>
    requires detail::operation<Awaitable>
detail::limited_operation<Awaitable> wait_for(Awaitable&& awaited, std::optional<duration> limit) {
    return {std::forward<Awaitable>(awaited), limit};
}

/// Awaits for a limited time what a function returns: a coroutine, a task, a future or an operation.
///
/// Parameters: `make` is called when this is awaited, and kept until the end.
/// Cancellation: as for the form that takes what it returns.
/// Example:
///     auto waiting = create_task(wait_for([&lines] { return lines.get(); }, 5s));
template <class Make>
    requires(std::invocable<Make&> && !detail::operation<Make>)
auto wait_for(Make make, std::optional<duration> limit)
    -> coro<typename decltype(wait_for(std::declval<Make&>()(), limit))::value_type> {
    co_return co_await wait_for(make(), limit);
}

/// Takes a limit of any unit, also floating point. Errors: std::invalid_argument for NaN.
/// Cancellation: as for the form that it stands for.
template <class Awaitable, class Rep, class Period>
auto wait_for(Awaitable&& awaited, std::chrono::duration<Rep, Period> limit) {
    return wait_for(std::forward<Awaitable>(awaited), std::optional<duration>(to_duration(limit)));
}

}  // namespace aioxx
