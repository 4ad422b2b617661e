// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/format_number.hpp: the digits of numbers as Python writes them, without signs and padding.
// Built on std::to_chars, which rounds the exact binary value half to even; this file adds integers of 128
// bits, the # flag, any precision, and Python's repr of a float.

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <string_view>

#include <aioxx/buffer/ascii.hpp>

namespace aioxx::detail {

template <class T, class... Types>
concept one_of = (std::same_as<T, Types> || ...);

/// An integer of up to 128 bits, with __int128 also where it counts as an extension; no characters, no bool.
template <class T>
concept wide_integral = std::convertible_to<int, T> && std::numeric_limits<T>::is_integer &&
                            sizeof(T) <= 16 &&
                        !one_of<T, bool, char, wchar_t, char8_t, char16_t, char32_t>;

/// Sign and magnitude of any integer. Two words, for not all compilers have a type of 128 bits.
struct wide_integer {
    wide_integer() noexcept = default;
    template <wide_integral Integer>
    explicit wide_integer(Integer value) noexcept
        : low(static_cast<std::uint64_t>(value)),
          negative(std::numeric_limits<Integer>::is_signed && value < 0) {
        if constexpr (sizeof(Integer) > sizeof(low)) {
            high = static_cast<std::uint64_t>(value >> 64);
        } else {
            high = negative ? ~std::uint64_t{0} : 0;
        }
        if (negative) {
            low = 0 - low;
            high = ~high + (low == 0);
        }
    }

    /// The magnitude, rounded half to even.
    [[nodiscard]] double to_double() const noexcept {
        if (high == 0) return static_cast<double>(low);
        // The first 64 bits; whatever follows them only decides whether a half is more than a half.
        const int shift = std::countl_zero(high);
        const std::uint64_t first = shift == 0 ? high : high << shift | low >> (64 - shift);
        const std::uint64_t rest = low << shift;
        return std::ldexp(static_cast<double>(first | (rest != 0)), 64 - shift);
    }

    std::uint64_t low = 0;
    std::uint64_t high = 0;
    bool negative = false;
};

/// The digits of a magnitude, in lower case.
class integer_text {
public:
    integer_text(const wide_integer& value, unsigned radix) noexcept {
        if (value.high == 0) {
            char* const end =
                std::to_chars(begin_, std::end(buffer_), value.low, static_cast<int>(radix)).ptr;
            size_ = static_cast<std::size_t>(end - begin_);
        } else {
            write_wide(value, radix);
        }
    }
    integer_text(const integer_text&) = delete;
    integer_text& operator=(const integer_text&) = delete;

    [[nodiscard]] std::string_view text() const noexcept { return {begin_, size_}; }

    void to_upper() noexcept { std::transform(begin_, begin_ + size_, begin_, detail::to_upper); }

private:
    // School division, from the last digit to the first.
    void write_wide(const wide_integer& value, unsigned radix) noexcept {
        std::array<std::uint32_t, 4> limbs = {
            static_cast<std::uint32_t>(value.high >> 32), static_cast<std::uint32_t>(value.high),
            static_cast<std::uint32_t>(value.low >> 32), static_cast<std::uint32_t>(value.low)};
        begin_ = std::end(buffer_);
        while (limbs != std::array<std::uint32_t, 4>{}) {
            std::uint64_t remainder = 0;
            for (std::uint32_t& limb : limbs) {
                const std::uint64_t part = remainder << 32 | limb;
                limb = static_cast<std::uint32_t>(part / radix);
                remainder = part % radix;
            }
            *--begin_ = "0123456789abcdef"[remainder];
        }
        size_ = static_cast<std::size_t>(std::end(buffer_) - begin_);
    }

    char buffer_[43];  // 128 bits in octal
    char* begin_ = buffer_;
    std::size_t size_ = 0;
};

/// The characters of a magnitude, which may be infinite or NaN: mantissa, a run of zeros, exponent.
class real_text {
public:
    /// Parameters: `type` one of eEfFgG; `precision` below 0 for the default.
    real_text(double magnitude, char type, int precision, bool alternate) noexcept {
        const int wanted = precision < 0 ? 6 : precision;
        if (!std::isfinite(magnitude)) {
            write_special(magnitude);
        } else if (detail::to_lower(type) == 'f') {
            write_fixed(magnitude, wanted, alternate);
        } else if (detail::to_lower(type) == 'e') {
            write_scientific(magnitude, wanted, alternate);
        } else {
            write_general(magnitude, std::max(wanted, 1), alternate);
        }
        if (is_upper(type)) {
            std::transform(begin_, end_, begin_, detail::to_upper);
            exponent_[0] = 'E';
        }
    }

