// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/result.hpp: what a coroutine, task or future ends with: a value or an exception.
// A cancellation is the exception cancelled_error; is_cancelled() tells it apart without the caller catching.

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <aioxx/base/contract.hpp>
#include <aioxx/base/error.hpp>

namespace aioxx {

/// Holds nothing yet, a value, or an exception. References are kept as pointers, void as nothing.
template <class T>
class result {
    using stored = std::conditional_t<std::is_void_v<T>, char,
                                      std::conditional_t<std::is_reference_v<T>,
                                                         std::add_pointer_t<std::remove_reference_t<T>>, T>>;

public:
    result() noexcept {}
    result(result&& other) noexcept(std::is_nothrow_move_constructible_v<stored>) { take(other); }
    result& operator=(result&& other) noexcept(std::is_nothrow_move_constructible_v<stored>) {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~result() { reset(); }

    /// Stores a value. Requires: empty.
    template <class... Args>
    void set_value(Args&&... args) {
        AIOXX_EXPECTS(state_ == state::empty);
        if constexpr (std::is_void_v<T>) {
            static_assert(sizeof...(Args) == 0);
        } else if constexpr (std::is_reference_v<T>) {
            std::construct_at(&value_, std::addressof(args)...);
        } else {
            ::new (static_cast<void*>(std::addressof(value_))) stored(std::forward<Args>(args)...);
        }
        state_ = state::value;
    }

    /// Stores an exception. Requires: empty.
    void set_exception(std::exception_ptr exception) noexcept {
        AIOXX_EXPECTS(state_ == state::empty);
        std::construct_at(&exception_, std::move(exception));
        state_ = state::exception;
    }

    [[nodiscard]] bool has_value() const noexcept { return state_ == state::value; }
    [[nodiscard]] bool has_exception() const noexcept { return state_ == state::exception; }
    [[nodiscard]] bool empty() const noexcept { return state_ == state::empty; }

    /// The exception, or null.
    [[nodiscard]] std::exception_ptr exception() const noexcept {
        return state_ == state::exception ? exception_ : std::exception_ptr{};
    }

    /// Moves the value out, or throws the exception. Requires: not empty.
    T take_value() {
        AIOXX_EXPECTS(state_ != state::empty);
        if (state_ == state::exception) std::rethrow_exception(exception_);
        if constexpr (std::is_void_v<T>) {
            return;
        } else if constexpr (std::is_reference_v<T>) {
            return static_cast<T>(*value_);
        } else {
            return std::move(value_);
        }
    }

    /// The value where it is, or throws the exception. Requires: not empty.
    std::add_lvalue_reference_t<T> get() {
        AIOXX_EXPECTS(state_ != state::empty);
        if (state_ == state::exception) std::rethrow_exception(exception_);
        if constexpr (std::is_void_v<T>) {
            return;
        } else if constexpr (std::is_reference_v<T>) {
            return *value_;
        } else {
            return value_;
        }
    }

    void reset() noexcept {
        if (state_ == state::value) {
            std::destroy_at(std::addressof(value_));
        } else if (state_ == state::exception) [[unlikely]] {
            std::destroy_at(&exception_);
        }
        state_ = state::empty;
    }

private:
    enum class state : unsigned char { empty, value, exception };

    void take(result& other) {
        if (other.state_ == state::value) [[likely]] {
            if constexpr (!std::is_void_v<T>) {
                ::new (static_cast<void*>(std::addressof(value_))) stored(std::move(other.value_));
            }
        } else if (other.state_ == state::exception) {
            std::construct_at(&exception_, std::move(other.exception_));
        }
        state_ = other.state_;
        other.reset();
    }

    union {
        stored value_;
        std::exception_ptr exception_;
    };
    state state_ = state::empty;
};

/// Tells whether an exception is a cancellation. Throws and catches: for the end of a task only.
[[nodiscard]] inline bool is_cancelled(const std::exception_ptr& exception) noexcept {
    if (!exception) return false;
    try {
        std::rethrow_exception(exception);
    } catch (const cancelled_error&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace aioxx
