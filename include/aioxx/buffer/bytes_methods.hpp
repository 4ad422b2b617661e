// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/bytes_methods.hpp: the methods of Python's bytes, once for all types that hold bytes.
// A type inherits them from bytes_methods<itself, bytes_view, bytearray>; the last two are parameters because
// they are made after this file. The work is done in the headers below, one for each idea, over characters.
//
// What is part of the source is returned as a view, what is new as a bytearray. A temporary that owns its
// bytes returns copies instead of views, since the views would outlive it.
// Errors, by Python's kinds: ValueError is std::invalid_argument, IndexError std::out_of_range, OverflowError
// and MemoryError for a size std::length_error. What is a TypeError in Python does not compile.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/byte_set.hpp>
#include <aioxx/buffer/byte_value.hpp>
#include <aioxx/buffer/decode.hpp>
#include <aioxx/buffer/hex.hpp>
#include <aioxx/buffer/pad.hpp>
#include <aioxx/buffer/replace.hpp>
#include <aioxx/buffer/repr.hpp>
#include <aioxx/buffer/search.hpp>
#include <aioxx/buffer/slice.hpp>
#include <aioxx/buffer/split.hpp>
#include <aioxx/buffer/trim.hpp>

namespace aioxx {

/// The methods that look at bytes without changing them.
///
/// Parameters: `start` and `stop` are a range in Python's counting (slice_bound): negative from the end,
/// clamped, by default all. Self has str(), View is made of a pointer and a size, Owned of a View.
/// Lifetime: views that are returned are parts of the source and end with it, or with its next change.
template <class Self, class View, class Owned>
class bytes_methods {
    // Depends on the type, which is incomplete while its base is made.
    template <class T>
    static constexpr bool owns = !std::same_as<T, View>;

public:
    // ---- elements and slices ----

    /// One byte; a negative index counts from the end. Errors: std::out_of_range naming index and size.
    [[nodiscard]] std::byte at(slice_bound index) const {
        return static_cast<std::byte>(text()[checked(index)]);
    }

    /// The bytes of [start, stop) (Python: self[start:stop]).
    [[nodiscard]] View slice(slice_bound start, slice_bound stop) const& { return part(sliced(start, stop)); }
    [[nodiscard]] Owned slice(slice_bound start, slice_bound stop) const&& requires owns<Self> {
        return owned(sliced(start, stop));
    }

    /// Each step-th of the bytes (Python: self[start:stop:step]).
    /// Errors: std::invalid_argument for a step of 0.
    [[nodiscard]] Owned slice(slice_bound start, slice_bound stop, slice_bound step) const {
        const detail::slice_range range(text().size(), start, stop, step);
        return made(range.count, [&](char* target) {
            for (std::size_t i = 0; i < range.count; ++i)
                target[i] = text()[range[i]];
        });
    }

    [[nodiscard]] Owned copy() const { return owned(text()); }

    /// The bytes a number of times; none for a negative one (Python: self * count).
    /// Errors: std::length_error when the result would be too long.
    [[nodiscard]] Owned repeat(std::ptrdiff_t count) const {
        return detail::repeated<Owned>(text(), static_cast<std::size_t>(std::max(std::ptrdiff_t{0}, count)));
    }

    friend Owned operator+(const Self& left, View right) {
        Owned result;
        result.reserve(left.size() + right.size());
        result.append(left);
        result.append(right);
        return result;
    }

    // ---- searching ----

    /// The first position of bytes that lie in the range, or npos. Empty ones are found at its start.
    [[nodiscard]] std::size_t find(View wanted, slice_bound start = 0,
                                   slice_bound stop = std::nullopt) const noexcept {
        return find_text(wanted.str(), start, stop);
    }
    [[nodiscard]] std::size_t find(byte_value wanted, slice_bound start = 0,
                                   slice_bound stop = std::nullopt) const noexcept {
        const char byte = wanted.chr();
        return find_text({&byte, 1}, start, stop);
    }

