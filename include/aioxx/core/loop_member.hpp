// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/loop_member.hpp: what lives on a loop until it is done or the loop is closed, as the loop knows it: tasks, and
// resources such as transports.

#include <string>

#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/core/context.hpp>

namespace aioxx {

struct task_tag;
struct resource_tag;

/// What the loop knows of a running task: that it exists, and how to end it without another step.
class loop_task : public list_node<task_tag> {
public:
    /// Its context variables.
    [[nodiscard]] context& values() noexcept { return values_; }
    /// Tells the loop's instruments of its suspensions from now on.
    virtual void watch() noexcept = 0;
    /// The loop is closed: destroys the coroutine where it stands and gives up the loop's reference.
    virtual void abandon() noexcept = 0;
    [[nodiscard]] virtual std::string name() const = 0;
    /// One line that names it and says what it waits for.
    [[nodiscard]] virtual std::string describe() const = 0;

protected:
    explicit loop_task(const context& values) noexcept : values_(values) {}
    ~loop_task() = default;

private:
    context values_;
};

/// Something that lives on a loop until it is closed: an open transport, a listening server, a worker pool.
class loop_resource : public list_node<resource_tag> {
public:
    /// Asks for an end without delay. The resource leaves the loop's list when it is gone, at once or later.
    virtual void abandon() noexcept = 0;
    /// One line that names it in reports.
    [[nodiscard]] virtual std::string describe() const = 0;

protected:
    loop_resource() = default;
    ~loop_resource() = default;
};

}  // namespace aioxx
