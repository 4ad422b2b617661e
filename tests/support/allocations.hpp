// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/support/allocations.hpp: how often a test program has called operator new, if one of its files includes
// support/count_allocations.hpp.

#include <atomic>

namespace support {

inline std::atomic<long> allocations{0};

}  // namespace support
