// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/runner.hpp: run(main()): a loop, the main task, Ctrl-C, and an end in which nothing is left behind.
// The one place that chooses the real backend.

#include <chrono>
#include <csignal>
#include <memory>
#include <thread>
#include <utility>

#include <asio/io_context.hpp>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/context_var.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/shutdown.hpp>

namespace aioxx {

/// Ctrl-C ended the main task (asyncio: KeyboardInterrupt out of run).
class interrupted_error : public error {
public:
    interrupted_error() : error("interrupted") {}
};

namespace detail {

// Static initialisation runs on the main thread.
inline const std::thread::id main_thread = std::this_thread::get_id();

// While it lives, Ctrl-C cancels a task.
class interrupt_guard : pinned {
public:
    interrupt_guard(event_loop& loop, state_ptr<task_base> main) : loop_(loop), main_(std::move(main)) {
        if (std::this_thread::get_id() != main_thread || !has_default_disposition()) return;
        auto mark = std::make_shared<bool>(false);
        interrupted_ = mark;
        loop_.add_signal_handler(SIGINT, [main = main_, mark = std::move(mark)] { *mark = main->cancel({}); });
        make_one_shot();
    }
    // A handler that was installed since then stays.
    ~interrupt_guard() {
        if (!interrupted_.expired()) loop_.remove_signal_handler(SIGINT);
    }

    /// Whether the task's cancellation came from here and from nowhere else.
    [[nodiscard]] bool caused_cancellation() const {
        const auto mark = interrupted_.lock();
        return mark && *mark && main_->cancelled() && main_->uncancel() == 0;
    }

private:
    static bool has_default_disposition() noexcept {
        struct sigaction present {};
        return ::sigaction(SIGINT, nullptr, &present) == 0 && present.sa_handler == SIG_DFL;
    }

    // The second Ctrl-C finds the default disposition, which ends the process even when the loop is blocked.
    static void make_one_shot() noexcept {
        struct sigaction present {};
        if (::sigaction(SIGINT, nullptr, &present) != 0) return;
        present.sa_flags |= static_cast<int>(SA_RESETHAND);
        ::sigaction(SIGINT, &present, nullptr);
    }

    event_loop& loop_;
    state_ptr<task_base> main_;
    std::weak_ptr<bool> interrupted_;  // alive as long as the handler is installed
};

}  // namespace detail

/// How a runner is made.
struct runner_options {
    bool debug = false;  ///< event_loop::set_debug
    duration shutdown_timeout = std::chrono::seconds(30);  ///< for tasks and resources to end in close(), at most
};

/// Runs coroutines on a loop of its own, one after the other, and shuts the loop down in order.
///
/// Ctrl-C: the first one cancels the main task; when it then ends cancelled, run throws interrupted_error, and when
/// it returns a value all the same, run returns that. The second one ends the process. Only on the main thread, and
/// only when SIGINT has its default disposition, so that a program's own handler stays in force.
/// Asyncio: Runner. The second Ctrl-C does not unwind, because a blocked loop could not.
/// Example:
///     aioxx::runner runner;
///     int first = runner.run(one());
///     int second = runner.run(two());
class runner : pinned {
public:
    explicit runner(runner_options options = {}) : runner(std::make_unique<asio_backend>(), options) {}

    /// Runs on the user's context. Requires: it outlives the runner, and one thread runs it.
    explicit runner(asio::io_context& context, runner_options options = {})
        : runner(std::make_unique<asio_backend>(context), options) {}

    /// Runs on any backend.
    explicit runner(std::unique_ptr<backend> system, runner_options options = {})
        : loop_(std::move(system)), shutdown_timeout_(options.shutdown_timeout), values_(copy_context()) {
        loop_.set_debug(options.debug);
    }

    /// Closes; errors go to the exception handler.
    ~runner() {
        loop_.guarded([this] { close(); }, "exception while a runner was closed");
    }

    [[nodiscard]] event_loop& get_loop() noexcept { return loop_; }

    /// Runs a coroutine to its end. Returns: its value, or throws its exception.
    ///
    /// Errors: invalid_state_error when a loop is already running in this thread, when the runner is closed, or
    /// when the loop was stopped; interrupted_error after Ctrl-C.
    /// Cancellation: by Ctrl-C alone, see above; cancelled_error when the coroutine ends as cancelled otherwise.
    /// Context variables that it sets keep their values for the next run; the first one starts with those of the place
    /// where the runner was made.
    template <class T>
    T run(coro<T> main) {
        return run(std::move(main), values_);
    }

    /// The same with other context variables. Cancellation: as for the other form.
    template <class T>
    T run(coro<T> main, context& values) {
        detail::require_not_running(loop_, "run");
        task<T> running = create_task(loop_, std::move(main), {.values = &values});
        const detail::interrupt_guard guard(loop_, state_ptr<task_base>(running.shared_state().get()));
        const scope_exit keep([&] { values = running.shared_state()->values(); });
        detail::run_until_done(loop_, *running.shared_state());
        if (guard.caused_cancellation()) throw interrupted_error();
        return detail::take_outcome(*running.shared_state());
    }

    /// Ends everything: tasks are cancelled and awaited, then transports and other resources are aborted and
    /// waited for, then the loop is closed. Idempotent.
    ///
    /// What has not ended within the shutdown_timeout of the options is reported to the exception handler and
    /// destroyed where it stands.
    /// Errors: invalid_state_error when a loop is running in this thread.
    /// Cancellation: nothing interrupts it but the timeout.
    void close() { close(shutdown_timeout_); }

    /// The same with another limit. Cancellation: as for the other form.
    void close(duration timeout) {
        if (loop_.is_closed()) return;
        shut_down(loop_, timeout);
        loop_.close();
    }

private:
    event_loop loop_;
    duration shutdown_timeout_;
    context values_;
};

/// Runs a coroutine on a new loop and shuts the loop down (asyncio: run). The entry point of most programs.
///
/// Returns: its value, or throws its exception. Errors and cancellation: as runner::run.
/// Example:
///     int main() { return aioxx::run(serve()); }
template <class T>
T run(coro<T> main, runner_options options = {}) {
    if (detail::running_loop != nullptr) {
        main.close();
        throw invalid_state_error("run: an event loop is already running in this thread");
    }
    runner once(options);
    return once.run(std::move(main));
}

}  // namespace aioxx
