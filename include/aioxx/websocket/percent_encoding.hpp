// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/percent_encoding.hpp: characters of a URI that are written as % and two hexadecimal digits (RFC 3986
// section 2.1).

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/hex.hpp>

namespace aioxx::websocket::detail {

// unreserved and sub-delims of RFC 3986: what stands for itself wherever it is.
[[nodiscard]] constexpr bool is_plain_in_uri(char c) noexcept {
    return aioxx::detail::is_alnum(c) ||
           std::string_view("-._~!$&'()*+,;=").find(c) != std::string_view::npos;
}

// Reads what the % at a place and the two characters behind it stand for. Returns: nothing when those are no digits.
[[nodiscard]] constexpr std::optional<char> percent_triplet(std::string_view text, std::size_t at) noexcept {
    if (text.size() - at < 3) return std::nullopt;
    const unsigned high = aioxx::detail::hex_values[static_cast<unsigned char>(text[at + 1])];
    const unsigned low = aioxx::detail::hex_values[static_cast<unsigned char>(text[at + 2])];
    if (high > 15 || low > 15) return std::nullopt;
    return static_cast<char>(high * 16 + low);
}

// Returns: nothing when a % is not followed by two hexadecimal digits.
[[nodiscard]] inline std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i != text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const std::optional<char> read = percent_triplet(text, i);
        if (!read) return std::nullopt;
        decoded += *read;
        i += 2;
    }
    return decoded;
}

// Encodes what has to be, and leaves what is so already.
//
// Parameters: `also_plain` what else stands for itself in this part of a URI.
// Returns: nothing when a % is not followed by two hexadecimal digits.
[[nodiscard]] inline std::optional<std::string> percent_encode(std::string_view text, std::string_view also_plain) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (std::size_t i = 0; i != text.size(); ++i) {
        const char c = text[i];
        if (c == '%' && !percent_triplet(text, i)) return std::nullopt;
        if (c == '%' || is_plain_in_uri(c) || also_plain.find(c) != std::string_view::npos) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded.append(1, '%').append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        }
    }
    return encoded;
}

}  // namespace aioxx::websocket::detail
