// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/read_head.hpp>

#include <string>

#include <aioxx/base/error.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "websocket/stream_pair.hpp"

using namespace aioxx;
using aioxx::testing::test_loop;
using websocket::detail::read_head;

TEST_CASE("a head is read, and what follows it can be read from the stream", "[websocket]") {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
        test_loop().run([](std::size_t largest) -> coro<> {
            testing::link_options network;
            network.largest_receive = largest;
            auto [near, far] = co_await support::make_stream_pair(network);
            near.writer.write("GET /x HTTP/1.1\r\nHost: h\r\n\r\nbehind\r\n\r\nit");
            near.writer.write_eof();
            const auto parser = co_await read_head<websocket::http_request>(far.reader);
            REQUIRE(parser.done());
            CHECK(parser.head().target == "/x");
            CHECK(parser.head().headers.get("host") == "h");
            const bytearray rest = co_await far.reader.read();
            CHECK(rest == "behind\r\n\r\nit");
        }(piece));
    }
}

TEST_CASE("the end of the stream inside a head is a fault of the head", "[websocket]") {
    test_loop().run([]() -> coro<> {
        auto [near, far] = co_await support::make_stream_pair();
        near.writer.write("HTTP/1.1 200 OK\r\n");
        near.writer.close();
        const auto parser = co_await read_head<websocket::http_response>(far.reader);
        CHECK_FALSE(parser.done());
        CHECK(parser.fault().value().text == "the connection ended inside the HTTP head");
    }());
}

TEST_CASE("a head beyond its limits is not read on", "[websocket]") {
    test_loop().run([]() -> coro<> {
        auto [near, far] = co_await support::make_stream_pair();
        near.writer.write("GET /" + std::string(100, 'x'));
        websocket::http_limits limits;
        limits.max_line = 50;
        const auto parser = co_await read_head<websocket::http_request>(far.reader, limits);
        CHECK(parser.fault().value().status == 414);
    }());
}
