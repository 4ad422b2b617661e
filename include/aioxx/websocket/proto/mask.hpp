// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/mask.hpp: the exclusive-or with which a client hides its payloads (RFC 6455 section 5.3).
// The same operation masks and unmasks; the phase lets a payload be handled in pieces.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <aioxx/base/config.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/vector_blocks.hpp>

namespace aioxx::websocket {

/// The four bytes of a frame's masking key, in the order of the wire.
using masking_key = std::array<std::byte, 4>;

namespace detail {

/// A masking key twice, as it lies in memory from some place in the payload on.
[[nodiscard]] constexpr std::uint64_t turn_key(std::uint64_t key_twice, std::uint64_t phase) noexcept {
    const int bits = static_cast<int>(phase & 3) * 8;
    return std::endian::native == std::endian::little ? std::rotr(key_twice, bits) : std::rotl(key_twice, bits);
}

// Words are copied from memory and to it, because neither side is aligned.
[[nodiscard]] inline std::uint64_t masked_word(const std::byte* from, std::uint64_t key_twice) noexcept {
    std::uint64_t word;
    std::memcpy(&word, from, sizeof word);
    return word ^ key_twice;
}
inline void put_word(std::byte* to, std::uint64_t word) noexcept { std::memcpy(to, &word, sizeof word); }

/// As apply_mask, for at least 16 bytes. Words in pairs, each with a name, are what compilers turn into vector registers.
AIOXX_INLINE inline void mask_pairs(std::byte* to, const std::byte* from, std::size_t size,
                                    std::uint64_t key) noexcept {
    // The last pair may overlap the one before: it is read before anything is written, so that masking in place is right.
    const std::uint64_t last_key = turn_key(key, size);  // 16 bytes are whole keys
    const std::uint64_t last_first = masked_word(from + size - 16, last_key);
    const std::uint64_t last_second = masked_word(from + size - 8, last_key);
    std::size_t done = 0;
    for (; size - done > 32; done += 32) {
        const std::uint64_t a = masked_word(from + done, key);
        const std::uint64_t b = masked_word(from + done + 8, key);
        const std::uint64_t c = masked_word(from + done + 16, key);
        const std::uint64_t d = masked_word(from + done + 24, key);
        put_word(to + done, a);
        put_word(to + done + 8, b);
        put_word(to + done + 16, c);
        put_word(to + done + 24, d);
    }
    if (size - done > 16) {
        const std::uint64_t a = masked_word(from + done, key);
        const std::uint64_t b = masked_word(from + done + 8, key);
        put_word(to + done, a);
        put_word(to + done + 8, b);
    }
    put_word(to + size - 16, last_first);
    put_word(to + size - 8, last_second);
}

/// As mask_pairs, with larger vectors where the machine has them.
AIOXX_NOINLINE inline void mask_large(std::byte* to, const std::byte* from, std::size_t size,
                                      std::uint64_t key) noexcept {
    const std::size_t rest = 16 + size % 16;  // at least a pair, so that what is left has one
    const std::size_t done = has_vectors() ? mask_vectors(to, from, size - rest, key) : 0;
    mask_pairs(to + done, from + done, size - done, key);
}

}  // namespace detail

/// Writes `from`, masked or unmasked, to `to`.
///
/// Parameters: `phase` how many bytes of the payload came before `from`.
/// Requires: `to` has room for from.size() bytes and is either from.data() or does not overlap it.
AIOXX_INLINE inline void apply_mask(std::byte* to, bytes_view from, masking_key key,
                                    std::uint64_t phase = 0) noexcept {
    std::uint32_t once;
    std::memcpy(&once, key.data(), sizeof once);
    const std::uint64_t twice = detail::turn_key(std::uint64_t{once} << 32 | once, phase);
    constexpr std::size_t large = 512;  // below, the call costs what the larger vectors gain
    if (from.size() >= large) return detail::mask_large(to, from.data(), from.size(), twice);
    if (from.size() >= 16) return detail::mask_pairs(to, from.data(), from.size(), twice);
    for (std::size_t i = 0; i != from.size(); ++i) to[i] = from[i] ^ key[(phase + i) & 3];
}

}  // namespace aioxx::websocket
