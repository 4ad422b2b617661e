// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/frame_parser.hpp: bytes to frames.
// Keeps no payload: it hands out the pieces of a frame where they lie in the input, still masked, and can
// stop and go on at every byte. What a single frame may look like is decided here; the order of frames in
// message.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/close_code.hpp>
#include <aioxx/websocket/proto/frame.hpp>

namespace aioxx::websocket {

/// A part of a frame's payload, as large as the input allowed.
struct frame_piece {
    bytes_view payload;        // in the input, masked as it came
    std::uint64_t offset = 0;  // where in the frame's payload it stands
    bool first = false;        // the header has just been completed
    bool last = false;         // the frame ends with this piece
};

/// Splits a stream of bytes into frames and refuses those that RFC 6455 does not allow.
class frame_parser {
public:
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

    /// Parameters: `us` our own end, a server expects masked frames and a client unmasked ones;
    /// `max_payload_size` of one frame, checked before any of the payload is looked at; `compression` was
    /// agreed on, so messages may be compressed.
    explicit frame_parser(role us, std::uint64_t max_payload_size = unlimited,
                          bool compression = false) noexcept
        : max_payload_size_(max_payload_size), us_(us), compression_(compression) {}

    /// Takes the next piece off the front of `input`.
    ///
    /// A frame begins with one piece that is `first`, possibly without payload, and ends with one that is
    /// `last`.
    ///
    /// Returns: nothing when more input is needed, or after a fault.
    ///
    /// Lifetime: the piece points into the input.
    [[nodiscard]] std::optional<frame_piece> next(bytes_view& input) {
        if (fault_) return std::nullopt;
        frame_piece piece;
        if (!in_payload_) {
            if (!read_header(input)) return std::nullopt;
            in_payload_ = true;
            offset_ = 0;
            piece.first = true;
        } else if (input.empty()) {
            return std::nullopt;
        }
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(header_.payload_size - offset_, input.size()));
        piece.payload = input.first(size);
        piece.offset = offset_;
        offset_ += size;
        piece.last = offset_ == header_.payload_size;
        in_payload_ = !piece.last;
        input = input.subview(size);
        return piece;
    }

    /// Tells whether the input begins with a frame.
    [[nodiscard]] bool between_frames() const noexcept { return !in_payload_ && stored_size_ == 0 && !fault_; }

    /// The header of the frame that the last piece belongs to.
    [[nodiscard]] const frame_header& header() const noexcept { return header_; }

    /// What was wrong with the input, once something was. The parser then stays where it is.
    [[nodiscard]] std::optional<peer_fault> fault() const {
        return fault_ ? std::optional(*fault_) : std::nullopt;
    }

private:
    // Reads straight from the input when the header lies there in one piece, through stored_ otherwise.
    bool read_header(bytes_view& input) {
        const std::byte* bytes = input.data();
        std::size_t size = 0;  // of what is still in the input
        if (stored_size_ != 0 || input.size() < 2 || input.size() < header_size(bytes)) [[unlikely]] {
            if (!store(input, 2) || !check_start(stored_) || !store(input, header_size(stored_)))
                return false;
            stored_size_ = 0;
            bytes = stored_;
        } else {
            size = header_size(bytes);
            if (!starts_plainly(bytes) && !check_start(bytes)) return false;
        }
        if (!decode(bytes)) return false;
        input.remove_prefix(size);
        return true;
    }

    bool store(bytes_view& input, std::size_t needed) noexcept {
        if (stored_size_ < needed) {
            const std::size_t taken = std::min(needed - stored_size_, input.size());
            if (taken != 0) std::memcpy(stored_ + stored_size_, input.data(), taken);
            stored_size_ = static_cast<std::uint8_t>(stored_size_ + taken);
            input = input.subview(taken);
        }
        return stored_size_ >= needed;
    }

    static unsigned at(const std::byte* bytes, std::size_t index) noexcept {
        return std::to_integer<unsigned>(bytes[index]);
    }

    // How wide the length field is beyond its first seven bits.
    static std::size_t length_size(const std::byte* bytes) noexcept {
        const unsigned length = at(bytes, 1) & 0x7F;
        return length == 127 ? 8 : length == 126 ? 2 : 0;
    }

    static std::size_t header_size(const std::byte* bytes) noexcept {
        return 2 + length_size(bytes) + ((at(bytes, 1) & 0x80) != 0 ? 4 : 0);
    }

