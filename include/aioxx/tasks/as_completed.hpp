// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/as_completed.hpp: tasks one after the other as they are done.

#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/ring_buffer.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/timer_queue.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/tasks/wait.hpp>

namespace aioxx {

namespace detail {

// Those that have ended and were not given yet, in order, and those who wait for the next one.
//
// A waiter that is woken has a promise: one of those that have ended is set aside for it until it resumes, so that
// nobody who comes later takes it away. A waiter that was cancelled meanwhile leaves it to the next one.
template <class Handle>
class completion_feed : pinned {
public:
    completion_feed(std::vector<Handle> handles, std::optional<duration> timeout)
        : loop_(get_running_loop()), handles_(std::move(handles)) {
        for (const Handle& handle : handles_) static_cast<void>(handle.done());  // refuses an empty one
        remove_duplicates(handles_);
        left_ = running_ = handles_.size();
        members_ = std::vector<member>(handles_.size());
        for (std::size_t index = 0; index < handles_.size(); ++index) members_[index].start(*this, index);
        if (timeout && running_ != 0) loop_.schedule_at(deadline_, add_saturated(loop_.time(), *timeout));
    }
    ~completion_feed() { loop_.unschedule(deadline_); }

    class awaiter final : public waiter {
    public:
        explicit awaiter(completion_feed& feed) noexcept : feed_(feed) {}
        ~awaiter() {
            if (promised_) leave_promise();
        }

        [[nodiscard]] bool await_ready() const noexcept { return feed_.can_answer(); }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> coroutine) {
            feed_.waiting_.push_back(*this);
            this->suspend(coroutine);
        }
        std::optional<Handle> await_resume() {
            const bool promised = promised_;
            if (promised) leave_promise(this->cancelled());
            this->throw_if_cancelled();
            return feed_.answer(promised);
        }

    private:
        friend class completion_feed;

        // Parameters: `to_next` whether somebody else is to have what was promised.
        void leave_promise(bool to_next = true) noexcept {
            promised_ = false;
            --feed_.promises_;
            if (to_next) feed_.wake();
        }
        const char* waits_for() const noexcept override { return "the next of several tasks"; }
        std::vector<const future_base*> awaited() const override { return feed_.running(); }

        completion_feed& feed_;
        bool promised_ = false;
    };

private:
    class member final : public wait_node {
    public:
        void start(completion_feed& feed, std::size_t index) {
            feed_ = &feed;
            index_ = index;
            auto& state = *feed.handles_[index].shared_state();
            if (state.done()) {
                feed.ended(index);
            } else {
                state.require_awaitable_here();
                state.add_waiter(*this);
            }
        }

    private:
        void run() override {
            if (!feed_->expired_) feed_->ended(index_);
        }

        completion_feed* feed_ = nullptr;
        std::size_t index_ = 0;
    };

    class deadline final : public timer_node {
    public:
        explicit deadline(completion_feed& feed) noexcept : feed_(feed) {}
        void run() override {
            feed_.expired_ = true;
            feed_.wake();
        }

    private:
        completion_feed& feed_;
    };

    void ended(std::size_t index) {
        ended_.push(index);
        if (--running_ == 0) loop_.unschedule(deadline_);
        wake();
    }

    // Whether there is something for one who has no promise: a task, the news of the timeout, or of the end.
    [[nodiscard]] bool can_answer() const noexcept {
        return ended_.size() > promises_ || left_ == 0 || (expired_ && left_ > promises_);
    }

    std::optional<Handle> answer(bool promised) {
        if (left_ == 0) return std::nullopt;
        std::optional<Handle> given;
        if (ended_.size() > (promised ? 0 : promises_)) given = handles_[ended_.pop()];
        if (--left_ == 0) wake();
        if (!given) throw timeout_error();
        return given;
    }

    // Wakes those for whom there is something. At the end there is the same for everybody.
    void wake() noexcept {
        while (can_answer()) {
            auto* next = static_cast<awaiter*>(waiting_.pop_front());
            if (next == nullptr) return;
            next->promised_ = left_ != 0;
            if (next->promised_) ++promises_;
            next->wake();
        }
    }

    [[nodiscard]] std::vector<const future_base*> running() const {
        std::vector<const future_base*> states;
        for (const Handle& handle : handles_) {
            if (!handle.done()) states.push_back(handle.shared_state().get());
        }
        return states;
    }

    event_loop& loop_;
    std::vector<Handle> handles_;
    std::vector<member> members_;
    ring_buffer<std::size_t> ended_;  // and not given yet
    wait_list waiting_;
    std::size_t running_ = 0;   // not ended yet
    std::size_t left_ = 0;      // not given yet
    std::size_t promises_ = 0;  // to waiters that were woken and have not resumed
    bool expired_ = false;      // whatever ends from now on counts as late
    deadline deadline_{*this};
};

}  // namespace detail

/// Gives tasks in the order in which they are done. Made by as_completed. Concurrency: any number of waiting tasks.
template <class Handle>
class [[nodiscard]] completions {
public:
    completions(std::vector<Handle> handles, std::optional<duration> timeout)
        : feed_(std::make_unique<detail::completion_feed<Handle>>(std::move(handles), timeout)) {}

    /// Waits for the next task to be done. Returns: its handle; nothing when all were given.
    ///
    /// Errors: timeout_error for each one that was not done when the time was over.
    /// Ordering: tasks that wait at the same time are served in the order in which they came.
    /// Cancellation: safe: no task is lost, none is cancelled.
    [[nodiscard]] auto next() { return typename detail::completion_feed<Handle>::awaiter(*feed_); }

private:
    std::unique_ptr<detail::completion_feed<Handle>> feed_;
};

/// Gives tasks or futures in the order in which they are done (asyncio: as_completed, iterated with async for).
///
/// Parameters: `handles` any range of tasks or futures; duplicates count once. `timeout` for all of them together,
/// from now on.
/// Errors: invalid_state_error for an empty handle, one of another loop, or outside of a loop. Nothing is cancelled
/// by a timeout.
/// Example:
///     auto answers = as_completed(std::move(questions), 5s);
///     while (auto answered = co_await answers.next()) show(answered->result());
template <class Range>
    requires detail::waitable_range<Range>
completions<std::ranges::range_value_t<Range>> as_completed(Range&& handles,
                                                            std::optional<duration> timeout = std::nullopt) {
    return {detail::to_handles(std::forward<Range>(handles)), timeout};
}

/// Starts coroutines as tasks, in the order given, and gives those as they are done.
template <class T>
completions<task<T>> as_completed(std::vector<coro<T>> coroutines, std::optional<duration> timeout = std::nullopt) {
    std::vector<task<T>> tasks;
    tasks.reserve(coroutines.size());
    for (coro<T>& each : coroutines) tasks.push_back(create_task(std::move(each)));
    return {std::move(tasks), timeout};
}

}  // namespace aioxx
