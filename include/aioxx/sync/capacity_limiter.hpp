// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/capacity_limiter.hpp: a semaphore that knows who holds its units, and can be resized while it is used.
// A token on its way to a task that waited counts as borrowed; the borrower is noted when the task resumes.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/sync/acquire.hpp>
#include <aioxx/sync/units.hpp>
#include <aioxx/sync/wait_queue.hpp>

namespace aioxx {

/// What a capacity_limiter is doing.
struct capacity_limiter_statistics {
    std::size_t borrowed_tokens;
    std::size_t total_tokens;
    std::vector<const void*> borrowers;  ///< without those whose token is on its way to them
    std::size_t tasks_waiting;
};

/// Lends tokens, of which there is a limited number, one to a borrower (AnyIO: CapacityLimiter).
///
/// The borrower is the task that asks, or whatever somebody names: a connection, a user. A borrower that asks
/// for a second token gets an error, where with a semaphore it might wait for itself for ever.
/// Fair: a token that is given back goes to the task that has waited longest, and newcomers cannot overtake.
/// Allocates only while it grows to the most borrowers it ever had.
/// Concurrency: one loop.
/// Example:
///     aioxx::capacity_limiter workers(40);
///     aioxx::coro<> work() {
///         auto token = co_await workers.scoped();
///         // at most forty tasks are in here
///     }
class capacity_limiter : pinned {
public:
    class acquire_awaiter;
    class scoped_awaiter;
    using token = held<capacity_limiter, const void*>;

    static constexpr std::size_t unlimited = detail::most_units;

    /// Parameters: `total_tokens` how many can be lent at a time; with zero everybody waits for a raise.
    /// Errors: std::invalid_argument for a negative number.
    explicit capacity_limiter(std::size_t total_tokens) : total_tokens_(checked(total_tokens)) {}

    [[nodiscard]] std::size_t total_tokens() const noexcept { return total_tokens_; }
    /// Changes the number of tokens. More of them let in those who wait; with less of them, those who have
    /// one keep it, and nobody gets another until enough were given back.
    ///
    /// Errors: std::invalid_argument for a negative number.
    void set_total_tokens(std::size_t number) {
        total_tokens_ = checked(number);
        hand_on();
    }

    /// How many tokens are lent, or on their way to a task that waited for one.
    [[nodiscard]] std::size_t borrowed_tokens() const noexcept {
        return borrowers_.size() + waiters_.handed();
    }
    /// How many tokens can be had without waiting.
    [[nodiscard]] std::size_t available_tokens() const noexcept {
        return total_tokens_ - std::min(total_tokens_, borrowed_tokens());
    }
    [[nodiscard]] capacity_limiter_statistics statistics() const {
        return {borrowed_tokens(), total_tokens_, borrowers_, waiters_.size()};
    }

    /// Borrows a token for the task that calls, waiting for one if it must; else it does not suspend.
    ///
    /// Errors: invalid_state_error outside of a task, or when it has a token already.
    /// Cancellation: safe. A cancelled task has no token; one that had been given it hands it on.
    [[nodiscard]] acquire_awaiter acquire();

    /// As acquire. Returns: a guard that gives the token back at the end of the scope, in whatever task.
    ///
    /// Cancellation: as acquire. Lifetime: the limiter outlives the guard.
    [[nodiscard]] scoped_awaiter scoped();

    /// As acquire, for a borrower that is known by an address, which is not looked at.
    ///
    /// Errors: invalid_state_error when that borrower has a token already. Cancellation: as acquire.
    [[nodiscard]] acquire_awaiter acquire_on_behalf_of(const void* borrower) noexcept;

    /// As scoped, for a borrower that is known by an address.
    ///
    /// Errors: as acquire_on_behalf_of. Cancellation: as acquire.
    [[nodiscard]] scoped_awaiter scoped_on_behalf_of(const void* borrower) noexcept;

    /// Borrows a token if there is one. Returns: whether it did.
    ///
    /// Errors: invalid_state_error outside of a task, or when it has a token already.
    [[nodiscard]] bool try_acquire() { return try_acquire_on_behalf_of(this_task()); }
    /// As try_acquire, for a borrower that is known by an address.
    [[nodiscard]] bool try_acquire_on_behalf_of(const void* borrower) {
        const auto place = place_for(borrower);
        if (available_tokens() == 0) return false;
        borrowers_.insert(place, borrower);
        return true;
    }

