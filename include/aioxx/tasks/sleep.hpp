// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/sleep.hpp: waits for time to pass, or for everybody else to have had a turn.

#include <chrono>
#include <coroutine>
#include <memory>
#include <type_traits>
#include <utility>

#include <aioxx/core/clock.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/timer_queue.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

namespace detail {

// The timer is part of the awaiter and resumes the coroutine itself: nothing is allocated and nothing is
// scheduled twice. Giving way needs none, so it only exists while it is armed.
class sleep_awaiter : public waiter {
public:
    explicit sleep_awaiter(duration delay) noexcept : delay_(delay) {}
    ~sleep_awaiter() {
        if (timed_) end_timer();
    }

    static constexpr bool await_ready() noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) {
        event_loop& loop = get_running_loop();
        if (delay_ > duration::zero()) {
            start_timer(loop);
            this->suspend(coroutine);
            return true;
        }
        if constexpr (std::is_base_of_v<promise_base, Promise>) {
            if (coroutine.promise().task->suspends_freely() && loop.may_skip_yield()) return false;
        }
        this->suspend(coroutine);
        this->wake();
        return true;
    }
    void await_resume() const { this->throw_if_cancelled(); }

private:
    class timer final : public timer_node {
    public:
        explicit timer(sleep_awaiter& owner) noexcept : owner_(owner) {}
        void run() override { owner_.waiter::run(); }
        [[nodiscard]] step_source source() const noexcept override { return owner_.waiter::source(); }

    private:
        sleep_awaiter& owner_;
    };

    void start_timer(event_loop& loop) {
        std::construct_at(&timer_, *this);
        timed_ = true;
        loop.schedule_at(timer_, add_saturated(loop.time(), delay_));
    }
    // Takes it out of the loop, where it may be due already.
    void end_timer() noexcept {
        timed_ = false;
        std::destroy_at(&timer_);
    }

    void cancel_wait() noexcept override {
        if (timed_) end_timer();
        this->wake_cancelled();
    }
    const char* waits_for() const noexcept override { return "sleep"; }

    duration delay_;
    bool timed_ = false;  // timer_ exists
    union {
        timer timer_;
    };
};

template <class T>
class sleep_value_awaiter final : public sleep_awaiter {
public:
    sleep_value_awaiter(duration delay, T value) : sleep_awaiter(delay), value_(std::move(value)) {}
    T await_resume() {
        this->throw_if_cancelled();
        return std::move(value_);
    }

private:
    T value_;
};

}  // namespace detail

/// Waits until a delay has passed (asyncio: sleep).
///
/// Parameters: `delay` of any unit, also floating point; at zero and below everything that is ready runs once,
/// then this task goes on. Infinity waits until it is cancelled.
/// Errors: std::invalid_argument for NaN.
/// Cancellation: safe, the timer is taken out at once.
/// Example:
///     co_await aioxx::sleep(1500ms);
template <class Rep, class Period>
[[nodiscard]] detail::sleep_awaiter sleep(std::chrono::duration<Rep, Period> delay) {
    return detail::sleep_awaiter(to_duration(delay));
}

/// Waits likewise. Returns: the given value.
/// Cancellation: as for the other form; the value is dropped.
template <class Rep, class Period, class T>
[[nodiscard]] detail::sleep_value_awaiter<T> sleep(std::chrono::duration<Rep, Period> delay, T value) {
    return detail::sleep_value_awaiter<T>(to_duration(delay), std::move(value));
}

}  // namespace aioxx
