// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/wait.hpp: waits for some of several tasks, whatever becomes of them.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/timer_queue.hpp>
#include <aioxx/tasks/children.hpp>

namespace aioxx {

/// What wait() waits for.
enum class return_when {
    all_completed,    ///< all are done
    first_completed,  ///< one is done
    first_exception,  ///< one has failed, other than by a cancellation, or all are done
};

/// The optional arguments of wait().
struct wait_options {
    std::optional<duration> timeout{};  ///< at most so long; none for no limit
    return_when when = return_when::all_completed;
};

/// What wait() gives: the handles it was given, without duplicates, in their order.
template <class Handle>
struct wait_result {
    std::vector<Handle> done;
    std::vector<Handle> pending;
};

namespace detail {

template <class Handle>
class waited_child final : public awaited_child {
public:
    void start(children_wait& wait, const Handle& handle) {
        state_ = handle.shared_state().get();
        wait.add(*this, *state_, failure());
    }

private:
    void run() override { this->ended(failure()); }
    std::exception_ptr failure() const noexcept {
        return state_->cancelled() ? nullptr : state_->outcome.exception();
    }

    typename std::decay_t<decltype(*std::declval<Handle>().shared_state())>* state_ = nullptr;
};

// Ends the wait when the time is over.
class wait_deadline final : public timer_node {
public:
    explicit wait_deadline(waiter& waiting) noexcept : waiting_(waiting) {}
    void run() override { waiting_.wake(); }

private:
    waiter& waiting_;
};

constexpr children_wait::until to_until(return_when when) noexcept {
    switch (when) {
        case return_when::first_completed: return children_wait::until::one_ended;
        case return_when::first_exception: return children_wait::until::failure;
        case return_when::all_completed: break;
    }
    return children_wait::until::all_ended;
}

template <class Handle>
void remove_duplicates(std::vector<Handle>& handles) {
    std::size_t kept = 0;
    for (std::size_t index = 0; index < handles.size(); ++index) {
        const auto* state = handles[index].shared_state().get();
        const auto end = handles.begin() + static_cast<std::ptrdiff_t>(kept);
        if (std::any_of(handles.begin(), end, [&](const Handle& each) { return each.shared_state().get() == state; })) {
            continue;
        }
        if (kept != index) handles[kept] = std::move(handles[index]);
        ++kept;
    }
    handles.erase(handles.begin() + static_cast<std::ptrdiff_t>(kept), handles.end());
}

}  // namespace detail

/// Waits for some of several tasks or futures (asyncio: wait).
///
/// Returns: which are done and which are not. Their errors stay with them: ask each one.
/// Errors: std::invalid_argument for none at all; invalid_state_error for an empty handle. A timeout is no error, and
/// cancels nothing.
/// Cancellation: of the waiting alone; the tasks run on.
/// Asyncio: does not suspend when nothing has to be waited for.
/// Example:
///     std::vector<task<int>> both{create_task(ask(one)), create_task(ask(two))};
///     auto [done, pending] = co_await wait(both, {.when = return_when::first_completed});
template <class Handle>
coro<wait_result<Handle>> wait(std::vector<Handle> handles, wait_options options = {}) {
    if (handles.empty()) throw std::invalid_argument("wait: expected at least one task or future");
    for (const Handle& handle : handles) static_cast<void>(handle.done());  // refuses an empty one
    detail::remove_duplicates(handles);
    {
        const auto children = std::make_unique<detail::waited_child<Handle>[]>(handles.size());
        detail::children_wait waiting(detail::to_until(options.when), false, "wait");
        for (std::size_t index = 0; index < handles.size(); ++index) children[index].start(waiting, handles[index]);
        detail::wait_deadline deadline(waiting);
        event_loop& loop = get_running_loop();
        if (options.timeout && !waiting.await_ready()) {
            loop.schedule_at(deadline, add_saturated(loop.time(), *options.timeout));
        }
        co_await waiting;
    }
    wait_result<Handle> result;
    for (Handle& handle : handles) (handle.done() ? result.done : result.pending).push_back(std::move(handle));
    co_return result;
}

}  // namespace aioxx
