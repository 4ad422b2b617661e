// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/deflate.hpp: messages compressed and inflated (RFC 7692 section 7.2).
// The only file that knows zlib; users link it. What the ends agree on is in permessage_deflate.hpp.
//
// A stream is allocated when the first message needs it, and given back after each message when the context
// is not taken over.
//
// Windows of 8 bits: zlib makes no raw streams with them, but one of 9 bits never refers back further than
// 250 bytes (its limit is the window less 262, room for the longest match and what follows it), which an
// inflater with 8 bits can follow. So a compressor of 8 bits is one of 9. An inflater takes every size from 8
// on; a peer that refers back further than agreed is refused unless what it refers to is still at hand.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include <zlib.h>

#include <aioxx/base/contract.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/permessage_deflate.hpp>

namespace aioxx::websocket {

namespace detail {

// What zlib's flush puts at the end, and RFC 7692 leaves out (7.2.1) and adds again (7.2.2).
inline constexpr std::byte flush_marker[4] = {std::byte{0}, std::byte{0}, std::byte{0xFF}, std::byte{0xFF}};

// zlib counts in unsigned int.
inline constexpr std::size_t largest_zlib_part = std::size_t{1} << 30;

inline void set_input(z_stream& stream, bytes_view data) noexcept {
    // zlib reads only; its older interface has no const.
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
}

inline void set_output(z_stream& stream, mutable_bytes_view room) noexcept {
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = static_cast<uInt>(room.size());
}

}  // namespace detail

/// Compresses the messages of one direction.
class deflater {
public:
    /// Parameters: `window_bits` 8 to 15; `no_context_takeover` to forget each message at its end.
    explicit deflater(int window_bits = 15, bool no_context_takeover = false,
                      deflate_settings settings = {}) noexcept
        : settings_(settings), window_bits_(window_bits), no_context_takeover_(no_context_takeover) {}

    /// Appends the payload of a frame to `to`.
    ///
    /// Parameters: `last` the frame ends its message.
    /// Errors: std::bad_alloc; what was appended is of no use then, and the call may be repeated.
    void compress(bytes_view data, bool last, bytearray& to) {
        try {
            begin();
            const std::size_t start = to.size();
            bool more = true;
            while (more) {
                const bytes_view part = data.first(std::min(data.size(), detail::largest_zlib_part));
                data = data.subview(part.size());
                more = !data.empty();
                run(part, more ? Z_NO_FLUSH : Z_SYNC_FLUSH, to);
            }
            if (last) end(start, to);
        } catch (...) {
            release_memory();
            throw;
        }
    }

    /// Gives the memory back, and with it what is remembered of earlier data. The other end need not know,
    /// since every frame ends with a whole block.
    void release_memory() noexcept { stream_.reset(); }

    /// Tells whether there is a stream, with its memory.
    [[nodiscard]] bool is_allocated() const noexcept { return stream_ != nullptr; }

private:
    struct finish {
        void operator()(z_stream* stream) const noexcept {
            deflateEnd(stream);
            delete stream;
        }
    };

    void begin() {
        if (stream_) return;
        auto made = std::make_unique<z_stream>();
        if (deflateInit2(made.get(), settings_.level, Z_DEFLATED, -std::max(window_bits_, 9),
                         settings_.memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::bad_alloc();
        }
        stream_.reset(made.release());
    }

    void run(bytes_view part, int flush, bytearray& to) {
        detail::set_input(*stream_, part);
        do {
            const mutable_bytes_view room = to.prepare(64 + std::min<std::size_t>(part.size(), 1U << 16));
            detail::set_output(*stream_, room);
            static_cast<void>(deflate(stream_.get(), flush));  // cannot fail: at worst there is nothing to do
            to.commit(room.size() - stream_->avail_out);
        } while (stream_->avail_out == 0);
    }

    void end(std::size_t start, bytearray& to) {
        if (to.size() == start) {
            to.append(std::byte{0});  // 7.2.3.6: nothing to flush, as of an empty message
        } else {
            AIOXX_EXPECTS(to.size() - start > sizeof detail::flush_marker);
            to.resize(to.size() - sizeof detail::flush_marker);  // 7.2.1
        }
        if (no_context_takeover_) release_memory();
    }

    std::unique_ptr<z_stream, finish> stream_;
    deflate_settings settings_;
    int window_bits_;
    bool no_context_takeover_;
};

/// Inflates the messages of the other direction.
class inflater {
public:
    enum class result : std::uint8_t { good, invalid, too_big };

