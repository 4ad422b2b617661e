// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/repr.hpp: bytes as a Python literal, for logs and messages.

#include <string>
#include <string_view>

#include <aioxx/buffer/hex.hpp>

namespace aioxx::detail {

inline void append_escaped(std::string& target, char c, char quote) {
    switch (c) {
        case '\t':
            target += "\\t";
            return;
        case '\n':
            target += "\\n";
            return;
        case '\r':
            target += "\\r";
            return;
        default:
            break;
    }
    if (c == quote || c == '\\') target += '\\';
    if (is_between(c, ' ', '~')) {
        target += c;
    } else {
        target += "\\x";
        append_hex(target, c);
    }
}

/// In single quotes, or in double ones when that saves escapes.
inline std::string repr_of(std::string_view text) {
    const bool has_single = text.find('\'') != std::string_view::npos;
    const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
    std::string result = {'b', quote};
    result.reserve(text.size() + 3);
    for (const char c : text)
        append_escaped(result, c, quote);
    result += quote;
    return result;
}

}  // namespace aioxx::detail
