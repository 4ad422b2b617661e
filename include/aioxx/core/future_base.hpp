// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/future_base.hpp: the untyped part of everything that completes once: who waits, who is called back,
// who still holds a reference, and whether anybody looked at the error. future and task are built on it.

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

/// Shared state that completes once. Counted by reference, on one thread.
class future_base : public pool_allocated {
public:
    future_base(const future_base&) = delete;
    future_base& operator=(const future_base&) = delete;

    [[nodiscard]] bool done() const noexcept { return state_ != state::pending; }
    [[nodiscard]] bool cancelled() const noexcept { return state_ == state::cancelled; }
    [[nodiscard]] event_loop& loop() const noexcept { return *loop_; }

    /// Requests a cancellation. Returns: false when it is done already.
    virtual bool cancel(std::string message) = 0;

    /// Text that names it in reports.
    [[nodiscard]] virtual std::string describe() const = 0;

    /// Runs a callback through the loop when it is done, in the order of registration; at once through the loop
    /// when it is done already.
    void add_done_callback(function<void()> callback);

    /// Takes a waiter in; it is woken on completion. Requires: not done.
    void add_waiter(wait_node& node) noexcept { waiters_.push_back(node); }

    /// Runs a node through the loop when it is done, or at once through the loop when it is done already.
    void notify(wait_node& node) {
        if (done()) {
            loop_->schedule(node);
        } else {
            add_waiter(node);
        }
    }

    /// Errors: invalid_state_error in a task of another loop, which could never be woken.
    void require_awaitable_here() const {
        if (loop_ != detail::running_loop) [[unlikely]] throw_foreign();
    }

    /// Whoever sees the outcome calls this, so that an error is not reported as unseen.
    void mark_retrieved() noexcept { retrieved_ = true; }

    void add_reference() noexcept { ++references_; }
    void drop_reference() noexcept {
        if (--references_ == 0) {
            report_unseen_error();
            delete this;
        }
    }

protected:
    enum class state : std::uint8_t { pending, finished, cancelled };

    explicit future_base(event_loop& loop) noexcept : loop_(&loop) {}
    virtual ~future_base() {
        while (wait_node* node = waiters_.pop_front()) node->discard();
    }

    /// The exception that it ended with, or null.
    [[nodiscard]] virtual std::exception_ptr outcome_exception() const noexcept = 0;

    /// Changes the state and schedules everybody who waits.
    void complete(state outcome) {
        state_ = outcome;
        while (wait_node* node = waiters_.pop_front()) loop_->schedule(*node);
    }

private:
    [[noreturn]] AIOXX_COLD void throw_foreign() const {
        throw invalid_state_error(describe() + " belongs to another event loop");
    }

    void report_unseen_error() noexcept {
        if (retrieved_ || state_ != state::finished) return;
        if (std::exception_ptr exception = outcome_exception()) {
            loop_->call_exception_handler({"exception was never retrieved", std::move(exception), describe()});
        }
    }

    event_loop* loop_;
    wait_list waiters_;
    std::uint32_t references_ = 0;
    state state_ = state::pending;
    bool retrieved_ = false;
};

/// Owning pointer to a shared state.
template <class State>
class state_ptr {
public:
    state_ptr() noexcept = default;
    explicit state_ptr(State* state) noexcept : state_(state) {
        if (state_ != nullptr) state_->add_reference();
    }
    state_ptr(const state_ptr& other) noexcept : state_ptr(other.state_) {}
    state_ptr(state_ptr&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    state_ptr& operator=(state_ptr other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~state_ptr() {
        if (state_ != nullptr) state_->drop_reference();
    }

    [[nodiscard]] State* get() const noexcept { return state_; }
    State* operator->() const noexcept { return state_; }
    State& operator*() const noexcept { return *state_; }
    explicit operator bool() const noexcept { return state_ != nullptr; }

private:
    State* state_ = nullptr;
};

namespace detail {

// A done callback in the wait list; scheduled like a coroutine that waits.
class done_callback final : public wait_node, public pool_allocated {
public:
    explicit done_callback(function<void()> callback) : callback_(std::move(callback)) {}
    void run() override {
        const std::unique_ptr<done_callback> ended(this);
        callback_.call();
    }
    void discard() noexcept override { delete this; }

private:
    bound_callback callback_;
};

}  // namespace detail

inline void future_base::add_done_callback(function<void()> callback) {
    notify(*new detail::done_callback(std::move(callback)));
}

}  // namespace aioxx
