// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/expiry.hpp: the deadline of one half of a stream, which outlives the single operation.
// Moving it costs a store: the timer of the loop is armed once and, when it finds the deadline moved, armed anew.

#include <optional>
#include <utility>

#include <aioxx/base/function.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/handle.hpp>

namespace aioxx {

/// A point in time that can be moved, and what happens then.
///
/// Concurrency: one loop, the one that runs at the first set().
class expiry : pinned {
public:
    /// Parameters: `reached` is called by the loop, once for each deadline that passes.
    explicit expiry(function<void()> reached) : reached_(std::move(reached)) {}
    ~expiry() { timer_.cancel(); }

    /// Sets the deadline; nothing takes it away. One in the past is reached in the next turn of the loop.
    void set(std::optional<time_point> when) {
        when_ = when;
        told_ = false;
        if (!when_ || (armed_ && timer_.when() <= *when_)) return;
        timer_.cancel();
        arm();
    }

    /// Whether it has been reached and not been moved since.
    [[nodiscard]] bool expired() const { return when_ && (told_ || get_running_loop().time() >= *when_); }

private:
    void arm() {
        armed_ = true;
        timer_ = get_running_loop().call_at(*when_, [this] { on_timer(); });
    }

    void on_timer() {
        armed_ = false;
        if (!when_ || told_) return;
        if (get_running_loop().time() < *when_) return arm();
        told_ = true;
        reached_();
    }

    function<void()> reached_;
    std::optional<time_point> when_;
    handle timer_;
    bool armed_ = false;
    bool told_ = false;
};

}  // namespace aioxx
