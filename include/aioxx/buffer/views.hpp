// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/views.hpp: bytes as lazy ranges of lines, parts and fields (range-v3).
// The elements are views of the same bytes: nothing is copied.

#include <cstddef>
#include <ranges>
#include <stdexcept>

#include <range/v3/range/access.hpp>
#include <range/v3/view/facade.hpp>

#include <aioxx/buffer/bytes_view.hpp>

// Views do not own, so iterators into a temporary one stay valid.
namespace ranges {
template <>
inline constexpr bool enable_view<aioxx::bytes_view> = true;
template <>
inline constexpr bool enable_borrowed_range<aioxx::bytes_view> = true;
template <>
inline constexpr bool enable_view<aioxx::mutable_bytes_view> = true;
template <>
inline constexpr bool enable_borrowed_range<aioxx::mutable_bytes_view> = true;
}  // namespace ranges

namespace aioxx {

namespace detail {

// A range whose next element is found by a rule: bool next(bytes_view& rest, bytes_view& element).
template <class Rule>
class cut_view : public ranges::view_facade<cut_view<Rule>, ranges::finite> {
public:
    cut_view() = default;
    cut_view(bytes_view bytes, Rule rule) : rest_(bytes), rule_(rule) { next(); }

private:
    friend ranges::range_access;

    [[nodiscard]] bytes_view read() const noexcept { return element_; }
    [[nodiscard]] bool equal(ranges::default_sentinel_t) const noexcept { return ended_; }
    [[nodiscard]] bool equal(const cut_view& other) const noexcept {
        return ended_ == other.ended_ && element_.data() == other.element_.data();
    }
    void next() noexcept { ended_ = !rule_.next(rest_, element_); }

    bytes_view rest_;
    bytes_view element_;
    Rule rule_{};
    bool ended_ = true;
};

struct line_rule {
    // Looked for once, not for every line that ends with \r: so no byte is looked at more than twice.
    const std::byte* newline = nullptr;  // the next \n or the end of the bytes, when not before the rest

    bool next(bytes_view& rest, bytes_view& line) noexcept {
        if (rest.empty()) return false;
        if (newline == nullptr || newline < rest.data()) newline = rest.first(rest.find('\n')).end();
        const bytes_view to_newline(rest.data(), static_cast<std::size_t>(newline - rest.data()));
        line = to_newline.first(to_newline.find('\r'));
        const bool both = rest.subview(line.size()).starts_with("\r\n");
        rest.remove_prefix(line.size() + (both ? 2 : 1));
        return true;
    }
};

struct part_rule {
    bytes_view separator;
    bool exhausted = false;

    bool next(bytes_view& rest, bytes_view& part) noexcept {
        if (exhausted) return false;
        const std::size_t at = rest.find(separator);
        exhausted = at == bytes_view::npos;
        part = rest.first(at);
        if (!exhausted) rest.remove_prefix(at + separator.size());
        return true;
    }
};

struct field_rule {
    static bool is_space(std::byte value) noexcept {
        const auto code = std::to_integer<unsigned char>(value);
        return code == ' ' || (code >= '\t' && code <= '\r');
    }
    bool next(bytes_view& rest, bytes_view& field) const noexcept {
        std::size_t start = 0;
        while (start < rest.size() && is_space(rest[start]))
            ++start;
        rest.remove_prefix(start);
        if (rest.empty()) return false;
        std::size_t end = 0;
        while (end < rest.size() && !is_space(rest[end]))
            ++end;
        field = rest.first(end);
        rest.remove_prefix(end);
        return true;
    }
};

}  // namespace detail

}  // namespace aioxx

// The standard does not know range-v3's views for views. Their iterators carry all they need.
template <class Rule>
inline constexpr bool std::ranges::enable_view<aioxx::detail::cut_view<Rule>> = true;
template <class Rule>
inline constexpr bool std::ranges::enable_borrowed_range<aioxx::detail::cut_view<Rule>> = true;
template <class Rule>
inline constexpr bool ranges::enable_borrowed_range<aioxx::detail::cut_view<Rule>> = true;

namespace aioxx {

/// The lines of bytes without their ends, which are \n, \r or \r\n (Python: bytes.splitlines).
/// Lifetime: the bytes outlive the range and its elements.
[[nodiscard]] inline detail::cut_view<detail::line_rule> lines(bytes_view bytes) {
    return {bytes, {}};
}

/// The parts between separators, empty ones included (Python: bytes.split(sep)).
/// Errors: std::invalid_argument for an empty separator. Lifetime: as lines; the separator too.
[[nodiscard]] inline detail::cut_view<detail::part_rule> split(bytes_view bytes, bytes_view separator) {
    if (separator.empty()) {
        throw std::invalid_argument("split: the separator must have at least one byte, got an empty one");
    }
    return {bytes, {separator}};
}

/// The parts between runs of ASCII white space, none of them empty (Python: bytes.split()). Lifetime: as
/// lines.
[[nodiscard]] inline detail::cut_view<detail::field_rule> fields(bytes_view bytes) {
    return {bytes, {}};
}

}  // namespace aioxx
