// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/busy_guard.hpp: an operation that has one user at a time tells the second one, instead of mixing up
// their bytes. One flag for each direction of a stream; the guard lives in the frame of the operation, across
// its suspensions.

#include <string>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>

namespace aioxx {

/// Whether an operation is in use. A member of what has the operation.
class busy_flag : pinned {
public:
    [[nodiscard]] bool is_set() const noexcept { return busy_; }

private:
    friend class busy_guard;
    bool busy_ = false;
};

/// Uses an operation for a scope: `busy_guard in_use(reading_, "readline");`
///
/// The one who was first is not disturbed by the second, and the operation is free again when his scope ends,
/// by an exception or a cancellation as well.
/// Concurrency: one thread; it tells tasks apart, it does not lock.
/// Lifetime: the flag outlives the guard.
class [[nodiscard]] busy_guard : pinned {
public:
    /// Parameters: `operation` its name for the report, as the user knows it.
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
