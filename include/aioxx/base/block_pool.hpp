// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/block_pool.hpp: memory for coroutine frames, small objects and buffers that come and go.
// One free list per size class and thread. A block may be freed on another thread than its own; it then
// stays with that thread, or goes back at once when that thread has never allocated one.

#include <algorithm>
#include <bit>
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
    static constexpr std::size_t grain = 16;
    static constexpr std::size_t largest_small = 2048 + 8;
    static constexpr std::size_t largest = 68 * 1024;  // a receive_block
    static constexpr std::size_t small_classes = (largest_small + 7) / grain + 1;
    static constexpr std::size_t classes = small_classes + 6;     // 4 KiB to 64 KiB, and the largest
    static constexpr std::size_t keep_at_most = 4 * 1024 * 1024;  // bytes

    // Small blocks are of 16 n + 8 bytes, which malloc of most C libraries gives without a rest; the others are of
    // powers of two. Requires: a size up to the largest.
    static constexpr std::size_t class_of(std::size_t size) noexcept {
        if (size <= largest_small) [[likely]] return (size + 7) / grain;
        return small_classes + static_cast<std::size_t>(std::bit_width((size - 1) >> 12));
    }
    static constexpr std::size_t size_of(std::size_t index) noexcept {
        if (index < small_classes) [[likely]] return index * grain + 8;
        return std::min(std::size_t{4096} << (index - small_classes), largest);
    }

    void keep(void* block, std::size_t index) noexcept {
        *static_cast<void**>(block) = heads[index];
        heads[index] = block;
        room -= size_of(index);
    }

    // Gives all blocks of a class back.
    void give_back(std::size_t index) noexcept {
        while (void* const block = heads[index]) {
            heads[index] = *static_cast<void**>(block);
            room += size_of(index);
            frame_source.deallocate(block, size_of(index));
        }
    }
    // Other classes make way, so that blocks which nobody uses any more do not fill the pool for good. Returns: false when
    // the thread keeps nothing.
    bool make_room(std::size_t size) noexcept {
        if (!keeps) return false;
        while (room < size) {
            victim = (victim + 1) % classes;
            give_back(victim);
        }
        return true;
    }

    void* heads[classes];
    std::size_t room;    // for so many bytes more: none before the thread's cleaner exists, nor after
    std::size_t victim;  // the class that has made way last
    bool keeps;          // whether the cleaner exists
};

inline constinit thread_local frame_lists free_frames{};

// Gives a thread's blocks back at its end. Touched on the slow path only.
struct frame_lists_cleaner {
    frame_lists_cleaner() noexcept {
        free_frames.keeps = true;
        free_frames.room = frame_lists::keep_at_most;
    }
    ~frame_lists_cleaner() {
        for (std::size_t index = 0; index < frame_lists::classes; ++index) free_frames.give_back(index);
        free_frames.keeps = false;
        free_frames.room = 0;
    }
};

AIOXX_NOINLINE inline void* allocate_new_frame(std::size_t index) {
    static thread_local frame_lists_cleaner cleaner;
    static_cast<void>(cleaner);
    return frame_source.allocate(frame_lists::size_of(index));
}

AIOXX_COLD inline void deallocate_into_full_pool(void* block, std::size_t index) noexcept {
    const std::size_t size = frame_lists::size_of(index);
    if (!free_frames.make_room(size)) return frame_source.deallocate(block, size);
    free_frames.keep(block, index);
}

// Short, because they are inlined everywhere: usually a block is there, or there is room for one.
inline void* allocate_frame(std::size_t size) {
    if (size > frame_lists::largest) return frame_source.allocate(size);
    frame_lists& lists = free_frames;
    const std::size_t index = frame_lists::class_of(size);
    void* const block = lists.heads[index];
    if (block == nullptr) [[unlikely]] return allocate_new_frame(index);
    lists.heads[index] = *static_cast<void**>(block);
    lists.room += frame_lists::size_of(index);
    return block;
}

inline void deallocate_frame(void* block, std::size_t size) noexcept {
    if (size > frame_lists::largest) return frame_source.deallocate(block, size);
    frame_lists& lists = free_frames;
    const std::size_t index = frame_lists::class_of(size);
    if (lists.room < frame_lists::size_of(index)) [[unlikely]] return deallocate_into_full_pool(block, index);
    lists.keep(block, index);
}

#endif

}  // namespace detail

}  // namespace aioxx
