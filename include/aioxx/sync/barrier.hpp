// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/barrier.hpp: a place where a number of tasks wait for each other.
//
// One queue keeps those who fill the barrier. Filling the last place hands the passage over to all of them;
// until each has resumed the barrier drains, and those who come meanwhile queue up without filling it.

#include <coroutine>
#include <cstddef>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/sync/units.hpp>
#include <aioxx/sync/wait_queue.hpp>

namespace aioxx {

/// Holds tasks back until there are as many as it takes, then lets them pass together (asyncio: Barrier).
///
/// Used again and again. Concurrency: one loop.
/// Asyncio: there is only wait(), since a scope would do nothing at its end; reset and abort do not wait.
/// Numbers are given when the tasks pass, and so are unique even if some who came were cancelled.
/// Example:
///     aioxx::barrier all_ready(3);
///     aioxx::coro<> racer() {
///         if (co_await all_ready.wait() == 0) std::puts("go");
///     }
class barrier : pinned {
public:
    class awaiter;

    /// Parameters: `parties` how many tasks pass together.
    /// Errors: std::invalid_argument for less than one.
    explicit barrier(std::size_t parties)
        : parties_(detail::checked_units("the parties of a barrier", 1, parties)) {}

    [[nodiscard]] std::size_t parties() const noexcept { return parties_; }
    /// How many tasks wait for others to come; zero while the last ones who met are on their way out.
    [[nodiscard]] std::size_t n_waiting() const noexcept { return is_draining() ? 0 : waiting_; }
    [[nodiscard]] bool broken() const noexcept { return broken_; }

    /// Waits until there are enough tasks; the last one lets all pass and does not suspend.
    ///
    /// Returns: a number from 0 to parties() - 1, in the order in which they came.
    /// Errors: broken_barrier_error when the barrier is broken, or reset or aborted before the task resumes.
    /// Cancellation: safe. It is as if the task had not come; once it was let pass, the others pass anyway.
    [[nodiscard]] awaiter wait() noexcept;

    /// Makes the barrier empty and whole. Those who wait, or have not resumed yet, get broken_barrier_error;
    /// those who came after them, while it drained, wait on for others to come.
    void reset() noexcept {
        broken_ = false;
        if (is_draining()) {
            waiters_.revoke();
            fill();
        } else {
            turn_away();
        }
    }

    /// Breaks the barrier: every wait() ends with broken_barrier_error, the present ones too, until reset().
    void abort() noexcept {
        broken_ = true;
        waiters_.revoke();
        turn_away();
    }

private:
    [[nodiscard]] bool is_draining() const noexcept { return waiters_.handed() != 0; }

    // Wakes those in the queue with nothing.
    void turn_away() noexcept {
        waiting_ = 0;
        waiters_.wake_all();
    }

    // Lets the oldest ones pass.
    void let_pass(std::size_t count) noexcept;

    // The barrier is drained: those who have come meanwhile begin to fill it.
    void fill() noexcept {
        if (waiting_ >= parties_) let_pass(parties_);
    }

    std::size_t parties_;
    std::size_t waiting_ = 0;  // length of the queue without those who are let pass
    bool broken_ = false;      // and then nobody waits
    wait_queue waiters_;
};

class barrier::awaiter final : public wait_queue::entry {
public:
    explicit awaiter(barrier& owner) noexcept : entry(owner.waiters_), owner_(owner) {}
    ~awaiter() { end_wait(); }

    [[nodiscard]] bool await_ready() {
        if (owner_.broken_) throw broken_barrier_error();
        if (owner_.is_draining() || owner_.waiting_ + 1 < owner_.parties_) return false;
        owner_.let_pass(owner_.parties_ - 1);
        index_ = owner_.parties_ - 1;
        return passes_ = true;
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        enlist();
        ++owner_.waiting_;
        suspend(coroutine);
    }
    std::size_t await_resume() {
        if (end_wait()) passes_ = true;
        throw_if_cancelled();
        if (!passes_) throw broken_barrier_error();
        return index_;
    }

private:
    friend class barrier;

    // Returns: whether it waited and was let pass.
    bool end_wait() noexcept {
        if (!is_enlisted()) return false;
        if (leave()) {
            if (!owner_.is_draining()) owner_.fill();
            return true;
        }
        --owner_.waiting_;
        return false;
    }

    void cancel_wait() noexcept override {
        end_wait();
        wake_cancelled();
    }
    const char* waits_for() const noexcept override { return "barrier"; }

    barrier& owner_;
    std::size_t index_ = 0;
    bool passes_ = false;
};

// ---- definitions ----

inline barrier::awaiter barrier::wait() noexcept { return awaiter(*this); }

inline void barrier::let_pass(std::size_t count) noexcept {
    waiting_ -= count;
    for (std::size_t index = 0; index < count; ++index) {
        static_cast<awaiter*>(waiters_.front())->index_ = index;
        waiters_.hand_over();
    }
}

}  // namespace aioxx
