// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/fault_plan.hpp: lets a test fail at its first point, then at its second, and so on until it comes through:
// every place where a task can be cancelled, or where an operation can fail, is visited once.

#include <cstddef>
#include <exception>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/instrument.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/tasks/error_group.hpp>
#include <aioxx/testing/failure_of.hpp>
#include <aioxx/testing/frame_watch.hpp>
#include <aioxx/testing/test_loop.hpp>

namespace aioxx::testing {

/// What happens at a point of a plan.
enum class fault {
    cancel_before_start,   ///< a task is cancelled that was made and has not run
    cancel_at_suspension,  ///< the task that is about to wait is cancelled
    cancel_after_wake_up,  ///< a task is cancelled that was woken: after each step until it resumes
    failed_operation,      ///< fault_plan::check throws fault_injected
    failed_allocation      ///< the frame pool throws fault_injected at a task
};

/// How fault_plan::visit goes about it.
struct visit_options {
    std::size_t most = 10'000;  ///< points: a body that has more is an endless one
    bool check_frames = false;  ///< the body must give back every frame. Its loops are made inside
};

/// Thrown where an operation was made to fail.
class fault_injected : public error {
public:
    explicit fault_injected(const std::string& operation) : error("injected: " + operation) {}
};

/// A body failed with a fault; the text says at which point, where that is, and how the body failed.
class fault_failed : public error {
    using error::error;
};

/// Counts the points of a body and strikes at one of them.
///
/// What a point is must not depend on chance: a body that makes random choices makes the same ones each time.
/// Example:
///     fault_plan::visit(fault::cancel_at_suspension, [](fault_plan& plan) {
///         test_loop loop;
///         account from(100), to(0);
///         plan.run(loop, transfer_twice(from, to));
///         REQUIRE(from.balance() + to.balance() == 100);
///     });
class fault_plan final : public instrument {
public:
    /// Runs a body again and again, with a fault at point 0, 1, 2 ... until it has no such point.
    ///
    /// Parameters: `body` is called with the plan; it watches its loops with it, and fails by throwing.
    /// Returns: how many points were visited.
    /// Errors: fault_failed.
    template <class Body>
    static std::size_t visit(fault kind, Body body, visit_options options = {}) {
        for (std::size_t point = 0; point <= options.most; ++point) {
            fault_plan plan(kind, point);
            const std::exception_ptr failure = failure_of([&] {
                if (!options.check_frames) return body(plan);
                check_frames([&] {
                    body(plan);
                    plan.victim_ = {};
                });
            });
            if (failure) throw fault_failed(plan.describe() + ": " + text_of(failure));
            if (!plan.struck()) return point;
        }
        throw fault_failed("the body has more than " + std::to_string(options.most) + " points");
    }

    /// Strikes in the tasks of a loop. Lifetime: the loop outlives the plan, or is closed.
    void watch(event_loop& loop) {
        loop_ = &loop;
        loop.add_instrument(*this);
    }

    /// Runs a coroutine on a loop that it watches. Returns: false when it was ended by the fault of this plan: by the
    /// cancellation, or by fault_injected, alone or in an error_group.
    ///
    /// Errors: what the coroutine throws otherwise, and what test_loop::run says of lost tasks and errors, which it
    /// does here also when the coroutine fails.
    bool run(test_loop& loop, coro<> main) {
        watch(loop.loop());
        std::exception_ptr failure;
        const std::exception_ptr other = failure_of([&] { loop.run(keep_failure(std::move(main), failure)); });
        list_node<instrument_tag>::unlink();
        if (other) failure = other;
        if (!failure) return true;
        if (!struck() || !is_own(failure)) std::rethrow_exception(failure);
        return false;
    }

    /// An operation that can fail. Errors: fault_injected at the point of the plan.
    void check(const char* operation) {
        if (kind_ == fault::failed_operation) fail(operation);
    }

    /// Whether the point of the plan was reached.
    [[nodiscard]] bool struck() const noexcept { return points_ > point_; }

    /// The task that was cancelled, or null. One that passes cancellations on must end as cancelled.
    [[nodiscard]] const future_base* victim() const noexcept { return victim_.get(); }

private:
    fault_plan(fault kind, std::size_t point) : kind_(kind), point_(point) {
        if (kind == fault::failed_allocation) allocations_.emplace([this](std::size_t size) { allocate(size); });
    }

    [[nodiscard]] std::string describe() const {
        std::string text = "with a fault at point " + std::to_string(point_);
        if (!place_.empty()) text += " (" + place_ + ')';
        return text;
    }

    static std::string text_of(const std::exception_ptr& failure) {
        return is_cancelled(failure) ? "the body let the cancellation out" : aioxx::describe(failure);
    }

    // With its failure out of the way, the loop looks for what it left behind.
    static coro<> keep_failure(coro<> main, std::exception_ptr& failure) {
        try {
            co_await std::move(main);
        } catch (...) {
            failure = std::current_exception();
        }
    }

    [[nodiscard]] bool is_own(const std::exception_ptr& failure) const {
        if (kind_ != fault::failed_operation && kind_ != fault::failed_allocation) return is_cancelled(failure);
        try {
            std::rethrow_exception(failure);
        } catch (const fault_injected&) {
            return true;
        } catch (const error_group& group) {
            for (const std::exception_ptr& each : group.exceptions()) {
                if (!is_own(each)) return false;
            }
            return true;
        } catch (const std::exception&) {
            return false;
        }
    }

    void task_started(loop_task& task) noexcept override {
        if (kind_ == fault::cancel_before_start) cancel(task, ", before its start");
    }
    void task_suspends(loop_task& task) noexcept override {
        if (kind_ == fault::cancel_at_suspension) cancel(task);
    }
    // These two are where woken tasks can be told from others: their nodes are in the queue of the loop.
    void turn_begins() noexcept override { visit_woken(); }
    void step_ended(const step_source&) noexcept override { visit_woken(); }

    void visit_woken() {
        if (kind_ != fault::cancel_after_wake_up) return;
        for (loop_task* each = loop_->tasks().front(); each != nullptr && !struck(); each = loop_->tasks().next(*each)) {
            const auto& task = static_cast<task_base&>(*each);
            if (task.waits_for() == nullptr && !task.stack().empty()) cancel(*each, ", after its wake-up");
        }
    }

    void cancel(loop_task& task, const char* when = "") {
        if (points_++ != point_) return;
        auto& victim = static_cast<task_base&>(task);
        place_ = victim.name() + place_of(victim) + when;
        victim_ = state_ptr<future_base>(&victim);
        victim.cancel("fault");
    }

    // Where a task waits, innermost first, without keep_failure.
    static std::string place_of(const task_base& task) {
        const std::string_view here = std::source_location::current().file_name();
        std::string text;
        for (const std::source_location& each : task.stack()) {
            if (each.file_name() == here) break;
            text += (text.empty() ? " at " : ", for ") + aioxx::describe(each);
        }
        return text;
    }

    void allocate(std::size_t size) {
        if (loop_ == nullptr || loop_->current() == nullptr) return;
        fail("an allocation of " + std::to_string(size) + " bytes in " + loop_->current()->name());
    }

    void fail(const std::string& operation) {
        if (points_++ != point_) return;
        place_ = operation;
        throw fault_injected(operation);
    }

    fault kind_;
    std::size_t point_;
    std::size_t points_ = 0;  // reached so far
    std::string place_;       // of the fault, for the report
    event_loop* loop_ = nullptr;
    state_ptr<future_base> victim_;
    std::optional<frame_watch> allocations_;
};

}  // namespace aioxx::testing
