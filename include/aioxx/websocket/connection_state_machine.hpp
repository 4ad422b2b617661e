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
#include <aioxx/core/future_base.hpp>
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
#include <aioxx/websocket/opening_heads.hpp>
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
class connection_state_machine final : public buffered_protocol, private flush_node, private keepalive {
public:
    /// Parameters: `limits` can be those of many connections.
    connection_state_machine(event_loop& loop, role us, std::shared_ptr<const connection_limits> limits)
        : keepalive(loop),
          compresses_(limits->compression.has_value()),
          sends_heads_(us == role::server && !compresses_),
          endpoint_(us, {.max_size = limits->max_size, .compression = limits->compression}),
          inbox_(endpoint_, limits->max_queue, limits->max_queue_low.value_or(limits->max_queue / 4)),
          limits_(std::move(limits)) {}
    connection_state_machine(event_loop& loop, role us, const connection_limits& limits)
        : connection_state_machine(loop, us, std::make_shared<const connection_limits>(limits)) {}

    // ---- the transport's side ----

    void connection_made(aioxx::transport& made) override {
        transport_ = &made;
        made.set_write_buffer_limits({.high = limits_->write_limit, .low = std::nullopt});
        keepalive::start();
    }
    mutable_bytes_view get_buffer(std::size_t) override { return inbox_.lend(); }
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
        note_end(reason);
        transport_ = nullptr;
        keepalive::stop();
        inbox_.feed_eof();
        inbox_.stow_all([this](const event& found) { on_event(found); });
        gate_.lose(nullptr);
        wake_receiver();
        if (!seldom_) return;
        seldom_->patience.cancel();
        if (seldom_->fragmented) seldom_->fragmented->set();
        if (!seldom_->pings.empty()) seldom_->pings.fail(closed_exception());
    }
    void pause_writing() override { gate_.pause(); }
    void resume_writing() override { gate_.resume(); }

    // ---- the user's handles ----

    /// Behind the first. Parameters: `self` this; the rest what the opening handshake has brought.
    void belong_to_user(std::shared_ptr<connection_state_machine> self, std::string subprotocol,
                        const http_request& request, http_response response) {
        self_ = std::move(self);
        heads_ = packed_heads(request, std::move(response));
        if (!subprotocol.empty()) subprotocol_ = std::make_unique<const std::string>(std::move(subprotocol));
    }
    void add_reference() noexcept { ++handles_; }
    void drop_reference() noexcept {
        if (--handles_ != 0) return;
        go_away();
        const auto last = std::move(self_);
    }

    // ---- what is known ----

    /// Lifetime: as long as this.
    [[nodiscard]] const opening_heads& heads() {
        std::unique_ptr<const opening_heads>& kept = seldom().heads;
        if (!kept) kept = std::make_unique<const opening_heads>(heads_.unpack());
        return *kept;
    }
    [[nodiscard]] const std::string& subprotocol() const noexcept {
        static const std::string none;
        return subprotocol_ ? *subprotocol_ : none;
    }

    [[nodiscard]] drain_gate& gate() noexcept { return gate_; }
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
        if (!seldom_ || !seldom_->addresses) return {};
        return &which == &extra_info::sockname ? seldom_->addresses->local : seldom_->addresses->remote;
    }

    // ---- receiving ----

    class arrival;

    /// Looks for a message, when nobody else does. What was looked at before is done with. Returns: false when there is
    /// none yet; else await_resume goes on at once.
    [[nodiscard]] bool look_for(wanted what) {
        return inbox_.shows_run() || look_further(what);
    }
    /// Errors: connection_closed when there is no message, unless the end was orderly and is a result.
    void require_message(wanted what, bool end_is_result) const {
        if (!inbox_.has_run()) [[unlikely]] require_found(what, end_is_result);
    }
    /// Whether look_for() has found one.
    [[nodiscard]] bool has_message(wanted what = wanted::message) const noexcept { return inbox_.has_found(what); }
    /// Requires, as the next two: has_message().
    [[nodiscard]] message_view peek_message() noexcept { return inbox_.peek(); }
    [[nodiscard]] message take_message() {
        message oldest = inbox_.take();
        after_taking();
        return oldest;
    }
    [[nodiscard]] message_view look_at_message() {
        if (inbox_.shows_run()) [[likely]] return inbox_.look_at_next();
        return look_anew();
    }

    [[nodiscard]] std::span<const message_view> look_at_batch() {
        const auto batch = inbox_.look_at_batch();
        after_taking();
        return batch;
    }

    /// Whether parts of a message were looked at, and there are others.
    [[nodiscard]] bool is_streaming() const noexcept { return inbox_.is_streaming(); }
    void end_stream() { inbox_.end_stream(); }

    // ---- sending ----

    /// A message in several frames is on its way; others have to wait for its end.
    [[nodiscard]] aioxx::event* fragmented() const noexcept { return seldom_ ? seldom_->fragmented.get() : nullptr; }
    void begin_fragmented() { seldom().fragmented = std::make_unique<aioxx::event>(); }
    void end_fragmented() noexcept {
        std::exchange(seldom_->fragmented, nullptr)->set();
        forget_seldom();
    }

    /// Errors: connection_closed.
    void require_open() const {
        if (!is_open()) [[unlikely]] throw_closed();
    }

    /// Sends a frame of a message. Requires: is_open(). Errors: as of the endpoint.
    void put(opcode code, bytes_view data, bool fin, std::optional<bool> compress) {
        is_quiet_ = false;
        bytearray& output = endpoint_.output();
        if (sends_heads_) {
            const frame_head head = endpoint_.send_head(code, data, fin);
            if (!output.empty()) [[unlikely]] flush_output();
            if (std::byte* const room = inbox_.room_before(data, head.size)) {
                std::memcpy(room, head.bytes.data(), head.size);
                return transport_->write(bytes_view(room, head.size + data.size()));
            }
            const std::array<bytes_view, 2> frame{head.view(), data};
            return transport_->writelines(std::span<const bytes_view>(frame));
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
        future<duration> answered = seldom().pings.add(loop(), payload);
        flush_output();
        return answered;
    }
    [[nodiscard]] bool is_pinging(bytes_view payload) const noexcept {
        return seldom_ && seldom_->pings.contains(payload);
    }

    /// A payload that no ping on its way has.
    [[nodiscard]] std::string new_ping_payload() {
        std::uint32_t number = 0;
        std::string payload(sizeof number, '\0');
        do {
            number = ++ping_count_;
            std::memcpy(payload.data(), &number, sizeof number);
        } while (is_pinging(payload));
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
        loop().guarded([this] { give_up(close_code::internal_error, "error in fragmented message"); },
                      "exception in the end of a WebSocket");
    }

    /// The last user's handle is gone, or the server goes down.
    void go_away() noexcept {
        if (!is_open()) return;
        loop().guarded(
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
        if (seldom_ && seldom_->loss) cause = describe(seldom_->loss);
        try {
            throw_connection_closed(endpoint_.close_received(), endpoint_.close_sent(), endpoint_.peer_closed_first(),
                                    cause);
        } catch (const connection_closed&) {
            return std::current_exception();
        }
    }

private:
    // What a connection seldom needs, in memory of its own: many are idle.
    struct occasions {
        struct address_pair {
            aioxx::endpoint local;
            aioxx::endpoint remote;
        };

        std::unique_ptr<aioxx::event> fragmented;    // set at the end of a message in several frames
        pending_pings pings;
        handle patience;                             // with the closing handshake
        std::unique_ptr<const opening_heads> heads;  // once somebody has asked for them
        std::exception_ptr loss;                     // these two: after the end
        std::unique_ptr<address_pair> addresses;
    };
    occasions& seldom() {
        if (!seldom_) seldom_ = std::make_unique<occasions>();
        return *seldom_;
    }
    void forget_seldom() noexcept {
        if (ending_ || transport_ == nullptr) return;  // from then on it is needed
        if (!seldom_->fragmented && seldom_->pings.empty() && !seldom_->heads) seldom_.reset();
    }

    // ---- input ----

    // A receiver that waits takes its messages from the input by itself, within this turn.
    // What nobody waits for is left alone until the end of the turn, so that the task which opened the connection can answer
    // a message before a fault behind it is found. Not what comes after it in the same turn: that might be much.
    void look_at_input() {
        if (is_awaited()) {
            if (find_for_receiver()) wake_receiver();
        } else if (flush_node::is_linked()) {
            stow();
        }
        if (inbox_.has_loose_ends()) loop().request_flush(*this);
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

    // Only one task at a time, and none between the parts of a message.
    [[nodiscard]] bool may_receive(wanted what) const noexcept {
        return receiver_ == nullptr && (!is_streaming() || what == wanted::part);
    }

    AIOXX_NOINLINE bool look_further(wanted what) {
        if (!may_receive(what)) return false;
        if (inbox_.has_run()) return true;
        inbox_.take_back();
        const bool ready = find(what) || is_over();
        if (!endpoint_.output().empty() || !endpoint_.is_open()) [[unlikely]] flush_output();
        return ready;
    }
    AIOXX_NOINLINE void require_found(wanted what, bool end_is_result) const {
        if (!has_message(what) && !(end_is_result && ended_well())) throw_closed();
    }
    AIOXX_NOINLINE message_view look_anew() {
        const message_view oldest = inbox_.look();
        after_taking();
        return oldest;
    }

    // A message of a run is not from the queue, which is empty then.
    void after_taking() {
        if (paused_ && inbox_.is_low()) [[unlikely]] resume();
    }

    void resume() {
        paused_ = false;
        if (transport_ == nullptr) return;
        transport_->resume_reading();
        loop().request_flush(*this);  // bytes wait that were received before
    }

    void on_event(const event& found) {
        if (found.kind != event_kind::pong || !seldom_) return;
        if (const auto took = seldom_->pings.answer(found.payload, loop().time())) {
            latency_ = *took;
            keepalive::answered();
            forget_seldom();
        }
    }

    [[nodiscard]] bool find(wanted what) {
        if (!inbox_.find(what, [this](const event& found) { on_event(found); })) return false;
        is_quiet_ = false;
        return true;
    }
    [[nodiscard]] bool is_awaited() const noexcept;
    [[nodiscard]] bool find_for_receiver();
    void wake_receiver() noexcept;

    // ---- keepalive ----

    [[nodiscard]] keepalive_times times() const noexcept override {
        return {limits_->ping_interval, limits_->ping_timeout};
    }
    void send_keepalive_ping() override {
        if (!is_open()) return keepalive::stop();
        if (std::exchange(is_quiet_, true)) inbox_.release_memory();
        static_cast<void>(ping(new_ping_payload()));
    }
    void on_pong_overdue() override { give_up(close_code::internal_error, "keepalive ping timeout"); }

    // ---- the end ----

    void wait_for_end() {
        if (std::exchange(ending_, true)) return;
        keepalive::stop();
        seldom().patience = loop().call_later(limits_->close_timeout, [this] {
            if (transport_ != nullptr) transport_->abort();
        });
        if (paused_) resume();
    }

    void note_end(const std::exception_ptr& reason) {
        loop().guarded(
            [&] {
                seldom().loss = reason;
                if (transport_ == nullptr) return;
                seldom_->addresses = std::make_unique<occasions::address_pair>(
                    occasions::address_pair{address(extra_info::sockname), address(extra_info::peername)});
            },
            "exception at the end of a WebSocket");
    }

    // What every message needs comes first.
    bool compresses_;        // agreed on
    bool sends_heads_;       // payloads leave as they are, so that they need no copy
    bool paused_ = false;    // as many messages as may wait: the transport is paused
    bool ending_ = false;    // the close timeout runs
    bool is_quiet_ = false;  // no message since the last keepalive ping
    std::uint32_t handles_ = 0;
    std::uint32_t ping_count_ = 0;
    aioxx::transport* transport_ = nullptr;  // null when the connection is over
    arrival* receiver_ = nullptr;            // the task that waits for a message, or was woken and has not run yet
    std::unique_ptr<occasions> seldom_;
    drain_gate gate_;
    websocket::endpoint endpoint_;
    inbox inbox_;
    duration latency_{};
    std::shared_ptr<const connection_limits> limits_;
    std::shared_ptr<connection_state_machine> self_;  // while there are handles
    packed_heads heads_;
    std::unique_ptr<const std::string> subprotocol_;  // null for none
};

/// A task that waits until there is a message, or none will come any more.
///
/// It takes nothing, so that a cancellation loses nothing: base of what waits in all receiving operations.
class connection_state_machine::arrival : public waiter {
public:
    /// Errors: busy_error.
    template <class Promise>
    void start(std::coroutine_handle<Promise> coroutine) {
        if (!on_->may_receive(what_)) {
            throw busy_error(std::string(waits_for()) + ": another task is already receiving from this WebSocket");
        }
        on_->receiver_ = this;
        this->suspend(coroutine);
    }
    /// The wait is over. Errors: cancelled_error.
    void finish() {
        forget();
        this->throw_if_cancelled();
    }

protected:
    arrival(connection_state_machine& on, wanted what) noexcept : what_(what), on_(&on) {}
    ~arrival() { forget(); }

private:
    friend class connection_state_machine;

    void forget() noexcept {
        if (on_->receiver_ == this) on_->receiver_ = nullptr;
    }
    void cancel_wait() noexcept override {
        forget();
        this->wake_cancelled();
    }

    wanted what_;  // first, where the base ends: this lies in the frames of all handlers
    state_ptr<connection_state_machine> on_;
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
