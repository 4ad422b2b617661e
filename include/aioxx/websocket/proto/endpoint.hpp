// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/endpoint.hpp: one end of an open WebSocket, without any I/O.
//
// Bytes go in by feed(), events come out of next_event(), and what has to be sent collects in output(). The
// opening handshake is over when an endpoint is made. What the peer does wrong never throws: it becomes an
// event, a Close frame in the output, and an endpoint that stays failed. What the caller does wrong throws at
// once.
//
// The input is borrowed, not copied: an unfragmented message that needs no unmasking, or may be unmasked in
// place, is handed out where it lies. Everything else is written once, unmasked or inflated, into the buffer
// that it is handed out from.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/close_code.hpp>
#include <aioxx/websocket/proto/closing.hpp>
#include <aioxx/websocket/proto/deflate.hpp>
#include <aioxx/websocket/proto/frame.hpp>
#include <aioxx/websocket/proto/frame_parser.hpp>
#include <aioxx/websocket/proto/frame_writer.hpp>
#include <aioxx/websocket/proto/masking_keys.hpp>
#include <aioxx/websocket/proto/message.hpp>
#include <aioxx/websocket/proto/message_view.hpp>
#include <aioxx/websocket/proto/utf8.hpp>
#include <aioxx/websocket/proto/whole_messages.hpp>

namespace aioxx::websocket {

enum class event_kind : std::uint8_t {
    text,    // a whole message, valid UTF-8
    binary,  // a whole message
    ping,    // already answered, unless auto_pong is off
    pong,
    close,  // the peer's Close frame, already answered; payload is the reason
    fault,  // the connection has failed; payload says why
};

/// Something that the peer did.
struct event {
    event_kind kind;
    bytes_view payload;  // Lifetime: until the next call of next_event(), next_messages(), feed() or retain_input()
    close_code code{};   // of close and fault
    bool begins = true;  // of text and binary: false for all but the first part; see deliver_parts()
    bool ends = true;    // of text and binary: false for all but the last part
};

struct endpoint_options {
    std::uint64_t max_size = 1U << 20;                // bytes of a received message, inflated; 0: unlimited
    bool auto_pong = true;                            // answer pings
    std::function<masking_key()> mask_source{};       // of a client; empty: masking_keys
    std::optional<deflate_parameters> compression{};  // what the opening handshake agreed on
    std::uint64_t max_fragments = 1U << 17;           // of a received message; 0: unlimited
};

/// One end of a WebSocket connection.
///
/// Concurrency: one user at a time, like a container.
class endpoint {
public:
    explicit endpoint(role us, const endpoint_options& options = {})
        : parser_(us, frame_limit(options), options.compression.has_value()),
          assembler_(
              limit(options.max_size), limit(options.max_fragments),
              options.compression ? std::optional(inflater_of(us, *options.compression)) : std::nullopt),
          us_(us),
          auto_pong_(options.auto_pong) {
        if (options.compression) {
            compression_ = std::make_unique<compression>(deflater_of(us, *options.compression),
                                                         options.compression->settings.threshold);
        }
        if (us == role::server) return;
        mask_source_ = std::make_unique<std::function<masking_key()>>(options.mask_source);
        if (!*mask_source_) *mask_source_ = [keys = masking_keys()]() mutable { return keys.next(); };
    }
    endpoint(const endpoint&) = delete;  // events and input point into it
    endpoint& operator=(const endpoint&) = delete;

    // -- receiving

    /// Gives the next bytes from the peer. Ignored once nothing that it sends means anything any more.
    ///
    /// Lifetime: `data` is borrowed until next_event() returns nothing, or retain_input() is called.
    void feed(bytes_view data) { feed_borrowed(data, false); }

    /// The same, and the endpoint may write to the memory: masked messages are then unmasked where they lie.
    void feed_in_place(mutable_bytes_view data) { feed_borrowed(bytes_view(data.data(), data.size()), true); }

    /// The peer's end of the transport has been reached. next_event() reports 1006 unless a Close came first.
    void feed_eof() noexcept { eof_ = true; }

