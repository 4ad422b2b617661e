// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/timer_queue.hpp: deadlines in order, first come first served among equal ones.
// Pure: it is told the time and never asks. A binary heap in which each timer knows its place, so that
// cancelling takes it out at once and nothing is left behind to be swept.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <aioxx/core/clock.hpp>
#include <aioxx/core/ready_queue.hpp>

namespace aioxx {

class timer_queue;

/// A ready node with a deadline. Lives in its owner; takes itself out of its queue when it dies.
class timer_node : public ready_node {
public:
    [[nodiscard]] bool is_armed() const noexcept { return queue_ != nullptr; }
    [[nodiscard]] time_point when() const noexcept { return when_; }

    /// Takes the timer out of its queue; nothing happens when it is not armed.
    void disarm() noexcept;

protected:
    timer_node() = default;
    ~timer_node() { disarm(); }

private:
    friend class timer_queue;

    time_point when_{};
    std::uint64_t order_ = 0;       // of arming: decides among equal deadlines
    timer_queue* queue_ = nullptr;  // null when not armed
    std::size_t place_ = 0;         // in the queue's heap
};

/// Ordered set of armed timers. Does not own them.
class timer_queue {
public:
    timer_queue() = default;
    timer_queue(const timer_queue&) = delete;
    timer_queue& operator=(const timer_queue&) = delete;
    ~timer_queue() { clear(); }

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

    /// The earliest deadline. Requires: not empty.
    [[nodiscard]] time_point earliest() const noexcept { return heap_.front()->when_; }

    /// Arms a timer. Requires: it is not armed.
    void arm(timer_node& timer, time_point when) {
        heap_.push_back(&timer);
        timer.when_ = when;
        timer.order_ = next_order_++;
        timer.queue_ = this;
        timer.place_ = heap_.size() - 1;
        sift_up(timer.place_);
    }

    /// Takes a timer out; nothing happens when it is not armed.
    void cancel(timer_node& timer) noexcept {
        if (!timer.is_armed()) return;
        const std::size_t place = timer.place_;
        timer.queue_ = nullptr;
        timer_node* last = heap_.back();
        heap_.pop_back();
        if (last == &timer) return;
        put(place, last);
        sift_up(place);
        sift_down(last->place_);
    }

    /// Takes out the earliest timer whose deadline is not after now; null when there is none.
    timer_node* pop_due(time_point now) noexcept {
        if (heap_.empty() || heap_.front()->when_ > now) return nullptr;
        timer_node* due = heap_.front();
        cancel(*due);
        return due;
    }

    /// Discards all timers.
    void clear() noexcept {
        while (!heap_.empty()) {
            timer_node* timer = heap_.back();
            cancel(*timer);
            timer->discard();
        }
    }

private:
    static bool before(const timer_node* a, const timer_node* b) noexcept {
        return a->when_ != b->when_ ? a->when_ < b->when_ : a->order_ < b->order_;
    }

    void put(std::size_t place, timer_node* timer) noexcept {
        heap_[place] = timer;
        timer->place_ = place;
    }

    void sift_up(std::size_t place) noexcept {
        timer_node* timer = heap_[place];
        while (place > 0) {
            const std::size_t parent = (place - 1) / 2;
            if (!before(timer, heap_[parent])) break;
            put(place, heap_[parent]);
            place = parent;
        }
        put(place, timer);
    }

    void sift_down(std::size_t place) noexcept {
        timer_node* timer = heap_[place];
        for (;;) {
            std::size_t child = 2 * place + 1;
            if (child >= heap_.size()) break;
            if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
            if (!before(heap_[child], timer)) break;
            put(place, heap_[child]);
            place = child;
        }
        put(place, timer);
    }

    std::vector<timer_node*> heap_;
    std::uint64_t next_order_ = 0;
};

inline void timer_node::disarm() noexcept {
    if (queue_ != nullptr) queue_->cancel(*this);
}

}  // namespace aioxx
