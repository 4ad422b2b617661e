// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/waiter.hpp: one suspended coroutine: how it is woken, and how its wait is cancelled.
// A waiter lives inside an awaiter, and so in the frame of the coroutine that waits: waiting allocates
// nothing and cancelling unlinks one node. The task's side of the same matter, task_context, stands here too.
//
// Rules. Waking schedules the coroutine and never resumes it inline. A wait is cancelled by its task and only
// while it has not been woken; a task that is cancelled between the wake-up and the resumption sets
// cancelled() on the waiter, and the awaiter's await_resume decides: hand on what was taken and throw, or keep
// it and put the cancellation off to the next suspension (postpone_cancellation).

#include <coroutine>
#include <string>
#include <type_traits>
#include <utility>

#include <aioxx/base/contract.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/ready_queue.hpp>

namespace aioxx {

class waiter;
struct wait_tag;

namespace detail {
struct promise_base;
}

/// Something in a wait list that is scheduled when its turn has come: a suspended coroutine or a callback.
class wait_node : public ready_node, public list_node<wait_tag> {
protected:
    wait_node() = default;
    ~wait_node() = default;
};

/// FIFO of those who wait for the same thing.
using wait_list = intrusive_list<wait_node, wait_tag>;

/// What the coroutines of one task share: where it goes on, and the cancellations requested of it.
///
/// Counting as in asyncio: cancel() adds a request, uncancel() takes one back, each request is delivered once
/// as cancelled_error at a suspension.
class task_context {
public:
    /// Requests outstanding (asyncio: Task.cancelling).
    [[nodiscard]] int cancelling() const noexcept { return requests_; }

    /// Requests outstanding that were already delivered: what a scope that will cancel its own task remembers,
    /// to know at its end whether somebody else cancelled it as well.
    [[nodiscard]] int delivered() const noexcept { return requests_ - (must_cancel_ ? 1 : 0); }

    /// Takes one request back; at zero one that is not delivered yet is forgotten. Returns: what is left.
    int uncancel() noexcept {
        if (requests_ > 0) --requests_;
        if (requests_ == 0) must_cancel_ = false;
        return requests_;
    }

    /// Takes back the request that a scope made, which remembered delivered() at its start, delivered or not.
    /// Returns: whether somebody else has requested a cancellation since then.
    bool take_back(int remembered) noexcept {
        if (uncancel() > remembered) return true;
        must_cancel_ = false;
        return false;
    }

    /// What it waits for now, or null while it runs or is scheduled.
    [[nodiscard]] const char* waits_for() const noexcept;

protected:
    explicit task_context(std::coroutine_handle<> root) noexcept : root_(root) {}
    ~task_context() = default;

    /// Adds a request and delivers it to the present wait, or leaves it for the next suspension.
    void request_cancel(std::string message) noexcept;

    /// Runs the coroutine from a point until it suspends or ends. A coroutine that ends names the one that
    /// awaits it, which is resumed from here: the stack stays flat however long the chain, with any compiler.
    void resume(event_loop& loop, std::coroutine_handle<> point);

    /// The root coroutine has ended.
    virtual void finish() = 0;

    [[nodiscard]] const std::string& cancel_message() const noexcept { return message_; }

    /// The coroutines are about to be destroyed where they stand: there is no wait to cancel any more.
    void forget_wait() noexcept { waiter_ = nullptr; }

    std::coroutine_handle<> root_;
    bool must_cancel_ = false;  // a request that the next suspension throws

private:
    friend class waiter;
    friend struct detail::promise_base;

    std::coroutine_handle<> next_;  // who awaited the coroutine that just ended
    waiter* waiter_ = nullptr;      // where it is suspended; null while it runs
    int requests_ = 0;
    std::string message_;  // of the latest request
};

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
    /// The loop that it waits on, or waited on last; null before.
    [[nodiscard]] event_loop* loop() const noexcept { return loop_; }

    /// Resumes the coroutine. Called by the loop.
    void run() override {
        phase_ = phase::idle;
        if (task_ == nullptr) return coroutine_.resume();
        task_->waiter_ = nullptr;
        if (task_->must_cancel_) {
            task_->must_cancel_ = false;
            cancelled_ = true;
        }
        task_->resume(*loop_, coroutine_);
    }

protected:
    waiter() = default;
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
        if (cancelled_) [[unlikely]] {
            throw cancelled_error(cancel_message());
        }
    }

    /// The message of the request that cancelled the wait.
    [[nodiscard]] std::string cancel_message() const { return task_ != nullptr ? task_->message_ : std::string(); }

    /// The operation finished in spite of the cancellation: the task's next suspension throws instead.
    void postpone_cancellation() noexcept {
        cancelled_ = false;
        if (task_ != nullptr) task_->must_cancel_ = true;
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
        if (task_->must_cancel_) [[unlikely]] {
            task_->must_cancel_ = false;
            cancel_wait();
        }
    }

    std::coroutine_handle<> coroutine_;
    task_context* task_ = nullptr;  // null in a coroutine of a foreign type
    event_loop* loop_ = nullptr;
    phase phase_ = phase::idle;
    bool cancelled_ = false;
};

// ---- definitions ----

inline const char* task_context::waits_for() const noexcept {
    return waiter_ != nullptr && waiter_->is_waiting() ? waiter_->waits_for() : nullptr;
}

inline void task_context::request_cancel(std::string message) noexcept {
    ++requests_;
    message_ = std::move(message);
    if (waiter_ != nullptr && waiter_->is_waiting()) {
        waiter_->cancel_wait();
    } else {
        must_cancel_ = true;
    }
}

inline void task_context::resume(event_loop& loop, std::coroutine_handle<> point) {
    task_context* former = loop.exchange_current_task(this);
    point.resume();
    while (next_) std::exchange(next_, {}).resume();
    loop.exchange_current_task(former);
    if (root_.done()) finish();
}

}  // namespace aioxx