    /// Finds the next event in what was fed.
    ///
    /// Returns: nothing when more input is needed.
    [[nodiscard]] std::optional<event> next_event() {
        if (!is_receiving(state_)) return at_end_of_input();
        if (const std::optional<bytes_view> part = assembler_.take_part()) return message_event(*part);
        while (const std::optional<frame_piece> piece = parser_.next(input_)) {
            std::byte* const place = place_of(piece->payload);
            const frame_header& header = parser_.header();
            if (is_control(header.code)) {
                if (std::optional<event> found = control(header, *piece, place)) return found;
            } else if (const std::optional<bytes_view> payload = assembler_.add(header, *piece, place)) {
                return message_event(*payload);
            } else if (const std::optional<peer_fault> wrong = assembler_.fault()) {
                return refuse(*wrong);
            }
        }
        if (const std::optional<peer_fault> wrong = parser_.fault()) return refuse(*wrong);
        return at_end_of_input();
    }

    /// Takes the messages that the input begins with, as far as each lies there whole, in one frame, and needs no memory of the
    /// endpoint's: most do, and this is a fraction of the work of next_event(), which finds what is behind them.
    ///
    /// Parameters: `into` room for them. Returns: how many there are now. Lifetime: as of an event's payload.
    [[nodiscard]] std::size_t next_messages(std::span<message_view> into) {
        const bool in_place = us_ == role::client || writable_;
        if (!in_place || assembler_.in_message() || !parser_.between_frames()) return 0;
        return detail::take_whole_messages(input_, us_, assembler_.max_size(), into);
    }

    /// Tells whether next_event() is not needed until more is fed. False does not mean that there is something.
    [[nodiscard]] bool is_drained() const noexcept { return input_.empty() && !assembler_.in_message() && !eof_; }

    /// Reports messages in parts as they arrive, for those that are too large to wait for. May be changed at
    /// any time: inside a message, what has been collected is the next part, and what remains the last one.
    ///
    /// A part of a text may end inside a character; the text up to there is valid. max_size holds for the
    /// message.
    void deliver_parts(bool on) noexcept { assembler_.deliver_parts(on); }

    /// Copies what was fed and not yet used, so that the borrowed memory may go.
    void retain_input() {
        if (input_.empty() || retained_in_use_) return;
        if (!retained_) retained_ = std::make_unique<bytearray>();
        retained_->clear();
        retained_->append(input_);
        input_ = std::as_const(*retained_).view();
        writable_ = true;
        retained_in_use_ = true;
    }

    /// Moves the payload of the event that next_event() returned last into the caller's hands.
    ///
    /// Parameters: `payload` the event's. It is moved when the endpoint owns it, otherwise copied.
    [[nodiscard]] bytearray take_payload(bytes_view payload) {
        if (!payload.empty() && payload.data() == assembler_.buffered().data())
            return assembler_.take_buffer();
        return bytearray(payload);
    }

    // -- sending

    /// Bytes to be sent. The caller writes them and consumes them.
    [[nodiscard]] bytearray& output() noexcept { return output_; }

    /// The output, leaving none.
    [[nodiscard]] bytearray take_output() noexcept { return std::exchange(output_, bytearray()); }

    /// Sends text.
    ///
    /// Parameters: `fin` false begins a fragmented message, which send_continuation goes on with; `compress`
    /// whether to compress, where compression was agreed on: empty for all but messages below the threshold.
    /// Errors: std::invalid_argument when the text is not UTF-8 (a fragment may end inside a character);
    /// closed_error once a Close frame went out or the connection ended;
    /// protocol_error (local) inside a fragmented message. Nothing is sent then.
    void send_text(bytes_view text, bool fin = true, std::optional<bool> compress = std::nullopt) {
        send_data(opcode::text, text, fin, compress);
    }

    /// Sends bytes. Parameters and errors: as send_text.
    void send_binary(bytes_view data, bool fin = true, std::optional<bool> compress = std::nullopt) {
        send_data(opcode::binary, data, fin, compress);
    }

    /// Sends the next fragment, compressed when the first one was.
    ///
    /// Errors: as send_text; protocol_error (local) without a message to continue.
    void send_continuation(bytes_view data, bool fin) {
        send_data(opcode::continuation, data, fin, std::nullopt);
    }

