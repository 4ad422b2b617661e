// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/close_code.hpp>

#include "support/catch.hpp"

using namespace aioxx::websocket;

TEST_CASE("exactly the codes that the RFC and IANA allow may be sent", "[websocket]") {
    for (unsigned value = 0; value != 0x1'0000; ++value) {
        const bool named = value >= 1000 && value <= 1014 && value != 1004 && value != 1005 && value != 1006;
        const bool expected = named || (value >= 3000 && value < 5000);
        if (is_sendable(close_code{static_cast<std::uint16_t>(value)}) != expected) FAIL("code " << value);
    }
}

TEST_CASE("1000, 1001 and no code at all are the orderly ends", "[websocket]") {
    CHECK(is_ok(close_code::normal_closure));
    CHECK(is_ok(close_code::going_away));
    CHECK(is_ok(close_code::no_status_received));  // a browser's close()
    CHECK_FALSE(is_ok(close_code::protocol_error));
    CHECK_FALSE(is_ok(close_code::abnormal_closure));
    CHECK_FALSE(is_ok(close_code{3000}));
}

TEST_CASE("every code has a name", "[websocket]") {
    for (std::uint16_t value = 1000; value != 1016; ++value) {
        CHECK((name_of(close_code{value}) == "unknown") == (value == 1004));
    }
    CHECK(name_of(close_code{2999}) == "unknown");
    CHECK(name_of(close_code{3000}) == "registered");
    CHECK(name_of(close_code{3999}) == "registered");
    CHECK(name_of(close_code{4000}) == "private use");
    CHECK(name_of(close_code{4999}) == "private use");
    CHECK(name_of(close_code{5000}) == "unknown");
}

TEST_CASE("a status is described by code, name and reason", "[websocket]") {
    CHECK(to_string(close_status{close_code::normal_closure, ""}) == "1000 (OK)");
    CHECK(to_string(close_status{close_code::going_away, "bye"}) == "1001 (going away) bye");
    CHECK(to_string(close_status{close_code{4242}, "x"}) == "4242 (private use) x");
}
