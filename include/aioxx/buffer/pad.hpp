// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/pad.hpp: fills bytes up to a width, and tabs up to their stops.
// Bytes is a container with append(std::string_view) and resize(size, fill), the bytearray; it throws
// std::length_error or std::bad_alloc for a width beyond memory.

#include <cstddef>
#include <string_view>

namespace aioxx::detail {

template <class Bytes>
void append_fill(Bytes& target, std::size_t count, char fill) {
    target.resize(target.size() + count, static_cast<std::byte>(fill));
}

template <class Bytes>
Bytes padded(std::string_view text, std::size_t left, std::size_t right, char fill) {
    Bytes result;
    result.reserve(left + text.size());  // may be too much, but does not wrap: both are sizes of objects
    append_fill(result, left, fill);
    result.append(text);
    append_fill(result, right, fill);
    return result;
}

/// The bytes that are missing up to a width.
constexpr std::size_t missing(std::string_view text, std::ptrdiff_t width) noexcept {
    return width > static_cast<std::ptrdiff_t>(text.size()) ? static_cast<std::size_t>(width) - text.size()
                                                            : 0;
}

template <class Bytes>
Bytes centered(std::string_view text, std::ptrdiff_t width, char fill) {
    const std::size_t pad = missing(text, width);
    // Of an odd number the left side gets more when the width is odd, as in Python.
    const std::size_t left = pad / 2 + (pad & static_cast<std::size_t>(width) & 1);
    return padded<Bytes>(text, left, pad - left, fill);
}

template <class Bytes>
Bytes zero_filled(std::string_view text, std::ptrdiff_t width) {
    const bool has_sign = text.starts_with('+') || text.starts_with('-');
    Bytes result;
    result.append(text.substr(0, has_sign));
    append_fill(result, missing(text, width), '0');
    result.append(text.substr(has_sign));
    return result;
}

template <class Bytes>
Bytes tabs_expanded(std::string_view text, std::ptrdiff_t tab_size) {
    Bytes result;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::string_view run = text.substr(0, text.find_first_of("\t\n\r"));
        result.append(run);
        column += run.size();
        text.remove_prefix(run.size());
        if (text.empty()) break;
        if (text.front() != '\t') {
            result.append(text.substr(0, 1));
            column = 0;
        } else if (tab_size > 0) {
            const auto stop = static_cast<std::size_t>(tab_size);
            append_fill(result, stop - column % stop, ' ');
            column = 0;  // a stop is as good as the start of the line, and does not overflow
        }
        text.remove_prefix(1);
    }
    return result;
}

}  // namespace aioxx::detail
