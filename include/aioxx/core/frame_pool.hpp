// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/frame_pool.hpp: memory for coroutine frames and other small objects that come and go with them.
// One free list per size class and thread. A block may be freed on another thread than its own; it then
// stays with that thread, or goes back at once when that thread has never allocated one.

#include <cstddef>
#include <new>

#include <aioxx/base/config.hpp>

namespace aioxx {

/// Where the pool gets blocks from and gives them back to. Replace both together, before the first use.
struct frame_memory {
    void* (*allocate)(std::size_t size) = [](std::size_t size) { return ::operator new(size); };
    void (*deallocate)(void* block, std::size_t size) noexcept = [](void* block, std::size_t size) noexcept {
        ::operator delete(block, size);
    };
};

namespace detail {

inline constinit frame_memory frame_source{};

#if defined(AIOXX_NO_FRAME_POOL)

inline void* allocate_frame(std::size_t size) { return frame_source.allocate(size); }
inline void deallocate_frame(void* block, std::size_t size) noexcept { frame_source.deallocate(block, size); }

#else

// Plain data without a destructor, so that the thread's copy is reached without an initialisation check.
struct frame_lists {
    static constexpr std::size_t grain = 64;
    static constexpr std::size_t classes = 33;                   // up to 2 KiB
    static constexpr std::size_t keep_at_most = 4 * 1024 * 1024;  // bytes

    void* heads[classes];
    std::size_t kept;
    bool keeps;  // whether the thread keeps freed blocks: not before its cleaner exists, nor after
};

inline constinit thread_local frame_lists free_frames{};

// Gives a thread's blocks back at its end. Touched on the slow path only.
struct frame_lists_cleaner {
    frame_lists_cleaner() noexcept { free_frames.keeps = true; }
    ~frame_lists_cleaner() {
        frame_lists& lists = free_frames;
        lists.keeps = false;
        for (std::size_t index = 0; index < frame_lists::classes; ++index) {
            while (void* block = lists.heads[index]) {
                lists.heads[index] = *static_cast<void**>(block);
                frame_source.deallocate(block, index * frame_lists::grain);
            }
        }
    }
};

inline void* allocate_new_frame(std::size_t size) {
    static thread_local frame_lists_cleaner cleaner;
    static_cast<void>(cleaner);
    return frame_source.allocate(size);
}

inline void* allocate_frame(std::size_t size) {
    frame_lists& lists = free_frames;
    const std::size_t index = (size + frame_lists::grain - 1) / frame_lists::grain;
    if (index >= frame_lists::classes) return frame_source.allocate(size);
    if (void* block = lists.heads[index]) {
        lists.heads[index] = *static_cast<void**>(block);
        lists.kept -= index * frame_lists::grain;
        return block;
    }
    return allocate_new_frame(index * frame_lists::grain);
}

inline void deallocate_frame(void* block, std::size_t size) noexcept {
    frame_lists& lists = free_frames;
    const std::size_t index = (size + frame_lists::grain - 1) / frame_lists::grain;
    if (index >= frame_lists::classes) return frame_source.deallocate(block, size);
    const std::size_t rounded = index * frame_lists::grain;
    if (!lists.keeps || lists.kept + rounded > frame_lists::keep_at_most) {
        return frame_source.deallocate(block, rounded);
    }
    *static_cast<void**>(block) = lists.heads[index];
    lists.heads[index] = block;
    lists.kept += rounded;
}

#endif

}  // namespace detail

/// Replaces the memory below the frame pool. Call it before the first coroutine of the program.
inline void set_frame_memory(frame_memory memory) noexcept { detail::frame_source = memory; }

/// Base of classes whose objects come from the frame pool.
struct pool_allocated {
    static void* operator new(std::size_t size) { return detail::allocate_frame(size); }
    static void operator delete(void* block, std::size_t size) noexcept { detail::deallocate_frame(block, size); }
};

}  // namespace aioxx
