// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/receive_buffer.hpp: what has arrived and who waits for it: the state behind a stream_reader.
// An operation looks at the bytes that are there; when they do not suffice it waits, and looks again whenever
// more arrive. Bytes that arrive while an operation waits on an empty buffer are shown to it where they are, so
// that only what it leaves over is copied into the buffer.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/byte_window.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/receive_block.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/streams/expiry.hpp>

namespace aioxx {

class receive_buffer;

/// An operation that waits for bytes. It sees them before anybody else and says how many it has used.
class receive_operation : public waiter {
public:
    /// Looks at the bytes that are there while it waits. Returns: whether the operation is complete.
    /// Parameters: `used` is set to how many bytes from the front it has taken.
    virtual bool look(const receive_buffer& source, bytes_view present, std::size_t& used) = 0;
    /// It ends with an error instead.
    virtual void fail(std::exception_ptr reason) noexcept = 0;
    /// Whether its result refers to the buffer, so that the bytes have to be there.
    [[nodiscard]] virtual bool borrows() const noexcept { return false; }

protected:
    ~receive_operation() = default;

    /// Whether a buffer knows it as the operation that waits.
    [[nodiscard]] bool is_enlisted() const noexcept { return enlisted_; }

private:
    friend class receive_buffer;
    bool enlisted_ = false;
};

/// Received bytes, their end, and the one operation that waits.
class receive_buffer : pinned {
public:
    /// Parameters: `limit` the longest unit that readline and readuntil accept, in bytes; the transport is paused
    /// above twice as much, unless an operation waits for more. Errors: std::invalid_argument for 0.
    explicit receive_buffer(std::size_t limit) : limit_(limit) {
        if (limit == 0) throw std::invalid_argument("the limit of a stream must be at least 1 byte, got 0");
    }
    /// An operation that still waits then does so until it is cancelled.
    ~receive_buffer() {
        if (operation_ != nullptr) forget(*operation_);
    }

    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }
    [[nodiscard]] std::size_t size() const noexcept { return held_.size() - lent_ + late_size(); }
    [[nodiscard]] bool at_eof() const noexcept { return ended_ && size() == 0; }

    /// Sets the time after which waiting ends with timeout_error; nothing takes it away. What has arrived stays.
    void set_deadline(std::optional<time_point> when) {
        if (!deadline()) {
            if (!when) return;
            seldom().deadline = std::make_unique<expiry>([this] { expire(); });
        }
        deadline()->set(when);
    }

    /// The transport whose reading is paused while too much is held; null for none.
    void set_transport(read_transport* transport) noexcept { transport_ = transport; }
    [[nodiscard]] read_transport* transport() const noexcept { return transport_; }

    // ---- those who hold a half of the stream ----

    void hold() noexcept { holders_.fetch_add(1, std::memory_order_relaxed); }
    void let_go() {
        if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1 && is_theirs_ && transport_ != nullptr) transport_->close();
    }
    /// The connection is theirs: the last one closes it. Without it the transport is somebody else's.
    void give_connection() noexcept {
        if (!is_theirs_) is_theirs_ = true;  // others may copy a writer on their threads
    }

    // ---- the sending side ----

    /// Takes bytes that arrived. Lifetime: borrowed during the call.
    void feed(bytes_view arrived) {
        if (arrived.empty()) return;
        if (lent_ != 0) {  // what is lent must not move
            seldom().late.append(arrived);
        } else if (operation_ != nullptr && held_.empty() && !operation_->borrows()) {
            std::size_t used = 0;
            const bool complete = operation_->look(*this, arrived, used);
            receive_block::keep(arrived, used, held_);
            if (complete) finish();
        } else {
            receive_block::keep(arrived, 0, held_);
            look_again();
        }
        // Not while an operation waits: it needs more than there is.
        if (size() > 2 * limit_ && operation_ == nullptr && transport_ != nullptr && !paused_) {
            paused_ = true;
            transport_->pause_reading();
        }
    }

    /// No more bytes come.
    void feed_eof() {
        ended_ = true;
        look_again();
    }

    /// Asks for what follows the end. Returns: whether something can.
    bool clear_eof() {
        if (!ended_ || failure_ || transport_ == nullptr) return false;
        transport_->resume_reading();
        if (!transport_->is_reading()) return false;
        paused_ = false;
        ended_ = false;
        return true;
    }

    /// No more bytes come because of an error, which is thrown after what did arrive has been read.
    void fail(std::exception_ptr exception) {
        failure_ = std::move(exception);
        ended_ = true;
        look_again();
    }

    // ---- the receiving side ----

    /// The next operation begins: what was lent is done with. Returns: the bytes that are there.
    [[nodiscard]] bytes_view begin() {
        take_back();
        return held_.view();
    }
    [[nodiscard]] bytes_view present() const noexcept { return held_.view(); }
    /// It has used bytes from the front.
    void use(std::size_t count) {
        held_.consume(count);
        after_reading();
    }
    /// It has used bytes from the front, which stay where they are until the next one begins.
    void lend(std::size_t count) noexcept { lent_ = count; }

    /// Lets an operation wait. Requires: what is there does not suffice.
    /// Errors: busy_error naming the operation when another one waits; timeout_error after the deadline.
    void wait(receive_operation& operation, const char* name) {
        if (operation_ != nullptr) {
            throw busy_error(std::string(name) + ": another task is already waiting for data from this stream");
        }
        if (deadline() != nullptr && deadline()->expired()) throw timeout_error(after_deadline);
        operation_ = &operation;
        operation.enlisted_ = true;
        held_.release_memory();
        resume();
    }

    /// An operation is cancelled or destroyed.
    void forget(receive_operation& operation) noexcept {
        if (operation_ == &operation) operation_ = nullptr;
        operation.enlisted_ = false;
    }

    /// Puts bytes back in front of what has not been read. Errors: busy_error when an operation waits.
    void put_back(bytes_view bytes) {
        if (operation_ != nullptr) throw busy_error("unread: another task is waiting for data from this stream");
        const bytearray kept(bytes);  // may be what is lent
        take_back();
        held_.prepend(kept);
    }

    /// Moves out everything that has arrived and not been read.
    [[nodiscard]] bytearray take_all() {
        take_back();
        resume();
        bytearray all(held_.view());
        held_.consume(held_.size());
        held_.release_memory();
        return all;
    }

