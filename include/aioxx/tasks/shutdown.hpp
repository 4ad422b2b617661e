// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/shutdown.hpp: brings what still lives on a loop to its end, in order: first the tasks, which may need
// their transports to say goodbye, then the transports and all the rest.

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <aioxx/base/pinned.hpp>
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

// Stops the loop when the last one of several tasks is done.
class stop_when_all_done : pinned {
public:
    explicit stop_when_all_done(event_loop& loop) noexcept : loop_(loop) {}

    void add(task_base& task) {
        ++left_;
        task.add_waiter(*nodes_.emplace_back(std::make_unique<node>(*this)));
    }
    [[nodiscard]] bool done() const noexcept { return left_ == 0; }

private:
    class node final : public wait_node {
    public:
        explicit node(stop_when_all_done& owner) noexcept : owner_(owner) {}
        void run() override {
            if (--owner_.left_ == 0) owner_.loop_.stop();
        }

    private:
        stop_when_all_done& owner_;
    };

    event_loop& loop_;
    std::vector<std::unique_ptr<node>> nodes_;
    std::size_t left_ = 0;
};

// Tasks that are started by another's cleanup may be needed there: they are cancelled when those have ended.
inline void cancel_tasks(event_loop& loop, time_point deadline) {
    const auto& tasks = loop.tasks();
    while (!tasks.empty()) {
        stop_when_all_done round(loop);
        std::vector<state_ptr<task_base>> asked;
        for (loop_task* entry = tasks.front(); entry != nullptr; entry = tasks.next(*entry)) {
            asked.emplace_back(static_cast<task_base*>(entry));
        }
        for (const auto& task : asked) {
            round.add(*task);
            task->cancel({});
        }
        handle over = loop.call_at(deadline, [&loop] { loop.stop(); });
        loop.run_forever();
        over.cancel();
        if (!round.done()) return report_left_behind(loop, tasks);
    }
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
/// Requires: the loop does not run. Cancellation: nothing interrupts it but the timeout.
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
