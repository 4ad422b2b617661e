// SPDX-License-Identifier: BSL-1.0
#pragma once

// support/generators.hpp: the steps of an asynchronous generator as coroutines, for tests that make tasks of them.

#include <exception>
#include <string>
#include <utility>

#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/diagnostics.hpp>

namespace support {

template <class T>
aioxx::coro<typename aioxx::async_generator<T>::item_type> next_of(aioxx::async_generator<T>& items) {
    co_return co_await items.next();
}

template <class T>
aioxx::coro<> close(aioxx::async_generator<T>& items) {
    co_await items.aclose();
}

/// What a coroutine throws, as text.
template <class T>
aioxx::coro<std::string> failure_of(aioxx::coro<T> fails) {
    try {
        static_cast<void>(co_await std::move(fails));
    } catch (...) {
        co_return aioxx::describe(std::current_exception());
    }
    co_return "nothing";
}

}  // namespace support
