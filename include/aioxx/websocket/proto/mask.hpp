// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/mask.hpp: the exclusive-or with which a client hides its payloads (RFC 6455 section 5.3).
// The same operation masks and unmasks; the phase lets a payload be handled in pieces.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/vector_blocks.hpp>

namespace aioxx::websocket {

/// The four bytes of a frame's masking key, in the order of the wire.
using masking_key = std::array<std::byte, 4>;

/// Writes `from`, masked or unmasked, to `to`.
///
/// Parameters: `phase` how many bytes of the payload came before `from`.
/// Requires: `to` has room for from.size() bytes and is either from.data() or does not overlap it.
inline void apply_mask(std::byte* to, bytes_view from, masking_key key, std::uint64_t phase = 0) noexcept {
    masking_key turned;
    for (std::size_t i = 0; i != 4; ++i)
        turned[i] = key[(phase + i) & 3];
    std::uint32_t word;
    std::memcpy(&word, turned.data(), sizeof word);
    const std::uint64_t wide = std::uint64_t{word} << 32 | word;

    const std::byte* source = from.data();
    std::size_t left = from.size();
    constexpr std::size_t worthwhile = 512;  // below, the call costs what the larger vectors gain
    if (left >= worthwhile && detail::has_vectors()) {
        const std::size_t done = detail::mask_vectors(to, source, left, wide);
        to += done;
        source += done;
        left -= done;
    }
    // Four words at a time, each with a name, is what compilers turn into vector registers. All loads precede
    // the stores, so that masking in place is right. memcpy, because neither side is aligned.
    for (; left >= 32; left -= 32, source += 32, to += 32) {
        std::uint64_t a, b, c, d;
        std::memcpy(&a, source, 8);
        std::memcpy(&b, source + 8, 8);
        std::memcpy(&c, source + 16, 8);
        std::memcpy(&d, source + 24, 8);
        a ^= wide;
        b ^= wide;
        c ^= wide;
        d ^= wide;
        std::memcpy(to, &a, 8);
        std::memcpy(to + 8, &b, 8);
        std::memcpy(to + 16, &c, 8);
        std::memcpy(to + 24, &d, 8);
    }
    for (; left >= 8; left -= 8, source += 8, to += 8) {
        std::uint64_t part;
        std::memcpy(&part, source, 8);
        part ^= wide;
        std::memcpy(to, &part, 8);
    }
    for (std::size_t i = 0; i != left; ++i)
        to[i] = source[i] ^ turned[i & 3];
}

}  // namespace aioxx::websocket
