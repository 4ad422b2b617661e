// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/frame_pool.hpp>

#include <cstddef>
#include <cstring>
#include <new>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("blocks of all sizes are usable in full and independent", "[core]") {
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
            const std::size_t size = 1 + random() % 3000;
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

TEST_CASE("a freed block is used again for the same size class", "[core]") {
    void* first = detail::allocate_frame(100);
    detail::deallocate_frame(first, 100);
    void* second = detail::allocate_frame(128);
    CHECK(second == first);
    detail::deallocate_frame(second, 128);
}

namespace {
int taken = 0;
}

TEST_CASE("a thread gives its blocks back at its end, and keeps none that it only freed", "[core][threads]") {
    const frame_memory former = detail::frame_source;
    set_frame_memory({[](std::size_t size) {
                          ++taken;
                          return ::operator new(size);
                      },
                      [](void* block, std::size_t size) noexcept {
                          --taken;
                          ::operator delete(block, size);
                      }});
    void* foreign = nullptr;
    std::thread([&] {
        foreign = detail::allocate_frame(1000);
        detail::deallocate_frame(detail::allocate_frame(200), 200);
    }).join();
    CHECK(taken == 1);
    std::thread([&] { detail::deallocate_frame(foreign, 1000); }).join();
    CHECK(taken == 0);
    set_frame_memory(former);
}

#endif
