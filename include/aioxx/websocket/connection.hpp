// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/connection.hpp: an open WebSocket connection as coroutines: send, receive, ping, close.
// A handle over the protocol of websocket/connection_state_machine.hpp. Names follow Python's websockets:
//     while (auto message = co_await connection.next()) co_await connection.send(*message);

#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/websocket/connection_state_machine.hpp>
#include <aioxx/websocket/message.hpp>
#include <aioxx/websocket/opening_heads.hpp>
#include <aioxx/websocket/proto/endpoint.hpp>
#include <aioxx/websocket/receiving.hpp>
#include <aioxx/websocket/sending.hpp>

namespace aioxx::websocket {

namespace detail {
class serving;
}

/// An open WebSocket connection. Copies refer to the same one; it is closed with 1001 when the last is gone.
///
/// Concurrency: one loop. Any number of tasks may send, messages stay whole; one may receive.
/// Lifetime: a receiving operation is awaited while there is a handle; a task that waits in one counts as a handle.
class connection {
public:
    connection(std::shared_ptr<detail::connection_state_machine> state, std::string subprotocol,
               const http_request& request, http_response response)
        : machine_(state.get()) {
        machine().belong_to_user(std::move(state), std::move(subprotocol), request, std::move(response));
    }

    // ---- receiving ----

    /// Waits for the next message. Messages that arrived before the end come before its exception.
    ///
    /// Errors: connection_closed_ok after an orderly end, connection_closed_error after any other; busy_error when
    /// another task is receiving. Cancellation: safe, no message is lost.
    [[nodiscard]] auto recv() const { return receive(detail::take_for_recv()); }
    /// The same.
    [[nodiscard]] auto receive() const { return receive(detail::take_message()); }

    /// As receive, but nothing after an orderly end: `while (auto message = co_await connection.next())`.
    /// Cancellation: safe, no message is lost.
    [[nodiscard]] auto next() const { return receive(detail::take_message_or_end()); }

    /// As receive, without copying the message out of where it was received.
    ///
    /// Lifetime: the bytes are valid until the next receiving operation begins, and as long as a handle of the
    /// connection exists. Errors, Cancellation: as receive.
    [[nodiscard]] auto receive_view() const { return receive(detail::look_at_message()); }

    /// The messages that are there, one at least and 16 at most, as receive_view shows them: for feeds of many small ones.
    ///
    /// Returns: std::span<const message_view>. Lifetime, Errors, Cancellation: as receive_view, the span itself included.
    /// Example:
    ///     for (;;) {
    ///         const auto batch = co_await connection.receive_batch();
    ///         for (const websocket::message_view& each : batch) handle(each.data);
    ///     }
    [[nodiscard]] auto receive_batch() const { return receive(detail::look_at_batch()); }

    /// The text of the next message.
    ///
    /// Errors: as receive; wrong_message_kind when the next message is binary, which is not lost: receive gives it.
    /// Cancellation: safe, no message is lost.
    [[nodiscard]] auto receive_text() const { return receive(detail::take_text()); }

    /// The bytes of the next message. As receive_text.
    /// Cancellation: safe, no message is lost.
    [[nodiscard]] auto receive_bytes() const { return receive(detail::take_bytes()); }

    /// The next message, which is text, as a value.
    ///
    /// Parameters: `from_text` makes the value of a std::string_view: a JSON parser.
    /// Errors: as receive_text; what `from_text` throws, the message is taken then.
    /// Cancellation: safe, no message is lost.
    /// Example:
    ///     const auto value = co_await connection.receive_json([](auto text) { return nlohmann::json::parse(text); });
    template <class FromText>
    [[nodiscard]] auto receive_json(FromText from_text) const {
        return receive(detail::take_value<FromText>(std::move(from_text)));
    }

    /// All messages until an orderly end.
    ///
    /// Errors: connection_closed_error after any other end; busy_error. Cancellation: safe, no message is lost.
    /// Example:
    ///     auto messages = connection.messages();
    ///     while (auto message = co_await messages.next()) std::cout << message->str() << '\n';
    [[nodiscard]] async_generator<message> messages() const { return messages(*this); }

    /// The next message in parts, as they arrive: for messages that are too large to wait for, or to hold.
    ///
    /// The parts are cut where the network cuts them; one of a text may end inside a character. All of them together are
    /// bounded by max_size. Parts that nobody asks for are collected.
    /// Lifetime: a part is valid until the next one is asked for.
    /// Errors: as receive; also in the middle of the message. Until its last part was given, or the generator is gone, no
    /// other task can receive.
    /// Cancellation: partial: the generator ends; when it has given a part, the rest of the message is dropped.
    /// Example:
    ///     auto parts = connection.receive_streaming();
    ///     while (const auto part = co_await parts.next()) file.write(part->data);
    [[nodiscard]] async_generator<message_view> receive_streaming() const { return receive_streaming(*this); }

