// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/serve.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/instrument.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/streams/tls.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/report_collector.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/websocket/connect.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"
#include "support/was_cancelled.hpp"
#include "websocket/memory_server.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using websocket::close_code;
using websocket::message;
using websocket::opcode;
using websocket::role;
using websocket::serve_options;
using support::memory_server;
using support::opening_request;
using support::run_bounded;
using testing::test_loop;

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

// What the server says to bytes, until it closes.
coro<std::string> answer_to(websocket::server listening, std::string bytes) {
    auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
    co_await writer.send(bytes);
    const bytearray answer = co_await reader.read();
    co_return std::string(answer.str());
}

}  // namespace

TEST_CASE("the example of the RFC is accepted, and frames behind the request are not lost", "[websocket]") {
    run_bounded([]() -> coro<> {
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        co_await writer.send(opening_request() + wire::frame(role::client, opcode::text, "hello"));
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
        writer.write(opening_request());
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
            {opening_request("Origin: http://theirs\r\n"), "403"},
            {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "426"},
            {opening_request("", "POST / HTTP/1.1"), "405"},
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
            co_await answer_to(listening, opening_request("Origin: http://ours\r\n") +
                                              wire::frame(role::client, opcode::close, wire::close_payload(1000)));
        CHECK(ours.find("HTTP/1.1 101 ") == 0);
        co_await end(listening);
    }());
}

TEST_CASE("process_request answers as plain HTTP or lets the request go on", "[websocket]") {
    run_bounded([]() -> coro<> {
        testing::report_collector reported;
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
        const std::string broken = co_await answer_to(listening, opening_request("", "GET /broken HTTP/1.1"));
        CHECK(broken.find("HTTP/1.1 500 ") == 0);
        REQUIRE(reported.seen.size() == 1);
        CHECK(describe(reported.seen[0]).find("the program's own error") != std::string::npos);
        co_await check_serving(listening);
        co_await end(listening);
    }());
}

TEST_CASE("a handler that returns closes with 1000, one that throws with 1011 and a report", "[websocket]") {
    run_bounded([]() -> coro<> {
        testing::report_collector reported;
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
        REQUIRE(reported.seen.size() == 1);
        CHECK(describe(reported.seen[0]).find("the handler's own error") != std::string::npos);
        CHECK(describe(reported.seen[0]).find("/there") != std::string::npos);
        co_await end(listening);
    }());
}

TEST_CASE("the task of a handler is called connection, and may be cancelled at any time", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        testing::report_collector reported;
        struct first_cancelled : instrument {
            void task_started(loop_task& started) noexcept override {
                if (dynamic_cast<websocket::detail::serving::visitor*>(&started) == nullptr) return;
                ++handlers;
                if (handlers == 1) static_cast<task_base&>(started).cancel();
            }
            int handlers = 0;
        };
        first_cancelled harm;
        get_running_loop().add_instrument(harm);
        auto names = std::make_shared<std::vector<std::string>>();
        const auto handler = [names](ws_connection with) -> coro<> {
            names->push_back(current_task()->name());
            task_base* const self = current_task();
            get_running_loop().call_later(1s, [self] { self->cancel(); });
            static_cast<void>(co_await with.receive());
        };
        memory_server at(handler);
        const ws_connection before = co_await at.connect();
        co_await before.wait_closed();
        CHECK(before.close_code() == close_code::going_away);
        CHECK(names->empty());
        const ws_connection later = co_await at.connect();
        co_await later.wait_closed();
        CHECK(later.close_code() == close_code::going_away);
        CHECK(*names == std::vector<std::string>{"connection"});
        CHECK(harm.handlers == 2);
        CHECK(at.server().connections().empty());
        at.server().close();
        co_await at.server().wait_closed();
        CHECK(reported.seen.empty());
    }());
}

