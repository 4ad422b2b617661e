// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/concurrent_future.hpp: a result that one thread sets and others block for. The counterpart of future, which
// belongs to a loop.

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/current.hpp>

namespace aioxx {

/// A result for threads (Python: concurrent.futures.Future). Copies refer to the same result.
///
/// Concurrency: any thread.
template <class T = void>
class concurrent_future {
public:
    using value_type = T;

    /// A pending one.
    concurrent_future() : state_(std::make_shared<state>()) {}

    [[nodiscard]] bool done() const {
        const std::scoped_lock lock(state_->mutex);
        return state_->done();
    }
    [[nodiscard]] bool cancelled() const {
        const std::scoped_lock lock(state_->mutex);
        return state_->cancelled;
    }

    /// Blocks until it is done. Returns: a reference to the value, valid as long as a copy of this lives.
    ///
    /// Errors: what it ended with, cancelled_error too; invalid_state_error when the thread runs a loop, which would
    /// stand still: await wrap_future() there.
    std::add_lvalue_reference_t<T> result() const {
        wait_until(std::nullopt, "result");
        return state_->outcome.get();
    }

    /// Likewise, for a limited time. Errors: also timeout_error, which leaves it running.
    template <class Rep, class Period>
    std::add_lvalue_reference_t<T> result(std::chrono::duration<Rep, Period> limit) const {
        wait_until(add_saturated(clock::now(), to_duration(limit)), "result");
        return state_->outcome.get();
    }

    /// Blocks until it is done. Returns: the exception that it ended with, or null. Errors: as result, without that.
    [[nodiscard]] std::exception_ptr exception() const {
        wait_until(std::nullopt, "exception");
        if (state_->cancelled) std::rethrow_exception(state_->outcome.exception());
        return state_->outcome.exception();
    }

    /// Ends it as cancelled, and cancels the task behind it if there is one. Returns: false when it is done already.
    bool cancel() const {
        return finish([](state& ending) {
            ending.outcome.set_exception(std::make_exception_ptr(cancelled_error()));
            ending.cancelled = true;
            if (ending.on_cancel) ending.on_cancel();
        });
    }

    /// Calls back when it is done, on the thread that ends it; at once, on this one, when it is done already.
    ///
    /// Requires: the callback does not throw.
    void add_done_callback(function<void()> callback) const {
        {
            const std::scoped_lock lock(state_->mutex);
            if (!state_->done()) {
                state_->callbacks.push_back(std::move(callback));
                return;
            }
        }
        callback();
    }

    /// Sets the value and wakes all who wait. Returns: false when it is done already, because it was cancelled.
    template <class... Args>
    bool set_result(Args&&... value) const {
        return finish([&](state& ending) { ending.outcome.set_value(std::forward<Args>(value)...); });
    }

    /// Sets an exception. Returns: as set_result. Errors: std::invalid_argument for a null pointer.
    bool set_exception(std::exception_ptr exception) const {
        if (!exception) throw std::invalid_argument("set_exception: expected an exception, got a null pointer");
        return finish([&](state& ending) { ending.outcome.set_exception(std::move(exception)); });
    }

    /// What cancel() calls, under the lock. Dropped when it is done. For those who provide the result.
    void set_cancel_hook(function<void()> hook) const {
        const std::scoped_lock lock(state_->mutex);
        if (!state_->done()) state_->on_cancel = std::move(hook);
    }

private:
    struct state {
        [[nodiscard]] bool done() const noexcept { return !outcome.empty(); }

        std::mutex mutex;  // guards the rest, until it is done
        std::condition_variable ended;
        aioxx::result<T> outcome;
        bool cancelled = false;
        std::vector<function<void()>> callbacks;
        function<void()> on_cancel;
    };

    template <class End>
    bool finish(End end) const {
        std::vector<function<void()>> callbacks;
        function<void()> hook;  // destroyed without the lock
        {
            const std::scoped_lock lock(state_->mutex);
            if (state_->done()) return false;
            end(*state_);
            callbacks.swap(state_->callbacks);
            hook = std::move(state_->on_cancel);
        }
        state_->ended.notify_all();
        for (auto& callback : callbacks) callback();
        return true;
    }

    void wait_until(std::optional<time_point> deadline, const char* operation) const {
        std::unique_lock lock(state_->mutex);
        if (state_->done()) return;
        if (detail::running_loop != nullptr) {
            throw invalid_state_error(std::string(operation) +
                                      ": would block the event loop of this thread; await wrap_future() instead");
        }
        const auto done = [this] { return state_->done(); };
        if (!deadline || *deadline == time_point::max()) {
            state_->ended.wait(lock, done);
        } else if (!state_->ended.wait_until(lock, *deadline, done)) {
            throw timeout_error();
        }
    }

    std::shared_ptr<state> state_;
};

}  // namespace aioxx
