// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/task_tree.hpp: what every task of a loop is doing now: for looking at a program that hangs.
// Everything is read from the tasks themselves when somebody asks; a program that never asks pays nothing.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/base/function.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/loop_monitor.hpp>

namespace aioxx {

/// One task at one moment. A copy: it stays valid when the task goes on or ends.
struct task_snapshot {
    std::uint64_t number = 0;  ///< counts the tasks of the loop, from 1
    std::uint64_t parent = 0;  ///< number of the task that started it, which may have ended; 0 when no task did
    std::string name;
    std::string state;      ///< "running", "scheduled", or what it waits for: "waits for event"
    std::string waits_for;  ///< "event", "sleep", "task"; empty unless it waits
    std::vector<std::uint64_t> awaited;       ///< numbers of the tasks that it waits for
    std::vector<std::source_location> stack;  ///< where it is suspended, the innermost coroutine first
    int cancelling = 0;                       ///< requests outstanding
    bool cancellation_pending = false;        ///< its next suspension throws
    std::optional<duration> age;              ///< known to a loop_monitor only
};

/// All tasks of a loop that are not done, oldest first (asyncio: capture_call_graph, for all tasks at once).
///
/// Parameters: `monitor` whom to ask about ages, if there is one. Requires: on the loop's thread, or the loop does
/// not run.
[[nodiscard]] inline std::vector<task_snapshot> capture_tasks(event_loop& loop, const loop_monitor* monitor = nullptr) {
    std::vector<task_snapshot> all;
    for (const loop_task* entry = loop.tasks().front(); entry != nullptr; entry = loop.tasks().next(*entry)) {
        const auto& task = static_cast<const task_base&>(*entry);
        task_snapshot& taken = all.emplace_back();
        taken.number = task.number();
        taken.parent = task.parent_number();
        taken.name = task.name();
        taken.stack = task.stack();
        taken.cancelling = task.cancelling();
        taken.cancellation_pending = task.is_cancellation_pending();
        if (monitor != nullptr) taken.age = monitor->age_of(task);
        if (const char* what = task.waits_for()) {
            taken.waits_for = what;
            taken.state = std::string("waits for ") + what;
            for (const future_base* awaited : task.awaited()) {
                if (const auto* other = dynamic_cast<const task_base*>(awaited)) taken.awaited.push_back(other->number());
            }
        } else {
            taken.state = loop.current() == entry ? "running" : "scheduled";
        }
    }
    return all;
}

namespace detail {

inline void append_task_line(std::string& text, const task_snapshot& task) {
    text += task.name + ": " + task.state;
    for (const std::uint64_t number : task.awaited) text += " #" + std::to_string(number);
    if (task.age) text += ", for " + to_text(*task.age);
    if (task.cancelling != 0 || task.cancellation_pending) {
        text += task.cancellation_pending ? ", cancellation pending" : ", being cancelled";
    }
    text += " [#" + std::to_string(task.number) + ']';
}

inline void append_json_string(std::string& text, std::string_view value) {
    text += '"';
    for (const char letter : value) {
        if (letter == '"' || letter == '\\') {
            text += '\\';
            text += letter;
        } else if (static_cast<unsigned char>(letter) < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(letter));
            text += escaped;
        } else {
            text += letter;
        }
    }
    text += '"';
}

class task_tree_text {
public:
    explicit task_tree_text(const std::vector<task_snapshot>& tasks) {
        for (const task_snapshot& task : tasks) known_.emplace(task.number, &task);
        for (const task_snapshot& task : tasks) {
            // A task whose parent has ended stands where that one would.
            children_[known_.contains(task.parent) ? task.parent : 0].push_back(&task);
        }
    }

    [[nodiscard]] std::string text() {
        append(0, {});
        return std::move(text_);
    }

private:
    void append(std::uint64_t parent, const std::string& indent) {
        for (const task_snapshot* task : children_[parent]) {
            text_ += indent;
            append_task_line(text_, *task);
            text_ += '\n';
            for (const std::source_location& where : task->stack) text_ += indent + "    at " + describe(where) + '\n';
            append(task->number, indent + "  ");
        }
    }

    std::map<std::uint64_t, const task_snapshot*> known_;
    std::map<std::uint64_t, std::vector<const task_snapshot*>> children_;
    std::string text_;
};

}  // namespace detail

/// The tasks as a tree, each below the one that started it, with the coroutines in which they are suspended.
/// Example of two lines:
///     fetch: waits for task #7, for 3.2s [#4]
///         at client.cpp:31, in fetch
[[nodiscard]] inline std::string format_task_tree(const std::vector<task_snapshot>& tasks) {
    return detail::task_tree_text(tasks).text();
}

/// The tasks as a JSON array of objects with the members of task_snapshot; a place is {"file", "line", "function"},
/// an age is in seconds.
[[nodiscard]] inline std::string to_json(const std::vector<task_snapshot>& tasks) {
    std::string text = "[";
    const auto member = [&text](std::string_view name) {
        text += ",\"";
        text += name;
        text += "\":";
    };
    for (const task_snapshot& task : tasks) {
        if (text.size() > 1) text += ',';
        text += "{\"number\":" + std::to_string(task.number);
        member("parent");
        text += std::to_string(task.parent);
        member("name");
        detail::append_json_string(text, task.name);
        member("state");
        detail::append_json_string(text, task.state);
        member("waits_for");
        detail::append_json_string(text, task.waits_for);
        member("awaited");
        text += '[';
        for (const std::uint64_t number : task.awaited) {
            if (text.back() != '[') text += ',';
            text += std::to_string(number);
        }
        text += ']';
        member("stack");
        text += '[';
        for (const std::source_location& where : task.stack) {
            if (text.back() != '[') text += ',';
            text += "{\"file\":";
            detail::append_json_string(text, where.file_name());
            member("line");
            text += std::to_string(where.line());
            member("function");
            detail::append_json_string(text, function_name(where));
            text += '}';
        }
        text += ']';
        member("cancelling");
        text += std::to_string(task.cancelling);
        member("cancellation_pending");
        text += task.cancellation_pending ? "true" : "false";
        if (task.age) {
            member("age");
            text += std::to_string(std::chrono::duration<double>(*task.age).count());
        }
        text += '}';
    }
    return text + ']';
}

/// Gives the task tree of the loop to a function whenever a signal arrives, for example SIGUSR1.
///
/// Parameters: `write` gets the text of format_task_tree; `monitor` as for capture_tasks.
/// Errors: as event_loop::add_signal_handler.
/// Lifetime: until the handler is replaced or removed, or the loop is closed; the monitor lives as long. A loop that is
/// stuck in a callback answers when that returns.
/// Example:
///     dump_task_tree_on_signal(get_running_loop(), SIGUSR1, [](const std::string& tree) { std::clog << tree; });
inline void dump_task_tree_on_signal(event_loop& loop, int signal, function<void(const std::string&)> write,
                                     const loop_monitor* monitor = nullptr) {
    loop.add_signal_handler(signal, [&loop, write = std::move(write), monitor]() mutable {
        write(format_task_tree(capture_tasks(loop, monitor)));
    });
}

}  // namespace aioxx
