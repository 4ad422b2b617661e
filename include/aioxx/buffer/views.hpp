// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/views.hpp: bytes as lazy ranges of lines, parts, fields and chunks (range-v3).
// The elements are views of the same bytes: nothing is copied.

#include <cstddef>
#include <ranges>
#include <stdexcept>
#include <string_view>

#include <range/v3/range/access.hpp>
#include <range/v3/view/facade.hpp>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/split.hpp>

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

// A range whose next element is found by a rule of split.hpp.
template <class Rule>
class cut_view : public ranges::view_facade<cut_view<Rule>, ranges::finite> {
public:
    cut_view() = default;
    cut_view(bytes_view bytes, Rule rule) : rest_(bytes.str()), rule_(rule) { next(); }

private:
    friend ranges::range_access;

    [[nodiscard]] bytes_view read() const noexcept { return {element_.data(), element_.size()}; }
    [[nodiscard]] bool equal(ranges::default_sentinel_t) const noexcept { return ended_; }
    [[nodiscard]] bool equal(const cut_view& other) const noexcept {
        return ended_ == other.ended_ && element_.data() == other.element_.data();
    }
    void next() noexcept { ended_ = !rule_.next(rest_, element_); }

    std::string_view rest_;
    std::string_view element_;
    Rule rule_{};
    bool ended_ = true;
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
    return {bytes, {detail::checked_separator("split", separator.str())}};
}

/// The parts between runs of ASCII white space, none of them empty (Python: bytes.split()). Lifetime: as
/// lines.
[[nodiscard]] inline detail::cut_view<detail::field_rule> fields(bytes_view bytes) {
    return {bytes, {}};
}

/// Pieces of a size, the last of which may be smaller (Python: itertools.batched). Errors:
/// std::invalid_argument for a size of 0. Lifetime: as lines.
[[nodiscard]] inline detail::cut_view<detail::chunk_rule> chunks(bytes_view bytes, std::size_t size) {
    if (size == 0) throw std::invalid_argument("chunks: the size must be at least 1, got 0");
    return {bytes, {size}};
}

}  // namespace aioxx
