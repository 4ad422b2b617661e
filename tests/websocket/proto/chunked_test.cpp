// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/proto/chunked.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace aioxx::websocket;

namespace {

// What a decoder makes of pieces.
struct outcome {
    std::string content;
    std::string rest;  // behind the body
    bool done = false;
    std::string fault;

    friend bool operator==(const outcome&, const outcome&) = default;
};

outcome decode_pieces(const std::vector<std::string>& pieces, chunked_limits limits) {
    chunked_decoder decoder(limits);
    outcome result;
    for (const std::string& piece : pieces) {
        bytes_view input = piece;
        while (!input.empty() && !decoder.done() && !decoder.fault())
            result.content += decoder.take(input).str();
        if (decoder.done()) result.rest += input.str();
    }
    result.done = decoder.done();
    if (decoder.fault()) result.fault = decoder.fault()->text;
    return result;
}

// Whole, byte by byte and in random pieces: the result must be the same.
outcome decode(const std::string& body, chunked_limits limits = {}) {
    const outcome whole = decode_pieces({body}, limits);
    for (const std::vector<std::string>& pieces : wire::cuts(body))
        CHECK(decode_pieces(pieces, limits) == whole);
    return whole;
}

void check_refused(const std::string& body, const std::string& text, chunked_limits limits = {}) {
    INFO(body);
    const outcome refused = decode(body, limits);
    CHECK_FALSE(refused.done);
    CHECK(refused.fault == text);
}

}  // namespace

TEST_CASE("the content of chunks is given without their frames", "[websocket]") {
    const outcome read = decode("4\r\nWiki\r\n5\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\n\r\nrest");
    CHECK(read.content == "Wikipedia in\r\n\r\nchunks.");
    CHECK(read.done);
    CHECK(read.rest == "rest");
    CHECK(decode("0\r\n\r\n").done);
    CHECK(decode("a\r\n0123456789\r\n").content == "0123456789");
    CHECK(decode("000A\r\n0123456789\r\n00\r\n\r\n").done);
}

TEST_CASE("content is a view into what was fed", "[websocket]") {
    chunked_decoder decoder;
    const std::string body = "5\r\nhello\r\n";
    bytes_view input = body;
    const bytes_view content = decoder.take(input);
    CHECK(content.chars() == body.data() + 3);
    CHECK(input == "\r\n");
    CHECK(decoder.take(input).empty());
    CHECK(input.empty());
}

TEST_CASE("chunk extensions and trailers are read over", "[websocket]") {
    const outcome read =
        decode("3;name\r\nabc\r\n3 ; a=\"b;c\" ;d\r\ndef\r\n0;last\r\nChecksum: 1\r\nOther: 2\r\n\r\nx");
    CHECK(read.content == "abcdef");
    CHECK(read.done);
    CHECK(read.rest == "x");
    CHECK(decode("3 \t\r\nabc\r\n").content == "abc");
}

TEST_CASE("a size that is no hexadecimal number is refused", "[websocket]") {
    for (const std::string size : {"", "x", "-1", "+1", "0x5", " 5", "5 5", "5,", "g", "5 x;"}) {
        check_refused(size + "\r\nhello\r\n",
                      "HTTP chunk size '" + size +
                          "' is not a hexadecimal number, with or without extensions behind a semicolon");
    }
    check_refused(
        "5;a\x01\r\n",
        "HTTP chunk size '5;a?' is not a hexadecimal number, with or without extensions behind a semicolon");
}

TEST_CASE("a size that does not fit is refused, and the largest that fits is not", "[websocket]") {
    CHECK(decode("ffffffffffffffff\r\nabc").content == "abc");
    check_refused("10000000000000000\r\n", "HTTP chunk size '10000000000000000' is too large");
    check_refused("ffffffffffffffff0\r\n", "HTTP chunk size 'ffffffffffffffff0' is too large");
    CHECK(decode("00000000000000000000003\r\nabc\r\n").content == "abc");
}

TEST_CASE("a chunk that is longer than its size is refused", "[websocket]") {
    check_refused("3\r\nabcd\r\n", "an HTTP chunk is longer than its size says");
    check_refused("3\r\nabc\n3\r\n", "an HTTP chunk is longer than its size says");
    check_refused("3\r\nabc\r0\r\n", "an HTTP chunk is longer than its size says");
}

TEST_CASE("a line of a chunked body that ends in a bare LF is refused", "[websocket]") {
    check_refused("3\nabc\r\n", "line of a chunked HTTP body that does not end in CRLF");
    check_refused("0\r\n\n", "line of a chunked HTTP body that does not end in CRLF");
    check_refused("0\r\na: b\n\r\n", "line of a chunked HTTP body that does not end in CRLF");
}

TEST_CASE("lines and trailers of a chunked body have limits", "[websocket]") {
    chunked_limits limits;
    limits.max_line = 5;
    limits.max_trailers = 10;
    CHECK(decode("3;abc\r\nabc\r\n0\r\n\r\n", limits).done);
    check_refused("3;abcd\r\nabc\r\n", "line of a chunked HTTP body longer than 5 bytes", limits);
    check_refused(std::string(100, '0'), "line of a chunked HTTP body longer than 5 bytes", limits);
    CHECK(decode("0\r\na:234\r\nb:234\r\n\r\n", limits).done);
    check_refused("0\r\na:234\r\nb:2345\r\n\r\n", "trailers of a chunked HTTP body longer than 10 bytes",
                  limits);
    check_refused("0\r\na:23456789" + std::string(100, 'x'),
                  "trailers of a chunked HTTP body longer than 10 bytes", limits);
}

TEST_CASE("a connection that ends inside a chunked body is a fault, and one that ends behind it is not",
          "[websocket]") {
    const std::string body = "3\r\nabc\r\n0\r\n\r\n";
    for (std::size_t size = 0; size <= body.size(); ++size) {
        chunked_decoder decoder;
        bytes_view input = bytes_view(body).first(size);
        while (!input.empty() && !decoder.done()) static_cast<void>(decoder.take(input));
        decoder.feed_eof();
        CHECK(decoder.done() == (size == body.size()));
        CHECK(decoder.fault().has_value() == (size != body.size()));
        if (decoder.fault())
            CHECK(decoder.fault()->text == "the connection ended inside a chunked HTTP body");
    }
}

TEST_CASE("content is written as chunks that are read again", "[websocket]") {
    std::string body;
    append_chunk(body, "hello");
    CHECK(body == "5\r\nhello\r\n");
    append_chunk(body, "");
    CHECK(body == "5\r\nhello\r\n");
    const std::string long_text(70'000, 'x');
    append_chunk(body, long_text);
    CHECK(body.substr(10, 7) == "11170\r\n");
    body += last_chunk;
    const outcome read = decode(body);
    CHECK(read.content == "hello" + long_text);
    CHECK(read.done);
}
