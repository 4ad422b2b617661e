// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/wait_for.hpp: awaits something for a limited time.

#include <chrono>
#include <optional>
#include <utility>

#include <aioxx/base/error.hpp>
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
    if (*limit <= duration::zero()) throw timeout_error();
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

/// Takes a limit of any unit, also floating point. Errors: std::invalid_argument for NaN.
/// Cancellation: as for the form that it stands for.
template <class Awaitable, class Rep, class Period>
auto wait_for(Awaitable&& awaited, std::chrono::duration<Rep, Period> limit) {
    return wait_for(std::forward<Awaitable>(awaited), std::optional<duration>(to_duration(limit)));
}

}  // namespace aioxx
