// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/flow_control.hpp: two water marks and the edges between them. Pure: it is told sizes and answers with
// what to report. Pause when the size is above the high mark, resume when it is at the low mark or below,
// strictly alternating, pause first. Between the marks nothing changes, so that a queue around one of them
// does not flicker.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

namespace aioxx {

/// What is asked of set_write_buffer_limits, in bytes. What is missing follows from the other one.
struct write_limits_request {
    std::optional<std::size_t> high = std::nullopt;
    std::optional<std::size_t> low = std::nullopt;
};

/// The water marks of a write queue, in bytes: 0 <= low <= high <= unlimited.
struct write_buffer_limits {
    static constexpr std::size_t default_high = 64 * 1024;
    /// A high mark that is never reached. What is above it was a negative number before it became a
    /// std::size_t.
    static constexpr std::size_t unlimited = PTRDIFF_MAX;

    std::size_t low = default_high / 4;
    std::size_t high = default_high;

    /// Fills in what is missing: high is 4 * low, low is high / 4; without both, the defaults.
    ///
    /// A high mark of 0 alone makes the low one 0 as well: pause whenever anything is queued.
    /// Errors: std::invalid_argument naming both when low would be above high, or one is above unlimited.
    [[nodiscard]] static write_buffer_limits from(write_limits_request request) {
        write_buffer_limits limits;
        if (request.high) {
            limits.high = *request.high;
        } else if (request.low) {
            limits.high = *request.low > unlimited / 4 ? unlimited : 4 * *request.low;
        }
        limits.low = request.low.value_or(limits.high / 4);
        if (limits.low > limits.high || limits.high > unlimited) {
            const auto text = [](std::size_t mark) {
                return std::to_string(static_cast<std::ptrdiff_t>(mark));
            };
            throw std::invalid_argument("write buffer limits must be 0 <= low <= high, got low " +
                                        text(limits.low) + " and high " + text(limits.high));
        }
        return limits;
    }

    friend bool operator==(const write_buffer_limits&, const write_buffer_limits&) = default;
};

/// Detects when a queue crosses its water marks.
class flow_control {
public:
    /// What is to be reported to the protocol. The state has changed already: the report may re-enter.
    enum class transition { none, pause, resume };

    [[nodiscard]] const write_buffer_limits& limits() const noexcept { return limits_; }
    [[nodiscard]] bool is_paused() const noexcept { return paused_; }

    /// The queue has grown. Parameters: its size now, in bytes.
    [[nodiscard]] transition grew(std::size_t size) noexcept {
        if (paused_ || size <= limits_.high) return transition::none;
        paused_ = true;
        return transition::pause;
    }

    /// The queue has shrunk. Parameters: its size now, in bytes.
    [[nodiscard]] transition shrank(std::size_t size) noexcept {
        if (!paused_ || size > limits_.low) return transition::none;
        paused_ = false;
        return transition::resume;
    }

    /// Changes the marks, with effect at once: a size above the new high mark pauses, one at the new low mark
    /// or below resumes.
    ///
    /// Parameters: `limits` as write_buffer_limits::from makes them; `size` the queue's now, in bytes.
    /// Asyncio: raising them never resumes there.
    [[nodiscard]] transition set_limits(write_buffer_limits limits, std::size_t size) noexcept {
        limits_ = limits;
        return paused_ ? shrank(size) : grew(size);
    }

private:
    write_buffer_limits limits_;
    bool paused_ = false;  // the last report was a pause
};

}  // namespace aioxx
