// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/wait_queue.hpp: the one waiting mechanism of the primitives: who waits, in which order, and what becomes
// of something that was given to a task which is cancelled before it resumes.
//
// There are two wake-ups. wake_all() says that something changed and carries nothing. hand_over() gives one thing
// (a lock, an item, a slot) to the oldest waiter: from that moment it is spoken for, so nobody can overtake.
// The waiter takes it when it resumes; one that is cancelled or destroyed before that calls its owner's hand-on
// function instead, which gives the thing to the next waiter or back. A waiter that is cancelled before it was
// woken unlinks itself and leaves no trace.

#include <coroutine>
#include <cstddef>
#include <string>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

/// Tasks that wait, first come first served. A part of the primitives; never allocates.
///
/// Waking schedules the task for the next batch. Concurrency: one loop at a time.
/// Lifetime: may be destroyed while tasks wait: they then wait until they are cancelled.
class wait_queue : pinned {
public:
    class entry;
    template <class Owner, void (Owner::*HandOn)() noexcept>
    class handed_entry;

    /// Whether nobody waits. Those who are woken and have not resumed yet do not count.
    [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }
    /// How many wait. Counts by walking: for tests and reports.
    [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }
    /// How many things were handed over and not yet taken.
    [[nodiscard]] std::size_t handed() const noexcept { return handed_; }

    /// The oldest waiter, or null: for owners that tell a waiter something before they wake it.
    [[nodiscard]] entry* front() const noexcept;

    /// Gives one thing to the oldest waiter and wakes it. Returns: false when nobody waits.
    bool hand_over() noexcept;
    /// Takes a waiter over from another queue; it waits on, as the newest of this one.
    void adopt(entry& waiting) noexcept;
    /// Wakes the oldest waiter. Gives nothing. Requires: not empty.
    void wake_front() noexcept;
    /// Wakes everybody who waits now, in order. Gives nothing.
    void wake_all() noexcept;
    /// Takes back what was handed over and not yet taken: those waiters resume without it.
    void revoke() noexcept {
        handed_over_.clear();
        handed_ = 0;
    }

private:
    wait_list waiting_;
    wait_list handed_over_;  // woken by hand_over() and not yet resumed
    std::size_t handed_ = 0;  // length of handed_over_
};

/// Base of awaiters that wait in a queue: lives in the waiting coroutine's frame.
///
/// Cancellation: unlinks it at once; what it was handed over before that stays with it, for leave() to tell.
class wait_queue::entry : public waiter {
public:
    /// Errors: invalid_state_error when tasks of another loop wait in the queue.
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        enlist();
        this->suspend(coroutine);
    }

protected:
    explicit entry(wait_queue& queue) noexcept : queue_(&queue) {}
    ~entry() = default;

    /// Joins the queue: the first half of await_suspend.
    void enlist() {
        const entry* oldest = queue_->front();
        if (oldest != nullptr && oldest->loop() != detail::running_loop) [[unlikely]] refuse();
        queue_->waiting_.push_back(*this);
    }

    /// Whether it is in a queue; not so after its end, its cancellation, or the end of the queue.
    [[nodiscard]] bool is_enlisted() const noexcept { return list_node<wait_tag>::is_linked(); }

    /// Ends the membership in the queue. Returns: whether something was handed over to this waiter.
    bool leave() noexcept {
        // Still linked means handed over: a cancelled waiter has unlinked itself, and a queue that was destroyed
        // or revoked has unlinked everybody.
        if (!is_enlisted()) return false;
        const bool handed = !is_waiting();
        if (handed) --queue_->handed_;
        list_node<wait_tag>::unlink();
        return handed;
    }

private:
    friend class wait_queue;

    [[noreturn]] AIOXX_COLD void refuse() const {
        throw invalid_state_error(std::string(waits_for()) + ": tasks of another event loop wait for it");
    }

    wait_queue* queue_;
};

/// Base of awaiters that take something.
///
/// Cancellation: safe. It hands on what it was given when the task is cancelled, or destroyed, before it resumes.
template <class Owner, void (Owner::*HandOn)() noexcept>
class wait_queue::handed_entry : public entry {
protected:
    handed_entry(wait_queue& queue, Owner& owner) noexcept : entry(queue), owner_(owner) {}
    ~handed_entry() {
        if (this->leave()) (owner_.*HandOn)();
    }

    /// What await_resume begins with: takes what was handed over, or throws cancelled_error after handing it on.
    ///
    /// Returns: false when nothing was handed over: it did not wait, or was woken by wake_all or revoked.
    bool take() {
        const bool handed = this->leave();
        if (this->cancelled()) [[unlikely]] {
            if (handed) (owner_.*HandOn)();
            this->throw_if_cancelled();
        }
        return handed;
    }

    [[nodiscard]] Owner& owner() const noexcept { return owner_; }

private:
    Owner& owner_;
};

// ---- definitions ----

inline wait_queue::entry* wait_queue::front() const noexcept { return static_cast<entry*>(waiting_.front()); }

inline void wait_queue::adopt(entry& waiting) noexcept {
    static_cast<list_node<wait_tag>&>(waiting).unlink();
    waiting.queue_ = this;
    waiting_.push_back(waiting);
}

inline bool wait_queue::hand_over() noexcept {
    auto* oldest = static_cast<entry*>(waiting_.pop_front());
    if (oldest == nullptr) return false;
    handed_over_.push_back(*oldest);
    ++handed_;
    oldest->wake();
    return true;
}

inline void wait_queue::wake_front() noexcept { static_cast<entry*>(waiting_.pop_front())->wake(); }

inline void wait_queue::wake_all() noexcept {
    while (auto* oldest = static_cast<entry*>(waiting_.pop_front())) oldest->wake();
}

}  // namespace aioxx
