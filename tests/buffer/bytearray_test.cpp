// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/bytearray.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

static_assert(std::ranges::contiguous_range<bytearray> && std::ranges::contiguous_range<const bytearray> &&
              !std::ranges::view<bytearray> && !std::ranges::borrowed_range<bytearray>);
static_assert(std::is_nothrow_move_constructible_v<bytearray> &&
              std::is_nothrow_move_assignable_v<bytearray>);
static_assert(sizeof(bytearray) <= 64 && bytearray::inline_size >= 24);
static_assert(bytes_like<bytearray> && !std::is_convertible_v<bytes_view, bytearray>);
static_assert(!std::is_constructible_v<bytearray, int>, "bytearray(0) must not be a null pointer");

constexpr std::size_t inline_size = bytearray::inline_size;
constexpr std::size_t largest_pooled = 248;  // of a block from the pool

std::string text_of(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>('a' + i % 26);
    return text;
}

bool is_inline(const bytearray& bytes) {
    const auto* object = reinterpret_cast<const std::byte*>(&bytes);
    return bytes.data() >= object && bytes.data() < object + sizeof(bytes);
}

}  // namespace

TEST_CASE("a bytearray is made of nothing, of bytes, or of a repeated byte", "[buffer]") {
    CHECK(bytearray().empty());
    CHECK(bytearray("abc").str() == "abc");
    CHECK(bytearray(std::string(100, 'x')) == std::string(100, 'x'));
    CHECK(bytearray(3, std::byte{'z'}) == "zzz");
    CHECK(bytearray(bytes_view()).empty());
}

TEST_CASE("contents around the inline size survive copy, move, growth and shrinking", "[buffer]") {
    for (const std::size_t size :
         {std::size_t{0}, inline_size - 1, inline_size, inline_size + 1, 5 * inline_size}) {
        CAPTURE(size);
        const std::string text = text_of(size);
        bytearray original(text);
        CHECK(is_inline(original) == (size <= inline_size));

        const bytearray copy(original);
        CHECK(copy == text);
        CHECK(copy.data() != original.data());

        bytearray moved(std::move(original));
        CHECK(moved == text);
        CHECK(original.empty());
        original.append("reused");
        CHECK(original == "reused");

        bytearray assigned("something else that is longer than what fits inside");
        assigned = copy;
        CHECK(assigned == text);
        assigned = std::move(moved);
        CHECK(assigned == text);
        assigned = static_cast<const bytearray&>(assigned);
        CHECK(assigned == text);

        assigned.push_back(std::byte{'!'});
        CHECK(assigned == text + "!");
        assigned.resize(size);
        assigned.shrink_to_fit();
        CHECK(assigned == text);
        CHECK(is_inline(assigned) == (size <= inline_size));
    }
}

TEST_CASE("contents of up to the inline size need no block, whatever was consumed before", "[buffer]") {
    bytearray bytes;
    for (std::size_t consumed = 0; consumed <= inline_size; ++consumed) {
        bytes.assign(text_of(inline_size));
        bytes.consume(consumed);
        bytes.append(text_of(consumed));
        REQUIRE(bytes.size() == inline_size);
        REQUIRE(is_inline(bytes));
    }
    bytes.append(std::byte{'x'});
    CHECK_FALSE(is_inline(bytes));
}

TEST_CASE("a moved block keeps its address", "[buffer]") {
    bytearray bytes(text_of(1000));
    const std::byte* const block = bytes.data();
    bytearray other(std::move(bytes));
    CHECK(other.data() == block);
    const bytearray taken = other.take(1000);
    CHECK(taken.data() == block);
    CHECK(other.empty());
    CHECK(is_inline(other));
}

TEST_CASE("take hands over the block when most of it is wanted, else it copies and keeps it", "[buffer]") {
    bytearray bytes(text_of(1000));
    const std::byte* const block = bytes.data();
    SECTION("most") {
        const bytearray taken = bytes.take(900);
        CHECK(taken == text_of(1000).substr(0, 900));
        CHECK(taken.data() == block);
        CHECK(bytes == text_of(1000).substr(900));
    }
    SECTION("a little") {
        const bytearray taken = bytes.take(100);
        CHECK(taken == text_of(100));
        CHECK(bytes == text_of(1000).substr(100));
        CHECK(bytes.data() == block + 100);
    }
    SECTION("all, but so little that it needs no block") {
        bytes.consume(990);
        CHECK(is_inline(bytes.take(10)));
        CHECK(bytes.capacity() >= 1000);
    }
    SECTION("nothing") {
        CHECK(bytes.take(0).empty());
        CHECK(bytes.size() == 1000);
    }
}

