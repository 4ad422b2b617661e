// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/bytes_view.hpp: borrowed contiguous bytes, read-only and writable.
// Anything contiguous whose elements are bytes (std::byte, char, unsigned char, std::uint8_t) converts to
// them, so that functions take one parameter type. A view never owns: its memory must outlive it.

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <iterator>
#include <ranges>
#include <string_view>
#include <type_traits>
#include <utility>

#include <aioxx/buffer/bytes_methods.hpp>

namespace aioxx {

/// A type whose objects are single bytes.
template <class T>
concept byte_type = std::same_as<std::remove_cv_t<T>, std::byte> || std::same_as < std::remove_cv_t<T>,
char > || std::same_as<std::remove_cv_t<T>, unsigned char> || std::same_as<std::remove_cv_t<T>, signed char>;

namespace detail {

template <class Range>
using range_element = std::remove_pointer_t<decltype(std::ranges::data(std::declval<Range&>()))>;

template <class Range>
concept byte_range = requires(Range& range) {
    {std::ranges::data(range)};
    { std::ranges::size(range) } -> std::convertible_to<std::size_t>;
}
&&byte_type<range_element<Range>>;

// A char array is text that ends with a zero; all other arrays are their elements.
template <class T>
concept char_array = std::is_array_v<T> && std::same_as < std::remove_cv_t<std::remove_extent_t<T>>,
char > ;

template <byte_type Byte>
constexpr const std::byte* as_bytes(const Byte* data) noexcept {
    if constexpr (std::same_as<Byte, std::byte>) {
        return data;
    } else {
        return reinterpret_cast<const std::byte*>(data);
    }
}

}  // namespace detail

class bytearray;

/// Borrowed bytes, read-only (Python: a read-only memoryview; wherever asyncio takes "bytes-like").
///
/// Methods that give new bytes return a bytearray, which <aioxx/buffer/bytearray.hpp> completes.
class bytes_view : public bytes_methods<bytes_view, bytes_view, bytearray> {
public:
    using value_type = std::byte;
    using iterator = const std::byte*;
    using const_iterator = const std::byte*;
    static constexpr std::size_t npos = static_cast<std::size_t>(-1);

    constexpr bytes_view() noexcept = default;
    constexpr bytes_view(const std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}
    bytes_view(const void* data, std::size_t size) noexcept
        : data_(static_cast<const std::byte*>(data)), size_(size) {}

    /// A string literal, without the zero at its end; other zeros belong to it.
    template <std::size_t N>
    bytes_view(const char (&literal)[N]) noexcept
        : bytes_view(detail::as_bytes(literal), literal[N - 1] == '\0' ? N - 1 : N) {}

    /// A buffer with a C string: up to the zero, or all of it when there is none.
    template <std::size_t N>
    bytes_view(char (&text)[N]) noexcept : bytes_view(detail::as_bytes(text), N) {
        *this = first(find('\0'));
    }

    /// A C string, without the zero at its end. A template, so that a literal 0 is not taken for a pointer.
    template <class Pointer>
    requires(std::same_as<Pointer, const char*> || std::same_as<Pointer, char*>)
        bytes_view(const Pointer& text)
    noexcept : bytes_view(detail::as_bytes<char>(text), std::strlen(text)) {}

    /// Any contiguous range of bytes. Lifetime: a temporary is fine as an argument of a call, and only there.
    template <class Range>
    requires(!std::derived_from<Range, bytes_view> && !detail::char_array<Range> &&
             detail::byte_range<const Range>) constexpr bytes_view(const Range& range) noexcept
        : bytes_view(detail::as_bytes(std::ranges::data(range)), std::ranges::size(range)) {}

    [[nodiscard]] constexpr const std::byte* data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr std::byte operator[](std::size_t index) const noexcept { return data_[index]; }
    [[nodiscard]] constexpr iterator begin() const noexcept { return data_; }
    [[nodiscard]] constexpr iterator end() const noexcept { return data_ + size_; }

    /// The bytes as characters.
    [[nodiscard]] const char* chars() const noexcept { return reinterpret_cast<const char*>(data_); }
    [[nodiscard]] std::string_view str() const noexcept { return {chars(), size_}; }

