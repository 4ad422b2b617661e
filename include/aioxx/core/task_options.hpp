// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/task_options.hpp: how a task is started.

#include <string_view>

#include <aioxx/base/function.hpp>

namespace aioxx {

class context;

/// The optional arguments of create_task. Trivial members only, so that it can be written inside of any expression.
struct task_options {
    std::string_view name{};           ///< for reports; empty gives "Task-N"
    bool eager_start = false;          ///< runs at once, inside of create_task, until it first suspends
    const context* values = nullptr;  ///< its context variables; null: a copy of the current ones
};

/// Called with the options of each new task of a loop, which it may change.
///
/// Asyncio: set_task_factory. The type of a task is fixed here; what factories are used for, eager start, names and
/// counting, are options. Lifetime: what `name` and `values` refer to need not outlive create_task.
using task_factory = function<void(task_options&)>;

/// Starts every task eagerly (asyncio: eager_task_factory).
inline void eager_task_factory(task_options& options) { options.eager_start = true; }

}  // namespace aioxx
