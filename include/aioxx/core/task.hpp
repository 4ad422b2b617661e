// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/task.hpp: task<T>, the handle of a coroutine that the loop drives, and create_task, which makes one.

#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/core/task_options.hpp>

namespace aioxx {

namespace detail {

template <class T>
class task_state final : public outcome_state<T, task_base> {
    using base = outcome_state<T, task_base>;
    using handle_type = typename coro<T>::handle_type;

public:
    task_state(event_loop& loop, handle_type root, const task_options& options) : base(loop, root, options) {
        root.promise().task = this;
    }

private:
    bool collect() noexcept override {
        auto& ended = handle_type::from_address(this->root_.address()).promise().outcome;
        const bool has_value = ended.has_value();
        this->outcome = std::move(ended);
        return has_value;
    }
    void set_outcome(std::exception_ptr exception) noexcept override {
        this->outcome.reset();
        this->outcome.set_exception(std::move(exception));
    }
};

}  // namespace detail

/// A coroutine that runs on its own (asyncio: Task).
///
/// The loop keeps it until it is done: dropping the handle detaches it, and an error that nobody then can see
/// goes to the exception handler. Copies refer to the same task. Await it for its outcome.
/// Cancellation: of a task that awaits this one: cancels this one, and goes on when it has ended; see shield.
template <class T = void>
class task : public outcome_handle<T, detail::task_state<T>> {
    using base = outcome_handle<T, detail::task_state<T>>;

public:
    task() noexcept = default;
    explicit task(state_ptr<detail::task_state<T>> state) noexcept : base(std::move(state)) {}

    [[nodiscard]] std::string name() const { return this->checked().name(); }
    void set_name(std::string_view name) const { this->checked().set_name(name); }
    [[nodiscard]] int cancelling() const { return this->checked().cancelling(); }
    int uncancel() const { return this->checked().uncancel(); }
};

namespace detail {

AIOXX_COLD inline void look_at_new_task(event_loop& loop, task_options& options) {
    loop.require_open("create_task");
    loop.require_own_thread("create_task");
    if (task_factory& factory = loop.get_task_factory()) factory(options);
}

[[noreturn]] AIOXX_COLD inline void throw_no_coroutine() {
    throw std::invalid_argument("create_task: the coroutine was already awaited or moved from");
}

template <class T>
task<T> make_task(event_loop& loop, coro<T>&& coroutine, const task_options& options, cancel_region* region) {
    if (!coroutine) [[unlikely]] throw_no_coroutine();
    task<T> started(state_ptr(new task_state<T>(loop, coroutine.release(), options)));
    if (region != nullptr) started.shared_state()->set_region(region);
    started.shared_state()->start(options.eager_start);
    return started;
}

// What all forms of create_task do. Parameters: `region` that the task lies in from the start, or null.
template <class T>
task<T> start_task(event_loop& loop, coro<T>&& coroutine, const task_options& options,
                   cancel_region* region = nullptr) {
    if (loop.looks_at_new_tasks()) [[unlikely]] {
        scope_exit refused([&coroutine] { coroutine.close(); });
        task_options changed = options;
        look_at_new_task(loop, changed);
        refused.release();
        return make_task(loop, std::move(coroutine), changed, region);
    }
    return make_task(loop, std::move(coroutine), options, region);
}

}  // namespace detail

/// Starts a coroutine as a task of a loop (asyncio: loop.create_task). Its first step runs in the next batch, or
/// with eager_start at once, when that loop is running here.
///
/// Errors: invalid_state_error when the loop is closed; std::invalid_argument for an empty coroutine. The coroutine
/// is destroyed then.
/// Example:
///     auto fetching = create_task(fetch(url), {.name = "fetch", .eager_start = true});
template <class T>
task<T> create_task(event_loop& loop, coro<T>&& coroutine, const task_options& options) {
    return detail::start_task(loop, std::move(coroutine), options);
}

/// Likewise, with just a name for reports; an empty one gives "Task-N".
template <class T>
task<T> create_task(event_loop& loop, coro<T>&& coroutine, std::string_view name = {}) {
    return detail::start_task(loop, std::move(coroutine), {.name = name});
}

/// Starts a coroutine as a task of the running loop (asyncio: create_task).
template <class T>
task<T> create_task(coro<T>&& coroutine, const task_options& options) {
    return detail::start_task(get_running_loop(), std::move(coroutine), options);
}

/// Likewise, with just a name.
template <class T>
task<T> create_task(coro<T>&& coroutine, std::string_view name = {}) {
    return detail::start_task(get_running_loop(), std::move(coroutine), {.name = name});
}

/// The task whose code runs now, or null in a callback (asyncio: current_task).
[[nodiscard]] inline task_base* current_task() {
    return static_cast<task_base*>(get_running_loop().current());
}

}  // namespace aioxx
