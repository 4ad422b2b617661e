// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/vector_blocks.hpp>

// The vector path against the definition, byte by byte. On processors without it the same tests check the
// portable path, which is all there is then.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/websocket/proto/mask.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;

namespace {

// A byte at a time never goes through vectors.
bool is_utf8_by_bytes(std::string_view text) {
    utf8_validator validator;
    for (std::size_t i = 0; i != text.size(); ++i) {
        if (!validator.feed(text.substr(i, 1))) return false;
    }
    return validator.complete();
}

std::string random_text(std::mt19937& random, std::size_t size) {
    static constexpr std::string_view characters[] = {"a",
                                                      "\x7F",
                                                      "\xC2\x80",
                                                      "\xDF\xBF",
                                                      "\xE0\xA0\x80",
                                                      "\xED\x9F\xBF",
                                                      "\xEE\x80\x80",
                                                      "\xEF\xBF\xBF",
                                                      "\xF0\x90\x80\x80",
                                                      "\xF4\x8F\xBF\xBF"};
    std::string text;
    while (text.size() < size)
        text += random() % 3 == 0 ? characters[0] : characters[random() % std::size(characters)];
    return text;
}

// A copy at a distance from an aligned address.
class placed {
public:
    placed(std::string_view text, std::size_t shift)
        : memory_(text.size() + shift + 64), shift_(shift), size_(text.size()) {
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
        shift_ += (64 - address % 64) % 64 % 32;
        memory_.resize(shift_ + size_ + 1);
        if (size_ != 0) std::memcpy(memory_.data() + shift_, text.data(), size_);
    }
    aioxx::bytes_view view() const { return {memory_.data() + shift_, size_}; }

private:
    std::vector<std::byte> memory_;
    std::size_t shift_;
    std::size_t size_;
};

}  // namespace

TEST_CASE("masking in blocks gives the byte-wise result at every alignment", "[websocket]") {
    std::mt19937 random(1);
    std::vector<std::byte> from(700), to(700), expected(700);
    for (std::byte& byte : from)
        byte = static_cast<std::byte>(random());
    for (std::size_t size : {0U, 63U, 64U, 65U, 127U, 128U, 511U, 512U, 513U, 600U}) {
        for (std::size_t shift = 0; shift != 33; ++shift) {
            for (std::size_t to_shift : {std::size_t{0}, std::size_t{1}, std::size_t{31}, shift}) {
                const std::uint64_t phase = random();
                const aioxx::bytes_view source(from.data() + shift, size);
                for (std::size_t i = 0; i != size; ++i)
                    expected[i] = source[i] ^ wire::key[(phase + i) % 4];
                to.assign(700, std::byte{0xEE});
                apply_mask(to.data() + to_shift, source, wire::key, phase);
                const bool copied = std::memcmp(to.data() + to_shift, expected.data(), size) == 0 &&
                                    to[to_shift + size] == std::byte{0xEE};
                std::memcpy(to.data() + to_shift, source.data(), size);
                apply_mask(to.data() + to_shift, {to.data() + to_shift, size}, wire::key, phase);
                const bool in_place = std::memcmp(to.data() + to_shift, expected.data(), size) == 0;
                if (!copied || !in_place) FAIL("size " << size << " shift " << shift << " to " << to_shift);
            }
        }
    }
}

TEST_CASE("only whole pairs of blocks are masked", "[websocket]") {
    std::vector<std::byte> bytes(200);
    const std::uint64_t key = ~std::uint64_t{0};
    const std::size_t done = detail::mask_vectors(bytes.data(), bytes.data(), 200, key);
    CHECK(done == (detail::has_vectors() ? 192U : 0U));
    for (std::size_t i = 0; i != bytes.size(); ++i)
        CHECK((bytes[i] == std::byte{0xFF}) == (i < done));
}

TEST_CASE("blocks of text are judged as byte by byte, whatever the alignment and the pieces", "[websocket]") {
    int valid = 0;
    for (unsigned seed = 0; seed != 3000; ++seed) {
        std::mt19937 random(seed);
        std::string text = random_text(random, 80 + random() % 300);
        for (auto changes = random() % 3; changes != 0; --changes)
            text[random() % text.size()] = static_cast<char>(random());
        if (random() % 3 == 0) text.resize(text.size() - random() % 4);
        const bool expected = is_utf8_by_bytes(text);
        valid += expected ? 1 : 0;
        const placed copy(text, seed % 32);
        bool right = is_utf8(copy.view()) == expected;
        utf8_validator pieces;
        bool good = true;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t size = 1 + random() % 150;
            good = pieces.feed(copy.view().subview(at, size));
            at += size;
        }
        right = right && (good && pieces.complete()) == expected;
        if (!right) FAIL("seed " << seed);
    }
    CHECK(valid > 500);
    CHECK(valid < 2500);
}

TEST_CASE("four bytes inside of a block are judged as alone", "[websocket]") {
    constexpr unsigned char interesting[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                             0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEF,
                                             0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
    std::string text(200, 'x');
    text.replace(4, 2, "\xC3\xA9");  // from here on in blocks: with 32 bytes [4, 36), [36, 68)...
    for (std::size_t at : {20U, 33U}) {
        std::string four(4, '\0');
        for (unsigned char a : interesting) {
            four[0] = static_cast<char>(a);
            for (unsigned char b : interesting) {
                four[1] = static_cast<char>(b);
                for (unsigned char c : interesting) {
                    four[2] = static_cast<char>(c);
                    for (unsigned char d : interesting) {
                        four[3] = static_cast<char>(d);
                        text.replace(at, 4, four);
                        if (is_utf8(text) != is_utf8(four)) FAIL(+a << " " << +b << " " << +c << " " << +d);
                    }
                }
            }
        }
        text.replace(at, 4, "xxxx");
    }
}

TEST_CASE("checking stops before the block with an error", "[websocket]") {
    std::string text(320, 'x');
    const auto checked = [&] {
        const auto* const start = reinterpret_cast<const std::byte*>(text.data()) + 3;
        return static_cast<std::size_t>(detail::check_vectors(start, start + 310) - start);
    };
    const std::size_t all = detail::has_vectors() ? 310 / detail::vector_size * detail::vector_size : 0;
    CHECK(checked() == all);
    text[3 + 100] = '\xFF';
    CHECK(checked() == std::min<std::size_t>(all, 96));
    text[3 + 100] = 'x';
    text[3 + 95] = '\xC3';  // cut by the end of a block, and not continued
    CHECK(checked() == std::min<std::size_t>(all, 96));
    text[3 + 96] = '\xA9';
    CHECK(checked() == all);
}
