// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/opening_heads.hpp>

#include <string>

#include "support/catch.hpp"

using namespace aioxx;
using websocket::http_request;
using websocket::http_response;
using websocket::detail::opening_heads;

TEST_CASE("the heads of an opening handshake are what they were", "[websocket]") {
    http_request request;
    request.target = "/chat?room=1";
    for (int i = 0; i < 200; ++i) request.headers.add("X-" + std::to_string(i), std::string(100, 'v'));
    request.headers.add("Cookie", std::string(20'000, 'c'));
    request.headers.add("X-Empty", "");
    http_response response;
    response.status = 101;
    response.reason = "Switching Protocols";
    response.headers.add("Upgrade", "websocket");
    response.headers.add("X-Name", "h\xc3\xa9");
    const opening_heads kept(request, response);
    CHECK(kept.response() == response);
    CHECK(kept.request() == request);
    CHECK(&kept.request() == &kept.request());
}

TEST_CASE("heads without anything in them, and a body, which is none of the head", "[websocket]") {
    http_response response;
    response.reason = "OK";
    response.body = "body\r\n\r\n";
    const opening_heads kept(http_request(), response);
    CHECK(kept.request() == http_request());
    response.body.clear();
    CHECK(kept.response() == response);
}
