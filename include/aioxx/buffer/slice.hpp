// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/slice.hpp: Python's arithmetic of ranges and slices.
// Bounds count from the end when they are negative, may be left out, and are clamped to what there is.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace aioxx {

namespace detail {

template <class T>
concept plain_integer =
    std::integral<T> && !std::same_as<std::remove_cv_t<T>, bool> && !std::same_as<std::remove_cv_t<T>, char>;

}  // namespace detail

/// A bound of a range, or a position, as Python counts: -1 is the last byte; std::nullopt leaves a bound out.
/// Any integer fits: what is too large for memory is as far as one can go, so npos is the end.
class slice_bound {
public:
    constexpr slice_bound(std::nullopt_t) noexcept : given_(false) {}
    template <detail::plain_integer Integer>
    constexpr slice_bound(Integer value) noexcept : value_(clamped(value)) {}

    [[nodiscard]] constexpr bool given() const noexcept { return given_; }
    [[nodiscard]] constexpr std::ptrdiff_t value() const noexcept { return value_; }

    /// The position among a number of elements; below 0 when it is before the first.
    [[nodiscard]] constexpr std::ptrdiff_t among(std::size_t size) const noexcept {
        return value_ < 0 ? value_ + static_cast<std::ptrdiff_t>(size) : value_;
    }
    /// The position among a number of elements, clamped to them; the fallback when it is left out.
    [[nodiscard]] constexpr std::size_t clamped_to(std::size_t size, std::size_t fallback) const noexcept {
        if (!given_) return fallback;
        return std::min(size, static_cast<std::size_t>(std::max(std::ptrdiff_t{0}, among(size))));
    }

private:
    template <class Integer>
    static constexpr std::ptrdiff_t clamped(Integer value) noexcept {
        // Not the least: its opposite, which a step may need, is no number.
        constexpr std::ptrdiff_t most = std::numeric_limits<std::ptrdiff_t>::max();
        const auto promoted = +value;  // characters cannot be compared below
        if (std::cmp_greater(promoted, most)) return most;
        if (std::cmp_less(promoted, -most)) return -most;
        return static_cast<std::ptrdiff_t>(value);
    }

    std::ptrdiff_t value_ = 0;
    bool given_ = true;
};

namespace detail {

/// Where a search looks. A range that starts behind its end, or behind all, has nothing in it, not even an
/// empty match.
struct search_range {
    std::size_t begin;
    std::size_t end;

    constexpr search_range(std::size_t size, slice_bound start, slice_bound stop) noexcept
        : begin(start.given() ? static_cast<std::size_t>(std::max(std::ptrdiff_t{0}, start.among(size))) : 0),
          end(stop.clamped_to(size, size)) {}

    [[nodiscard]] constexpr bool exists() const noexcept { return begin <= end; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return end - begin; }
};

/// The elements of a slice: `count` of them, from `start` on, `step` apart.
struct slice_range {
    std::ptrdiff_t start;
    std::ptrdiff_t step;
    std::size_t count;

    /// Errors: std::invalid_argument for a step of 0.
    constexpr slice_range(std::size_t size, slice_bound from, slice_bound to, slice_bound stride)
        : start(0), step(stride.given() ? stride.value() : 1), count(0) {
        if (step == 0) throw std::invalid_argument("a slice's step must not be 0");
        const auto length = static_cast<std::ptrdiff_t>(size);
        // Going down, the positions are those before the first up to the last, instead of the first up to
        // behind the last.
        const std::ptrdiff_t lowest = step < 0 ? -1 : 0;
        const std::ptrdiff_t highest = step < 0 ? length - 1 : length;
        start = from.given() ? std::clamp(from.among(size), lowest, highest) : step < 0 ? highest : lowest;
        const std::ptrdiff_t stop = to.given() ? std::clamp(to.among(size), lowest, highest)
                                    : step < 0 ? lowest
                                               : highest;
        if (step > 0 && start < stop) count = static_cast<std::size_t>((stop - start - 1) / step) + 1;
        if (step < 0 && stop < start) count = static_cast<std::size_t>((start - stop - 1) / -step) + 1;
    }

    [[nodiscard]] constexpr std::size_t operator[](std::size_t index) const noexcept {
        return static_cast<std::size_t>(start + static_cast<std::ptrdiff_t>(index) * step);
    }

    /// The same elements in ascending order.
    [[nodiscard]] constexpr slice_range ascending() const noexcept {
        slice_range upwards = *this;
        if (step < 0) {
            upwards.step = -step;
            if (count != 0) upwards.start = static_cast<std::ptrdiff_t>((*this)[count - 1]);
        }
        return upwards;
    }
};

}  // namespace detail

}  // namespace aioxx