TEST_CASE("what a handler throws before it is a coroutine is reported as well, and closes with 1011", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        testing::report_collector reported;
        const auto handler = [](ws_connection with) {
            if (with.is_open()) throw std::runtime_error("refused");
            return echo(std::move(with));
        };
        memory_server at(handler);
        const ws_connection ws = co_await at.connect();
        co_await ws.wait_closed();
        CHECK(ws.close_code() == close_code::internal_error);
        REQUIRE(reported.seen.size() == 1);
        CHECK(describe(reported.seen[0]).find("refused") != std::string::npos);
        at.server().close();
        co_await at.server().wait_closed();
    }());
}

TEST_CASE("handlers go on when nobody has the server any more", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto at = std::make_unique<memory_server>([](ws_connection with) -> coro<> {
            const message received = co_await with.receive();
            co_await with.send(received);
        });
        const ws_connection ws = co_await at->connect();
        at->server().close(false);
        at.reset();
        co_await ws.send_text("still there?");
        const message echoed = co_await ws.receive();
        CHECK(echoed.str() == "still there?");
        co_await ws.wait_closed();
        CHECK(ws.close_code() == close_code::normal_closure);
    }());
}

TEST_CASE("the server goes on after connections that broke in any way", "[websocket]") {
    run_bounded([]() -> coro<> {
        testing::report_collector reported;
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
            const std::string answer = co_await answer_to(listening, opening_request() + bad.frames);
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
            co_await writer.send(opening_request() + half.substr(0, 500));
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
        CHECK(reported.seen.empty());
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
        co_await writer.send(opening_request());
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
        const bool cancelled = co_await support::was_cancelled(serving);
        CHECK(cancelled);
        co_await ws.wait_closed();
        CHECK(ws.close_code() == close_code::going_away);
    }());
}

// ---- where it listens ----

namespace {

// An echo there and back at any address.
coro<> check_echo(std::string address, websocket::connect_options options) {
    const ws_connection ws = co_await websocket::connect(std::move(address), std::move(options));
    co_await ws.send_text("over there");
    const message echoed = co_await ws.receive();
    CHECK(echoed.str() == "over there");
    co_await ws.close();
    CHECK(ws.close_code() == close_code::normal_closure);
}
coro<> check_echo(std::string address) { return check_echo(std::move(address), websocket::connect_options()); }

}  // namespace

TEST_CASE("one server listens on several addresses, all with the same port", "[websocket]") {
    run_bounded([]() -> coro<> {
        std::vector<std::string> hosts;
        for (const char* host : {"127.0.0.1", "127.0.0.2", "127.0.0.1"}) hosts.emplace_back(host);
        websocket::server listening = co_await websocket::serve(echo, hosts, 0);
        CHECK(listening.addresses().size() == 2);
        for (const char* host : {"127.0.0.1", "127.0.0.2"}) {
            const std::string address = "ws://" + std::string(host) + ":" + std::to_string(listening.port()) + "/";
            co_await check_echo(address);
        }
        co_await end(listening);
    }());
}

