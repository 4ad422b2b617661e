// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/task_base.hpp: the untyped part of a task: a coroutine that the loop drives, with a name, a
// cancellation count and an outcome that others wait for.

#include <coroutine>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

/// A running coroutine, whatever its type. The loop holds a reference until it is done.
class task_base : public future_base, public task_context, private ready_node {
public:
    static constexpr const char* kind = "task";

    /// Its name: the given one or "Task-N" with the loop's own count (asyncio: get_name).
    [[nodiscard]] std::string name() const override { return name_ ? *name_ : "Task-" + std::to_string(number_); }
    /// Parameters: `name` empty goes back to "Task-N".
    AIOXX_COLD void set_name(std::string_view name) { name_ = name.empty() ? nullptr : std::make_unique<std::string>(name); }
    /// Counts the tasks of a loop, from 1.
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    /// The number of the task that started it; 0 when no task did.
    [[nodiscard]] std::uint64_t parent_number() const noexcept { return parent_number_; }

    /// Requests a cancellation: cancelled_error is thrown where the task is suspended, or at its next suspension.
    ///
    /// A task that has not run yet ends without running. One that waits for another task cancels that one first.
    /// Returns: false when it is done already.
    bool cancel(std::string message = {}) override {
        if (done()) return false;
        request_cancel(std::move(message));
        return true;
    }

    /// Errors: invalid_state_error in a task that could never be woken: of another loop, or this one.
    void require_awaitable_here() const {
        future_base::require_awaitable_here();
        if (loop().current() == this) [[unlikely]] throw_awaits_itself();
    }

    [[nodiscard]] std::string describe() const override {
        std::string text = name();
        if (const char* what = waits_for()) {
            text += std::string(" waits for ") + what;
        } else if (!done()) {
            text += is_linked_ready() ? " is ready to start" : " is scheduled or running";
        }
        return text;
    }

    /// Schedules the first step, or runs it now. Called once, by whoever made the task, who holds a reference.
    void start(bool eagerly) {
        add_reference();  // the loop's
        loop().attach(*this);
        if (loop().is_watched()) [[unlikely]] tell_started();
        if (eagerly && detail::running_loop == &loop()) {
            loop().run_eagerly([this] { run(); });
        } else {
            loop().schedule(*this);
        }
    }

protected:
    task_base(event_loop& loop, std::coroutine_handle<> root, const task_options& options)
        : future_base(loop),
          task_context(root, options.values != nullptr ? *options.values : detail::current_context()),
          number_(loop.next_task_number()) {
        if (loop.current() != nullptr) parent_number_ = static_cast<task_base*>(loop.current())->number_;
        if (!options.name.empty()) [[unlikely]] set_name(options.name);
    }
    ~task_base() override {
        if (root_) root_.destroy();
    }

    /// Moves the outcome out of the ended coroutine. Returns: whether it is a value.
    virtual bool collect() noexcept = 0;
    /// Ends with an exception without the coroutine.
    virtual void set_outcome(std::exception_ptr exception) noexcept = 0;

private:
    [[noreturn]] AIOXX_COLD void throw_awaits_itself() const {
        throw invalid_state_error(name() + " cannot await itself");
    }

    [[nodiscard]] bool is_linked_ready() const noexcept { return static_cast<const ready_node*>(this)->is_linked(); }

    // The first step.
    void run() override {
        if (!take_request()) return resume(loop(), root_);
        destroy_root();
        set_outcome(std::make_exception_ptr(cancelled_error(cancel_message())));
        end(future_base::state::cancelled);
    }

    void finish() override {
        const bool has_value = collect();
        destroy_root();
        end(has_value || !is_cancelled(outcome_exception()) ? state::finished : state::cancelled);
    }

    void end(state outcome) {
        // A request that no suspension was left to deliver ends the task as cancelled and drops its value.
        if (take_request() && outcome == state::finished && !outcome_exception()) {
            set_outcome(std::make_exception_ptr(cancelled_error(cancel_message())));
            outcome = state::cancelled;
        }
        static_cast<loop_task*>(this)->unlink();
        if (loop().is_watched()) [[unlikely]] tell_ended();
        complete(outcome);
        drop_reference();
    }

    void abandon() noexcept override {
        static_cast<ready_node*>(this)->unlink();
        forget_wait();
        destroy_root();
        drop_reference();
    }

    void destroy_root() noexcept {
        if (root_) std::exchange(root_, {}).destroy();
    }

    [[nodiscard]] step_source source() const noexcept override {
        return {const_cast<task_base*>(this), detail::promise_base::of(root_).where};
    }

    AIOXX_COLD void tell_started() noexcept {
        watch();
        loop().tell_instruments([this](instrument& each) { each.task_started(*this); });
    }
    AIOXX_COLD void tell_ended() noexcept {
        loop().tell_instruments([this](instrument& each) { each.task_ended(*this); });
    }

    std::uint64_t number_;
    std::uint64_t parent_number_ = 0;
    std::unique_ptr<std::string> name_;  // null for "Task-N": most tasks have no other
};

}  // namespace aioxx
