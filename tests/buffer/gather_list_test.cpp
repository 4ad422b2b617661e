// SPDX-License-Identifier: BSL-1.0
#include <aioxx/buffer/gather_list.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {
long allocations = 0;
}  // namespace

// Not inlined: g++ 12 would see malloc meet delete, and free meet new, and warn. The nothrow form belongs to
// them: AddressSanitizer has its own, whose blocks it does not want to see freed by ours.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    void* const block = std::malloc(size == 0 ? 1 : size);
    if (block != nullptr) ++allocations;
    return block;
}
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (void* const block = operator new(size, std::nothrow)) return block;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
    std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
    operator delete(block);
}

using namespace aioxx;

namespace {

std::string text_of(std::size_t size, std::size_t seed = 0) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>('a' + (i + seed) % 26);
    return text;
}

std::string content(const gather_list& list, std::size_t most = 4096) {
    std::vector<bytes_view> pieces(most);
    std::string all;
    const std::size_t count = list.fill(pieces);
    for (std::size_t i = 0; i < count; ++i)
        all += pieces[i].str();
    return all;
}

std::vector<bytes_view> pieces_of(const gather_list& list) {
    std::vector<bytes_view> pieces(4096);
    pieces.resize(list.fill(pieces));
    return pieces;
}

constexpr std::size_t owned_size = gather_list::own_piece_from;

}  // namespace

TEST_CASE("small appends become few pieces", "[buffer]") {
    gather_list list;
    CHECK(list.empty());
    CHECK(pieces_of(list).empty());
    for (int i = 0; i < 100; ++i)
        list.append("abc");
    list.append("");
    list.append(bytearray("tail"));
    list.append(bytearray());
    CHECK(list.size() == 304);
    CHECK(pieces_of(list).size() <= 2);
    list.consume(299);
    CHECK(content(list) == "ctail");
    list.consume(5);
    CHECK(list.empty());
    CHECK(pieces_of(list).empty());
}

TEST_CASE("an owned block is never copied, whatever is appended before and after it", "[buffer]") {
    for (const std::size_t size : {owned_size, owned_size + 1, 3 * owned_size}) {
        for (const bool with_head : {false, true}) {
            CAPTURE(with_head, size);
            gather_list list;
            if (with_head) list.append("head");
            bytearray body(text_of(size));
            const std::byte* const block = body.data();
            list.append(std::move(body));
            list.append("tail");
            list.append("more");

            const std::vector<bytes_view> pieces = pieces_of(list);
            REQUIRE(pieces.size() == (with_head ? 3 : 2));
            CHECK(pieces[with_head].data() == block);
            CHECK(pieces.back() == "tailmore");
            CHECK(content(list) == (with_head ? "head" : "") + text_of(size) + "tailmore");
            list.consume(with_head ? 5 : 1);
            CHECK(pieces_of(list)[0].data() == block + 1);
            list.append("end");
            list.consume(size - 1 + 4);
            CHECK(content(list) == "moreend");
        }
    }
}

TEST_CASE("a block below the limit for owned pieces is copied", "[buffer]") {
    gather_list list;
    list.append("head");
    bytearray copied(text_of(owned_size - 1));
    const std::byte* const block = copied.data();
    list.append(std::move(copied));
    for (const bytes_view& piece : pieces_of(list)) CHECK(piece.data() != block);
    CHECK(content(list) == "head" + text_of(owned_size - 1));
}

TEST_CASE("fill lists as many pieces as fit and none is empty", "[buffer]") {
    gather_list list;
    std::string model;
    for (std::size_t i = 0; i < 2000; ++i) {
        list.append(bytearray(text_of(owned_size, i)));
        model += text_of(owned_size, i);
    }
    CHECK(list.size() == model.size());
    CHECK(list.fill({}) == 0);
    std::array<bytes_view, 3> three;
    CHECK(list.fill(three) == 3);
    CHECK(three[2] == text_of(owned_size, 2));
    const auto pieces = pieces_of(list);
    CHECK(pieces.size() == 2000);
    CHECK(std::none_of(pieces.begin(), pieces.end(), [](bytes_view piece) { return piece.empty(); }));
    CHECK(content(list) == model);
    list.consume(3 * owned_size);
    CHECK(pieces_of(list).size() == 1997);
    list.consume(list.size());
    CHECK(list.empty());
}

