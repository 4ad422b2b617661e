// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/loop_monitor.hpp: how long a loop keeps everybody waiting: the times of its steps and turns, and the age of
// its tasks. Costs three looks at the clock for each step while it exists, and nothing before and after.

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <aioxx/base/pinned.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/instrument.hpp>

namespace aioxx {

/// Counts durations in classes whose upper bounds are powers of two microseconds.
class duration_histogram {
public:
    static constexpr std::size_t classes = 32;

    void add(duration taken) noexcept {
        const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(taken).count();
        const auto width = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(microseconds < 0 ? 0 : microseconds)));
        ++counts_[width < classes ? width : classes - 1];
        ++count_;
        if (taken > longest_) longest_ = taken;
        total_ += taken;
    }

    /// How many durations were below upper_bound(index) and not below that of the class before.
    [[nodiscard]] std::uint64_t count_in(std::size_t index) const { return counts_.at(index); }
    /// The last class has none: it takes all that is longer.
    [[nodiscard]] static constexpr duration upper_bound(std::size_t index) noexcept {
        return std::chrono::microseconds(std::int64_t{1} << index);
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] duration longest() const noexcept { return longest_; }
    [[nodiscard]] duration total() const noexcept { return total_; }

    /// An upper bound of the given share of the durations, for example 0.99; exact to a factor of two.
    [[nodiscard]] duration quantile(double share) const noexcept {
        std::uint64_t seen = 0;
        for (std::size_t index = 0; index + 1 < classes; ++index) {
            seen += counts_[index];
            if (static_cast<double>(seen) >= share * static_cast<double>(count_)) {
                return upper_bound(index) < longest_ ? upper_bound(index) : longest_;
            }
        }
        return longest_;
    }

private:
    std::array<std::uint64_t, classes> counts_{};
    std::uint64_t count_ = 0;
    duration longest_{};
    duration total_{};
};

/// Measures a loop as long as it exists.
///
/// Concurrency: on the loop's thread. Lifetime: the loop outlives it.
/// Example:
///     loop_monitor monitor(get_running_loop());
///     ...
///     log(monitor.describe());  // "steps: 18220, longest 3.1ms at client.cpp:31, in fetch (Task-4); lag: 99% below 1ms"
class loop_monitor final : public instrument {
public:
    explicit loop_monitor(event_loop& loop) : loop_(loop), began_(loop.time()) { loop.add_instrument(*this); }

    /// Of single callbacks and steps of tasks.
    [[nodiscard]] const duration_histogram& steps() const noexcept { return steps_; }
    /// Of turns: how long an event that comes at a turn's beginning waits until it is looked at.
    [[nodiscard]] const duration_histogram& lag() const noexcept { return turns_; }
    /// Where the longest step began, and the name of its task; empty for none.
    [[nodiscard]] const std::string& longest_step() const noexcept { return longest_step_; }

    /// How long ago a task was started; for one that was there before the monitor, at least that long.
    [[nodiscard]] std::optional<duration> age_of(const loop_task& task) const {
        const auto found = births_.find(&task);
        return loop_.time() - (found != births_.end() ? found->second : began_);
    }

    /// One line with all of that.
    [[nodiscard]] std::string describe() const {
        std::string text = "steps: " + std::to_string(steps_.count()) + ", longest " + to_text(steps_.longest());
        if (!longest_step_.empty()) text += " at " + longest_step_;
        return text + "; lag: 99% below " + to_text(turns_.quantile(0.99)) + ", longest " + to_text(turns_.longest());
    }

private:
    void task_started(loop_task& task) noexcept override {
        loop_.guarded([&] { births_.emplace(&task, loop_.time()); }, "a task's age could not be noted");
    }
    void task_ended(loop_task& task) noexcept override { births_.erase(&task); }

    void step_begins(const step_source& source) noexcept override {
        loop_.guarded([&] { task_ = source.task != nullptr ? source.task->name() : std::string(); },
                      "a task's name could not be noted");
        step_began_ = loop_.time();
    }
    void step_ended(const step_source& source) noexcept override {
        const duration taken = loop_.time() - step_began_;
        if (taken > steps_.longest()) {
            loop_.guarded(
                [&] {
                    longest_step_ = aioxx::describe(source.where);
                    if (!task_.empty()) longest_step_ += (longest_step_.empty() ? "" : " ") + ('(' + task_ + ')');
                },
                "the longest step could not be noted");
        }
        steps_.add(taken);
    }

    void turn_begins() noexcept override { turn_began_ = loop_.time(); }
    void turn_ended() noexcept override { turns_.add(loop_.time() - turn_began_); }

    event_loop& loop_;
    const time_point began_;
    duration_histogram steps_;
    duration_histogram turns_;
    std::map<const loop_task*, time_point> births_;
    time_point step_began_ = began_;
    time_point turn_began_ = began_;
    std::string task_;  // of the present step
    std::string longest_step_;
};

}  // namespace aioxx
