// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/serve.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using websocket::close_code;
using websocket::message;
using websocket::opcode;
using websocket::role;
using websocket::serve_options;
using support::run_bounded;

namespace {

using ws_connection = websocket::connection;

coro<> echo(ws_connection with) {
    while (auto received = co_await with.next()) {
        if (received->is_text) {
            co_await with.send_text(received->str());
        } else {
            co_await with.send_binary(received->data);
        }
    }
}

std::string address_of(const websocket::server& listening, std::string target = "/") {
    return "ws://127.0.0.1:" + std::to_string(listening.port()) + target;
}

// The server still serves: one message there and back.
coro<> check_serving(websocket::server listening) {
    ws_connection ws = co_await websocket::connect(address_of(listening));
    co_await ws.send_text("still there?");
    const message answer = co_await ws.receive();
    CHECK(answer.str() == "still there?");
    co_await ws.close();
}

coro<> end(websocket::server listening) {
    listening.close();
    co_await listening.wait_closed();
}

std::string request(std::string more = {}, std::string first = "GET / HTTP/1.1") {
    return first + "\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + more + "\r\n";
}

// What the server says to bytes, until it closes.
coro<std::string> answer_to(websocket::server listening, std::string bytes) {
    auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
    co_await writer.send(bytes);
    const bytearray answer = co_await reader.read();
    co_return std::string(answer.str());
}

class reports {
public:
    reports() : loop_(get_running_loop()) {
        loop_.set_exception_handler([this](const exception_context& context) { texts.push_back(describe(context)); });
    }
    ~reports() { loop_.set_exception_handler({}); }
    std::vector<std::string> texts;

private:
    event_loop& loop_;
};

}  // namespace

TEST_CASE("the example of the RFC is accepted, and frames behind the request are not lost", "[websocket]") {
    run_bounded([]() -> coro<> {
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        co_await writer.send(request() + wire::frame(role::client, opcode::text, "hello"));
        const bytearray head = co_await reader.readuntil("\r\n\r\n");
        CHECK(head.str().find("HTTP/1.1 101 ") == 0);
        CHECK(head.str().find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
        const std::string expected = wire::frame(role::server, opcode::text, "hello");
        const bytearray echoed = co_await reader.readexactly(expected.size());
        CHECK(echoed == expected);
        co_await writer.send(wire::frame(role::client, opcode::close, wire::close_payload(1000)));
        const bytearray rest = co_await reader.read();
        CHECK(rest == wire::frame(role::server, opcode::close, wire::close_payload(1000)));
        writer.close();
        co_await end(listening);
    }());
}

TEST_CASE("a client that ends with its request ends the handler as well", "[websocket]") {
    run_bounded([]() -> coro<> {
        auto outcome = std::make_shared<std::string>();
        auto handler = [outcome](ws_connection with) -> coro<> {
            try {
                static_cast<void>(co_await with.receive());
            } catch (const websocket::connection_closed& closed) {
                *outcome = std::to_string(value_of(closed.code()));
            }
        };
        websocket::server listening = co_await websocket::serve(handler, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        writer.write(request());
        writer.write_eof();
        const bytearray answer = co_await reader.read();
        CHECK(answer.str().find("HTTP/1.1 101 ") == 0);
        CHECK(*outcome == "1006");
        co_await end(listening);
    }());
}

TEST_CASE("what is no request for a WebSocket is answered with the fitting status", "[websocket]") {
    run_bounded([]() -> coro<> {
        serve_options options;
        options.origins.emplace_back("http://ours");
        options.origins.emplace_back("");
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0, options);
        struct question {
            std::string bytes;
            std::string status;
        };
        const std::vector<question> questions = {
            {request("Origin: http://theirs\r\n"), "403"},
            {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "426"},
            {request({}, "POST / HTTP/1.1"), "405"},
            {"garbage from another world\r\n\r\n", "400"},
            {"\x16\x03\x01\x02\x01\r\n\r\n", "400"},
        };
        for (const question& asked : questions) {
            const std::string answer = co_await answer_to(listening, asked.bytes);
            CAPTURE(asked.bytes, answer);
            CHECK(answer.find("HTTP/1.1 " + asked.status) == 0);
            co_await check_serving(listening);
        }
        const std::string ours =
            co_await answer_to(listening, request("Origin: http://ours\r\n") +
                                              wire::frame(role::client, opcode::close, wire::close_payload(1000)));
        CHECK(ours.find("HTTP/1.1 101 ") == 0);
        co_await end(listening);
    }());
}

TEST_CASE("process_request answers as plain HTTP or lets the request go on", "[websocket]") {
    run_bounded([]() -> coro<> {
        reports reported;
        serve_options options;
        options.process_request = [](const websocket::http_request& asked) -> std::optional<websocket::http_response> {
            if (asked.target == "/broken") throw std::runtime_error("the program's own error");
            if (asked.target != "/health") return std::nullopt;
            websocket::http_response response;
            response.body = "well\n";
            return response;
        };
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0, options);
        const std::string health = co_await answer_to(listening, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(health.find("HTTP/1.1 200 ") == 0);
        CHECK(health.find("Content-Length: 5\r\n") != std::string::npos);
        CHECK(health.ends_with("\r\n\r\nwell\n"));
        const std::string broken = co_await answer_to(listening, request({}, "GET /broken HTTP/1.1"));
        CHECK(broken.find("HTTP/1.1 500 ") == 0);
        REQUIRE(reported.texts.size() == 1);
        CHECK(reported.texts[0].find("the program's own error") != std::string::npos);
        co_await check_serving(listening);
        co_await end(listening);
    }());
}

TEST_CASE("a client that does not finish its request is dropped after the open timeout", "[websocket]") {
    run_bounded([]() -> coro<> {
        serve_options options;
        options.open_timeout = 30ms;
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0, options);
        const std::string answer = co_await answer_to(listening, "GET / HTTP/1.1\r\nHost: ");
        CHECK(answer.empty());
        co_await end(listening);
    }());
}

