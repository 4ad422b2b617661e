// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/handle.hpp: callbacks that are scheduled, and the handles that cancel them.

#include <source_location>
#include <utility>

#include <aioxx/base/function.hpp>
#include <aioxx/core/context.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/timer_queue.hpp>

namespace aioxx {

namespace detail {

// A callback with the context in which it was scheduled.
class bound_callback {
public:
    explicit bound_callback(function<void()> callback);

    /// Calls it once, in its context.
    void call();
    /// Gives up the callback and its captures.
    void reset() noexcept { callback_.reset(); }

private:
    function<void()> callback_;
    context values_;
};

// A scheduled callback, shared by the loop (while it is scheduled) and the handles.
class callback_node final : public timer_node, public pool_allocated {
public:
    callback_node(function<void()> callback, std::source_location where)
        : callback_(std::move(callback)), where_(where) {}

    void add_reference() noexcept { ++references_; }
    void drop_reference() noexcept {
        if (--references_ == 0) delete this;
    }

    // Runs the callback and gives up the loop's reference, even if the callback throws.
    void run() override;

    void discard() noexcept override { drop_reference(); }

    void cancel() noexcept {
        cancelled_ = true;
        const bool scheduled = is_armed() || is_linked();
        disarm();
        unlink();
        callback_.reset();
        if (scheduled) drop_reference();
    }
    [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
    [[nodiscard]] step_source source() const noexcept override { return {nullptr, where_}; }

private:
    bound_callback callback_;
    std::source_location where_;  // of call_soon and the like
    unsigned references_ = 1;  // the loop's
    bool cancelled_ = false;
};

}  // namespace detail

/// A scheduled callback (asyncio: Handle, TimerHandle). Dropping a handle changes nothing; copies are equal.
class handle {
public:
    handle() noexcept = default;
    explicit handle(detail::callback_node& node) noexcept : node_(&node) { node.add_reference(); }
    handle(const handle& other) noexcept : node_(other.node_) {
        if (node_ != nullptr) node_->add_reference();
    }
    handle(handle&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    handle& operator=(handle other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }
    ~handle() {
        if (node_ != nullptr) node_->drop_reference();
    }

    /// Whether it stands for a callback, also one that ran or was cancelled.
    explicit operator bool() const noexcept { return node_ != nullptr; }

    /// The callback will not run; it and its captures are destroyed now. Harmless after it ran.
    void cancel() noexcept {
        const handle keep(*this);  // the captures may hold this very handle
        if (keep.node_ != nullptr) keep.node_->cancel();
    }
    [[nodiscard]] bool cancelled() const noexcept { return node_ != nullptr && node_->cancelled(); }

    /// The deadline of call_later and call_at; the epoch for call_soon.
    [[nodiscard]] time_point when() const noexcept { return node_ != nullptr ? node_->when() : time_point{}; }

private:
    detail::callback_node* node_ = nullptr;
};

}  // namespace aioxx
