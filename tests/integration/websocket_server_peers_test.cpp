// SPDX-License-Identifier: BSL-1.0

// What our WebSocket server offers, tried by the clients of others: Python's websockets, node's ws, a browser with a
// page that we serve, openssl s_client and wsdump of Python's websocket-client; plain and over TLS.

#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/websocket/router.hpp>
#include <aioxx/websocket/serve.hpp>
#include <aioxx/websocket/server_auth.hpp>

#include "integration/peer.hpp"
#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/temporary_directory.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using websocket::http_request;
using websocket::http_response;
using websocket::opcode;
using websocket::role;
using ws_connection = websocket::connection;

namespace {

coro<> echo(ws_connection with) {
    while (auto received = co_await with.next()) co_await with.send(*received);
}
coro<> greet_room(ws_connection with, websocket::path_parameters found) {
    const std::string text = "room " + found.at("room");
    co_await with.send_text(text);
}
coro<> greet_user(ws_connection with) {
    const std::string text = "you are " + websocket::username(with);
    co_await with.send_text(text);
}
coro<> return_at_once(ws_connection) { co_return; }
coro<> throw_at_once(ws_connection) {
    throw std::runtime_error("expected");
    co_return;
}

std::string page() {
    std::ifstream file(std::string(AIOXX_TESTS_DIR) + "/integration/peers/ws_server_side_page.html");
    return {std::istreambuf_iterator<char>(file), {}};
}

// Passwords for /private only, so that the other paths can be tried without.
websocket::request_hook private_path() {
    std::vector<websocket::basic_credentials> users;
    users.push_back({"hello", "ilove:you"});
    struct only_there {
        websocket::request_hook auth;
        coro<std::optional<http_response>> operator()(const http_request& asked) {
            std::optional<http_response> answer;
            if (asked.target == "/private") answer = co_await auth(asked);
            co_return answer;
        }
    };
    return only_there{websocket::basic_auth("the private path", std::move(users))};
}

websocket::serve_options options_for(bool secure) {
    websocket::serve_options options;
    if (secure) options.ssl = support::server_context();
    options.subprotocols = {"superchat", "chat"};
    options.check_origin = [](const std::string& origin) { return origin.find("evil") == std::string::npos; };
    options.process_request = private_path();
    options.process_response = [](const http_request&, http_response& response) {
        response.headers.add("X-Served-By", "the test");
    };
    options.max_size = 2U << 20U;
    return options;
}

// Everything that the clients try. `report` gets what the page has found.
websocket::router routes_for(future<std::string> report) {
    websocket::router routes;
    routes.add("/echo", echo);
    routes.add("/rooms/{room}", greet_room);
    routes.add("/private", greet_user);
    routes.add("/returns", return_at_once);
    routes.add("/throws", throw_at_once);
    struct note_report {
        future<std::string> report;
        coro<> operator()(ws_connection with) {
            auto told = report;
            const websocket::message text = co_await with.receive();
            told.set_result(std::string(text.str()));
        }
    };
    routes.add("/report", note_report{std::move(report)});
    routes.add_page("/", [](const http_request&) { return websocket::make_page(page()); });
    return routes;
}

// The handler that throws reports it; nothing else may be reported.
class expected_reports {
public:
    expected_reports() : loop_(get_running_loop()) {
        loop_.set_exception_handler([](const exception_context& context) {
            const std::string text = describe(context);
            CHECK(text.find("expected") != std::string::npos);
        });
    }
    ~expected_reports() { loop_.set_exception_handler({}); }

private:
    event_loop& loop_;
};

coro<websocket::server> start(bool secure, future<std::string> report) {
    return websocket::serve(routes_for(std::move(report)), "localhost", 0, options_for(secure));
}
coro<websocket::server> start(bool secure) { return start(secure, create_future<std::string>()); }

std::string address_of(const websocket::server& listening, bool secure, const char* scheme = "ws") {
    return scheme + std::string(secure ? "s" : "") + "://localhost:" + std::to_string(listening.port());
}

// A script that says READY before its last step: the end of the server.
coro<> serve_script(std::string script, bool secure) {
    const expected_reports only;
    const support::identity_files files;
    websocket::server listening = co_await start(secure);
    std::vector<std::string> command = peers::script(script);
    command.push_back(address_of(listening, secure));
    if (secure) command.push_back(files.authority_file());
    process_options options;
    options.err = stdio::inherit();
    process client = co_await create_subprocess_exec(std::move(command), std::move(options));
    const bytearray line = co_await client.out().readline();
    CHECK(line == "READY\n");
    listening.close(true, websocket::close_code::going_away, "maintenance");
    const int code = co_await client.wait();
    CHECK(code == 0);
    co_await listening.wait_closed();
}

// A client that does its half by hand.
coro<> serve_openssl() {
    const support::identity_files files;
    websocket::server listening = co_await start(true);
    std::vector<std::string> command{"openssl", "s_client", "-connect", "localhost:" + std::to_string(listening.port()),
                                     "-CAfile", files.authority_file(), "-verify_return_error", "-verify_hostname",
                                     "localhost", "-quiet"};
    process_options options;
    options.in = stdio::pipe();
    options.err = stdio::devnull();
    process client = co_await create_subprocess_exec(std::move(command), std::move(options));
    const std::string request = "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    co_await client.in().send(request + wire::frame(role::client, opcode::text, "hello from openssl"));
    const bytearray head = co_await client.out().readuntil("\r\n\r\n");
    CHECK(head.str().find("HTTP/1.1 101 ") == 0);
    CHECK(head.str().find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
    const std::string expected = wire::frame(role::server, opcode::text, "hello from openssl");
    const bytearray echoed = co_await client.out().readexactly(expected.size());
    CHECK(echoed == expected);
    co_await client.in().send(wire::frame(role::client, opcode::close, wire::close_payload(1000)));
    const bytearray rest = co_await client.out().read();
    CHECK(rest == wire::frame(role::server, opcode::close, wire::close_payload(1000)));
    const int code = co_await client.wait();
    CHECK(code == 0);
    listening.close();
    co_await listening.wait_closed();
}

coro<> serve_wsdump(bool secure) {
    websocket::server listening = co_await start(secure);
    const std::string address = address_of(listening, secure) + "/echo";
    std::vector<std::string> command{AIOXX_PYTHON, "-u",    "-m",     "websocket._wsdump",
                                     address,      "--raw", "--text", "the first"};
    if (secure) command.emplace_back("--nocert");
    process_options options;
    options.in = stdio::pipe();
    process client = co_await create_subprocess_exec(std::move(command), std::move(options));
    const bytearray first = co_await client.out().readline();
    CHECK(first == "the first\n");
    co_await client.in().send("the second\n");
    const bytearray second = co_await client.out().readline();
    CHECK(second == "the second\n");
    client.in().close();
    const int code = co_await client.wait();
    CHECK(code == 0);
    listening.close();
    co_await listening.wait_closed();
}

coro<> serve_browser(std::string browser, bool secure) {
    const expected_reports only;
    auto report = create_future<std::string>();
    websocket::server listening = co_await start(secure, report);
    std::string address = address_of(listening, secure, "http") + "/";
    const std::string told = co_await peers::visit(std::move(browser), std::move(address), report);
    CHECK(told == "all right");
    co_await listening.shutdown(5s);
}

bool has_wsdump() { return peers::succeeds({AIOXX_PYTHON, "-c", "import websocket._wsdump"}); }

}  // namespace

TEST_CASE("Python's websockets client finds everything that our server offers", "[integration]") {
    for (const bool secure : {false, true}) {
        peers::run_with(peers::has_python_websockets(), "python3 has no module websockets: not tested",
                        serve_script("ws_server_side_client.py", secure));
    }
}

TEST_CASE("node's ws client finds everything that our server offers", "[integration]") {
    for (const bool secure : {false, true}) {
        peers::run_with(peers::has_node_ws(), "node has no module ws (see NODE_PATH): not tested",
                        serve_script("ws_server_side_client.js", secure));
    }
}

TEST_CASE("a WebSocket over openssl s_client is served", "[integration]") {
    peers::run_with(peers::succeeds({"openssl", "version"}), "there is no openssl: not tested", serve_openssl());
}

TEST_CASE("wsdump of Python's websocket-client is served", "[integration]") {
    for (const bool secure : {false, true}) {
        peers::run_with(has_wsdump(), "python3 has no module websocket (websocket-client): not tested",
                        serve_wsdump(secure));
    }
}

TEST_CASE("a browser's page, served on the same port, finds everything that our server offers", "[integration]") {
    const std::string browser = peers::find_browser();
    for (const bool secure : {false, true}) {
        peers::run_with(!browser.empty(), "there is no Chromium: not tested", serve_browser(browser, secure));
    }
}