    /// Python's repr: the fewest digits that read back as the same number.
    explicit real_text(double magnitude) noexcept {
        if (!std::isfinite(magnitude)) {
            write_special(magnitude);
            return;
        }
        end_ = std::to_chars(begin_, std::end(buffer_), magnitude, std::chars_format::scientific).ptr;
        const int exponent = split_exponent();
        if (exponent < -4 || exponent >= 16) return;
        place_point(exponent);
        if (!has_point()) append(".0");
    }

    real_text(const real_text&) = delete;
    real_text& operator=(const real_text&) = delete;

    [[nodiscard]] std::string_view mantissa() const noexcept {
        return {begin_, static_cast<std::size_t>(end_ - begin_)};
    }
    [[nodiscard]] std::size_t zeros() const noexcept { return zeros_; }
    [[nodiscard]] std::string_view exponent() const noexcept { return {exponent_, exponent_size_}; }

private:
    // No double has a digit other than zero behind so many: the least one is 2 to the power of -1074.
    static constexpr int max_precision = 1074;
    // For the "0.000" that place_point puts in front.
    static constexpr std::size_t headroom = 8;

    void write_special(double magnitude) noexcept { append(std::isnan(magnitude) ? "nan" : "inf"); }

    void write_fixed(double magnitude, int precision, bool alternate) noexcept {
        digits(magnitude, std::chars_format::fixed, precision);
        if (alternate && precision == 0) append(".");
    }

    void write_scientific(double magnitude, int precision, bool alternate) noexcept {
        digits(magnitude, std::chars_format::scientific, precision);
        static_cast<void>(split_exponent());
        if (alternate && precision == 0) append(".");
    }

    void write_general(double magnitude, int precision, bool alternate) noexcept {
        digits(magnitude, std::chars_format::scientific, precision - 1);
        const int exponent = split_exponent();
        if (!alternate) drop_zeros();
        if (exponent >= -4 && exponent < precision) place_point(exponent);
        if (alternate && !has_point()) append(".");
    }

    void digits(double magnitude, std::chars_format form, int precision) noexcept {
        const int written = std::min(precision, max_precision);
        end_ = std::to_chars(begin_, std::end(buffer_), magnitude, form, written).ptr;
        zeros_ = static_cast<std::size_t>(precision - written);
    }

    // Moves the exponent away from behind the mantissa. Returns its value.
    int split_exponent() noexcept {
        char* const mark = std::find(begin_, end_, 'e');
        exponent_size_ = static_cast<std::size_t>(end_ - mark);
        std::memcpy(exponent_, mark, exponent_size_);
        end_ = mark;
        int value = 0;
        std::from_chars(exponent_ + 2, exponent_ + exponent_size_, value);
        return exponent_[1] == '-' ? -value : value;
    }

    // The zeros behind the point that end the mantissa, and the point when nothing is left behind it.
    void drop_zeros() noexcept {
        zeros_ = 0;
        if (!has_point()) return;
        while (end_[-1] == '0')
            --end_;
        if (end_[-1] == '.') --end_;
    }

    // Writes a mantissa with an exponent from -4 on without it.
    void place_point(int exponent) noexcept {
        exponent_size_ = 0;
        if (has_point()) {
            begin_[1] = begin_[0];
            ++begin_;
        }
        if (exponent < 0) {
            begin_ -= 1 - exponent;
            std::fill(begin_, begin_ + 1 - exponent, '0');
            begin_[1] = '.';
            return;
        }
        const std::ptrdiff_t whole = exponent + 1;
        while (end_ - begin_ < whole)
            *end_++ = '0';
        if (end_ - begin_ == whole) return;
        std::memmove(begin_ - 1, begin_, static_cast<std::size_t>(whole));
        --begin_;
        begin_[whole] = '.';
    }

    [[nodiscard]] bool has_point() const noexcept { return std::find(begin_, end_, '.') != end_; }
    void append(std::string_view text) noexcept { end_ = std::copy(text.begin(), text.end(), end_); }

    char buffer_[headroom + 309 + 1 + max_precision + 8];
    char* begin_ = buffer_ + headroom;
    char* end_ = begin_;
    std::size_t zeros_ = 0;
    char exponent_[8];
    std::size_t exponent_size_ = 0;
};

}  // namespace aioxx::detail
