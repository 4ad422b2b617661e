// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/utf8.hpp: checks that bytes are UTF-8 (RFC 3629), in pieces of any size.
// An error shows at the first byte that cannot continue a character, as RFC 6455 section 8.1 wishes.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/vector_blocks.hpp>

namespace aioxx::websocket {

/// Follows a text through its bytes.
class utf8_validator {
public:
    /// Checks the next piece.
    ///
    /// Returns: false as soon as no continuation can make the text valid; then it stays false until reset.
    [[nodiscard]] bool feed(bytes_view data) noexcept {
        // Worked on in a copy: a std::byte may alias anything, so members would be stored and reloaded every
        // time.
        utf8_validator state = *this;
        const std::byte* at = data.data();
        const std::byte* const end = at + data.size();
        while (at != end && state.valid_) {
            if (state.missing_ == 0) {
                at = skip_ascii(at, end);
                if (at == end) break;
                const std::byte* const behind = skip_blocks(data.data(), at, end);
                if (behind != at) {
                    at = behind;
                } else {
                    state.begin(std::to_integer<unsigned>(*at++));
                }
            } else {
                state.follow(std::to_integer<unsigned>(*at++));
            }
        }
        *this = state;
        return valid_;
    }

    /// Tells whether the text may end here: valid, and not inside a character.
    [[nodiscard]] bool complete() const noexcept { return valid_ && missing_ == 0; }

    void reset() noexcept { *this = utf8_validator(); }

private:
    static const std::byte* skip_ascii(const std::byte* at, const std::byte* end) noexcept {
        constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
        for (; end - at >= 32; at += 32) {
            std::uint64_t a, b, c, d;
            std::memcpy(&a, at, 8);
            std::memcpy(&b, at + 8, 8);
            std::memcpy(&c, at + 16, 8);
            std::memcpy(&d, at + 24, 8);
            if (((a | b | c | d) & high_bits) != 0) break;
        }
        while (at != end && std::to_integer<unsigned>(*at) < 0x80)
            ++at;
        return at;
    }

    // From one character to another one, over whole blocks of valid text. Blocks look three bytes back.
    static const std::byte* skip_blocks(const std::byte* start, const std::byte* at,
                                        const std::byte* end) noexcept {
        if (at - start < 3 || static_cast<std::size_t>(end - at) < 2 * detail::vector_size ||
            !detail::has_vectors()) {
            return at;
        }
        const std::byte* const stop = detail::check_vectors(at, end);
        if (stop == at) return at;
        // Back to where a character begins that the last block has cut.
        if (stop[-1] >= std::byte{0xC0}) return stop - 1;
        if (stop[-2] >= std::byte{0xE0}) return stop - 2;
        if (stop[-3] >= std::byte{0xF0}) return stop - 3;
        return stop;
    }

    // The first byte fixes how many follow; for four of them it also narrows the second, which keeps out
    // overlong forms (E0, F0), surrogates (ED) and what lies beyond U+10FFFF (F4).
    void begin(unsigned lead) noexcept {
        low_ = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        high_ = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        missing_ = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
        valid_ = lead >= 0xC2 && lead <= 0xF4;
    }

    void follow(unsigned next) noexcept {
        valid_ = next >= low_ && next <= high_;
        low_ = 0x80;
        high_ = 0xBF;
        --missing_;
    }

    std::uint8_t missing_ = 0;  // bytes that the character begun still needs
    std::uint8_t low_ = 0x80;   // bounds of the next one of them
    std::uint8_t high_ = 0xBF;
    bool valid_ = true;
};

/// Tells whether the whole of `text` is UTF-8.
[[nodiscard]] inline bool is_utf8(bytes_view text) noexcept {
    utf8_validator validator;
    return validator.feed(text) && validator.complete();
}

}  // namespace aioxx::websocket
