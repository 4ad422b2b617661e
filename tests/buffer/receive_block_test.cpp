// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/receive_block.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

// Received bytes: so many of the block, the first different for each portion.
bytes_view received(const receive_block& block, std::size_t size, char first) {
    const std::span<std::byte> room = block.room();
    std::fill_n(room.begin(), size, std::byte{'.'});
    room[0] = static_cast<std::byte>(first);
    return {room.data(), size};
}

std::string text_of(char first, std::size_t size) { return std::string(1, first) + std::string(size - 1, '.'); }

}  // namespace

TEST_CASE("a large portion is taken with its block, and what was held stands before it", "[buffer]") {
    for (const std::size_t used : {std::size_t{0}, std::size_t{1}, std::size_t{20'000}}) {
        for (const std::size_t held : {std::size_t{0}, std::size_t{1}, std::size_t{4096}}) {
            CAPTURE(used, held);
            byte_window window;
            window.append(std::string(held, 'h'));
            std::optional<receive_block> block(std::in_place);
            const bytes_view portion = received(*block, 40'000, 'a');
            receive_block::keep(portion, used, window);
            CHECK(window.view().data() + held == portion.data() + used);
            block.reset();
            const receive_block next;
            static_cast<void>(received(next, 40'000, 'b'));
            CHECK(window.view().str() == std::string(held, 'h') + text_of('a', 40'000).substr(used));
        }
    }
}

TEST_CASE("a small portion is copied, and so is one behind much that is held or from elsewhere", "[buffer]") {
    byte_window window;
    std::string expected;
    const auto keep = [&](const receive_block& block, std::size_t size, char first) {
        const bytes_view portion = received(block, size, first);
        receive_block::keep(portion, 1, window);
        expected += text_of(first, size).substr(1);
        CHECK(window.view().str() == expected);
        CHECK(window.view().data() + window.size() != portion.data() + portion.size());
    };
    const receive_block block;
    keep(block, 100, 'a');
    keep(block, 6000, 'b');
    keep(block, 30'000, 'c');
    const std::string elsewhere(30'000, 'e');
    window.consume(window.size());
    receive_block::keep(bytes_view(elsewhere), 0, window);
    CHECK(window.view().data() != static_cast<const void*>(elsewhere.data()));
    CHECK(window.view().str() == elsewhere);
}

TEST_CASE("a block is taken once", "[buffer]") {
    byte_window one;
    byte_window other;
    const receive_block block;
    const bytes_view portion = received(block, 30'000, 'a');
    receive_block::keep(portion, 0, one);
    receive_block::keep(portion, 0, other);
    CHECK(one.view() == other.view());
    CHECK(one.view().data() != other.view().data());
}

TEST_CASE("of two blocks the inner one is lent, then the outer one again", "[buffer]") {
    const receive_block outer;
    const bytes_view first = received(outer, 30'000, 'a');
    byte_window window;
    {
        const receive_block inner;
        receive_block::keep(received(inner, 30'000, 'b'), 0, window);
        CHECK(window.view().str() == text_of('b', 30'000));
        window.consume(window.size());
    }
    receive_block::keep(first, 0, window);
    CHECK(window.view().data() == first.data());
}
