// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/contract.hpp: preconditions and the handler that is called when one is broken.

#include <cstdio>
#include <cstdlib>

#include <aioxx/base/config.hpp>

namespace aioxx {

/// What is called when a precondition does not hold: the condition's text, the file, the line.
using violation_handler = void (*)(const char* condition, const char* file, int line);

namespace detail {

[[noreturn]] inline void default_violation(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "aioxx: %s:%d: requirement not met: %s\n", file, line, condition);
    std::abort();
}

inline violation_handler current_violation_handler = default_violation;

}  // namespace detail

/// Replaces the handler for broken preconditions (tests throw from it). Returns the former one.
inline violation_handler set_violation_handler(violation_handler handler) noexcept {
    violation_handler former = detail::current_violation_handler;
    detail::current_violation_handler = handler != nullptr ? handler : detail::default_violation;
    return former;
}

}  // namespace aioxx

#if AIOXX_CHECKS
#define AIOXX_EXPECTS(condition)                                                        \
    do {                                                                                \
        if (!(condition)) ::aioxx::detail::current_violation_handler(#condition, __FILE__, __LINE__); \
    } while (false)
#else
#define AIOXX_EXPECTS(condition) static_cast<void>(0)
#endif
