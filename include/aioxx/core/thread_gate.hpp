// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/thread_gate.hpp: the doors between threads and a loop: a coroutine that another thread starts and waits for,
// and a loop's task that waits for what another thread will set.
//
// Handles of tasks and futures are counted without atomics, so they never leave the loop's thread: what crosses is a
// shared slot whose content only the loop's thread touches, and calls through the gate, which knows whether the loop
// is still there.

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/concurrent_future.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>

namespace aioxx {

namespace detail {

// A way to a loop that outlives it.
class loop_link {
public:
    explicit loop_link(event_loop& loop) noexcept : loop_(&loop) {}

    // Drops the call when the loop is closed.
    void post(function<void()> callback) noexcept {
        const std::scoped_lock lock(mutex_);
        if (loop_ == nullptr) return;
        try {
            loop_->call_soon_threadsafe(std::move(callback));
        } catch (...) {
            // It is closing, or there is no memory for a call that nobody waits for.
        }
    }
    void cut() noexcept {
        const std::scoped_lock lock(mutex_);
        loop_ = nullptr;
    }

private:
    std::mutex mutex_;
    event_loop* loop_;
};

// The loop's end of its links, and what it expects through them.
class thread_gate : pinned {
public:
    explicit thread_gate(event_loop& loop) : link_(std::make_shared<loop_link>(loop)) {}
    ~thread_gate() { link_->cut(); }

    [[nodiscard]] const std::shared_ptr<loop_link>& link() const noexcept { return link_; }

    // Keeps what is to be done when something arrives. Returns: its number.
    std::uint64_t expect(function<void()> delivery) {
        expected_.emplace(++last_, std::move(delivery));
        return last_;
    }
    void deliver(std::uint64_t number) {
        if (auto arrived = expected_.extract(number)) arrived.mapped()();
    }
    void forget(std::uint64_t number) { expected_.erase(number); }

private:
    std::shared_ptr<loop_link> link_;
    std::map<std::uint64_t, function<void()>> expected_;
    std::uint64_t last_ = 0;
};

template <class T>
void copy_outcome(const concurrent_future<T>& source, const future<T>& destination) {
    if (destination.done()) return;
    if (source.cancelled()) {
        destination.cancel();
    } else if (std::exception_ptr failure = source.exception()) {
        destination.set_exception(std::move(failure));
    } else if constexpr (std::is_void_v<T>) {
        destination.set_result();
    } else {
        destination.set_result(std::move(source.result()));
    }
}

// A coroutine on its way to a loop, and then in the frame of the task that runs it. When it is gone without an
// outcome, the loop was closed.
template <class T>
class remote_run : pinned {
public:
    remote_run(coro<T> coroutine, concurrent_future<T> outcome)
        : coroutine_(std::move(coroutine)), outcome_(std::move(outcome)) {}
    ~remote_run() {
        coroutine_.close();
        outcome_.set_exception(std::make_exception_ptr(
            invalid_state_error("run_coroutine_threadsafe: the event loop was closed before the coroutine had ended")));
    }

    // On the loop's thread.
    static void start(std::shared_ptr<remote_run> self) {
        if (self->outcome_.done()) return;  // cancelled before it began
        event_loop& loop = get_running_loop();
        remote_run& run = *self;
        const std::weak_ptr<remote_run> weak = self;
        try {
            run.task_ = create_task(loop, drive(std::move(self))).shared_state().get();
        } catch (...) {
            if (const auto kept = weak.lock()) kept->outcome_.set_exception(std::current_exception());
            throw;
        }
        run.outcome_.set_cancel_hook([link = loop.extension<thread_gate>().link(), weak] {
            link->post([weak] {
                if (const auto kept = weak.lock()) kept->task_->cancel({});
            });
        });
        if (run.outcome_.cancelled()) run.task_->cancel({});  // before the hook was there
    }

private:
    static coro<> drive(std::shared_ptr<remote_run> self) {
        try {
            if constexpr (std::is_void_v<T>) {
                co_await std::move(self->coroutine_);
                self->outcome_.set_result();
            } else {
                self->outcome_.set_result(co_await std::move(self->coroutine_));
            }
        } catch (const cancelled_error&) {
            self->outcome_.cancel();
            throw;
        } catch (...) {
            self->outcome_.set_exception(std::current_exception());
        }
    }

    coro<T> coroutine_;
    task_state<void>* task_ = nullptr;  // whose frame holds this
    concurrent_future<T> outcome_;
};

}  // namespace detail

/// Runs a coroutine on a loop, from any other thread (asyncio: run_coroutine_threadsafe).
///
/// Returns: a result to block for. Cancellation: of the result: cancels the task.
/// Errors: invalid_state_error when the loop is closed, std::invalid_argument for an empty coroutine. The result ends
/// with invalid_state_error when the loop is closed before the coroutine has ended.
/// Lifetime: the loop lives until this returns. The coroutine is destroyed on the loop's thread.
/// Example:
///     auto answer = run_coroutine_threadsafe(ask(question), loop);
///     show(answer.result(5s));
template <class T>
concurrent_future<T> run_coroutine_threadsafe(coro<T> coroutine, event_loop& loop) {
    if (!coroutine) {
        throw std::invalid_argument("run_coroutine_threadsafe: the coroutine was already awaited or moved from");
    }
    concurrent_future<T> outcome;
    auto run = std::make_shared<detail::remote_run<T>>(std::move(coroutine), outcome);
    loop.call_soon_threadsafe([run = std::move(run)]() mutable { detail::remote_run<T>::start(std::move(run)); });
    return outcome;
}

/// Makes a result of another thread awaitable on the running loop (asyncio: wrap_future).
///
/// Returns: a future with the value moved into it. Cancelling it cancels the source. When the loop is closed first,
/// the result is dropped.
template <class T>
[[nodiscard]] future<T> wrap_future(concurrent_future<T> source) {
    event_loop& loop = get_running_loop();
    auto& gate = loop.extension<detail::thread_gate>();
    future<T> wrapped(loop);
    const std::uint64_t number = gate.expect([source, wrapped] { detail::copy_outcome(source, wrapped); });
    // Done before the source means cancelled.
    wrapped.add_done_callback([source, &gate, number] {
        gate.forget(number);
        source.cancel();
    });
    source.add_done_callback([link = gate.link(), &gate, number] {
        link->post([&gate, number] { gate.deliver(number); });
    });
    return wrapped;
}

}  // namespace aioxx
