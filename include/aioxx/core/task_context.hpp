// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/task_context.hpp: what the coroutines of one task share, and what each of them knows of it.

#include <coroutine>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/core/cancellation.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/frame_pool.hpp>

namespace aioxx {

class future_base;
class waiter;

namespace detail {
struct promise_base;
}

/// What the coroutines of one task share: where it goes on, and the cancellations requested of it.
///
/// Counting as in asyncio: cancel() adds a request, uncancel() takes one back, each request is delivered once
/// as cancelled_error at a suspension. In a cancelled region (core/cancellation.hpp) every suspension throws.
class task_context : public loop_task {
public:
    /// Requests outstanding (asyncio: Task.cancelling). Those that wait at a shield do not count yet.
    [[nodiscard]] int cancelling() const noexcept { return requests_; }

    /// Requests outstanding that were already delivered: what a scope that will cancel its own task remembers,
    /// to know at its end whether somebody else cancelled it as well.
    [[nodiscard]] int delivered() const noexcept { return requests_ - (has(attention::request) ? 1 : 0); }

    /// Takes one request back; at zero one that is not delivered yet is forgotten. Returns: what is left.
    int uncancel() noexcept {
        if (requests_ > 0) --requests_;
        if (requests_ == 0) clear(attention::request);
        return requests_;
    }

    /// Takes back the request that a scope made, which remembered delivered() at its start, delivered or not.
    /// Returns: whether somebody else has requested a cancellation since then.
    bool take_back(int remembered) noexcept {
        if (uncancel() > remembered) return true;
        clear(attention::request);
        return false;
    }

    /// Requests a cancellation on behalf of a scope that was opened in a region: shields around it do not count.
    /// The region is null for requests from outside of the task.
    void request_cancel(std::string message, const cancel_region* origin = nullptr) noexcept;

    /// Whether its next suspension throws.
    [[nodiscard]] bool is_cancellation_pending() const noexcept {
        return has(attention::request) || has(attention::region);
    }

    /// Whether its next suspension is nothing but that: no cancellation is pending and nobody watches.
    [[nodiscard]] bool suspends_freely() const noexcept { return attention_ == 0; }

    /// The innermost region that it is in, or null.
    [[nodiscard]] cancel_region* region() const noexcept { return region_; }

    /// Changes the region. For regions and groups, which keep the tree in order.
    void set_region(cancel_region* innermost) noexcept {
        region_ = innermost;
        if (innermost != nullptr && cancel_region::throws_in(innermost)) {
            set(attention::region);
        } else {
            clear(attention::region);
        }
    }

    /// The region that it is in was cancelled: ends the present wait.
    void region_cancelled(const std::string& message) noexcept;

    void watch() noexcept override { set(attention::instrument); }

    /// What it waits for now, or null while it runs or is scheduled.
    [[nodiscard]] const char* waits_for() const noexcept;

    /// The tasks and futures that it waits for now.
    [[nodiscard]] std::vector<const future_base*> awaited() const;

    /// Where it is suspended, the innermost coroutine first; empty while it runs.
    [[nodiscard]] std::vector<std::source_location> stack() const;

protected:
    task_context(std::coroutine_handle<> root, const context& values) noexcept : loop_task(values), root_(root) {}
    ~task_context() = default;

    /// Runs the coroutine from a point until it suspends or ends. A coroutine that ends names the one that
    /// awaits it, which is resumed from here: the stack stays flat however long the chain, with any compiler.
    void resume(event_loop& loop, std::coroutine_handle<> point);

    /// The root coroutine has ended.
    virtual void finish() = 0;

    /// Takes the request that is still to be delivered. Returns: whether there was one.
    bool take_request() noexcept {
        const bool there = has(attention::request);
        clear(attention::request);
        return there;
    }

    [[nodiscard]] std::string cancel_message() const { return message_ ? *message_ : std::string(); }

    /// The coroutines are about to be destroyed where they stand: there is no wait to cancel any more.
    void forget_wait() noexcept { waiter_ = nullptr; }

    std::coroutine_handle<> root_;

private:
    friend class waiter;
    friend struct detail::promise_base;

    // Why a suspension is not just a suspension.
    enum class attention : unsigned char {
        request = 1,     // a request waits to be delivered
        region = 2,      // it is in a cancelled region
        instrument = 4,  // somebody watches
    };

