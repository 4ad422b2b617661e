// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/fault_plan.hpp: lets a test fail at its first point, then at its second, and so on until it comes through:
// every place where a task can be cancelled, or where an operation can fail, is visited once.

#include <cstddef>
#include <exception>
#include <map>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/instrument.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/testing/test_loop.hpp>

namespace aioxx::testing {

/// What happens at a point of a plan.
enum class fault {
    cancel_at_suspension,  ///< the task that is about to wait is cancelled
    cancel_after_wake_up,  ///< a task is cancelled that was woken and has not resumed
    failed_operation       ///< fault_plan::check throws fault_injected
};

/// Thrown by fault_plan::check.
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
/// Example:
///     fault_plan::visit(fault::cancel_at_suspension, [](fault_plan& plan) {
///         test_loop loop;
///         account a, b;
///         plan.run(loop, transfer(a, b));
///         if (a.balance() + b.balance() != 100) throw std::logic_error("money was lost");
///     });
class fault_plan final : public instrument {
public:
    /// Runs a body again and again, with a fault at point 0, 1, 2 ... until it has no such point.
    ///
    /// Parameters: `body` is called with the plan; it watches its loops with it, and fails by throwing. `most` points:
    /// more are an endless body.
    /// Returns: how many points were visited.
    /// Errors: fault_failed.
    template <class Body>
    static std::size_t visit(fault kind, Body body, std::size_t most = 10'000) {
        for (std::size_t point = 0; point < most; ++point) {
            fault_plan plan(kind, point);
            try {
                body(plan);
            } catch (const std::exception& failure) {
                throw fault_failed(plan.describe() + ": " + failure.what());
            } catch (const cancelled_error&) {
                throw fault_failed(plan.describe() + ": the body let the cancellation out");
            }
            if (!plan.struck()) return point;
        }
        throw fault_failed("the body has more than " + std::to_string(most) + " points");
    }

    /// Strikes in the tasks of a loop. Lifetime: the loop outlives the plan, or is closed.
    void watch(event_loop& loop) {
        loop_ = &loop;
        loop.add_instrument(*this);
    }

    /// Runs a coroutine on a loop that it watches. Returns: false when it was ended by a cancellation of this plan.
    ///
    /// Errors: what the coroutine throws otherwise, and what test_loop::run says of lost tasks and errors.
    bool run(test_loop& loop, coro<> main) {
        watch(loop.loop());
        try {
            loop.run(std::move(main));
        } catch (const cancelled_error&) {
            if (!struck()) throw;
            return false;
        }
        return true;
    }

    /// An operation that can fail. Errors: fault_injected at the point of the plan.
    void check(const char* operation) {
        if (kind_ != fault::failed_operation || points_++ != point_) return;
        place_ = operation;
        throw fault_injected(operation);
    }

    /// Whether the point of the plan was reached.
    [[nodiscard]] bool struck() const noexcept { return points_ > point_; }

private:
    fault_plan(fault kind, std::size_t point) noexcept : kind_(kind), point_(point) {}

    [[nodiscard]] std::string describe() const {
        std::string text = "with a fault at point " + std::to_string(point_);
        if (!place_.empty()) text += " (" + place_ + ')';
        return text;
    }

    void task_suspends(loop_task& task) noexcept override {
        ++suspensions_[&task];
        if (kind_ == fault::cancel_at_suspension) reach(task);
    }
    void task_ended(loop_task& task) noexcept override {
        suspensions_.erase(&task);
        counted_.erase(&task);
    }

    // Whatever was woken by this step and has not been counted for this suspension is a point.
    void step_ended(const step_source&) noexcept override {
        if (kind_ != fault::cancel_after_wake_up || struck()) return;
        for (loop_task* each = loop_->tasks().front(); each != nullptr; each = loop_->tasks().next(*each)) {
            const auto& task = static_cast<task_base&>(*each);
            if (task.stack().empty() || task.waits_for() != nullptr) continue;
            std::size_t& counted = counted_[each];
            if (counted == suspensions_[each]) continue;
            counted = suspensions_[each];
            reach(*each);
            if (struck()) return;
        }
    }

    void reach(loop_task& task) {
        if (points_++ != point_) return;
        auto& victim = static_cast<task_base&>(task);
        const auto stack = victim.stack();
        place_ = victim.name();
        if (!stack.empty()) place_ += " at " + aioxx::describe(stack.front());
        victim.cancel("fault");
    }

    fault kind_;
    std::size_t point_;
    std::size_t points_ = 0;  // reached so far
    std::string place_;       // of the fault, for the report
    event_loop* loop_ = nullptr;
    std::map<loop_task*, std::size_t> suspensions_;
    std::map<loop_task*, std::size_t> counted_;  // the suspension whose wake-up was counted last
};

}  // namespace aioxx::testing