    /// Sends a frame of which the caller writes all: the head that is returned, directly behind the output, and the payload,
    /// which needs no copy then. It is not compressed.
    ///
    /// Parameters: `code` text, binary or continuation.
    /// Requires: a server, because a client's payload has to be masked.
    /// Errors: as send_text; std::invalid_argument for other opcodes.
    [[nodiscard]] frame_head send_head(opcode code, bytes_view payload, bool fin = true) {
        if (is_control(code)) throw std::invalid_argument("send_head is for data frames, not for control frames");
        if (us_ == role::client) {
            throw protocol_error(side::local, "a client cannot send a payload that is not masked");
        }
        sending next = check_message(code, payload, fin);
        if (next.compressed && code == opcode::continuation) {
            throw protocol_error(side::local,
                                 "the message before is compressed, so its fragments have to be");
        }
        sending_ = next;
        frame_header header = header_of(code, fin);
        header.payload_size = payload.size();
        return encode_head(header);
    }

    /// Sends a ping.
    ///
    /// Errors: closed_error as send_text; std::invalid_argument above 125 bytes.
    void send_ping(bytes_view data = {}) { send_control(opcode::ping, data); }

    /// Sends a pong, asked for or not.
    ///
    /// Errors: as send_ping.
    void send_pong(bytes_view data = {}) { send_control(opcode::pong, data); }

    /// Starts the closing handshake. Messages go on arriving until the peer's Close does.
    ///
    /// Parameters: `code` no_status_received sends a Close frame without a code; `reason` at most 123 bytes.
    ///
    /// Errors: closed_error when a Close frame went out already or the connection ended;
    /// std::invalid_argument for a code that may not be sent, or a reason that is too long, not UTF-8, or
    /// without a code.
    void send_close(close_code code = close_code::normal_closure, bytes_view reason = {}) {
        check_open();
        check_close(code, reason);
        append_close(code, reason);
        move(closing_event::close_sent);
    }

    /// Gives the connection up: sends a Close frame if none went out, and looks at nothing that follows.
    ///
    /// Errors: std::invalid_argument as send_close.
    void fail(close_code code, bytes_view reason = {}) {
        check_close(code, reason);
        if (state_ == connection_state::open) append_close(code, reason);
        move(closing_event::failed);
    }

    // -- where it stands

    [[nodiscard]] connection_state state() const noexcept { return state_; }

    /// Tells whether the caller may still send.
    [[nodiscard]] bool is_open() const noexcept { return state_ == connection_state::open; }

    /// Tells whether the transport should be closed now, once the output is written.
    [[nodiscard]] bool should_close_transport() const noexcept {
        return websocket::should_close_transport(state_, us_);
    }

    /// Tells whether the transport is going to end soon, so that it is time to count down the close timeout.
    [[nodiscard]] bool close_expected() const noexcept {
        return state_ != connection_state::open && state_ != connection_state::closed;
    }

    /// The peer's Close frame.
    [[nodiscard]] const std::optional<close_status>& close_received() const noexcept {
        return ending().close_received;
    }

    /// Our Close frame.
    [[nodiscard]] const std::optional<close_status>& close_sent() const noexcept {
        return ending().close_sent;
    }

    /// Why the connection failed, when it was for something that the peer did: also 1006.
    [[nodiscard]] const std::optional<peer_fault>& fault() const noexcept { return ending().fault; }

    /// Tells whether the peer's Close frame came before ours went out.
    [[nodiscard]] bool peer_closed_first() const noexcept { return peer_closed_first_; }

    /// Gives memory back that waits for the next message. For connections that have gone quiet.
    void release_memory() {
        if (output_.empty()) output_ = bytearray();
        control_.reset();
        if (compression_) {
            compression_->compressed = bytearray();
            compression_->compress.release_memory();
        }
        if (input_.empty()) retained_.reset();
        if (!assembler_.in_message()) static_cast<void>(assembler_.take_buffer());
    }

private:
    static std::uint64_t limit(std::uint64_t max_size) noexcept {
        return max_size == 0 ? frame_parser::unlimited : max_size;
    }

    static std::uint64_t frame_limit(const endpoint_options& options) noexcept {
        const std::uint64_t most = limit(options.max_size);
        return options.compression ? message_assembler::compressed_limit(most) : most;
    }
    static deflater deflater_of(role us, const deflate_parameters& agreed) {
        return us == role::client ? deflater(agreed.client_max_window_bits, agreed.client_no_context_takeover,
                                             agreed.settings)
                                  : deflater(agreed.server_max_window_bits, agreed.server_no_context_takeover,
                                             agreed.settings);
    }
    static inflater inflater_of(role us, const deflate_parameters& agreed) {
        return us == role::client
                   ? inflater(agreed.server_max_window_bits, agreed.server_no_context_takeover)
                   : inflater(agreed.client_max_window_bits, agreed.client_no_context_takeover);
    }

