// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/connection_state_machine.hpp: the protocol of an open WebSocket, between a transport and those who send and
// receive. What the bytes mean is decided in proto/endpoint.hpp, what becomes of messages in inbox.hpp. Here is when:
// flow control in both directions, keepalive, whose turn it is to end the transport, and how long to wait for it.
//
//   event                          what follows
//   bytes                          a waiting receiver is woken by the first message; the rest at the end of the turn
//   ping interval                  a ping; no pong within the ping timeout: Close 1011, and the transport is closed
//   our Close, or the peer's       the server ends its half of the transport when both went their way; the close timeout
//                                  runs from the first of them, then the transport is aborted
//   end of the transport           everything that waits is woken, and learns how it ended

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/turn.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/io/buffered_protocol.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/streams/drain_gate.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/inbox.hpp>
#include <aioxx/websocket/keepalive.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/endpoint.hpp>
#include <aioxx/websocket/proto/permessage_deflate.hpp>
#include <aioxx/websocket/spare_buffers.hpp>

namespace aioxx::websocket {

/// What a connection needs of its options, whichever side it is.
struct connection_limits {
    optional_time ping_interval = defaults::ping_interval;
    optional_time ping_timeout = defaults::ping_timeout;
    std::chrono::milliseconds close_timeout = defaults::close_timeout;
    std::uint64_t max_size = defaults::max_size;
    std::size_t max_queue = defaults::max_queue;
    std::size_t write_limit = defaults::write_limit;
    std::optional<deflate_parameters> compression{};  ///< what was agreed on
    std::optional<std::size_t> max_queue_low{};  ///< so few messages, and reading goes on; a quarter of max_queue
};

namespace detail {

/// The protocol of an open connection. Shared by the transport and the user's handles.
class connection_state_machine final : public buffered_protocol, private keepalive_client, private flush_node {
public:
    connection_state_machine(event_loop& loop, role us, const connection_limits& limits)
        : loop_(loop),
          endpoint_(us, {.max_size = limits.max_size, .compression = limits.compression}),
          inbox_(endpoint_, limits.max_queue, limits.max_queue_low.value_or(limits.max_queue / 4)),
          keepalive_(loop, limits.ping_interval, limits.ping_timeout, *this),
          close_timeout_(limits.close_timeout),
          write_limit_(limits.write_limit),
          compresses_(limits.compression.has_value()),
          sends_heads_(us == role::server && !compresses_) {}

    // ---- the transport's side ----

    void connection_made(aioxx::transport& made) override {
        transport_ = &made;
        made.set_write_buffer_limits({.high = write_limit_, .low = std::nullopt});
        keepalive_.start();
    }
    mutable_bytes_view get_buffer(std::size_t) override { return inbox::lend(); }
    void buffer_updated(std::size_t count) override {
        inbox_.received(count);
        look_at_input();
    }
    /// Bytes that were received before this was the protocol.
    void data_received(bytes_view data) {
        inbox_.feed(data);
        look_at_input();
    }
    bool eof_received() override { return false; }
    void connection_lost(std::exception_ptr reason) override {
        note_addresses();
        transport_ = nullptr;
        loss_ = std::move(reason);
        keepalive_.stop();
        patience_.cancel();
        inbox_.feed_eof();
        inbox_.stow_all([this](const event& found) { on_event(found); });
        gate.lose(nullptr);
        wake_receiver();
        if (fragmented_) fragmented_->set();
        pings_.fail(closed_exception());
    }
    void pause_writing() override { gate.pause(); }
    void resume_writing() override { gate.resume(); }

    // ---- what is known ----

    drain_gate gate;

