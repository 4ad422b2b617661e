// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/flow_control.hpp: two water marks and the edges between them. Pure: it is told sizes and answers with what to
// report. Pause when the size is above the high mark, resume when it is at the low mark or below, alternating.

#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

namespace aioxx {

/// What is asked of set_write_buffer_limits, in bytes. What is missing follows from the other one.
struct write_limits_request {
    std::optional<std::size_t> high;
    std::optional<std::size_t> low;
};

/// The water marks of a write queue, in bytes.
struct write_buffer_limits {
    static constexpr std::size_t default_high = 64 * 1024;

    std::size_t low = default_high / 4;
    std::size_t high = default_high;

    /// Fills in what is missing: high is 4 * low, low is high / 4; without both, the defaults.
    ///
    /// Errors: std::invalid_argument naming both when low would be above high.
    [[nodiscard]] static write_buffer_limits from(write_limits_request request) {
        constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
        write_buffer_limits limits;
        if (request.high) {
            limits.high = *request.high;
        } else if (request.low) {
            limits.high = *request.low > most / 4 ? most : 4 * *request.low;
        }
        limits.low = request.low.value_or(limits.high / 4);
        if (limits.low > limits.high) {
            throw std::invalid_argument("the low water mark (" + std::to_string(limits.low) +
                                        ") must not be above the high one (" + std::to_string(limits.high) + ")");
        }
        return limits;
    }

    friend bool operator==(const write_buffer_limits&, const write_buffer_limits&) = default;
};

/// Detects when a queue crosses its water marks.
class flow_control {
public:
    /// What is to be reported to the protocol.
    enum class transition { none, pause, resume };

    [[nodiscard]] const write_buffer_limits& limits() const noexcept { return limits_; }
    [[nodiscard]] bool is_paused() const noexcept { return paused_; }

    /// The queue has grown. Parameters: its size now, in bytes.
    transition grew(std::size_t size) noexcept {
        if (paused_ || size <= limits_.high) return transition::none;
        paused_ = true;
        return transition::pause;
    }

    /// The queue has shrunk. Parameters: its size now, in bytes.
    transition shrank(std::size_t size) noexcept {
        if (!paused_ || size > limits_.low) return transition::none;
        paused_ = false;
        return transition::resume;
    }

    /// Changes the marks. Takes effect at once in both directions.
    ///
    /// Asyncio: raising them never resumes there.
    transition set_limits(write_buffer_limits limits, std::size_t size) noexcept {
        limits_ = limits;
        return paused_ ? shrank(size) : grew(size);
    }

private:
    write_buffer_limits limits_;
    bool paused_ = false;
};

}  // namespace aioxx
