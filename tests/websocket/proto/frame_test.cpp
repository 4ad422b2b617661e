// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/frame.hpp>

#include "support/catch.hpp"

using namespace aioxx::websocket;

TEST_CASE("a header is a final, unmasked binary one unless it says otherwise", "[websocket]") {
    const frame_header header;
    CHECK(header.code == opcode::binary);
    CHECK(header.fin);
    CHECK_FALSE(header.masked);
    CHECK(header.payload_size == 0);
    CHECK(header == frame_header{});
}

TEST_CASE("the reason of a Close frame leaves room for its code", "[websocket]") {
    CHECK(max_control_payload == 125);
    CHECK(max_close_reason + 2 == max_control_payload);
}
