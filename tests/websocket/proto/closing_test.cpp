// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/closing.hpp>

#include <array>
#include <string>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;
using wire::close_payload;
using wire::hex;

namespace {

std::string encode(close_code code, std::string_view reason) {
    std::array<std::byte, max_control_payload> payload;
    return wire::str(aioxx::bytes_view(payload.data(), encode_close(code, reason, payload.data())));
}

}  // namespace

TEST_CASE("every order of the closing handshake ends with a closed connection", "[websocket]") {
    using enum closing_event;
    const auto walk = [](std::initializer_list<closing_event> events) {
        connection_state state = connection_state::open;
        for (closing_event event : events)
            state = after(state, event);
        return state;
    };
    CHECK(walk({close_sent}) == connection_state::close_sent);
    CHECK(walk({close_sent, close_received}) == connection_state::closing);
    CHECK(walk({close_received}) == connection_state::closing);  // answered at once
    CHECK(walk({failed}) == connection_state::failed);
    CHECK(walk({close_sent, failed}) == connection_state::failed);
    CHECK(walk({close_sent, close_received, failed}) == connection_state::closing);
    CHECK(walk({failed, close_received}) == connection_state::failed);
    for (closing_event first : {close_sent, close_received, failed, eof}) {
        CHECK(walk({first, eof}) == connection_state::closed);
        for (closing_event second : {close_sent, close_received, failed, eof}) {
            CHECK(walk({first, second, eof}) == connection_state::closed);
            CHECK(walk({first, eof, second}) == connection_state::closed);
        }
    }
}

TEST_CASE("only an open connection and one that waits for the Close listen", "[websocket]") {
    CHECK(is_receiving(connection_state::open));
    CHECK(is_receiving(connection_state::close_sent));
    CHECK_FALSE(is_receiving(connection_state::closing));
    CHECK_FALSE(is_receiving(connection_state::failed));
    CHECK_FALSE(is_receiving(connection_state::closed));
}

TEST_CASE("the server closes the transport first and the client follows", "[websocket]") {
    for (connection_state state : {connection_state::open, connection_state::close_sent}) {
        CHECK_FALSE(should_close_transport(state, role::server));
        CHECK_FALSE(should_close_transport(state, role::client));
    }
    for (connection_state state : {connection_state::closing, connection_state::failed}) {
        CHECK(should_close_transport(state, role::server));
        CHECK_FALSE(should_close_transport(state, role::client));
    }
    CHECK(should_close_transport(connection_state::closed, role::server));
    CHECK(should_close_transport(connection_state::closed, role::client));
}

TEST_CASE("the payload of a Close frame is read", "[websocket]") {
    close_status status;
    CHECK_FALSE(parse_close("", status));
    CHECK(status == close_status{close_code::no_status_received, ""});
    CHECK_FALSE(parse_close(close_payload(1000), status));
    CHECK(status == close_status{close_code::normal_closure, ""});
    CHECK_FALSE(parse_close(close_payload(4999, "h\xC3\xA9"), status));
    CHECK(status == close_status{close_code{4999}, "h\xC3\xA9"});
}

TEST_CASE("a malformed Close frame is refused", "[websocket]") {
    close_status status;
    CHECK(parse_close(hex("03"), status) ==
          peer_fault{close_code::protocol_error, "close frame with one byte of payload"});
    CHECK(parse_close(close_payload(1000, hex("ff")), status) ==
          peer_fault{close_code::invalid_data, "close frame with a reason that is not UTF-8"});
    CHECK(parse_close(close_payload(1000, hex("e2 82")), status)->code == close_code::invalid_data);
    CHECK(parse_close(close_payload(1005), status) ==
          peer_fault{close_code::protocol_error, "close frame with the code 1005, which may not be sent"});
    for (unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
        const auto fault = parse_close(close_payload(code), status);
        REQUIRE(fault);
        CHECK(fault->code == close_code::protocol_error);
    }
}

TEST_CASE("the payload of a Close frame is written", "[websocket]") {
    CHECK(encode(close_code::normal_closure, "") == hex("03 e8"));
    CHECK(encode(close_code{4000}, "bye") == hex("0f a0") + "bye");
    CHECK(encode(close_code::no_status_received, "") == "");
}

TEST_CASE("a reason that does not fit is cut between characters", "[websocket]") {
    CHECK(encode(close_code::normal_closure, std::string(123, 'x')) == hex("03 e8") + std::string(123, 'x'));
    CHECK(encode(close_code::normal_closure, std::string(124, 'x')) == hex("03 e8") + std::string(123, 'x'));
    const std::string euro = hex("e2 82 ac");
    CHECK(encode(close_code::normal_closure, std::string(120, 'x') + euro) ==
          hex("03 e8") + std::string(120, 'x') + euro);
    CHECK(encode(close_code::normal_closure, std::string(121, 'x') + euro) ==
          hex("03 e8") + std::string(121, 'x'));
    CHECK(encode(close_code::normal_closure, std::string(122, 'x') + euro) ==
          hex("03 e8") + std::string(122, 'x'));
}