    // ---- sending ----

    /// Sends a message and waits until the connection takes more: a string as text, bytes as binary.
    ///
    /// While another task sends a message in fragments it waits for the end of that.
    /// Parameters: `compress` whether to compress, where that was agreed on; usually all but the shortest are.
    /// Errors: connection_closed; std::invalid_argument when a string is not UTF-8.
    /// Lifetime: `content` is borrowed until it returns.
    /// Cancellation: partial: nothing is sent when it had to wait for another message, otherwise the whole message is on
    /// its way. The connection stays as it is.
    template <message_content Content>
    [[nodiscard]] coro<> send(const Content& content, std::optional<bool> compress = std::nullopt) const {
        return detail::send_whole(machine_, detail::opcode_for<const Content&>, bytes_view(content), compress);
    }
    /// Sends a message on, in its kind.
    ///
    /// Errors, Lifetime, Cancellation: as above.
    [[nodiscard]] coro<> send(const message& content, std::optional<bool> compress = std::nullopt) const {
        return detail::send_whole(machine_, content.is_text ? opcode::text : opcode::binary, content.data, compress);
    }
    /// The same. Errors, Lifetime, Cancellation: as above.
    [[nodiscard]] coro<> send(const message_view& content, std::optional<bool> compress = std::nullopt) const {
        return detail::send_whole(machine_, content.is_text ? opcode::text : opcode::binary, content.data, compress);
    }

    /// Sends one message in fragments, a frame for each; no other message comes between them. No fragment, no message.
    ///
    /// The kind of the message is that of its fragments. After each the sender waits until the connection takes more.
    /// Errors: as above; what walking the range throws.
    /// Lifetime: a range that is an lvalue, and what its items refer to, are borrowed until it returns.
    /// Cancellation: partial: once a fragment went out the message cannot be completed, and the connection is failed with
    /// 1011, as after an error.
    template <fragment_range Fragments>
    [[nodiscard]] coro<> send(Fragments&& fragments, std::optional<bool> compress = std::nullopt) const {
        constexpr opcode kind = detail::opcode_for<std::ranges::range_reference_t<Fragments>>;
        return detail::send_range(machine_, kind, std::views::all(std::forward<Fragments>(fragments)), compress);
    }
    /// As above, for fragments of whatever type: a text whose pieces are bytes, for example.
    ///
    /// Errors, Lifetime, Cancellation: as above.
    template <fragment_range Fragments>
    [[nodiscard]] coro<> send_fragments(bool is_text, Fragments&& fragments,
                                        std::optional<bool> compress = std::nullopt) const {
        return detail::send_range(machine_, is_text ? opcode::text : opcode::binary,
                                  std::views::all(std::forward<Fragments>(fragments)), compress);
    }
    /// As above, for fragments that are made while the message is sent.
    ///
    /// Errors: as above; what the generator throws. Cancellation: as above.
    template <message_content Fragment>
    [[nodiscard]] coro<> send(async_generator<Fragment> fragments,
                              std::optional<bool> compress = std::nullopt) const {
        return detail::send_generated(machine_, detail::opcode_for<Fragment>, std::move(fragments), compress);
    }

    /// Sends a text message, in whatever type the text is.
    ///
    /// Errors, Lifetime, Cancellation: as send.
    [[nodiscard]] coro<> send_text(bytes_view text, std::optional<bool> compress = std::nullopt) const {
        return detail::send_whole(machine_, opcode::text, text, compress);
    }

    /// Sends a binary message, in whatever type the bytes are.
    ///
    /// Errors, Lifetime, Cancellation: as send.
    [[nodiscard]] coro<> send_binary(bytes_view data, std::optional<bool> compress = std::nullopt) const {
        return detail::send_whole(machine_, opcode::binary, data, compress);
    }

    /// Sends a value as text.
    ///
    /// Parameters: `to_text` makes a string of the value, at once.
    /// Errors: as send; what `to_text` throws. Cancellation: as send.
    /// Example:
    ///     co_await connection.send_json(value, [](const nlohmann::json& json) { return json.dump(); });
    template <class Value, class ToText>
    [[nodiscard]] coro<> send_json(const Value& value, ToText&& to_text,
                                   std::optional<bool> compress = std::nullopt) const {
        std::string text(std::invoke(std::forward<ToText>(to_text), value));
        return detail::send_owned(machine_, opcode::text, std::move(text), compress);
    }

    // ---- control ----

    /// Pings the peer and waits for its pong. Returns: how long that took.
    ///
    /// Parameters: `payload` at most 125 bytes; chosen when empty.
    /// Errors: connection_closed; std::invalid_argument for a payload that is too long, or the same as one on its way.
    /// Cancellation: safe; the ping has been sent.
    [[nodiscard]] coro<duration> ping(std::string payload = {}) const { return ping(*this, std::move(payload)); }

