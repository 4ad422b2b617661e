// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/broadcast.hpp: one message to many connections, at once and without waiting for any of them.
// The frame is made once. Connections that agreed on compression get a frame of their own, made by their compressor.
// See broadcast_ring.hpp for readers that are told what they missed.

#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/message.hpp>
#include <aioxx/websocket/proto/frame_writer.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

namespace aioxx::websocket {

/// How a broadcast is sent.
struct broadcast_options {
    /// A connection with more bytes than that waiting to be sent is left out; 0: none is, whatever waits.
    std::size_t max_waiting = 1U << 20;
    /// Whether to compress where that was agreed on. Without, all connections share one frame.
    bool compress = true;

    broadcast_options() = default;  // no aggregate: g++ 12 destroys such twice inside of a co_await expression
};

/// What became of a broadcast: the number of connections.
struct broadcast_report {
    std::size_t sent = 0;    ///< the message is on its way
    std::size_t slow = 0;    ///< left out: too much waits to be sent already
    std::size_t busy = 0;    ///< left out: a message in fragments is being sent
    std::size_t closed = 0;  ///< left out: no longer open

    friend bool operator==(const broadcast_report&, const broadcast_report&) = default;
};

namespace detail {

// The protocol of an open connection; null when it is over.
[[nodiscard]] inline std::shared_ptr<connection_state_machine> machine_of(const connection& of) {
    aioxx::transport* const open = of.transport();
    return open != nullptr ? std::dynamic_pointer_cast<connection_state_machine>(open->get_protocol()) : nullptr;
}

// One message on its way to many.
class broadcast_message {
public:
    broadcast_message(opcode kind, bytes_view content, broadcast_options options)
        : kind_(kind), content_(content), options_(options) {
        if (kind == opcode::text && !is_utf8(content)) {
            throw std::invalid_argument("broadcast: a text message must be UTF-8; use binary for other bytes");
        }
    }

    void send_to(const connection& receiver) {
        const std::shared_ptr<connection_state_machine> machine = machine_of(receiver);
        if (machine == nullptr || !machine->is_open()) {
            ++report_.closed;
        } else if (machine->fragmented() != nullptr) {
            ++report_.busy;
        } else if (options_.max_waiting != 0 && machine->transport()->get_write_buffer_size() > options_.max_waiting) {
            ++report_.slow;
        } else if (options_.compress && receiver.response().headers.contains("Sec-WebSocket-Extensions")) {
            machine->put(kind_, content_, true, std::nullopt);
            ++report_.sent;
        } else {
            machine->transport()->write(frame());
            ++report_.sent;
        }
    }

    [[nodiscard]] const broadcast_report& report() const noexcept { return report_; }

private:
    [[nodiscard]] bytes_view frame() {
        if (frame_.empty()) {
            frame_header header;
            header.code = kind_;
            append_frame(frame_, header, content_);
        }
        return std::as_const(frame_).view();
    }

    opcode kind_;
    bytes_view content_;
    broadcast_options options_;
    bytearray frame_;  // empty until the first connection needs it
    broadcast_report report_;
};

}  // namespace detail

/// A range of connections: of server.connections(), or a room of the program's own.
template <class T>
concept connection_range =
    std::ranges::input_range<T> && std::is_convertible_v<std::ranges::range_reference_t<T>, const connection&>;

/// Sends a text message to all connections of a server, in whatever state they are, without waiting.
///
/// Parameters: `receivers` connections of a server, not of a client.
/// Returns: how many it was sent to, and why it was not sent to the others.
/// Errors: std::invalid_argument when the text is not UTF-8; nothing is sent then.
/// Lifetime: `text` is the caller's again when it returns.
/// Ordering: behind everything that was sent before; the bytes leave at the end of the turn.
/// Python: broadcast has no limit of what waits, and throws for a connection that sends a message in fragments.
template <connection_range Connections>
broadcast_report broadcast_text(Connections&& receivers, bytes_view text, broadcast_options options = {}) {
    detail::broadcast_message message(opcode::text, text, options);
    for (const connection& each : receivers) message.send_to(each);
    return message.report();
}

/// Likewise a binary message.
template <connection_range Connections>
broadcast_report broadcast_binary(Connections&& receivers, bytes_view data, broadcast_options options = {}) {
    detail::broadcast_message message(opcode::binary, data, options);
    for (const connection& each : receivers) message.send_to(each);
    return message.report();
}

/// Sends a message on to all, in its kind. As above.
template <connection_range Connections>
broadcast_report broadcast(Connections&& receivers, const message& content, broadcast_options options = {}) {
    const auto send = content.is_text ? &broadcast_text<Connections> : &broadcast_binary<Connections>;
    return send(std::forward<Connections>(receivers), content.data, options);
}

/// Sends a message to all: a string as text, bytes as binary. As above.
template <connection_range Connections, message_content Content>
broadcast_report broadcast(Connections&& receivers, const Content& content, broadcast_options options = {}) {
    const auto send = detail::opcode_for<const Content&> == opcode::text ? &broadcast_text<Connections>
                                                                          : &broadcast_binary<Connections>;
    return send(std::forward<Connections>(receivers), bytes_view(content), options);
}

}  // namespace aioxx::websocket
