// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/broadcast.hpp>

#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "websocket/memory_server.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::memory_server;
using support::opening_request;
using testing::test_loop;
using websocket::broadcast;
using websocket::broadcast_options;
using websocket::broadcast_report;
using websocket::message;
using websocket::opcode;
using websocket::role;

namespace {

using ws_connection = websocket::connection;

// Reads until the connection ends.
coro<> listen_only(ws_connection with) {
    while (const auto ignored = co_await with.next()) {
    }
    co_return;
}

broadcast_report counted(std::size_t sent, std::size_t slow = 0, std::size_t busy = 0, std::size_t closed = 0) {
    return {sent, slow, busy, closed};
}

}  // namespace

TEST_CASE("one message goes to all connections, as text or as bytes", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        memory_server at(listen_only);
        std::vector<ws_connection> clients;
        for (int i = 0; i != 3; ++i) {
            ws_connection next = co_await at.connect();
            clients.push_back(std::move(next));
        }
        CHECK(broadcast(at.server().connections(), "h\xc3\xa9llo") == counted(3));
        CHECK(broadcast(at.server().connections(), bytearray("bytes")) == counted(3));
        CHECK(broadcast(at.server().connections(), message(true, bytearray("passed on"))) == counted(3));
        CHECK(broadcast_text(at.server().connections(), "") == counted(3));
        const std::string large(70'000, 'x');
        CHECK(broadcast_binary(at.server().connections(), large) == counted(3));
        for (const ws_connection& client : clients) {
            const message text = co_await client.receive();
            CHECK(text.is_text);
            CHECK(text.str() == "h\xc3\xa9llo");
            const message bytes = co_await client.receive();
            CHECK_FALSE(bytes.is_text);
            CHECK(bytes.str() == "bytes");
            const message passed = co_await client.receive();
            CHECK(passed.is_text);
            CHECK(passed.str() == "passed on");
            const message empty = co_await client.receive();
            CHECK(empty.is_text);
            CHECK(empty.data.empty());
            const message much = co_await client.receive();
            CHECK((much.str() == large));
            co_await client.close();
        }
    }());
}

TEST_CASE("connections that are closing or over are left out, and the range may be any", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        memory_server at(listen_only);
        const ws_connection stays = co_await at.connect();
        const ws_connection goes = co_await at.connect();
        std::list<ws_connection> room;
        for (const ws_connection& each : at.server().connections()) room.push_back(each);
        CHECK(broadcast(room, "one") == counted(2));
        co_await goes.close();
        co_await sleep(1ms);
        CHECK(broadcast(room, "two") == counted(1, 0, 0, 1));
        CHECK(broadcast(std::vector<ws_connection>(), "nobody") == counted(0));
        const task<> closing = create_task(room.front().close());  // ours has left, the client's answer is not here yet
        co_await sleep(0s);
        const broadcast_report while_closing = broadcast(room, "three");
        CHECK(while_closing == counted(0, 0, 0, 2));
        co_await closing;
        const message one = co_await stays.receive();
        CHECK(one.str() == "one");
        const message two = co_await stays.receive();
        CHECK(two.str() == "two");
        const auto end = co_await stays.next();
        CHECK_FALSE(end);
    }());
}

TEST_CASE("text that is not UTF-8 is sent to nobody", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        memory_server at(listen_only);
        const ws_connection client = co_await at.connect();
        CHECK_THROWS_AS(broadcast(at.server().connections(), "\xff"), std::invalid_argument);
        CHECK_THROWS_AS(broadcast(std::vector<ws_connection>(), "\xff"), std::invalid_argument);
        CHECK(broadcast_binary(at.server().connections(), "\xff") == counted(1));
        const message received = co_await client.receive();
        CHECK(received.str() == "\xff");
        co_await client.close();
    }());
}

