// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/hex.hpp: bytes as hexadecimal digits and back.

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <aioxx/buffer/ascii.hpp>

namespace aioxx::detail {

constexpr std::string_view hex_digits = "0123456789abcdef";

inline void append_hex(std::string& target, char byte) {
    target += hex_digits[static_cast<unsigned char>(byte) >> 4];
    target += hex_digits[static_cast<unsigned char>(byte) & 15];
}

inline std::string hex_of(std::string_view text) {
    std::string digits;
    digits.reserve(2 * text.size());
    for (const char c : text)
        append_hex(digits, c);
    return digits;
}

/// Groups are counted from the right, or from the left when their size is negative; 0 makes no groups.
/// Errors: std::invalid_argument for a separator that is not ASCII (Python: ValueError).
inline std::string hex_of(std::string_view text, char separator, std::ptrdiff_t group) {
    if (!is_ascii(separator)) throw std::invalid_argument("hex: the separator must be ASCII");
    if (group == 0) return hex_of(text);
    // Not -group: the least number has no opposite.
    const std::size_t size =
        group < 0 ? std::size_t{0} - static_cast<std::size_t>(group) : static_cast<std::size_t>(group);
    std::string digits;
    digits.reserve(2 * text.size() + text.size() / size);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i != 0 && (group < 0 ? i : text.size() - i) % size == 0) digits += separator;
        append_hex(digits, text[i]);
    }
    return digits;
}

/// The value of each digit, and 16 for what is none.
constexpr std::array<unsigned char, 256> hex_values = [] {
    std::array<unsigned char, 256> values{};
    values.fill(16);
    for (unsigned char i = 0; i < 16; ++i) {
        values[static_cast<unsigned char>(hex_digits[i])] = i;
        values[static_cast<unsigned char>(to_upper(hex_digits[i]))] = i;
    }
    return values;
}();

/// Pairs of digits, with ASCII white space before, between and after them.
/// Errors: std::invalid_argument naming the position of what is no digit (Python: ValueError).
template <class Bytes>
Bytes from_hex(std::string_view text) {
    Bytes result;
    auto* const target = reinterpret_cast<unsigned char*>(result.prepare(text.size() / 2).data());
    std::size_t size = 0;
    for (std::size_t at = 0; at < text.size();) {
        if (is_space(text[at])) {
            ++at;
            continue;
        }
        unsigned value = 0;
        for (const std::size_t pair_end = at + 2; at < pair_end; ++at) {
            const unsigned digit = at < text.size() ? hex_values[static_cast<unsigned char>(text[at])] : 16;
            if (digit > 15) {
                throw std::invalid_argument("fromhex: expected a hexadecimal digit at position " +
                                            std::to_string(at) +
                                            (at < text.size() ? "" : ", found the end of the text"));
            }
            value = value * 16 + digit;
        }
        target[size++] = static_cast<unsigned char>(value);
    }
    result.commit(size);
    return result;
}

}  // namespace aioxx::detail