TEST_CASE("memory goes back only when asked for and only when there is no content", "[buffer]") {
    bytearray bytes(text_of(1000));
    bytes.release_memory();
    CHECK(bytes == text_of(1000));
    bytes.consume(1000);
    CHECK(bytes.capacity() >= 1000);
    bytes.release_memory();
    CHECK(is_inline(bytes));
    CHECK(bytes.capacity() == inline_size);
}

TEST_CASE("shrink_to_fit leaves a block of the size and is settled after one call", "[buffer]") {
    for (const std::size_t size : {inline_size + 1, 2 * inline_size, 2 * inline_size + 1, std::size_t{700}}) {
        bytearray bytes(text_of(1000));
        bytes.resize(size);
        bytes.shrink_to_fit();
        CHECK(bytes == text_of(1000).substr(0, size));
        CHECK(bytes.capacity() == std::max(size, 2 * inline_size));
        const std::byte* const block = bytes.data();
        bytes.shrink_to_fit();
        CHECK(bytes.data() == block);
    }
}

TEST_CASE("bytes of the bytearray itself can be appended, inserted and assigned", "[buffer]") {
    for (const std::size_t size : {std::size_t{5}, inline_size, std::size_t{64}, std::size_t{300}}) {
        CAPTURE(size);
        const std::string text = text_of(size);
        bytearray bytes(text);
        bytes += bytes;
        CHECK(bytes == text + text);
        bytes.append(bytes.view().subview(1, 3));
        CHECK(bytes == text + text + text.substr(1, 3));

        bytearray inserted(text);
        inserted.insert(2, inserted);
        CHECK(inserted == text.substr(0, 2) + text + text.substr(2));

        bytearray assigned(text);
        assigned.assign(assigned.view().subview(2));
        CHECK(assigned == text.substr(2));
        assigned = assigned.view().first(1);
        CHECK(assigned == text.substr(2, 1));
    }
}

TEST_CASE("appending, consuming, inserting and erasing agree with std::string on random steps", "[buffer]") {
    std::mt19937 random(3);
    bytearray bytes;
    std::string model;
    const auto up_to = [&](std::size_t most) { return static_cast<std::size_t>(random() % (most + 1)); };
    for (int step = 0; step < 60000; ++step) {
        CAPTURE(step);
        const std::string piece = text_of(up_to(step % 3 == 0 ? 90 : 8));
        switch (random() % 12) {
            case 0:
            case 1: {
                bytes.append(piece);
                model += piece;
                break;
            }
            case 2: {
                bytes.push_back(std::byte{'#'});
                model += '#';
                break;
            }
            case 3:
            case 4: {
                const std::size_t count = up_to(model.size());
                bytes.consume(count);
                model.erase(0, count);
                break;
            }
            case 5: {
                const std::size_t count = up_to(model.size());
                REQUIRE(bytes.take(count) == model.substr(0, count));
                model.erase(0, count);
                break;
            }
            case 6: {
                const std::size_t at = up_to(model.size() + 2);
                bytes.insert(at, piece);
                model.insert(std::min(at, model.size()), piece);
                break;
            }
            case 7: {
                const std::size_t at = up_to(model.size());
                const std::size_t count = up_to(20);
                bytes.erase(at, count);
                model.erase(at, count);
                break;
            }
            case 8: {
                const std::size_t size = up_to(model.size() + 20);
                bytes.resize(size);
                model.resize(size);
                break;
            }
            case 9: {
                const mutable_bytes_view room = bytes.prepare(piece.size() + 5);
                REQUIRE(room.size() == piece.size() + 5);
                std::ranges::copy(bytes_view(piece), room.begin());
                bytes.commit(piece.size());
                model += piece;
                break;
            }
            case 10: {
                const std::size_t at = up_to(model.size());
                const std::size_t count = up_to(model.size() - at);
                if (model.size() > 2000) break;
                bytes.append(bytes.view().subview(at, count));
                model += model.substr(at, count);
                break;
            }
            default: {
                if (random() % 4 == 0) bytes.shrink_to_fit();
                if (random() % 8 == 0) bytes.reserve(up_to(200));
                if (random() % 64 == 0) bytes.clear(), model.clear();
                bytes.release_memory();
            }
        }
        REQUIRE(bytes.str() == model);
        REQUIRE(bytes.capacity() >= bytes.size());
        REQUIRE((!is_inline(bytes) || bytes.size() <= inline_size));
    }
}

