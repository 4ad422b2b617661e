// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/task_group.hpp: tasks that end before the block does in which they were started.
// The first failure ends them all, and no error and no cancellation gets lost on the way.

#include <coroutine>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/cancellation.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/tasks/error_group.hpp>

namespace aioxx {

struct task_group_tag;
class task_group;

namespace detail {

// A member of a group until it is done: hangs in the task's list of waiters and in the group's list.
class group_child : public wait_node, public list_node<task_group_tag>, public pool_allocated {
public:
    virtual ~group_child() = default;
    [[nodiscard]] virtual task_base& awaited() const noexcept = 0;
    [[nodiscard]] virtual std::exception_ptr failure() const noexcept = 0;

protected:
    explicit group_child(task_group& group) noexcept : group_(group) {}

private:
    void run() override;

    task_group& group_;
};

template <class T>
class group_child_of final : public group_child {
public:
    explicit group_child_of(task_group& group) noexcept : group_child(group) {}

    void set_state(state_ptr<task_state<T>> state) noexcept { state_ = std::move(state); }

    [[nodiscard]] task_base& awaited() const noexcept override { return *state_; }
    [[nodiscard]] std::exception_ptr failure() const noexcept override {
        return state_->cancelled() ? nullptr : state_->outcome.exception();
    }

private:
    state_ptr<task_state<T>> state_;
};

template <class Body>
using group_body_t = std::invoke_result_t<Body&, task_group&>;

}  // namespace detail

/// What a task that was started with task_group::start says when it is ready (AnyIO: TaskStatus). Copies are equal.
template <class T = void>
class task_status {
public:
    /// Lets start() return the value, which nobody gets when start() was cancelled meanwhile.
    ///
    /// Errors: invalid_state_error when it was called before.
    template <class... Args>
    void started(Args&&... value) const {
        if (ready_.cancelled()) return;
        ready_.set_result(std::forward<Args>(value)...);
    }

private:
    friend class task_group;
    explicit task_status(event_loop& loop) : ready_(loop) {}

    future<T> ready_;
};

/// The tasks of one with_task_group block. Asyncio: TaskGroup.
class task_group : private region_group {
public:
    ~task_group() {
        while (detail::group_child* child = children_.pop_front()) {
            if (child->awaited().region() == region_) child->awaited().set_region(nullptr);
            delete child;
        }
    }

    /// Starts a coroutine as a task of the group. Children may do so too, as long as the group has tasks.
    ///
    /// Errors: invalid_state_error when the group has ended or is being cancelled; the coroutine is not run then.
    template <class T>
    task<T> create_task(coro<T> coroutine, const task_options& options) {
        const scope_exit refused([&coroutine] { coroutine.close(); });
        if (aborting_) throw invalid_state_error("create_task: the task group is shutting down");
        if (exiting_ && children_.empty()) throw invalid_state_error("create_task: the task group has ended");
        auto member = std::make_unique<detail::group_child_of<T>>(*this);  // first: no task runs without one
        task<T> started = detail::start_task(parent_.loop(), std::move(coroutine), options, region_);
        detail::group_child_of<T>* const child = member.release();
        child->set_state(started.shared_state());
        children_.push_back(*child);
        child->awaited().notify(*child);
        // Started eagerly, it may have cancelled the group before it was one of its tasks.
        if (aborting_) started.cancel();
        return started;
    }
    /// Likewise, with just a name for reports.
    template <class T>
    task<T> create_task(coro<T> coroutine, std::string_view name = {}) {
        return create_task(std::move(coroutine), task_options{.name = name});
    }

    /// Starts a task of the group and waits until it says that it is ready (AnyIO: TaskGroup.start).
    ///
    /// Parameters: `function` is called with a task_status, whose started() gives the value, and returns a coro; it is
    /// kept alive as long as that runs.
    /// Returns: the value. The task runs on.
    /// Errors: what the task throws before it is ready, which then is not an error of the group;
    /// invalid_state_error when it ends without saying so, and as create_task.
    /// Cancellation: cancels the task as well; the group waits for its end.
    /// Example:
    ///     std::uint16_t port = co_await group.start<std::uint16_t>([](task_status<std::uint16_t> status) -> coro<> {
    ///         auto listening = co_await start_server(answer, "localhost", 0);
    ///         status.started(listening.port());
    ///         co_await listening.serve_forever();
    ///     });
    template <class T = void, class Function>
    coro<T> start(Function function, task_options options = {}) {
        const task_status<T> status(parent_.loop());
        const task<> starting = create_task(run_until_ready(std::move(function), status), options);
        try {
            co_return co_await status.ready_;
        } catch (const cancelled_error&) {
            starting.cancel();
            throw;
        }
    }

    /// Cancels the tasks and the block. The block then ends without an error, unless there is another reason for
    /// one; a body that has a value to return and was cut short throws cancelled_error all the same.
    void cancel() {
        if (!aborting_) end_all();
    }

private:
    friend class detail::group_child;
    template <class Body>
    friend detail::group_body_t<Body> with_task_group(Body body);

    // Waits for the last child. Does not throw: a cancellation meanwhile cancels the children.
    class join final : public waiter {
    public:
        explicit join(task_group& group) noexcept : group_(group) {}
        [[nodiscard]] bool await_ready() const noexcept { return group_.children_.empty(); }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> coroutine) {
            group_.join_ = this;
            this->suspend(coroutine);
        }
        void await_resume() {
            group_.join_ = nullptr;
            if (!this->cancelled()) return;  // it is when the request came after the last child's end
            group_.cancelled(std::make_exception_ptr(cancelled_error(this->cancel_message())));
        }