    /// The last position of bytes that lie in the range, or npos. Empty ones are found at its end.
    [[nodiscard]] std::size_t rfind(View wanted, slice_bound start = 0,
                                    slice_bound stop = std::nullopt) const noexcept {
        return rfind_text(wanted.str(), start, stop);
    }
    [[nodiscard]] std::size_t rfind(byte_value wanted, slice_bound start = 0,
                                    slice_bound stop = std::nullopt) const noexcept {
        const char byte = wanted.chr();
        return rfind_text({&byte, 1}, start, stop);
    }

    /// As find and rfind. Errors: std::invalid_argument when there is no such position.
    [[nodiscard]] std::size_t index(View wanted, slice_bound start = 0,
                                    slice_bound stop = std::nullopt) const {
        return found("index", find(wanted, start, stop));
    }
    [[nodiscard]] std::size_t index(byte_value wanted, slice_bound start = 0,
                                    slice_bound stop = std::nullopt) const {
        return found("index", find(wanted, start, stop));
    }
    [[nodiscard]] std::size_t rindex(View wanted, slice_bound start = 0,
                                     slice_bound stop = std::nullopt) const {
        return found("rindex", rfind(wanted, start, stop));
    }
    [[nodiscard]] std::size_t rindex(byte_value wanted, slice_bound start = 0,
                                     slice_bound stop = std::nullopt) const {
        return found("rindex", rfind(wanted, start, stop));
    }

    /// How often bytes occur in the range without overlap. Empty ones occur between all bytes and at the
    /// ends.
    [[nodiscard]] std::size_t count(View wanted, slice_bound start = 0,
                                    slice_bound stop = std::nullopt) const noexcept {
        return count_text(wanted.str(), start, stop);
    }
    [[nodiscard]] std::size_t count(byte_value wanted, slice_bound start = 0,
                                    slice_bound stop = std::nullopt) const noexcept {
        const char byte = wanted.chr();
        return count_text({&byte, 1}, start, stop);
    }

    /// Python: wanted in self.
    [[nodiscard]] bool contains(View wanted) const noexcept { return find(wanted) != View::npos; }
    [[nodiscard]] bool contains(byte_value wanted) const noexcept { return find(wanted) != View::npos; }

    /// Whether the range starts or ends with bytes, or with one of several (in braces, or any range of them).
    [[nodiscard]] bool startswith(View prefix, slice_bound start = 0,
                                  slice_bound stop = std::nullopt) const noexcept {
        const detail::search_range range(text().size(), start, stop);
        return range.exists() && in(range).starts_with(prefix.str());
    }
    template <std::ranges::input_range Range>
    requires std::convertible_to<std::ranges::range_reference_t<const Range>, View>
    [[nodiscard]] bool startswith(const Range& prefixes, slice_bound start = 0,
                                  slice_bound stop = std::nullopt) const {
        return std::ranges::any_of(prefixes,
                                   [&](const View& prefix) { return startswith(prefix, start, stop); });
    }
    [[nodiscard]] bool startswith(std::initializer_list<View> prefixes, slice_bound start = 0,
                                  slice_bound stop = std::nullopt) const {
        return startswith(std::span<const View>(prefixes.begin(), prefixes.size()), start, stop);
    }
    [[nodiscard]] bool endswith(View suffix, slice_bound start = 0,
                                slice_bound stop = std::nullopt) const noexcept {
        const detail::search_range range(text().size(), start, stop);
        return range.exists() && in(range).ends_with(suffix.str());
    }
    template <std::ranges::input_range Range>
    requires std::convertible_to<std::ranges::range_reference_t<const Range>, View>
    [[nodiscard]] bool endswith(const Range& suffixes, slice_bound start = 0,
                                slice_bound stop = std::nullopt) const {
        return std::ranges::any_of(suffixes,
                                   [&](const View& suffix) { return endswith(suffix, start, stop); });
    }
    [[nodiscard]] bool endswith(std::initializer_list<View> suffixes, slice_bound start = 0,
                                slice_bound stop = std::nullopt) const {
        return endswith(std::span<const View>(suffixes.begin(), suffixes.size()), start, stop);
    }

