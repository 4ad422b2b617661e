// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/byte_value.hpp: one byte as a parameter, from whatever type a program has it in.

#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <aioxx/buffer/slice.hpp>

namespace aioxx {

/// A byte: a std::byte, a character, or an integer from 0 to 255.
class byte_value {
public:
    constexpr byte_value(std::byte value) noexcept : value_(value) {}
    constexpr byte_value(char value) noexcept : value_(static_cast<std::byte>(value)) {}
    constexpr byte_value(unsigned char value) noexcept : value_(static_cast<std::byte>(value)) {}
    constexpr byte_value(signed char value) noexcept : value_(static_cast<std::byte>(value)) {}

    /// Errors: std::invalid_argument for a number that is no byte (Python: ValueError).
    template <detail::plain_integer Integer>
    requires(sizeof(Integer) > 1) constexpr byte_value(Integer value)
        : value_(static_cast<std::byte>(value)) {
        if (std::cmp_less(value, 0) || std::cmp_greater(value, 255)) {
            throw std::invalid_argument("a byte must be in 0..255, got " + std::to_string(value));
        }
    }

    constexpr operator std::byte() const noexcept { return value_; }
    [[nodiscard]] constexpr char chr() const noexcept { return static_cast<char>(value_); }

private:
    std::byte value_;
};

}  // namespace aioxx
