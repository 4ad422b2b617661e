// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/waiter.hpp: one suspended coroutine: how it is woken, and how its wait is cancelled.
// A waiter lives inside an awaiter, and so in the frame of the coroutine that waits: waiting allocates
// nothing and cancelling unlinks one node. The task's side of the same matter is core/task_context.hpp.
//
// Rules. Waking schedules the coroutine and never resumes it inline. A wait is cancelled by its task and only
// while it has not been woken; a task that is cancelled between the wake-up and the resumption sets
// cancelled() on the waiter, and the awaiter's await_resume decides: hand on what was taken and throw, or keep
// it and put the cancellation off to the next suspension (postpone_cancellation).

#include <coroutine>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/ready_queue.hpp>
#include <aioxx/core/task_context.hpp>

namespace aioxx {

class future_base;
struct wait_tag;

/// Something in a wait list that is scheduled when its turn has come: a suspended coroutine or a callback.
class wait_node : public ready_node, public list_node<wait_tag> {
protected:
    wait_node() = default;
    ~wait_node() = default;
};

/// FIFO of those who wait for the same thing.
using wait_list = intrusive_list<wait_node, wait_tag>;

/// Base of awaiters that suspend.
///
/// A derived awaiter registers itself wherever it will be woken from, and then calls suspend().
class waiter : public wait_node {
public:
    /// Schedules the resumption. Nothing happens when it is scheduled already, or does not wait.
    void wake() noexcept {
        if (!is_waiting()) return;
        phase_ = phase::woken;
        loop_->schedule(*this);
    }

    /// Whether it has not been woken. A future wakes its waiters by scheduling them, without wake().
    [[nodiscard]] bool is_waiting() const noexcept {
        return phase_ == phase::waiting && !ready_node::is_linked();
    }
    /// Whether the wait was cancelled, or its task was after the wake-up.
    [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
    /// The loop that it waits on, or waited on last. Requires: it has waited.
    [[nodiscard]] event_loop* loop() const noexcept { return loop_; }

    /// Resumes the coroutine. Called by the loop.
    void run() override {
        phase_ = phase::idle;
        if (task_ == nullptr) return coroutine_.resume();
        task_->waiter_ = nullptr;
        if (task_->attention_ != 0 && task_->take_request()) [[unlikely]] cancelled_ = true;
        task_->resume(*loop_, coroutine_);
    }

    [[nodiscard]] step_source source() const noexcept override;

protected:
    waiter() noexcept {}  // leaves the members without an initial value alone
    ~waiter() = default;

    /// Makes the coroutine wait: the last thing in await_suspend. Delivers a cancellation that is pending already,
    /// so cancel_wait() may be called from here. A wake() before it is lost.
    template <class Promise>
    void suspend(std::coroutine_handle<Promise> coroutine) {
        if constexpr (std::is_base_of_v<detail::promise_base, Promise>) {
            start_waiting(coroutine, coroutine.promise().task);
        } else {
            start_waiting(coroutine, nullptr);
        }
    }

    /// Undoes the wait because the task is cancelled. Must lead to wake(), at once or later.
    virtual void cancel_wait() noexcept { wake_cancelled(); }

    /// What the wait is for, for reports.
    [[nodiscard]] virtual const char* waits_for() const noexcept = 0;

    /// The tasks and futures that the wait is for, for reports.
    [[nodiscard]] virtual std::vector<const future_base*> awaited() const { return {}; }

    /// Leaves the wait list and wakes with cancelled() set.
    void wake_cancelled() noexcept {
        list_node<wait_tag>::unlink();
        cancelled_ = true;
        wake();
    }

    /// Notes that the wait was cancelled, when the wake-up comes later.
    void set_cancelled() noexcept { cancelled_ = true; }

    /// Throws cancelled_error with the request's message when cancelled().
    void throw_if_cancelled() const {
        if (cancelled_) [[unlikely]] throw_cancelled();
    }

    /// The message of the request that cancelled the wait.
    [[nodiscard]] std::string cancel_message() const {
        return task_ != nullptr ? task_->cancel_message() : std::string();
    }

    /// The operation finished in spite of the cancellation: the task's next suspension throws instead.
    void postpone_cancellation() noexcept {
        cancelled_ = false;
        if (task_ != nullptr) task_->set(task_context::attention::request);
    }

private:
    friend class task_context;
    enum class phase : unsigned char { idle, waiting, woken };

    void start_waiting(std::coroutine_handle<> coroutine, task_context* task) {
        loop_ = &get_running_loop();
        coroutine_ = coroutine;
        task_ = task;
        phase_ = phase::waiting;
        cancelled_ = false;
        if (task_ == nullptr) return;
        task_->waiter_ = this;
        if (task_->attention_ != 0) [[unlikely]] task_->attend_suspension();
    }

    [[noreturn]] AIOXX_COLD void throw_cancelled() const { throw cancelled_error(cancel_message()); }

    // These three mean something from the first suspension on.
    std::coroutine_handle<> coroutine_;
    task_context* task_;  // null in a coroutine of a foreign type
    event_loop* loop_;
    phase phase_ = phase::idle;
    bool cancelled_ = false;
};

// ---- definitions ----

inline const char* task_context::waits_for() const noexcept {
    return waiter_ != nullptr && waiter_->is_waiting() ? waiter_->waits_for() : nullptr;
}

inline void task_context::request_cancel(std::string message, const cancel_region* origin) noexcept {
    if (cancel_region* shield = cancel_region::shield_between(region_, origin)) {
        return shield->hold_back(std::move(message));
    }
    ++requests_;
    set_message(std::move(message));
    if (waiter_ != nullptr && waiter_->is_waiting()) {
        waiter_->cancel_wait();
    } else {
        set(attention::request);
    }
}

inline void task_context::region_cancelled(const std::string& message) noexcept {
    set_message(message);
    set(attention::region);
    if (waiter_ != nullptr && waiter_->is_waiting()) waiter_->cancel_wait();
}

inline std::vector<std::source_location> task_context::stack() const {
    std::vector<std::source_location> points;
    if (waiter_ == nullptr) return points;
    for (std::coroutine_handle<> each = waiter_->coroutine_; each;) {
        const detail::promise_base& promise = detail::promise_base::of(each);
        points.push_back(promise.where);
        each = promise.continuation;
    }
    return points;
}

inline std::vector<const future_base*> task_context::awaited() const {
    return waiter_ != nullptr && waiter_->is_waiting() ? waiter_->awaited() : std::vector<const future_base*>();
}

inline step_source waiter::source() const noexcept {
    if (task_ == nullptr) return {};
    return {task_, detail::promise_base::of(coroutine_).where};
}

inline void task_context::attend_suspension() {
    waiter& suspended = *waiter_;
    if (has(attention::instrument)) {
        suspended.loop()->tell_instruments([this](instrument& each) { each.task_suspends(*this); });
    }
    if ((take_request() || has(attention::region)) && suspended.is_waiting()) suspended.cancel_wait();
}

inline void task_context::resume(event_loop& loop, std::coroutine_handle<> point) {
    loop_task* former = loop.exchange_current(this);
    point.resume();
    while (next_) std::exchange(next_, {}).resume();
    loop.exchange_current(former);
    if (root_.done()) finish();
}

}  // namespace aioxx
