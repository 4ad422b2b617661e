// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/message.hpp: fragments to messages (RFC 6455 section 5.4).
// Decides the order of data frames, the size of a message, and that text is UTF-8; inflates what is
// compressed. Control frames never come here.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/base/config.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/close_code.hpp>
#include <aioxx/websocket/proto/deflate.hpp>
#include <aioxx/websocket/proto/frame.hpp>
#include <aioxx/websocket/proto/frame_parser.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

namespace aioxx::websocket {

/// Collects the pieces of data frames until a message is whole.
///
/// A message that arrives in one piece and needs no unmasking is handed out where it lies. Everything else is
/// written once, unmasked or inflated on the way, into a buffer that is used again for the next message.
class message_assembler {
public:
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

    /// Parameters: `max_size` of a message in bytes, all its fragments together and inflated; `max_fragments`
    /// of a message, which bounds those that carry nothing; `inflate` for messages that are compressed.
    explicit message_assembler(std::uint64_t max_size = unlimited, std::uint64_t max_fragments = unlimited,
                               std::optional<inflater> inflate = std::nullopt)
        : max_size_(max_size),
          max_fragments_(max_fragments),
          inflater_(inflate ? std::make_unique<inflater>(std::move(*inflate)) : nullptr) {}

    /// What the frames of a compressed message may have together: deflate can make data larger, but not by
    /// much.
    [[nodiscard]] static constexpr std::uint64_t compressed_limit(std::uint64_t max_size) noexcept {
        return max_size > unlimited / 2 ? unlimited : max_size + max_size / 8 + 1024;
    }

    /// Hands messages out in parts, as they arrive. May be changed inside a message.
    void deliver_parts(bool on) noexcept { parts_ = on; }

    /// Adds a piece of a data frame.
    ///
    /// Parameters: `writable` the memory of piece.payload when the caller lends it for unmasking in place.
    ///
    /// Returns: the payload when the message is complete, or a part of it; nothing while there is none, or
    /// after a fault.
    ///
    /// Lifetime: the payload is valid until the next call, or as long as the input that it points into.
    [[nodiscard]] std::optional<bytes_view> add(const frame_header& header, const frame_piece& piece,
                                                std::byte* writable = nullptr) {
        forget_handed_out();
        if (fault_ || (piece.first && !begin(header))) return std::nullopt;
        const bool ends = piece.last && header.fin;
        const bool in_place = buffer_.empty() && (ends || parts_) && !compressed_;
        bytes_view plain = piece.payload;
        auto inflated = inflater::result::good;
        if (compressed_) {
            const std::size_t before = buffer_.size();
            inflated = inflate(header, piece, writable);
            plain = buffer_.view().subview(before);
        } else if (!in_place || (header.masked && writable == nullptr)) {
            plain = copy(header, piece);
        } else if (header.masked) {
            apply_mask(writable, plain, header.mask, piece.offset);
        }
        if (kind_ == opcode::text && !utf8_.feed(plain)) return refuse_text();
        // Only now, so that the first thing that is wrong with a message is reported however it is cut.
        if (inflated != inflater::result::good) return refuse_inflated(inflated);
        if (ends && kind_ == opcode::text && !utf8_.complete()) return refuse_cut_text();
        if (ends) in_message_ = false;
        if (!in_place) plain = buffer_.view();
        if (!ends && (!parts_ || plain.empty())) return std::nullopt;
        return hand_out(plain);
    }

    /// What has been collected when parts are wanted in the middle of a message, or nothing.
    ///
    /// Lifetime: as of add().
    [[nodiscard]] std::optional<bytes_view> take_part() {
        forget_handed_out();
        if (!parts_ || !in_message_ || buffer_.empty()) return std::nullopt;
        return hand_out(buffer_.view());
    }

    /// Text or binary: the kind of the present, or last, message.
    [[nodiscard]] opcode kind() const noexcept { return kind_; }

    [[nodiscard]] std::uint64_t max_size() const noexcept { return max_size_; }

    /// Tells whether a message has begun and not ended.
    [[nodiscard]] bool in_message() const noexcept { return in_message_; }

    /// Tells whether what was handed out last was the beginning of its message.
    [[nodiscard]] bool at_beginning() const noexcept { return at_beginning_; }

    [[nodiscard]] std::optional<peer_fault> fault() const {
        return fault_ ? std::optional(*fault_) : std::nullopt;
    }

    /// Moves the buffer out that holds the message just completed, or nothing when it lies in the input.
    [[nodiscard]] bytearray take_buffer() noexcept { return std::exchange(buffer_, bytearray()); }

    /// The buffer with what has been collected.
    [[nodiscard]] bytes_view buffered() const noexcept { return buffer_.view(); }

private:
    // A data frame's header has arrived: is it this frame's turn, and is there room for it?
    bool begin(const frame_header& header) {
        const bool continues = header.code == opcode::continuation;
        if (continues != in_message_) return refuse_order(continues);  // 5.4
        if (!continues) {
            kind_ = header.code;
            compressed_ = header.compressed && inflater_;
            in_message_ = true;
            beginning_ = true;
            announced_ = 0;
            size_ = 0;
            fragments_ = 0;
            utf8_.reset();
        }
        const std::uint64_t limit = compressed_ ? compressed_limit(max_size_) : max_size_;
        if (header.payload_size > limit - announced_) {
            refuse_size(compressed_ ? "compressed message of at least " : "message of at least ",
                        announced_ + header.payload_size, limit);
            return false;
        }
        announced_ += header.payload_size;
        return ++fragments_ <= max_fragments_ || refuse_fragments();
    }

