// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/event.hpp: a flag that tasks can wait for.
// Built on wait_queue; this file adds only the flag.

#include <aioxx/sync/wait_queue.hpp>

namespace aioxx {

/// A flag that is either set or clear, and a place to wait until it is set (asyncio: Event).
///
/// Concurrency: one loop. Other threads set it through call_soon_threadsafe.
/// Lifetime: may be destroyed right after set(): those who were woken do not look at it again.
class event : pinned {
public:
    class awaiter;

    [[nodiscard]] bool is_set() const noexcept { return set_; }

    /// Sets the flag and wakes every task that waits now, in the order of waiting.
    ///
    /// Ordering: the tasks resume in the next batch, even if clear() runs before that.
    void set() noexcept {
        set_ = true;
        waiters_.wake_all();
    }

    void clear() noexcept { set_ = false; }

    /// Waits until the flag is set; does not suspend when it is.
    ///
    /// Cancellation: safe. A task that is cancelled, even after it was woken, throws; the event is as before.
    /// Asyncio: returns nothing instead of True.
    [[nodiscard]] awaiter wait() noexcept;

private:
    wait_queue waiters_;
    bool set_ = false;
};

class event::awaiter final : public wait_queue::entry {
public:
    explicit awaiter(event& owner) noexcept : entry(owner.waiters_), owner_(owner) {}

    [[nodiscard]] bool await_ready() const noexcept { return owner_.set_; }
    void await_resume() const { throw_if_cancelled(); }

private:
    const char* waits_for() const noexcept override { return "event"; }

    event& owner_;
};

inline event::awaiter event::wait() noexcept { return awaiter(*this); }

}  // namespace aioxx