    private:
        // Notes the cancellation and waits on: no child is left behind.
        void cancel_wait() noexcept override {
            group_.cancelled(std::make_exception_ptr(cancelled_error(this->cancel_message())));
        }
        const char* waits_for() const noexcept override { return "task group"; }
        std::vector<const future_base*> awaited() const override {
            std::vector<const future_base*> children;
            const auto& list = group_.children_;
            for (auto* child = list.front(); child != nullptr; child = list.next(*child)) children.push_back(&child->awaited());
            return children;
        }

        task_group& group_;
    };

    template <class T, class Function>
    static coro<> run_until_ready(Function function, task_status<T> status) {
        try {
            co_await function(status);
        } catch (...) {
            if (status.ready_.done()) throw;
            status.ready_.set_exception(std::current_exception());
            co_return;
        }
        if (status.ready_.done()) co_return;
        status.ready_.set_exception(
            std::make_exception_ptr(invalid_state_error("start: the task ended without calling started")));
    }

    static task_base& require_task() {
        task_base* task = current_task();
        if (task == nullptr) throw invalid_state_error("with_task_group: there is no current task");
        return *task;
    }

    task_group() : parent_(require_task()), remembered_(parent_.delivered()), region_(parent_.region()) {
        if (region_ != nullptr) region_->attach(*this);
    }

    void child_ended(detail::group_child& child) {
        const std::exception_ptr failure = child.failure();
        if (failure) {
            child.awaited().mark_retrieved();
            errors_.push_back(failure);
        }
        delete &child;
        if (failure && !aborting_) end_all();
        if (children_.empty() && join_ != nullptr) join_->wake();
    }

    // The body is cancelled through its task, and the request is taken back at the end.
    void end_all() {
        abort();
        if (exiting_) return;
        cancelled_parent_ = true;
        parent_.request_cancel({}, region_);
    }

    // The region in which it was opened was cancelled, and with it the children.
    void region_cancelled(const cancel_region& region, const std::string& message) noexcept override {
        for (auto* child = children_.front(); child != nullptr; child = children_.next(*child)) {
            if (child->awaited().region() == &region) child->awaited().region_cancelled(message);
        }
    }

    void abort() {
        aborting_ = true;
        for (auto* child = children_.front(); child != nullptr; child = children_.next(*child)) child->awaited().cancel({});
    }

    void cancelled(std::exception_ptr cancellation) {
        cancellation_ = std::move(cancellation);
        if (!aborting_) abort();
    }

    void body_ended(std::exception_ptr failure) {
        exiting_ = true;
        if (!failure) return;
        if (is_cancelled(failure)) return cancelled(std::move(failure));
        body_error_ = std::move(failure);
        if (!aborting_) abort();
    }

    // All children have ended. Throws what the block ends with, if it is not the body's value.
    void finish() {
        const bool own = cancelled_parent_;
        const bool others = own ? parent_.take_back(remembered_) : parent_.cancelling() > remembered_;
        if (body_error_) errors_.push_back(std::move(body_error_));
        if (!errors_.empty()) {
            // Errors come first, but a cancellation from outside is not forgotten: the next suspension throws it.
            if (others) {
                parent_.uncancel();
                parent_.cancel();
            }
            throw error_group("errors in a task group", std::move(errors_));
        }
        if (cancellation_ && (others || !own)) std::rethrow_exception(cancellation_);
    }

    task_base& parent_;
    const int remembered_;
    cancel_region* const region_;  // in which it was opened; its tasks lie in it
    intrusive_list<detail::group_child, task_group_tag> children_;
    std::vector<std::exception_ptr> errors_;
    std::exception_ptr body_error_;
    std::exception_ptr cancellation_;  // of the body, or while waiting for the children
    join* join_ = nullptr;
    bool exiting_ = false;   // the body has ended
    bool aborting_ = false;  // the children were cancelled
    bool cancelled_parent_ = false;
};

inline void detail::group_child::run() { group_.child_ended(*this); }

/// Runs a block that may start tasks, and waits for the block and all of its tasks.
///
/// Parameters: `body` is called with the group and returns a coro. It is kept alive until the end, so that a lambda
/// may capture.
/// Returns: what the body returns.
/// Errors: error_group with the exceptions of the tasks in the order in which they occurred, and the body's last. The
/// first one cancels the other tasks and the body. A task that is cancelled by somebody is no error.
/// Cancellation: cancels the tasks and waits for their end, however often it is requested; errors go first, and then
/// the next suspension throws the cancellation.
/// Asyncio: async with TaskGroup().
/// Example:
///     co_await with_task_group([&](task_group& group) -> coro<> {
///         group.create_task(produce(queue));
///         group.create_task(consume(queue));
///         co_return;
///     });
template <class Body>
detail::group_body_t<Body> with_task_group(Body body) {
    using value_type = typename detail::group_body_t<Body>::value_type;
    task_group group;
    result<value_type> outcome;
    try {
        if constexpr (std::is_void_v<value_type>) {
            co_await body(group);
            outcome.set_value();
        } else {
            outcome.set_value(co_await body(group));
        }
    } catch (...) {
        outcome.set_exception(std::current_exception());
    }
    group.body_ended(outcome.exception());
    if (!group.children_.empty()) co_await task_group::join(group);
    group.finish();
    if constexpr (!std::is_void_v<value_type>) co_return outcome.take_value();
}

}  // namespace aioxx