TEST_CASE("each byte is moved a bounded number of times however it passes through", "[buffer]") {
    // Content that stays about as large as `held` while the bytes pass; appends that move it are counted.
    for (const std::size_t held : {std::size_t{10}, std::size_t{33}, std::size_t{100}, std::size_t{5000}}) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{64}}) {
            CAPTURE(held, piece);
            bytearray bytes;
            bytes.reserve(held +
                          piece);  // a block with so little room would have to be compacted all the time
            bytes.append(text_of(held));
            const std::string text = text_of(piece);
            std::size_t moved = 0;
            std::size_t passed = 0;
            while (passed < 200'000) {
                const std::byte* const before = bytes.data();
                const std::size_t content = bytes.size();
                bytes.append(text);
                if (bytes.data() != before) moved += content;
                bytes.consume(piece);
                passed += piece;
            }
            // Inline contents may move with every append, but they are no longer than inline_size.
            CHECK(moved <= (is_inline(bytes) ? passed * inline_size : 2 * passed + 8 * held));
            CHECK(bytes.capacity() <= 8 * (held + piece + inline_size));
        }
    }
}

TEST_CASE("growth is geometric", "[buffer]") {
    bytearray bytes;
    std::size_t blocks = 0;
    for (std::size_t i = 0; i < 1'000'000; ++i) {
        const std::size_t before = bytes.capacity();
        bytes.append(std::byte{1});
        blocks += bytes.capacity() != before;
    }
    CHECK(blocks <= 16);
    CHECK(bytes.capacity() <= 2 * bytes.size());
}

TEST_CASE("reserved and prepared room is used without moving", "[buffer]") {
    bytearray bytes("abc");
    bytes.reserve(500);
    const std::byte* const block = bytes.data();
    bytes.append(text_of(497));
    CHECK(bytes.data() == block);
    CHECK(bytes.capacity() == 500);
    bytes.reserve(10);
    CHECK(bytes.capacity() == 500);

    bytes.clear();
    const mutable_bytes_view room = bytes.prepare(200);
    std::memset(room.data(), 'r', room.size());
    CHECK(bytes.empty());
    bytes.commit(150);
    CHECK(bytes == std::string(150, 'r'));
    CHECK(bytes.data() == room.data());
}

TEST_CASE("a resize fills with zeros, or with the byte asked for", "[buffer]") {
    bytearray bytes("dirty contents");
    bytes.clear();
    bytes.resize(5);
    CHECK(bytes == bytes_view("\0\0\0\0\0"));
    bytes.resize(7, std::byte{'x'});
    CHECK(bytes == bytes_view("\0\0\0\0\0xx"));
    bytes.resize(1);
    CHECK(bytes.size() == 1);
}

TEST_CASE("elements are read and written by index, and a wrong one is named", "[buffer]") {
    bytearray bytes("abc");
    bytes[1] = std::byte{'x'};
    bytes.at(2) = std::byte{'y'};
    bytes.front() = std::byte{'w'};
    CHECK(bytes == "wxy");
    bytes.back() = std::byte{'z'};
    const bytearray& constant = bytes;
    CHECK(constant.front() == std::byte{'w'});
    CHECK(constant.at(2) == std::byte{'z'});
    CHECK(constant[1] == std::byte{'x'});
    CHECK(constant.back() == std::byte{'z'});
    CHECK_THROWS_AS(bytes.at(3), std::out_of_range);
    try {
        static_cast<void>(constant.at(17));
        FAIL("at must throw");
    } catch (const std::out_of_range& error) {
        const std::string_view text = error.what();
        CHECK(text.find("17") != std::string_view::npos);
        CHECK(text.find("3 bytes") != std::string_view::npos);
    }
}

