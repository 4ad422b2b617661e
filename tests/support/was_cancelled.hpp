// SPDX-License-Identifier: BSL-1.0
#pragma once

// support/was_cancelled.hpp: how tests look at the end of a task that they have cancelled.

#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/core/coroutine.hpp>

namespace support {

/// Waits for a task or coroutine. Returns: whether it ended with a cancellation; throws what else it throws.
template <class Awaitable>
aioxx::coro<bool> was_cancelled(Awaitable awaited) {
    try {
        static_cast<void>(co_await std::move(awaited));
    } catch (const aioxx::cancelled_error&) {
        co_return true;
    }
    co_return false;
}

}  // namespace support
