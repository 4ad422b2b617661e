// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/bytes.hpp>

#include <algorithm>
#include <functional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

static_assert(std::ranges::contiguous_range<bytes> && bytes_like<bytes> &&
              std::is_nothrow_copy_constructible_v<bytes> && std::is_nothrow_move_constructible_v<bytes>);

}  // namespace

TEST_CASE("copies and parts share the memory, which stays while one of them does", "[buffer]") {
    bytes part;
    const std::byte* address = nullptr;
    {
        bytes original(bytearray(std::string(1000, 'x') + "tail"));
        const bytes copy = original;
        CHECK(copy.data() == original.data());
        address = original.data() + 1000;
        part = copy.share(-4, std::nullopt);
        original = bytes();
        CHECK(original.empty());
    }
    CHECK(part == "tail");
    CHECK(part.data() == address);
    const bytes same = part;
    part = std::move(part).share(1, 3);
    CHECK(part == "ai");
    CHECK(same == "tail");
}

TEST_CASE("a bytearray becomes bytes without being copied", "[buffer]") {
    bytearray source(std::string(1000, 'x'));
    const std::byte* const block = source.data();
    const bytes shared(std::move(source));
    CHECK(shared.data() == block);
    CHECK(source.empty());
    CHECK(bytes(bytearray()).empty());
    CHECK(bytes(bytearray("small")) == "small");
}

TEST_CASE("what was moved from is empty and can be used again", "[buffer]") {
    bytes first(bytes_view("abc"));
    bytes second = std::move(first);
    CHECK(first.empty());
    CHECK(second == "abc");
    first = second;
    CHECK(first == "abc");
    bytes& alias = first;
    first = alias;
    CHECK(first == "abc");
}

TEST_CASE("bytes compare by content with whatever is made of bytes", "[buffer]") {
    const bytes content(bytes_view("abc"));
    CHECK(content == bytes(bytes_view("abc")));
    CHECK(content == "abc");
    CHECK(content == bytearray("abc"));
    CHECK(bytearray("abc") == content);
    CHECK(content == std::string("abc"));
    CHECK(content != bytes_view("abd"));
    CHECK(content < bytes(bytes_view("abd")));
    CHECK(content[1] == std::byte{'b'});
    CHECK(std::ranges::equal(content, bytes_view("abc")));
    CHECK(content.at(-1) == std::byte{'c'});
    CHECK_THROWS_AS(content.at(3), std::out_of_range);
}

TEST_CASE("equal bytes have equal hashes", "[buffer]") {
    CHECK(std::hash<bytes>()(bytes(bytes_view("abc"))) == std::hash<bytes_view>()("abc"));
    CHECK(std::hash<bytes_view>()("abc") == std::hash<std::string_view>()("abc"));
    std::unordered_map<bytes, int> counts;
    ++counts[bytes(bytes_view("key"))];
    ++counts[bytes(bytearray("key"))];
    CHECK(counts.at(bytes(bytes_view("key"))) == 2);
    std::unordered_set<bytes_view> views = {"a", "b", "a"};
    CHECK(views.size() == 2);
}
