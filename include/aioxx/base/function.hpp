// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/function.hpp: a callable that is moved, not copied, with room for small ones inside.
// What the standard library has only from C++23 on (std::move_only_function).

#include <cstddef>
#include <functional>
#include <new>
#include <type_traits>
#include <utility>

#include <aioxx/base/contract.hpp>

namespace aioxx {

template <class Signature>
class function;

/// Owns any callable of the signature. Up to four pointers of captures need no allocation.
template <class Result, class... Args>
class function<Result(Args...)> {
    static constexpr std::size_t room = 4 * sizeof(void*);

    template <class F>
    static constexpr bool is_small =
        sizeof(F) <= room && alignof(F) <= alignof(void*) && std::is_nothrow_move_constructible_v<F>;

public:
    function() noexcept = default;
    function(std::nullptr_t) noexcept {}

    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, function> &&
                 std::is_invocable_r_v<Result, std::decay_t<F>&, Args...>)
    function(F&& callable) {
        using stored = std::decay_t<F>;
        if constexpr (is_small<stored>) {
            ::new (static_cast<void*>(storage_)) stored(std::forward<F>(callable));
            operations_ = &small_operations<stored>;
        } else {
            ::new (static_cast<void*>(storage_)) (stored*)(new stored(std::forward<F>(callable)));
            operations_ = &large_operations<stored>;
        }
    }

    function(function&& other) noexcept : operations_(std::exchange(other.operations_, nullptr)) {
        if (operations_ != nullptr) operations_->move(other.storage_, storage_);
    }
    function& operator=(function&& other) noexcept {
        if (this != &other) {
            reset();
            operations_ = std::exchange(other.operations_, nullptr);
            if (operations_ != nullptr) operations_->move(other.storage_, storage_);
        }
        return *this;
    }
    function(const function&) = delete;
    function& operator=(const function&) = delete;
    ~function() { reset(); }

    explicit operator bool() const noexcept { return operations_ != nullptr; }

    /// Calls it. Requires: not empty.
    Result operator()(Args... args) {
        AIOXX_EXPECTS(operations_ != nullptr);
        return operations_->call(storage_, std::forward<Args>(args)...);
    }

    /// Destroys the callable and its captures.
    void reset() noexcept {
        if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(storage_);
    }

private:
    struct operations {
        Result (*call)(std::byte*, Args&&...);
        void (*move)(std::byte* from, std::byte* to) noexcept;
        void (*destroy)(std::byte*) noexcept;
    };

    template <class T>
    static T& as(std::byte* storage) noexcept {
        return *std::launder(reinterpret_cast<T*>(storage));
    }

    // A function that returns void takes callables that return anything.
    template <class F>
    static Result invoke(F& callable, Args&&... args) {
        if constexpr (std::is_void_v<Result>) {
            static_cast<void>(std::invoke(callable, std::forward<Args>(args)...));
        } else {
            return std::invoke(callable, std::forward<Args>(args)...);
        }
    }

    template <class F>
    static constexpr operations small_operations{
        [](std::byte* storage, Args&&... args) -> Result {
            return invoke(as<F>(storage), std::forward<Args>(args)...);
        },
        [](std::byte* from, std::byte* to) noexcept {
            ::new (static_cast<void*>(to)) F(std::move(as<F>(from)));
            as<F>(from).~F();
        },
        [](std::byte* storage) noexcept { as<F>(storage).~F(); }};

    template <class F>
    static constexpr operations large_operations{
        [](std::byte* storage, Args&&... args) -> Result {
            return invoke(*as<F*>(storage), std::forward<Args>(args)...);
        },
        [](std::byte* from, std::byte* to) noexcept { ::new (static_cast<void*>(to)) (F*)(as<F*>(from)); },
        [](std::byte* storage) noexcept { delete as<F*>(storage); }};

    const operations* operations_ = nullptr;
    alignas(void*) std::byte storage_[room];
};

}  // namespace aioxx