    [[nodiscard]] websocket::endpoint& endpoint() noexcept { return endpoint_; }
    [[nodiscard]] const websocket::endpoint& endpoint() const noexcept { return endpoint_; }
    [[nodiscard]] aioxx::transport* transport() const noexcept { return transport_; }
    [[nodiscard]] bool is_over() const noexcept { return transport_ == nullptr; }
    [[nodiscard]] bool is_open() const noexcept { return transport_ != nullptr && endpoint_.is_open(); }
    /// Whether compression was agreed on.
    [[nodiscard]] bool compresses() const noexcept { return compresses_; }
    [[nodiscard]] duration latency() const noexcept { return latency_; }
    [[nodiscard]] aioxx::endpoint address(const extra_info_key<aioxx::endpoint>& which) const {
        if (transport_ != nullptr) return transport_->get_extra_info(which).value_or(aioxx::endpoint());
        if (!addresses_) return {};
        return &which == &extra_info::sockname ? addresses_->local : addresses_->remote;
    }

    // ---- receiving ----

    class arrival;

    /// Whether an arrival that was awaited has brought a message.
    [[nodiscard]] bool has_message(wanted what = wanted::message) const noexcept { return inbox_.has_found(what); }
    /// Requires, as the next two: has_message().
    [[nodiscard]] message_view peek_message() noexcept { return inbox_.peek(); }
    [[nodiscard]] message take_message() {
        message oldest = inbox_.take();
        after_taking();
        return oldest;
    }
    [[nodiscard]] message_view look_at_message() {
        const message_view oldest = inbox_.look();
        after_taking();
        return oldest;
    }

    [[nodiscard]] std::span<const message_view> look_at_batch() {
        const auto batch = inbox_.look_at_batch([this](const event& found) { on_event(found); });
        after_taking();
        return batch;
    }

    /// Whether parts of a message were looked at, and there are others.
    [[nodiscard]] bool is_streaming() const noexcept { return inbox_.is_streaming(); }
    void end_stream() { inbox_.end_stream(); }

    // ---- sending ----

    /// A message in several frames is on its way; others have to wait for its end.
    [[nodiscard]] aioxx::event* fragmented() const noexcept { return fragmented_.get(); }
    void begin_fragmented() { fragmented_ = std::make_unique<aioxx::event>(); }
    void end_fragmented() noexcept { std::exchange(fragmented_, nullptr)->set(); }

    /// Errors: connection_closed.
    void require_open() const {
        if (!is_open()) [[unlikely]] throw_closed();
    }

    /// Sends a frame of a message. Requires: is_open(). Errors: as of the endpoint.
    void put(opcode code, bytes_view data, bool fin, std::optional<bool> compress) {
        is_quiet_ = false;
        bytearray& output = endpoint_.output();
        if (sends_heads_) {
            endpoint_.send_header(code, data, fin);
            const std::array<bytes_view, 2> frame{output.view(), data};
            transport_->writelines(std::span<const bytes_view>(frame));
            output.clear();
            return;
        }
        if (output.empty()) output = take_spare(max_frame_header_size + data.size());
        switch (code) {
            case opcode::text: endpoint_.send_text(data, fin, compress); break;
            case opcode::binary: endpoint_.send_binary(data, fin, compress); break;
            default: endpoint_.send_continuation(data, fin); break;
        }
        transport_->write(std::as_const(output).view());
        give_spare(std::exchange(output, bytearray()));
    }

    /// Writes what the endpoint has put out, and ends the transport when it is time.
    void flush_output() {
        if (transport_ == nullptr) return endpoint_.output().clear();
        if (endpoint_.close_expected()) [[unlikely]] wait_for_end();
        bytearray& output = endpoint_.output();
        if (!output.empty()) {
            transport_->write(std::as_const(output).view());
            output.clear();
        }
        if (!endpoint_.should_close_transport() || transport_ == nullptr) return;
        // Only our half: bytes that the peer still sends would make a full close a reset, and destroy our Close frame.
        if (transport_->can_write_eof()) {
            transport_->write_eof();
        } else {
            transport_->close();
        }
    }

    future<duration> ping(bytes_view payload) {
        endpoint_.send_ping(payload);
        future<duration> answered = pings_.add(loop_, payload);
        flush_output();
        return answered;
    }
    [[nodiscard]] bool is_pinging(bytes_view payload) const noexcept { return pings_.contains(payload); }

