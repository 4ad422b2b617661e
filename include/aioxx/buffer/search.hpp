// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/search.hpp: finds a byte or a sequence, first, last or all of them.
// Built on memchr and, where the C library has them, memrchr and memmem. find.hpp is the search in a buffer
// that grows.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace aioxx::detail {

inline std::size_t offset_in(std::string_view text, const void* found) noexcept {
    return found == nullptr ? std::string_view::npos
                            : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

inline std::size_t find_byte(std::string_view text, char wanted, std::size_t from = 0) noexcept {
    if (from >= text.size()) return std::string_view::npos;
    return offset_in(text,
                     std::memchr(text.data() + from, static_cast<unsigned char>(wanted), text.size() - from));
}

// Templates, so that a C library without the function is noticed instead of being an error.
template <class Pointer>
std::size_t rfind_byte_in(std::string_view text, Pointer data, int wanted) noexcept {
    if constexpr (requires { memrchr(data, wanted, text.size()); }) {
        return offset_in(text, memrchr(data, wanted, text.size()));
    } else {
        return text.rfind(static_cast<char>(wanted));
    }
}

template <class Pointer>
std::size_t find_sequence_in(std::string_view text, Pointer data, std::string_view wanted) noexcept {
    if constexpr (requires { memmem(data, text.size(), data, wanted.size()); }) {
        return offset_in(text, memmem(data, text.size(), wanted.data(), wanted.size()));
    } else {
        return text.find(wanted);
    }
}

inline std::size_t rfind_byte(std::string_view text, char wanted) noexcept {
    if (text.empty()) return std::string_view::npos;
    return rfind_byte_in(text, text.data(), static_cast<unsigned char>(wanted));
}

// The first byte is looked for, which is faster than anything else as long as it is rare. Where it is not,
// memmem takes over: it is slower but linear whatever the bytes are. Requires: two bytes or more are wanted.
inline std::size_t find_sequence(std::string_view text, std::string_view wanted, std::size_t from) noexcept {
    if (text.size() - from < wanted.size()) return std::string_view::npos;
    const char* const begin = text.data() + from;
    const char* const starts_end = text.data() + text.size() - wanted.size() + 1;
    std::size_t disappointments = 0;
    for (const char* at = begin; at != starts_end; ++at) {
        at = static_cast<const char*>(std::memchr(at, static_cast<unsigned char>(wanted[0]),
                                                  static_cast<std::size_t>(starts_end - at)));
        if (at == nullptr) break;
        if (at[1] == wanted[1] && std::memcmp(at, wanted.data(), wanted.size()) == 0)
            return offset_in(text, at);
        if (++disappointments > 4 + static_cast<std::size_t>(at - begin) / 32) {
            const std::size_t rest = offset_in(text, at + 1);
            const std::size_t found = find_sequence_in(text.substr(rest), at + 1, wanted);
            return found == std::string_view::npos ? found : rest + found;
        }
    }
    return std::string_view::npos;
}

/// The first position of a sequence from a position on. An empty one is everywhere, even at the end.
inline std::size_t find_bytes(std::string_view text, std::string_view wanted, std::size_t from = 0) noexcept {
    if (wanted.size() == 1) return find_byte(text, wanted[0], from);
    if (from > text.size()) return std::string_view::npos;
    if (wanted.empty()) return from;
    return find_sequence(text, wanted, from);
}

/// The last position of a sequence.
inline std::size_t rfind_bytes(std::string_view text, std::string_view wanted) noexcept {
    if (wanted.empty()) return text.size();
    if (wanted.size() > text.size()) return std::string_view::npos;
    for (std::size_t starts = text.size() - wanted.size() + 1;;) {
        const std::size_t at = rfind_byte(text.substr(0, starts), wanted[0]);
        if (at == std::string_view::npos || text.compare(at, wanted.size(), wanted) == 0) return at;
        starts = at;
    }
}

// In blocks of a fixed size: those become vector instructions.
inline std::size_t count_byte(std::string_view text, char wanted) noexcept {
    constexpr std::size_t block = 32;
    std::size_t count = 0;
    for (; text.size() >= block; text.remove_prefix(block)) {
        unsigned char hits = 0;
        for (std::size_t i = 0; i < block; ++i)
            hits = static_cast<unsigned char>(hits + (text[i] == wanted));
        count += hits;
    }
    return count + static_cast<std::size_t>(std::count(text.begin(), text.end(), wanted));
}

/// How often a sequence occurs without overlap, counted up to a limit. An empty one is before each byte and
/// at the end.
inline std::size_t count_bytes(std::string_view text, std::string_view wanted,
                               std::size_t limit = std::string_view::npos) noexcept {
    if (limit == 0) return 0;
    if (wanted.empty()) return std::min(text.size() + 1, limit);
    if (wanted.size() == 1) return std::min(count_byte(text, wanted[0]), limit);
    std::size_t count = 0;
    std::size_t at = 0;
    while (count < limit && (at = find_bytes(text, wanted, at)) != std::string_view::npos) {
        ++count;
        at += wanted.size();
    }
    return count;
}

}  // namespace aioxx::detail