TEST_CASE("a server takes a socket that is bound already, and serves on a Unix socket", "[websocket]") {
    run_bounded([]() -> coro<> {
        unique_fd bound(::socket(AF_INET, SOCK_STREAM, 0));
        REQUIRE(bound);
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(bound.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
        websocket::server listening = co_await websocket::serve(echo, std::move(bound));
        co_await check_echo(address_of(listening));
        co_await end(listening);

        const support::temporary_directory folder;
        const std::string path = folder.path("socket");
        websocket::server local = co_await websocket::unix_serve(echo, path);
        auto [reader, writer] = co_await open_unix_connection(path);
        co_await writer.send(opening_request() + wire::frame(role::client, opcode::text, "hello"));
        co_await reader.readuntil("\r\n\r\n");
        const std::string expected = wire::frame(role::server, opcode::text, "hello");
        const bytearray echoed = co_await reader.readexactly(expected.size());
        CHECK(echoed == expected);
        writer.close();
        co_await end(local);
        CHECK(::access(path.c_str(), F_OK) != 0);
    }());
}

TEST_CASE("with a tls context it serves wss, and plain clients get nothing", "[websocket]") {
    run_bounded([]() -> coro<> {
        serve_options options;
        options.ssl = support::server_context();
        options.open_timeout = 200ms;
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0, options);
        websocket::connect_options trusting;
        trusting.ssl = support::client_context();
        const std::string address = "wss://localhost:" + std::to_string(listening.port()) + "/";
        co_await check_echo(address, trusting);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        co_await writer.send(opening_request());
        bytearray answer;
        try {
            answer = co_await reader.read();
        } catch (const broken_error&) {  // a reset is an answer as well
        }
        CHECK(answer.str().find("HTTP") == std::string::npos);
        auto silent = co_await open_connection("127.0.0.1", listening.port());
        const bytearray nothing = co_await silent.reader.read();  // the handshake has to come within the open timeout
        CHECK(nothing.empty());
        const ws_connection other = co_await websocket::connect(address, trusting);
        const shutdown_report report = co_await listening.shutdown(5s);
        CHECK(report.aborted == 0);
        co_await other.wait_closed();
        CHECK(other.close_code() == close_code::going_away);
        options.ssl = support::client_context();
        bool refused = false;
        try {
            static_cast<void>(co_await websocket::serve(echo, "127.0.0.1", 0, options));
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        CHECK(refused);
    }());
}

TEST_CASE("a refusal reaches a client over TLS as well", "[websocket]") {
    run_bounded([]() -> coro<> {
        serve_options options;
        options.ssl = support::server_context();
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0, options);
        tls::connection_options secure;
        secure.server_hostname = "localhost";
        auto [reader, writer] =
            co_await open_connection("127.0.0.1", listening.port(), support::client_context(), secure);
        co_await writer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        const bytearray answer = co_await reader.read();
        CHECK(answer.str().find("HTTP/1.1 426 ") == 0);
        writer.close();
        co_await end(listening);
    }());
}

TEST_CASE("start_serving may come later", "[websocket]") {
    run_bounded([]() -> coro<> {
        listen_options later;
        later.start_serving = false;
        websocket::server listening = co_await websocket::serve(echo, "127.0.0.1", 0, serve_options(), later);
        CHECK_FALSE(listening.is_serving());
        listening.start_serving();
        CHECK(listening.is_serving());
        co_await check_serving(listening);
        co_await end(listening);
        CHECK_FALSE(listening.is_serving());
        CHECK_THROWS_AS(listening.start_serving(), closed_error);

        websocket::server by_itself = co_await websocket::serve(echo, "127.0.0.1", 0, serve_options(), later);
        task<> serving = create_task(by_itself.serve_forever());
        co_await sleep(0s);
        co_await check_serving(by_itself);
        by_itself.close();
        co_await serving;
    }());
}

// ---- the end ----

TEST_CASE("close says what it is told, and only to those who are open", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        memory_server at(echo);
        const ws_connection ws = co_await at.connect();
        const stream opening = co_await at.connect_raw();
        co_await opening.writer.send("GET / HTTP/1.1\r\n");
        CHECK_THROWS_AS(at.server().close(true, static_cast<close_code>(1006)), std::invalid_argument);
        CHECK_THROWS_AS(at.server().close(true, close_code::going_away, std::string(124, 'r')), std::invalid_argument);
        CHECK(ws.is_open());
        at.server().close(true, static_cast<close_code>(4000), "maintenance");
        at.server().close();
        co_await ws.wait_closed();
        CHECK(value_of(ws.close_code().value()) == 4000);
        CHECK(ws.close_reason() == "maintenance");
        co_await opening.writer.send("Host: h\r\n\r\n");
        const bytearray answer = co_await opening.reader.read();
        CHECK(answer.str().find("HTTP/1.1 503 ") == 0);
        opening.writer.close();
        co_await at.server().wait_closed();
    }());
}

