// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/receive_buffer.hpp: what has arrived and who waits for it: the state behind a stream_reader.
// An operation looks at the bytes that are there; when they do not suffice it waits, and looks again whenever
// more arrive. Bytes that arrive while an operation waits on an empty buffer are shown to it where they are, so
// that only what it leaves over is copied into the buffer.

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/streams/expiry.hpp>

namespace aioxx {

class receive_buffer;

/// An operation that waits for bytes. It sees them before anybody else and says how many it has used.
class receive_operation : public waiter {
public:
    /// Looks at the bytes that are there. Returns: whether the operation is complete.
    /// Parameters: `used` is set to how many bytes from the front it has taken.
    virtual bool look(receive_buffer& source, bytes_view present, std::size_t& used) = 0;
    /// It ends with an error instead.
    virtual void fail(std::exception_ptr reason) noexcept = 0;
    /// Whether its result refers to the buffer, so that the bytes have to be there.
    [[nodiscard]] virtual bool borrows() const noexcept { return false; }

protected:
    ~receive_operation() = default;
};

/// Received bytes, their end, and the one operation that waits.
class receive_buffer : pinned {
public:
    /// Parameters: `limit` the longest unit that readline and readuntil accept, in bytes; the transport is paused
    /// above twice as much, unless an operation waits for more. Errors: std::invalid_argument for 0.
    explicit receive_buffer(std::size_t limit) : limit_(limit) {
        if (limit == 0) throw std::invalid_argument("the limit of a stream must be at least 1 byte, got 0");
    }

    [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }
    [[nodiscard]] std::size_t size() const noexcept { return held_.size() - lent_ + (late_ ? late_->size() : 0); }
    [[nodiscard]] bool at_eof() const noexcept { return ended_ && size() == 0; }

    /// Sets the time after which waiting ends with timeout_error; nothing takes it away. What has arrived stays.
    void set_deadline(std::optional<time_point> when) {
        if (!deadline_) {
            if (!when) return;
            deadline_ = std::make_unique<expiry>([this] { expire(); });
        }
        deadline_->set(when);
    }

    /// The transport whose reading is paused while too much is held; null for none.
    void set_transport(read_transport* transport) noexcept { transport_ = transport; }

    // ---- the sending side ----

    /// Takes bytes that arrived. Lifetime: borrowed during the call.
    void feed(bytes_view arrived) {
        if (arrived.empty()) return;
        if (lent_ != 0) {  // what is lent must not move
            if (!late_) late_ = std::make_unique<bytearray>();
            late_->append(arrived);
        } else if (operation_ != nullptr && held_.empty() && !operation_->borrows()) {
            std::size_t used = 0;
            const bool complete = operation_->look(*this, arrived, used);
            held_.append(arrived.subview(used));
            if (complete) finish();
        } else {
            held_.append(arrived);
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

    /// Runs an operation on what is there. Returns: whether it is complete. A template, so that a known operation is
    /// called directly: most operations find what they need.
    template <std::derived_from<receive_operation> Operation>
    bool try_now(Operation& operation) {
        take_back();
        std::size_t used = 0;
        const bool complete = operation.look(*this, held_, used);
        use(operation, used);
        return complete;
    }

    /// Lets an operation wait. Requires: try_now has returned false.
    /// Errors: busy_error naming the operation when another one waits; timeout_error after the deadline.
    void wait(receive_operation& operation, const char* name) {
        if (operation_ != nullptr) {
            throw busy_error(std::string(name) + ": another task is already waiting for data from this stream");
        }
        if (deadline_ && deadline_->expired()) throw timeout_error(after_deadline);
        operation_ = &operation;
        resume();
    }

    /// An operation is cancelled or destroyed.
    void forget(const receive_operation& operation) noexcept {
        if (operation_ == &operation) operation_ = nullptr;
    }

    /// Puts bytes back in front of what has not been read. Errors: busy_error when an operation waits.
    void put_back(bytes_view bytes) {
        if (operation_ != nullptr) throw busy_error("unread: another task is waiting for data from this stream");
        const bytearray kept(bytes);  // may be what is lent
        take_back();
        held_.insert(0, kept);
    }

    /// Moves out everything that has arrived and not been read.
    [[nodiscard]] bytearray take_all() {
        take_back();
        resume();
        return held_.take(held_.size());
    }

    /// Throws the error that ended the stream, when there is one and nothing is left before it.
    void throw_failure() const {
        if (failure_ && held_.empty()) std::rethrow_exception(failure_);
    }

private:
    void look_again() {
        if (operation_ == nullptr) return;
        std::size_t used = 0;
        const bool complete = operation_->look(*this, held_, used);
        use(*operation_, used);
        if (complete) finish();
    }

    template <std::derived_from<receive_operation> Operation>
    void use(const Operation& operation, std::size_t used) {
        if (operation.borrows()) {
            lent_ = used;
        } else {
            held_.consume(used);
            after_reading();
        }
    }

    void finish() noexcept { std::exchange(operation_, nullptr)->wake(); }

    void expire() {
        if (operation_ == nullptr) return;
        operation_->fail(std::make_exception_ptr(timeout_error(after_deadline)));
        finish();
    }

    // The next operation has begun: what was lent is done with.
    void take_back() {
        if (lent_ == 0) return;
        held_.consume(std::exchange(lent_, 0));
        if (late_) held_.append(*std::exchange(late_, nullptr));
        after_reading();
    }

    void after_reading() {
        if (paused_ && size() <= limit_) resume();
    }

    void resume() {
        if (std::exchange(paused_, false) && transport_ != nullptr) transport_->resume_reading();
    }

    static constexpr const char* after_deadline = "the deadline of reading from the stream has passed";

    std::size_t limit_;
    bytearray held_;
    std::unique_ptr<bytearray> late_;  // arrived while a view was lent
    std::size_t lent_ = 0;             // bytes at the front that a view refers to
    receive_operation* operation_ = nullptr;
    read_transport* transport_ = nullptr;
    std::exception_ptr failure_;
    std::unique_ptr<expiry> deadline_;  // most streams have none
    bool ended_ = false;
    bool paused_ = false;
};

}  // namespace aioxx
