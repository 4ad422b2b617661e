// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/frame_writer.hpp: frames to bytes.
// Header and payload go into the output in one pass; the payload is copied, or masked, exactly once.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/frame.hpp>

namespace aioxx::websocket {

/// Writes a header to `to` in its shortest form.
///
/// Requires: room for max_frame_header_size bytes.
/// Returns: how many bytes were written.
inline std::size_t encode_frame_header(const frame_header& header, std::byte* to) noexcept {
    const unsigned first =
        static_cast<unsigned>(header.code) | (header.fin ? 0x80U : 0U) | (header.compressed ? 0x40U : 0U);
    const unsigned mask_bit = header.masked ? 0x80U : 0U;
    const std::uint64_t size = header.payload_size;
    const std::size_t extra = size < 126 ? 0 : size < 0x1'0000 ? 2 : 8;
    to[0] = static_cast<std::byte>(first);
    to[1] = static_cast<std::byte>(mask_bit | (extra == 0   ? static_cast<unsigned>(size)
                                               : extra == 2 ? 126U
                                                            : 127U));
    for (std::size_t i = 0; i != extra; ++i)
        to[2 + i] = static_cast<std::byte>(size >> 8 * (extra - 1 - i));
    if (!header.masked) return 2 + extra;
    std::memcpy(to + 2 + extra, header.mask.data(), 4);
    return 6 + extra;
}

/// The bytes of a header, in place: for payloads that are not copied, so that both go out in one gathered write.
struct frame_head {
    std::array<std::byte, max_frame_header_size> bytes;
    std::size_t size;

    [[nodiscard]] bytes_view view() const noexcept { return {bytes.data(), size}; }
};

[[nodiscard]] inline frame_head encode_head(const frame_header& header) noexcept {
    frame_head head;
    head.size = encode_frame_header(header, head.bytes.data());
    return head;
}

/// Appends a whole frame, masked when the header says so.
///
/// Parameters: `header` whose payload_size is replaced by that of `payload`.
inline void append_frame(bytearray& output, frame_header header, bytes_view payload) {
    header.payload_size = payload.size();
    std::byte* const start = output.prepare(max_frame_header_size + payload.size()).data();
    const std::size_t size = encode_frame_header(header, start);
    if (header.masked) {
        apply_mask(start + size, payload, header.mask);
    } else if (!payload.empty()) {
        std::memcpy(start + size, payload.data(), payload.size());
    }
    output.commit(size + payload.size());
}

}  // namespace aioxx::websocket