    /// A payload that no ping on its way has.
    [[nodiscard]] std::string new_ping_payload() {
        std::uint32_t number = 0;
        std::string payload(sizeof number, '\0');
        do {
            number = ++ping_count_;
            std::memcpy(payload.data(), &number, sizeof number);
        } while (pings_.contains(payload));
        return payload;
    }

    // ---- ending ----

    /// Fails the connection from our side.
    void give_up(close_code code, std::string_view reason) {
        endpoint_.fail(code, reason);
        flush_output();
        if (transport_ != nullptr) transport_->close();
    }

    /// A message in fragments was given up.
    void fail_fragmented() noexcept {
        loop_.guarded([this] { give_up(close_code::internal_error, "error in fragmented message"); },
                      "exception in the end of a WebSocket");
    }

    /// The last user's handle is gone, or the server goes down.
    void go_away() noexcept {
        if (!is_open()) return;
        loop_.guarded(
            [this] {
                endpoint_.send_close(close_code::going_away);
                flush_output();
            },
            "exception in the close of a WebSocket");
    }

    /// Whether both sides said that it was over, in order.
    [[nodiscard]] bool ended_well() const noexcept {
        return is_closed_ok(endpoint_.close_received(), endpoint_.close_sent());
    }
    [[noreturn]] AIOXX_COLD void throw_closed() const { std::rethrow_exception(closed_exception()); }
    [[nodiscard]] std::exception_ptr closed_exception() const {
        std::string cause;
        if (endpoint_.fault() && endpoint_.fault()->code != close_code::abnormal_closure) cause = endpoint_.fault()->text;
        if (loss_) cause = describe(loss_);
        try {
            throw_connection_closed(endpoint_.close_received(), endpoint_.close_sent(), endpoint_.peer_closed_first(),
                                    cause);
        } catch (const connection_closed&) {
            return std::current_exception();
        }
    }

private:
    struct addresses {
        aioxx::endpoint local;
        aioxx::endpoint remote;
    };

    // ---- input ----

    // A receiver that waits takes its messages from the input by itself, within this turn.
    void look_at_input() {
        if (!is_awaited()) {
            stow();
        } else {
            if (find_for_receiver()) wake_receiver();
            if (inbox_.has_loose_ends()) loop_.request_flush(*this);
        }
        flush_output();
    }

    void flush() override {
        if (transport_ == nullptr) return;
        if (inbox_.has_loose_ends()) stow();  // else the receiver has taken it within the turn
        flush_output();
    }

    // When the queue is full the transport is paused; but the peer's answer to our Close has to come through.
    void stow() {
        inbox_.stow(endpoint_.close_sent().has_value(), [this](const event& found) { on_event(found); });
        if (is_awaited() && find_for_receiver()) wake_receiver();
        if (transport_ == nullptr || paused_ || !inbox_.is_full() || endpoint_.close_sent()) return;
        paused_ = true;
        transport_->pause_reading();
    }

    void after_taking() {
        is_quiet_ = false;
        if (paused_ && inbox_.is_low()) [[unlikely]] resume();
    }

    void resume() {
        paused_ = false;
        if (transport_ == nullptr) return;
        transport_->resume_reading();
        loop_.request_flush(*this);  // bytes wait that were received before
    }

    void on_event(const event& found) {
        if (found.kind != event_kind::pong) return;
        if (const auto took = pings_.answer(found.payload, loop_.time())) {
            latency_ = *took;
            keepalive_.answered();
        }
    }

    [[nodiscard]] bool find(wanted what) {
        return inbox_.find(what, [this](const event& found) { on_event(found); });
    }
    [[nodiscard]] bool is_awaited() const noexcept;
    [[nodiscard]] bool find_for_receiver();
    void wake_receiver() noexcept;

    // ---- keepalive ----

    void send_keepalive_ping() override {
        if (!is_open()) return keepalive_.stop();
        if (std::exchange(is_quiet_, true)) inbox_.release_memory();
        static_cast<void>(ping(new_ping_payload()));
    }
    void on_pong_overdue() override { give_up(close_code::internal_error, "keepalive ping timeout"); }

