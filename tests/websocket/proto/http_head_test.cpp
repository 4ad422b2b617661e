// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/http_head.hpp>

#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;

namespace {

template <class Head>
struct outcome {
    Head head;
    bool done = false;
    std::optional<http_fault> fault;
    std::string rest;

    friend bool operator==(const outcome&, const outcome&) = default;
};

template <class Head>
outcome<Head> parse(const std::string& input, http_limits limits = {}) {
    std::optional<outcome<Head>> first;
    for (const std::vector<std::string>& pieces : wire::cuts(input)) {
        http_head_parser<Head> parser(limits);
        outcome<Head> result;
        for (const std::string& piece : pieces) {
            const std::size_t used = parser.feed(piece);
            if (parser.done()) result.rest += piece.substr(used);
            if (!parser.done() && !parser.fault()) CHECK(used == piece.size());
        }
        result.done = parser.done();
        result.fault = parser.fault();
        if (result.done) result.head = parser.take_head();
        if (!first) first = result;
        CHECK(result == *first);
    }
    return *first;
}

// "status text" of the fault, "done" or "more".
template <class Head = http_request>
std::string judge(const std::string& input, http_limits limits = {}) {
    const outcome<Head> result = parse<Head>(input, limits);
    if (result.fault) return std::to_string(result.fault->status) + " " + result.fault->text;
    return result.done ? "done" : "more";
}

std::string request(const std::string& headers) {
    return "GET / HTTP/1.1\r\n" + headers + "\r\n";
}

}  // namespace

TEST_CASE("a request head is read in any pieces", "[websocket]") {
    const auto result = parse<http_request>(
        "GET /chat?x=1 HTTP/1.1\r\nHost: example.com\r\nX-Empty:\r\nX-Padded: \t two words \t\r\n\r\nrest of "
        "it");
    REQUIRE(result.done);
    CHECK(result.head.method == "GET");
    CHECK(result.head.target == "/chat?x=1");
    CHECK(result.head.version == "HTTP/1.1");
    CHECK(result.head.headers ==
          http_headers{{"Host", "example.com"}, {"X-Empty", ""}, {"X-Padded", "two words"}});
    CHECK(result.rest == "rest of it");
}

TEST_CASE("a response head is read in any pieces", "[websocket]") {
    const auto result = parse<http_response>("HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\nbody");
    REQUIRE(result.done);
    CHECK(result.head.status == 404);
    CHECK(result.head.reason == "Not Found");
    CHECK(result.head.headers == http_headers{{"Server", "x"}});
    CHECK(result.rest == "body");
    CHECK(parse<http_response>("HTTP/1.1 101 \r\n\r\n").head.reason.empty());
    CHECK(parse<http_response>("HTTP/1.0 101\r\n\r\n").head.status == 101);
}

TEST_CASE("malformed request lines are refused", "[websocket]") {
    CHECK(judge("GET /\r\n\r\n") == "400 request line 'GET /' is not 'method target version'");
    CHECK(judge("\r\n") == "400 request line '' is not 'method target version'");
    CHECK(judge("G@T / HTTP/1.1\r\n") == "400 HTTP method 'G@T' is not a token");
    CHECK(judge("GET  HTTP/1.1\r\n") == "400 HTTP target '' is empty or has spaces or control characters");
    CHECK(judge("GET /a b HTTP/1.1\r\n") ==
          "400 HTTP target '/a b' is empty or has spaces or control characters");
    CHECK(judge("GET /\x01 HTTP/1.1\r\n") ==
          "400 HTTP target '/?' is empty or has spaces or control characters");
    CHECK(judge("GET / HTTP/11\r\n") == "400 HTTP version 'HTTP/11' is malformed");
    CHECK(judge("GET / http/1.1\r\n") == "400 HTTP version 'http/1.1' is malformed");
    CHECK(judge("GET / HTTP/2.0\r\n\r\n") == "done");  // well-formed; the handshake refuses it
}

TEST_CASE("malformed status lines are refused", "[websocket]") {
    for (const char* line : {"HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 20x OK",
                             "HTTP/1.1 099 OK", "HTTP/1.1\t200 OK", "FTP/1.10 200 OK", "", "200"}) {
        INFO(line);
        CHECK(judge<http_response>(std::string(line) + "\r\n\r\n") ==
              "502 status line '" +
                  std::string(line == std::string("HTTP/1.1\t200 OK") ? "HTTP/1.1?200 OK" : line) +
                  "' is not 'version status reason'");
    }
    CHECK(judge<http_response>("HTTP/1.1 200 O\x01K\r\n\r\n") ==
          "502 HTTP reason 'O?K' has control characters");
}

