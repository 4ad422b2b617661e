// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/ready_queue.hpp: the FIFO of what runs next.
// A batch is what was in the queue when it started; what a batch schedules waits for the next one
// (asyncio: one tick). The nodes live in their owners: scheduling never allocates.

#include <span>
#include <vector>

#include <aioxx/base/function.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/core/instrument.hpp>

namespace aioxx {

struct ready_tag;

/// Something that can be scheduled to run once: a callback, a task's first step, a woken coroutine.
class ready_node : public list_node<ready_tag> {
public:
    /// Runs it. It has left the queue before, so that it may be scheduled again or destroyed from within.
    virtual void run() = 0;
    /// The loop was closed before it ran: gives up what run() would have used.
    virtual void discard() noexcept {}
    /// What it belongs to, for instruments.
    [[nodiscard]] virtual step_source source() const noexcept { return {}; }

protected:
    ready_node() = default;
    ~ready_node() = default;
};

/// Called with the nodes of a batch in their order, which it may change.
using batch_order = function<void(std::span<ready_node*>)>;

/// FIFO of ready nodes that runs exactly the batch present at the start.
class ready_queue {
public:
    [[nodiscard]] bool empty() const noexcept { return waiting_.empty() && batch_.empty(); }

    void push(ready_node& node) noexcept { waiting_.push_back(node); }

    /// Moves everything that waits in another queue to the end of this one.
    void take_all(ready_queue& other) noexcept { waiting_.splice_back(other.waiting_); }

    /// Starts a batch: everything that is in the queue now.
    void begin_batch() noexcept { batch_.splice_back(waiting_); }

    /// Takes out the node that would be a batch of its own; null when there is none or more than one. It is the usual
    /// case when tasks wake each other in turn, and this way takes half the time.
    ready_node* take_single() noexcept { return waiting_.pop_single(); }

    /// Changes the order of the batch that was started.
    void rearrange(batch_order& order) {
        std::vector<ready_node*> nodes;
        while (ready_node* node = batch_.pop_front()) nodes.push_back(node);
        if (nodes.size() > 1) order(nodes);
        for (ready_node* node : nodes) batch_.push_back(*node);
    }

    /// The next node of the batch, taken out; null at its end.
    ready_node* next() noexcept { return batch_.pop_front(); }

    /// Discards everything, also what is scheduled meanwhile.
    void clear() noexcept {
        while (!empty()) {
            batch_.splice_back(waiting_);
            while (ready_node* node = batch_.pop_front()) node->discard();
        }
    }

private:
    intrusive_list<ready_node, ready_tag> waiting_;
    intrusive_list<ready_node, ready_tag> batch_;
};

}  // namespace aioxx
