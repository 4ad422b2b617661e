// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/memory.hpp: a connected pair of channels without the operating system.
// Each direction is a buffer of limited size, so that a reader who does not read stops the writer as a socket
// would. Both ends live on one loop, virtual time included.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/transports/stream_channel.hpp>

namespace aioxx {

namespace detail {

// Readiness calls for one end. They come through the loop, so never inline from the other end's call.
class memory_readiness {
public:
    explicit memory_readiness(event_loop& loop) : readable_(loop), writable_(loop) {}

    void attach(fd_handler& handler) noexcept {
        stop();
        readable_.handler = writable_.handler = &handler;
    }
    void await_readable(bool now) { readable_.await(now); }
    void await_writable(bool now) { writable_.await(now); }
    void notify_readable() { readable_.notify(); }
    void notify_writable() { writable_.notify(); }
    void stop() noexcept {
        readable_.stop();
        writable_.stop();
    }

private:
    template <void (fd_handler::*Event)()>
    struct call final : ready_node {
        explicit call(event_loop& on) : loop(on) {}
        void await(bool now) {
            awaited = true;
            if (now) notify();
        }
        void notify() {
            if (awaited && !is_linked()) loop.schedule(*this);
        }
        void stop() noexcept {
            awaited = false;
            unlink();
        }
        void run() override {
            awaited = false;
            (handler->*Event)();
        }

        event_loop& loop;
        fd_handler* handler = nullptr;
        bool awaited = false;
    };

    call<&fd_handler::on_readable> readable_;
    call<&fd_handler::on_writable> writable_;
};

// One direction of a link. Each end may go away first.
struct memory_direction {
    explicit memory_direction(std::size_t limit) : capacity(limit) {}

    [[nodiscard]] bool readable() const noexcept { return !held.empty() || ended || broken; }
    [[nodiscard]] bool writable() const noexcept { return held.size() < capacity || broken; }

    std::size_t capacity;
    bytearray held;
    bool ended = false;                  // the sender has no more
    bool broken = false;                 // one of the ends is gone without a clean end
    memory_readiness* reader = nullptr;  // null when that end is closed
    memory_readiness* writer = nullptr;
};

}  // namespace detail

/// One end of a memory link.
class memory_channel final : public stream_channel, pinned {
public:
    memory_channel(event_loop& loop, std::shared_ptr<detail::memory_direction> in,
                   std::shared_ptr<detail::memory_direction> out)
        : readiness_(loop), in_(std::move(in)), out_(std::move(out)) {
        in_->reader = &readiness_;
        out_->writer = &readiness_;
    }
    ~memory_channel() override { close(); }

    void attach(fd_handler& handler) override { readiness_.attach(handler); }
    [[nodiscard]] bool can_receive() const noexcept override { return true; }
    [[nodiscard]] bool can_send() const noexcept override { return true; }
    [[nodiscard]] bool can_half_close() const noexcept override { return true; }

    transfer receive(std::span<std::byte> buffer) noexcept override {
        const std::size_t count = std::min(buffer.size(), in_->held.size());
        if (count == 0) {
            if (in_->broken) return failed(std::errc::connection_reset);
            return in_->ended ? transfer{} : failed(std::errc::operation_would_block);
        }
        std::memcpy(buffer.data(), in_->held.data(), count);
        in_->held.consume(count);
        if (in_->writer != nullptr) in_->writer->notify_writable();
        return {count, {}, in_->readable() ? transfer::rest::unknown : transfer::rest::nothing};
    }

    transfer send(std::span<const bytes_view> pieces) noexcept override {
        if (out_->broken || out_->reader == nullptr) return failed(std::errc::broken_pipe);
        std::size_t count = 0;
        for (const bytes_view& piece : pieces) {
            const std::size_t room = out_->capacity - std::min(out_->capacity, out_->held.size());
            const bytes_view taken = piece.first(std::min(piece.size(), room));
            out_->held.append(taken);
            count += taken.size();
            if (taken.size() < piece.size()) break;
        }
        if (count == 0) return failed(std::errc::operation_would_block);
        out_->reader->notify_readable();
        return {count, {}, transfer::rest::unknown};
    }

    void await_readable() override { readiness_.await_readable(in_->readable()); }
    void await_writable() override { readiness_.await_writable(out_->writable()); }

    void shutdown_send() noexcept override {
        out_->ended = true;
        if (out_->reader != nullptr) out_->reader->notify_readable();
    }

    // As with a socket: bytes that nobody read make the end a reset for the peer.
    void close() noexcept override {
        if (closed_) return;
        closed_ = true;
        readiness_.stop();
        const bool unread = !in_->held.empty();
        in_->reader = nullptr;
        out_->writer = nullptr;
        in_->broken = true;
        if (in_->writer != nullptr) in_->writer->notify_writable();
        out_->ended = true;
        if (unread) out_->broken = true;
        if (out_->reader != nullptr) out_->reader->notify_readable();
    }

    [[nodiscard]] bool query_extra_info(extra_info_query&) const override { return false; }
    [[nodiscard]] std::string describe() const override { return "memory link"; }

private:
    static transfer failed(std::errc code) noexcept {
        return {0, std::make_error_code(code), transfer::rest::nothing};
    }

    detail::memory_readiness readiness_;
    std::shared_ptr<detail::memory_direction> in_;
    std::shared_ptr<detail::memory_direction> out_;
    bool closed_ = false;
};

/// Two connected memory channels.
///
/// Parameters: `capacity` bytes that each direction holds before its sender has to wait, at least 1.
[[nodiscard]] inline std::pair<std::unique_ptr<memory_channel>, std::unique_ptr<memory_channel>> make_memory_channels(
    event_loop& loop, std::size_t capacity = 64 * 1024) {
    auto forth = std::make_shared<detail::memory_direction>(std::max<std::size_t>(capacity, 1));
    auto back = std::make_shared<detail::memory_direction>(std::max<std::size_t>(capacity, 1));
    return {std::make_unique<memory_channel>(loop, back, forth), std::make_unique<memory_channel>(loop, forth, back)};
}

}  // namespace aioxx
