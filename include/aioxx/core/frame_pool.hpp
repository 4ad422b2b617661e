// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/frame_pool.hpp: what comes from the pool of base/block_pool.hpp: coroutine frames, and objects that are made and
// destroyed as often.

#include <cstddef>

#include <aioxx/base/block_pool.hpp>

namespace aioxx {

/// Replaces the memory below the frame pool. Call it before the first coroutine of the program.
inline void set_frame_memory(frame_memory memory) noexcept { detail::frame_source = memory; }

/// Base of classes whose objects come from the frame pool.
struct pool_allocated {
    static void* operator new(std::size_t size) { return detail::allocate_frame(size); }
    static void operator delete(void* block, std::size_t size) noexcept { detail::deallocate_frame(block, size); }
};

}  // namespace aioxx