TEST_CASE("a handler that returns closes with 1000, one that throws with 1011 and a report", "[websocket]") {
    run_bounded([]() -> coro<> {
        reports reported;
        auto handler = [](ws_connection with) -> coro<> {
            const message received = co_await with.receive();
            if (received.str() == "throw") throw std::runtime_error("the handler's own error");
        };
        websocket::server listening = co_await websocket::serve(handler, "127.0.0.1", 0);
        for (const std::string word : {"throw", "return"}) {
            ws_connection ws = co_await websocket::connect(address_of(listening, "/there"));
            co_await ws.send_text(word);
            co_await ws.wait_closed();
            CHECK(ws.close_code() == (word == "throw" ? close_code::internal_error : close_code::normal_closure));
        }
        REQUIRE(reported.texts.size() == 1);
        CHECK(reported.texts[0].find("the handler's own error") != std::string::npos);
        CHECK(reported.texts[0].find("/there") != std::string::npos);
        co_await end(listening);
    }());
}

TEST_CASE("the server goes on after connections that broke in any way", "[websocket]") {
    run_bounded([]() -> coro<> {
        reports reported;
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0);
        struct breach {
            std::string frames;
            unsigned code;
        };
        std::string huge = wire::hex("82 ff 00 00 00 00 00 10 00 01 00 00 00 00");  // 1 MiB + 1, only announced
        const std::vector<breach> breaches = {
            {wire::frame(role::server, opcode::text, "not masked"), 1002},
            {wire::frame(role::client, opcode::text, "\xff"), 1007},
            {huge, 1009},
        };
        for (const breach& bad : breaches) {
            const std::string answer = co_await answer_to(listening, request() + bad.frames);
            const std::string frames = answer.substr(answer.find("\r\n\r\n") + 4);
            CAPTURE(bad.code);
            REQUIRE(frames.size() >= 4);
            CHECK(frames[0] == '\x88');
            CHECK(frames.substr(2, 2) == wire::close_payload(bad.code));
            co_await check_serving(listening);
        }
        {  // reset in the middle of a message
            auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
            const std::string half = wire::frame(role::client, opcode::text, std::string(1000, 'x'));
            co_await writer.send(request() + half.substr(0, 500));
            const bytearray head = co_await reader.readuntil("\r\n\r\n");
            CHECK(head.str().find("HTTP/1.1 101 ") == 0);
            const linger hard{1, 0};
            const auto socket = writer.get_extra_info(extra_info::socket);
            socket->setsockopt(SOL_SOCKET, SO_LINGER, hard);
            writer.abort();
            co_await writer.wait_closed();
        }
        co_await check_serving(listening);
        co_await end(listening);
        CHECK(reported.texts.empty());
    }());
}

TEST_CASE("closing the server tells every ws_connection with 1001", "[websocket]") {
    run_bounded([]() -> coro<> {
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0);
        ws_connection one = co_await websocket::connect(address_of(listening));
        ws_connection two = co_await websocket::connect(address_of(listening));
        co_await one.send_text("x");
        static_cast<void>(co_await one.receive());
        while (listening.connection_count() != 2) co_await sleep(1ms);
        const shutdown_report report = co_await listening.shutdown(5s);
        CHECK(report.aborted == 0);
        CHECK(report.finished == 2);
        co_await one.wait_closed();
        co_await two.wait_closed();
        CHECK(one.close_code() == close_code::going_away);
        CHECK(two.close_code() == close_code::going_away);
    }());
}

TEST_CASE("a request that comes when the server is closed is turned away", "[websocket]") {
    run_bounded([]() -> coro<> {
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        while (listening.connection_count() == 0) co_await sleep(1ms);
        listening.close();
        co_await writer.send(request());
        const bytearray answer = co_await reader.read();
        CHECK(answer.str().find("HTTP/1.1 503 ") == 0);
        writer.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("serve_forever that is cancelled closes the connections with 1001", "[websocket]") {
    run_bounded([]() -> coro<> {
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0);
        task<> serving = create_task(listening.serve_forever());
        ws_connection ws = co_await websocket::connect(address_of(listening));
        co_await sleep(0s);
        serving.cancel();
        bool cancelled = false;
        try {
            co_await serving;
        } catch (const cancelled_error&) {
            cancelled = true;
        }
        CHECK(cancelled);
        co_await ws.wait_closed();
        CHECK(ws.close_code() == close_code::going_away);
    }());
}
