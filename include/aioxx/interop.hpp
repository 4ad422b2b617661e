// SPDX-License-Identifier: BSL-1.0
#pragma once

// interop.hpp: all of interop/, doors to other asynchronous worlds: what aioxx code awaits becomes an operation of
// Asio, for callbacks, futures and asio::awaitable. The way in, use_coro, is core/asio_await.hpp.

#include <aioxx/interop/as_operation.hpp>