TEST_CASE("a server that is closed while the response is on its way closes the connection behind it", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.process_response = [](const websocket::http_request&, websocket::http_response& response) {
            response.headers.add("X-Large", std::string(1'000'000, 'x'));
        };
        memory_server at(echo, options);
        const stream client = co_await at.connect_raw();
        co_await client.writer.send(opening_request());
        co_await sleep(1s);  // nobody reads: the response does not fit into the link
        CHECK(at.server().connections().empty());
        at.server().close(true, static_cast<close_code>(4000), "maintenance");
        const bytearray head = co_await client.reader.readexactly(1'000'000);
        CHECK(head.str().find("HTTP/1.1 101 ") == 0);
        const std::string expected = wire::frame(role::server, opcode::close, wire::close_payload(4000, "maintenance"));
        const bytearray rest = co_await client.reader.readuntil("maintenance");
        CHECK(rest.str().ends_with("\r\n\r\n" + expected));
        client.writer.close();
        co_await at.server().wait_closed();
    }());
}

TEST_CASE("close may let the connections go on until their handlers return", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        memory_server at(echo);
        const ws_connection ws = co_await at.connect();
        at.server().close(false);
        co_await sleep(1h);
        co_await ws.send_text("still there?");
        const message echoed = co_await ws.receive();
        CHECK(echoed.str() == "still there?");
        const std::string late = co_await at.answer_to(opening_request());
        CHECK(late.substr(9, 3) == "503");
        const task<> waiting = create_task(at.server().wait_closed());
        co_await sleep(1s);
        CHECK_FALSE(waiting.done());
        co_await ws.close();
        co_await waiting;
    }());
}

TEST_CASE("wait_closed waits for handlers as well, and the deadline of shutdown cancels them", "[websocket]") {
    run_bounded([]() -> coro<> {
        auto story = std::make_shared<std::vector<std::string>>();
        const auto handler = [story](ws_connection with) -> coro<> {
            try {
                co_await sleep(with.request().target == "/short" ? 20ms : 1h);
                story->push_back("returned");
            } catch (const cancelled_error&) {
                story->push_back("cancelled");
                throw;
            }
        };
        websocket::server listening = co_await websocket::serve(handler, "127.0.0.1", 0);
        const ws_connection one = co_await websocket::connect(address_of(listening, "/short"));
        while (listening.connections().empty()) co_await sleep(1ms);
        const shutdown_report in_time = co_await listening.shutdown(10s);
        CHECK(in_time.aborted == 0);
        CHECK(*story == std::vector<std::string>{"returned"});

        websocket::server again = co_await websocket::serve(handler, "127.0.0.1", 0);
        const ws_connection two = co_await websocket::connect(address_of(again));
        auto [reader, writer] = co_await open_connection("127.0.0.1", again.port());  // answers no Close
        co_await writer.send(opening_request());
        co_await reader.readuntil("\r\n\r\n");
        while (again.connections().size() != 2) co_await sleep(1ms);
        const shutdown_report cut = co_await again.shutdown(50ms);
        CHECK(cut.aborted == 1);
        CHECK(cut.finished == 1);
        CHECK(*story == std::vector<std::string>{"returned", "cancelled", "cancelled"});
        CHECK(two.close_code() == close_code::going_away);
        writer.close();
    }());
}

TEST_CASE("a handler that shuts its own server down is among those that are cancelled", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        std::unique_ptr<memory_server> at;
        struct ends_it {
            std::unique_ptr<memory_server>& at;
            coro<> operator()(ws_connection) {
                static_cast<void>(co_await at->server().shutdown(5s));
                FAIL("nobody is left to come here");
            }
        };
        ends_it handler{at};
        at = std::make_unique<memory_server>(std::move(handler));
        const ws_connection ws = co_await at->connect();
        const time_point start = get_running_loop().time();
        co_await ws.wait_closed();
        CHECK(ws.close_code() == close_code::going_away);
        co_await at->server().wait_closed();
        CHECK(get_running_loop().time() - start == 5s);
    }());
}