TEST_CASE("a slow connection is left out when too much waits for it, and the others are not held up", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        memory_server at(listen_only);
        testing::memory_link clogged(get_running_loop());
        const ws_connection slow = co_await at.connect_over(clogged);
        const ws_connection quick = co_await at.connect();
        clogged.back().stall();
        const std::string block(100'000, 'b');
        broadcast_options limited;
        limited.max_waiting = 350'000;
        std::vector<broadcast_report> reports;
        for (int i = 0; i != 8; ++i) {
            reports.push_back(broadcast(at.server().connections(), block, limited));
            const message received = co_await quick.receive();
            CHECK((received.str() == block));
        }
        CHECK(reports.front() == counted(2));
        CHECK(reports.back() == counted(1, 1));
        broadcast_options unlimited;
        unlimited.max_waiting = 0;
        CHECK(broadcast(at.server().connections(), "whatever waits", unlimited) == counted(2));
        clogged.back().resume();
        std::size_t blocks = 0;
        for (;;) {
            const message received = co_await slow.receive();
            if (received.str() == "whatever waits") break;
            CHECK((received.str() == block));
            ++blocks;
        }
        std::size_t expected = 0;
        for (const broadcast_report& report : reports) expected += report.sent - 1;
        CHECK(blocks == expected);
        co_await slow.close();
        co_await quick.close();
    }());
}

TEST_CASE("a message in fragments is not broken up", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const auto sends_slowly = [](ws_connection with) -> coro<> {
            auto pieces = []() -> async_generator<std::string> {
                co_yield "one ";
                co_await sleep(2s);
                co_yield "two";
            };
            co_await with.send(pieces());
            co_await listen_only(with);
        };
        memory_server at(sends_slowly);
        const ws_connection client = co_await at.connect();
        co_await sleep(1s);
        CHECK(broadcast(at.server().connections(), "between") == counted(0, 0, 1));
        co_await sleep(2s);
        CHECK(broadcast(at.server().connections(), "behind") == counted(1));
        const message whole = co_await client.receive();
        CHECK(whole.str() == "one two");
        const message behind = co_await client.receive();
        CHECK(behind.str() == "behind");
        co_await client.close();
    }());
}

TEST_CASE("connections with compression get their own frame, or share the plain one", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        memory_server at(listen_only);
        websocket::client_handshake_options compressing;
        compressing.compression = websocket::deflate_options();
        const ws_connection packed = co_await at.connect(compressing);
        CHECK(packed.response().headers.contains("Sec-WebSocket-Extensions"));
        const stream seen = co_await at.connect_raw();  // packed as well, and its bytes are looked at
        co_await seen.writer.send(opening_request("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
        co_await seen.reader.readuntil("\r\n\r\n");
        const stream plain = co_await at.connect_raw();
        co_await plain.writer.send(opening_request());
        const bytearray head = co_await plain.reader.readuntil("\r\n\r\n");
        CHECK(head.str().find("Sec-WebSocket-Extensions") == std::string::npos);
        CHECK(at.server().connections().size() == 3);

        const std::string text(1000, 't');
        broadcast_options as_it_is;
        as_it_is.compress = false;
        CHECK(broadcast(at.server().connections(), text) == counted(3));
        CHECK(broadcast(at.server().connections(), text, as_it_is) == counted(3));
        const std::string frame = wire::frame(role::server, opcode::text, text);
        const bytearray frames = co_await plain.reader.readexactly(2 * frame.size());
        CHECK((frames == frame + frame));
        const bytearray start = co_await seen.reader.readexactly(2);
        REQUIRE(std::to_integer<int>(start[0]) == 0xC1);  // RSV1: it is compressed
        const auto size = std::to_integer<std::size_t>(start[1]);
        REQUIRE(size < 100);
        const bytearray compressed = co_await seen.reader.readexactly(size);
        const bytearray shared = co_await seen.reader.readexactly(frame.size());
        CHECK((shared == frame));
        for (int i = 0; i != 2; ++i) {
            const message received = co_await packed.receive();
            CHECK((received.str() == text));
        }
        co_await packed.close();
        plain.writer.abort();
        seen.writer.abort();
        co_await sleep(1ms);
    }());
}
