// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/awaitable.hpp: what awaiting a thing gives, for functions that take whatever can be awaited.

#include <concepts>
#include <type_traits>
#include <utility>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future.hpp>

namespace aioxx::detail {

// The awaiter of what can be awaited: its own operator co_await, a free one, or the thing itself.
template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaited) {
    if constexpr (requires { std::forward<Awaitable>(awaited).operator co_await(); }) {
        return std::forward<Awaitable>(awaited).operator co_await();
    } else if constexpr (requires { operator co_await(std::forward<Awaitable>(awaited)); }) {
        return operator co_await(std::forward<Awaitable>(awaited));
    } else {
        return std::forward<Awaitable>(awaited);
    }
}

template <class Awaitable>
concept awaitable = requires(Awaitable&& awaited) {
    { awaiter_of(std::forward<Awaitable>(awaited)).await_ready() } -> std::convertible_to<bool>;
    awaiter_of(std::forward<Awaitable>(awaited)).await_resume();
};

// What co_await gives.
template <awaitable Awaitable>
using awaited_t = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

template <class T>
void accept_own(const coro<T>&);
template <class T, class State>
void accept_own(const outcome_handle<T, State>&);

// Coroutines, tasks and futures of the library, also through a base class.
template <class Awaitable>
concept own_awaitable = requires(Awaitable&& awaited) { accept_own(awaited); };

// What operations return, and other things to await that are neither coroutine, task nor future.
template <class Awaitable>
concept operation = awaitable<Awaitable> && !own_awaitable<Awaitable>;

}  // namespace aioxx::detail
