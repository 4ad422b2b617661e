// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/timeout.hpp: a limit on the time that a piece of a task may take.
//
// When the deadline passes, the scope cancels its own task; at its end it takes that request back, and only if
// nobody else has requested a cancellation meanwhile does it turn the cancelled_error into a timeout_error. So a
// cancellation from outside is never mistaken for the scope's own.

#include <chrono>
#include <coroutine>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/timer_queue.hpp>

namespace aioxx {

/// A deadline for the coroutine that is run in it. Used once.
///
/// Asyncio: timeout and timeout_at, whose `async with` block is here a coroutine given to run().
/// Example:
///     timeout_scope limit(5s);
///     std::string reply = co_await limit.run(ask(limit));  // ask may call limit.reschedule
class timeout_scope : pinned {
public:
    /// A limit from now on; it takes effect when run() is awaited.
    ///
    /// Errors: std::invalid_argument for NaN; invalid_state_error outside of a loop.
    template <class Rep, class Period>
    explicit timeout_scope(std::chrono::duration<Rep, Period> delay)
        : timeout_scope(add_saturated(get_running_loop().time(), to_duration(delay))) {
        ahead_ = delay > delay.zero();
    }

    /// A point of the loop's time, or none, which can be set later.
    explicit timeout_scope(std::optional<time_point> when = std::nullopt) : loop_(get_running_loop()), when_(when) {}

    ~timeout_scope() { loop_.unschedule(timer_); }

    template <class T>
    class awaiter;

    /// Runs a coroutine as part of the present task, until the deadline at most. Returns: what it returns.
    ///
    /// Errors: timeout_error when the deadline ended it; invalid_state_error when run() was used before, or outside
    /// of a task. A coroutine that returns or throws something else in spite of the deadline has its way.
    /// Cancellation: as the coroutine handles it.
    template <class T>
    [[nodiscard]] awaiter<T> run(coro<T> body) {
        return awaiter<T>(*this, std::move(body));
    }

    [[nodiscard]] std::optional<time_point> when() const noexcept { return when_; }

    /// Moves the deadline, or takes it away; one in the past takes effect at the next suspension.
    ///
    /// Errors: invalid_state_error unless run() is under way and the deadline has not passed.
    void reschedule(std::optional<time_point> when) {
        if (state_ != state::active) {
            throw invalid_state_error(std::string("reschedule: the timeout is ") + name_of(state_) + ", expected active");
        }
        loop_.unschedule(timer_);
        when_ = when;
        ahead_ = false;
        arm();
    }

    /// Whether the deadline has passed while run() was under way.
    [[nodiscard]] bool expired() const noexcept { return state_ == state::expiring || state_ == state::expired; }

private:
    enum class state : unsigned char { created, active, expiring, expired, finished };

    static const char* name_of(state value) noexcept {
        static constexpr const char* names[] = {"created", "active", "expiring", "expired", "finished"};
        return names[static_cast<int>(value)];
    }

    class timer final : public timer_node {
    public:
        explicit timer(timeout_scope& owner) noexcept : owner_(owner) {}
        void run() override {
            owner_.state_ = state::expiring;
            owner_.task_->request_cancel({}, owner_.region_);
        }

    private:
        timeout_scope& owner_;
    };

    void enter() {
        if (state_ != state::created) {
            throw invalid_state_error(std::string("run: the timeout is ") + name_of(state_) + ", it can be used once");
        }
        task_ = current_task();
        if (task_ == nullptr) throw invalid_state_error("run: a timeout needs a task to cancel, and there is none");
        remembered_ = task_->delivered();
        region_ = task_->region();
        state_ = state::active;
        arm();
    }

    // Past deadlines do not wait for the next look at the clock: they hit the next suspension.
    void arm() {
        if (!when_) return;
        if (!ahead_ && *when_ <= loop_.time()) {
            loop_.schedule(timer_);
        } else {
            loop_.schedule_at(timer_, *when_);
        }
    }

    // Returns: whether a cancellation that reaches the end of the scope is its own.
    bool leave() noexcept {
        if (state_ == state::active) {
            loop_.unschedule(timer_);
            state_ = state::finished;
        }
        if (state_ != state::expiring) return false;
        state_ = state::expired;
        return !task_->take_back(remembered_);
    }

    event_loop& loop_;
    std::optional<time_point> when_;
    task_base* task_ = nullptr;
    int remembered_ = 0;
    const cancel_region* region_ = nullptr;  // that it was entered in: a shield within it holds the deadline off
    state state_ = state::created;
    bool ahead_ = false;  // the deadline was in the future when it was set: spares a look at the clock
    timer timer_{*this};
};

template <class T>
class timeout_scope::awaiter {
public:
    awaiter(timeout_scope& scope, coro<T> body)
        : scope_(scope), body_(std::move(body).operator co_await()) {}

    [[nodiscard]] bool await_ready() const {
        scope_.enter();
        return false;
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) {
        return body_.await_suspend(coroutine);
    }
    T await_resume() {
        const scope_exit left([this] { scope_.leave(); });
        try {
            return body_.await_resume();
        } catch (const cancelled_error&) {
            if (scope_.leave()) throw timeout_error();
            throw;
        }
    }

private:
    timeout_scope& scope_;
    typename coro<T>::awaiter body_;
};

}  // namespace aioxx