TEST_CASE("malformed header lines are refused", "[websocket]") {
    const auto no_name = [](const std::string& line) {
        return "400 HTTP header line '" + line + "' has no name that is a token and a colon";
    };
    CHECK(judge(request("no colon\r\n")) == no_name("no colon"));
    CHECK(judge(request(": value\r\n")) == no_name(": value"));
    CHECK(judge(request("Host : a\r\n")) == no_name("Host : a"));
    CHECK(judge(request("Ho st: a\r\n")) == no_name("Ho st: a"));
    CHECK(judge(request("Host: a\r\n folded\r\n")) == "400 folded HTTP header line");
    CHECK(judge(request("\tfolded\r\n")) == "400 folded HTTP header line");
    CHECK(judge(request("Host: a\rb\r\n")) == "400 HTTP header Host has control characters in its value");
    CHECK(judge(request(std::string("Host: a\0b\r\n", 11))) ==
          "400 HTTP header Host has control characters in its value");
    CHECK(judge(request("Host: a\x7F\r\n")) == "400 HTTP header Host has control characters in its value");
    CHECK(judge(request("Host: \xC3\xA9\r\n")) == "done");
}

TEST_CASE("lines end in CRLF and nothing else", "[websocket]") {
    CHECK(judge("GET / HTTP/1.1\n") == "400 HTTP line that does not end in CRLF");
    CHECK(judge("GET / HTTP/1.1\r\nHost: a\n\r\n") == "400 HTTP line that does not end in CRLF");
    CHECK(judge("GET / HTTP/1.1\r\n\n") == "400 HTTP line that does not end in CRLF");
    CHECK(judge("GET / HTTP/1.1\r\n\r") == "more");
}

TEST_CASE("a long line is refused, a request line with its own status", "[websocket]") {
    const http_limits limits{.max_line = 100};
    const auto line = [](std::size_t size) {
        return "GET " + std::string(size - 13, '/') + " HTTP/1.1\r\n\r\n";
    };
    CHECK(judge(line(99), limits) == "done");
    CHECK(judge(line(100), limits) == "done");
    CHECK(judge(line(101), limits) == "414 HTTP line longer than 100 bytes");
    CHECK(judge(std::string(200, 'x'), limits) == "414 HTTP line longer than 100 bytes");
    CHECK(judge(request("X: " + std::string(97, 'x') + "\r\n"), limits) == "done");
    CHECK(judge(request("X: " + std::string(98, 'x') + "\r\n"), limits) ==
          "431 HTTP line longer than 100 bytes");
    CHECK(judge("GET / HTTP/1.1\r\n" + std::string(200, 'x'), limits) ==
          "431 HTTP line longer than 100 bytes");
}

TEST_CASE("too many headers are refused", "[websocket]") {
    const auto headers = [](int count) {
        std::string text;
        for (int i = 0; i != count; ++i)
            text += "X: y\r\n";
        return request(text);
    };
    CHECK(judge(headers(99)) == "done");
    CHECK(judge(headers(100)) == "done");
    CHECK(judge(headers(101)) == "431 more than 100 HTTP headers");
}

TEST_CASE("a head that is too long altogether is refused", "[websocket]") {
    const auto padded = [](std::size_t size) {
        const std::string head = request("X: y\r\nLong: \r\n");
        return request("X: y\r\nLong: " + std::string(size - head.size(), 'x') + "\r\n");
    };
    const http_limits limits{.max_total = 200};
    CHECK(judge(padded(199), limits) == "done");
    CHECK(judge(padded(200), limits) == "done");
    CHECK(judge(padded(201), limits) == "431 HTTP head longer than 200 bytes");
    // Whichever limit is reached first is the one that is reported, however the head is cut.
    CHECK(judge(request("X: " + std::string(300, 'x') + "\r\n"), {.max_line = 150, .max_total = 180}) ==
          "431 HTTP line longer than 150 bytes");
    CHECK(judge(request("X: " + std::string(300, 'x') + "\r\n"), {.max_line = 180, .max_total = 150}) ==
          "431 HTTP head longer than 150 bytes");
}

