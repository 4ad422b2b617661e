// SPDX-License-Identifier: BSL-1.0

// Our WebSocket with those of others: Python's websockets and node's ws, each as client and as server.

#include <memory>
#include <string>
#include <vector>

#include <aioxx/websocket/connect.hpp>
#include <aioxx/websocket/serve.hpp>

#include "integration/peer.hpp"
#include "support/catch.hpp"

using namespace aioxx;
using websocket::message;
using ws_connection = websocket::connection;

namespace {

// Echoes, except at the targets /close and /fragments. Remembers how each connection ended.
struct serving {
    std::shared_ptr<std::vector<std::string>> ends = std::make_shared<std::vector<std::string>>();

    coro<> operator()(ws_connection with) {
        if (with.request().target == "/close") {
            co_await with.close(static_cast<websocket::close_code>(4001), "from the server");
            co_return;
        }
        if (with.request().target == "/fragments") {
            std::vector<bytes_view> pieces;
            for (const char* piece : {"a ", "", "fragmented ", "message"}) pieces.emplace_back(piece);
            co_await with.send_fragments(true, pieces);
        }
        try {
            for (;;) {
                const message received = co_await with.receive();
                if (received.is_text) {
                    co_await with.send_text(received.str());
                } else {
                    co_await with.send_binary(received.data);
                }
            }
        } catch (const websocket::connection_closed& closed) {
            ends->push_back(std::to_string(value_of(closed.code())) + " " + closed.reason());
        }
    }
};

coro<> serve_client(std::string client) {
    websocket::serve_options options;
    options.subprotocols = {"chat"};
    const serving handler;
    websocket::server listening = co_await websocket::serve(handler, "127.0.0.1", 0, options);
    std::vector<std::string> command = peers::script(client);
    command.push_back(std::to_string(listening.port()));
    const peers::result result = co_await peers::finish(std::move(command));
    INFO(result.err);
    CHECK(result.returncode == 0);
    listening.close();
    co_await listening.wait_closed();
    REQUIRE(!handler.ends->empty());
    CHECK(handler.ends->front() == "4002 from the client");
}

coro<> check_echo(ws_connection ws) {
    for (const std::size_t size : {0U, 5U, 125U, 126U, 65535U, 65536U, (1U << 20) - 1}) {
        const std::string text(size, 't');
        co_await ws.send_text(text);
        const message echoed = co_await ws.receive();
        CHECK(echoed.is_text);
        CHECK((echoed.str() == text));
        co_await ws.send_binary(text);
        const message binary = co_await ws.receive();
        CHECK(!binary.is_text);
        CHECK((binary.data == text));
    }
    std::vector<bytes_view> pieces;
    for (const char* piece : {"h\xc3", "\xa9", "", "llo"}) pieces.emplace_back(piece);
    co_await ws.send_fragments(true, pieces);
    const message joined = co_await ws.receive();
    CHECK(joined.str() == "h\xc3\xa9llo");
    const duration took = co_await ws.ping("there?");
    CHECK(took > duration::zero());
}

coro<> use_server(std::string server) {
    peers::running_server peer = co_await peers::start(peers::script(server));
    const std::string uri = "ws://127.0.0.1:" + std::to_string(peer.port);
    websocket::connect_options options;
    options.subprotocols = {"other", "chat"};
    ws_connection ws = co_await websocket::connect(uri, options);
    CHECK(ws.subprotocol() == "chat");
    co_await check_echo(ws);
    co_await ws.close(static_cast<websocket::close_code>(4002), "from the client");
    CHECK(value_of(ws.close_code().value()) == 4002);
    const bytearray closed = co_await peer.started.out().readline();
    CHECK(closed == "CLOSED 4002\n");

    ws_connection refused = co_await websocket::connect(uri + "/close");
    co_await refused.wait_closed();
    CHECK(value_of(refused.close_code().value()) == 4001);
    CHECK(refused.close_reason() == "from the server");

    ws_connection fragmented = co_await websocket::connect(uri + "/fragments");
    const message whole = co_await fragmented.receive();
    CHECK(whole.str() == "a fragmented message");
    co_await fragmented.close();

    ws_connection pinged = co_await websocket::connect(uri + "/ping");
    const message ponged = co_await pinged.receive();
    CHECK(ponged.str() == "ponged");
    co_await pinged.close();

    peer.started.in().close();
    co_await peer.started.wait();
}

}  // namespace

TEST_CASE("Python's websockets client is served", "[integration]") {
    peers::run_with(peers::has_python_websockets(), "python3 has no module websockets: not tested", serve_client("ws_client.py"));
}

TEST_CASE("Python's websockets server is used", "[integration]") {
    peers::run_with(peers::has_python_websockets(), "python3 has no module websockets: not tested", use_server("ws_server.py"));
}

TEST_CASE("node's ws client is served", "[integration]") {
    peers::run_with(peers::has_node_ws(), "node has no module ws (see NODE_PATH): not tested", serve_client("ws_client.js"));
}

TEST_CASE("node's ws server is used", "[integration]") {
    peers::run_with(peers::has_node_ws(), "node has no module ws (see NODE_PATH): not tested", use_server("ws_server.js"));
}
