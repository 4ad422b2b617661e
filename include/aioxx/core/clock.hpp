// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/clock.hpp: the time that timers are measured in.
// The time comes from the loop's backend, so that tests can replace it; only the types are fixed.

#include <chrono>
#include <cmath>
#include <concepts>
#include <stdexcept>
#include <string>

namespace aioxx {

/// Monotonic time, in nanoseconds.
using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;

/// Converts any duration to the loop's, saturating instead of overflowing.
///
/// Errors: std::invalid_argument for a floating point NaN, which has no place in any order (asyncio K10).
template <class Rep, class Period>
[[nodiscard]] constexpr duration to_duration(std::chrono::duration<Rep, Period> value) {
    using seconds = std::chrono::duration<long double>;
    if constexpr (std::floating_point<Rep>) {
        if (value.count() != value.count()) throw std::invalid_argument("a delay must be a number, got NaN");
    }
    if constexpr (std::floating_point<Rep> || std::ratio_greater_v<Period, std::nano>) {
        if (seconds(value) >= seconds(duration::max())) return duration::max();
        if (seconds(value) <= seconds(duration::min())) return duration::min();
    }
    return std::chrono::duration_cast<duration>(value);
}

/// The point in time a delay after another, saturating instead of overflowing.
[[nodiscard]] constexpr time_point add_saturated(time_point start, duration delay) noexcept {
    if (delay > duration::zero() && start > time_point::max() - delay) return time_point::max();
    return start + delay;
}

/// Writes a duration as seconds without needless digits: "3.2 s".
[[nodiscard]] inline std::string to_text(duration value) {
    std::string text = std::to_string(std::chrono::duration<double>(value).count());
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text + " s";
}

}  // namespace aioxx
