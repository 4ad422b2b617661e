// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/message.hpp: fragments to messages (RFC 6455 section 5.4).
// Decides the order of data frames, the size of a message, and that text is UTF-8. Control frames never come
// here.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/close_code.hpp>
#include <aioxx/websocket/proto/frame.hpp>
#include <aioxx/websocket/proto/frame_parser.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

namespace aioxx::websocket {

/// Collects the pieces of data frames until a message is whole.
///
/// A message that arrives in one piece and needs no unmasking is handed out where it lies; everything else is
/// copied once, and unmasked on the way, into a buffer that is used again for the next message.
class message_assembler {
public:
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

    /// Parameters: `max_size` of a message in bytes, all its fragments together.
    explicit message_assembler(std::uint64_t max_size = unlimited) noexcept : max_size_(max_size) {}

    /// Adds a piece of a data frame.
    ///
    /// Parameters: `writable` the memory of piece.payload when the caller lends it for unmasking in place.
    ///
    /// Returns: the payload when the message is complete, nothing while it is not or after a fault.
    ///
    /// Lifetime: the payload is valid until the next call, or as long as the input that it points into.
    [[nodiscard]] std::optional<bytes_view> add(const frame_header& header, const frame_piece& piece,
                                                std::byte* writable = nullptr) {
        if (fault_ || (piece.first && !begin(header))) return std::nullopt;
        const bool whole = piece.first && piece.last && header.fin && size_ == 0;
        bytes_view plain = piece.payload;
        if (!whole || (header.masked && writable == nullptr)) {
            plain = copy(header, piece);
        } else if (header.masked) {
            apply_mask(writable, plain, header.mask);
        }
        if (kind_ == opcode::text && !utf8_.feed(plain)) {
            return refuse(close_code::invalid_data, "text message that is not UTF-8");  // 8.1
        }
        if (!piece.last || !header.fin) return std::nullopt;
        if (kind_ == opcode::text && !utf8_.complete()) {
            return refuse(close_code::invalid_data, "text message that ends inside a UTF-8 character");
        }
        in_message_ = false;
        return whole ? plain : buffer_.view();
    }

    /// Text or binary: the kind of the present, or last, message.
    [[nodiscard]] opcode kind() const noexcept { return kind_; }

    /// Tells whether a message has begun and not ended.
    [[nodiscard]] bool in_message() const noexcept { return in_message_; }

    [[nodiscard]] const std::optional<peer_fault>& fault() const noexcept { return fault_; }

    /// Moves the buffer out that holds the message just completed, or nothing when it lies in the input.
    [[nodiscard]] bytearray take_buffer() noexcept { return std::exchange(buffer_, bytearray()); }

    /// The buffer with what has been collected.
    [[nodiscard]] bytes_view buffered() const noexcept { return buffer_.view(); }

private:
    // A data frame's header has arrived: is it this frame's turn, and is there room for it?
    bool begin(const frame_header& header) {
        const bool continues = header.code == opcode::continuation;
        if (continues != in_message_) {  // 5.4
            refuse(close_code::protocol_error, continues ? "continuation frame without a message to continue"
                                                         : "new message inside a fragmented one");
            return false;
        }
        if (!continues) {
            kind_ = header.code;
            in_message_ = true;
            size_ = 0;
            buffer_.clear();
            utf8_.reset();
        }
        if (header.payload_size > max_size_ - size_) {
            refuse(close_code::message_too_big, "message of at least " +
                                                    std::to_string(size_ + header.payload_size) +
                                                    " bytes, the limit is " + std::to_string(max_size_));
            return false;
        }
        return true;
    }

    bytes_view copy(const frame_header& header, const frame_piece& piece) {
        const std::size_t size = piece.payload.size();
        if (size == 0) return {};
        std::byte* const to = buffer_.prepare(size).data();
        if (header.masked) {
            apply_mask(to, piece.payload, header.mask, piece.offset);
        } else {
            std::memcpy(to, piece.payload.data(), size);
        }
        buffer_.commit(size);
        size_ += size;
        return bytes_view(to, size);
    }

    std::nullopt_t refuse(close_code code, std::string text) {
        fault_ = peer_fault{code, std::move(text)};
        return std::nullopt;
    }

    bytearray buffer_;  // the message so far; kept for the next one
    std::uint64_t max_size_;
    std::uint64_t size_ = 0;  // bytes of the message so far, the same as buffer_.size() while in a message
    std::optional<peer_fault> fault_;
    utf8_validator utf8_;
    opcode kind_ = opcode::binary;
    bool in_message_ = false;
};

}  // namespace aioxx::websocket