TEST_CASE("the end of the connection inside a head is a fault, after it is not", "[websocket]") {
    http_head_parser<http_request> parser;
    static_cast<void>(parser.feed("GET / HT"));
    parser.feed_eof();
    REQUIRE(parser.fault());
    CHECK(parser.fault()->text == "the connection ended inside the HTTP head");
    http_head_parser<http_request> finished;
    static_cast<void>(finished.feed("GET / HTTP/1.1\r\n\r\n"));
    finished.feed_eof();
    CHECK_FALSE(finished.fault());
}

TEST_CASE("header names are compared without regard to case", "[websocket]") {
    http_headers headers{{"Host", "a"}, {"x-many", "1"}, {"X-Many", "2"}};
    CHECK(headers.get("HOST") == "a");
    CHECK(headers.get("X-MANY") == "1");
    CHECK(headers.count("x-Many") == 2);
    CHECK_FALSE(headers.get("Missing"));
    headers.set("X-MANY", "3");
    CHECK(headers == http_headers{{"Host", "a"}, {"X-MANY", "3"}});
    headers.erase("host");
    CHECK(headers.size() == 1);
}

TEST_CASE("lists are collected over all lines of a name", "[websocket]") {
    const http_headers headers{
        {"Connection", "keep-alive, Upgrade"}, {"connection", " ,x,, y\t,"}, {"Other", "z"}};
    CHECK(headers.get_list("Connection") == std::vector<std::string_view>{"keep-alive", "Upgrade", "x", "y"});
    CHECK(headers.list_contains("Connection", "uPGRADE"));
    CHECK_FALSE(headers.list_contains("Connection", "Up"));
    CHECK_FALSE(headers.list_contains("Missing", "x"));
}

TEST_CASE("headers of the program's own replace those of the same name", "[websocket]") {
    http_headers headers{{"Host", "a"}, {"Cookie", "ours"}, {"Accept", "*"}, {"cookie", "as well"}};
    headers.override_with({{"Cookie", "1"}, {"X-New", "2"}, {"COOKIE", "3"}});
    CHECK(headers.get_list("cookie") == std::vector<std::string_view>{"1", "3"});
    CHECK(headers.get("Host") == "a");
    CHECK(headers.get("X-New") == "2");
    CHECK(headers.count("Accept") == 1);
}

TEST_CASE("a header that would break the head cannot be added", "[websocket]") {
    http_headers headers;
    CHECK_THROWS_AS(headers.add("X", "a\r\nInjected: b"), std::invalid_argument);
    CHECK_THROWS_AS(headers.add("X\r\nY", "a"), std::invalid_argument);
    CHECK_THROWS_AS(headers.add("", "a"), std::invalid_argument);
    CHECK_THROWS_AS(headers.add("X", std::string("a\0", 2)), std::invalid_argument);
    CHECK(headers.empty());
}

TEST_CASE("heads are written as they are read", "[websocket]") {
    http_request request;
    request.target = "/x?y";
    request.headers = {{"Host", "a"}, {"Empty", ""}};
    CHECK(serialize(request) == "GET /x?y HTTP/1.1\r\nHost: a\r\nEmpty: \r\n\r\n");
    CHECK(parse<http_request>(serialize(request)).head == request);

    http_response response;
    response.status = 404;
    response.headers = {{"Content-Length", "4"}};
    response.body = "none";
    CHECK(serialize(response) == "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
    response.reason = "Lost";
    CHECK(serialize(response) == "HTTP/1.1 404 Lost\r\nContent-Length: 4\r\n\r\nnone");
    response.status = 799;
    response.reason.clear();
    CHECK(parse<http_response>(serialize(response)).head.status == 799);
}

TEST_CASE("what would break a first line is not written", "[websocket]") {
    http_request request;
    request.target = "/a b";
    CHECK_THROWS_AS(serialize(request), std::invalid_argument);
    request.target = "/\r\nX: y";
    CHECK_THROWS_AS(serialize(request), std::invalid_argument);
    request = {};
    request.method = "GET /";
    CHECK_THROWS_AS(serialize(request), std::invalid_argument);
    http_response response;
    response.status = 99;
    CHECK_THROWS_AS(serialize(response), std::invalid_argument);
    response.status = 200;
    response.reason = "a\r\nb";
    CHECK_THROWS_AS(serialize(response), std::invalid_argument);
}
