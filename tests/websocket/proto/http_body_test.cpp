// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/proto/http_body.hpp>

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace aioxx::websocket;

namespace {

http_response head(std::vector<std::pair<std::string, std::string>> lines, int status = 200) {
    http_response response;
    response.status = status;
    for (const auto& [name, value] : lines) response.headers.add(name, value);
    return response;
}

struct outcome {
    std::string content;
    std::string rest;
    bool done_before_eof = false;
    bool done = false;
    std::string fault;

    friend bool operator==(const outcome&, const outcome&) = default;
};

outcome decode(const http_response& response, const std::string& body) {
    std::optional<outcome> first;
    for (const std::vector<std::string>& pieces : wire::cuts(body)) {
        http_body_decoder decoder(response);
        outcome result;
        for (const std::string& piece : pieces) {
            bytes_view input = piece;
            while (!input.empty() && !decoder.done() && !decoder.fault())
                result.content += decoder.take(input).str();
            if (decoder.done()) result.rest += input.str();
        }
        result.done_before_eof = decoder.done();
        decoder.feed_eof();
        result.done = decoder.done();
        if (decoder.fault()) result.fault = decoder.fault()->text;
        if (!first) first = result;
        CHECK(result == *first);
    }
    return *first;
}

std::string fault_of(std::vector<std::pair<std::string, std::string>> lines) {
    const http_body_decoder decoder(head(std::move(lines)));
    CHECK_FALSE(decoder.done());
    return decoder.fault() ? decoder.fault()->text : "none";
}

}  // namespace

TEST_CASE("a body without a length goes on until the connection ends", "[websocket]") {
    const outcome read = decode(head({}), "all of this");
    CHECK(read.content == "all of this");
    CHECK_FALSE(read.done_before_eof);
    CHECK(read.done);
    CHECK(read.fault.empty());
}

TEST_CASE("a body with a length ends there", "[websocket]") {
    const outcome read = decode(head({{"Content-Length", "5"}}), "helloHTTP/1.1");
    CHECK(read.content == "hello");
    CHECK(read.rest == "HTTP/1.1");
    CHECK(read.done_before_eof);
    CHECK(decode(head({{"Content-Length", "0"}}), "x").rest == "x");
    CHECK(decode(head({{"Content-Length", "5, 5"}, {"content-length", "5"}}), "hello").done_before_eof);
    const outcome cut = decode(head({{"Content-Length", "7"}}), "hello");
    CHECK_FALSE(cut.done);
    CHECK(cut.fault == "the connection ended 2 bytes before the end of the HTTP body");
}

TEST_CASE("a chunked body ends with its last chunk", "[websocket]") {
    const outcome read = decode(head({{"Transfer-Encoding", "Chunked"}}), "5\r\nhello\r\n0\r\n\r\nHTTP");
    CHECK(read.content == "hello");
    CHECK(read.rest == "HTTP");
    CHECK(read.done_before_eof);
    CHECK(decode(head({{"Transfer-Encoding", "chunked"}}), "5\r\nhel").fault ==
          "the connection ended inside a chunked HTTP body");
    CHECK(decode(head({{"Transfer-Encoding", "chunked"}}), "5\nhel").fault ==
          "line of a chunked HTTP body that does not end in CRLF");
}

TEST_CASE("responses that never have a body have none", "[websocket]") {
    for (const int status : {100, 101, 204, 304}) {
        CHECK(decode(head({{"Content-Length", "5"}}, status), "hello").rest == "hello");
        CHECK(decode(head({{"Transfer-Encoding", "chunked"}}, status), "hello").rest == "hello");
    }
}

TEST_CASE("a framing that can be read in two ways is refused", "[websocket]") {
    CHECK(fault_of({{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}) ==
          "HTTP response with both Transfer-Encoding and Content-Length");
    CHECK(fault_of({{"Content-Length", "5, 6"}}) == "Content-Length '5' is followed by another one");
    http_response old = head({{"Transfer-Encoding", "chunked"}});
    old.version = "HTTP/1.0";
    const http_body_decoder decoder(old);
    CHECK(decoder.fault().value().text == "HTTP/1.0 response with a Transfer-Encoding");
}

TEST_CASE("a length that is none, and other transfer codings, are refused", "[websocket]") {
    for (const std::string length :
         {"", "x", "-1", "+1", "5x", "0x5", "1.0", "18446744073709551615", "99999999999999999999"}) {
        CHECK(fault_of({{"Content-Length", length}}) == "Content-Length '" + length + "' is not a length");
    }
    for (const std::string coding : {"gzip", "gzip, chunked", "identity", "chunked, chunked", ""}) {
        CHECK(fault_of({{"Transfer-Encoding", coding}}) ==
              "HTTP body with the Transfer-Encoding '" + coding + "'; expected chunked or none");
    }
}
