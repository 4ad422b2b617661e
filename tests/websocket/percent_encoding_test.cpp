// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/percent_encoding.hpp>

#include <optional>
#include <string>

#include "support/catch.hpp"

using aioxx::websocket::detail::percent_decode;
using aioxx::websocket::detail::percent_encode;
using aioxx::websocket::detail::percent_triplet;

TEST_CASE("a percent sign and two hexadecimal digits are one byte", "[websocket]") {
    CHECK(percent_triplet("%41", 0) == 'A');
    CHECK(percent_triplet("x%fFy", 1) == '\xff');
    CHECK(percent_triplet("%00", 0) == '\0');
    for (const char* text : {"%", "%4", "%4g", "%g4", "%%4", "%+4", "% 4"}) {
        CAPTURE(text);
        CHECK(percent_triplet(text, 0) == std::nullopt);
    }
}

TEST_CASE("percent-decoding gives bytes, whatever they are", "[websocket]") {
    CHECK(percent_decode("") == "");
    CHECK(percent_decode("plain+text") == "plain+text");
    CHECK(percent_decode("a%2Fb%2fc") == "a/b/c");
    CHECK(percent_decode("%C3%A4\xc3\xa4") == "\xc3\xa4\xc3\xa4");
    CHECK(percent_decode("%2541") == "%41");
    CHECK(percent_decode("%00") == std::string(1, '\0'));
    CHECK(percent_decode("100%") == std::nullopt);
    CHECK(percent_decode("%4") == std::nullopt);
    CHECK(percent_decode("%zz") == std::nullopt);
}

TEST_CASE("percent-encoding leaves what is encoded already", "[websocket]") {
    CHECK(percent_encode("aZ9-._~!$&'()*+,;=", "") == "aZ9-._~!$&'()*+,;=");
    CHECK(percent_encode("a b\"\xc3\xa4", "") == "a%20b%22%C3%A4");
    CHECK(percent_encode("%41%2f", "") == "%41%2f");
    CHECK(percent_encode("/a?b", "") == "%2Fa%3Fb");
    CHECK(percent_encode("/a?b", "/?") == "/a?b");
    CHECK(percent_encode("100%", "") == std::nullopt);
}
