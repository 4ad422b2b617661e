// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/broadcast_ring.hpp: the latest messages, for any number of readers of any speed.
// A message is kept once, however many read it. Each reader has a place of its own in the sequence; one that is so
// slow that its place is overwritten goes on with the oldest message that is left, and is told how many it has missed.
// A slow reader therefore costs neither memory nor the time of the others.
//     broadcast_ring news;
//     coro<> handler(connection ws) {
//         for (auto cursor = news.subscribe(); auto item = co_await cursor.next();) {
//             if (item->missed != 0) co_await ws.send_text("missed " + std::to_string(item->missed));
//             co_await ws.send_text(item->content->str());
//         }
//     }

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/websocket/connection.hpp>

namespace aioxx::websocket {

/// How much a ring keeps for readers that are behind.
struct ring_limits {
    std::size_t max_messages = 1024;
    std::size_t max_bytes = 1U << 20;  ///< of the contents; a message that is larger is kept alone

    ring_limits() = default;  // no aggregate: g++ 12 destroys such twice inside of a co_await expression
    explicit ring_limits(std::size_t messages, std::size_t bytes = 1U << 20)
        : max_messages(messages), max_bytes(bytes) {}
};

/// What a reader gets next.
struct ring_item {
    std::uint64_t missed = 0;                ///< messages right before this one that were overwritten
    std::shared_ptr<const message> content;  ///< shared with the other readers
};

/// The latest messages of one sender, or of several. Copies refer to the same ring.
///
/// Concurrency: one loop.
class broadcast_ring {
public:
    class cursor;

    /// Errors: std::invalid_argument for a limit of 0.
    explicit broadcast_ring(ring_limits limits = {}) : state_(std::make_shared<state>()) {
        if (limits.max_messages == 0 || limits.max_bytes == 0) {
            throw std::invalid_argument("broadcast_ring: expected limits of at least 1 message and 1 byte, got " +
                                        std::to_string(limits.max_messages) + " and " +
                                        std::to_string(limits.max_bytes));
        }
        state_->limits = limits;
    }

    /// Adds a message behind all others; the oldest give way when the limits are reached.
    ///
    /// Ordering: readers that wait are resumed by the loop. Errors: closed_error after close().
    void push(message latest) {
        state& ring = *state_;
        if (ring.closed) throw closed_error("broadcast_ring: push after close");
        ring.bytes += latest.data.size();
        ring.kept.push_back(std::make_shared<const message>(std::move(latest)));
        while (ring.kept.size() > ring.limits.max_messages ||
               (ring.bytes > ring.limits.max_bytes && ring.kept.size() > 1)) {
            ring.bytes -= ring.kept.front()->data.size();
            ring.kept.pop_front();
            ++ring.first;
        }
        ring.pulse();
    }
    void push_text(std::string_view text) { push(message{true, bytearray(bytes_view(text))}); }
    void push_binary(bytes_view data) { push(message{false, bytearray(data)}); }

    /// No message will follow: readers come to the end when they have read what is kept. Idempotent.
    void close() {
        state_->closed = true;
        state_->pulse();
    }
    [[nodiscard]] bool is_closed() const noexcept { return state_->closed; }

    /// A reader that begins with the next message.
    [[nodiscard]] cursor subscribe() const;

    /// A reader that begins with what is kept, the last `history` messages at most.
    [[nodiscard]] cursor subscribe(std::size_t history) const;

    /// Messages and bytes that are kept, and all messages that ever were.
    [[nodiscard]] std::size_t size() const noexcept { return state_->kept.size(); }
    [[nodiscard]] std::size_t bytes() const noexcept { return state_->bytes; }
    [[nodiscard]] std::uint64_t count() const noexcept { return state_->end(); }

private:
    struct state {
        ring_limits limits;
        std::deque<std::shared_ptr<const message>> kept;
        std::uint64_t first = 0;  // the number of the oldest that is kept
        std::size_t bytes = 0;    // of those that are kept
        bool closed = false;
        aioxx::event changed;  // set for a moment only

        [[nodiscard]] std::uint64_t end() const noexcept { return first + kept.size(); }
        void pulse() noexcept {
            changed.set();
            changed.clear();
        }
    };

    std::shared_ptr<state> state_;
};

/// A place in the sequence of a ring. Copies go on by themselves.
class broadcast_ring::cursor {
public:
    /// Waits for the next message. Returns: nothing when the ring is closed and everything in it was read.
    ///
    /// Errors: none. Cancellation: safe, no message is skipped. Concurrency: one task.
    /// Lifetime: the cursor stays where it is until it returns.
    [[nodiscard]] coro<std::optional<ring_item>> next() {
        while (!has_next()) {
            if (state_->closed) co_return std::nullopt;
            co_await state_->changed.wait();
        }
        co_return take();
    }

    /// As next() without waiting. Returns: nothing when there is none now.
    [[nodiscard]] std::optional<ring_item> try_next() {
        if (!has_next()) return std::nullopt;
        return take();
    }

    /// How many messages it has still to come to, those included that it has missed already.
    [[nodiscard]] std::uint64_t behind() const noexcept { return state_->end() - position_; }

    /// Leaves out everything that is there now. Returns: how many messages that were.
    std::uint64_t skip() noexcept {
        const std::uint64_t left_out = behind();
        position_ = state_->end();
        return left_out;
    }

private:
    friend class broadcast_ring;

    cursor(std::shared_ptr<state> ring, std::uint64_t position) : state_(std::move(ring)), position_(position) {}

    [[nodiscard]] bool has_next() const noexcept { return position_ != state_->end(); }

    ring_item take() {
        ring_item item;
        if (position_ < state_->first) item.missed = state_->first - std::exchange(position_, state_->first);
        item.content = state_->kept[static_cast<std::size_t>(position_ - state_->first)];
        ++position_;
        return item;
    }

    std::shared_ptr<state> state_;
    std::uint64_t position_;  // the number of the message that comes next
};

inline broadcast_ring::cursor broadcast_ring::subscribe() const { return cursor(state_, state_->end()); }

inline broadcast_ring::cursor broadcast_ring::subscribe(std::size_t history) const {
    return cursor(state_, state_->end() - std::min(history, state_->kept.size()));
}

}  // namespace aioxx::websocket
