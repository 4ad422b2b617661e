// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/support/count_allocations.hpp: the operator new that counts. For one file of a test program, because a
// program can have one only.

#include <cstddef>
#include <cstdlib>
#include <new>

#include <aioxx/base/config.hpp>

#include "support/allocations.hpp"

// Without the pool, as under AddressSanitizer, each frame is an allocation: nothing is counted then.
#if !defined(AIOXX_NO_FRAME_POOL)

// Not inlined: g++ 12 would see malloc meet delete, and free meet new, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++support::allocations;
    if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }

#endif