    /// The standard library's names for the same.
    [[nodiscard]] bool starts_with(View prefix) const noexcept { return startswith(prefix); }
    [[nodiscard]] bool ends_with(View suffix) const noexcept { return endswith(suffix); }

    // ---- splitting and joining ----

    /// The fields between runs of ASCII white space, none of them empty.
    /// Parameters: `maxsplit` the most cuts, a negative number for all. What is not cut keeps the white space
    /// at its end.
    [[nodiscard]] std::vector<View> split(std::nullopt_t = std::nullopt,
                                          std::ptrdiff_t maxsplit = -1) const& {
        return detail::split_fields<std::vector<View>>(text(), detail::cut_limit(maxsplit));
    }
    [[nodiscard]] std::vector<Owned> split(std::nullopt_t = std::nullopt,
                                           std::ptrdiff_t maxsplit = -1) const&& requires owns<Self> {
        return owned_parts(self().split(std::nullopt, maxsplit));
    }
    /// The parts between separators, empty ones included. Errors: std::invalid_argument for an empty
    /// separator.
    [[nodiscard]] std::vector<View> split(View separator, std::ptrdiff_t maxsplit = -1) const& {
        return detail::split_parts<std::vector<View>>(text(), separator.str(), detail::cut_limit(maxsplit));
    }
    [[nodiscard]] std::vector<Owned> split(View separator,
                                           std::ptrdiff_t maxsplit = -1) const&& requires owns<Self> {
        return owned_parts(self().split(separator, maxsplit));
    }

    /// As split, with the cuts from the right.
    [[nodiscard]] std::vector<View> rsplit(std::nullopt_t = std::nullopt,
                                           std::ptrdiff_t maxsplit = -1) const& {
        return detail::rsplit_fields<std::vector<View>>(text(), detail::cut_limit(maxsplit));
    }
    [[nodiscard]] std::vector<Owned> rsplit(std::nullopt_t = std::nullopt,
                                            std::ptrdiff_t maxsplit = -1) const&& requires owns<Self> {
        return owned_parts(self().rsplit(std::nullopt, maxsplit));
    }
    [[nodiscard]] std::vector<View> rsplit(View separator, std::ptrdiff_t maxsplit = -1) const& {
        return detail::rsplit_parts<std::vector<View>>(text(), separator.str(), detail::cut_limit(maxsplit));
    }
    [[nodiscard]] std::vector<Owned> rsplit(View separator,
                                            std::ptrdiff_t maxsplit = -1) const&& requires owns<Self> {
        return owned_parts(self().rsplit(separator, maxsplit));
    }

    /// The lines, which end with \n, \r or \r\n, without or with their ends.
    [[nodiscard]] std::vector<View> splitlines(bool keepends = false) const& {
        return detail::split_lines<std::vector<View>>(text(), keepends);
    }
    [[nodiscard]] std::vector<Owned> splitlines(bool keepends = false) const&& requires owns<Self> {
        return owned_parts(self().splitlines(keepends));
    }

    /// What is before the first separator, the separator, and what is behind it; all, and twice nothing, when
    /// there is none. Errors: std::invalid_argument for an empty separator.
    [[nodiscard]] std::array<View, 3> partition(View separator) const& {
        const std::string_view wanted = detail::checked_separator("partition", separator.str());
        const std::size_t at = detail::find_bytes(text(), wanted);
        if (at == View::npos) return {part(text()), {}, {}};
        return cut(at, wanted.size());
    }
    [[nodiscard]] std::array<Owned, 3> partition(View separator) const&& requires owns<Self> {
        return owned_parts(self().partition(separator));
    }

    /// As partition, at the last separator; twice nothing, and all, when there is none.
    [[nodiscard]] std::array<View, 3> rpartition(View separator) const& {
        const std::string_view wanted = detail::checked_separator("rpartition", separator.str());
        const std::size_t at = detail::rfind_bytes(text(), wanted);
        if (at == View::npos) return {View(), View(), part(text())};
        return cut(at, wanted.size());
    }
    [[nodiscard]] std::array<Owned, 3> rpartition(View separator) const&& requires owns<Self> {
        return owned_parts(self().rpartition(separator));
    }

