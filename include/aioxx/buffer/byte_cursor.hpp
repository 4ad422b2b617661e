// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/byte_cursor.hpp: reads big-endian numbers and blocks, and says when there is not enough yet.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

/// A position in borrowed bytes. A read that cannot be satisfied gives nothing and moves nothing.
class byte_cursor {
public:
    explicit byte_cursor(bytes_view bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - position_; }

    std::optional<std::uint8_t> u8() noexcept { return number<std::uint8_t>(); }
    std::optional<std::uint16_t> u16() noexcept { return number<std::uint16_t>(); }
    std::optional<std::uint32_t> u32() noexcept { return number<std::uint32_t>(); }
    std::optional<std::uint64_t> u64() noexcept { return number<std::uint64_t>(); }

    /// A block. Lifetime: as the bytes of the cursor.
    std::optional<bytes_view> bytes(std::size_t count) noexcept {
        if (remaining() < count) return std::nullopt;
        const bytes_view block = bytes_.subview(position_, count);
        position_ += count;
        return block;
    }

    /// Returns: whether there were that many.
    bool skip(std::size_t count) noexcept { return bytes(count).has_value(); }

private:
    template <std::unsigned_integral Number>
    std::optional<Number> number() noexcept {
        const auto block = bytes(sizeof(Number));
        if (!block) return std::nullopt;
        Number value = 0;
        for (const std::byte byte : *block) {
            value = static_cast<Number>(static_cast<Number>(value << (sizeof(Number) > 1 ? 8 : 0)) |
                                        std::to_integer<Number>(byte));
        }
        return value;
    }

    bytes_view bytes_;
    std::size_t position_ = 0;
};

}  // namespace aioxx
