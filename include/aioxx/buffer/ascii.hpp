// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/ascii.hpp: classes and case of ASCII characters. Bytes from 0x80 on belong to no class and have no
// case, whatever the locale.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace aioxx::detail {

constexpr bool is_between(char c, char first, char last) noexcept {
    return static_cast<unsigned char>(c - first) <= static_cast<unsigned char>(last - first);
}
constexpr bool is_upper(char c) noexcept {
    return is_between(c, 'A', 'Z');
}
constexpr bool is_lower(char c) noexcept {
    return is_between(c, 'a', 'z');
}
constexpr bool is_alpha(char c) noexcept {
    return is_between(static_cast<char>(c | 0x20), 'a', 'z');
}
constexpr bool is_digit(char c) noexcept {
    return is_between(c, '0', '9');
}
constexpr bool is_alnum(char c) noexcept {
    return is_alpha(c) || is_digit(c);
}
/// Space, \t, \n, \v, \f and \r.
constexpr bool is_space(char c) noexcept {
    return c == ' ' || is_between(c, '\t', '\r');
}
constexpr bool is_ascii(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x80;
}

constexpr char swap_case(char c) noexcept {
    return static_cast<char>(is_alpha(c) ? c ^ 0x20 : c);
}
constexpr char to_upper(char c) noexcept {
    return static_cast<char>(is_lower(c) ? c ^ 0x20 : c);
}
constexpr char to_lower(char c) noexcept {
    return static_cast<char>(is_upper(c) ? c ^ 0x20 : c);
}

/// Writes what each byte is mapped to.
// In blocks of a fixed size: those become vector instructions.
template <class Map>
void write_mapped(std::string_view text, char* target, Map map) noexcept {
    constexpr std::size_t block = 32;
    for (; text.size() >= block; text.remove_prefix(block), target += block) {
        char mapped[block];
        for (std::size_t i = 0; i < block; ++i)
            mapped[i] = map(text[i]);
        std::memcpy(target, mapped, block);
    }
    std::transform(text.begin(), text.end(), target, map);
}

/// Whether there are bytes and all of them belong to a class.
template <class Predicate>
bool all_are(std::string_view text, Predicate belongs) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), belongs);
}

/// The length of the ASCII bytes at the front.
inline std::size_t ascii_prefix(std::string_view text) noexcept {
    constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
    std::size_t at = 0;
    for (std::uint64_t word; text.size() - at >= sizeof(word); at += sizeof(word)) {
        std::memcpy(&word, text.data() + at, sizeof(word));
        if ((word & high_bits) != 0) break;
    }
    while (at < text.size() && is_ascii(text[at]))
        ++at;
    return at;
}

/// Whether there is a letter of one case and none of the other.
inline bool has_only_lower(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), is_lower) &&
           std::none_of(text.begin(), text.end(), is_upper);
}
inline bool has_only_upper(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), is_upper) &&
           std::none_of(text.begin(), text.end(), is_lower);
}

/// Whether there are letters, and of each run of them the first is upper case and the others are not.
inline bool is_title(std::string_view text) noexcept {
    bool cased = false;
    bool inside = false;
    for (const char c : text) {
        if (inside ? is_upper(c) : is_lower(c)) return false;
        inside = is_alpha(c);
        cased |= inside;
    }
    return cased;
}

inline void write_title(std::string_view text, char* target) noexcept {
    bool inside = false;
    for (const char c : text) {
        *target++ = inside ? to_lower(c) : to_upper(c);
        inside = is_alpha(c);
    }
}

}  // namespace aioxx::detail
