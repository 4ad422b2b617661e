// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/run_until_complete.hpp: runs a loop until a task is done. The step from a program without coroutines
// into one with them; runner.hpp adds the orderly shutdown.

#include <stdexcept>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>

namespace aioxx {

namespace detail {

// Stops the loop when what it was registered with is done. Leaves no trace when the loop stops earlier.
class stop_when_done final : public wait_node {
public:
    explicit stop_when_done(event_loop& loop) noexcept : loop_(loop) {}
    void run() override { loop_.stop(); }

private:
    event_loop& loop_;
};

inline void require_not_running(event_loop& loop, const char* operation) {
    loop.require_open(operation);
    if (loop.is_running() || running_loop != nullptr) {
        throw invalid_state_error(std::string(operation) + ": an event loop is already running in this thread");
    }
}

inline void run_until_done(event_loop& loop, future_base& awaited) {
    require_not_running(loop, "run_until_complete");
    if (&awaited.loop() != &loop) {
        throw std::invalid_argument("run_until_complete: the " + awaited.describe() + " belongs to another event loop");
    }
    stop_when_done node(loop);
    awaited.notify(node);
    loop.run_forever();
    if (!awaited.done()) {
        throw invalid_state_error("run_until_complete: the event loop was stopped before " + awaited.describe() +
                                  " completed");
    }
}

// Requires: done.
template <class State>
decltype(auto) take_outcome(State& ended) {
    ended.mark_retrieved();
    return ended.outcome.take_value();
}

}  // namespace detail

/// Runs the loop until a task or future is done. Returns: its value, moved out, or throws what it ended with.
///
/// Errors: invalid_state_error when a loop is already running in this thread, or when this one was stopped first;
/// std::invalid_argument for what belongs to another loop.
/// Cancellation: nothing interrupts it; it throws cancelled_error when what is awaited ends as cancelled.
/// Asyncio: loop.run_until_complete.
template <class T, class State>
T run_until_complete(event_loop& loop, outcome_handle<T, State>&& awaited) {
    static_cast<void>(awaited.done());  // refuses an empty one
    detail::run_until_done(loop, *awaited.shared_state());
    return detail::take_outcome(*awaited.shared_state());
}

/// The same with a reference to the value, which stays where it is. Lifetime: as long as a holder exists.
/// Cancellation: as for the other form.
template <class T, class State>
std::add_lvalue_reference_t<T> run_until_complete(event_loop& loop, const outcome_handle<T, State>& awaited) {
    static_cast<void>(awaited.done());  // refuses an empty one
    detail::run_until_done(loop, *awaited.shared_state());
    return awaited.result();
}

/// The same with a coroutine, which becomes a task of the loop. Cancellation: as for the other forms.
template <class T>
T run_until_complete(event_loop& loop, coro<T> coroutine) {
    detail::require_not_running(loop, "run_until_complete");
    return run_until_complete(loop, create_task(loop, std::move(coroutine)));
}

}  // namespace aioxx