    struct compression {
        compression(deflater with, std::size_t from) : compress(std::move(with)), threshold(from) {}

        deflater compress;
        bytearray compressed;   // what it makes of a frame's payload
        std::size_t threshold;  // shorter messages are not compressed
    };

    struct how_it_ended {
        std::optional<close_status> close_received;
        std::optional<close_status> close_sent;
        std::optional<peer_fault> fault;
    };
    static inline const how_it_ended not_ended{};

    [[nodiscard]] const how_it_ended& ending() const noexcept { return ending_ ? *ending_ : not_ended; }
    how_it_ended& ends() {
        if (!ending_) ending_ = std::make_unique<how_it_ended>();
        return *ending_;
    }

    // -- receiving

    // The memory of some input, if it may be written to: the constness was only added by input_ then.
    [[nodiscard]] std::byte* place_of(bytes_view piece) const noexcept {
        return writable_ ? const_cast<std::byte*>(piece.data()) : nullptr;
    }

    [[nodiscard]] event message_event(bytes_view payload) const noexcept {
        const event_kind kind = assembler_.kind() == opcode::text ? event_kind::text : event_kind::binary;
        return {kind, payload, {}, assembler_.at_beginning(), !assembler_.in_message()};
    }

    void feed_borrowed(bytes_view data, bool writable) {
        if (!is_receiving(state_)) return;
        if (input_.empty()) {
            input_ = data;
            writable_ = writable;
            retained_in_use_ = false;
            return;
        }
        retain_input();
        retained_->consume(retained_->size() - input_.size());
        retained_->append(data);
        input_ = std::as_const(*retained_).view();
    }

    // A control frame's payload that cannot be read where it lies collects in control_, so that it may stand
    // between the pieces of a message.
    std::optional<event> control(const frame_header& header, const frame_piece& piece, std::byte* writable) {
        bytes_view payload = piece.payload;
        if (piece.first && piece.last && (!header.masked || writable != nullptr)) {
            if (header.masked) apply_mask(writable, payload, header.mask, 0);
        } else {
            if (!control_) control_ = std::make_unique_for_overwrite<std::byte[]>(max_control_payload);
            std::byte* const to = control_.get() + piece.offset;
            if (header.masked) {
                apply_mask(to, piece.payload, header.mask, piece.offset);
            } else if (!piece.payload.empty()) {
                std::memcpy(to, piece.payload.data(), piece.payload.size());
            }
            if (!piece.last) return std::nullopt;
            payload = bytes_view(control_.get(), static_cast<std::size_t>(header.payload_size));
        }
        if (header.code == opcode::close) return close(payload);
        if (header.code == opcode::pong) return event{event_kind::pong, payload};
        if (auto_pong_ && is_open()) append_control(opcode::pong, payload);
        return event{event_kind::ping, payload};
    }

    AIOXX_COLD event close(bytes_view payload) {
        close_status status;
        if (const std::optional<peer_fault> wrong = parse_close(payload, status)) return refuse(*wrong);
        if (is_open()) {
            peer_closed_first_ = true;
            append_close(status.code, status.reason);  // 5.5.1: "typically echos the status code it received"
        }
        const close_status& received = ends().close_received.emplace(std::move(status));
        move(closing_event::close_received);
        return event{event_kind::close, received.reason, received.code};
    }

    AIOXX_COLD event refuse(peer_fault wrong) {
        const peer_fault& fault = ends().fault.emplace(std::move(wrong));
        if (is_open()) append_close(fault.code, fault.text);
        move(closing_event::failed);
        return event{event_kind::fault, fault.text, fault.code};
    }

    std::optional<event> at_end_of_input() {
        return eof_ && state_ != connection_state::closed ? end() : std::nullopt;
    }

    AIOXX_COLD std::optional<event> end() {
        const bool abnormal = is_receiving(state_);
        move(closing_event::eof);
        if (!abnormal) return std::nullopt;
        const peer_fault& fault = ends().fault.emplace(
            peer_fault{close_code::abnormal_closure, "the connection ended without a Close frame"});
        return event{event_kind::fault, fault.text, fault.code};
    }

    void move(closing_event happened) noexcept {
        state_ = after(state_, happened);
        if (!is_receiving(state_)) input_ = {};
    }

