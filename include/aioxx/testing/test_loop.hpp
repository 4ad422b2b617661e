// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/test_loop.hpp: a loop for tests: virtual time, and no way to hang or to lose an error.
//
// A run fails at once when nothing can run any more, and says who waits for what; at its end it fails when a
// task was forgotten, or when an error went to the exception handler because nobody caught it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/testing/seed_scope.hpp>
#include <aioxx/testing/virtual_backend.hpp>

namespace aioxx::testing {

/// The main task ended and others did not.
class lost_tasks : public error {
    using error::error;
};

/// The main task ended and left transports, servers or worker pools open.
class lost_resources : public error {
    using error::error;
};

/// Errors went to the exception handler because nobody was there to catch them.
class unhandled_reports : public error {
    using error::error;
};

/// What a test loop lets pass.
struct test_options {
    bool allow_lost_tasks = false;  ///< tasks may be left behind when the main one ends
    bool allow_reports = false;     ///< the test looks at reports() itself
    bool allow_open_resources = true;  ///< transports, servers and worker pools may be open when the main task ends
    std::size_t turn_limit = virtual_backend::default_turn_limit;  ///< of one run: more is an endless one
    std::uint64_t seed = detail::present_seed;  ///< shuffles each batch; 0: first come first served. See explore
};

/// Owns an event loop on virtual time, and runs coroutines on it.
///
/// Example:
///     TEST_CASE("an hour is over at once") {
///         testing::test_loop loop;
///         loop.run([]() -> coro<> { co_await sleep(1h); }());
///         CHECK(loop.elapsed() == 1h);
///     }
class test_loop : pinned {
public:
    explicit test_loop(test_options options = {})
        : options_(options),
          loop_(std::make_unique<virtual_backend>()),
          system_(static_cast<virtual_backend&>(loop_.system())) {
        system_.set_turn_limit(options.turn_limit);
        loop_.set_exception_handler([this](const exception_context& context) { reports_.push_back(context); });
        if (options.seed == 0) return;
        loop_.set_batch_order([random = std::mt19937_64(options.seed)](std::span<ready_node*> batch) mutable {
            std::shuffle(batch.begin(), batch.end(), random);
        });
    }

    [[nodiscard]] event_loop& loop() noexcept { return loop_; }
    [[nodiscard]] time_point now() const noexcept { return system_.now(); }
    /// Virtual time since the loop was made.
    [[nodiscard]] duration elapsed() const noexcept { return system_.clock().elapsed(); }

    /// Runs a coroutine as the main task, then whatever is ready. Returns: its value, or throws its exception.
    ///
    /// Errors: stalled when nothing can run any more while it is not done, or when too many turns were made;
    /// lost_tasks; lost_resources; unhandled_reports. Each names what it is about. After the first three the loop is
    /// closed, and with it every coroutine is gone before the variables that it may refer to.
    /// Cancellation: nothing interrupts it; it throws cancelled_error when the coroutine ends as cancelled.
    template <class T>
    T run(coro<T> main) {
        aioxx::detail::require_not_running(loop_, "run");
        task<T> running = create_task(loop_, std::move(main));
        drive([&] { aioxx::detail::run_until_done(loop_, *running.shared_state()); });
        settle();
        const bool succeeded = running.shared_state()->outcome.has_value();
        check_lost_tasks(succeeded);
        check_open_resources(succeeded);
        if (succeeded) check_reports();
        return aioxx::detail::take_outcome(*running.shared_state());
    }

    /// Runs everything that is due up to a later point in time, without a main task.
    ///
    /// Errors: stalled when too many turns were made.
    template <class Rep, class Period>
    void advance(std::chrono::duration<Rep, Period> delay) {
        run_up_to(add_saturated(now(), to_duration(delay)));
    }

    /// Runs everything that is ready, without any time passing.
    void settle() { run_up_to(now()); }

    /// Delivers a signal to the handler that was added to the loop. Errors: std::invalid_argument without one.
    void raise_signal(int signal) { system_.raise_signal(signal); }

    /// What went to the exception handler. Clear it when that was expected.
    [[nodiscard]] std::vector<exception_context>& reports() noexcept { return reports_; }

    [[nodiscard]] virtual_backend& system() noexcept { return system_; }

private:
    template <class Function>
    void drive(Function&& function) {
        try {
            function();
        } catch (const stalled& stall) {
            const std::string text = stall.what() + who_is_there();
            loop_.close();
            throw stalled(text);
        }
    }

    void run_up_to(time_point horizon) {
        system_.set_horizon(horizon);
        const scope_exit no_horizon([this] { system_.set_horizon({}); });
        drive([&] { loop_.run_forever(); });
    }

    // One line for each task and each open resource.
    [[nodiscard]] std::string who_is_there() const {
        std::string text = ":";
        const auto add = [&text](const auto& list) {
            for (auto* entry = list.front(); entry != nullptr; entry = list.next(*entry)) {
                text += "\n  " + entry->describe();
            }
        };
        add(loop_.tasks());
        add(loop_.resources());
        return text;
    }

    // The text is taken before the loop is closed, and with it everything that is named there.
    template <class Error>
    void fail_left_behind(bool may_throw) {
        const std::string text = "the main task ended at " + to_text(elapsed()) + " and left behind" + who_is_there();
        loop_.close();
        if (may_throw) throw Error(text);
    }

    void check_lost_tasks(bool may_throw) {
        if (options_.allow_lost_tasks || loop_.tasks().empty()) return;
        fail_left_behind<lost_tasks>(may_throw);
    }

    void check_open_resources(bool may_throw) {
        if (options_.allow_open_resources || loop_.resources().empty()) return;
        fail_left_behind<lost_resources>(may_throw);
    }

    void check_reports() {
        if (options_.allow_reports || reports_.empty()) return;
        std::string text = "errors that nobody caught:";
        for (const exception_context& report : std::exchange(reports_, {})) text += "\n  " + describe(report);
        throw unhandled_reports(text);
    }

    test_options options_;
    std::vector<exception_context> reports_;
    event_loop loop_;
    virtual_backend& system_;
};

}  // namespace aioxx::testing
