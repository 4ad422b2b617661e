// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/asio_error.hpp: error codes as they come from Asio, made comparable with std::errc.
// Old Asio has a category of its own for the system's codes, which compares equal to nothing else.

#include <system_error>

#include <asio/error.hpp>

namespace aioxx {

/// The same code in the standard's system category if it is one of the system's; others as they are.
[[nodiscard]] inline std::error_code to_std(const asio::error_code& code) noexcept {
    if (code.category() != asio::error::get_system_category()) return code;
    return {code.value(), std::system_category()};
}

}  // namespace aioxx
