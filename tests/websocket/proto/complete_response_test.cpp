// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/proto/complete_response.hpp>

#include <ctime>
#include <string>
#include <utility>

#include <aioxx/websocket/proto/http_head.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using websocket::http_response;
using websocket::detail::complete_response;
using websocket::detail::http_date;

namespace {

constexpr std::time_t now = 784111777;

http_response response_of(int status, std::string body = {}) {
    http_response made;
    made.status = status;
    made.body = std::move(body);
    return made;
}

}  // namespace

TEST_CASE("a date is written as HTTP wants it", "[websocket]") {
    CHECK(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");  // the example of RFC 9110
    CHECK(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(http_date(1'709'164'800 + 86399) == "Thu, 29 Feb 2024 23:59:59 GMT");
}

TEST_CASE("a response says when and by whom it was made, unless it says so already", "[websocket]") {
    http_response made = response_of(200);
    complete_response(made, false, "a server", now);
    CHECK(made.headers.get("Date") == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(made.headers.get("Server") == "a server");
    http_response own = response_of(200);
    own.headers.add("date", "some day");
    own.headers.add("server", "another");
    complete_response(own, false, "a server", now);
    CHECK(own.headers.count("Date") == 1);
    CHECK(own.headers.get("Date") == "some day");
    CHECK(own.headers.get("Server") == "another");
    http_response unnamed = response_of(200);
    complete_response(unnamed, false, "", now);
    CHECK_FALSE(unnamed.headers.contains("Server"));
}

TEST_CASE("a response that opens a WebSocket is left as it is", "[websocket]") {
    http_response opening = response_of(101);
    opening.headers.add("Connection", "Upgrade");
    opening.headers.add("Sec-WebSocket-Accept", "accepted");
    complete_response(opening, true, "", now);
    CHECK(opening.headers.get("Connection") == "Upgrade");
    CHECK(opening.headers.contains("Sec-WebSocket-Accept"));
    CHECK_FALSE(opening.headers.contains("Content-Length"));
}

TEST_CASE("a response that opens nothing is the last of its connection and says how long it is", "[websocket]") {
    http_response page = response_of(200, "a page");
    page.headers.add("Content-Length", "1000");
    complete_response(page, false, "", now);
    CHECK(page.headers.get("Connection") == "close");
    CHECK(page.headers.get("Content-Length") == "6");
    http_response listed = response_of(404);
    listed.headers.add("Connection", "Close, TE");
    complete_response(listed, false, "", now);
    CHECK(listed.headers.get("Connection") == "Close, TE");
    CHECK(listed.headers.get("Content-Length") == "0");
}

TEST_CASE("where HTTP allows no body there is none, and no length", "[websocket]") {
    for (const int status : {102, 204, 304}) {
        CAPTURE(status);
        http_response made = response_of(status, "a page");
        complete_response(made, false, "", now);
        CHECK(made.body.empty());
        CHECK_FALSE(made.headers.contains("Content-Length"));
    }
}

TEST_CASE("nothing is left of an opening that was withdrawn", "[websocket]") {
    http_response refused = response_of(403, "no");
    for (const char* name : {"Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol",
                             "Sec-WebSocket-Extensions"}) {
        refused.headers.add(name, "something");
    }
    complete_response(refused, true, "", now);
    CHECK(refused.headers.get("Connection") == "close");
    for (const char* name : {"Upgrade", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"}) {
        CAPTURE(name);
        CHECK_FALSE(refused.headers.contains(name));
    }
    CHECK(refused.headers.get("Content-Length") == "2");
}
