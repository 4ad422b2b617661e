// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/integration/allocations.hpp: the count of allocations that allocations_test.cpp keeps for all of the program.

#include <aioxx/base/config.hpp>

// Without the pool, as under AddressSanitizer, each frame is an allocation.
#if !defined(AIOXX_NO_FRAME_POOL)

namespace support {

/// Calls of operator new until now.
[[nodiscard]] long allocations_so_far() noexcept;

}  // namespace support

#endif
