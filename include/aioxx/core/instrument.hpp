// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/instrument.hpp: somebody who watches what a loop does: debug mode, monitors, test tools.
// A loop without instruments pays one comparison for each batch and each task.

#include <source_location>

#include <aioxx/base/intrusive_list.hpp>

namespace aioxx {

class loop_task;
struct instrument_tag;

/// What a step belongs to: one run of a ready node.
struct step_source {
    loop_task* task = nullptr;     ///< null for a callback
    std::source_location where{};  ///< where the task was suspended, or the callback scheduled
};

/// Called by the loop that it was added to. Takes itself out when it dies.
///
/// The functions must not throw. Asyncio has none; Trio calls it Instrument.
class instrument : public list_node<instrument_tag> {
public:
    /// A task was made, and has not run yet.
    virtual void task_started(loop_task&) noexcept {}
    /// A task has its outcome.
    virtual void task_ended(loop_task&) noexcept {}
    /// A task is about to wait. A cancellation that is requested here arrives at this very suspension.
    virtual void task_suspends(loop_task&) noexcept {}
    /// A callback, a task's first step or a resumption begins. Requests no cancellation: what is about to run, such
    /// as the timer that ends a sleep, might be destroyed by it.
    virtual void step_begins(const step_source&) noexcept {}
    /// It has ended; the task may be gone unless step_begins kept it.
    virtual void step_ended(const step_source&) noexcept {}
    /// A turn begins, and ends before the loop waits again.
    virtual void turn_begins() noexcept {}
    virtual void turn_ended() noexcept {}

protected:
    instrument() = default;
    ~instrument() = default;
};

}  // namespace aioxx
