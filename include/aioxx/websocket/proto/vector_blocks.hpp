// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/vector_blocks.hpp: masking and UTF-8 in blocks: of 32 bytes where an x86 has AVX2, which is found out when
// the program runs, and of 16 bytes on 64-bit ARM. mask.hpp and utf8.hpp do the rest, and everything on other processors, with
// the same results. The compilers' own vector types are used, because the header of the x86 intrinsics would cost every
// program that includes this one more than all of the protocol.

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>
#endif

#include <aioxx/base/config.hpp>

namespace aioxx::websocket::detail {

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__aarch64__))

#if defined(__x86_64__)

/// Bytes in a block.
inline constexpr std::size_t vector_size = 32;
using byte_vector [[gnu::vector_size(vector_size)]] = unsigned char;

[[nodiscard]] inline bool has_vectors() noexcept {
    return __builtin_cpu_supports("avx2") != 0;
}

// The entries of a table of 16, which is there twice, for `index` below 16.
AIOXX_FOR_AVX2 AIOXX_INLINE inline byte_vector look_up(byte_vector table, byte_vector index) noexcept {
    using shuffled [[gnu::vector_size(vector_size)]] = char;  // the type of the built-in function
    return reinterpret_cast<byte_vector>(
        __builtin_ia32_pshufb256(reinterpret_cast<shuffled>(table), reinterpret_cast<shuffled>(index)));
}
AIOXX_FOR_AVX2 AIOXX_INLINE inline bool is_zero(byte_vector bytes) noexcept {
    using tested [[gnu::vector_size(vector_size)]] = long long;
    return __builtin_ia32_ptestz256(reinterpret_cast<tested>(bytes), reinterpret_cast<tested>(bytes)) != 0;
}

#else

inline constexpr std::size_t vector_size = 16;
using byte_vector [[gnu::vector_size(vector_size)]] = unsigned char;

[[nodiscard]] constexpr bool has_vectors() noexcept {
    return true;
}

AIOXX_INLINE inline byte_vector look_up(byte_vector table, byte_vector index) noexcept {
    return reinterpret_cast<byte_vector>(
        vqtbl1q_u8(reinterpret_cast<uint8x16_t>(table), reinterpret_cast<uint8x16_t>(index)));
}
AIOXX_INLINE inline bool is_zero(byte_vector bytes) noexcept {
    return vmaxvq_u8(reinterpret_cast<uint8x16_t>(bytes)) == 0;
}

#endif

AIOXX_FOR_AVX2 AIOXX_INLINE inline byte_vector load_vector(const void* from) noexcept {
    byte_vector loaded;
    std::memcpy(&loaded, from, sizeof loaded);
    return loaded;
}
// A table of 16 bytes in each 16 bytes of a vector.
AIOXX_FOR_AVX2 AIOXX_INLINE inline byte_vector load_table(const unsigned char (&table)[16]) noexcept {
    byte_vector loaded;
    for (std::size_t at = 0; at != vector_size; at += 16) {
        std::memcpy(reinterpret_cast<unsigned char*>(&loaded) + at, table, 16);
    }
    return loaded;
}

/// Masks the whole pairs of blocks at the front of `from`.
///
/// Parameters: `key` the masking key twice, as it lies in memory.
/// Requires: as apply_mask().
/// Returns: how many bytes that were.
AIOXX_FOR_AVX2 inline std::size_t mask_vectors(std::byte* to, const std::byte* from, std::size_t size,
                                                  std::uint64_t key) noexcept {
    const std::uint64_t keys[] = {key, key, key, key};
    const byte_vector mask = load_vector(keys);
    std::size_t done = 0;
    for (; size - done >= 2 * vector_size; done += 2 * vector_size) {
        const byte_vector first = load_vector(from + done) ^ mask;
        const byte_vector second = load_vector(from + done + vector_size) ^ mask;
        std::memcpy(to + done, &first, vector_size);
        std::memcpy(to + done + vector_size, &second, vector_size);
    }
    return done;
}

// Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" (2021): what can be wrong with
// two bytes that follow each other has a bit for each kind of error. Three tables tell from the halves of the
// first byte and from the upper half of the second which kinds are possible; an error is what all three say.
// A third and a fourth byte of a character show as two continuations in a row, and are wrong unless a
// character of that length began two or three bytes before.
struct utf8_tables {
    // clang-format off
    static constexpr unsigned char too_short     = 0x01;  // a character begins, and the next byte does not go on
    static constexpr unsigned char too_long      = 0x02;  // a continuation behind ASCII
    static constexpr unsigned char overlong_3    = 0x04;  // E0 and below A0
    static constexpr unsigned char too_large     = 0x08;  // F4 and above 8F, F5 and above
    static constexpr unsigned char surrogate     = 0x10;  // ED and above 9F
    static constexpr unsigned char overlong_2    = 0x20;  // C0, C1
    static constexpr unsigned char overlong_4    = 0x40;  // F0 and below 90; also F5 and above and below 90
    static constexpr unsigned char two_following = 0x80;  // continuations in a row: third and fourth bytes
    static constexpr unsigned char any_low   = too_short | too_long | two_following;
    static constexpr unsigned char large_low = any_low | too_large | overlong_4;
    static constexpr unsigned char following = too_long | overlong_2 | two_following;

    static constexpr unsigned char first_high[16] = {
        /* 0 to 3 */ too_long, too_long, too_long, too_long,
        /* 4 to 7 */ too_long, too_long, too_long, too_long,
        /* 8 to B */ two_following, two_following, two_following, two_following,
        /* C to F */ too_short | overlong_2, too_short, too_short | overlong_3 | surrogate,
                     too_short | too_large | overlong_4};
    static constexpr unsigned char first_low[16] = {
        /* 0 to 3 */ any_low | overlong_2 | overlong_3 | overlong_4, any_low | overlong_2, any_low, any_low,
        /* 4 to 7 */ any_low | too_large, large_low, large_low, large_low,
        /* 8 to B */ large_low, large_low, large_low, large_low,
        /* C to F */ large_low, large_low | surrogate, large_low, large_low};
    static constexpr unsigned char second_high[16] = {
        /* 0 to 3 */ too_short, too_short, too_short, too_short,
        /* 4 to 7 */ too_short, too_short, too_short, too_short,
        /* 8 to B */ following | overlong_3 | overlong_4, following | overlong_3 | too_large,
                     following | surrogate | too_large, following | surrogate | too_large,
        /* C to F */ too_short, too_short, too_short, too_short};
    // clang-format on
};

/// Checks whole blocks of text.
///
/// Requires: the three bytes before `at` can be read and are the end of valid text.
/// Returns: the end of the last block before an error, maybe inside a character.
AIOXX_FOR_AVX2 [[nodiscard]] inline const std::byte* check_vectors(const std::byte* at, const std::byte* end) noexcept {
    const byte_vector first_high = load_table(utf8_tables::first_high);
    const byte_vector first_low = load_table(utf8_tables::first_low);
    const byte_vector second_high = load_table(utf8_tables::second_high);
    for (; static_cast<std::size_t>(end - at) >= vector_size; at += vector_size) {
        const byte_vector bytes = load_vector(at);
        const byte_vector before = load_vector(at - 1);
        const byte_vector found = look_up(first_high, before >> 4) & look_up(first_low, before & 0x0F) &
                                  look_up(second_high, bytes >> 4);
        const byte_vector third = reinterpret_cast<byte_vector>(load_vector(at - 2) >= 0xE0);
        const byte_vector fourth = reinterpret_cast<byte_vector>(load_vector(at - 3) >= 0xF0);
        const byte_vector wrong = found ^ ((third | fourth) & 0x80);
        if (!is_zero(wrong)) break;
    }
    return at;
}

#else

inline constexpr std::size_t vector_size = 16;

[[nodiscard]] constexpr bool has_vectors() noexcept {
    return false;
}
[[nodiscard]] inline std::size_t mask_vectors(std::byte*, const std::byte*, std::size_t,
                                              std::uint64_t) noexcept {
    return 0;
}
[[nodiscard]] inline const std::byte* check_vectors(const std::byte* at, const std::byte*) noexcept {
    return at;
}

#endif

}  // namespace aioxx::websocket::detail
