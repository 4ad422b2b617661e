// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/scope_exit.hpp: runs a function when the scope is left, whichever way.

#include <utility>

#include <aioxx/base/pinned.hpp>

namespace aioxx {

/// Calls a function on leaving the scope. The function must not throw.
template <class Function>
class [[nodiscard]] scope_exit : pinned {
public:
    explicit scope_exit(Function function) : function_(std::move(function)) {}
    ~scope_exit() {
        if (armed_) function_();
    }

    /// Leaves the scope without the call.
    void release() noexcept { armed_ = false; }

private:
    Function function_;
    bool armed_ = true;
};

}  // namespace aioxx
