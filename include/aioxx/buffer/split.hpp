// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/split.hpp: what bytes are cut into: lines, parts between separators, fields between white space.
// A rule cuts the next element off the front of a rest: bool next(rest, element). views.hpp makes lazy ranges
// of the rules, the methods of bytes make vectors.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/search.hpp>

namespace aioxx::detail {

/// Errors: std::invalid_argument for an empty separator (Python: ValueError).
inline std::string_view checked_separator(const char* operation, std::string_view separator) {
    if (separator.empty()) {
        throw std::invalid_argument(std::string(operation) +
                                    ": the separator must have at least one byte, got an empty one");
    }
    return separator;
}

// Each byte is looked at twice: for \n up to the next one, and for \r, which is rare, some way ahead of that.
struct line_rule {
    static constexpr std::size_t ahead = 4096;

    const char* newline = nullptr;        // the next \n or the end of the bytes, when not before the rest
    const char* carriage_free = nullptr;  // from the rest up to here is no \r

    bool next(std::string_view& rest, std::string_view& line) noexcept {
        if (rest.empty()) return false;
        const char* const end = rest.data() + rest.size();
        if (newline == nullptr || newline < rest.data()) {
            newline = rest.data() + std::min(find_byte(rest, '\n'), rest.size());
        }
        if (carriage_free == nullptr || carriage_free < rest.data()) carriage_free = rest.data();
        while (carriage_free < newline && *carriage_free != '\r')
            carriage_free = next_carriage(carriage_free, end);
        const char* const line_end = std::min(carriage_free, newline);
        line = {rest.data(), static_cast<std::size_t>(line_end - rest.data())};
        rest.remove_prefix(line.size());
        if (!rest.empty()) rest.remove_prefix(rest.starts_with("\r\n") ? 2 : 1);
        return true;
    }

private:
    // The next \r, or where there is none before.
    static const char* next_carriage(const char* from, const char* end) noexcept {
        const std::string_view window(from, std::min(ahead, static_cast<std::size_t>(end - from)));
        return from + std::min(find_byte(window, '\r'), window.size());
    }
};

struct part_rule {
    std::string_view separator;
    bool exhausted = false;

    bool next(std::string_view& rest, std::string_view& part) noexcept {
        if (exhausted) return false;
        const std::size_t at =
            separator.size() == 1 ? find_byte(rest, separator.front()) : find_bytes(rest, separator);
        if (at == std::string_view::npos) {
            exhausted = true;
            part = rest;
        } else {
            part = {rest.data(), at};
            rest.remove_prefix(at + separator.size());
        }
        return true;
    }
};

struct field_rule {
    bool next(std::string_view& rest, std::string_view& field) const noexcept {
        rest.remove_prefix(
            static_cast<std::size_t>(std::find_if_not(rest.begin(), rest.end(), is_space) - rest.begin()));
        if (rest.empty()) return false;
        field = rest.substr(
            0, static_cast<std::size_t>(std::find_if(rest.begin(), rest.end(), is_space) - rest.begin()));
        rest.remove_prefix(field.size());
        return true;
    }
};

struct chunk_rule {
    std::size_t size = 1;

    bool next(std::string_view& rest, std::string_view& chunk) const noexcept {
        chunk = rest.substr(0, size);
        rest.remove_prefix(chunk.size());
        return !chunk.empty();
    }
};

/// A number of cuts as Python gives it: a negative one means all.
constexpr std::size_t cut_limit(std::ptrdiff_t count) noexcept {
    return count < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(count);
}

/// Parts is a vector of views.
template <class Parts>
Parts split_parts(std::string_view rest, std::string_view separator, std::size_t limit) {
    Parts parts;
    part_rule rule{checked_separator("split", separator)};
    std::string_view part;
    while (parts.size() < limit && rule.next(rest, part))
        parts.emplace_back(part);
    if (!rule.exhausted) parts.emplace_back(rest);
    return parts;
}

template <class Parts>
Parts rsplit_parts(std::string_view rest, std::string_view separator, std::size_t limit) {
    checked_separator("rsplit", separator);
    Parts parts;
    for (std::size_t at = 0;
         parts.size() < limit && (at = rfind_bytes(rest, separator)) != std::string_view::npos;
         rest = rest.substr(0, at)) {
        parts.emplace_back(rest.substr(at + separator.size()));
    }
    parts.emplace_back(rest);
    std::reverse(parts.begin(), parts.end());
    return parts;
}

template <class Parts>
Parts split_fields(std::string_view rest, std::size_t limit) {
    Parts parts;
    const field_rule rule;
    std::string_view field;
    while (parts.size() < limit && rule.next(rest, field))
        parts.emplace_back(field);
    // What is left keeps the white space at its end.
    if (const std::string_view unsplit = rest; rule.next(rest, field)) {
        parts.emplace_back(unsplit.substr(static_cast<std::size_t>(field.data() - unsplit.data())));
    }
    return parts;
}

template <class Parts>
Parts rsplit_fields(std::string_view rest, std::size_t limit) {
    Parts parts;
    const auto strip_end = [&] {
        while (!rest.empty() && is_space(rest.back()))
            rest.remove_suffix(1);
        return !rest.empty();
    };
    while (strip_end()) {
        if (parts.size() == limit) {
            parts.emplace_back(rest);
            break;
        }
        std::size_t start = rest.size();
        while (start > 0 && !is_space(rest[start - 1]))
            --start;
        parts.emplace_back(rest.substr(start));
        rest = rest.substr(0, start);
    }
    std::reverse(parts.begin(), parts.end());
    return parts;
}

template <class Parts>
Parts split_lines(std::string_view rest, bool keepends) {
    Parts parts;
    line_rule rule;
    std::string_view line;
    while (rule.next(rest, line)) {
        if (keepends) line = {line.data(), static_cast<std::size_t>(rest.data() - line.data())};
        parts.emplace_back(line);
    }
    return parts;
}

}  // namespace aioxx::detail
