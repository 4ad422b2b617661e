// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/as_completed.hpp: tasks one after the other as they are done.

#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
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

// Whoever waits for the next task to end; one at a time.
template <class Handle>
class completion_feed : pinned {
public:
    completion_feed(std::vector<Handle> handles, std::optional<duration> timeout)
        : loop_(get_running_loop()), handles_(std::move(handles)) {
        for (const Handle& handle : handles_) static_cast<void>(handle.done());  // refuses an empty one
        remove_duplicates(handles_);
        members_ = std::make_unique<member[]>(handles_.size());
        left_ = handles_.size();
        for (std::size_t index = 0; index < handles_.size(); ++index) members_[index].start(*this, index);
        if (timeout) loop_.schedule_at(deadline_, add_saturated(loop_.time(), *timeout));
    }
    ~completion_feed() { loop_.unschedule(deadline_); }

    class awaiter final : public waiter {
    public:
        explicit awaiter(completion_feed& feed) noexcept : feed_(feed) {}
        ~awaiter() {
            if (feed_.waiting_ == this) feed_.waiting_ = nullptr;
        }

        [[nodiscard]] bool await_ready() const {
            if (feed_.waiting_ != nullptr) throw busy_error("next: another task waits for the next one already");
            return !feed_.ended_.empty() || feed_.left_ == 0 || feed_.expired_;
        }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> coroutine) {
            feed_.waiting_ = this;
            this->suspend(coroutine);
        }
        std::optional<Handle> await_resume() {
            this->throw_if_cancelled();
            if (feed_.ended_.empty()) {
                if (feed_.left_ == 0) return std::nullopt;
                --feed_.left_;
                throw timeout_error();
            }
            --feed_.left_;
            return feed_.handles_[feed_.ended_.pop()];
        }

    private:
        const char* waits_for() const noexcept override { return "the next of several tasks"; }

        completion_feed& feed_;
    };

private:
    class member final : public wait_node {
    public:
        void start(completion_feed& feed, std::size_t index) {
            feed_ = &feed;
            index_ = index;
            auto& state = *feed.handles_[index].shared_state();
            if (state.done()) {
                feed.ended_.push(index);
            } else {
                state.add_waiter(*this);
            }
        }

    private:
        void run() override {
            feed_->ended_.push(index_);
            feed_->wake();
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

    void wake() noexcept {
        if (waiting_ != nullptr) waiting_->wake();
    }

    event_loop& loop_;
    std::vector<Handle> handles_;
    std::unique_ptr<member[]> members_;
    ring_buffer<std::size_t> ended_;  // and not given yet
    std::size_t left_ = 0;            // not given yet
    awaiter* waiting_ = nullptr;
    bool expired_ = false;
    deadline deadline_{*this};
};

}  // namespace detail

/// Gives tasks in the order in which they are done. Made by as_completed.
template <class Handle>
class [[nodiscard]] completions {
public:
    completions(std::vector<Handle> handles, std::optional<duration> timeout)
        : feed_(std::make_unique<detail::completion_feed<Handle>>(std::move(handles), timeout)) {}

    /// Waits for the next task to be done. Returns: its handle; nothing when all were given.
    ///
    /// Errors: timeout_error for each one that is left when the time is over; busy_error while another task waits.
    /// Cancellation: safe: no task is lost, none is cancelled.
    [[nodiscard]] auto next() { return typename detail::completion_feed<Handle>::awaiter(*feed_); }

private:
    std::unique_ptr<detail::completion_feed<Handle>> feed_;
};

/// Gives tasks or futures in the order in which they are done (asyncio: as_completed, iterated with async for).
///
/// Parameters: `handles` of tasks or futures of the running loop; duplicates count once. `timeout` for all of them
/// together, from now on.
/// Errors: invalid_state_error for an empty handle, or outside of a loop. Nothing is cancelled by a timeout.
/// Example:
///     auto answers = as_completed(std::move(questions), 5s);
///     while (auto answered = co_await answers.next()) show(answered->result());
template <class T>
completions<task<T>> as_completed(std::vector<task<T>> handles, std::optional<duration> timeout = std::nullopt) {
    return completions<task<T>>(std::move(handles), timeout);
}
/// Likewise.
template <class T>
completions<future<T>> as_completed(std::vector<future<T>> handles, std::optional<duration> timeout = std::nullopt) {
    return completions<future<T>>(std::move(handles), timeout);
}

/// Starts coroutines as tasks, in the order given, and gives those as they are done.
template <class T>
completions<task<T>> as_completed(std::vector<coro<T>> coroutines, std::optional<duration> timeout = std::nullopt) {
    std::vector<task<T>> tasks;
    tasks.reserve(coroutines.size());
    for (coro<T>& each : coroutines) tasks.push_back(create_task(std::move(each)));
    return completions<task<T>>(std::move(tasks), timeout);
}

}  // namespace aioxx
