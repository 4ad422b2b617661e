// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/coroutine.hpp: coro<T>, the lazy coroutine: what `async def` returns in Python.
// It runs when it is awaited, or when create_task makes a task of it.
//
// Awaiting runs the child at once, on top of the parent's await_suspend. A child that ends without suspending
// is seen by the flag of its handle, and the parent goes on without having suspended; one that suspends stores
// the parent and is continued by the loop. No resumption relies on a tail call, so that the stack stays bounded
// in unoptimised and instrumented builds.

#include <coroutine>
#include <exception>
#include <source_location>
#include <utility>

#include <aioxx/base/contract.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/core/task_context.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

template <class T = void>
class coro;

namespace detail {

template <class T>
struct promise : promise_base {
    result<T> outcome;

    coro<T> get_return_object(std::source_location place = std::source_location::current()) noexcept;
    template <class U>
        requires std::is_constructible_v<T, U&&>
    void return_value(U&& value) {
        outcome.set_value(std::forward<U>(value));
    }
    void unhandled_exception() noexcept { outcome.set_exception(std::current_exception()); }
};

template <>
struct promise<void> : promise_base {
    result<void> outcome;

    coro<void> get_return_object(std::source_location place = std::source_location::current()) noexcept;
    void return_void() { outcome.set_value(); }
    void unhandled_exception() noexcept { outcome.set_exception(std::current_exception()); }
};

}  // namespace detail

/// A coroutine that has not started: await it once, or give it to create_task.
///
/// Awaiting it runs it as part of the awaiting task, and gives its value or throws its exception.
/// Cancellation: whatever it awaits when the task is cancelled throws cancelled_error.
/// Lifetime: its parameters are kept by value as declared; references must outlive it. A lambda with captures
/// must outlive it too: pass state as parameters instead.
/// Asyncio: a coroutine object.
/// Example:
///     coro<int> answer() { co_return 42; }
///     coro<> ask() { int value = co_await answer(); }
template <class T>
class [[nodiscard]] coro {
public:
    using promise_type = detail::promise<T>;
    using value_type = T;
    using handle_type = std::coroutine_handle<promise_type>;

    coro(coro&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    coro& operator=(coro&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~coro() {
        if (!handle_) return;
        report_never_awaited();
        close();
    }

    /// Destroys a coroutine that is not to run, which is then no mistake to report (asyncio: coroutine.close).
    void close() noexcept {
        if (handle_) std::exchange(handle_, {}).destroy();
    }

    /// Whether there is something to run: false after it was awaited or moved from.
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

    /// Gives up the handle. For those who drive it themselves.
    [[nodiscard]] handle_type release() noexcept { return std::exchange(handle_, {}); }

    class awaiter {
    public:
        explicit awaiter(handle_type child) noexcept : child_(child) {}
        awaiter(const awaiter&) = delete;
        awaiter& operator=(const awaiter&) = delete;
        ~awaiter() { child_.destroy(); }

        static constexpr bool await_ready() noexcept { return false; }
        template <class Parent>
        bool await_suspend(std::coroutine_handle<Parent> parent) {
            static_assert(std::is_base_of_v<detail::promise_base, Parent>,
                          "a coro can be awaited in a coro only; in other coroutine types await create_task(...)");
            child_.promise().task = parent.promise().task;
            child_.resume();
            if (child_.done()) return false;
            child_.promise().continuation = parent;
            return true;
        }
        T await_resume() { return child_.promise().outcome.take_value(); }

    private:
        handle_type child_;
    };

    awaiter operator co_await() && noexcept {
        AIOXX_EXPECTS(handle_ && "a coro is awaited once");
        return awaiter(std::exchange(handle_, {}));
    }

private:
    friend promise_type;
    explicit coro(handle_type handle) noexcept : handle_(handle) {}

    void report_never_awaited() const noexcept {
        if (detail::running_loop != nullptr && detail::running_loop->debug()) [[unlikely]] {
            detail::running_loop->report("coroutine was never awaited", handle_.promise().where);
        }
    }

    handle_type handle_;
};

template <class T>
inline coro<T> detail::promise<T>::get_return_object(std::source_location place) noexcept {
    static_assert(alignof(promise) <= 2 * sizeof(void*),
                  "a coroutine cannot return a type that needs more alignment than the frame has; return a pointer");
    where = place;
    return coro<T>(std::coroutine_handle<promise>::from_promise(*this));
}

inline coro<void> detail::promise<void>::get_return_object(std::source_location place) noexcept {
    where = place;
    return coro<void>(std::coroutine_handle<promise>::from_promise(*this));
}

}  // namespace aioxx
