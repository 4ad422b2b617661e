// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/masking_keys.hpp>

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace aioxx::websocket;

TEST_CASE("the stream is that of RFC 8439 section 2.3.2", "[websocket]") {
    const detail::chacha_words state{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0x03020100, 0x07060504,
                                     0x0b0a0908, 0x0f0e0d0c, 0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c,
                                     0x00000001, 0x09000000, 0x4a000000, 0x00000000};
    CHECK(detail::chacha_block(state) ==
          detail::chacha_words{0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
                               0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                               0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2});
}

TEST_CASE("no key comes twice and the source is asked once", "[websocket]") {
    static unsigned calls;
    calls = 0;
    masking_keys keys([](std::byte* to, std::size_t size) {
        ++calls;
        CHECK(size == 32);
        for (std::size_t i = 0; i != size; ++i)
            to[i] = static_cast<std::byte>(i);
    });
    std::set<masking_key> seen;
    for (int i = 0; i != 1000; ++i)
        seen.insert(keys.next());
    CHECK(seen.size() == 1000);
    CHECK(calls == 1);
}

TEST_CASE("two clients do not share their keys", "[websocket]") {
    std::set<masking_key> seen;
    for (int client = 0; client != 50; ++client)
        seen.insert(masking_keys().next());
    CHECK(seen.size() == 50);
}

TEST_CASE("the standard entropy fills memory of any size and nothing beyond", "[websocket]") {
    for (std::size_t size : {0U, 1U, 3U, 4U, 16U, 31U}) {
        std::set<std::string> seen;
        for (int i = 0; i != 8; ++i) {
            std::string memory(size + 1, '#');
            standard_entropy(reinterpret_cast<std::byte*>(memory.data()), size);
            CHECK(memory.back() == '#');
            seen.insert(memory);
        }
        if (size >= 16) CHECK(seen.size() == 8);
    }
}
