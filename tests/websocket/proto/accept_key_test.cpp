// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/accept_key.hpp>

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace aioxx::websocket;

TEST_CASE("the key of RFC 6455 section 1.3 is accepted as written there", "[websocket]") {
    CHECK(accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("base64 is padded to fours", "[websocket]") {
    CHECK(base64_encode("") == "");
    CHECK(base64_encode("f") == "Zg==");
    CHECK(base64_encode("fo") == "Zm8=");
    CHECK(base64_encode("foo") == "Zm9v");
    CHECK(base64_encode("foobar") == "Zm9vYmFy");
    CHECK(base64_encode("the sample nonce") == "dGhlIHNhbXBsZSBub25jZQ==");
    CHECK(base64_encode(std::string(300, '\xFF')) == std::string(400, '/'));
}

TEST_CASE("a new key is valid and never the same", "[websocket]") {
    std::set<std::string> keys;
    for (int i = 0; i != 100; ++i) {
        keys.insert(make_key());
        CHECK(is_valid_key(*keys.begin()));
    }
    CHECK(keys.size() == 100);
    CHECK(make_key([](std::byte* to, std::size_t size) { std::fill_n(to, size, std::byte{0}); }) ==
          "AAAAAAAAAAAAAAAAAAAAAA==");
}

TEST_CASE("a key is the base64 of sixteen bytes and nothing else", "[websocket]") {
    CHECK(is_valid_key("dGhlIHNhbXBsZSBub25jZQ=="));
    CHECK_FALSE(is_valid_key(""));
    CHECK_FALSE(is_valid_key("dGhlIHNhbXBsZSBub25jZQ="));
    CHECK_FALSE(is_valid_key("dGhlIHNhbXBsZSBub25jZQ==="));
    CHECK_FALSE(is_valid_key("dGhlIHNhbXBsZSBub25jZWE="));  // seventeen
    CHECK_FALSE(is_valid_key("dGhlIHNhbXBsZSBub25j"));      // fifteen
    CHECK_FALSE(is_valid_key("dGhlIHNhbXBsZSBub25jZ!=="));
    CHECK_FALSE(is_valid_key(" GhlIHNhbXBsZSBub25jZQ=="));
}
