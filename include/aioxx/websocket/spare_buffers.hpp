// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/spare_buffers.hpp: memory of messages that is used again, so that receiving allocates nothing once it runs.
// A few blocks of a few sizes for each thread; a connection that waits holds none of them.

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>

namespace aioxx::websocket::detail {

// Plain data without a destructor, so that the thread's copy is reached without an initialisation check.
struct spare_blocks {
    static constexpr std::array<std::size_t, 5> sizes{256, 1024, 4096, 64 * 1024, 256 * 1024};
    static constexpr std::array<unsigned, 5> kept_at_most{64, 64, 64, 8, 2};

    std::byte* heads[sizes.size()];  // of lists through the first bytes of the blocks
    unsigned counts[sizes.size()];
    bool keeps;  // not before the thread's cleaner exists, nor after
};

inline constinit thread_local spare_blocks spares{};

// Gives a thread's blocks back at its end. Touched on the slow path only.
struct spare_blocks_cleaner {
    spare_blocks_cleaner() noexcept { spares.keeps = true; }
    ~spare_blocks_cleaner() {
        spares.keeps = false;
        for (std::byte*& head : spares.heads) {
            while (head != nullptr) {
                const std::unique_ptr<std::byte[]> freed(head);
                std::memcpy(&head, freed.get(), sizeof head);
            }
        }
    }
};

/// An empty bytearray with room for a number of bytes, never inline: moving it leaves its content where it is.
[[nodiscard]] inline bytearray take_spare(std::size_t size) {
    for (std::size_t index = 0; index < spare_blocks::sizes.size(); ++index) {
        const std::size_t capacity = spare_blocks::sizes[index];
        if (size > capacity) continue;
        std::byte*& head = spares.heads[index];
        std::unique_ptr<std::byte[]> block(head);
        if (block != nullptr) {
            std::memcpy(&head, block.get(), sizeof head);
            --spares.counts[index];
        } else {
            static thread_local const spare_blocks_cleaner cleaner;
            static_cast<void>(cleaner);
            block = std::make_unique_for_overwrite<std::byte[]>(capacity);
        }
        return bytearray::adopt(std::move(block), 0, capacity);
    }
    bytearray large;
    large.reserve(size);
    return large;
}

/// Takes the memory of a bytearray that is done with, whatever its origin.
inline void give_spare(bytearray&& done) noexcept {
    if (done.capacity() == bytearray::inline_size) return done.clear();
    bytearray gone(std::move(done));
    for (std::size_t index = 0; index < spare_blocks::sizes.size(); ++index) {
        if (gone.capacity() != spare_blocks::sizes[index]) continue;
        if (!spares.keeps || spares.counts[index] == spare_blocks::kept_at_most[index]) return;
        gone.clear();
        std::byte* const block = gone.release().release();
        std::memcpy(block, &spares.heads[index], sizeof spares.heads[index]);
        spares.heads[index] = block;
        ++spares.counts[index];
        return;
    }
}

}  // namespace aioxx::websocket::detail
