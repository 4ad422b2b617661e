// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/find.hpp: the search for the end of a unit in a buffer that grows.
// It remembers how far it has looked, so that no byte is looked at twice however small the pieces arrive.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/search.hpp>

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
/// (asyncio: readuntil since 3.13). A byte is looked at once for each byte that ends a separator.
class until_search {
public:
    /// The end of a line: one '\n'.
    until_search() = default;

    /// Errors: std::invalid_argument for an empty separator.
    explicit until_search(bytes_view separator) : longest_(checked(separator).size()) {
        short_size_ = 0;
        if (longest_ <= short_.size()) {
            separator.str().copy(short_.data(), longest_);
            short_size_ = static_cast<unsigned char>(longest_);
        } else {
            kept_ = std::make_shared<kept>(kept{{std::string(separator.str())}, {}});
        }
    }

    /// Errors: std::invalid_argument for no separators, or an empty one.
    explicit until_search(std::span<const bytes_view> separators) {
        if (separators.empty())
            throw std::invalid_argument("a search needs at least one separator, got none");
        if (separators.size() == 1) {
            *this = until_search(separators.front());
            return;
        }
        short_size_ = 0;
        auto all = std::make_shared<kept>();
        for (const bytes_view& separator : separators) {
            all->separators.emplace_back(checked(separator));
            const char last = all->separators.back().back();
            if (all->last_bytes.find(last) == std::string::npos) all->last_bytes += last;
            longest_ = std::max(longest_, separator.size());
        }
        std::sort(all->separators.begin(), all->separators.end(),
                  [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
        kept_ = std::move(all);
    }

    /// Looks for the first match. Requires: the buffer begins with what it began with at the last call, or
    /// restart() was called in between.
    [[nodiscard]] std::optional<match> find(bytes_view buffer) noexcept {
        if (short_size_ == 1) {  // a byte, which the end of a line is
            const std::size_t at = detail::find_byte(buffer.str(), short_[0], scanned_);
            if (at == std::string_view::npos) {
                scanned_ = std::max(scanned_, buffer.size());
                return std::nullopt;
            }
            scanned_ = at;
            return match{at, at + 1};
        }
        const bool several = kept_ != nullptr && kept_->separators.size() > 1;
        const std::optional<match> found = several ? find_several(buffer.str()) : find_only(buffer.str());
        // A match that begins before what is known now would have been found.
        const std::size_t seen = found ? found->end - 1 : buffer.size();
        if (seen >= longest_) scanned_ = std::max(scanned_, seen + 1 - longest_);
        return found;
    }

    /// Bytes at the front that are known not to begin a match.
    [[nodiscard]] std::size_t scanned() const noexcept { return scanned_; }

    /// Forgets what was seen: the next buffer is another one.
    void restart() noexcept { scanned_ = 0; }

private:
    static constexpr std::size_t first_step = 256;

    // What is not one short separator. Does not change, so that copies of a search share it.
    struct kept {
        std::vector<std::string> separators;  // the shortest first
        std::string last_bytes;               // each once
    };

    static std::string_view checked(bytes_view separator) {
        if (separator.empty()) {
            throw std::invalid_argument("a separator must have at least one byte, got an empty one");
        }
        return separator.str();
    }

    [[nodiscard]] std::optional<match> find_only(std::string_view buffer) const noexcept {
        const std::string_view only =
            kept_ ? std::string_view(kept_->separators.front()) : std::string_view(short_.data(), short_size_);
        const std::size_t at = detail::find_bytes(buffer, only, scanned_);
        if (at == std::string_view::npos) return std::nullopt;
        return match{at, at + only.size()};
    }

    // In windows, each twice as large as the last: a last byte that is rare is not looked for behind the
    // match of another, at least not far, however often the search begins again.
    [[nodiscard]] std::optional<match> find_several(std::string_view buffer) const noexcept {
        std::size_t from = scanned_;
        for (std::size_t step = first_step; from < buffer.size(); step *= 2) {
            const std::size_t end = from + std::min(step, buffer.size() - from);
            std::optional<match> best;
            for (const char last : kept_->last_bytes) {
                if (const auto found = find_end(buffer.substr(0, best ? best->end - 1 : end), last, from)) {
                    best = found;
                }
            }
            if (best) return best;
            from = end;
        }
        return std::nullopt;
    }

    // The first separator that ends with a byte; of those that end together the shortest.
    [[nodiscard]] std::optional<match> find_end(std::string_view window, char last,
                                                std::size_t from) const noexcept {
        for (; (from = detail::find_byte(window, last, from)) != std::string_view::npos; ++from) {
            const std::string_view unseen = window.substr(scanned_, from + 1 - scanned_);
            for (const std::string& separator : kept_->separators) {
                if (unseen.ends_with(separator)) return match{from + 1 - separator.size(), from + 1};
            }
        }
        return std::nullopt;
    }

    // One short separator, the usual case, costs neither memory nor more than a few instructions to copy.
    std::array<char, 15> short_{'\n'};
    unsigned char short_size_ = 1;
    std::shared_ptr<const kept> kept_;  // instead of it
    std::size_t longest_ = 1;
    std::size_t scanned_ = 0;
};

}  // namespace aioxx
