// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/fd_wait.hpp: waiting in a coroutine until a descriptor may be read or written.

#include <coroutine>
#include <utility>

#include <aioxx/base/pinned.hpp>
#include <aioxx/core/backend.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
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

/// Watches one descriptor for several waits in a row: only the first may return without a reason.
///
/// Concurrency: one waiter at a time. Lifetime: the descriptor stays open as long as this.
class fd_watch final : private fd_handler, pinned {
public:
    explicit fd_watch(int fd) : watcher_(get_running_loop().system().watch(fd, *this)) {}

    /// Awaiter of wait_writable().
    class [[nodiscard]] awaiter final : public waiter {
    public:
        explicit awaiter(fd_watch& owner) noexcept : owner_(owner) {}
        ~awaiter() { owner_.waiting_ = nullptr; }

        static constexpr bool await_ready() noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> coroutine) {
            owner_.waiting_ = this;
            if (!std::exchange(owner_.armed_, true)) owner_.watcher_->await_writable();
            suspend(coroutine);
        }
        void await_resume() const { throw_if_cancelled(); }

    private:
        const char* waits_for() const noexcept override { return "a writable descriptor"; }

        fd_watch& owner_;
    };

    /// Waits until it may be written. A hint, as wait_fd. Cancellation: safe, nothing has happened.
    awaiter wait_writable() noexcept { return awaiter(*this); }

private:
    void on_readable() override {}
    void on_writable() override {
        armed_ = false;
        if (waiting_ != nullptr) waiting_->wake();
    }

    fd_watcher_ptr watcher_;
    awaiter* waiting_ = nullptr;
    bool armed_ = false;
};

}  // namespace aioxx