TEST_CASE("shutdown that is cancelled cuts everything off at once", "[websocket]") {
    run_bounded([]() -> coro<> {
        const auto handler = [](ws_connection) -> coro<> { co_await sleep(1h); };
        websocket::server listening = co_await websocket::serve(handler, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        co_await writer.send(opening_request());
        co_await reader.readuntil("\r\n\r\n");
        task<shutdown_report> ending = create_task(listening.shutdown(1h));
        co_await sleep(1ms);
        ending.cancel();
        co_await listening.wait_closed();
        CHECK(ending.cancelled());
        writer.close();
    }());
}

// ---- the hooks ----

namespace {

using websocket::http_request;
using websocket::http_response;

// The head of a response, and what is behind it.
std::string status_of(const std::string& answer) { return answer.substr(9, 3); }
std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }
bool has_line(const std::string& answer, const std::string& line) {
    return answer.find("\r\n" + line + "\r\n") != std::string::npos;
}

}  // namespace

TEST_CASE("process_request may be a coroutine, and the open timeout counts while it runs", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.process_request = [](const http_request& asked) -> coro<std::optional<http_response>> {
            std::optional<http_response> answer;
            if (asked.target == "/slow") co_await sleep(9s);
            if (asked.target == "/endless") co_await sleep(1h);
            if (asked.target == "/slow") answer.emplace().body = "slow";
            co_return answer;
        };
        memory_server at(echo, options);
        const time_point start = get_running_loop().time();
        const std::string slow = co_await at.answer_to("GET /slow HTTP/1.1\r\n\r\n");
        CHECK(body_of(slow) == "slow");
        CHECK(get_running_loop().time() - start == 9s);
        const std::string endless = co_await at.answer_to("GET /endless HTTP/1.1\r\n\r\n");
        CHECK(endless.empty());
        CHECK(get_running_loop().time() - start == 19s);
        const std::string other = co_await at.answer_to("GET /other HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(status_of(other) == "426");
    }());
}

TEST_CASE("a plain answer is the last of its connection, says how long it is, and is bodiless for HEAD", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.process_request = [](const http_request& asked) {
            std::optional<http_response> answer(std::in_place);
            answer->body = "a page";
            if (asked.target == "/unchanged") answer->status = 304;
            return answer;
        };
        memory_server at(echo, options);
        const std::string page = co_await at.answer_to("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(status_of(page) == "200");
        CHECK(has_line(page, "Connection: close"));
        CHECK(has_line(page, "Server: aioxx"));
        CHECK(page.find("\r\nDate: ") != std::string::npos);
        CHECK(has_line(page, "Content-Length: 6"));
        CHECK(body_of(page) == "a page");
        const std::string head = co_await at.answer_to("HEAD / HTTP/1.0\r\n\r\n");
        CHECK(has_line(head, "Content-Length: 6"));
        CHECK(body_of(head).empty());
        const std::string unchanged = co_await at.answer_to("GET /unchanged HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(status_of(unchanged) == "304");
        CHECK_FALSE(has_line(unchanged, "Content-Length: 6"));
        CHECK(body_of(unchanged).empty());
        const std::string posted = co_await at.answer_to("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
        CHECK(body_of(posted) == "a page");
    }());
}

TEST_CASE("process_response may change what is sent, and refuse with it", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.process_response = [](const http_request& asked, http_response& response) -> coro<> {
            co_await sleep(1s);
            response.headers.add("X-Seen", asked.target);
            if (asked.target != "/refused") co_return;
            response.status = 403;
            response.body = "not for you";
        };
        memory_server at(echo, options);
        websocket::client_handshake_options open;
        open.target = "/open";
        const ws_connection ws = co_await at.connect(open);
        CHECK(ws.response().headers.get("X-Seen") == "/open");
        const std::string refused = co_await at.answer_to(opening_request("", "GET /refused HTTP/1.1"));
        CHECK(status_of(refused) == "403");
        CHECK(has_line(refused, "X-Seen: /refused"));
        CHECK(refused.find("Upgrade") == std::string::npos);
        CHECK(refused.find("Sec-WebSocket") == std::string::npos);
        CHECK(has_line(refused, "Connection: close"));
        CHECK(body_of(refused) == "not for you");
        const std::string plain = co_await at.answer_to("GET /plain HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(status_of(plain) == "426");
        CHECK(has_line(plain, "X-Seen: /plain"));
        CHECK(at.server().connections().size() == 1);
        co_await ws.close();
    }());
}

