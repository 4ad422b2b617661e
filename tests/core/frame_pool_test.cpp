// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/frame_pool.hpp>

#include <cstddef>
#include <new>
#include <thread>

#include "support/catch.hpp"

using namespace aioxx;

#if !defined(AIOXX_NO_FRAME_POOL)

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