    /// Sends a pong that nobody asked for (RFC 6455 5.5.3). Errors: connection_closed; std::invalid_argument.
    void pong(bytes_view payload = {}) const {
        machine().require_open();
        machine().endpoint().send_pong(payload);
        machine().flush_output();
    }

    /// Ends the connection in order, and waits until it is over; bounded by the close timeout. Idempotent.
    ///
    /// Parameters: `reason` at most 123 bytes of UTF-8. Errors: std::invalid_argument for a code that may not be sent.
    /// Messages that still arrive can be received afterwards, as many as the queue holds; the others are dropped.
    /// Cancellation: partial: the closing goes on by itself.
    /// Python: the close timeout is for the whole end; there it starts anew for each of its steps.
    [[nodiscard]] coro<> close(close_code code = close_code::normal_closure, std::string reason = {}) const {
        return close(*this, code, std::move(reason));
    }

    /// Waits until the connection is over, whoever ends it. Cancellation: safe.
    [[nodiscard]] coro<> wait_closed() const { return wait_closed(*this); }

    // ---- facts ----

    [[nodiscard]] connection_state state() const noexcept {
        return machine().is_over() ? connection_state::closed : machine().endpoint().state();
    }
    /// Whether messages can be sent.
    [[nodiscard]] bool is_open() const noexcept { return machine().is_open(); }
    /// The peer's close code; nothing while it is open, 1006 when the peer vanished.
    [[nodiscard]] std::optional<websocket::close_code> close_code() const noexcept {
        if (const auto& received = machine().endpoint().close_received()) return received->code;
        if (machine().is_over()) return close_code::abnormal_closure;
        return std::nullopt;
    }
    [[nodiscard]] std::string close_reason() const {
        const auto& received = machine().endpoint().close_received();
        return received ? received->reason : std::string();
    }
    /// What was agreed on; empty for none.
    [[nodiscard]] const std::string& subprotocol() const noexcept { return machine().subprotocol(); }
    /// Whether messages may be compressed: both ends agreed on permessage-deflate.
    [[nodiscard]] bool is_compressed() const noexcept { return machine().compresses(); }
    /// The heads of the opening handshake. Lifetime: as long as a handle of the connection exists.
    [[nodiscard]] const http_request& request() const { return machine().heads().request; }
    [[nodiscard]] const http_response& response() const { return machine().heads().response; }
    /// The addresses of the two ends, also after the end; none where the transport has none.
    [[nodiscard]] aioxx::endpoint local_address() const { return machine().address(extra_info::sockname); }
    [[nodiscard]] aioxx::endpoint remote_address() const { return machine().address(extra_info::peername); }
    /// The time that the latest pong took; zero before the first.
    [[nodiscard]] duration latency() const noexcept { return machine().latency(); }
    /// The transport below, for get_extra_info; null when the connection is over.
    [[nodiscard]] aioxx::transport* transport() const noexcept { return machine().transport(); }

    /// Whether both refer to the same connection.
    friend bool operator==(const connection& a, const connection& b) noexcept {
        return a.machine_.get() == b.machine_.get();
    }

private:
    friend class detail::serving;
    using close_code_type = websocket::close_code;

    [[nodiscard]] detail::connection_state_machine& machine() const noexcept { return *machine_; }

    // The operations hold a handle each, so that the connection stays while they run.
    template <class Take>
    [[nodiscard]] detail::receive_awaiter<Take> receive(Take take) const {
        return detail::receive_awaiter<Take>(machine(), std::move(take));
    }
    static async_generator<message_view> receive_streaming(connection self) {
        auto& machine = self.machine();
        if (machine.is_streaming()) throw busy_error("receive_streaming: another task is receiving a message in parts");
        const scope_exit ended([&machine] { machine.end_stream(); });
        do {
            const message_view part = co_await self.receive(detail::look_at_part());
            co_yield part;
        } while (machine.is_streaming());
    }
    static async_generator<message> messages(connection self) {
        for (;;) {
            std::optional<message> found = co_await self.next();
            if (!found) co_return;
            co_yield std::move(*found);
        }
    }

    static coro<duration> ping(connection self, std::string payload) {
        auto& machine = self.machine();
        machine.require_open();
        if (payload.empty()) payload = machine.new_ping_payload();
        if (machine.is_pinging(payload)) {
            throw std::invalid_argument("ping: a ping with this payload is already on its way");
        }
        const future<duration> answered = machine.ping(payload);
        co_return co_await answered;
    }
    static coro<> close(connection self, close_code_type code, std::string reason) {
        auto& machine = self.machine();
        if (machine.is_open()) {
            machine.endpoint().send_close(code, reason);
            machine.flush_output();
        }
        co_await machine.gate().wait_closed();
    }
    static coro<> wait_closed(connection self) { co_await self.machine().gate().wait_closed(); }

    state_ptr<detail::connection_state_machine> machine_;
};

}  // namespace aioxx::websocket
