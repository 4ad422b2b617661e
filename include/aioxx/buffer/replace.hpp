// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/replace.hpp: other bytes in place of some.
// Bytes is a container with reserve, append, prepare and commit, the bytearray.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/byte_set.hpp>
#include <aioxx/buffer/search.hpp>

namespace aioxx {

/// What each of the 256 bytes becomes (Python: the table of translate).
using translation_table = std::array<std::byte, 256>;

namespace detail {

// An empty sequence is found before each byte and at the end.
template <class Bytes>
Bytes interleaved(std::string_view text, std::string_view with, std::size_t limit) {
    Bytes result;
    const std::size_t count = count_bytes(text, {}, limit);
    for (std::size_t i = 0; i < count; ++i) {
        result.append(with);
        result.append(text.substr(i, 1));
    }
    result.append(text.substr(std::min(count, text.size())));
    return result;
}

/// Errors: std::length_error when the result would be too long.
template <class Bytes>
Bytes replaced(std::string_view text, std::string_view old_bytes, std::string_view new_bytes,
               std::size_t limit) {
    if (old_bytes.empty()) return interleaved<Bytes>(text, new_bytes, limit);
    Bytes result;
    if (old_bytes.size() == 1 && new_bytes.size() == 1 && limit >= text.size()) {
        auto* const target = reinterpret_cast<char*>(result.prepare(text.size()).data());
        write_mapped(text, target,
                     [from = old_bytes[0], to = new_bytes[0]](char c) { return c == from ? to : c; });
        result.commit(text.size());
        return result;
    }
    result.reserve(text.size());
    std::size_t at = 0;
    for (; limit > 0; --limit) {
        const std::size_t found = find_bytes(text, old_bytes, at);
        if (found == std::string_view::npos) break;
        const std::size_t kept = found - at;
        auto* const target = reinterpret_cast<char*>(result.prepare(kept + new_bytes.size()).data());
        std::memcpy(target, text.data() + at, kept);
        if (!new_bytes.empty()) std::memcpy(target + kept, new_bytes.data(), new_bytes.size());
        result.commit(kept + new_bytes.size());
        at = found + old_bytes.size();
    }
    result.append(text.substr(at));
    return result;
}

/// Parameters: `table` 256 bytes, or nothing for bytes that stay as they are; `removed` go first.
/// Errors: std::invalid_argument for a table of another size (Python: ValueError).
template <class Bytes>
Bytes translated(std::string_view text, std::optional<std::string_view> table, std::string_view removed) {
    if (table && table->size() != 256) {
        throw std::invalid_argument("translate: the table must have 256 bytes, got " +
                                    std::to_string(table->size()));
    }
    const byte_set gone(removed);
    Bytes result;
    auto* const target = reinterpret_cast<char*>(result.prepare(text.size()).data());
    std::size_t size = 0;
    for (const char c : text) {
        target[size] = table ? (*table)[static_cast<unsigned char>(c)] : c;
        size += !gone.contains(c);
    }
    result.commit(size);
    return result;
}

/// Errors: std::invalid_argument for arguments of different lengths (Python: ValueError).
inline translation_table make_translation(std::string_view from, std::string_view to) {
    if (from.size() != to.size()) {
        throw std::invalid_argument("maketrans: both arguments must have the same length, got " +
                                    std::to_string(from.size()) + " and " + std::to_string(to.size()));
    }
    translation_table table;
    for (std::size_t i = 0; i < table.size(); ++i)
        table[i] = static_cast<std::byte>(i);
    for (std::size_t i = 0; i < from.size(); ++i)
        table[static_cast<unsigned char>(from[i])] = static_cast<std::byte>(to[i]);
    return table;
}

/// Errors: std::length_error when the result would be too long (Python: MemoryError).
template <class Bytes>
Bytes repeated(std::string_view text, std::size_t count) {
    if (!text.empty() && count > Bytes::max_size() / text.size()) {
        throw std::length_error("repeat: " + std::to_string(text.size()) + " bytes " + std::to_string(count) +
                                " times are more than memory can hold");
    }
    Bytes result;
    const std::size_t size = text.size() * count;
    if (size == 0) return result;
    auto* const target = reinterpret_cast<char*>(result.prepare(size).data());
    std::memcpy(target, text.data(), text.size());
    for (std::size_t done = text.size(); done < size;) {
        const std::size_t step = std::min(done, size - done);
        std::memcpy(target + done, target, step);
        done += step;
    }
    result.commit(size);
    return result;
}

}  // namespace detail

}  // namespace aioxx