    /// The items one behind the other with these bytes between them.
    template <std::ranges::input_range Range>
    requires std::convertible_to<std::ranges::range_reference_t<Range>, View>
    [[nodiscard]] Owned join(Range&& items) const {
        Owned result;
        bool first = true;
        for (auto&& item : items) {
            if (!first) result.append(text());
            first = false;
            result.append(View(item));
        }
        return result;
    }
    [[nodiscard]] Owned join(std::initializer_list<View> items) const {
        return join(std::span<const View>(items.begin(), items.size()));
    }

    // ---- trimming and padding ----

    /// Without the white space, or the bytes of a set, at both ends, at the start, at the end.
    [[nodiscard]] View strip() const& { return part(stripped(detail::is_space, true, true)); }
    [[nodiscard]] Owned strip() const&& requires owns<Self> { return owned(self().strip()); }
    [[nodiscard]] View strip(View set) const& { return part(stripped(member_of(set), true, true)); }
    [[nodiscard]] Owned strip(View set) const&& requires owns<Self> { return owned(self().strip(set)); }
    [[nodiscard]] View lstrip() const& { return part(stripped(detail::is_space, true, false)); }
    [[nodiscard]] Owned lstrip() const&& requires owns<Self> { return owned(self().lstrip()); }
    [[nodiscard]] View lstrip(View set) const& { return part(stripped(member_of(set), true, false)); }
    [[nodiscard]] Owned lstrip(View set) const&& requires owns<Self> { return owned(self().lstrip(set)); }
    [[nodiscard]] View rstrip() const& { return part(stripped(detail::is_space, false, true)); }
    [[nodiscard]] Owned rstrip() const&& requires owns<Self> { return owned(self().rstrip()); }
    [[nodiscard]] View rstrip(View set) const& { return part(stripped(member_of(set), false, true)); }
    [[nodiscard]] Owned rstrip(View set) const&& requires owns<Self> { return owned(self().rstrip(set)); }

    /// Without a prefix or suffix, once, if it is there.
    [[nodiscard]] View removeprefix(View prefix) const& {
        return part(text().substr(starts_with(prefix) ? prefix.size() : 0));
    }
    [[nodiscard]] Owned removeprefix(View prefix) const&& requires owns<Self> {
        return owned(self().removeprefix(prefix));
    }
    [[nodiscard]] View removesuffix(View suffix) const& {
        return part(text().substr(0, text().size() - (ends_with(suffix) ? suffix.size() : 0)));
    }
    [[nodiscard]] Owned removesuffix(View suffix) const&& requires owns<Self> {
        return owned(self().removesuffix(suffix));
    }

    /// Filled up to a width on both sides, on the right, on the left; as it is when it is wide enough.
    /// Errors: std::bad_alloc for a width beyond memory (so do zfill and expandtabs).
    [[nodiscard]] Owned center(std::ptrdiff_t width, byte_value fill = ' ') const {
        return detail::centered<Owned>(text(), width, fill.chr());
    }
    [[nodiscard]] Owned ljust(std::ptrdiff_t width, byte_value fill = ' ') const {
        return detail::padded<Owned>(text(), 0, detail::missing(text(), width), fill.chr());
    }
    [[nodiscard]] Owned rjust(std::ptrdiff_t width, byte_value fill = ' ') const {
        return detail::padded<Owned>(text(), detail::missing(text(), width), 0, fill.chr());
    }

    /// Filled up to a width with zeros, which stand behind a sign.
    [[nodiscard]] Owned zfill(std::ptrdiff_t width) const {
        return detail::zero_filled<Owned>(text(), width);
    }

    /// With spaces up to the next multiple of the tab size in place of each tab; without tabs for a size
    /// below 1. Columns count from the last \n or \r.
    [[nodiscard]] Owned expandtabs(std::ptrdiff_t tabsize = 8) const {
        return detail::tabs_expanded<Owned>(text(), tabsize);
    }

