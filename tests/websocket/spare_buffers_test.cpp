// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/spare_buffers.hpp>

#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;
using websocket::detail::give_spare;
using websocket::detail::take_spare;

TEST_CASE("memory that is given is what the next taker gets", "[websocket]") {
    for (const std::size_t size : {1U, 256U, 257U, 1000U, 4096U, 5000U, 65'536U}) {
        CAPTURE(size);
        bytearray first = take_spare(size);
        CHECK(first.empty());
        CHECK(first.capacity() >= size);
        const std::byte* const place = first.data();
        first.append("content");
        give_spare(std::move(first));
        bytearray second = take_spare(size);
        CHECK(second.empty());
        CHECK(second.data() == place);
        give_spare(std::move(second));
    }
}

TEST_CASE("the content of a spare stays where it is when it is moved", "[websocket]") {
    bytearray spare = take_spare(1);
    spare.append("x");
    const std::byte* const place = spare.data();
    const bytearray moved = std::move(spare);
    CHECK(moved.data() == place);
}

TEST_CASE("memory of any other origin and size is taken as well, and not kept", "[websocket]") {
    give_spare(bytearray());
    give_spare(bytearray("short"));
    give_spare(bytearray(std::size_t{1000}, std::byte{1}));
    CHECK(take_spare(1000).capacity() == 1024);
    constexpr std::size_t largest = websocket::detail::spare_blocks::sizes.back();
    bytearray large = take_spare(largest + 1);
    CHECK(large.capacity() > largest);
    give_spare(std::move(large));
    bytearray consumed = take_spare(100);
    consumed.append("something");
    consumed.consume(4);
    give_spare(std::move(consumed));
    CHECK(take_spare(100).empty());
}

TEST_CASE("a thread keeps a bounded number of blocks, and gives them back at its end", "[websocket]") {
    std::thread([] {  // a leak would be seen by the sanitizer
        std::vector<bytearray> many;
        for (int i = 0; i < 1000; ++i) many.push_back(take_spare(4096));
        for (bytearray& each : many) give_spare(std::move(each));
        CHECK(websocket::detail::spares.counts[2] == websocket::detail::spare_blocks::kept_at_most[2]);
    }).join();
}
