// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/condition.hpp: a place to wait, under a lock, until what the lock protects has changed.
//
// A task that is notified does not resume to ask for the lock: it moves from the condition's queue to the
// lock's, and resumes when the lock is handed to it. The same holds for one that is cancelled. So each wait
// resumes once, with the lock, and a notification to a thousand tasks lets them in one after the other.

#include <coroutine>
#include <cstddef>
#include <string>
#include <type_traits>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/sync/lock.hpp>
#include <aioxx/sync/wait_queue.hpp>

namespace aioxx {

/// Lets tasks that hold a lock wait for a change, and others tell them of it (asyncio: Condition).
///
/// Concurrency: one loop.
/// Lifetime: outlives the tasks that were notified and have not resumed.
/// Asyncio: no wait ends without a notification, and a cancelled one passes on only what it was notified of.
/// Example:
///     aioxx::condition changed;
///     std::deque<int> numbers;
///     aioxx::coro<int> take() {
///         auto guard = co_await changed.scoped();
///         co_await changed.wait_for([] { return !numbers.empty(); });
///         const int first = numbers.front();
///         numbers.pop_front();
///         co_return first;
///     }
///     aioxx::coro<> add(int number) {
///         auto guard = co_await changed.scoped();
///         numbers.push_back(number);
///         changed.notify();
///     }
class condition : pinned {
public:
    class awaiter;

    /// A condition with a lock of its own.
    condition() noexcept : lock_(own_lock_) {}
    /// A condition under a lock that other conditions may share.
    ///
    /// Lifetime: the lock outlives the condition.
    explicit condition(lock& shared) noexcept : lock_(shared) {}

    /// Takes the lock. Cancellation: as lock::acquire.
    [[nodiscard]] auto acquire() noexcept { return lock_.acquire(); }
    /// Takes the lock. Returns: a guard for the scope; waiting gives the lock away and returns with it.
    /// Cancellation: as lock::acquire.
    [[nodiscard]] auto scoped() noexcept { return lock_.scoped(); }
    [[nodiscard]] bool try_acquire() noexcept { return lock_.try_acquire(); }
    [[nodiscard]] bool locked() const noexcept { return lock_.locked(); }
    /// Errors: invalid_state_error when the lock is not locked.
    void release() { lock_.release(); }

    /// Releases the lock, waits for a notification, and takes the lock again.
    ///
    /// Errors: invalid_state_error when the lock is not locked.
    /// Cancellation: shielded until the lock is held again, however often it comes; then the latest is thrown.
    /// A notification that came before is passed on to another task.
    /// Asyncio: returns nothing instead of True.
    [[nodiscard]] awaiter wait() noexcept;

    /// Waits until a function, called under the lock, returns something true; perhaps at once.
    ///
    /// Parameters: `predicate` is called again after each notification. Returns: what it returned.
    /// Errors: what the predicate throws; otherwise as wait(). Cancellation: as wait().
    template <class Predicate>
    [[nodiscard]] coro<std::decay_t<std::invoke_result_t<Predicate&>>> wait_for(Predicate predicate);

    /// Notifies the tasks that have waited longest. They resume one by one, from the lock's release on.
    ///
    /// Parameters: `count` of tasks; those that were notified before do not count.
    /// Errors: invalid_state_error when the lock is not locked.
    /// Asyncio: they queue for the lock at once, not when they next run, so nobody who asks later overtakes.
    void notify(std::size_t count = 1) {
        require_locked("notify");
        pass_on(count);
    }

    /// Notifies every task that waits now. Errors: invalid_state_error when the lock is not locked.
    void notify_all() {
        require_locked("notify_all");
        while (notify_oldest()) {
        }
    }

private:
    void require_locked(const char* operation) const {
        if (!lock_.locked()) {
            throw invalid_state_error(std::string(operation) + ": the lock of the condition is not locked");
        }
    }

    void pass_on(std::size_t count) noexcept {
        while (count > 0 && notify_oldest()) --count;
    }
    bool notify_oldest() noexcept;

    lock own_lock_;  // unused when a shared one was given
    lock& lock_;
    wait_queue waiters_;  // those not notified; they move to the queue of the lock
};

class condition::awaiter final : public wait_queue::handed_entry<lock, &lock::hand_on> {
public:
    explicit awaiter(condition& owner) noexcept
        : handed_entry(owner.waiters_, owner.lock_), condition_(owner) {}

    [[nodiscard]] bool await_ready() const {
        condition_.require_locked("wait");
        return false;
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        entry::await_suspend(coroutine);
        owner().hand_on();  // only now: a failure above leaves the lock with the task
    }
    void await_resume() {
        const bool holds_lock = leave();
        if (!cancelled()) return;
        if (notified_ && holds_lock) condition_.pass_on(1);
        throw_if_cancelled();
    }

private:
    friend class condition;

    [[nodiscard]] bool wants_lock() const noexcept { return notified_ || cancelled(); }

    // Without the lock it cannot end: it leaves for the queue of the lock, or stays there.
    void cancel_wait() noexcept override {
        if (!is_enlisted()) return wake_cancelled();  // condition and lock are gone
        const bool was_there = wants_lock();
        set_cancelled();
        if (!was_there) owner().adopt(*this);
    }
    const char* waits_for() const noexcept override {
        return wants_lock() ? "the lock of a condition" : "condition";
    }

    condition& condition_;
    bool notified_ = false;
};

// ---- definitions ----

inline condition::awaiter condition::wait() noexcept { return awaiter(*this); }

template <class Predicate>
inline coro<std::decay_t<std::invoke_result_t<Predicate&>>> condition::wait_for(Predicate predicate) {
    for (;;) {
        auto value = predicate();
        if (value) co_return value;
        co_await wait();
    }
}

inline bool condition::notify_oldest() noexcept {
    auto* oldest = static_cast<awaiter*>(waiters_.front());
    if (oldest == nullptr) return false;
    oldest->notified_ = true;
    lock_.adopt(*oldest);
    return true;
}

}  // namespace aioxx