    // -- sending

    void check_open() const {
        if (is_open()) return;
        throw closed_error(state_ == connection_state::failed || !close_sent()
                               ? "cannot send, the WebSocket connection has failed or ended"
                               : "cannot send, the WebSocket connection is closing");
    }

    // A message on its way out in fragments.
    struct sending {
        bool active = false;  // it has begun and not ended
        bool text = false;
        bool compressed = false;
        utf8_validator utf8;
    };

    // What holds once the frame is sent.
    [[nodiscard]] sending check_message(opcode code, bytes_view data, bool fin) const {
        check_open();
        const bool continues = code == opcode::continuation;
        if (continues != sending_.active) {
            throw protocol_error(side::local, continues
                                                  ? "no fragmented message to continue"
                                                  : "the fragmented message before must be finished first");
        }
        sending next = continues ? sending_ : sending();
        if (!continues) next.text = code == opcode::text;
        if (next.text && (!next.utf8.feed(data) || (fin && !next.utf8.complete()))) {
            throw std::invalid_argument("a text message must be UTF-8; use binary for other bytes");
        }
        next.active = !fin;
        return next;
    }

    void send_data(opcode code, bytes_view data, bool fin, std::optional<bool> compress) {
        sending next = check_message(code, data, fin);
        frame_header header = header_of(code, fin);
        if (code != opcode::continuation) {
            // The size of a fragmented message is not known, so it counts as large.
            next.compressed = compression_ && compress.value_or(!fin || data.size() >= compression_->threshold);
            header.compressed = next.compressed;
        }
        if (next.compressed) {
            bytearray& compressed = compression_->compressed;
            compressed.clear();
            compression_->compress.compress(data, fin, compressed);
            data = compressed.view();
        }
        append_frame(output_, header, data);
        sending_ = next;
    }

    static void check_close(close_code code, bytes_view reason) {
        if (code == close_code::no_status_received) {
            if (!reason.empty()) throw std::invalid_argument("a close reason needs a close code");
            return;
        }
        if (!is_sendable(code)) {
            throw std::invalid_argument("close code " + std::to_string(value_of(code)) +
                                        " may not be sent; 1000 to 1003, 1007 to 1014 and 3000 to 4999 may");
        }
        if (reason.size() > max_close_reason) {
            throw std::invalid_argument("close reason of " + std::to_string(reason.size()) +
                                        " bytes, at most 123 fit");
        }
        if (!is_utf8(reason)) throw std::invalid_argument("a close reason must be UTF-8");
    }

    frame_header header_of(opcode code, bool fin = true) {
        frame_header header;
        header.code = code;
        header.fin = fin;
        if (us_ == role::client) {
            header.masked = true;
            header.mask = (*mask_source_)();
        }
        return header;
    }

    void send_control(opcode code, bytes_view data) {
        check_open();
        if (data.size() > max_control_payload) {
            throw std::invalid_argument(std::string(name_of(code)) + " of " + std::to_string(data.size()) +
                                        " bytes, at most 125 fit");
        }
        append_control(code, data);
    }

    void append_control(opcode code, bytes_view data) { append_frame(output_, header_of(code), data); }

    void append_close(close_code code, bytes_view reason) {
        std::array<std::byte, max_control_payload> payload;
        const std::size_t size = encode_close(code, reason, payload.data());
        const bytes_view sent(payload.data(), size);
        append_control(opcode::close, sent);
        ends().close_sent = close_status{code, size == 0 ? std::string() : std::string(sent.subview(2).str())};
    }

    frame_parser parser_;
    message_assembler assembler_;
    bytes_view input_;  // what was fed and not yet used
    bytearray output_;
    // What most connections do without most of their time:
    std::unique_ptr<std::function<masking_key()>> mask_source_;  // a client's
    std::unique_ptr<compression> compression_;                   // when it was agreed on
    std::unique_ptr<bytearray> retained_;                        // the memory of input_ when retained_in_use_
    std::unique_ptr<std::byte[]> control_;                       // the payload of a control frame
    std::unique_ptr<how_it_ended> ending_;
    sending sending_;
    connection_state state_ = connection_state::open;
    role us_;
    bool auto_pong_;
    bool writable_ = false;  // the memory of input_ may be written to
    bool retained_in_use_ = false;
    bool eof_ = false;
    bool peer_closed_first_ = false;
};

}  // namespace aioxx::websocket
