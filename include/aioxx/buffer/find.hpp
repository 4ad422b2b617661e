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
#include <string_view>
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
    /// The end of a line: one '\n'.
    until_search() = default;

    /// Errors: std::invalid_argument for an empty separator.
    explicit until_search(bytes_view separator) : first_(checked(separator)), longest_(separator.size()) {}

    /// Errors: std::invalid_argument for no separators, or an empty one.
    explicit until_search(std::span<const bytes_view> separators)
        : until_search(separators.empty() ? no_separators() : separators.front()) {
        for (const bytes_view& separator : separators.subspan(1)) {
            others_.emplace_back(checked(separator));
            longest_ = std::max(longest_, separator.size());
        }
    }

    /// Looks for the first match. Requires: the buffer begins with what it began with at the last call, or
    /// restart() was called in between.
    [[nodiscard]] std::optional<match> find(bytes_view buffer) {
        if (longest_ == 1 && others_.empty()) return find_byte(buffer);
        // One separator is looked for up to its match. Of several, each has to stop where another may match,
        // or the rarest would be looked for up to the end of the buffer, for every match.
        for (std::size_t step = others_.empty() ? buffer.size() : first_step;; step *= 2) {
            const bytes_view window = buffer.first(scanned_ + step);
            if (const auto found = find_first_end(window)) return found;
            if (window.size() >= longest_) scanned_ = std::max(scanned_, window.size() + 1 - longest_);
            if (window.size() == buffer.size()) return std::nullopt;
        }
    }

    /// Bytes at the front that are known not to begin a match.
    [[nodiscard]] std::size_t scanned() const noexcept { return scanned_; }

    /// Forgets what was seen: the next buffer is another one.
    void restart() noexcept { scanned_ = 0; }

private:
    static constexpr std::size_t first_step = 256;

    static std::string_view checked(bytes_view separator) {
        if (separator.empty()) {
            throw std::invalid_argument("a separator must have at least one byte, got an empty one");
        }
        return separator.str();
    }

    [[noreturn]] static bytes_view no_separators() {
        throw std::invalid_argument("a search needs at least one separator, got none");
    }

    // The usual search by far: for the end of a line.
    [[nodiscard]] std::optional<match> find_byte(bytes_view buffer) noexcept {
        const std::size_t at = buffer.find(first_.front(), scanned_);
        if (at != bytes_view::npos) return match{at, at + 1};
        scanned_ = buffer.size();
        return std::nullopt;
    }

    [[nodiscard]] std::optional<match> find_first_end(bytes_view window) const noexcept {
        std::optional<match> best = find_one(window, first_);
        for (const std::string& separator : others_) {
            const auto found = find_one(best ? window.first(best->end) : window, separator);
            if (found && (!best || found->end < best->end || found->begin > best->begin)) best = found;
        }
        return best;
    }

    [[nodiscard]] std::optional<match> find_one(bytes_view window,
                                                const std::string& separator) const noexcept {
        const std::size_t at = window.find(bytes_view(separator), scanned_);
        if (at == bytes_view::npos) return std::nullopt;
        return match{at, at + separator.size()};
    }

    std::string first_ = "\n";  // apart from the others, so that one short separator needs no memory
    std::vector<std::string> others_;
    std::size_t longest_ = 1;
    std::size_t scanned_ = 0;
};

}  // namespace aioxx
