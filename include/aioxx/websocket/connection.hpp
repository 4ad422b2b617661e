// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/connection.hpp: an open WebSocket connection as coroutines: send, receive, ping, close.
// It is a protocol on a transport, with the flow control of both directions: a task that sends waits while the
// transport is full, and the transport is paused while received messages wait for a task. What the bytes mean is
// decided in proto/endpoint.hpp.

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/streams/drain_gate.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/keepalive.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/endpoint.hpp>

namespace aioxx::websocket {

/// A received message.
struct message {
    bool is_text = false;
    bytearray data;  ///< valid UTF-8 when is_text

    [[nodiscard]] std::string_view str() const noexcept { return data.str(); }
};

/// What a connection needs of its options, whichever side it is.
struct connection_limits {
    optional_time ping_interval = defaults::ping_interval;
    optional_time ping_timeout = defaults::ping_timeout;
    std::chrono::milliseconds close_timeout = defaults::close_timeout;
    std::uint64_t max_size = defaults::max_size;
    std::size_t max_queue = defaults::max_queue;
    std::size_t write_limit = defaults::write_limit;
};

namespace detail {

/// The protocol of an open connection. Shared by the transport and the user's handle.
class connection_state_machine final : public aioxx::protocol {
public:
    connection_state_machine(event_loop& loop, role us, const connection_limits& limits)
        : loop_(loop),
          endpoint_(us, {.max_size = limits.max_size}),
          limits_(limits),
          keepalive_(
              loop, limits.ping_interval, limits.ping_timeout, [this] { send_keepalive(); },
              [this] { give_up(close_code::internal_error, "keepalive ping timeout"); }) {}

    // ---- the transport's side ----

    void connection_made(aioxx::transport& made) override {
        transport_ = &made;
        made.set_write_buffer_limits({.high = limits_.write_limit, .low = std::nullopt});
        keepalive_.start();
    }
    void data_received(bytes_view data) override {
        endpoint_.feed(data);
        work();
        endpoint_.retain_input();
    }
    bool eof_received() override { return false; }
    void connection_lost(std::exception_ptr reason) override {
        transport_ = nullptr;
        loss_ = std::move(reason);
        keepalive_.stop();
        patience_.cancel();
        endpoint_.feed_eof();
        collect_events();
        gate.lose(nullptr);
        arrived.set();
        pings_.fail(closed_exception());
    }
    void pause_writing() override { gate.pause(); }
    void resume_writing() override { gate.resume(); }

    // ---- the user's side ----

    aioxx::event arrived;  // a message is there, or none will come any more
    drain_gate gate;
    bool receiving = false;  // a task waits in receive

    [[nodiscard]] websocket::endpoint& endpoint() noexcept { return endpoint_; }
    [[nodiscard]] aioxx::transport* transport() const noexcept { return transport_; }
    [[nodiscard]] bool is_over() const noexcept { return transport_ == nullptr; }
    [[nodiscard]] duration latency() const noexcept { return latency_; }

    /// The oldest message, or nothing. Lets more come in.
    std::optional<message> take() {
        if (queue_.empty()) return std::nullopt;
        message oldest = std::move(queue_.front());
        queue_.pop_front();
        if (std::exchange(full_, false)) work();
        if (queue_.empty() && !is_over()) arrived.clear();
        return oldest;
    }

    /// Writes what the endpoint has put out, and ends the transport when it is time.
    void flush() {
        if (transport_ != nullptr && endpoint_.close_expected()) wait_for_end();
        bytearray& output = endpoint_.output();
        if (!output.empty() && transport_ != nullptr) transport_->write(output.view());
        output.clear();
        // Only our half: bytes that the peer still sends would make a full close a reset, and destroy our Close frame.
        const bool our_turn = transport_ != nullptr && endpoint_.should_close_transport();
        if (our_turn && transport_->can_write_eof()) transport_->write_eof();
    }

