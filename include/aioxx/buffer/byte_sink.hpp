// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/byte_sink.hpp: appends big-endian numbers and blocks to a bytearray.

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

    void u8(std::uint8_t value) { number(value); }
    void u16(std::uint16_t value) { number(value); }
    void u32(std::uint32_t value) { number(value); }
    void u64(std::uint64_t value) { number(value); }
    void bytes(bytes_view block) { target_.append(block); }

private:
    template <std::unsigned_integral Number>
    void number(Number value) {
        std::array<std::byte, sizeof(Number)> digits;
        for (std::size_t i = 0; i < digits.size(); ++i) {
            digits[i] = static_cast<std::byte>(value >> (8 * (digits.size() - 1 - i)));
        }
        target_.append(bytes_view(digits));
    }

    bytearray& target_;
};

}  // namespace aioxx
