// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports/datagram.hpp: a datagram transport over a POSIX socket, UDP or Unix.
//
//   state     receiving   sendto               leaves it by
//   open      yes         tried, then queued   close, abort, a protocol that throws
//   closing   no          dropped, counted     the queue has run empty, abort
//   lost      no          dropped, counted     connection_lost has returned
//   dead      -           dropped, counted     -
//
// UDP datagrams are received several at a time. Each is sent by one call: on the loopback sendmmsg costs what sendto does.

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/ring_buffer.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/datagram_protocol.hpp>
#include <aioxx/io/datagram_transport.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/io/flow_control.hpp>
#include <aioxx/transports/datagram_batch.hpp>
#include <aioxx/transports/fd_channel.hpp>

namespace aioxx {

/// A datagram transport over a socket.
///
/// Lifetime: from start() until connection_lost has returned it holds itself; after that all calls do nothing.
class datagram_socket_transport final : public datagram_transport,
                                        public std::enable_shared_from_this<datagram_socket_transport>,
                                        private fd_handler,
                                        private loop_resource {
public:
    /// Parameters: `socket` non-blocking, connected or not; `receiver` of what is sent without naming one, on a socket
    /// that is not connected.
    datagram_socket_transport(event_loop& loop, unique_fd socket, std::shared_ptr<base_protocol> served,
                              std::optional<endpoint> receiver = std::nullopt)
        : loop_(loop), fd_(std::move(socket)), peer_(endpoint::peer_of(fd_.get())), receiver_(std::move(receiver)) {
        const auto local = endpoint::local_of(fd_.get());
        is_unix_ = local && local->family() == AF_UNIX;
        set_protocol(std::move(served));
    }

    /// Schedules connection_made, then the start of receiving, then the callback.
    void start(function<void()> connected = {}) {
        self_ = shared_from_this();
        loop_.attach(static_cast<loop_resource&>(*this));
        watcher_ = loop_.system().watch(fd_.get(), *this);
        loop_.call_soon([this, held = self_, called = std::move(connected)]() mutable {
            if (!has_ended()) begin();
            if (called) called();
        });
    }

    // ---- base_transport ----

    [[nodiscard]] bool query_extra_info(extra_info_query& query) const override {
        if (!fd_) return false;
        const auto local = endpoint::local_of(fd_.get());
        if (local && query.answer(extra_info::sockname, *local)) return true;
        if (peer_ && query.answer(extra_info::peername, *peer_)) return true;
        return query.answer(extra_info::socket, fd_.get());
    }
    [[nodiscard]] bool is_closing() const noexcept override { return state_ != state::open; }
    void close() override {
        if (state_ != state::open) return;
        state_ = state::closing;
        if (queue_.empty()) lose(nullptr);
    }
    void set_protocol(std::shared_ptr<base_protocol> served) override {
        auto* as_datagram = dynamic_cast<datagram_protocol*>(served.get());
        if (as_datagram == nullptr) {
            throw std::invalid_argument("set_protocol: a datagram transport needs a datagram_protocol, got another kind or none");
        }
        if (state_ == state::dead) return;
        protocol_ = std::move(served);
        datagrams_ = as_datagram;
    }
    [[nodiscard]] std::shared_ptr<base_protocol> get_protocol() const override { return protocol_; }
    [[nodiscard]] std::string describe() const override {
        const auto local = fd_ ? endpoint::local_of(fd_.get()) : std::nullopt;
        std::string text = "datagram endpoint";
        if (local) text += " on " + to_string(*local);
        if (peer_) text += " to " + to_string(*peer_);
        return text;
    }

    // ---- datagram_transport ----

    void sendto(bytes_view data, const std::optional<endpoint>& to = std::nullopt) override {
        const endpoint* const receiver = receiver_of(to);
        if (state_ != state::open) {
            ++counts_.dropped;
            return;
        }
        if (queue_.empty() && !write_armed_) {
            const int failure = send_now(data, receiver);
            if (failure == 0) return;
            if (!is_full(failure)) return tell_later(failure);
        }
        queue_.push({bytearray(data), receiver != nullptr ? *receiver : endpoint{}});
        queued_bytes_ += cost_of(data);
        counts_.most_queued = std::max(counts_.most_queued, queue_.size());
        await_room();
        report_flow(flow_.grew(queued_bytes_));
    }
    void abort() override { lose(nullptr); }
    void set_write_buffer_limits(write_limits_request limits) override {
        report_flow(flow_.set_limits(write_buffer_limits::from(limits), queued_bytes_));
    }
    [[nodiscard]] write_buffer_limits get_write_buffer_limits() const noexcept override { return flow_.limits(); }
    [[nodiscard]] std::size_t get_write_buffer_size() const noexcept override { return queued_bytes_; }
    [[nodiscard]] std::uint64_t dropped_writes() const noexcept override { return counts_.dropped; }
    [[nodiscard]] datagram_statistics statistics() const noexcept override {
        datagram_statistics now = counts_;
        now.queued = queue_.size();
        return now;
    }

private:
    enum class state : std::uint8_t { open, closing, lost, dead };

    // After so many datagrams of one endpoint the others have their turn.
    static constexpr std::size_t datagrams_per_turn = 64;
    // What a datagram costs in the queue beside its payload.
    static constexpr std::size_t overhead = 8;

    struct outgoing {
        bytearray data;
        endpoint receiver;  // none when it is the peer of a connected socket
    };

    // The delivery of connection_lost. Also ends the transport when the loop is closed before.
    class loss final : public ready_node {
    public:
        explicit loss(datagram_socket_transport& owner) : owner_(owner) {}
        void run() override { owner_.deliver_loss(); }
        void discard() noexcept override { owner_.die(); }

    private:
        datagram_socket_transport& owner_;
    };

    class continuation final : public ready_node {
    public:
        explicit continuation(datagram_socket_transport& owner) : owner_(owner) {}
        void run() override { owner_.receive_some(); }

    private:
        datagram_socket_transport& owner_;
    };

    [[nodiscard]] bool has_ended() const noexcept { return state_ == state::lost || state_ == state::dead; }
    static bool is_full(int code) noexcept { return code == EAGAIN || code == EWOULDBLOCK || code == ENOBUFS; }
    static std::size_t cost_of(bytes_view data) noexcept { return data.size() + overhead; }

    // Returns: null when the system knows the receiver.
    const endpoint* receiver_of(const std::optional<endpoint>& to) const {
        if (peer_) {
            if (to && *to != *peer_) {
                throw std::invalid_argument("sendto: the endpoint is connected to " + to_string(*peer_) + ", got " +
                                            to_string(*to));
            }
            return nullptr;
        }
        if (to) return &*to;
        if (receiver_) return &*receiver_;
        if (state_ != state::open) return nullptr;
        throw std::invalid_argument("sendto: expected a receiver, because the endpoint is not connected");
    }

    void begin() {
        const auto served = protocol_;  // it may set another one
        made_ = true;
        loop_.guarded([this] { datagrams_->connection_made(*this); }, "exception in connection_made");
        if (state_ == state::open) watcher_->await_readable();
    }

    // ---- receiving ----

    void on_readable() override {
        if (state_ == state::open) receive_some();
    }

    void receive_some() {
        const auto held = self_;
        for (std::size_t count = 0; state_ == state::open;) {
            if (count >= datagrams_per_turn) return loop_.defer(continuation_);
            const std::size_t received = receive_next();
            if (received == 0) return watcher_->await_readable();
            count += received;
        }
    }

    // Returns: how many datagrams or errors there were; 0 when there is no use in trying again at once.
    std::size_t receive_next() {
#if defined(__linux__)
        if (!is_unix_) return receive_batch();
#endif
        return receive_one();
    }

#if defined(__linux__)
    std::size_t receive_batch() {
        auto& batch = detail::datagram_batch::of_this_thread();
        const int result = detail::uninterrupted([&] { return batch.receive(fd_.get()); });
        if (result < 0) return take_failure(errno);
        const auto count = static_cast<std::size_t>(result);
        for (std::size_t i = 0; i < count && state_ == state::open; ++i) deliver(batch.content(i), batch.sender(i));
        // One that stopped short has emptied the queue, or met an error that came meanwhile, which is an event of its own.
        const bool may_be_more = count == detail::datagram_batch::limit || state_ != state::open;
        return may_be_more ? count : 0;
    }
#endif

    std::size_t receive_one() {
        const std::span<std::byte> into = buffer_for_next();
        sockaddr_storage name{};
        socklen_t name_size = sizeof name;
        const ssize_t count = detail::uninterrupted([&] {
            return ::recvfrom(fd_.get(), into.data(), into.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&name), &name_size);
        });
        if (count < 0) return take_failure(errno);
        const auto size = static_cast<std::size_t>(count);
        if (size > into.size()) return take_failure(EMSGSIZE);
        deliver({into.data(), size},
                name_size == 0 ? endpoint{} : endpoint(reinterpret_cast<const sockaddr*>(&name), name_size));
        return 1;
    }

