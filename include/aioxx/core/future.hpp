// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/future.hpp: future<T>, a result that is set once, from outside, and awaited by any number of tasks.

#include <coroutine>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/result.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

namespace detail {

// A base with a typed result: what future and task share.
template <class T, class Base>
class outcome_state : public Base {
public:
    using Base::Base;
    result<T> outcome;

protected:
    std::exception_ptr outcome_exception() const noexcept override { return outcome.exception(); }
};

class plain_future_base : public future_base {
public:
    static constexpr const char* kind = "future";
    using future_base::future_base;
    [[nodiscard]] std::string describe() const override { return "future"; }
};

template <class T>
class future_state final : public outcome_state<T, plain_future_base> {
public:
    explicit future_state(event_loop& loop) : outcome_state<T, plain_future_base>(loop) {}

    void finish() { this->complete(future_base::state::finished); }
    bool cancel(std::string message) override {
        if (this->done()) return false;
        this->outcome.set_exception(std::make_exception_ptr(cancelled_error(std::move(message))));
        this->complete(future_base::state::cancelled);
        return true;
    }
};

// Waits for a shared state. Moves the value out for an rvalue, refers to it for an lvalue.
template <class T, class State, bool Move>
class outcome_awaiter final : public waiter {
public:
    explicit outcome_awaiter(state_ptr<State> state) noexcept : state_(std::move(state)) {}

    [[nodiscard]] bool await_ready() const noexcept { return state_->done(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        state_->require_awaitable_here();
        state_->add_waiter(*this);
        this->suspend(coroutine);
    }
    decltype(auto) await_resume() {
        this->throw_if_cancelled();
        state_->mark_retrieved();
        if constexpr (Move || std::is_void_v<T>) {
            return state_->outcome.take_value();
        } else {
            return static_cast<const T&>(state_->outcome.get());
        }
    }

private:
    // As in asyncio, cancelling the waiting task cancels what it waits for, and the task goes on when that ends.
    void cancel_wait() noexcept override {
        if (!state_->cancel(this->cancel_message())) this->wake_cancelled();
    }
    const char* waits_for() const noexcept override { return State::kind; }
    std::vector<const future_base*> awaited() const override { return {state_.get()}; }

    state_ptr<State> state_;
};

}  // namespace detail

/// What future and task have in common: one outcome, any number of holders and waiters.
///
/// Copies refer to the same outcome. Concurrency: one loop.
template <class T, class State>
class outcome_handle {
public:
    using value_type = T;

    outcome_handle() noexcept = default;

    [[nodiscard]] bool done() const { return checked().done(); }
    [[nodiscard]] bool cancelled() const { return checked().cancelled(); }
    explicit operator bool() const noexcept { return static_cast<bool>(state_); }

    /// Requests a cancellation. Returns: false when it is done already.
    bool cancel(std::string message = {}) const { return checked().cancel(std::move(message)); }

    /// The value where it is, or throws what it ended with.
    ///
    /// Errors: invalid_state_error while it is not done; cancelled_error when it was cancelled.
    /// Lifetime: the reference is valid as long as a holder exists.
    std::add_lvalue_reference_t<T> result() const {
        checked();
        if (!state_->done()) throw invalid_state_error("result: the " + state_->describe() + " is not done");
        state_->mark_retrieved();
        return state_->outcome.get();
    }

    /// The exception it ended with, or null. Errors: as result().
    [[nodiscard]] std::exception_ptr exception() const {
        checked();
        if (!state_->done()) throw invalid_state_error("exception: the " + state_->describe() + " is not done");
        state_->mark_retrieved();
        if (state_->cancelled()) std::rethrow_exception(state_->outcome.exception());
        return state_->outcome.exception();
    }

    /// Calls back through the loop when it is done; asyncio's add_done_callback without the argument.
    void add_done_callback(function<void()> callback) const { checked().add_done_callback(std::move(callback)); }

    /// Waits for the outcome; does not suspend when it is there. Returns: a reference to the value.
    ///
    /// Errors: what it ended with; invalid_state_error in a task of another loop, or in the task that is awaited.
    /// Cancellation: cancels what is waited for, as in asyncio; use shield to keep it running.
    auto operator co_await() const& {
        checked();
        return detail::outcome_awaiter<T, State, false>(state_);
    }
    /// Waits for the outcome. Returns: the value, moved out.
    /// Cancellation: as for the other form.
    auto operator co_await() && {
        checked();
        return detail::outcome_awaiter<T, State, true>(std::move(state_));
    }

    [[nodiscard]] const state_ptr<State>& shared_state() const& noexcept { return state_; }
    [[nodiscard]] state_ptr<State> shared_state() && noexcept { return std::move(state_); }

protected:
    explicit outcome_handle(state_ptr<State> state) noexcept : state_(std::move(state)) {}

    State& checked() const {
        if (!state_) throw invalid_state_error("an empty future or task was used");
        return *state_;
    }

    state_ptr<State> state_;
};

/// A result that somebody sets once and others await (asyncio: Future).
template <class T = void>
class future : public outcome_handle<T, detail::future_state<T>> {
    using base = outcome_handle<T, detail::future_state<T>>;

public:
    future() noexcept = default;

    /// A pending future of a loop (asyncio: loop.create_future).
    explicit future(event_loop& loop) : base(state_ptr(new detail::future_state<T>(loop))) {}

    /// Sets the value and wakes all who wait, in order. Errors: invalid_state_error when it is done already.
    template <class... Args>
    void set_result(Args&&... args) const {
        require_pending("set_result");
        this->state_->outcome.set_value(std::forward<Args>(args)...);
        this->state_->finish();
    }

    /// Sets an exception and wakes all who wait. Errors: as set_result; std::invalid_argument for a null pointer.
    void set_exception(std::exception_ptr exception) const {
        require_pending("set_exception");
        if (!exception) throw std::invalid_argument("set_exception: expected an exception, got a null pointer");
        this->state_->outcome.set_exception(std::move(exception));
        this->state_->finish();
    }

private:
    void require_pending(const char* operation) const {
        if (this->checked().done()) throw invalid_state_error(std::string(operation) + ": the future is already done");
    }
};

/// A pending future of the running loop.
template <class T = void>
[[nodiscard]] future<T> create_future() {
    return future<T>(get_running_loop());
}

}  // namespace aioxx
