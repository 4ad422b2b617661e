// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/cancellation.hpp: who is cancelled: the tree of cancel regions, and what a task knows of its requests.
// Two kinds of cancellation meet here. A request (asyncio: Task.cancel) is counted and delivered once, at the
// present suspension or the next. A region that is cancelled (AnyIO: CancelScope) throws at every suspension in
// it, until it is left. A region that is a shield keeps both away from what happens in it, when they come from
// outside; requests wait at the shield and are made again when it is left.
//
// The tree: a region belongs to the task that entered it, and lies in the region that task was in. The tasks of
// a group lie in the region in which the group was opened.

#include <string>
#include <utility>

#include <aioxx/base/intrusive_list.hpp>

namespace aioxx {

class task_context;
class cancel_region;
struct region_tag;
struct region_group_tag;

/// Tasks that were started in a region by a group, which knows them.
class region_group : public list_node<region_group_tag> {
public:
    /// Calls task_context::region_cancelled for each of its tasks that lies directly in this region.
    virtual void region_cancelled(const cancel_region& region, const std::string& message) noexcept = 0;

protected:
    region_group() = default;
    ~region_group() = default;
};

/// A part of a task that is cancelled as a whole. The mechanism below cancel_scope.
///
/// Lifetime: left in the reverse order of entering, by its task; destroying it leaves.
class cancel_region : public list_node<region_tag> {
public:
    /// Parameters: `shield` keeps cancellations from outside away.
    explicit cancel_region(bool shield) noexcept : shield_(shield) {}
    ~cancel_region();

    /// Makes it the innermost region of a task.
    void enter(task_context& task) noexcept;

    /// Ends it, and makes the requests that waited at the shield. Nothing happens when it is not entered.
    void leave() noexcept;

    /// Cancels everything in it, from now on; what is entered later too.
    void cancel(std::string message) noexcept;

    [[nodiscard]] bool is_cancelled() const noexcept { return cancelled_; }
    [[nodiscard]] bool is_shield() const noexcept { return shield_; }
    [[nodiscard]] bool is_entered() const noexcept { return task_ != nullptr; }

    /// Whether a suspension in it throws, because it or one around it is cancelled.
    [[nodiscard]] static bool throws_in(const cancel_region* innermost) noexcept {
        for (const cancel_region* each = innermost; each != nullptr; each = each->parent_) {
            if (each->cancelled_) return true;
            if (each->shield_) return false;
        }
        return false;
    }

    /// Whether what is around it is cancelled, and it does not shield from that.
    [[nodiscard]] bool is_cancelled_around() const noexcept { return !shield_ && throws_in(parent_); }

    /// The outermost shield between two regions, the inner one included; null when there is none.
    [[nodiscard]] static cancel_region* shield_between(cancel_region* inner, const cancel_region* outer) noexcept {
        cancel_region* found = nullptr;
        for (; inner != nullptr && inner != outer; inner = inner->parent_) {
            if (inner->shield_) found = inner;
        }
        return found;
    }

    /// Keeps a request from outside until the shield is left.
    void hold_back(std::string message) {
        ++held_back_;
        message_ = std::move(message);
    }

    /// Makes a group known whose tasks lie in it.
    void attach(region_group& group) noexcept { groups_.push_back(group); }

private:
    void deliver(const std::string& message) noexcept;

    task_context* task_ = nullptr;     // that entered it; null before and after
    cancel_region* parent_ = nullptr;  // around it
    intrusive_list<cancel_region, region_tag> inner_;
    intrusive_list<region_group, region_group_tag> groups_;
    const bool shield_;
    bool cancelled_ = false;
    int held_back_ = 0;     // requests that wait at the shield
    std::string message_;  // of the latest of them
};

}  // namespace aioxx
