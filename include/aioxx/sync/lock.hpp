// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/lock.hpp: mutual exclusion between tasks.

#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/sync/acquire.hpp>
#include <aioxx/sync/wait_queue.hpp>

namespace aioxx {

/// A lock that one task holds at a time (asyncio: Lock). Not re-entrant, and any task may release it.
///
/// Fair: release() gives it to the task that has waited longest, and newcomers cannot overtake.
/// Concurrency: one loop.
/// Asyncio: it stays locked while it is on its way to the next task; there it is unlocked for that moment.
/// Example:
///     aioxx::lock lock;
///     aioxx::coro<> update() {
///         auto guard = co_await lock.scoped();
///         // no other task is in here
///     }
class lock : pinned {
public:
    static constexpr const char* kind = "lock";

    [[nodiscard]] bool locked() const noexcept { return locked_; }

    /// Waits until the lock is free and takes it; does not suspend when it is free.
    ///
    /// Cancellation: safe. A cancelled task does not hold the lock; one that had been given it hands it on.
    [[nodiscard]] auto acquire() noexcept { return detail::acquire_awaiter<lock>(waiters_, *this); }

    /// As acquire. Returns: a guard that releases the lock at the end of the scope.
    ///
    /// Cancellation: as acquire. Lifetime: the lock outlives the guard.
    [[nodiscard]] auto scoped() noexcept { return detail::scoped_awaiter<lock>(waiters_, *this); }

    /// Takes the lock if it is free. Returns: whether it did.
    [[nodiscard]] bool try_acquire() noexcept { return !std::exchange(locked_, true); }

    /// Gives the lock to the task that waits longest, or makes it free.
    ///
    /// Errors: invalid_state_error when it is not locked.
    void release() {
        if (!locked_) throw invalid_state_error("release: the lock is not locked");
        hand_on();
    }

    /// What release does, for guards and awaiters. Requires: it is locked.
    void hand_on() noexcept {
        if (!waiters_.hand_over()) locked_ = false;
    }

private:
    friend class condition;

    // Makes a task that waits for something else wait for the lock.
    void adopt(wait_queue::entry& waiting) noexcept {
        waiters_.adopt(waiting);
        if (try_acquire()) waiters_.hand_over();
    }

    wait_queue waiters_;
    bool locked_ = false;  // never false while somebody waits
};

}  // namespace aioxx