TEST_CASE("a size that cannot be is refused and the content stays", "[buffer]") {
    bytearray bytes("abc");
    CHECK_THROWS_AS(bytes.resize(bytearray::max_size() + 1), std::length_error);
    CHECK_THROWS_AS(bytes.reserve(bytearray::npos), std::length_error);
    CHECK_THROWS_AS(bytes.prepare(bytearray::npos), std::length_error);
    CHECK_THROWS_AS(bytes.prepare(bytearray::max_size() - 2), std::length_error);
    CHECK(bytes == "abc");
}

TEST_CASE("a bytearray compares with whatever is made of bytes", "[buffer]") {
    const bytearray bytes("abc");
    CHECK(bytes == "abc");
    CHECK("abc" == bytes);
    CHECK(bytes == std::string("abc"));
    CHECK(bytes == bytes_view("abc"));
    CHECK(bytes_view("abc") == bytes);
    CHECK(bytes == std::vector<char>{'a', 'b', 'c'});
    CHECK(bytes == bytearray("abc"));
    CHECK(bytes != "abd");
    CHECK(bytes < bytearray("abd"));
    CHECK(bytes < std::string("abcd"));
    CHECK("ab" < bytes);
    CHECK(bytearray("\xff") > "\x7f");
}

TEST_CASE("a bytearray is searched like a view", "[buffer]") {
    bytearray bytes("..abcabc");
    bytes.consume(2);
    CHECK(bytes.find('c') == 2);
    CHECK(bytes.find(std::byte{'c'}, 3) == 5);
    CHECK(bytes.find("ca") == 2);
    CHECK(bytes.find("..") == bytearray::npos);
    CHECK(bytes.contains("abca"));
    CHECK(bytes.starts_with("abc"));
    CHECK(bytes.ends_with("cabc"));
    CHECK(std::ranges::count(bytes, std::byte{'a'}) == 2);
}

TEST_CASE("bytes and braces can be assigned", "[buffer]") {
    bytearray bytes;
    bytes = "abc";
    CHECK(bytes == "abc");
    bytes = std::string(100, 'q');
    CHECK(bytes == std::string(100, 'q'));
    bytes = {};
    CHECK(bytes.empty());
}

TEST_CASE("slices are assigned and erased as in Python, also from the bytearray itself", "[buffer]") {
    bytearray bytes("abcdef");
    bytes.assign_slice(1, 3, "XYZ");
    CHECK(bytes == "aXYZdef");
    bytes.assign_slice(1, 4, "");
    CHECK(bytes == "adef");
    bytes.assign_slice(3, 1, "--");  // the stop is before the start: inserts
    CHECK(bytes == "ade--f");
    bytes.assign_slice(99, std::nullopt, "!");
    CHECK(bytes == "ade--f!");
    bytes.assign_slice(2, 2, bytes);
    CHECK(bytes == "adade--f!e--f!");
    bytes.assign_slice(0, 4, bytes.slice(-2, std::nullopt));
    CHECK(bytes == "f!e--f!e--f!");
    bytes.assign_slice(std::nullopt, std::nullopt, -1, bytes);
    CHECK(bytes == "!f--e!f--e!f");
    bytes.assign_slice(std::nullopt, std::nullopt, 4, "123");
    CHECK(bytes == "1f--2!f-3e!f");
    CHECK_THROWS_AS(bytes.assign_slice(std::nullopt, std::nullopt, 4, "12"), std::invalid_argument);
    CHECK_THROWS_AS(bytes.assign_slice(std::nullopt, std::nullopt, 0, ""), std::invalid_argument);
    CHECK(bytes == "1f--2!f-3e!f");

    bytes.erase_slice(std::nullopt, std::nullopt, -2);
    CHECK(bytes == "1-2f3!");
    bytes.erase_slice(1, -1);
    CHECK(bytes == "1!");
    bytes.erase_slice(5, 9);
    bytes.erase_slice(1, 0, 3);
    CHECK(bytes == "1!");
    CHECK_THROWS_AS(bytes.erase_slice(0, 1, 0), std::invalid_argument);
}

TEST_CASE("assigning to the front of the content moves only what is put there", "[buffer]") {
    bytearray bytes(text_of(1000));
    const std::byte* const tail = bytes.data() + 600;
    bytes.assign_slice(0, 600, "head");
    CHECK(bytes.data() + 4 == tail);
    CHECK(bytes == "head" + text_of(1000).substr(600));
    bytes.erase_slice(0, 4);
    CHECK(bytes.data() == tail);
}