    void deliver(bytes_view data, const endpoint& sender) {
        ++counts_.received;
        counts_.received_bytes += data.size();
        call([&] { datagrams_->datagram_received(data, sender); }, "datagram_received");
    }
    std::size_t take_failure(int code) {
        if (is_full(code)) return 0;
        tell(code);
        return 1;
    }

    // UDP datagrams fit into the loop's buffer. Unix ones may be larger, so they are asked for their size before.
    std::span<std::byte> buffer_for_next() {
        const std::span<std::byte> shared = loop_.receive_buffer();
        if (!is_unix_) return shared;
        const ssize_t size = ::recv(fd_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC);
        if (size < 0 || static_cast<std::size_t>(size) <= shared.size()) return shared;
        large_.resize(static_cast<std::size_t>(size));
        return large_;
    }

    // What a callback throws ends the endpoint.
    template <class Function>
    void call(Function function, const char* callback) {
        const auto served = protocol_;
        try {
            function();
        } catch (...) {
            const std::exception_ptr thrown = std::current_exception();
            loop_.call_exception_handler({std::string("exception in ") + callback, thrown, describe()});
            lose(thrown);
        }
    }

    void tell(int code) {
        ++counts_.errors;
        call([&] { datagrams_->error_received(std::error_code(code, std::system_category())); }, "error_received");
    }
    void tell_later(int code) {
        loop_.call_soon([this, held = self_, code] {
            if (!has_ended()) tell(code);
        });
    }