    // ---- case and classes, of ASCII ----

    [[nodiscard]] Owned upper() const { return mapped(detail::to_upper); }
    [[nodiscard]] Owned lower() const { return mapped(detail::to_lower); }
    [[nodiscard]] Owned swapcase() const { return mapped(detail::swap_case); }
    /// The first byte in upper case, the others in lower case.
    [[nodiscard]] Owned capitalize() const {
        Owned result = lower();
        if (!result.empty()) result.data()[0] = static_cast<std::byte>(detail::to_upper(text()[0]));
        return result;
    }
    /// The first letter of each run of letters in upper case, the others in lower case.
    [[nodiscard]] Owned title() const {
        return made(text().size(), [&](char* target) { detail::write_title(text(), target); });
    }

    /// Whether there are bytes and all are letters, digits, either, or white space.
    [[nodiscard]] bool isalpha() const noexcept { return detail::all_are(text(), detail::is_alpha); }
    [[nodiscard]] bool isdigit() const noexcept { return detail::all_are(text(), detail::is_digit); }
    [[nodiscard]] bool isalnum() const noexcept { return detail::all_are(text(), detail::is_alnum); }
    [[nodiscard]] bool isspace() const noexcept { return detail::all_are(text(), detail::is_space); }
    /// Whether there are letters and all have the case, or are as title() writes them.
    [[nodiscard]] bool islower() const noexcept { return detail::has_only_lower(text()); }
    [[nodiscard]] bool isupper() const noexcept { return detail::has_only_upper(text()); }
    [[nodiscard]] bool istitle() const noexcept { return detail::is_title(text()); }
    /// Whether no byte is above 0x7f; so it is when there are none.
    [[nodiscard]] bool isascii() const noexcept { return detail::ascii_prefix(text()) == text().size(); }

    // ---- replacing ----

    /// Other bytes in place of each occurrence, from the left, without overlap. Empty ones occur before each
    /// byte and at the end. Parameters: `count` the most replacements, a negative number for all.
    /// Errors: std::length_error when the result would be too long.
    [[nodiscard]] Owned replace(View old_bytes, View new_bytes, std::ptrdiff_t count = -1) const {
        return detail::replaced<Owned>(text(), old_bytes.str(), new_bytes.str(), detail::cut_limit(count));
    }

    /// Each byte by a table of 256, after those that are removed; std::nullopt for no table.
    /// Errors: std::invalid_argument for a table of another size.
    [[nodiscard]] Owned translate(View table, View removed = {}) const {
        return detail::translated<Owned>(text(), table.str(), removed.str());
    }
    [[nodiscard]] Owned translate(std::nullopt_t, View removed) const {
        return detail::translated<Owned>(text(), std::nullopt, removed.str());
    }

    /// The table for translate that maps each byte of `from` to the one of `to` at the same place.
    /// Errors: std::invalid_argument for different lengths.
    [[nodiscard]] static translation_table maketrans(View from, View to) {
        return detail::make_translation(from.str(), to.str());
    }

    // ---- text ----

    /// Two lower case digits for each byte.
    [[nodiscard]] std::string hex() const { return detail::hex_of(text()); }
    /// With a separator between groups of bytes, which are counted from the right, or from the left for a
    /// negative number; none for 0. Errors: std::invalid_argument for a separator that is not ASCII.
    [[nodiscard]] std::string hex(char separator, std::ptrdiff_t bytes_per_sep = 1) const {
        return detail::hex_of(text(), separator, bytes_per_sep);
    }

    /// The bytes of pairs of digits, with ASCII white space around the pairs.
    /// Errors: std::invalid_argument naming the position of what is no digit.
    [[nodiscard]] static Owned fromhex(View text) { return detail::from_hex<Owned>(text.str()); }

    /// The text in UTF-8. Errors: decode_error, which is a std::invalid_argument, with `strict` only.
    [[nodiscard]] std::string decode(text_encoding encoding = text_encoding::utf_8,
                                     decode_errors errors = decode_errors::strict) const {
        return detail::decoded(text(), encoding, errors);
    }

