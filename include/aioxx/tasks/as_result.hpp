// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/as_result.hpp: errors as values, for code that expects them.

#include <exception>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/core/awaitable.hpp>
#include <aioxx/core/coroutine.hpp>

namespace aioxx {

/// Awaits something and gives its value or its exception.
///
/// Parameters: `awaited` a coroutine, task, future or operation of the library: reader.readline(), queue.get().
/// Returns: a result, whose has_value() says which it is.
/// Cancellation: as what is awaited; a cancellation is no result and is thrown.
/// Lifetime: refers to what is awaited: to be awaited in the same expression.
/// Asyncio: gather(..., return_exceptions=True) for one.
/// Example:
///     aioxx::result<aioxx::bytearray> line = co_await as_result(reader.readline());
///     if (!line.has_value()) co_return;  // the peer is gone
template <detail::awaitable Awaitable>
coro<result<std::remove_cvref_t<detail::awaited_t<Awaitable>>>> as_result(Awaitable&& awaited) {
    using value = std::remove_cvref_t<detail::awaited_t<Awaitable>>;
    result<value> outcome;
    try {
        if constexpr (std::is_void_v<value>) {
            co_await std::forward<Awaitable>(awaited);
            outcome.set_value();
        } else {
            outcome.set_value(co_await std::forward<Awaitable>(awaited));
        }
    } catch (const cancelled_error&) {
        throw;
    } catch (const std::exception&) {
        outcome.set_exception(std::current_exception());
    }
    co_return std::move(outcome);
}

}  // namespace aioxx