    future<duration> ping(bytes_view payload) {
        endpoint_.send_ping(payload);
        future<duration> answered = pings_.add(loop_, payload);
        flush();
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

    /// Fails the connection from our side.
    void give_up(close_code code, std::string_view reason) {
        endpoint_.fail(code, reason);
        flush();
        if (transport_ != nullptr) transport_->close();
    }

    /// The last user's handle is gone.
    void go_away() noexcept {
        if (!endpoint_.is_open() || transport_ == nullptr) return;
        loop_.guarded(
            [this] {
                endpoint_.send_close(close_code::going_away);
                flush();
            },
            "exception in the close of a WebSocket");
    }

    [[noreturn]] void throw_closed() const { std::rethrow_exception(closed_exception()); }
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
    void work() {
        collect_events();
        flush();
    }

    void collect_events() {
        while (!full_) {
            const std::optional<websocket::event> found = endpoint_.next_event();
            if (!found) break;
            handle_event(*found);
        }
        if (transport_ == nullptr) return;
        if (full_) {
            transport_->pause_reading();
        } else {
            transport_->resume_reading();
        }
    }

    void handle_event(const websocket::event& found) {
        switch (found.kind) {
            case event_kind::text:
            case event_kind::binary:
                if (is_queue_full() && endpoint_.close_sent()) break;  // the peer's Close has to come through
                queue_.push_back({found.kind == event_kind::text, endpoint_.take_payload(found.payload)});
                full_ = is_queue_full() && !endpoint_.close_sent() && transport_ != nullptr;
                arrived.set();
                break;
            case event_kind::pong:
                if (const auto took = pings_.answer(found.payload, loop_.time())) {
                    latency_ = *took;
                    keepalive_.answered();
                }
                break;
            case event_kind::ping:
            case event_kind::close:
            case event_kind::fault:
                break;
        }
    }

    [[nodiscard]] bool is_queue_full() const noexcept {
        return limits_.max_queue != 0 && queue_.size() >= limits_.max_queue;
    }

    void send_keepalive() {
        if (!endpoint_.is_open()) return keepalive_.stop();
        static_cast<void>(ping(new_ping_payload()));
    }

    void wait_for_end() {
        if (std::exchange(ending_, true)) return;
        keepalive_.stop();
        patience_ = loop_.call_later(limits_.close_timeout, [this] {
            if (transport_ != nullptr) transport_->abort();
        });
        if (std::exchange(full_, false)) collect_events();
    }

    event_loop& loop_;
    websocket::endpoint endpoint_;
    connection_limits limits_;
    aioxx::transport* transport_ = nullptr;  // null when the connection is over
    std::deque<message> queue_;
    bool full_ = false;    // as many messages as may wait: the transport is paused
    bool ending_ = false;  // the close timeout runs
    pending_pings pings_;
    keepalive keepalive_;
    handle patience_;
    duration latency_{};
    std::uint32_t ping_count_ = 0;
    std::exception_ptr loss_;
};

// Held by the user's handles: without them the connection has no purpose.
class connection_owner : pinned {
public:
    explicit connection_owner(std::shared_ptr<connection_state_machine> state) : state_(std::move(state)) {}
    ~connection_owner() { state_->go_away(); }
    [[nodiscard]] connection_state_machine& state() const noexcept { return *state_; }

private:
    std::shared_ptr<connection_state_machine> state_;
};

}  // namespace detail

/// An open WebSocket connection. Copies refer to the same one; it is closed with 1001 when the last is gone.
///
/// Concurrency: one loop. Any number of tasks may send, messages stay whole; one may receive.
class connection {
public:
    connection(std::shared_ptr<detail::connection_state_machine> state, std::string subprotocol, http_request request,
               http_response response)
        : owner_(std::make_shared<detail::connection_owner>(std::move(state))),
          opening_(std::make_shared<const opening>(
              opening{std::move(subprotocol), std::move(request), std::move(response)})) {}

    // ---- receiving ----

    /// Waits for the next message. Messages that arrived before the end come before its exception.
    ///
    /// Errors: connection_closed_ok after an orderly end, connection_closed_error after any other; busy_error when
    /// another task is receiving. Cancellation: safe, no message is lost.
    [[nodiscard]] coro<message> receive() const {
        std::optional<message> next = co_await receive_any(owner_);
        if (!next) state().throw_closed();
        co_return std::move(*next);
    }

    /// As receive, but nothing after an orderly end: `while (auto message = co_await connection.next())`.
    /// Cancellation: safe, no message is lost.
    [[nodiscard]] coro<std::optional<message>> next() const {
        std::optional<message> found = co_await receive_any(owner_);
        const bool orderly = is_closed_ok(state().endpoint().close_received(), state().endpoint().close_sent());
        if (!found && !orderly) state().throw_closed();
        co_return found;
    }

    // ---- sending ----

    /// Sends a text message and waits until the connection takes more.
    ///
    /// Errors: connection_closed; std::invalid_argument when the text is not UTF-8.
    /// Lifetime: `text` is borrowed until it returns. Cancellation: partial: the message is on its way as a whole.
    [[nodiscard]] coro<> send_text(std::string_view text) const {
        return send(owner_, bytes_view(text), [](endpoint& to, bytes_view data) { to.send_text(data); });
    }

    /// Sends a binary message. As send_text.
    /// Cancellation: partial: the message is on its way as a whole.
    [[nodiscard]] coro<> send_binary(bytes_view data) const {
        return send(owner_, data, [](endpoint& to, bytes_view bytes) { to.send_binary(bytes); });
    }

    /// Sends one message in fragments, one frame for each, which nothing else can come between.
    ///
    /// Errors and cancellation as send_text; std::invalid_argument without any fragment.
    [[nodiscard]] coro<> send_fragments(bool is_text, std::vector<bytes_view> fragments) const;

    // ---- control ----

    /// Pings the peer and waits for its pong. Returns: how long that took.
    ///
    /// Parameters: `payload` at most 125 bytes; chosen when empty.
    /// Errors: connection_closed; std::invalid_argument for a payload that is too long, or the same as one on its way.
    /// Cancellation: safe; the ping has been sent.
    [[nodiscard]] coro<duration> ping(std::string payload = {}) const;