TEST_CASE("single bytes are inserted, popped and removed by value", "[buffer]") {
    bytearray bytes("abc");
    bytes.insert(-1, 'x');
    bytes.insert(99, 33);
    bytes.insert(-99, std::byte{'<'});
    CHECK(bytes == "<abxc!");
    CHECK(bytes.pop() == std::byte{'!'});
    CHECK(bytes.pop(0) == std::byte{'<'});
    CHECK(bytes.pop(-2) == std::byte{'x'});
    CHECK_THROWS_AS(bytes.pop(3), std::out_of_range);
    CHECK_THROWS_AS(bytes.pop(-4), std::out_of_range);
    bytes.remove('b');
    CHECK(bytes == "ac");
    CHECK_THROWS_AS(bytes.remove('b'), std::invalid_argument);
    CHECK_THROWS_AS(bytes.append(256), std::invalid_argument);
    CHECK_THROWS_AS(bytes.insert(0, -1), std::invalid_argument);
    bytes.reverse();
    CHECK(bytes == "ca");
    CHECK_THROWS_WITH(bytearray().pop(), "pop from an empty bytearray");
}

TEST_CASE("numbers are appended when all of them are bytes, else none", "[buffer]") {
    bytearray bytes("a");
    bytes.extend(std::vector<int>{98, 99});
    CHECK(bytes == "abc");
    CHECK_THROWS_AS(bytes.extend(std::vector<int>{100, 256}), std::invalid_argument);
    CHECK(bytes == "abc");
    bytes.extend(bytes);
    CHECK(bytes == "abcabc");
    const std::vector<long> numbers = {104, 105};
    CHECK(bytearray(numbers.begin(), numbers.end()) == "hi");
    std::vector<int> wrong(1000, 1);
    wrong.back() = -1;
    CHECK_THROWS_AS(bytearray(wrong.begin(), wrong.end()), std::invalid_argument);
}

TEST_CASE("take_bytes takes from the front in Python's counting", "[buffer]") {
    bytearray bytes("abcdef");
    CHECK(bytes.take_bytes(2) == "ab");
    CHECK(bytes.take_bytes(-1) == "cde");
    CHECK_THROWS_AS(bytes.take_bytes(2), std::out_of_range);
    CHECK_THROWS_AS(bytes.take_bytes(-2), std::out_of_range);
    CHECK(bytes.take_bytes(0).empty());
    CHECK(bytes.take_bytes() == "f");
    CHECK(bytes.take_bytes().empty());
}

TEST_CASE("memory is adopted and released without copying the content", "[buffer]") {
    auto block = std::make_unique<std::byte[]>(500);
    std::byte* const address = block.get();
    block[0] = std::byte{'x'};
    bytearray bytes = bytearray::adopt(std::move(block), 1, 500);
    CHECK(bytes == "x");
    CHECK(bytes.data() == address);
    CHECK(bytes.capacity() == 500);
    bytes.append(text_of(499));
    CHECK(bytes.data() == address);

    bytes.consume(1);
    const std::size_t size = bytes.size();
    const std::unique_ptr<std::byte[]> released = bytes.release();
    CHECK(released.get() == address);
    CHECK(bytes_view(released.get(), size) == text_of(499));
    CHECK(bytes.empty());
    bytes.append("reused");
    CHECK(bytes == "reused");

    const std::unique_ptr<std::byte[]> small = bytes.release();
    CHECK(bytes_view(small.get(), 6) == "reused");
}

