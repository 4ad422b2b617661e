// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/context_var.hpp: values that belong to a task and the tasks it starts, without being passed along.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/context.hpp>
#include <aioxx/core/event_loop.hpp>

namespace aioxx {

/// A copy of the current context: of the task or callback that runs, else of the thread (asyncio: copy_context).
[[nodiscard]] inline context copy_context() { return detail::current_context(); }

/// Calls a function with another context (asyncio: Context.run). What it sets stays in that one.
///
/// Returns: what the function returns. Requires: it does not suspend; a task gets its context when it is started.
template <class Function>
decltype(auto) run_in_context(context& entered, Function&& function) {
    swap(detail::current_context(), entered);
    const scope_exit back([&entered] { swap(detail::current_context(), entered); });
    return std::forward<Function>(function)();
}

/// A variable with a value for each context (asyncio: ContextVar). Usually a global.
///
/// A task has a copy of the values at its start: what it sets is seen by itself and by what it starts from then on.
/// So have callbacks, at the time when they are scheduled, and functions given to to_thread.
/// Lifetime: outlives every context in which it was set.
/// Example:
///     context_var<std::string> request_id("request_id", "none");
///     coro<> handle(std::string id) {
///         request_id.set(std::move(id));
///         co_await answer();  // and all that it calls or starts sees the id
///     }
template <class T>
class context_var : pinned {
public:
    /// What reset() goes back to.
    class token {
        friend class context_var;
        std::shared_ptr<const void> former;  // null: it had no value
    };

    /// Sets the variable for a scope.
    class [[nodiscard]] scope : pinned {
    public:
        scope(context_var& variable, T value) : variable_(variable), former_(variable.set(std::move(value))) {}
        ~scope() { variable_.reset(std::move(former_)); }

    private:
        context_var& variable_;
        token former_;
    };

    /// Parameters: `name` for errors; `initial` what get() gives where it was not set.
    explicit context_var(std::string_view name, std::optional<T> initial = std::nullopt)
        : name_(name), initial_(std::move(initial)) {}

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// The value in the current context.
    ///
    /// Errors: invalid_state_error when there is none and no initial one.
    /// Lifetime: until the variable is set again in this context, and as long as a copy of the context lives.
    [[nodiscard]] const T& get() const {
        if (const T* value = find()) return *value;
        throw invalid_state_error("the context variable \"" + name_ + "\" has no value here and no initial one");
    }

    /// The value in the current context, or the given one.
    [[nodiscard]] T get(T otherwise) const {
        const T* value = find();
        return value != nullptr ? *value : std::move(otherwise);
    }

    /// Sets the value in the current context. Returns: what to give to reset() to undo it.
    token set(T value) {
        token former;
        if (const auto* present = detail::current_context().find(this)) former.former = *present;
        detail::current_context().replace(this, std::make_shared<const T>(std::move(value)));
        return former;
    }

    /// Goes back to the value before set().
    void reset(token former) { detail::current_context().replace(this, std::move(former.former)); }

private:
    const T* find() const noexcept {
        if (const auto* present = detail::current_context().find(this)) return static_cast<const T*>(present->get());
        return initial_ ? &*initial_ : nullptr;
    }

    std::string name_;
    std::optional<T> initial_;
};

}  // namespace aioxx
