// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/byte_cursor.hpp: reads numbers and blocks, and says when there is not enough yet.
// Numbers are in network order (big-endian) unless the name ends with _le. A varint has seven bits in each
// byte, the lowest first, and the highest bit of a byte says that another one follows (LEB128).

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

/// A position in borrowed bytes. A read that cannot be satisfied gives nothing and moves nothing.
///
/// Example: `const auto size = cursor.u32(); if (!size) return read_more(cursor.missing());`
class byte_cursor {
public:
    explicit byte_cursor(bytes_view bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }

    /// How many more bytes the last read needs at least; 0 when it was satisfied, and when no more bytes can
    /// help: a varint that is too long.
    [[nodiscard]] std::size_t missing() const noexcept { return missing_; }

    std::optional<std::uint8_t> u8() noexcept { return big<std::uint8_t>(); }
    std::optional<std::uint16_t> u16() noexcept { return big<std::uint16_t>(); }
    std::optional<std::uint32_t> u32() noexcept { return big<std::uint32_t>(); }
    std::optional<std::uint64_t> u64() noexcept { return big<std::uint64_t>(); }
    std::optional<std::uint16_t> u16_le() noexcept { return little<std::uint16_t>(); }
    std::optional<std::uint32_t> u32_le() noexcept { return little<std::uint32_t>(); }
    std::optional<std::uint64_t> u64_le() noexcept { return little<std::uint64_t>(); }

    /// A varint. Nothing for one of more than 64 bits; then missing() is 0.
    std::optional<std::uint64_t> varint() noexcept {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < most_varint_bytes; ++i) {
            if (i == remaining()) return lacks(1);
            const auto byte = std::to_integer<std::uint64_t>(bytes_[position_ + i]);
            if (i + 1 == most_varint_bytes && byte > 1) break;
            value |= (byte & 0x7f) << (7 * i);
            if (byte < 0x80) {
                static_cast<void>(bytes(i + 1));
                return value;
            }
        }
        return lacks(0);
    }
    /// A varint in zigzag order: 0, -1, 1, -2, 2 and so on.
    std::optional<std::int64_t> signed_varint() noexcept {
        const auto number = varint();
        if (!number) return std::nullopt;
        return static_cast<std::int64_t>((*number >> 1) ^ (0 - (*number & 1)));
    }

    /// A block. Lifetime: as the bytes of the cursor.
    std::optional<bytes_view> bytes(std::size_t count) noexcept {
        if (remaining() < count) return lacks(count - remaining());
        const bytes_view block = bytes_.subview(position_, count);
        position_ += count;
        missing_ = 0;
        return block;
    }

    /// Returns: whether there were that many.
    bool skip(std::size_t count) noexcept { return bytes(count).has_value(); }

    /// The value of a read, for bytes that have to be there: `cursor.require(cursor.u32())`.
    /// Errors: std::out_of_range saying how many more bytes are needed; std::invalid_argument for a varint
    /// that is too long.
    template <class Value>
    Value require(const std::optional<Value>& value) const {
        if (value) return *value;
        const std::string where = " at position " + std::to_string(position_);
        if (missing_ == 0) throw std::invalid_argument("a varint of more than 64 bits" + where);
        throw std::out_of_range("need " + std::to_string(missing_) +
                                (missing_ == 1 ? " more byte" : " more bytes") + where);
    }

private:
    static constexpr std::size_t most_varint_bytes = 10;

    std::nullopt_t lacks(std::size_t count) noexcept {
        missing_ = count;
        return std::nullopt;
    }

    template <std::unsigned_integral Number>
    std::optional<Number> big() noexcept {
        return number<Number>([](std::size_t i) { return 8 * (sizeof(Number) - 1 - i); });
    }
    template <std::unsigned_integral Number>
    std::optional<Number> little() noexcept {
        return number<Number>([](std::size_t i) { return 8 * i; });
    }
    template <std::unsigned_integral Number, class Shift>
    std::optional<Number> number(Shift shift) noexcept {
        const auto block = bytes(sizeof(Number));
        if (!block) return std::nullopt;
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof(Number); ++i)
            value |= std::to_integer<std::uint64_t>((*block)[i]) << shift(i);
        return static_cast<Number>(value);
    }

    bytes_view bytes_;
    std::size_t position_ = 0;
    std::size_t missing_ = 0;
};

}  // namespace aioxx