TEST_CASE("what a hook throws, or answers against the rules, is reported and answered with 500", "[websocket]") {
    testing::test_options lenient;
    lenient.allow_reports = true;
    test_loop loop(lenient);
    loop.run([]() -> coro<> {
        serve_options options;
        options.process_request = [](const http_request& asked) -> coro<std::optional<http_response>> {
            co_await sleep(1s);
            std::optional<http_response> answer;
            if (asked.target == "/throw") throw std::runtime_error("the program's own error");
            if (asked.target == "/101") answer.emplace().status = 101;
            if (asked.target == "/7") answer.emplace().status = 7;
            co_return answer;
        };
        options.process_response = [](const http_request& asked, http_response&) {
            if (asked.target == "/late") throw std::runtime_error("the other error");
        };
        options.max_connections = 1;
        memory_server at(echo, options);
        for (const std::string target : {"/throw", "/101", "/7", "/late"}) {
            const std::string asked = opening_request("", "GET " + target + " HTTP/1.1");
            const std::string answer = co_await at.answer_to(asked);
            CAPTURE(target, answer);
            CHECK(status_of(answer) == "500");
            CHECK(has_line(answer, "Connection: close"));
        }
        const ws_connection ws = co_await at.connect();  // none of them has taken the only place
        co_await ws.close();
    }());
    REQUIRE(loop.reports().size() == 4);
    CHECK(describe(loop.reports()[0]).find("the program's own error") != std::string::npos);
    CHECK(describe(loop.reports()[1]).find("answered with 101") != std::string::npos);
    CHECK(describe(loop.reports()[2]).find("HTTP status 7") != std::string::npos);
    CHECK(describe(loop.reports()[3]).find("/late") != std::string::npos);
    loop.reports().clear();
}

TEST_CASE("a handler may answer plain requests itself, behind the options", "[websocket]") {
    struct with_a_page {
        coro<std::optional<http_response>> process_request(const http_request& asked) {
            std::optional<http_response> answer;
            if (asked.target != "/socket") answer.emplace().body = page;
            co_return answer;
        }
        coro<> operator()(ws_connection with) { return echo(std::move(with)); }
        std::string page;
    };
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.process_request = [](const http_request& asked) {
            std::optional<http_response> answer;
            if (asked.target == "/health") answer.emplace().body = "well";
            return answer;
        };
        with_a_page handler{"the page"};
        memory_server at(std::move(handler), options);
        const std::string health = co_await at.answer_to("GET /health HTTP/1.1\r\n\r\n");
        CHECK(body_of(health) == "well");
        const std::string page = co_await at.answer_to("GET / HTTP/1.1\r\n\r\n");
        CHECK(body_of(page) == "the page");
        websocket::client_handshake_options open;
        open.target = "/socket";
        const ws_connection ws = co_await at.connect(open);
        co_await ws.send_text("x");
        const message echoed = co_await ws.receive();
        CHECK(echoed.str() == "x");
        co_await ws.close();
    }());
}