    [[nodiscard]] bool has(attention reason) const noexcept { return (attention_ & static_cast<unsigned char>(reason)) != 0; }
    void set(attention reason) noexcept { attention_ |= static_cast<unsigned char>(reason); }
    void clear(attention reason) noexcept { attention_ &= static_cast<unsigned char>(~static_cast<unsigned>(reason)); }

    void set_message(std::string message) noexcept {
        message_ = message.empty() ? nullptr : std::make_unique<std::string>(std::move(message));
    }

    void attend_suspension();

    std::coroutine_handle<> next_;  // who awaited the coroutine that just ended
    waiter* waiter_ = nullptr;      // where it is suspended; null while it runs
    cancel_region* region_ = nullptr;
    std::unique_ptr<std::string> message_;  // of the latest request; null when it has none
    int requests_ = 0;
    unsigned char attention_ = 0;  // set of attention
};

namespace detail {

// Stands for an awaiter that lives elsewhere in the same expression: g++ 12 copies what await_transform returns by
// reference.
template <class Awaiter>
struct awaiter_reference {
    Awaiter& awaiter;

    bool await_ready() { return awaiter.await_ready(); }
    template <class Promise>
    auto await_suspend(std::coroutine_handle<Promise> coroutine) {
        return awaiter.await_suspend(coroutine);
    }
    decltype(auto) await_resume() { return awaiter.await_resume(); }
};

// The untyped part of the promise of every coroutine that runs in a task.
struct promise_base : pool_allocated {
    task_context* task = nullptr;          // inherited from whoever awaits it
    std::coroutine_handle<> continuation;  // set once it has suspended below a parent
    std::source_location where;            // of its latest co_await, or its beginning

    /// The promise behind an untyped handle. Requires: a coroutine of ours, whose promise begins with this part.
    static const promise_base& of(std::coroutine_handle<> coroutine) noexcept {
        return std::coroutine_handle<promise_base>::from_address(coroutine.address()).promise();
    }

    struct final_awaiter {
        static constexpr bool await_ready() noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> ended) noexcept {
            ended.promise().continue_parent();
        }
        static constexpr void await_resume() noexcept {}
    };

    static std::suspend_always initial_suspend() noexcept { return {}; }
    static final_awaiter final_suspend() noexcept { return {}; }

    /// Remembers where something is awaited, and gives its awaiter.
    template <class Awaitable>
    decltype(auto) await_transform(Awaitable&& awaitable,
                                   std::source_location place = std::source_location::current()) {
        where = place;
        if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
            return std::forward<Awaitable>(awaitable).operator co_await();
        } else if constexpr (requires { operator co_await(std::forward<Awaitable>(awaitable)); }) {
            return operator co_await(std::forward<Awaitable>(awaitable));
        } else {
            static_assert(requires { awaitable.await_ready(); },
                          "this cannot be awaited; a coro that has a name is awaited with co_await std::move(name)");
            return awaiter_reference<std::remove_reference_t<Awaitable>>{awaitable};
        }
    }

private:
    void continue_parent() noexcept {
        if (continuation) task->next_ = continuation;
    }
};

}  // namespace detail

// ---- definitions ----

inline void cancel_region::enter(task_context& task) noexcept {
    task_ = &task;
    parent_ = task.region();
    if (parent_ != nullptr) parent_->inner_.push_back(*this);
    task.set_region(this);
}

inline void cancel_region::leave() noexcept {
    if (task_ == nullptr) return;
    task_context& task = *std::exchange(task_, nullptr);
    while (cancel_region* each = inner_.pop_front()) each->parent_ = nullptr;  // left behind by a closed loop
    list_node<region_tag>::unlink();
    task.set_region(parent_);
    for (; held_back_ > 0; --held_back_) task.request_cancel(message_);
}

inline cancel_region::~cancel_region() { leave(); }

inline void cancel_region::cancel(std::string message) noexcept {
    if (std::exchange(cancelled_, true)) return;
    if (task_ != nullptr) deliver(message);
}

// To every task that is in this region and not behind a shield.
inline void cancel_region::deliver(const std::string& message) noexcept {
    if (task_->region() == this) task_->region_cancelled(message);
    for (region_group* each = groups_.front(); each != nullptr; each = groups_.next(*each)) {
        each->region_cancelled(*this, message);
    }
    for (cancel_region* each = inner_.front(); each != nullptr; each = inner_.next(*each)) {
        if (!each->shield_ && !each->cancelled_) each->deliver(message);
    }
}

}  // namespace aioxx
