// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/current.hpp: the running loop of this thread. The only global mutable state of the library.

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>

namespace aioxx {

class event_loop;

namespace detail {

inline constinit thread_local event_loop* running_loop = nullptr;

// Makes a loop the running one for a scope.
class running_loop_scope : pinned {
public:
    explicit running_loop_scope(event_loop* loop) noexcept : former_(running_loop) { running_loop = loop; }
    ~running_loop_scope() { running_loop = former_; }

private:
    event_loop* former_;
};

[[noreturn]] AIOXX_COLD inline void throw_no_running_loop() {
    throw invalid_state_error("no running loop: call this from a coroutine or callback that a loop runs");
}

}  // namespace detail

/// The loop that runs the calling code.
///
/// Errors: invalid_state_error outside of a callback or coroutine of a loop (asyncio: get_running_loop).
[[nodiscard]] inline event_loop& get_running_loop() {
    if (detail::running_loop == nullptr) [[unlikely]] detail::throw_no_running_loop();
    return *detail::running_loop;
}

}  // namespace aioxx
