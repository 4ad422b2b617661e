// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/fd_wait.hpp: waiting in a coroutine until a descriptor may be read or written.

#include <coroutine>

#include <aioxx/core/backend.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

/// What is waited for.
enum class readiness { readable, writable };

namespace detail {

class fd_waiter final : public waiter, private fd_handler {
public:
    fd_waiter(int fd, readiness what) noexcept : fd_(fd), what_(what) {}

    static constexpr bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        watcher_ = get_running_loop().system().watch(fd_, *this);
        if (what_ == readiness::readable) {
            watcher_->await_readable();
        } else {
            watcher_->await_writable();
        }
        suspend(coroutine);
    }
    void await_resume() {
        watcher_.reset();
        throw_if_cancelled();
    }

private:
    void on_readable() override { wake(); }
    void on_writable() override { wake(); }
    const char* waits_for() const noexcept override {
        return what_ == readiness::readable ? "a readable descriptor" : "a writable descriptor";
    }

    int fd_;
    readiness what_;
    fd_watcher_ptr watcher_;
};

}  // namespace detail

/// Waits until a non-blocking descriptor may be read or written. A hint: it may return too early, so try, and
/// wait again when the system says that it would block.
///
/// Requires: nothing else watches the descriptor. Errors: broken_error when it cannot be watched.
/// Cancellation: safe, nothing has happened. Lifetime: the descriptor stays open until it returns.
[[nodiscard]] inline detail::fd_waiter wait_fd(int fd, readiness what) { return {fd, what}; }

}  // namespace aioxx
