// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/shutdown.hpp: brings what still lives on a loop to its end, in order: first the tasks, which may need
// their transports to say goodbye, then the transports and all the rest.

#include <chrono>
#include <cstdint>
#include <string>

#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/tasks/run_until_complete.hpp>

namespace aioxx {

namespace detail {

// Runs the loop until a condition holds, looking at it every millisecond. Returns: whether it came to hold.
template <class Condition>
bool run_until(event_loop& loop, time_point deadline, Condition holds) {
    loop.stop();
    loop.run_forever();  // one pass over what is ready
    while (!holds()) {
        if (loop.time() >= deadline) return false;
        loop.call_later(std::chrono::milliseconds(1), [&loop] { loop.stop(); });
        loop.run_forever();
    }
    return true;
}

template <class List>
void report_left_behind(event_loop& loop, const List& list) {
    for (const auto* entry = list.front(); entry != nullptr; entry = list.next(*entry)) {
        loop.call_exception_handler({"did not end in time at shutdown", nullptr, entry->describe()});
    }
}

// Each task is asked once. One that is started by another's cleanup is asked in a later round.
inline void cancel_tasks(event_loop& loop, time_point deadline) {
    const auto& tasks = loop.tasks();
    std::uint64_t asked = 0;  // the tasks are in the order of their numbers
    const auto ask = [&] {
        for (loop_task* entry = tasks.front(); entry != nullptr; entry = tasks.next(*entry)) {
            auto& task = static_cast<task_base&>(*entry);
            if (task.number() <= asked) continue;
            asked = task.number();
            task.cancel({});
        }
        return tasks.empty();
    };
    if (!ask() && !run_until(loop, deadline, ask)) report_left_behind(loop, tasks);
}

// Those that outlived the tasks; a clean-up that takes too long is left to loop.close().
inline void close_generators(event_loop& loop, time_point deadline) {
    if (loop.extension<live_generators>().empty()) return;
    const task<> closing = create_task(loop, shutdown_async_generators(loop), "shutdown_async_generators");
    if (!run_until(loop, deadline, [&closing] { return closing.done(); })) report_left_behind(loop, loop.tasks());
}

}  // namespace detail

/// Cancels all tasks of a loop and waits for them, then aborts its resources and waits for them.
///
/// Parameters: `timeout` of all that together; what is left then is reported to the exception handler.
/// Requires: the loop does not run.
inline void shut_down(event_loop& loop, duration timeout) {
    detail::require_not_running(loop, "shut_down");
    const time_point deadline = add_saturated(loop.time(), timeout);
    detail::cancel_tasks(loop, deadline);
    detail::close_generators(loop, deadline);
    loop.abandon_resources();
    const auto& resources = loop.resources();
    const auto gone = [&resources] { return resources.empty(); };
    if (!gone() && !detail::run_until(loop, deadline, gone)) detail::report_left_behind(loop, resources);
}

}  // namespace aioxx