    // ---- sending ----

    // Returns: 0 or the system's error.
    int send_now(bytes_view data, const endpoint* to) noexcept {
        const ssize_t count = detail::uninterrupted([&] {
            return ::sendto(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL, to != nullptr ? to->data() : nullptr,
                            to != nullptr ? to->size() : 0);
        });
        if (count < 0) return errno;
        ++counts_.sent;
        counts_.sent_bytes += data.size();
        return 0;
    }

    void await_room() {
        if (std::exchange(write_armed_, true)) return;
        watcher_->await_writable();
    }

    void on_writable() override {
        write_armed_ = false;
        const auto held = self_;
        while (!has_ended() && !queue_.empty()) {
            const outgoing& next = queue_.front();
            const int failure = send_now(next.data, next.receiver.size() != 0 ? &next.receiver : nullptr);
            if (is_full(failure)) {
                await_room();
                break;
            }
            queued_bytes_ -= cost_of(next.data);
            queue_.pop();
            if (failure != 0) tell(failure);
        }
        if (has_ended()) return;
        report_flow(flow_.shrank(queued_bytes_));
        if (state_ == state::closing && queue_.empty()) lose(nullptr);
    }

    void report_flow(flow_control::transition change) {
        if (change == flow_control::transition::none || has_ended() || !made_) return;
        const auto served = protocol_;
        if (change == flow_control::transition::pause) {
            ++counts_.pauses;
            loop_.guarded([&] { served->pause_writing(); }, "exception in pause_writing");
        } else {
            loop_.guarded([&] { served->resume_writing(); }, "exception in resume_writing");
        }
    }

    // ---- ending ----

    // The first reason wins; whatever is called afterwards finds the state changed.
    void lose(std::exception_ptr reason) noexcept {
        if (has_ended()) return;
        state_ = state::lost;
        loss_reason_ = std::move(reason);
        queue_.clear();
        queued_bytes_ = 0;
        if (self_) loop_.schedule(loss_);
    }

    void deliver_loss() {
        const auto served = protocol_;
        if (made_) {
            loop_.guarded([&] { served->connection_lost(loss_reason_); }, "exception in connection_lost");
        }
        die();
    }

    void die() noexcept {
        state_ = state::dead;
        continuation_.unlink();
        static_cast<loop_resource*>(this)->unlink();
        watcher_.reset();  // before the number can be used again
        fd_.reset();
        protocol_.reset();
        datagrams_ = nullptr;
        const auto last = std::move(self_);  // may be the last reference
    }

    void abandon() noexcept override { lose(nullptr); }

    event_loop& loop_;
    unique_fd fd_;
    fd_watcher_ptr watcher_;
    std::optional<endpoint> peer_;      // of a connected socket
    std::optional<endpoint> receiver_;  // of what is sent without naming one
    std::shared_ptr<base_protocol> protocol_;
    datagram_protocol* datagrams_ = nullptr;  // protocol_ as what it is
    std::shared_ptr<datagram_socket_transport> self_;  // while started and not dead

    ring_buffer<outgoing> queue_;
    std::size_t queued_bytes_ = 0;
    flow_control flow_;
    datagram_statistics counts_;
    std::vector<std::byte> large_;  // grows to the largest Unix datagram
    std::exception_ptr loss_reason_;
    loss loss_{*this};
    continuation continuation_{*this};

    state state_ = state::open;
    bool made_ = false;         // connection_made was called
    bool write_armed_ = false;  // an on_writable is outstanding: the system has no room
    bool is_unix_ = false;
};

}  // namespace aioxx
