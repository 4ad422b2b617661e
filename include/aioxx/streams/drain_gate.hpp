// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/drain_gate.hpp: waiting between pause_writing and resume_writing, and for the end of a connection.
// It remembers why the connection ended, so that every later write learns the original reason.

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/streams/expiry.hpp>
#include <aioxx/sync/event.hpp>

namespace aioxx {

/// The flow control of a connection as something that tasks can wait for. Any number of waiters.
class drain_gate : pinned {
public:
    class awaiter;

    void pause() noexcept { paused_ = true; }
    void resume() noexcept {
        paused_ = false;
        if (!refused_) wake_all();
    }

    /// Bytes were dropped because the connection is ending: the next drain waits for the reason and throws it.
    void refuse() noexcept { refused_ = true; }

    /// The connection is over. Parameters: `reason` null for a clean end.
    void lose(std::exception_ptr reason) noexcept {
        lost_ = true;
        reason_ = std::move(reason);
        wake_all();
        if (seldom_) seldom_->closed.set();
    }

    /// Sets the time after which waiting in drain ends with timeout_error; nothing takes it away.
    void set_deadline(std::optional<time_point> when) {
        if (!deadline()) {
            if (!when) return;
            seldom().deadline = std::make_unique<expiry>([this] {
                ++expirations_;
                wake_all();
            });
        }
        deadline()->set(when);
    }

    [[nodiscard]] bool lost() const noexcept { return lost_; }
    [[nodiscard]] const std::exception_ptr& reason() const noexcept { return reason_; }

    /// Waits until writing is not paused.
    ///
    /// A task that writes without end lets the others run once in a while, and what has arrived be received, although it is
    /// never paused.
    /// Parameters: `written` bytes since the last call.
    /// Errors: the reason of the loss; broken_error(connection_reset) when the connection ended cleanly before;
    /// timeout_error when writing is still paused at the deadline.
    /// Cancellation: safe.
    [[nodiscard]] awaiter drain(std::size_t written = 0) noexcept;

    /// As drain, when that would neither wait nor throw. Returns: false when it would; the bytes are counted, and drain() has
    /// to follow.
    [[nodiscard]] bool try_drain(std::size_t written) noexcept {
        count(written);
        return !lost_ && is_free();
    }

    /// Waits until the connection is over. Errors: none. Cancellation: safe.
    [[nodiscard]] event::awaiter wait_closed() {
        event& closed = seldom().closed;
        if (lost_) closed.set();
        return closed.wait();
    }

    /// Throws what a write on a lost connection learns.
    [[noreturn]] void throw_lost() const {
        if (reason_) std::rethrow_exception(reason_);
        throw broken_error(std::make_error_code(std::errc::connection_reset), "connection lost");
    }

private:
    // Bytes written without a suspension: as many as a transport receives in a turn, so that neither direction makes the
    // other wait (with four times as many, and until the next batch only, both ways at once had 0.8 of the rate).
    static constexpr std::size_t yield_after = 64 * 1024;

    // What few streams need, in memory of its own: many are idle.
    struct occasions {
        wait_list waiting;
        event closed;
        std::unique_ptr<expiry> deadline;
    };
    occasions& seldom() {
        if (!seldom_) seldom_ = std::make_unique<occasions>();
        return *seldom_;
    }
    [[nodiscard]] expiry* deadline() const noexcept { return seldom_ ? seldom_->deadline.get() : nullptr; }

    void count(std::size_t written) noexcept {
        unyielded_ = static_cast<std::uint32_t>(std::min(yield_after, unyielded_ + std::min(written, yield_after)));
    }
    [[nodiscard]] bool is_free() const noexcept { return !paused_ && !refused_ && unyielded_ < yield_after; }
    void wake_all() noexcept;

    std::exception_ptr reason_;
    std::unique_ptr<occasions> seldom_;
    std::uint32_t unyielded_ = 0;   // bytes, up to yield_after
    std::uint8_t expirations_ = 0;  // a waiter sees the first one, so that they may begin anew
    bool paused_ = false;
    bool refused_ = false;
    bool lost_ = false;
};

/// Awaiter of drain().
class [[nodiscard]] drain_gate::awaiter final : public waiter {
public:
    explicit awaiter(drain_gate& gate) noexcept : expirations_(gate.expirations_), gate_(gate) {}

    [[nodiscard]] bool await_ready() const noexcept {
        return gate_.lost_ || gate_.is_free();
    }
    /// Errors: invalid_state_error when tasks of another loop wait at the gate.
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        gate_.unyielded_ = 0;
        const bool only_a_breath = !gate_.paused_ && !gate_.refused_;
        if (!only_a_breath && gate_.deadline() != nullptr && gate_.deadline()->expired()) throw_expired();
        if (!only_a_breath) enlist();
        suspend(coroutine);
        if (only_a_breath && is_waiting()) waiter::loop()->defer(*this);  // until the descriptors had a look
    }
    void await_resume() {
        throw_if_cancelled();
        if (gate_.lost_) gate_.throw_lost();
        if (expirations_ != gate_.expirations_ && gate_.paused_) throw_expired();
    }

private:
    friend class drain_gate;
    const char* waits_for() const noexcept override { return "drain"; }

    void enlist() {
        wait_list& waiting = gate_.seldom().waiting;
        const auto* const oldest = static_cast<const awaiter*>(waiting.front());
        if (oldest != nullptr && oldest->loop() != detail::running_loop) [[unlikely]] throw_foreign();
        waiting.push_back(*this);
    }

    [[noreturn]] AIOXX_COLD static void throw_expired() {
        throw timeout_error("the deadline of writing to the stream has passed");
    }
    [[noreturn]] AIOXX_COLD static void throw_foreign() {
        throw invalid_state_error("drain: tasks of another event loop wait for it");
    }

    std::uint8_t expirations_;  // fits into what the base leaves over
    drain_gate& gate_;
};

inline void drain_gate::wake_all() noexcept {
    if (!seldom_) return;
    while (wait_node* const oldest = seldom_->waiting.pop_front()) static_cast<awaiter*>(oldest)->wake();
}

inline drain_gate::awaiter drain_gate::drain(std::size_t written) noexcept {
    count(written);
    return awaiter(*this);
}

}  // namespace aioxx
