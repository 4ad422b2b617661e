// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/semaphore.hpp: a number of units that tasks take and give back.

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

#include <aioxx/sync/acquire.hpp>
#include <aioxx/sync/units.hpp>
#include <aioxx/sync/wait_queue.hpp>

namespace aioxx {

/// Units of something there is a limited number of (asyncio: Semaphore).
///
/// Fair: a unit that is given back goes to the task that has waited longest, and newcomers cannot overtake.
/// Concurrency: one loop.
/// Example:
///     aioxx::semaphore downloads(4);
///     aioxx::coro<> download(std::string url) {
///         auto unit = co_await downloads.scoped();
///         // at most four tasks are in here
///     }
class semaphore : pinned {
public:
    static constexpr const char* kind = "semaphore";
    static constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

    /// Parameters: `value` units to begin with; `bound` the most there may ever be.
    /// Errors: std::invalid_argument when there are more units than the bound, or a negative number.
    explicit semaphore(std::size_t value = 1, std::size_t bound = unbounded)
        : value_(detail::checked_units("the units of a semaphore", 0, value)), bound_(bound) {
        if (value > bound) {
            throw std::invalid_argument("semaphore: expected at most " + std::to_string(bound) +
                                        " units, which is the bound, got " + std::to_string(value));
        }
    }

    /// How many units can be taken without waiting.
    [[nodiscard]] std::size_t value() const noexcept { return value_; }
    [[nodiscard]] bool locked() const noexcept { return value_ == 0; }

    /// Takes a unit, waiting while there is none; does not suspend when there is one.
    ///
    /// Cancellation: safe. A cancelled task has no unit; one that had been given it hands it on.
    [[nodiscard]] auto acquire() noexcept { return detail::acquire_awaiter<semaphore>(waiters_, *this); }

    /// As acquire. Returns: a guard that gives the unit back at the end of the scope.
    ///
    /// Cancellation: as acquire. Lifetime: the semaphore outlives the guard.
    [[nodiscard]] auto scoped() noexcept { return detail::scoped_awaiter<semaphore>(waiters_, *this); }

    /// Takes a unit if there is one. Returns: whether it did.
    [[nodiscard]] bool try_acquire() noexcept {
        if (value_ == 0) return false;
        --value_;
        return true;
    }

    /// Gives a unit to the task that waits longest, or keeps it for the next one. Need not have been taken before.
    ///
    /// Errors: std::logic_error when there are as many units as the bound allows.
    void release() {
        if (value_ == bound_) {
            throw std::logic_error("release: the semaphore has all of its " + std::to_string(bound_) + " units");
        }
        hand_on();
    }

    /// What release does, for guards and awaiters. Requires: fewer units than the bound.
    void hand_on() noexcept {
        if (!waiters_.hand_over()) ++value_;
    }

private:
    wait_queue waiters_;
    std::size_t value_;  // zero while somebody waits
    std::size_t bound_;
};

/// A semaphore that never has more units than at the beginning (asyncio: BoundedSemaphore).
///
/// A release() too many throws std::logic_error, and so shows itself.
class bounded_semaphore : public semaphore {
public:
    explicit bounded_semaphore(std::size_t value = 1) : semaphore(value, value) {}
};

}  // namespace aioxx
