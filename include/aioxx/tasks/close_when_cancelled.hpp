// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/close_when_cancelled.hpp: how every server serves forever: until it is closed, or the task is cancelled.

#include <exception>

#include <aioxx/base/error.hpp>
#include <aioxx/core/coroutine.hpp>

namespace aioxx::detail {

/// Waits until something is closed and gone. Parameters: `closable` has close() and wait_closed().
///
/// Cancellation: closes it, waits until it is gone, and throws on.
template <class Closable>
coro<> close_when_cancelled(Closable closable) {
    std::exception_ptr cancellation;
    try {
        co_await closable.wait_closed();
    } catch (const cancelled_error&) {
        cancellation = std::current_exception();
    }
    if (!cancellation) co_return;
    closable.close();
    co_await closable.wait_closed();
    std::rethrow_exception(cancellation);
}

}  // namespace aioxx::detail