    bytes_view copy(const frame_header& header, const frame_piece& piece) {
        const std::size_t size = piece.payload.size();
        if (size == 0) return {};
        if (!piece.last && piece.offset == 0) {
            // Room for the frame at once, so that it is not moved while it grows; but do not trust a large
            // number.
            constexpr std::uint64_t most = 1U << 20;
            buffer_.reserve(buffer_.size() + static_cast<std::size_t>(std::min(header.payload_size, most)));
        }
        std::byte* const to = buffer_.prepare(size).data();
        if (header.masked) {
            apply_mask(to, piece.payload, header.mask, piece.offset);
        } else {
            std::memcpy(to, piece.payload.data(), size);
        }
        buffer_.commit(size);
        return bytes_view(to, size);
    }

    // Masked input that may not be written to is unmasked a little at a time.
    inflater::result inflate(const frame_header& header, const frame_piece& piece, std::byte* writable) {
        const bool ends = piece.last && header.fin;
        if (!header.masked) return inflate_part(piece.payload, ends);
        if (writable != nullptr) {
            apply_mask(writable, piece.payload, header.mask, piece.offset);
            return inflate_part(piece.payload, ends);
        }
        std::array<std::byte, 2048> plain;
        for (std::size_t at = 0;;) {
            const bytes_view part = piece.payload.subview(at, plain.size());
            apply_mask(plain.data(), part, header.mask, piece.offset + at);
            at += part.size();
            const bool all = at == piece.payload.size();
            const auto result = inflate_part(bytes_view(plain.data(), part.size()), ends && all);
            if (all || result != inflater::result::good) return result;
        }
    }

    inflater::result inflate_part(bytes_view part, bool last) {
        const std::size_t before = buffer_.size();
        const auto result = inflater_->inflate(part, last, buffer_, max_size_ - size_);
        size_ += buffer_.size() - before;
        return result;
    }

    AIOXX_COLD bool refuse_order(bool continues) {
        refuse(close_code::protocol_error, continues ? "continuation frame without a message to continue"
                                                     : "new message inside a fragmented one");
        return false;
    }

    AIOXX_COLD bool refuse_fragments() {
        refuse(close_code::message_too_big,
               "message of more than " + std::to_string(max_fragments_) + " fragments");
        return false;
    }

    AIOXX_COLD std::nullopt_t refuse_text() {  // 8.1
        return refuse(close_code::invalid_data, "text message that is not UTF-8");
    }

    AIOXX_COLD std::nullopt_t refuse_cut_text() {
        return refuse(close_code::invalid_data, "text message that ends inside a UTF-8 character");
    }

    AIOXX_COLD std::nullopt_t refuse_inflated(inflater::result result) {
        if (result == inflater::result::invalid) {
            return refuse(close_code::protocol_error, "message that cannot be inflated");
        }
        return refuse_size("compressed message that inflates to at least ", size_, max_size_);
    }

    bytes_view hand_out(bytes_view part) noexcept {
        at_beginning_ = std::exchange(beginning_, false);
        handed_out_ = true;
        return part;
    }

    void forget_handed_out() noexcept {
        if (std::exchange(handed_out_, false)) buffer_.clear();
    }

    AIOXX_COLD std::nullopt_t refuse_size(const char* what, std::uint64_t size, std::uint64_t limit) {
        return refuse(close_code::message_too_big,
                      what + std::to_string(size) + " bytes, the limit is " + std::to_string(limit));
    }

    AIOXX_COLD std::nullopt_t refuse(close_code code, std::string text) {
        fault_ = std::make_unique<const peer_fault>(peer_fault{code, std::move(text)});
        return std::nullopt;
    }

    bytearray buffer_;  // what has been collected and not handed out; kept for the next message
    std::uint64_t max_size_;
    std::uint64_t max_fragments_;
    std::uint64_t announced_ = 0;  // payload of the message's frames so far, by their headers
    std::uint64_t size_ = 0;       // what it has been inflated to, when it is compressed
    std::uint64_t fragments_ = 0;
    std::unique_ptr<inflater> inflater_;  // this and the fault: seldom needed, so not in place
    std::unique_ptr<const peer_fault> fault_;
    utf8_validator utf8_;
    opcode kind_ = opcode::binary;
    bool in_message_ = false;
    bool compressed_ = false;   // the message is
    bool parts_ = false;        // hand out what there is, not whole messages
    bool beginning_ = false;    // nothing of the message has been handed out
    bool at_beginning_ = true;  // what was handed out last began its message
    bool handed_out_ = false;   // the buffer's content has been, and may go
};

}  // namespace aioxx::websocket
