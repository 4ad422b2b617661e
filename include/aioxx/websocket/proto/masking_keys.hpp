// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/masking_keys.hpp: where a client's masking keys come from.
// RFC 6455 section 10.3 wants keys that nobody can predict, for every frame a new one. Asking the system each
// time would cost more than the frame, so it is asked once, for the key of a ChaCha20 stream (RFC 8439
// section 2.3).

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

#include <aioxx/websocket/proto/mask.hpp>

namespace aioxx::websocket {

/// Fills memory with random bytes that nobody can predict.
using entropy_source = void (*)(std::byte* to, std::size_t size);

/// The entropy of the standard library.
inline void standard_entropy(std::byte* to, std::size_t size) {
    std::random_device device;
    for (std::size_t done = 0; done < size; done += sizeof(unsigned)) {
        const unsigned word = device();
        std::memcpy(to + done, &word, std::min(sizeof word, size - done));
    }
}

namespace detail {

using chacha_words = std::array<std::uint32_t, 16>;

inline void chacha_quarter(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d) noexcept {
    a += b, d = std::rotl(d ^ a, 16);
    c += d, b = std::rotl(b ^ c, 12);
    a += b, d = std::rotl(d ^ a, 8);
    c += d, b = std::rotl(b ^ c, 7);
}

[[nodiscard]] inline chacha_words chacha_block(const chacha_words& state) noexcept {
    chacha_words x = state;
    for (int round = 0; round != 10; ++round) {
        for (std::size_t i = 0; i != 4; ++i)
            chacha_quarter(x[i], x[4 + i], x[8 + i], x[12 + i]);
        for (std::size_t i = 0; i != 4; ++i) {
            chacha_quarter(x[i], x[4 + (i + 1) % 4], x[8 + (i + 2) % 4], x[12 + (i + 3) % 4]);
        }
    }
    for (std::size_t i = 0; i != 16; ++i)
        x[i] += state[i];
    return x;
}

}  // namespace detail

/// Hands out a fresh masking key for every frame.
class masking_keys {
public:
    /// Parameters: `source` is asked once, for 32 bytes.
    explicit masking_keys(entropy_source source = standard_entropy) {
        state_ = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};  // "expand 32-byte k"
        source(reinterpret_cast<std::byte*>(&state_[4]), 32);
    }

    [[nodiscard]] masking_key next() noexcept {
        if (left_ == 0) {
            block_ = detail::chacha_block(state_);
            left_ = block_.size();
            if (++state_[12] == 0) ++state_[13];
        }
        masking_key key;
        std::memcpy(key.data(), &block_[--left_], sizeof key);
        return key;
    }

private:
    detail::chacha_words state_;  // constants, key, block counter
    detail::chacha_words block_;  // the keys of the present block
    std::size_t left_ = 0;        // those of them that were not handed out
};

}  // namespace aioxx::websocket
