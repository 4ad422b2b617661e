// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/connect.hpp>

#include <string>

#include <aioxx/streams/start_server.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/websocket/proto/accept_key.hpp>
#include <aioxx/websocket/serve.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using websocket::close_code;
using websocket::message;
using websocket::opcode;
using websocket::role;
using support::run_bounded;

namespace {

using ws_connection = websocket::connection;

std::string uri_of(std::uint16_t port) { return "ws://127.0.0.1:" + std::to_string(port) + "/"; }

coro<> echo(ws_connection with) {
    while (auto received = co_await with.next()) co_await with.send_text(received->str());
}

// A server that answers every request with the same bytes; {KEY} stands for the right accept key.
struct fixed_answer {
    std::string bytes;
    coro<> operator()(stream_reader reader, stream_writer writer) {
        const bytearray head = co_await reader.readuntil("\r\n\r\n");
        const std::string_view text = head.str();
        const std::string name = "Sec-WebSocket-Key: ";
        const std::size_t at = text.find(name) + name.size();
        const std::string key = websocket::accept_key(text.substr(at, text.find('\r', at) - at));
        std::string answer = bytes;
        const std::size_t place = answer.find("{KEY}");
        if (place != std::string::npos) answer.replace(place, 5, key);
        co_await writer.send(answer);
        writer.write_eof();
        static_cast<void>(co_await reader.read());
    }
};

const std::string upgrade =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {KEY}\r\n";

// What connect throws at such a server.
coro<std::string> complaint_about(std::string answer) {
    fixed_answer handler;
    handler.bytes = std::move(answer);
    server listening = co_await start_server(std::move(handler), "127.0.0.1", 0);
    std::string complaint = "none";
    try {
        static_cast<void>(co_await websocket::connect(uri_of(listening.port())));
    } catch (const websocket::invalid_status& refused) {
        complaint = "status " + std::to_string(refused.status()) + ": " + refused.body();
    } catch (const websocket::handshake_error& failure) {
        complaint = failure.what();
    }
    listening.close();
    co_await listening.wait_closed();
    co_return complaint;
}

}  // namespace

TEST_CASE("connect negotiates a subprotocol and sends the options", "[websocket]") {
    run_bounded([]() -> coro<> {
        websocket::serve_options serving;
        serving.subprotocols = {"chat", "log"};
        serving.extra_headers.add("X-From", "server");
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0, serving);
        websocket::connect_options options;
        options.subprotocols = {"other", "log"};
        options.origin = "http://here";
        options.user_agent = "tester";
        options.extra_headers.add("X-To", "server");
        ws_connection ws = co_await websocket::connect(uri_of(listening.port()) + "path?x=1", options);
        CHECK(ws.subprotocol() == "log");
        CHECK(ws.request().target == "/path?x=1");
        CHECK(ws.request().headers.get("Origin") == "http://here");
        CHECK(ws.request().headers.get("User-Agent") == "tester");
        CHECK(ws.request().headers.get("X-To") == "server");
        CHECK(ws.response().headers.get("X-From") == "server");
        CHECK(ws.transport()->get_extra_info(extra_info::peername)->port() == listening.port());
        co_await ws.send_text("x");
        const message answer = co_await ws.receive();
        CHECK(answer.str() == "x");
        co_await ws.close();
        ws_connection plain = co_await websocket::connect(uri_of(listening.port()));
        CHECK(plain.subprotocol().empty());
        co_await plain.close();
        listening.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("another status than 101 is told with its body", "[websocket]") {
    const std::string refused =
        run_bounded(complaint_about("HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nnot here"));
    CHECK(refused == "status 404: not here");
    CHECK(run_bounded(complaint_about("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")) ==
          "status 302: ");
}

TEST_CASE("an answer that is wrong names what is wrong", "[websocket]") {
    const std::string wrong_key = run_bounded(complaint_about(
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n\r\n"));
    CHECK(wrong_key.find("Sec-WebSocket-Accept") != std::string::npos);
    CHECK(run_bounded(complaint_about(upgrade + "Sec-WebSocket-Protocol: odd\r\n\r\n")).find("odd") !=
          std::string::npos);
    CHECK(run_bounded(complaint_about(upgrade + "Sec-WebSocket-Extensions: x-odd\r\n\r\n")).find("x-odd") !=
          std::string::npos);
    CHECK(run_bounded(complaint_about("SSH-2.0-OpenSSH_9.2\r\n\r\n")) != "none");
    CHECK(run_bounded(complaint_about("")).find("ended before") != std::string::npos);
}

TEST_CASE("frames that come with the answer are not lost", "[websocket]") {
    run_bounded([]() -> coro<> {
        const std::string frames = wire::frame(role::server, opcode::text, "early") +
                                   wire::frame(role::server, opcode::close, wire::close_payload(1000, "bye"));
        fixed_answer handler;
        handler.bytes = upgrade + "\r\n" + frames;
        server listening = co_await start_server(std::move(handler), "127.0.0.1", 0);
        ws_connection ws = co_await websocket::connect(uri_of(listening.port()));
        const message early = co_await ws.receive();
        CHECK(early.str() == "early");
        const std::optional<message> none = co_await ws.next();
        CHECK(!none);
        CHECK(ws.close_reason() == "bye");
        listening.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("opening is limited by the open timeout, and leaves nothing open", "[websocket]") {
    run_bounded([]() -> coro<> {
        const support::bound_socket silent;  // accepts and never answers
        co_await sleep(1ms);
        const std::size_t before = support::open_descriptors();
        websocket::connect_options options;
        options.open_timeout = 30ms;
        bool timed_out = false;
        try {
            static_cast<void>(co_await websocket::connect(uri_of(silent.address.port()), options));
        } catch (const timeout_error&) {
            timed_out = true;
        }
        CHECK(timed_out);
        for (int i = 0; i < 3; ++i) co_await sleep(1ms);
        CHECK(support::open_descriptors() == before);
    }());
}

TEST_CASE("connect that is cancelled closes the connection, whenever that is", "[websocket]") {
    run_bounded([]() -> coro<> {
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0);
        for (int turns = 0; turns < 15; ++turns) {
            task<ws_connection> opening = create_task(websocket::connect(uri_of(listening.port())));
            for (int i = 0; i < turns; ++i) co_await sleep(0s);
            if (turns >= 10) co_await sleep(1ms);
            opening.cancel();
            try {
                ws_connection ws = co_await opening;
                co_await ws.close();
            } catch (const cancelled_error&) {
            }
        }
        listening.close();
        co_await listening.wait_closed();
        CHECK(listening.connection_count() == 0);
    }());
}

TEST_CASE("an address that cannot be used is refused before anything is opened", "[websocket]") {
    run_bounded([]() -> coro<> {
        int refused = 0;
        for (const char* address : {"wss://127.0.0.1/", "http://127.0.0.1/", "ws://"}) {
            try {
                static_cast<void>(co_await websocket::connect(address));
            } catch (const std::invalid_argument&) {
                ++refused;
            }
        }
        CHECK(refused == 3);
        const support::bound_socket refusing("127.0.0.1", false);
        bool nobody = false;
        try {
            static_cast<void>(co_await websocket::connect(uri_of(refusing.address.port())));
        } catch (const connect_error&) {
            nobody = true;
        }
        CHECK(nobody);
    }());
}