    // A data frame that is not compressed breaks none of the rules below.
    [[nodiscard]] bool starts_plainly(const std::byte* bytes) const noexcept {
        return (at(bytes, 0) & 0x7F) <= 2 && (at(bytes, 1) >> 7 != 0) == (us_ == role::server);
    }

    // The rules that the first two bytes can break.
    bool check_start(const std::byte* bytes) {
        const unsigned first = at(bytes, 0);
        const auto bits = static_cast<std::uint8_t>(first & 0x0F);
        if (!is_known_opcode(bits)) {
            return refuse(close_code::protocol_error, "reserved opcode " + std::to_string(bits));  // 5.2
        }
        const auto code = static_cast<opcode>(bits);
        // 5.2; RFC 7692 section 6: RSV1 only in the first frame of a message.
        const bool starts_message = code == opcode::text || code == opcode::binary;
        const unsigned reserved = compression_ && starts_message ? 0x30 : 0x70;
        if ((first & reserved) != 0) {
            return refuse(close_code::protocol_error,
                          "reserved bits set in a " + std::string(name_of(code)) + " frame");
        }
        const bool masked = (at(bytes, 1) & 0x80) != 0;
        if (masked != (us_ == role::server)) {  // 5.1
            return refuse(close_code::protocol_error,
                          masked ? "masked frame from a server" : "unmasked frame from a client");
        }
        if (is_control(code)) {  // 5.5
            if ((first & 0x80) == 0) {
                return refuse(close_code::protocol_error,
                              "fragmented " + std::string(name_of(code)) + " frame");
            }
            if ((at(bytes, 1) & 0x7F) > max_control_payload) {
                return refuse(close_code::protocol_error,
                              std::string(name_of(code)) + " frame with more than 125 bytes of payload");
            }
        }
        return true;
    }

    bool decode(const std::byte* bytes) {
        const unsigned first = at(bytes, 0);
        const std::size_t extra = length_size(bytes);
        std::uint64_t length = at(bytes, 1) & 0x7F;
        if (extra == 2) {
            length = at(bytes, 2) << 8 | at(bytes, 3);
            if (length < 126) return refuse_wide(length, extra);
        } else if (extra == 8) {
            length = 0;
            for (std::size_t i = 0; i != 8; ++i)
                length = length << 8 | at(bytes, 2 + i);
            if (length < 0x1'0000U || length >> 63 != 0) return refuse_wide(length, extra);
        }
        const auto code = static_cast<opcode>(first & 0x0F);
        if (length > max_payload_size_ && !is_control(code)) return refuse_size(length);
        header_.code = code;
        header_.fin = (first & 0x80) != 0;
        header_.compressed = (first & 0x40) != 0;
        header_.masked = us_ == role::server;
        header_.payload_size = length;
        if (header_.masked) std::memcpy(header_.mask.data(), bytes + 2 + extra, 4);
        return true;
    }

    // 5.2
    AIOXX_COLD bool refuse_wide(std::uint64_t length, std::size_t bytes) {
        if (length >> 63 != 0) {
            return refuse(close_code::protocol_error, "payload length with its highest bit set");
        }
        // "the minimal number of bytes MUST be used"
        return refuse(close_code::protocol_error, "payload length " + std::to_string(length) + " written in " +
                                                      std::to_string(bytes) + " bytes, fewer would do");
    }

    AIOXX_COLD bool refuse_size(std::uint64_t length) {
        return refuse(close_code::message_too_big, "frame of " + std::to_string(length) +
                                                       " bytes, the limit is " +
                                                       std::to_string(max_payload_size_));
    }

    AIOXX_COLD bool refuse(close_code code, std::string text) {
        fault_ = std::make_unique<const peer_fault>(peer_fault{code, std::move(text)});
        return false;
    }

    frame_header header_;
    std::uint64_t offset_ = 0;  // how much of the payload has been handed out
    std::uint64_t max_payload_size_;
    std::unique_ptr<const peer_fault> fault_;  // seldom needed, so not in place
    std::byte stored_[max_frame_header_size];  // a header that arrives in pieces
    std::uint8_t stored_size_ = 0;
    role us_;
    bool compression_;
    bool in_payload_ = false;
};

}  // namespace aioxx::websocket