    /// Parameters: as of deflater.
    explicit inflater(int window_bits = 15, bool no_context_takeover = false) noexcept
        : window_bits_(window_bits), no_context_takeover_(no_context_takeover) {}

    /// Appends what a part of a message's payload inflates to.
    ///
    /// Parameters: `last` the message ends with `data`; `limit` bytes at most, one more is the most that is
    /// appended.
    /// Returns: too_big beyond the limit; invalid for what is no deflate stream, or does not end with the
    /// message. After either the inflater is of no more use.
    ///
    /// Errors: std::bad_alloc.
    [[nodiscard]] result inflate(bytes_view data, bool last, bytearray& to, std::uint64_t limit) {
        begin();
        result so_far = result::good;
        while (!data.empty() && so_far == result::good) {
            const bytes_view part = data.first(std::min(data.size(), detail::largest_zlib_part));
            data = data.subview(part.size());
            so_far = run(part, to, limit);
        }
        if (!last || so_far != result::good) return so_far;
        return end(to, limit);
    }

    /// Tells whether there is a stream, with its memory.
    [[nodiscard]] bool is_allocated() const noexcept { return stream_ != nullptr; }

private:
    struct finish {
        void operator()(z_stream* stream) const noexcept {
            inflateEnd(stream);
            delete stream;
        }
    };

    void begin() {
        if (stream_) return;
        auto made = std::make_unique<z_stream>();
        if (inflateInit2(made.get(), -window_bits_) != Z_OK) throw std::bad_alloc();
        stream_.reset(made.release());
        ended_ = false;
    }

    // `limit` is lowered by what is appended.
    result run(bytes_view part, bytearray& to, std::uint64_t& limit) {
        constexpr std::uint64_t smallest = 64;
        constexpr std::uint64_t largest = 1U << 16;
        const std::uint64_t guess =
            std::clamp<std::uint64_t>(4 * std::uint64_t{part.size()}, smallest, largest);
        detail::set_input(*stream_, part);
        do {
            // The function that zlib.h lists without a word: resets all but the window, which later messages
            // may refer to. To take the window out and put it back would cost a peer two bytes and us 64 KiB.
            if (std::exchange(ended_, false)) inflateResetKeep(stream_.get());
            const auto size = static_cast<std::size_t>(limit < guess ? limit + 1 : guess);
            detail::set_output(*stream_, to.prepare(size));
            const int code = ::inflate(stream_.get(), Z_SYNC_FLUSH);
            const std::size_t made = size - stream_->avail_out;
            to.commit(made);
            if (made > limit) return result::too_big;
            limit -= made;
            if (code == Z_MEM_ERROR) throw std::bad_alloc();
            if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return result::invalid;
            ended_ = code == Z_STREAM_END;  // 7.2.3.4: a block with BFINAL, more may follow
        } while (stream_->avail_in != 0 || (stream_->avail_out == 0 && !ended_));
        return result::good;
    }

    result end(bytearray& to, std::uint64_t limit) {
        if (!ended_) {
            const result tail =
                run(bytes_view(detail::flush_marker, sizeof detail::flush_marker), to, limit);  // 7.2.2
            if (tail != result::good) return tail;
            constexpr int between_blocks = 128;  // zlib.h, at inflate(): how it tells where it stopped
            if (!ended_ && (stream_->data_type & between_blocks) == 0) return result::invalid;
        }
        if (no_context_takeover_) stream_.reset();
        return result::good;
    }

    std::unique_ptr<z_stream, finish> stream_;
    int window_bits_;
    bool no_context_takeover_;
    bool ended_ = false;  // the last block had BFINAL
};

}  // namespace aioxx::websocket
