// SPDX-License-Identifier: BSL-1.0
#include <aioxx/base/block_pool.hpp>

#include <cstddef>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("blocks of all sizes are usable in full and independent", "[base]") {
    std::mt19937 random(5);
    std::vector<std::pair<unsigned char*, std::size_t>> blocks;
    const auto release = [](std::pair<unsigned char*, std::size_t> block) {
        for (std::size_t at = 0; at < block.second; ++at) {
            if (block.first[at] != static_cast<unsigned char>(block.second)) FAIL("overwritten");
        }
        detail::deallocate_frame(block.first, block.second);
    };
    for (int step = 0; step < 5000; ++step) {
        if (random() % 2 == 0 || blocks.empty()) {
            const std::size_t size = 1 + random() % (random() % 8 == 0 ? 80'000 : 3000);
            auto* memory = static_cast<unsigned char*>(detail::allocate_frame(size));
            std::memset(memory, static_cast<unsigned char>(size), size);
            blocks.emplace_back(memory, size);
        } else {
            std::swap(blocks[random() % blocks.size()], blocks.back());
            release(blocks.back());
            blocks.pop_back();
        }
    }
    for (const auto& block : blocks) release(block);
    SUCCEED();
}

#if !defined(AIOXX_NO_FRAME_POOL)

TEST_CASE("a freed block is used again for the same size class", "[base]") {
    const std::pair<std::size_t, std::size_t> together[] = {{89, 104},      {2041, 2056},       {2057, 4096},
                                                            {4097, 8192},   {32'769, 65'536},   {65'537, 69'632}};
    for (const auto& [smaller, larger] : together) {
        CAPTURE(smaller, larger);
        void* first = detail::allocate_frame(smaller);
        detail::deallocate_frame(first, smaller);
        void* other = detail::allocate_frame(larger + 1);
        CHECK(other != first);
        void* second = detail::allocate_frame(larger);
        CHECK(second == first);
        detail::deallocate_frame(second, larger);
        detail::deallocate_frame(other, larger + 1);
    }
}

TEST_CASE("a full pool makes way for blocks of another size, and keeps no more than it may", "[base]") {
    constexpr std::size_t former = 1000;
    constexpr std::size_t present = 300;
    std::vector<void*> many(2 * detail::frame_lists::keep_at_most / former);
    for (void*& block : many) block = detail::allocate_frame(former);
    for (void* const block : many) detail::deallocate_frame(block, former);
    CHECK(detail::free_frames.room <= detail::frame_lists::keep_at_most);  // not less than none
    void* const first = detail::allocate_frame(present);
    detail::deallocate_frame(first, present);
    CHECK(detail::free_frames.heads[detail::frame_lists::class_of(present)] == first);
    CHECK(detail::free_frames.room <= detail::frame_lists::keep_at_most);
}

#endif
