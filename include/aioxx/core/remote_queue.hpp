// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/remote_queue.hpp: what other threads have scheduled, until the loop takes it. The only part of a loop with a
// mutex.

#include <memory>
#include <mutex>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/ready_queue.hpp>

namespace aioxx::detail {

/// A FIFO of ready nodes that any thread may add to.
class remote_queue : pinned {
public:
    /// Adds a node, which belongs to the queue from now on.
    ///
    /// Parameters: `wake` is called when nothing has waited since the loop took all; it cannot be closed meanwhile.
    /// Errors: invalid_state_error when the loop is closed. Concurrency: any thread.
    template <class Node, class Wake>
    void push(std::unique_ptr<Node> node, Wake wake) {
        const std::scoped_lock lock(mutex_);
        if (closed_) throw invalid_state_error("call_soon_threadsafe: the event loop is closed");
        waiting_.push(*node.release());
        if (!std::exchange(woken_, true)) wake();
    }

    /// Moves everything to the end of another queue.
    void take_all(ready_queue& target) {
        const std::scoped_lock lock(mutex_);
        if (!std::exchange(woken_, false)) return;
        target.take_all(waiting_);
    }

    /// Takes no more nodes, and hands over those it has: to be discarded without the mutex, since that may do anything.
    void close(ready_queue& target) {
        const std::scoped_lock lock(mutex_);
        closed_ = true;
        target.take_all(waiting_);
    }

private:
    std::mutex mutex_;  // guards the rest
    ready_queue waiting_;
    bool woken_ = false;  // the loop is told to look
    bool closed_ = false;
};

}  // namespace aioxx::detail