private:
    void look_again() {
        if (operation_ == nullptr) return;
        std::size_t used = 0;
        const bool complete = operation_->look(*this, held_.view(), used);
        if (operation_->borrows()) {
            lend(used);
        } else {
            use(used);
        }
        if (complete) finish();
    }

    void finish() noexcept {
        operation_->enlisted_ = false;
        std::exchange(operation_, nullptr)->wake();
    }

    void expire() {
        if (operation_ == nullptr) return;
        operation_->fail(std::make_exception_ptr(timeout_error(after_deadline)));
        finish();
    }

    void take_back() {
        if (lent_ == 0) return;
        held_.consume(std::exchange(lent_, 0));
        if (seldom_) [[unlikely]] take_late();
        after_reading();
    }
    void take_late() {
        held_.append(seldom_->late.view());
        seldom_->late.consume(seldom_->late.size());
        seldom_->late.release_memory();
        if (!seldom_->deadline) seldom_.reset();
    }

    void after_reading() {
        if (paused_ && size() <= limit_) resume();
    }

    void resume() {
        if (std::exchange(paused_, false) && transport_ != nullptr) transport_->resume_reading();
    }

    static constexpr const char* after_deadline = "the deadline of reading from the stream has passed";

    // What few streams have, in memory of its own: many are idle.
    struct occasions : pool_allocated {
        byte_window late;  // arrived while a view was lent
        std::unique_ptr<expiry> deadline;
    };
    occasions& seldom() {
        if (!seldom_) seldom_ = std::make_unique<occasions>();
        return *seldom_;
    }
    [[nodiscard]] expiry* deadline() const noexcept { return seldom_ ? seldom_->deadline.get() : nullptr; }
    [[nodiscard]] std::size_t late_size() const noexcept { return seldom_ ? seldom_->late.size() : 0; }

    std::size_t limit_;
    byte_window held_;      // no memory while an operation waits on nothing
    std::size_t lent_ = 0;  // bytes at the front that a view refers to
    receive_operation* operation_ = nullptr;
    read_transport* transport_ = nullptr;
    std::exception_ptr failure_;
    std::unique_ptr<occasions> seldom_;
    std::atomic<std::uint32_t> holders_ = 0;
    bool is_theirs_ = false;
    bool ended_ = false;
    bool paused_ = false;
};

namespace detail {

// The shared state of a stream, or a part of it, as one who holds a half of the stream.
template <class State>
class stream_hold {
public:
    explicit stream_hold(std::shared_ptr<State> state) : state_(std::move(state)) { state_->hold(); }
    stream_hold(const stream_hold& other) : stream_hold(other.state_) {}
    stream_hold(stream_hold&&) noexcept = default;
    stream_hold& operator=(stream_hold other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~stream_hold() {
        if (state_) state_->let_go();
    }

    [[nodiscard]] State& operator*() const noexcept { return *state_; }
    [[nodiscard]] State* operator->() const noexcept { return state_.get(); }

private:
    std::shared_ptr<State> state_;
};

}  // namespace detail

}  // namespace aioxx