TEST_CASE("a predicate decides about origins instead of the list", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.origins.emplace_back("http://never");
        options.check_origin = [](const std::string& origin) {
            return origin.empty() || origin.ends_with(".example.org");
        };
        memory_server at(echo, options);
        struct question {
            std::string line;
            std::string status;
        };
        const std::vector<question> questions = {{"", "101"},
                                                 {"Origin: https://a.example.org\r\n", "101"},
                                                 {"Origin: http://never\r\n", "403"},
                                                 {"Origin: https://example.org.evil\r\n", "403"}};
        const std::string closing = wire::frame(role::client, opcode::close, wire::close_payload(1000));
        for (const question& asked : questions) {
            const std::string answer = co_await at.answer_to(opening_request(asked.line) + closing);
            CAPTURE(asked.line);
            CHECK(status_of(answer) == asked.status);
        }
    }());
}

// ---- limits ----

TEST_CASE("beyond the limit of connections clients are refused with 503 until one has gone", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.max_connections = 2;
        options.process_request = [](const http_request& asked) {
            std::optional<http_response> answer;
            if (asked.target == "/health") answer.emplace().body = "well";
            return answer;
        };
        memory_server at(echo, options);
        const ws_connection one = co_await at.connect();
        const ws_connection two = co_await at.connect();
        const std::string third = co_await at.answer_to(opening_request());
        CHECK(status_of(third) == "503");
        const std::string health = co_await at.answer_to("GET /health HTTP/1.1\r\n\r\n");
        CHECK(status_of(health) == "200");
        CHECK(at.server().connections().size() == 2);
        co_await one.close();
        co_await sleep(1ms);
        CHECK(at.server().connections().size() == 1);
        const ws_connection next = co_await at.connect();
        co_await two.close();
        co_await next.close();
        co_await sleep(1ms);
        CHECK(at.server().connections().empty());
    }());
}

TEST_CASE("a client whose handler has returned counts until its connection is over", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.max_connections = 1;
        memory_server at([](ws_connection) -> coro<> { co_return; }, options);
        const stream client = co_await at.connect_raw();  // answers no Close
        co_await client.writer.send(opening_request());
        const std::string close = wire::frame(role::server, opcode::close, wire::close_payload(1000));
        const bytearray answer = co_await client.reader.readuntil(close);
        CHECK(status_of(std::string(answer.str())) == "101");
        co_await sleep(9s);
        const std::string refused = co_await at.answer_to(opening_request());
        CHECK(status_of(refused) == "503");
        at.server().close();
        const task<> waiting = create_task(at.server().wait_closed());
        co_await sleep(500ms);
        CHECK_FALSE(waiting.done());
        co_await sleep(1s);  // the close timeout
        CHECK(waiting.done());
    }());
}

TEST_CASE("a client that sends its request byte by byte is dropped after the open timeout", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        memory_server at(echo);
        const stream client = co_await at.connect_raw();
        const time_point start = get_running_loop().time();
        const std::string bytes = opening_request();
        for (std::size_t i = 0; i != 9; ++i) {
            co_await client.writer.send(bytes.substr(i, 1));
            co_await sleep(1s);
        }
        const bytearray answer = co_await client.reader.read();
        CHECK(answer.empty());
        CHECK(get_running_loop().time() - start == 10s);
        co_await sleep(1ms);
        CHECK(at.server().connections().empty());
    }());
}

TEST_CASE("a flood of headers is refused with little of it read, and what follows is thrown away", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.header_limits.max_headers = 20;
        memory_server at(echo, options);
        std::string many = "GET / HTTP/1.1\r\n";
        for (int i = 0; i != 1000; ++i) many += "X-Number-" + std::to_string(i) + ": 1\r\n";
        struct flood {
            std::string bytes;
            std::string status;
        };
        const std::vector<flood> floods = {{many, "431"},
                                           {"GET /" + std::string(1'000'000, 'x'), "414"},
                                           {"GET / HTTP/1.1\r\nX: " + std::string(1'000'000, 'x'), "431"},
                                           {std::string(1'000'000, '\n'), "400"}};
        for (const flood& attack : floods) {
            const stream client = co_await at.connect_raw();
            const task<> sending = create_task([](stream_writer to, std::string bytes) -> coro<> {
                co_await to.send(bytes);
                to.write_eof();
            }(client.writer, attack.bytes));
            const bytearray answer = co_await client.reader.read();
            CAPTURE(attack.bytes.substr(0, 40));
            CHECK(status_of(std::string(answer.str())) == attack.status);
            CHECK(answer.size() < 1000);
            co_await sending;
        }
        const ws_connection ws = co_await at.connect();
        co_await ws.close();
    }());
}

