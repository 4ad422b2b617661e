// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/mask.hpp>

#include <numeric>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;

namespace {

std::byte plain_byte(std::size_t i) {
    return static_cast<std::byte>(i * 31 + 7);
}

}  // namespace

TEST_CASE("the RFC's masked Hello is unmasked", "[websocket]") {
    const std::string masked = wire::hex("7f 9f 4d 51 58");
    std::string plain(5, '\0');
    apply_mask(reinterpret_cast<std::byte*>(plain.data()), masked, wire::key);
    CHECK(plain == "Hello");
}

TEST_CASE("every size, alignment and phase gives the byte-wise result, in place and elsewhere", "[websocket]") {
    const masking_key key{std::byte{0x01}, std::byte{0x80}, std::byte{0xFE}, std::byte{0x5A}};
    std::vector<std::size_t> sizes(80);
    std::iota(sizes.begin(), sizes.end(), std::size_t{0});
    for (std::size_t size = 500; size != 620; ++size) sizes.push_back(size);  // where the larger vectors begin
    for (const std::size_t size : sizes) {
        for (std::size_t shift = 0; shift != 9; ++shift) {
            for (std::uint64_t phase : {0U, 1U, 2U, 3U, 4U, 7U, 1022U}) {
                std::vector<std::byte> from(shift + size), to(size + 2, std::byte{0xEE});
                for (std::size_t i = 0; i != size; ++i)
                    from[shift + i] = plain_byte(i);
                const aioxx::bytes_view payload(from.data() + shift, size);
                apply_mask(to.data() + 1, payload, key, phase);
                apply_mask(from.data() + shift, payload, key, phase);
                bool right = to[0] == std::byte{0xEE} && to[size + 1] == std::byte{0xEE};
                for (std::size_t i = 0; i != size; ++i) {
                    const std::byte expected = plain_byte(i) ^ key[(phase + i) % 4];
                    right = right && to[1 + i] == expected && from[shift + i] == expected;
                }
                if (!right) FAIL("size " << size << " shift " << shift << " phase " << phase);
            }
        }
    }
}

TEST_CASE("a payload can be masked in place and in pieces", "[websocket]") {
    const std::string original = wire::some_text(500);
    for (const std::vector<std::string>& pieces : wire::cuts(original)) {
        std::string masked;
        for (std::string piece : pieces) {
            auto* const bytes = reinterpret_cast<std::byte*>(piece.data());
            apply_mask(bytes, aioxx::bytes_view(bytes, piece.size()), wire::key, masked.size());
            masked += piece;
        }
        std::string whole = original;
        apply_mask(reinterpret_cast<std::byte*>(whole.data()), original, wire::key);
        CHECK(masked == whole);
        auto* const bytes = reinterpret_cast<std::byte*>(whole.data());
        apply_mask(bytes, aioxx::bytes_view(bytes, whole.size()), wire::key);
        CHECK(whole == original);
    }
}
