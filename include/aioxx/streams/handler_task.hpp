// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/handler_task.hpp: the task of a connection's handler. It is what a coroutine around the handler would be, without
// that one's frame: an idle connection keeps what is here as long as it lasts.

#include <exception>
#include <string>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/core/task_options.hpp>

namespace aioxx::detail {

// Base of the tasks of handlers: what is to be done with a connection at the end is said by the derived class.
class handler_task : public task_base {
public:
    [[nodiscard]] std::string name() const override {
        std::string given = task_base::name();
        return given == "Task-" + std::to_string(number()) ? "connection" : given;
    }

    // How the task of a handler starts.
    static task_options options_for(event_loop& loop) {
        task_options options;
        if (loop.looks_at_new_tasks()) [[unlikely]] {
            options.name = "connection";
            look_at_new_task(loop, options);
        }
        return options;
    }

protected:
    // Errors: std::invalid_argument for an empty coroutine.
    handler_task(event_loop& loop, coro<>&& handling, const task_options& options)
        : task_base(loop, checked(std::move(handling)), options) {
        promise().task = this;
    }

    // The handler has ended, or was cancelled before it began. Parameters: `thrown` null when it has returned, which may be
    // followed by a cancellation that came too late for it.
    virtual void ended(const std::exception_ptr& thrown) noexcept = 0;

private:
    using handle_type = coro<>::handle_type;

    static handle_type checked(coro<>&& handling) {
        if (!handling) [[unlikely]] throw_no_coroutine();
        return handling.release();
    }
    [[nodiscard]] coro<>::promise_type& promise() const { return handle_type::from_address(root_.address()).promise(); }

    bool collect() noexcept override {
        const std::exception_ptr thrown = promise().outcome.exception();
        if (is_cancelled(thrown)) cancellation_ = thrown;
        ended(thrown);
        return !cancellation_;
    }
    void set_outcome(std::exception_ptr exception) noexcept override {
        cancellation_ = std::move(exception);
        ended(cancellation_);
    }
    std::exception_ptr outcome_exception() const noexcept override { return cancellation_; }

    std::exception_ptr cancellation_;  // nobody asks for other outcomes
};

}  // namespace aioxx::detail