TEST_CASE("copied bytes fill what the last block has room for, and blocks grow", "[buffer]") {
    gather_list list;
    std::string model;
    for (std::size_t i = 0; model.size() < 4 * gather_list::block_limit; ++i) {
        list.append(text_of(64, i));
        model += text_of(64, i);
    }
    const auto pieces = pieces_of(list);
    CHECK(pieces.size() < 14);
    for (std::size_t i = 0; i + 2 < pieces.size(); ++i) CHECK(pieces[i].size() <= pieces[i + 1].size());
    CHECK(content(list) == model);
    list.append(text_of(3 * gather_list::block_limit));
    CHECK(pieces_of(list).size() <= pieces.size() + 1);
    CHECK(content(list) == model + text_of(3 * gather_list::block_limit));
}

TEST_CASE("the list agrees with a std::string on random steps", "[buffer]") {
    std::mt19937 random(5);
    gather_list list;
    std::string model;
    for (int step = 0; step < 4000; ++step) {
        CAPTURE(step);
        const std::size_t size = random() % (random() % 8 == 0 ? 3 * owned_size : 200);
        const std::string text = text_of(size, random() % 26);
        switch (random() % 5) {
            case 0:
            case 1:
                list.append(text);
                model += text;
                break;
            case 2:
                list.append(bytearray(text));
                model += text;
                break;
            case 3: {
                const std::size_t count = random() % (std::min<std::size_t>(model.size(), 20'000) + 1);
                list.consume(count);
                model.erase(0, count);
                break;
            }
            default:
                if (random() % 20 == 0) list.clear(), model.clear();
                if (random() % 20 == 0) list.consume(model.size()), model.clear();
        }
        REQUIRE(list.size() == model.size());
        REQUIRE(list.empty() == model.empty());
        REQUIRE(content(list) == model);
    }
}

TEST_CASE("the first piece is the whole content until there is a second one", "[buffer]") {
    gather_list list;
    CHECK_FALSE(list.has_several_pieces());
    list.append("small");
    CHECK(list.front() == "small");
    list.append(" too");
    CHECK(list.front() == "small too");
    CHECK_FALSE(list.has_several_pieces());
    const std::string large = text_of(gather_list::own_piece_from);
    list.append(bytearray(large));
    CHECK(list.has_several_pieces());
    CHECK(list.front() == "small too");
    list.consume(5);
    CHECK(list.front() == " too");
    list.consume(4);
    CHECK_FALSE(list.has_several_pieces());
    CHECK(list.front() == large);
    list.consume(large.size());
    CHECK_FALSE(list.has_several_pieces());
}

#if !defined(AIOXX_NO_FRAME_POOL)

TEST_CASE("appending, filling and consuming small messages allocates nothing", "[buffer]") {
    gather_list list;
    const std::string message = text_of(64);
    std::array<bytes_view, 16> pieces;
    const auto round = [&](std::size_t left) {
        list.append(message);
        static_cast<void>(list.fill(pieces));
        list.consume(list.size() - left);
    };
    SECTION("when all is written each time") {
        round(0);
        const long before = allocations;
        for (int i = 0; i < 10'000; ++i)
            round(0);
        CHECK(allocations == before);
    }
    SECTION("when a part is always left") {
        for (int i = 0; i < 100; ++i)
            round(50);
        const long before = allocations;
        for (int i = 0; i < 10'000; ++i)
            round(50);
        CHECK(allocations == before);
    }
}

TEST_CASE("an emptied list holds no memory: another one uses it", "[buffer]") {
    for (const bool cleared : {false, true}) {
        gather_list list;
        gather_list other;
        for (int i = 0; i < 100; ++i) list.append(text_of(300));
        if (cleared) {
            list.clear();
        } else {
            list.consume(list.size());
        }
        CHECK(list.empty());
        const std::string text = text_of(300);
        const long before = allocations;
        for (int i = 0; i < 100; ++i) other.append(text);
        CHECK(allocations == before);
        list.append("again");
        CHECK(content(list) == "again");
    }
}

#endif
