// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/virtual_clock.hpp: time that moves only when somebody moves it.
// A test loop does so when nothing else can run: an hour of sleeping takes no time.

#include <chrono>
#include <string>

#include <aioxx/base/contract.hpp>
#include <aioxx/core/clock.hpp>

namespace aioxx::testing {

/// A clock that stands still between two calls of advance_to.
class virtual_clock {
public:
    [[nodiscard]] time_point now() const noexcept { return now_; }

    /// The time since the start.
    [[nodiscard]] duration elapsed() const noexcept { return now_ - start; }

    /// Moves on to a point in time. Requires: not backwards.
    void advance_to(time_point when) noexcept {
        AIOXX_EXPECTS(when >= now_);
        now_ = when;
    }

private:
    // Not the epoch, so that code which takes a time of zero for "no time" is found out.
    static constexpr time_point start{std::chrono::hours(1)};

    time_point now_ = start;
};

}  // namespace aioxx::testing
