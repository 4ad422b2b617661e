// SPDX-License-Identifier: BSL-1.0

// The options of our WebSocket client with the servers of others: Python's websockets, node's ws, and a proxy
// between.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/tasks/generators.hpp>
#include <aioxx/websocket/connect.hpp>
#include <aioxx/websocket/reconnecting.hpp>

#include "integration/peer.hpp"
#include "support/catch.hpp"
#include "support/certificates.hpp"

using namespace aioxx;
using websocket::message;
using ws_connection = websocket::connection;
using ws_options = websocket::connect_options;

namespace {

// Starts a peer with arguments. No coroutine: the arguments may be written where it is awaited.
template <class... Arguments>
coro<peers::running_server> start(const std::string& name, Arguments... arguments) {
    std::vector<std::string> command = peers::script(name);
    (command.emplace_back(std::move(arguments)), ...);
    return peers::start(std::move(command));
}

coro<> stop(peers::running_server peer) {
    peer.started.in().close();
    co_await peer.started.wait();
}

std::string at(const peers::running_server& peer, const std::string& target = "/",
               const std::string& scheme = "ws") {
    return scheme + "://127.0.0.1:" + std::to_string(peer.port) + target;
}

coro<std::string> ask(ws_connection ws, std::string question) {
    co_await ws.send_text(question);
    const message answer = co_await ws.receive();
    co_return std::string(answer.str());
}

coro<> check_echo(ws_connection ws) {
    for (const std::size_t size : {0U, 5U, 126U, 70000U, (1U << 20) - 1}) {
        const std::string text(size, 't');
        co_await ws.send_text(text);
        const message echoed = co_await ws.receive();
        CHECK((echoed.str() == text));
        co_await ws.send_binary(text);
        const message binary = co_await ws.receive();
        CHECK((binary.data == text));
    }
    const duration took = co_await ws.ping();
    CHECK(took > duration::zero());
}

// The status that a server or a proxy refuses us with, or what else goes wrong.
coro<std::string> refusal(std::string address, ws_options options = {}) {
    std::string text = "none";
    try {
        static_cast<void>(co_await websocket::connect(std::move(address), std::move(options)));
    } catch (const websocket::invalid_status& refused) {
        text = std::to_string(refused.status()) + " " + refused.body();
    } catch (const std::exception& failure) {
        text = failure.what();
    }
    co_return text;
}

bool contains(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

// ---- Python's websockets ----

coro<> use_compression() {
    for (const bool theirs : {true, false}) {
        const peers::running_server peer =
            co_await start("ws_client_side_server.py", "--compression", theirs ? "deflate" : "none");
        for (const bool ours : {true, false}) {
            ws_options options;
            if (!ours) options.compression.reset();
            ws_connection ws = co_await websocket::connect(at(peer), options);
            const std::string agreed = co_await ask(ws, "extensions");
            CHECK(agreed == (ours && theirs ? "permessage-deflate" : ""));
            co_await check_echo(ws);
            co_await ws.close();
            CHECK(value_of(ws.close_code().value()) == 1000);
        }
        co_await stop(peer);
    }
}

coro<> log_in() {
    const peers::running_server peer =
        co_await start("ws_client_side_server.py", "--user", "us@er:pass:wo rd");
    const std::string port = std::to_string(peer.port);
    ws_connection ws = co_await websocket::connect("ws://us%40er:pass%3Awo%20rd@127.0.0.1:" + port);
    const std::string host = co_await ask(ws, "header Host");
    CHECK(host == "127.0.0.1:" + port);
    co_await ws.close();
    const std::string without = co_await refusal(at(peer));
    CHECK(contains(without, "401 "));
    const std::string wrong = co_await refusal("ws://us%40er:guess@127.0.0.1:" + port);
    CHECK(contains(wrong, "401 "));
    co_await stop(peer);
}

coro<> follow_redirects() {
    const peers::running_server other = co_await start("ws_client_side_server.py");
    const peers::running_server peer =
        co_await start("ws_client_side_server.py", "--to", at(other, "/there"));
    ws_connection near = co_await websocket::connect(at(peer, "/relative"));
    const std::string path = co_await ask(near, "path");
    CHECK(path == "/final?x=1");
    co_await near.close();
    ws_options options;
    options.extra_headers.add("Cookie", "a=b");
    options.origin = "http://here";
    ws_connection far = co_await websocket::connect("ws://u:p@" + at(peer, "/absolute").substr(5), options);
    const std::string there = co_await ask(far, "path");
    CHECK(there == "/there");
    const std::string authorization = co_await ask(far, "header Authorization");
    CHECK(authorization == "none");
    const std::string cookie = co_await ask(far, "header Cookie");
    CHECK(cookie == "none");
    const std::string origin = co_await ask(far, "header Origin");
    CHECK(origin == "http://here");
    co_await far.close();
    const std::string loop = co_await refusal(at(peer, "/loop"));
    CHECK(contains(loop, "more than 10 in a row"));
    const std::string refused = co_await refusal(at(peer, "/refused"));
    CHECK(refused == "403 go away\n");
    co_await stop(peer);
    co_await stop(other);
}

coro<> use_tls(std::string server) {
    const support::identity_files files;
    const peers::running_server peer =
        co_await start(server, "--tls", files.certificate_file(), files.key_file());
    ws_options options;
    options.ssl = support::client_context();
    ws_connection ws = co_await websocket::connect(at(peer, "/", "wss"), options);
    CHECK(ws.transport()->get_extra_info(extra_info::cipher).has_value());
    co_await check_echo(ws);
    co_await ws.close();
    ws_connection redirected = co_await websocket::connect(at(peer, "/relative", "wss"), options);
    const std::string path = co_await ask(redirected, "path");
    CHECK(path.starts_with("/final"));
    co_await redirected.close();
    const std::string untrusted = co_await refusal(at(peer, "/", "wss"));
    CHECK(contains(untrusted, "certificate"));
    options.server_hostname = "other.example";
    const std::string other = co_await refusal(at(peer, "/", "wss"), options);
    CHECK(contains(other, "other.example"));
    co_await stop(peer);
}

coro<> use_proxy() {
    const support::identity_files files;
    const peers::running_server open = co_await start("ws_client_side_server.py");
    const peers::running_server secured =
        co_await start("ws_client_side_server.py", "--tls", files.certificate_file(), files.key_file());
    peers::running_server proxy = co_await start("ws_client_side_proxy.py", "--user", "user:wo:rd");
    const std::string proxy_at = "127.0.0.1:" + std::to_string(proxy.port);
    ws_options options;
    options.proxy = "http://user:wo%3Ard@" + proxy_at;
    options.ssl = support::client_context();
    ws_connection through = co_await websocket::connect(at(secured, "/", "wss"), options);
    const bytearray first = co_await proxy.started.out().readline();
    CHECK(first == "CONNECT 127.0.0.1:" + std::to_string(secured.port) + "\n");
    const std::string leaked = co_await ask(through, "header Proxy-Authorization");
    CHECK(leaked == "none");
    co_await check_echo(through);
    co_await through.close();

    options.ssl.reset();
    ws_connection plain = co_await websocket::connect(at(open), options);
    co_await check_echo(plain);
    co_await plain.close();

    options.proxy = "http://" + proxy_at;
    const std::string nobody = co_await refusal(at(open), options);
    CHECK(contains(nobody, "HTTP 407 Proxy Authentication Required"));
    options.proxy = "http://user:wo%3Ard@" + proxy_at;
    const std::string gone = co_await refusal("ws://127.0.0.1:1/", options);
    CHECK(contains(gone, "HTTP 502"));
    co_await stop(proxy);
    co_await stop(open);
    co_await stop(secured);
}

// microsocks, with a name and an address, with a password and without.
coro<> use_socks() {
    const support::identity_files files;
    const peers::running_server open = co_await start("ws_client_side_server.py");
    const peers::running_server secured =
        co_await start("ws_client_side_server.py", "--tls", files.certificate_file(), files.key_file());
    const peers::running_server proxy = co_await start("real_proxy.py", "microsocks", "user:word");
    const std::string proxy_at = "127.0.0.1:" + std::to_string(proxy.port);
    ws_options options;
    for (const char* scheme : {"socks5://", "socks5h://"}) {
        options.proxy = scheme + ("user:word@" + proxy_at);
        ws_connection plain = co_await websocket::connect("ws://localhost:" + std::to_string(open.port) + "/", options);
        co_await check_echo(plain);
        co_await plain.close();
    }
    options.ssl = support::client_context();
    ws_connection through = co_await websocket::connect(at(secured, "/", "wss"), options);
    co_await check_echo(through);
    co_await through.close();

    options.ssl.reset();
    const std::string gone = co_await refusal("ws://127.0.0.1:1/", options);
    CHECK(gone == "proxy socks5h://" + proxy_at + ": connection refused (reply 5)");
    options.proxy = "socks5h://user:other@" + proxy_at;
    const std::string wrong = co_await refusal(at(open), options);
    CHECK(wrong == "proxy socks5h://" + proxy_at + ": user name and password refused");
    options.proxy = "socks5h://" + proxy_at;
    const std::string nobody = co_await refusal(at(open), options);
    CHECK(nobody == "proxy socks5h://" + proxy_at + ": no acceptable authentication method, offered: none");
    options.proxy = "http://" + proxy_at;
    const std::string no_http = co_await refusal(at(open), options);
    CHECK(contains(no_http, "proxy http://" + proxy_at));
    co_await stop(proxy);

    const peers::running_server free = co_await start("real_proxy.py", "microsocks");
    options.proxy = "socks5h://127.0.0.1:" + std::to_string(free.port);
    ws_connection ws = co_await websocket::connect(at(open), options);
    co_await check_echo(ws);
    co_await ws.close();
    co_await stop(free);
    co_await stop(open);
    co_await stop(secured);
}

// Connections one after the other, until the server goes away.
coro<> reconnect() {
    peers::running_server peer = co_await start("ws_client_side_server.py");
    websocket::retry_options retries;
    retries.initial_delay = std::chrono::milliseconds(20);
    retries.min_delay = std::chrono::milliseconds(20);
    std::size_t failures = 0;
    retries.process_exception = [&failures](std::exception_ptr failure) {
        ++failures;
        return failures < 3 ? websocket::process_exception(failure) : failure;
    };
    auto use = [&peer, &failures](async_generator<ws_connection>& connections) -> coro<> {
        for (int count = 0; count < 3; ++count) {
            const std::optional<ws_connection> ws = co_await connections.next();
            const std::string echoed = co_await ask(*ws, "hello");
            CHECK(echoed == "hello");
        }
        CHECK(failures == 0);
        peer.started.in().close();
        co_await peer.started.wait();
        bool gave_up = false;
        try {
            static_cast<void>(co_await connections.next());
        } catch (const broken_error&) {
            gave_up = true;
        }
        CHECK(gave_up);
        CHECK(failures == 3);
    };
    auto connections = websocket::reconnecting(at(peer), ws_options(), retries);
    co_await with_generator(std::move(connections), use);
}

// ---- node's ws ----

coro<> use_node() {
    const peers::running_server peer = co_await start("ws_client_side_server.js");
    ws_connection ws = co_await websocket::connect(at(peer, "/relative"));
    const std::string path = co_await ask(ws, "path");
    CHECK(path == "/final");
    const std::string agreed = co_await ask(ws, "extensions");
    CHECK(agreed == "permessage-deflate");
    co_await check_echo(ws);
    co_await ws.close();
    co_await stop(peer);
}

const char* const no_python = "python3 has no module websockets: not tested";
const char* const no_node = "node has no module ws (see NODE_PATH): not tested";

}  // namespace

TEST_CASE("compression is agreed on with Python's websockets, or not", "[integration]") {
    peers::run_with(peers::has_python_websockets(), no_python, use_compression());
}

TEST_CASE("Python's websockets takes our user and password", "[integration]") {
    peers::run_with(peers::has_python_websockets(), no_python, log_in());
}

TEST_CASE("redirects of Python's websockets are followed", "[integration]") {
    peers::run_with(peers::has_python_websockets(), no_python, follow_redirects());
}

TEST_CASE("Python's websockets is reached over TLS", "[integration]") {
    peers::run_with(peers::has_python_websockets(), no_python, use_tls("ws_client_side_server.py"));
}

TEST_CASE("Python's websockets is reached through a proxy", "[integration]") {
    peers::run_with(peers::has_python_websockets(), no_python, use_proxy());
}

TEST_CASE("Python's websockets is reached through microsocks", "[integration]") {
    const bool present = peers::has_python_websockets() && peers::is_installed("microsocks");
    peers::run_with(present, "no microsocks, or python3 has no module websockets: not tested", use_socks());
}

TEST_CASE("Python's websockets is connected to again and again", "[integration]") {
    peers::run_with(peers::has_python_websockets(), no_python, reconnect());
}

TEST_CASE("node's ws compresses and redirects", "[integration]") {
    peers::run_with(peers::has_node_ws(), no_node, use_node());
}

TEST_CASE("node's ws is reached over TLS", "[integration]") {
    peers::run_with(peers::has_node_ws(), no_node, use_tls("ws_client_side_server.js"));
}
