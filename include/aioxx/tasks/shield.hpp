// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/shield.hpp: waits for a task without passing on a cancellation.

#include <coroutine>
#include <utility>
#include <vector>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/tasks/run_until_complete.hpp>

namespace aioxx {

namespace detail {

// Waits until a state is done and leaves it alone otherwise.
template <class State>
class shield_awaiter final : public waiter {
public:
    explicit shield_awaiter(State& awaited) noexcept : awaited_(awaited) {}

    [[nodiscard]] bool await_ready() const noexcept { return awaited_.done(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        awaited_.require_awaitable_here();
        awaited_.add_waiter(*this);
        this->suspend(coroutine);
    }
    void await_resume() const { this->throw_if_cancelled(); }

private:
    const char* waits_for() const noexcept override { return "shielded task"; }
    std::vector<const future_base*> awaited() const override { return {&awaited_}; }

    State& awaited_;
};

}  // namespace detail

/// Waits for a task or future, which runs on when the waiting task is cancelled.
///
/// Returns: its value, moved out of an rvalue, copied from an lvalue.
/// Errors: what it ends with. After a cancellation the exception handler gets that, unless somebody who has kept a
/// handle looks at it; invalid_state_error for a task or future of another loop, or the task that waits.
/// Cancellation: safe, of the waiting alone.
/// Example:
///     co_await wait_for(shield(saving), 1s);  // saving goes on for as long as it takes
template <class T, class State>
coro<T> shield(outcome_handle<T, State>&& awaited) {
    return [](outcome_handle<T, State> handle) -> coro<T> {
        co_await detail::shield_awaiter(*handle.shared_state());
        co_return detail::take_outcome(*handle.shared_state());
    }(std::move(awaited));
}

/// Likewise. Returns: a copy of the value.
/// Cancellation: as for the other form.
template <class T, class State>
coro<T> shield(const outcome_handle<T, State>& awaited) {
    return [](outcome_handle<T, State> handle) -> coro<T> {
        co_await detail::shield_awaiter(*handle.shared_state());
        co_return handle.result();
    }(awaited);
}

/// Runs a coroutine as a task of its own and waits for that.
/// Cancellation: as for the other form.
template <class T>
coro<T> shield(coro<T> awaited) {
    co_return co_await shield(create_task(std::move(awaited)));
}

}  // namespace aioxx