    /// Sends a pong that nobody asked for (RFC 6455 5.5.3). Errors: connection_closed; std::invalid_argument.
    void pong(bytes_view payload = {}) const {
        if (!state().endpoint().is_open()) state().throw_closed();
        state().endpoint().send_pong(payload);
        state().flush();
    }

    /// Ends the connection in order, and waits until it is over; bounded by the close timeout. Idempotent.
    ///
    /// Parameters: `reason` at most 123 bytes of UTF-8. Errors: std::invalid_argument for a code that may not be sent.
    /// Messages that still arrive can be received afterwards, as many as the queue holds; the others are dropped.
    /// Cancellation: partial: the closing goes on by itself.
    [[nodiscard]] coro<> close(close_code code = close_code::normal_closure, std::string reason = {}) const {
        return close(owner_, code, std::move(reason));
    }

    /// Waits until the connection is over, whoever ends it. Cancellation: safe.
    [[nodiscard]] coro<> wait_closed() const { return wait_closed(owner_); }

    // ---- facts ----

    [[nodiscard]] bool is_open() const noexcept { return state().endpoint().is_open() && !state().is_over(); }
    /// The peer's close code; nothing while it is open, 1006 when the peer vanished.
    [[nodiscard]] std::optional<websocket::close_code> close_code() const noexcept {
        if (const auto& received = state().endpoint().close_received()) return received->code;
        if (state().is_over()) return close_code::abnormal_closure;
        return std::nullopt;
    }
    [[nodiscard]] std::string close_reason() const {
        const auto& received = state().endpoint().close_received();
        return received ? received->reason : std::string();
    }
    [[nodiscard]] const std::string& subprotocol() const noexcept { return opening_->subprotocol; }
    [[nodiscard]] const http_request& request() const noexcept { return opening_->request; }
    [[nodiscard]] const http_response& response() const noexcept { return opening_->response; }
    /// The time that the latest pong took.
    [[nodiscard]] duration latency() const noexcept { return state().latency(); }
    /// The transport below, for get_extra_info; null when the connection is over.
    [[nodiscard]] aioxx::transport* transport() const noexcept { return state().transport(); }

private:
    using close_code_type = websocket::close_code;
    using owner_ptr = std::shared_ptr<detail::connection_owner>;

    struct opening {
        std::string subprotocol;
        http_request request;
        http_response response;
    };

    [[nodiscard]] detail::connection_state_machine& state() const noexcept { return owner_->state(); }

    static coro<std::optional<message>> receive_any(owner_ptr owner) {
        auto& state = owner->state();
        if (auto waiting = state.take()) co_return waiting;
        if (std::exchange(state.receiving, true)) {
            throw busy_error("receive: another task is already receiving from this WebSocket");
        }
        const scope_exit done([&state] { state.receiving = false; });
        while (!state.is_over()) {
            co_await state.arrived.wait();
            if (auto arrived = state.take()) co_return arrived;
        }
        co_return std::nullopt;
    }

    template <class Put>
    static coro<> send(owner_ptr owner, bytes_view data, Put put) {
        auto& state = owner->state();
        if (!state.endpoint().is_open() || state.is_over()) state.throw_closed();
        put(state.endpoint(), data);
        state.flush();
        co_await drained(state, data.size());
    }

    static coro<> drained(detail::connection_state_machine& state, std::size_t written) {
        try {
            co_await state.gate.drain(written);
        } catch (const broken_error&) {
            state.throw_closed();
        }
    }

    static coro<> close(owner_ptr owner, close_code_type code, std::string reason) {
        auto& state = owner->state();
        if (state.endpoint().is_open() && !state.is_over()) {
            state.endpoint().send_close(code, reason);
            state.flush();
        }
        co_await state.gate.wait_closed();
    }
    static coro<> wait_closed(owner_ptr owner) { co_await owner->state().gate.wait_closed(); }

    owner_ptr owner_;
    std::shared_ptr<const opening> opening_;
};

// ---- definitions ----

inline coro<> connection::send_fragments(bool is_text, std::vector<bytes_view> fragments) const {
    if (fragments.empty()) throw std::invalid_argument("send_fragments: at least one fragment was expected, got none");
    return send(owner_, {}, [is_text, pieces = std::move(fragments)](endpoint& to, bytes_view) {
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const bool last = i + 1 == pieces.size();
            if (i != 0) {
                to.send_continuation(pieces[i], last);
            } else if (is_text) {
                to.send_text(pieces[i], last);
            } else {
                to.send_binary(pieces[i], last);
            }
        }
    });
}

inline coro<duration> connection::ping(std::string payload) const {
    return [](owner_ptr owner, std::string data) -> coro<duration> {
        auto& state = owner->state();
        if (!state.endpoint().is_open() || state.is_over()) state.throw_closed();
        if (data.empty()) data = state.new_ping_payload();
        if (state.is_pinging(data)) throw std::invalid_argument("ping: a ping with this payload is already on its way");
        const future<duration> answered = state.ping(data);
        co_return co_await answered;
    }(owner_, std::move(payload));
}

}  // namespace aioxx::websocket