    /// A Python literal: b'...' with escapes for what is not printable ASCII.
    [[nodiscard]] std::string repr() const { return detail::repr_of(text()); }

protected:
    /// The position of an element. Errors: std::out_of_range naming the index and the size.
    [[nodiscard]] std::size_t checked(slice_bound index) const {
        const std::ptrdiff_t position = index.among(text().size());
        if (position < 0 || static_cast<std::size_t>(position) >= text().size()) {
            throw std::out_of_range("index " + std::to_string(index.value()) + " is out of range for " +
                                    std::to_string(text().size()) + " bytes");
        }
        return static_cast<std::size_t>(position);
    }

    [[nodiscard]] static std::size_t found(const char* operation, std::size_t position) {
        if (position == View::npos) {
            throw std::invalid_argument(std::string(operation) +
                                        ": the bytes that were looked for are not there");
        }
        return position;
    }

private:
    [[nodiscard]] const Self& self() const noexcept { return static_cast<const Self&>(*this); }
    [[nodiscard]] std::string_view text() const noexcept { return self().str(); }

    static View part(std::string_view bytes) noexcept { return View(bytes.data(), bytes.size()); }
    static Owned owned(std::string_view bytes) { return Owned(part(bytes)); }
    static Owned owned(const View& bytes) { return Owned(bytes); }
    static std::vector<Owned> owned_parts(const std::vector<View>& parts) {
        return std::vector<Owned>(parts.begin(), parts.end());
    }
    static std::array<Owned, 3> owned_parts(const std::array<View, 3>& parts) {
        return {Owned(parts[0]), Owned(parts[1]), Owned(parts[2])};
    }

    template <class Fill>
    static Owned made(std::size_t size, Fill fill) {
        Owned result;
        fill(reinterpret_cast<char*>(result.prepare(size).data()));
        result.commit(size);
        return result;
    }
    template <class Map>
    Owned mapped(Map map) const {
        return made(text().size(), [&](char* target) { detail::write_mapped(text(), target, map); });
    }

    std::string_view sliced(slice_bound start, slice_bound stop) const noexcept {
        const std::size_t begin = start.clamped_to(text().size(), 0);
        const std::size_t end = stop.clamped_to(text().size(), text().size());
        return text().substr(begin, std::max(begin, end) - begin);
    }
    std::string_view in(const detail::search_range& range) const noexcept {
        return {text().data() + range.begin, range.size()};
    }
    std::array<View, 3> cut(std::size_t at, std::size_t size) const noexcept {
        return {part(text().substr(0, at)), part(text().substr(at, size)), part(text().substr(at + size))};
    }
    static auto member_of(View set) noexcept {
        return [members = detail::byte_set(set.str())](char c) { return members.contains(c); };
    }
    template <class Predicate>
    std::string_view stripped(const Predicate& goes, bool front, bool back) const noexcept {
        std::string_view rest = text();
        if (front) rest = detail::trimmed_front(rest, goes);
        if (back) rest = detail::trimmed_back(rest, goes);
        return rest;
    }

    std::size_t find_text(std::string_view wanted, slice_bound start, slice_bound stop) const noexcept {
        const detail::search_range range(text().size(), start, stop);
        return range.exists() ? detail::find_bytes(text().substr(0, range.end), wanted, range.begin)
                              : View::npos;
    }
    std::size_t rfind_text(std::string_view wanted, slice_bound start, slice_bound stop) const noexcept {
        const detail::search_range range(text().size(), start, stop);
        if (!range.exists()) return View::npos;
        const std::size_t at = detail::rfind_bytes(in(range), wanted);
        return at == View::npos ? at : range.begin + at;
    }
    std::size_t count_text(std::string_view wanted, slice_bound start, slice_bound stop) const noexcept {
        const detail::search_range range(text().size(), start, stop);
        return range.exists() ? detail::count_bytes(in(range), wanted) : 0;
    }
};

}  // namespace aioxx
