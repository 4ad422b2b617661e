// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/blocking_portal.hpp: a loop in a thread of its own, for programs that block: each of their threads can call
// into it as if it were an ordinary library.

#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/concurrent_future.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/thread_gate.hpp>
#include <aioxx/tasks/runner.hpp>

namespace aioxx {

namespace detail {

// What a function gives in the end, whether it is a coroutine function or not.
template <class Returned>
struct portal_call {
    using value_type = Returned;
    static constexpr bool is_coroutine = false;
};
template <class T>
struct portal_call<coro<T>> {
    using value_type = T;
    static constexpr bool is_coroutine = true;
};
template <class Function, class... Args>
using portal_call_t = portal_call<std::invoke_result_t<Function, Args...>>;

}  // namespace detail

/// A door to a loop that runs in a thread of its own (AnyIO: start_blocking_portal).
///
/// Concurrency: any thread. Coroutines and functions run on the portal's thread with the context variables of the caller.
/// Lifetime: nobody calls in any more when it is destroyed.
/// Example:
///     aioxx::blocking_portal portal;
///     std::string page = portal.call(fetch, "http://localhost/");  // a coroutine function
class blocking_portal : pinned {
public:
    /// Starts the thread. Parameters: `options` of its runner.
    explicit blocking_portal(runner_options options = {})
        : runner_(options),
          ended_(runner_.get_loop()),
          busy_(this, [](blocking_portal* portal) { portal->let_go(); }),
          thread_([this] { serve(); }) {}

    /// As stop(). Requires: not on the portal's own thread.
    ~blocking_portal() { stop(); }

    /// The loop. Only call_soon_threadsafe and run_coroutine_threadsafe are for other threads; stop() does not wait for
    /// what those have started.
    [[nodiscard]] event_loop& get_loop() noexcept { return runner_.get_loop(); }

    /// Calls a function or coroutine function on the portal's thread and blocks until it has ended.
    ///
    /// Returns: its value, a coroutine's as if it was awaited; throws what it throws, cancelled_error too.
    /// Errors: as start_task_soon; invalid_state_error on a thread that runs a loop, which would stand still.
    /// Cancellation: nothing interrupts the thread that blocks; stop(true) cancels the coroutine that it waits for.
    template <class Function, class... Args>
    auto call(Function function, Args... args) ->
        typename detail::portal_call_t<Function, Args...>::value_type {
        using value = typename detail::portal_call_t<Function, Args...>::value_type;
        if (detail::running_loop != nullptr) {
            throw invalid_state_error("blocking_portal::call: would block the event loop of this thread");
        }
        const concurrent_future<value> outcome =
            start_task_soon(invoke(std::move(function), std::move(args)...));
        if constexpr (std::is_void_v<value>) {
            outcome.result();
        } else {
            return std::forward<value>(outcome.result());
        }
    }

    /// Starts a coroutine as a task on the portal's thread.
    ///
    /// Returns: a result to block for; cancelling it cancels the task.
    /// Errors: invalid_state_error when the portal was stopped, std::invalid_argument for an empty coroutine.
    template <class T>
    concurrent_future<T> start_task_soon(coro<T> coroutine) {
        if (!coroutine) {
            throw std::invalid_argument("start_task_soon: the coroutine was already awaited or moved from");
        }
        const std::scoped_lock lock(mutex_);
        if (stopped_) {
            coroutine.close();
            throw invalid_state_error("start_task_soon: the blocking portal was stopped");
        }
        return run_coroutine_threadsafe(keep_busy(std::move(coroutine), busy_), runner_.get_loop());
    }

    /// Takes no more calls, waits for the tasks that were started, ends the loop and joins the thread. Idempotent.
    ///
    /// Parameters: `cancel_remaining` cancels the tasks instead of waiting for their own ends, also while another thread
    /// waits in here. Those get the shutdown_timeout of the runner to end.
    /// Errors: invalid_state_error on the portal's own thread, which cannot wait for itself.
    /// Cancellation: nothing interrupts the thread that blocks.
    void stop(bool cancel_remaining = false) {
        if (detail::running_loop == &runner_.get_loop()) {
            throw invalid_state_error("blocking_portal::stop: called on the portal's own thread");
        }
        {
            const std::scoped_lock lock(mutex_);
            stopped_ = true;
        }
        try {
            runner_.get_loop().call_soon_threadsafe([this, cancel_remaining] {
                busy_.reset();
                if (cancel_remaining) let_go();
            });
        } catch (const invalid_state_error&) {
            // It has ended already.
        }
        const std::scoped_lock lock(joining_);
        if (thread_.joinable()) thread_.join();
    }

private:
    // The thread. What the runner throws means that somebody has stopped its loop or cancelled its main task.
    void serve() noexcept {
        AIOXX_NAME_THREAD("aioxx-portal");
        event_loop& loop = runner_.get_loop();
        loop.guarded([this] { runner_.run(until_ended()); }, "a blocking portal has ended early");
        loop.guarded([this] { runner_.close(); }, "exception while a blocking portal was closed");
    }

    coro<> until_ended() { co_await ended_; }

    void let_go() {
        if (!ended_.done()) ended_.set_result();
    }

    template <class Function, class... Args>
    static auto invoke(Function function, Args... args)
        -> coro<typename detail::portal_call_t<Function, Args...>::value_type> {
        if constexpr (detail::portal_call_t<Function, Args...>::is_coroutine) {
            co_return co_await std::invoke(std::move(function), std::move(args)...);
        } else {
            co_return std::invoke(std::move(function), std::move(args)...);
        }
    }

    template <class T>
    static coro<T> keep_busy(coro<T> coroutine, [[maybe_unused]] std::shared_ptr<blocking_portal> busy) {
        co_return co_await std::move(coroutine);
    }

    runner runner_;
    future<> ended_;  // of the main task, on the portal's thread

    std::mutex mutex_;  // guards stopped_, and busy_ until that is set
    bool stopped_ = false;
    std::shared_ptr<blocking_portal> busy_;  // a copy in each task; the portal may end when all are gone

    std::mutex joining_;
    std::thread thread_;
};

}  // namespace aioxx
