// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/byte_sink.hpp: appends numbers and blocks to a bytearray, in the forms that byte_cursor reads.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

/// Writes to the end of a bytearray, which it borrows.
class byte_sink {
public:
    explicit byte_sink(bytearray& target) noexcept : target_(target) {}

    void u8(std::uint8_t value) { big(value); }
    void u16(std::uint16_t value) { big(value); }
    void u32(std::uint32_t value) { big(value); }
    void u64(std::uint64_t value) { big(value); }
    void u16_le(std::uint16_t value) { little(value); }
    void u32_le(std::uint32_t value) { little(value); }
    void u64_le(std::uint64_t value) { little(value); }

    /// Seven bits a byte, as few bytes as do.
    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7)
            target_.append(static_cast<std::byte>(value | 0x80));
        target_.append(static_cast<std::byte>(value));
    }
    /// Zigzag order, so that small numbers are short whatever their sign.
    void signed_varint(std::int64_t value) {
        const auto bits = static_cast<std::uint64_t>(value);
        varint(bits << 1 ^ (0 - (bits >> 63)));
    }

    void bytes(bytes_view block) { target_.append(block); }

private:
    template <std::unsigned_integral Number>
    void big(Number value) {
        number(value, [](std::size_t i) { return 8 * (sizeof(Number) - 1 - i); });
    }
    template <std::unsigned_integral Number>
    void little(Number value) {
        number(value, [](std::size_t i) { return 8 * i; });
    }
    template <std::unsigned_integral Number, class Shift>
    void number(Number value, Shift shift) {
        std::array<std::byte, sizeof(Number)> digits;
        for (std::size_t i = 0; i < digits.size(); ++i)
            digits[i] = static_cast<std::byte>(value >> shift(i));
        target_.append(bytes_view(digits));
    }

    bytearray& target_;
};

}  // namespace aioxx
