// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync/units.hpp: how many there may be of what primitives count: units, parties, tokens.

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

namespace aioxx::detail {

// More than that was a negative number before it became a size.
inline constexpr std::size_t most_units = std::numeric_limits<std::size_t>::max() / 2;

/// Gives a number back, or throws std::invalid_argument when it is below the least or was negative.
///
/// Parameters: `what` the number is, for the text of the error.
inline std::size_t checked_units(const char* what, std::size_t least, std::size_t number) {
    if (number >= least && number <= most_units) return number;
    throw std::invalid_argument(std::string(what) + ": expected " + std::to_string(least) + " or more, got " +
                                std::to_string(static_cast<std::ptrdiff_t>(number)));
}

}  // namespace aioxx::detail
