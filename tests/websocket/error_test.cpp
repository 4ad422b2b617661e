// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/error.hpp>

#include <string>

#include "support/catch.hpp"

using namespace aioxx::websocket;

namespace {

using status = std::optional<close_status>;

const status none;
const status ok = close_status{close_code::normal_closure, ""};
const status away = close_status{close_code::going_away, "bye"};
const status bad = close_status{close_code::protocol_error, "reserved opcode 3"};

// "ok" or "error", and the text.
std::string thrown(const status& received, const status& sent, bool peer_first,
                   const std::string& cause = {}) {
    try {
        throw_connection_closed(received, sent, peer_first, cause);
    } catch (const connection_closed_ok& closed) {
        return std::string("ok: ") + closed.what();
    } catch (const connection_closed_error& closed) {
        return std::string("error: ") + closed.what();
    }
}

}  // namespace

TEST_CASE("an end is orderly when both sides said 1000 or 1001", "[websocket]") {
    CHECK(thrown(ok, ok, true) == "ok: received 1000 (OK); then sent 1000 (OK)");
    CHECK(thrown(away, ok, false) == "ok: sent 1000 (OK); then received 1001 (going away) bye");
    CHECK(thrown(none, none, false) == "error: no close frame received or sent");
    CHECK(thrown(none, ok, false) == "error: sent 1000 (OK); no close frame received");
    CHECK(thrown(ok, none, false) == "error: received 1000 (OK); no close frame sent");
    CHECK(thrown(bad, ok, true) ==
          "error: received 1002 (protocol error) reserved opcode 3; then sent 1000 (OK)");
    CHECK(thrown(none, bad, false, "broken pipe") ==
          "error: sent 1002 (protocol error) reserved opcode 3; no close frame received: broken pipe");
}

TEST_CASE("a closed connection tells both codes and who was first", "[websocket]") {
    const connection_closed_error closed(away, bad, true);
    CHECK(closed.received() == away);
    CHECK(closed.sent() == bad);
    CHECK(closed.peer_closed_first());
    CHECK(closed.code() == close_code::going_away);
    CHECK(closed.reason() == "bye");
    const connection_closed_error vanished(none, none, false);
    CHECK(vanished.code() == close_code::abnormal_closure);
    CHECK(vanished.reason() == "");
}

TEST_CASE("a refused handshake carries the response", "[websocket]") {
    http_response response;
    response.status = 403;
    response.headers = {{"X-Why", "token"}};
    response.body = "no";
    const invalid_status refused(response);
    CHECK(refused.what() == std::string("server rejected WebSocket connection: HTTP 403"));
    CHECK(refused.status() == 403);
    CHECK(refused.headers().get("x-why") == "token");
    CHECK(refused.body() == "no");
    CHECK(refused.side() == aioxx::side::remote);
}

TEST_CASE("the errors belong to the library's kinds", "[websocket]") {
    CHECK_THROWS_AS(throw connection_closed_ok(ok, ok, true), connection_closed);
    CHECK_THROWS_AS(throw connection_closed_ok(ok, ok, true), aioxx::error);
    CHECK_THROWS_AS(throw invalid_status({}), handshake_error);
    CHECK_THROWS_AS(throw handshake_error("x"), aioxx::protocol_error);
}

TEST_CASE("a message of the wrong kind is named with its size", "[websocket]") {
    const wrong_message_kind text("receive_bytes", true, 7);
    CHECK(std::string(text.what()) == "receive_bytes: expected a binary message, got a text message of 7 bytes");
    CHECK(text.is_text());
    CHECK(text.side() == aioxx::side::remote);
    const wrong_message_kind binary("receive_text", false, 0);
    CHECK(std::string(binary.what()) == "receive_text: expected a text message, got a binary message of 0 bytes");
    CHECK(!binary.is_text());
}