    /// The first or last bytes; all of them when there are fewer.
    [[nodiscard]] constexpr bytes_view first(std::size_t count) const noexcept {
        return {data_, std::min(count, size_)};
    }
    [[nodiscard]] constexpr bytes_view last(std::size_t count) const noexcept {
        const std::size_t kept = std::min(count, size_);
        return {data_ + (size_ - kept), kept};
    }
    /// The bytes from a position, at most a number of them; none beyond the end.
    [[nodiscard]] constexpr bytes_view subview(std::size_t position,
                                               std::size_t count = npos) const noexcept {
        const std::size_t start = std::min(position, size_);
        return {data_ + start, std::min(count, size_ - start)};
    }
    constexpr void remove_prefix(std::size_t count) noexcept { *this = subview(count); }

    /// By content, as unsigned bytes.
    friend constexpr bool operator==(bytes_view a, bytes_view b) noexcept {
        return a.size_ == b.size_ && order(a.data_, b.data_, a.size_) == 0;
    }
    friend constexpr std::strong_ordering operator<=>(bytes_view a, bytes_view b) noexcept {
        const int difference = order(a.data_, b.data_, std::min(a.size_, b.size_));
        return difference != 0 ? difference <=> 0 : a.size_ <=> b.size_;
    }

private:
    // memcmp, which knows neither null pointers nor constant expressions.
    static constexpr int order(const std::byte* a, const std::byte* b, std::size_t size) noexcept {
        if (size == 0) return 0;
        if (!std::is_constant_evaluated()) return std::memcmp(a, b, size);
        for (; size > 1 && *a == *b; --size)
            ++a, ++b;
        return std::to_integer<int>(*a) - std::to_integer<int>(*b);
    }

    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Borrowed bytes that may be written.
class mutable_bytes_view {
public:
    using value_type = std::byte;
    using iterator = std::byte*;

    constexpr mutable_bytes_view() noexcept = default;
    constexpr mutable_bytes_view(std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}
    mutable_bytes_view(void* data, std::size_t size) noexcept
        : data_(static_cast<std::byte*>(data)), size_(size) {}

    /// Any contiguous range of writable bytes; an array whole. A temporary must not own its elements.
    template <class Range>
    requires(!std::derived_from<std::remove_cvref_t<Range>, mutable_bytes_view> &&
             std::ranges::borrowed_range<Range> && detail::byte_range<std::remove_reference_t<Range>> &&
             !std::is_const_v<detail::range_element<std::remove_reference_t<Range>>>)
        mutable_bytes_view(Range&& range)
    noexcept : mutable_bytes_view(static_cast<void*>(std::ranges::data(range)), std::ranges::size(range)) {}

    [[nodiscard]] constexpr std::byte* data() const noexcept { return data_; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] constexpr std::byte& operator[](std::size_t index) const noexcept { return data_[index]; }
    [[nodiscard]] constexpr iterator begin() const noexcept { return data_; }
    [[nodiscard]] constexpr iterator end() const noexcept { return data_ + size_; }

    [[nodiscard]] constexpr mutable_bytes_view first(std::size_t count) const noexcept {
        return {data_, std::min(count, size_)};
    }
    [[nodiscard]] constexpr mutable_bytes_view last(std::size_t count) const noexcept {
        const std::size_t kept = std::min(count, size_);
        return {data_ + (size_ - kept), kept};
    }
    [[nodiscard]] constexpr mutable_bytes_view subview(std::size_t position,
                                                       std::size_t count = bytes_view::npos) const noexcept {
        const std::size_t start = std::min(position, size_);
        return {data_ + start, std::min(count, size_ - start)};
    }
    constexpr void remove_prefix(std::size_t count) noexcept { *this = subview(count); }

private:
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Whatever a bytes_view can be made of.
template <class T>
concept bytes_like = std::convertible_to<const T&, bytes_view>;

}  // namespace aioxx

// Views do not own, so iterators into a temporary one stay valid. For range-v3 views.hpp says the same.
template <>
inline constexpr bool std::ranges::enable_view<aioxx::bytes_view> = true;
template <>
inline constexpr bool std::ranges::enable_borrowed_range<aioxx::bytes_view> = true;
template <>
inline constexpr bool std::ranges::enable_view<aioxx::mutable_bytes_view> = true;
template <>
inline constexpr bool std::ranges::enable_borrowed_range<aioxx::mutable_bytes_view> = true;

/// By content: equal bytes have equal hashes, and those of the std::string_view of the same bytes.
template <>
struct std::hash<aioxx::bytes_view> {
    [[nodiscard]] std::size_t operator()(aioxx::bytes_view bytes) const noexcept {
        return std::hash<std::string_view>()(bytes.str());
    }
};