// Small blocks are of the pool, where those from elsewhere do not belong, nor may theirs be handed over.
TEST_CASE("small memory is copied when it is adopted or released", "[buffer]") {
    for (const std::size_t capacity : {std::size_t{1}, inline_size, inline_size + 1, largest_pooled, largest_pooled + 1}) {
        CAPTURE(capacity);
        auto block = std::make_unique<std::byte[]>(capacity);
        const std::byte* const address = block.get();
        bytearray adopted = bytearray::adopt(std::move(block), 1, capacity);
        CHECK(adopted == bytes_view("\0", 1));
        CHECK((adopted.data() == address) == (capacity > largest_pooled));
        adopted.append(text_of(100));
        CHECK(adopted.slice(1, std::nullopt) == text_of(100));
    }
    for (const std::size_t size : {inline_size, inline_size + 1, largest_pooled, largest_pooled + 1}) {
        CAPTURE(size);
        bytearray bytes{bytes_view(text_of(size))};
        const std::byte* const address = bytes.data();
        const std::unique_ptr<std::byte[]> released = bytes.release();
        CHECK((released.get() == address) == (size > largest_pooled));
        CHECK(bytes_view(released.get(), size) == text_of(size));
        CHECK(bytes.empty());
        CHECK(is_inline(bytes));
    }
}

#if !defined(AIOXX_NO_FRAME_POOL)
TEST_CASE("the memory of small contents is used again", "[buffer]") {
    for (const std::size_t size : {inline_size + 1, std::size_t{100}, largest_pooled}) {
        CAPTURE(size);
        const std::string text = text_of(size);
        const void* address = nullptr;
        {
            const bytearray first{bytes_view(text)};
            address = first.data();
        }
        const bytearray second{bytes_view(text)};
        CHECK(second.data() == address);
        bytearray grown;
        for (const char each : text) grown.append(each);
        CHECK(grown.data() != address);
        CHECK(grown == text);
        CHECK(second == text);
    }
}
#endif

TEST_CASE("slices, insertions and removals agree with std::string on random steps", "[buffer]") {
    std::mt19937 random(41);
    bytearray bytes;
    std::string model;
    for (int step = 0; step < 30000; ++step) {
        CAPTURE(step);
        const std::size_t from = random() % (model.size() + 1);
        const std::size_t to = from + random() % (model.size() - from + 1);
        const std::string piece = text_of(random() % (step % 50 == 0 ? 100 : 6));
        switch (random() % 6) {
            case 0: {
                bytes.assign_slice(from, to, piece);
                model.replace(from, to - from, piece);
                break;
            }
            case 1: {
                bytes.erase_slice(from, to);
                model.erase(from, to - from);
                break;
            }
            case 2: {
                if (model.size() > 300) break;
                bytes.assign_slice(from, to, bytes.slice(to, std::nullopt));
                model.replace(from, to - from, std::string(model, to));
                break;
            }
            case 3: {
                const std::size_t stride = 1 + random() % 4;
                bytes.erase_slice(from, to, stride);
                for (std::size_t at = from, kept = 0, i = from; i < to; ++i, ++kept) {
                    if (kept % stride == 0) {
                        model.erase(at, 1);
                    } else {
                        ++at;
                    }
                }
                break;
            }
            case 4: {
                bytes.insert(from, piece);
                model.insert(from, piece);
                break;
            }
            default: {
                bytes.append(piece);
                model += piece;
            }
        }
        REQUIRE(bytes.str() == model);
        if (model.size() > 1000) bytes.clear(), model.clear();
    }
}

#if defined(AIOXX_ADDRESS_SANITIZER)
TEST_CASE("a view that has outlived a change of the content is found under AddressSanitizer", "[buffer]") {
    const auto is_hidden = [](bytes_view view) {
        return __asan_region_is_poisoned(const_cast<std::byte*>(view.data()), view.size()) != nullptr;
    };
    const std::string text(400, 'x');
    bytearray content(text);
    const bytes_view whole = content;
    CHECK(!is_hidden(whole));
    content.consume(100);
    CHECK(is_hidden(whole.first(100)));
    CHECK(!is_hidden(content));
    content.erase(200);
    CHECK(is_hidden(whole.subview(304)));
    CHECK(!is_hidden(content));
    content.resize(50);
    CHECK(is_hidden(whole.subview(152, 100)));
    CHECK(content == std::string(50, 'x'));
    content.append(text.substr(0, 100));
    CHECK(!is_hidden(content));
    content.erase_slice(0, 100, 2);
    CHECK(content == std::string(100, 'x'));
    CHECK(!is_hidden(content));
    content.clear();
    CHECK(is_hidden(whole));
    content.append(text);  // the block as it was
    CHECK(content.data() == whole.data());
    CHECK(!is_hidden(whole));
    content.append(text);  // another block
    CHECK(is_hidden(whole));
    CHECK(!is_hidden(content));
}
#endif