TEST_CASE("the limits of a request hold exactly", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        serve_options options;
        options.header_limits.max_headers = 7;
        memory_server at(echo, options);
        const std::string closing = wire::frame(role::client, opcode::close, wire::close_payload(1000));
        const std::string enough = co_await at.answer_to(opening_request("X-1: 1\r\nX-2: 2\r\n") + closing);
        CHECK(status_of(enough) == "101");
        const std::string too_many = co_await at.answer_to(opening_request("X-1: 1\r\nX-2: 2\r\nX-3: 3\r\n"));
        CHECK(status_of(too_many) == "431");
    }());
}

TEST_CASE("a client that goes on sending after its refusal is cut off after the open timeout", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        memory_server at(echo);
        const stream client = co_await at.connect_raw();
        const time_point start = get_running_loop().time();
        co_await client.writer.send("GET / HTTP/1.1\r\n\r\n");
        const bytearray answer = co_await client.reader.read();
        CHECK(status_of(std::string(answer.str())) == "400");
        CHECK(get_running_loop().time() == start);
        const std::string block(100'000, 'x');
        bool cut = false;
        while (!cut) {
            try {
                co_await client.writer.send(block);
                co_await sleep(1s);
            } catch (const broken_error&) {
                cut = true;
            }
            REQUIRE(get_running_loop().time() - start < 12s);
        }
        CHECK(get_running_loop().time() - start >= 10s);
    }());
}

TEST_CASE("a peer that is no longer there is noticed by the keepalive, and its handler ends", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto ended = std::make_shared<std::string>();
        const auto handler = [ended](ws_connection with) -> coro<> {
            try {
                static_cast<void>(co_await with.receive());
            } catch (const websocket::connection_closed& closed) {
                *ended = closed.what();
                throw;
            }
        };
        memory_server at(handler);
        testing::memory_link wire(get_running_loop());
        const ws_connection ws = co_await at.connect_over(wire);
        const time_point start = get_running_loop().time();
        wire.forth().stall();
        wire.back().stall();
        co_await sleep(39s);
        CHECK(at.server().connections().size() == 1);
        co_await sleep(2s);
        CHECK(at.server().connections().empty());
        CHECK(ended->find("keepalive ping timeout") != std::string::npos);
        CHECK(get_running_loop().time() - start == 41s);
        wire.reset();
        co_await ws.wait_closed();
    }());
}

TEST_CASE("many connections at a time are served, each as if it were alone", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        constexpr std::size_t count = 1000;
        memory_server at(echo);
        std::vector<task<>> clients;
        for (std::size_t i = 0; i != count; ++i) {
            clients.push_back(create_task([](memory_server& server, std::string name) -> coro<> {
                const ws_connection ws = co_await server.connect();
                for (int round = 0; round != 3; ++round) {
                    co_await ws.send_text(name);
                    const message echoed = co_await ws.receive();
                    CHECK(echoed.str() == name);
                    co_await sleep(1s);
                }
                co_await ws.close();
            }(at, "client " + std::to_string(i))));
        }
        co_await sleep(1500ms);
        CHECK(at.server().connections().size() == count);
        for (const task<>& client : clients) co_await client;
        co_await sleep(1ms);
        CHECK(at.server().connections().empty());
    }());
}

TEST_CASE("what an idle connection keeps is small", "[websocket]") {
    CHECK(sizeof(websocket::detail::connection_state_machine) <= 640);
    CHECK(sizeof(websocket::detail::serving::visitor) <= 216);
    CHECK(sizeof(decltype(std::declval<ws_connection>().receive_view())) <= 96);  // it lies in the handler's frame
}
