// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/failure_of.hpp: the exception that a function ends with, as a value.

#include <exception>
#include <utility>

namespace aioxx::testing {

/// Calls a function. Returns: what it throws, of whatever type, or null.
///
/// A test framework's own exceptions and cancelled_error do not derive from std::exception; here they are caught too.
template <class Function>
[[nodiscard]] std::exception_ptr failure_of(Function&& function) {
    try {
        std::forward<Function>(function)();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

}  // namespace aioxx::testing
