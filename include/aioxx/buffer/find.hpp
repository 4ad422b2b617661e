// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/find.hpp: the search for the end of a unit in a buffer that grows.
// It remembers how far it has looked, so that no byte is looked at twice however small the pieces arrive.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

/// Where a separator stands: [begin, end) in bytes from the buffer's start.
struct match {
    std::size_t begin;
    std::size_t end;

    friend bool operator==(const match&, const match&) = default;
};

/// The search for one of several separators.
///
/// The match that ends first wins, even if it is the longer separator; of two that end together the shorter
/// (asyncio: readuntil since 3.13).
class until_search {
public:
    /// The end of a line: one '\n'. Needs no memory.
    until_search() noexcept = default;

    /// Errors: std::invalid_argument for an empty separator.
    explicit until_search(bytes_view separator) : until_search(std::span<const bytes_view>(&separator, 1)) {}

    /// Errors: std::invalid_argument for no separators, or an empty one.
    explicit until_search(std::span<const bytes_view> separators) {
        if (separators.empty()) throw std::invalid_argument("a search needs at least one separator, got none");
        for (const bytes_view& separator : separators) {
            if (separator.empty()) throw std::invalid_argument("a separator must have at least one byte, got an empty one");
            separators_.emplace_back(separator.str());
            longest_ = std::max(longest_, separator.size());
        }
    }

    /// Looks for the first match. Requires: the buffer begins with what it began with at the last call.
    [[nodiscard]] std::optional<match> find(bytes_view buffer) {
        if (separators_.empty()) return find_newline(buffer);
        const std::optional<match> found = find_first_end(buffer);
        if (!found && buffer.size() + 1 > longest_) scanned_ = std::max(scanned_, buffer.size() + 1 - longest_);
        return found;
    }

    /// Bytes at the front that are known not to begin a match.
    [[nodiscard]] std::size_t scanned() const noexcept { return scanned_; }

private:
    std::optional<match> find_newline(bytes_view buffer) noexcept {
        const std::size_t at = buffer.find('\n', scanned_);
        if (at != bytes_view::npos) return match{at, at + 1};
        scanned_ = buffer.size();
        return std::nullopt;
    }

    [[nodiscard]] std::optional<match> find_first_end(bytes_view buffer) const noexcept {
        std::optional<match> best;
        for (const std::string& separator : separators_) {
            const std::size_t at = buffer.find(bytes_view(separator), scanned_);
            if (at == bytes_view::npos) continue;
            const match found{at, at + separator.size()};
            if (!best || found.end < best->end || (found.end == best->end && found.begin > best->begin)) best = found;
        }
        return best;
    }

    std::vector<std::string> separators_;  // none for a newline
    std::size_t longest_ = 1;
    std::size_t scanned_ = 0;
};

}  // namespace aioxx
