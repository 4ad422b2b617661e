// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/tasks/bodies.hpp: what tasks do in the tests of this folder: end after some time, in one way or another.

#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/tasks/sleep.hpp>

namespace aioxx {

template <class T>
coro<T> after(duration delay, T value) {
    co_await sleep(delay);
    co_return std::move(value);
}

template <class T = void>
coro<T> fails_after(duration delay, std::string what = "failed") {
    co_await sleep(delay);
    throw std::runtime_error(what);
}

inline coro<> wait_forever() { co_await create_future<>(); }

}  // namespace aioxx
