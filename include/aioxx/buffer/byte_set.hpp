// SPDX-License-Identifier: BSL-1.0
#pragma once

// buffer/byte_set.hpp: a set of byte values.

#include <array>
#include <cstddef>
#include <string_view>

namespace aioxx::detail {

/// 256 flags.
class byte_set {
public:
    constexpr explicit byte_set(std::string_view members) noexcept {
        for (const char member : members)
            flags_[static_cast<unsigned char>(member)] = true;
    }

    [[nodiscard]] constexpr bool contains(char value) const noexcept {
        return flags_[static_cast<unsigned char>(value)];
    }

private:
    // One byte for each: bits would have to be shifted out.
    std::array<bool, 256> flags_{};
};

}  // namespace aioxx::detail
