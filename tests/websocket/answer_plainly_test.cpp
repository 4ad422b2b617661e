// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/answer_plainly.hpp>

#include <string>
#include <utility>

#include <aioxx/core/task.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "websocket/stream_pair.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using aioxx::testing::test_loop;
using websocket::http_response;
using websocket::detail::answer_plainly;
using websocket::detail::last_response;
using websocket::detail::text_response;

TEST_CASE("the last response of a connection says so and how long it is", "[websocket]") {
    CHECK(last_response(text_response(404, "Not here."), "GET") ==
          "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
          "Content-Length: 10\r\n\r\nNot here.\n");
    http_response own;
    own.headers = {{"connection", "keep-alive"}, {"content-length", "99"}};
    own.body = "x";
    CHECK(last_response(own, "POST") == "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
}

TEST_CASE("where no body belongs none is sent", "[websocket]") {
    CHECK(last_response(text_response(200, "x"), "HEAD").ends_with("\r\nContent-Length: 2\r\n\r\n"));
    for (const int status : {199, 204, 304}) {
        const std::string sent = last_response(text_response(status, "x"), "GET");
        CHECK(sent.ends_with("\r\nConnection: close\r\n\r\n"));
        CHECK(sent.find("Content-Length") == std::string::npos);
    }
}

TEST_CASE("a client that is still sending gets the whole response", "[websocket]") {
    test_loop().run([]() -> coro<> {
        auto [near, far] = co_await support::make_stream_pair();
        near.writer.write(std::string(30'000, 'x'));
        task<> answering = create_task(answer_plainly(far, "the answer"));
        const bytearray answer = co_await near.reader.read();
        CHECK(answer == "the answer");
        near.writer.write(std::string(30'000, 'y'));
        co_await sleep(1s);
        CHECK_FALSE(answering.done());
        near.writer.write_eof();
        co_await answering;
    }());
}
