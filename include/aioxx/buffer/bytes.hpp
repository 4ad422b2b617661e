// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/bytes.hpp: bytes that do not change and are shared by all copies: a message for many receivers, a
// key of a map. A copy and a part cost one counter, whatever their size.

#include <compare>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_methods.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/slice.hpp>

namespace aioxx {

/// Shared immutable bytes (Python: bytes).
///
/// Concurrency: copies may be used and destroyed in different threads.
class bytes : public bytes_methods<bytes, bytes_view, bytearray> {
public:
    using value_type = std::byte;
    using iterator = const std::byte*;
    using const_iterator = const std::byte*;
    static constexpr std::size_t npos = bytes_view::npos;

    bytes() noexcept = default;
    /// A copy of the content.
    explicit bytes(bytes_view content) : bytes(bytearray(content)) {}
    /// The content without copying it, unless it is small.
    explicit bytes(bytearray&& content) {
        if (content.empty()) return;
        const auto owner = std::make_shared<const bytearray>(std::move(content));
        view_ = owner->view();
        block_ = owner;
    }
    bytes(const bytes&) noexcept = default;
    bytes(bytes&& other) noexcept
        : block_(std::move(other.block_)), view_(std::exchange(other.view_, bytes_view())) {}
    bytes& operator=(bytes other) noexcept {
        block_ = std::move(other.block_);
        view_ = other.view_;
        return *this;
    }
    ~bytes() = default;

    [[nodiscard]] const std::byte* data() const noexcept { return view_.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return view_.size(); }
    [[nodiscard]] bool empty() const noexcept { return view_.empty(); }
    [[nodiscard]] const_iterator begin() const noexcept { return view_.begin(); }
    [[nodiscard]] const_iterator end() const noexcept { return view_.end(); }
    /// Requires: an index below the size.
    [[nodiscard]] std::byte operator[](std::size_t index) const noexcept { return view_[index]; }

    /// Lifetime: as long as one of the copies.
    [[nodiscard]] bytes_view view() const noexcept { return view_; }
    [[nodiscard]] std::string_view str() const noexcept { return view_.str(); }

    /// A part that shares the memory of all.
    [[nodiscard]] bytes share(slice_bound start, slice_bound stop) const noexcept {
        bytes part = *this;
        part.view_ = view_.slice(start, stop);
        return part;
    }

    friend bool operator==(const bytes& a, const bytes& b) noexcept { return a.view_ == b.view_; }
    friend std::strong_ordering operator<=>(const bytes& a, const bytes& b) noexcept {
        return a.view_ <=> b.view_;
    }
    template <bytes_like Other>
    requires(!std::same_as<Other, bytes> && !std::same_as<Other, bytearray>) friend bool operator==(
        const bytes& a, const Other& b) noexcept {
        return a.view_ == bytes_view(b);
    }

private:
    std::shared_ptr<const void> block_;
    bytes_view view_;
};

}  // namespace aioxx

/// By content, as for bytes_view.
template <>
struct std::hash<aioxx::bytes> {
    [[nodiscard]] std::size_t operator()(const aioxx::bytes& content) const noexcept {
        return std::hash<aioxx::bytes_view>()(content.view());
    }
};
