// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/cancel_scope.hpp: a part of a task that can be cancelled as a whole, by anybody or by a deadline, and that
// stays cancelled until it is left. The tree of scopes is core/cancellation.hpp.

#include <chrono>
#include <coroutine>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/cancellation.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/timer_queue.hpp>

namespace aioxx {

/// How a cancel_scope is made.
struct cancel_scope_options {
    std::optional<time_point> deadline{};  ///< of the loop's time, at which it is cancelled; none for never
    bool shield = false;                   ///< keeps cancellations from outside away from what runs in it
};

/// Runs a coroutine that can be cancelled without the task around it. Used once.
///
/// Once cancelled, every suspension in it throws cancelled_error, also in the tasks of groups that were opened in it;
/// this is level-triggered, unlike task::cancel, so that a body which swallows a cancellation does not get away. The
/// scope itself ends without an error. Code that must wait while it cleans up runs in a scope with a shield.
/// A shield also holds back task::cancel and timeouts that were set outside of it: they arrive when it is left.
/// Asyncio: has none; this is AnyIO's CancelScope. Concurrency: one loop. Lifetime: outlives run().
/// Example:
///     cancel_scope scope;
///     stop_button.on_click = [&] { scope.cancel(); };
///     bool finished = co_await scope.run(download(url));
class cancel_scope : pinned {
public:
    explicit cancel_scope(cancel_scope_options options = {})
        : loop_(get_running_loop()), region_(options.shield), deadline_(options.deadline) {}
    ~cancel_scope() { loop_.unschedule(timer_); }

    template <class T>
    class awaiter;

    /// Runs a coroutine as part of the present task.
    ///
    /// Returns: for a coroutine of a value, that in an optional, which is empty when the scope was cancelled before the
    /// coroutine ended; for one without a value, whether it ended by itself.
    /// Errors: what the coroutine throws; invalid_state_error when run() was used before, or outside of a task.
    /// Cancellation: as the coroutine handles it. One that was requested from outside passes through, also when the
    /// scope is cancelled at the same time.
    template <class T>
    [[nodiscard]] awaiter<T> run(coro<T> body) {
        return awaiter<T>(*this, std::move(body));
    }

    /// Cancels what runs in it, now and later. Idempotent; allowed at any time.
    void cancel(std::string message = {}) { region_.cancel(std::move(message)); }

    /// Whether cancel() was called, or the deadline has passed.
    [[nodiscard]] bool cancel_called() const noexcept { return region_.is_cancelled(); }
    /// Whether the body was cut short by this scope.
    [[nodiscard]] bool cancelled_caught() const noexcept { return caught_; }

    [[nodiscard]] std::optional<time_point> deadline() const noexcept { return deadline_; }
    /// Moves the deadline, or takes it away; one in the past cancels.
    void set_deadline(std::optional<time_point> deadline) {
        loop_.unschedule(timer_);
        deadline_ = deadline;
        if (region_.is_entered()) arm();
    }

private:
    class timer final : public timer_node {
    public:
        explicit timer(cancel_scope& owner) noexcept : owner_(owner) {}
        void run() override { owner_.cancel(); }

    private:
        cancel_scope& owner_;
    };

    void arm() {
        if (!deadline_) return;
        if (*deadline_ <= loop_.time()) {
            cancel();
        } else {
            loop_.schedule_at(timer_, *deadline_);
        }
    }

    void enter() {
        if (std::exchange(used_, true)) throw invalid_state_error("run: a cancel scope can be used once");
        task_ = current_task();
        if (task_ == nullptr) throw invalid_state_error("run: a cancel scope needs a task, and there is none");
        remembered_ = task_->delivered();
        region_.enter(*task_);
        arm();
    }

    // Parameters: `cancelled` whether the body ended with a cancellation. Returns: whether that ends here.
    bool leave(bool cancelled) noexcept {
        if (!region_.is_entered()) return caught_;
        loop_.unschedule(timer_);
        const bool others = task_->delivered() > remembered_ || region_.is_cancelled_around();
        caught_ = cancelled && region_.is_cancelled() && !others;
        region_.leave();
        return caught_;
    }

    event_loop& loop_;
    cancel_region region_;
    std::optional<time_point> deadline_;
    task_base* task_ = nullptr;
    int remembered_ = 0;
    bool used_ = false;
    bool caught_ = false;
    timer timer_{*this};
};

template <class T>
class cancel_scope::awaiter {
    using outcome = std::conditional_t<std::is_void_v<T>, bool, std::optional<T>>;

public:
    awaiter(cancel_scope& scope, coro<T> body) : scope_(scope), body_(std::move(body).operator co_await()) {}

    [[nodiscard]] bool await_ready() const {
        scope_.enter();
        return false;
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) {
        return body_.await_suspend(coroutine);
    }
    outcome await_resume() {
        const scope_exit left([this] { scope_.leave(false); });
        try {
            if constexpr (std::is_void_v<T>) {
                body_.await_resume();
                return true;
            } else {
                return body_.await_resume();
            }
        } catch (const cancelled_error&) {
            if (scope_.leave(true)) return {};
            throw;
        }
    }

private:
    cancel_scope& scope_;
    typename coro<T>::awaiter body_;
};

/// Runs a coroutine for a limited time and goes on (AnyIO: move_on_after).
///
/// Returns: as cancel_scope::run. Errors: what the coroutine throws; std::invalid_argument for NaN.
/// Cancellation: as the coroutine handles it; level-triggered once the time is over.
/// Example:
///     if (auto page = co_await move_on_after(2s, fetch(url))) show(*page);
template <class T, class Rep, class Period>
coro<std::conditional_t<std::is_void_v<T>, bool, std::optional<T>>> move_on_after(
    std::chrono::duration<Rep, Period> delay, coro<T> body) {
    cancel_scope scope({.deadline = add_saturated(get_running_loop().time(), to_duration(delay))});
    co_return co_await scope.run(std::move(body));
}

/// Runs a coroutine for a limited time (AnyIO: fail_after). As timeout, but level-triggered.
///
/// Returns: what the coroutine returns. Errors: timeout_error when the time was over; what the coroutine throws.
/// Cancellation: as the coroutine handles it.
template <class T, class Rep, class Period>
coro<T> fail_after(std::chrono::duration<Rep, Period> delay, coro<T> body) {
    auto outcome = co_await move_on_after(delay, std::move(body));
    if (!outcome) throw timeout_error();
    if constexpr (!std::is_void_v<T>) co_return std::move(*outcome);
}

/// Runs a coroutine that is not to be disturbed, such as a clean-up: a shield around it, and no deadline.
///
/// Returns: what it returns. Errors: what it throws.
/// Cancellation: shielded; one that is requested meanwhile arrives at the next suspension after it. Put a time limit
/// inside: a shielded coroutine that never ends cannot be cancelled.
template <class T>
coro<T> shielded(coro<T> body) {
    cancel_scope scope({.shield = true});
    auto outcome = co_await scope.run(std::move(body));
    if constexpr (!std::is_void_v<T>) co_return std::move(*outcome);
}

}  // namespace aioxx
