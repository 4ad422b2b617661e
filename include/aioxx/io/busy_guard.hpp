// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/busy_guard.hpp: an operation that has one user at a time tells the second one.

#include <string>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>

namespace aioxx {

/// Whether an operation is in use.
class busy_flag : pinned {
public:
    [[nodiscard]] bool is_set() const noexcept { return busy_; }

private:
    friend class busy_guard;
    bool busy_ = false;
};

/// Uses an operation for a scope.
class [[nodiscard]] busy_guard : pinned {
public:
    /// Errors: busy_error naming the operation when it is in use.
    busy_guard(busy_flag& flag, const char* operation) : flag_(flag) {
        if (flag_.busy_) throw busy_error(std::string(operation) + ": another task is already using it");
        flag_.busy_ = true;
    }
    ~busy_guard() { flag_.busy_ = false; }

private:
    busy_flag& flag_;
};

}  // namespace aioxx
