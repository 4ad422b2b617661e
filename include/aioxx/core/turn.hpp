// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/turn.hpp: what wants to act once at the end of a turn.
// A turn is one event from below (a completion, a timer batch, a posted wake-up), the batches of callbacks
// that became ready through it, and then the flush: everything that was written to goes out together, which
// is what makes an echo cost three system calls and many small writes one.

#include <chrono>

#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/core/clock.hpp>

namespace aioxx {

struct flush_tag;

/// Something with work for the end of the turn, a transport with bytes to send for example.
class flush_node : public list_node<flush_tag> {
public:
    /// Called once at the end of the turn in which request_flush was called. It may request another.
    virtual void flush() = 0;

protected:
    flush_node() = default;
    ~flush_node() = default;
};

/// Limits of a turn. What is ready beyond them waits for the next turn, after a look at the descriptors, so that
/// callbacks which reschedule themselves cannot starve them. The look costs about as much as twenty callbacks.
struct turn_budget {
    int batches = 4096;                                    ///< of callbacks, at most
    duration time = std::chrono::microseconds(100);        ///< looked at now and then
    static constexpr int batches_between_looks = 64;
};

}  // namespace aioxx