    // ---- the end ----

    void wait_for_end() {
        if (std::exchange(ending_, true)) return;
        keepalive_.stop();
        patience_ = loop_.call_later(close_timeout_, [this] {
            if (transport_ != nullptr) transport_->abort();
        });
        if (paused_) resume();
    }

    void note_addresses() {
        if (transport_ == nullptr) return;
        loop_.guarded(
            [this] {
                addresses_ = std::make_unique<addresses>(
                    addresses{address(extra_info::sockname), address(extra_info::peername)});
            },
            "exception at the end of a WebSocket");
    }

    event_loop& loop_;
    websocket::endpoint endpoint_;
    inbox inbox_;
    keepalive keepalive_;
    aioxx::transport* transport_ = nullptr;  // null when the connection is over
    arrival* receiver_ = nullptr;            // the task that waits for a message, or was woken and has not run yet
    std::unique_ptr<aioxx::event> fragmented_;
    pending_pings pings_;
    handle patience_;
    std::exception_ptr loss_;
    std::unique_ptr<addresses> addresses_;  // after the end
    duration latency_{};
    std::chrono::milliseconds close_timeout_;
    std::size_t write_limit_;
    std::uint32_t ping_count_ = 0;
    bool compresses_;        // agreed on
    bool sends_heads_;       // payloads leave as they are, so that they need no copy
    bool paused_ = false;    // as many messages as may wait: the transport is paused
    bool ending_ = false;    // the close timeout runs
    bool is_quiet_ = false;  // no message since the last keepalive ping
};

/// Waits until there is a message, or none will come any more. What was looked at before is done with.
///
/// It takes nothing, so that a cancellation loses nothing: base of the awaiters of all receiving operations.
class connection_state_machine::arrival : public waiter {
public:
    [[nodiscard]] bool await_ready() {
        if (is_refused()) [[unlikely]] return false;
        on_.inbox_.take_back();
        const bool ready = on_.find(what_) || on_.is_over();
        if (!on_.endpoint_.output().empty() || !on_.endpoint_.is_open()) [[unlikely]] on_.flush_output();
        return ready;
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        if (is_refused()) {
            throw busy_error(std::string(operation_) + ": another task is already receiving from this WebSocket");
        }
        on_.receiver_ = this;
        this->suspend(coroutine);
    }

protected:
    arrival(connection_state_machine& on, const char* operation, wanted what) noexcept
        : what_(what), on_(on), operation_(operation) {}
    ~arrival() { forget(); }

    /// The beginning of await_resume. Errors: cancelled_error; connection_closed when there is no message, unless the end
    /// was orderly and is a result.
    void arrive(bool end_is_result) {
        forget();
        this->throw_if_cancelled();
        if (on_.has_message(what_)) [[likely]] return;
        if (!end_is_result || !on_.ended_well()) on_.throw_closed();
    }

private:
    friend class connection_state_machine;

    // Only one task at a time, and none between the parts of a message.
    [[nodiscard]] bool is_refused() const noexcept {
        return on_.receiver_ != nullptr || (on_.is_streaming() && what_ != wanted::part);
    }
    void forget() noexcept {
        if (on_.receiver_ == this) on_.receiver_ = nullptr;
    }
    void cancel_wait() noexcept override {
        forget();
        this->wake_cancelled();
    }
    const char* waits_for() const noexcept override { return operation_; }

    wanted what_;  // first, where the base ends: this lies in the frames of all handlers
    connection_state_machine& on_;
    const char* operation_;
};

inline bool connection_state_machine::is_awaited() const noexcept {
    return receiver_ != nullptr && receiver_->is_waiting();
}

inline bool connection_state_machine::find_for_receiver() { return find(receiver_->what_); }

inline void connection_state_machine::wake_receiver() noexcept {
    if (is_awaited()) receiver_->wake();
}

}  // namespace detail

}  // namespace aioxx::websocket