    /// Gives back the token of the task that calls. Errors: invalid_state_error when it has none.
    void release() { release_on_behalf_of(this_task()); }
    /// Gives back the token of a borrower. Errors: invalid_state_error when it has none.
    void release_on_behalf_of(const void* borrower) {
        if (!is_at(find(borrower), borrower)) refuse("release", borrower, "has no token of this limiter");
        hand_on(borrower);
    }

    /// What release does, for guards: nothing when that borrower has no token.
    void hand_on(const void* borrower) noexcept {
        const auto place = find(borrower);
        if (!is_at(place, borrower)) return;
        borrowers_.erase(place);
        hand_on();
    }

private:
    using borrower_list = std::vector<const void*>;

    static std::size_t checked(std::size_t number) {
        return detail::checked_units("the tokens of a capacity limiter", 0, number);
    }
    static const void* this_task() {
        if (const task_base* task = current_task()) return task;
        throw invalid_state_error(
            "capacity limiter: only a task borrows for itself; name a borrower to act for");
    }

    // Lends what there is to those who wait.
    void hand_on() noexcept {
        while (available_tokens() > 0 && waiters_.hand_over()) {
        }
    }

    // A token was handed over to the borrower, and now it has come.
    void arrive(const void* borrower) {
        try {
            borrowers_.insert(place_for(borrower), borrower);
        } catch (...) {
            hand_on();
            throw;
        }
    }

    // Where a borrower is in the list, or would be.
    [[nodiscard]] borrower_list::const_iterator find(const void* borrower) const noexcept {
        return std::lower_bound(borrowers_.begin(), borrowers_.end(), borrower, std::less<>());
    }
    [[nodiscard]] bool is_at(borrower_list::const_iterator place, const void* borrower) const noexcept {
        return place != borrowers_.end() && *place == borrower;
    }
    [[nodiscard]] borrower_list::const_iterator place_for(const void* borrower) const {
        const auto place = find(borrower);
        if (is_at(place, borrower)) refuse("acquire", borrower, "has a token of this limiter already");
        return place;
    }

    [[noreturn]] AIOXX_COLD static void refuse(const char* operation, const void* borrower,
                                               const char* reason) {
        std::ostringstream text;
        text << operation << ": ";
        const task_base* task = detail::running_loop != nullptr ? current_task() : nullptr;
        if (task == borrower && task != nullptr) {
            text << task->name();
        } else {
            text << "the borrower at " << borrower;
        }
        text << ' ' << reason;
        throw invalid_state_error(text.str());
    }

    std::size_t total_tokens_;
    borrower_list borrowers_;  // ordered by address
    wait_queue waiters_;       // somebody waits only while no token is available
};

class capacity_limiter::acquire_awaiter
    : public wait_queue::handed_entry<capacity_limiter, &capacity_limiter::hand_on> {
public:
    acquire_awaiter(capacity_limiter& owner, const void* borrower) noexcept
        : handed_entry(owner.waiters_, owner), borrower_(borrower) {}

    [[nodiscard]] bool await_ready() const { return owner().try_acquire_on_behalf_of(borrower_); }
    void await_resume() {
        if (take()) owner().arrive(borrower_);
    }

protected:
    [[nodiscard]] const void* borrower() const noexcept { return borrower_; }

private:
    const char* waits_for() const noexcept override { return "capacity limiter"; }

    const void* borrower_;
};

class capacity_limiter::scoped_awaiter final : public acquire_awaiter {
public:
    using acquire_awaiter::acquire_awaiter;

    token await_resume() {
        acquire_awaiter::await_resume();
        return token(owner(), borrower());
    }
};

// ---- definitions ----

inline capacity_limiter::acquire_awaiter capacity_limiter::acquire() { return {*this, this_task()}; }

inline capacity_limiter::scoped_awaiter capacity_limiter::scoped() { return {*this, this_task()}; }

inline auto capacity_limiter::acquire_on_behalf_of(const void* borrower) noexcept -> acquire_awaiter {
    return {*this, borrower};
}

inline auto capacity_limiter::scoped_on_behalf_of(const void* borrower) noexcept -> scoped_awaiter {
    return {*this, borrower};
}

}  // namespace aioxx
