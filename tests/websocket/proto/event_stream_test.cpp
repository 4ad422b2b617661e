// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/proto/event_stream.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace aioxx::websocket;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

// What comes out of a stream that is fed in pieces, and the state at its end.
struct outcome {
    std::vector<server_sent_event> events;
    std::string last_event_id;
    std::optional<std::chrono::milliseconds> retry;
    std::optional<event_stream_fault> fault;

    friend bool operator==(const outcome&, const outcome&) = default;
};

outcome parse_pieces(const std::vector<std::string>& pieces, event_stream_limits limits = {},
                     std::string last_id = {}) {
    event_stream_parser parser(limits, std::move(last_id));
    outcome result;
    for (const std::string& piece : pieces) {
        bytes_view input = piece;
        while (!input.empty() && !parser.fault()) {
            if (auto event = parser.take(input)) result.events.push_back(std::move(*event));
        }
    }
    result.last_event_id = parser.last_event_id();
    result.retry = parser.retry();
    result.fault = parser.fault();
    return result;
}

// Whole, byte by byte and in random pieces: the result must be the same.
outcome parse(const std::string& stream, event_stream_limits limits = {}, const std::string& last_id = {}) {
    const outcome whole = parse_pieces({stream}, limits, last_id);
    for (const std::vector<std::string>& pieces : wire::cuts(stream))
        CHECK(parse_pieces(pieces, limits, last_id) == whole);
    return whole;
}

std::vector<std::string> data_of(const std::string& stream) {
    std::vector<std::string> data;
    for (const server_sent_event& event : parse(stream).events) data.push_back(event.data);
    return data;
}

using texts = std::vector<std::string>;

std::string complaint_about(const server_sent_event& event) {
    return support::complaint_of<std::invalid_argument>([&] { return serialize(event); });
}

}  // namespace

TEST_CASE("the examples of the standard give the events that it names", "[websocket]") {
    CHECK(data_of("data: YHOO\ndata: +2\ndata: 10\n\n") == texts{"YHOO\n+2\n10"});
    const outcome four =
        parse(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n");
    REQUIRE(four.events.size() == 3);
    CHECK(four.events[0] == server_sent_event("first event", "message", "1"));
    CHECK(four.events[1] == server_sent_event("second event", "message", ""));
    CHECK(four.events[2] == server_sent_event(" third event", "message", ""));
    CHECK(data_of("data\n\ndata\ndata\n\ndata:") == texts{"", "\n"});
    CHECK(data_of("data:test\n\ndata: test\n\n") == texts{"test", "test"});
}

// The cases of the web platform tests (eventsource/format-*).
TEST_CASE("streams are read as the web platform tests want it", "[websocket]") {
    const std::string long_text(2048, 'x');
    CHECK(data_of("data:1\r:\0\n:\r\ndata:2\n:"s + long_text + "\rdata:3\n:data:fail\r:" + long_text +
                  "\ndata:4\n\n") == texts{"1\n2\n3\n4"});
    CHECK(data_of("data:\n\ndata\ndata\n\ndata:test\n\n") == texts{"", "\n", "test"});
    CHECK(data_of("data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\n"s +
                  "da-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n") == texts{"\0\n 2\n1\n3\n\n4"s});
    CHECK(data_of("data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\n\n") ==
          texts{"test\n"});
    CHECK(data_of("data:\ttest\rdata: \ndata:test\n\n") == texts{"\ttest\n\ntest"});
    CHECK(data_of("data:test\r\ndata\ndata:test\r\n\r") == texts{"test\n\ntest"});
    CHECK(data_of("data:\0\n\n\n\n"s) == texts{"\0"s});
    const outcome types = parse("event:test\ndata:x\n\ndata:y\n\nevent: \ndata:z\n\n");
    REQUIRE(types.events.size() == 3);
    CHECK(types.events[0].event == "test");
    CHECK(types.events[1].event == "message");
    CHECK(types.events[2].event == "message");
}

TEST_CASE("one byte order mark at the very beginning is passed over", "[websocket]") {
    const std::string mark = "\xEF\xBB\xBF";
    CHECK(data_of(mark + "data:1\n\n" + mark + "data:2\n\ndata:3\n\n") == texts{"1", "3"});
    CHECK(data_of(mark + mark + "data:1\n\ndata:2\n\n") == texts{"2"});
    CHECK(data_of("\n" + mark + "data:1\n\n").empty());
    CHECK(data_of("\xEF\xBB"
                  "data:1\ndata:2\n\n") == texts{"2"});
    CHECK(data_of(mark + "\n\ndata:1\n\n") == texts{"1"});
}

TEST_CASE("each kind of line end gives the same events, and CRLF is one end", "[websocket]") {
    for (const std::string end : {"\n", "\r", "\r\n"}) {
        INFO(end.size() << " " << static_cast<int>(end[0]));
        CHECK(data_of("data:a" + end + "data:b" + end + end + "data:c" + end + end) == texts{"a\nb", "c"});
    }
    // Both ends of "\n\r" are ends.
    CHECK(data_of("data:a\n\rdata:b\n\r") == texts{"a", "b"});
}

TEST_CASE("an event that ends in CR is given before the LF has come", "[websocket]") {
    event_stream_parser parser;
    bytes_view input = "data:now\r\r";
    CHECK(parser.take(input) == server_sent_event("now", "message", ""));
    CHECK(input.empty());
    bytes_view rest = "\ndata:next\r\n\r\n";
    CHECK(parser.take(rest) == server_sent_event("next", "message", ""));
    CHECK(rest == "\n");
    CHECK_FALSE(parser.take(rest).has_value());
    CHECK(rest.empty());
}

TEST_CASE("an event that is not complete at the end is dropped, and its id with it", "[websocket]") {
    const outcome cut = parse("retry:1000\ndata:test1\n\nid:test\ndata:test2");
    CHECK(cut.events.size() == 1);
    CHECK(cut.last_event_id.empty());
    const outcome line = parse("id:1\ndata:a\n\nid:2\ndata:b\n");
    CHECK(line.events.size() == 1);
    CHECK(line.last_event_id == "1");
}

TEST_CASE("an id stays in force until another one comes, and an empty one takes it away", "[websocket]") {
    const outcome ids = parse("id: a b \ndata:1\n\ndata:2\n\nid\ndata:3\n\nid:x\n\ndata:4\n\n");
    REQUIRE(ids.events.size() == 4);
    CHECK(ids.events[0].id == "a b ");
    CHECK(ids.events[1].id == "a b ");
    CHECK(ids.events[2].id == "");
    CHECK(ids.events[3].id == "x");  // of a block without data, which is no event
    CHECK(parse("id:x\n\n").last_event_id == "x");
    CHECK(parse("data:1\n\n", {}, "old").events.at(0).id == "old");
    CHECK(parse("data:1\nid:\n\n", {}, "old").last_event_id.empty());
    const outcome nul = parse("id:1\nid:2\0\ndata:1\n\n"s);
    CHECK(nul.events.at(0).id == "1");
}

TEST_CASE("nothing is an event without data, and its type is forgotten", "[websocket]") {
    const outcome result = parse("event:tick\n\ndata:1\n\nevent:tick\n:comment\n\n");
    REQUIRE(result.events.size() == 1);
    CHECK(result.events[0].event == "message");
}

TEST_CASE("a retry time has digits only", "[websocket]") {
    CHECK(parse("retry:3000\nretry:1000x\ndata:x\n\n").retry == 3000ms);
    CHECK(parse("retry:3000\nretry: 20\n").retry == 20ms);
    for (const std::string bad : {"", "-1", "+1", "1.5", " 1", "1 ", "0x10", "\xD9\xA1"}) {
        INFO(bad);
        CHECK(parse("retry: " + bad + "\n\n").retry == std::nullopt);
    }
    CHECK(parse("retry:0\n").retry == 0ms);
    CHECK(parse("retry:99999999999999999999999999\n").retry == std::chrono::milliseconds::max());
    const outcome with_event = parse("retry:5\n\ndata:a\nretry:6\n\ndata:b\n\n");
    CHECK(with_event.events.at(0).retry == 6ms);
    CHECK(with_event.events.at(1).retry == std::nullopt);
    CHECK(with_event.retry == 6ms);
}

TEST_CASE("what is not UTF-8 is replaced, as for the stream as a whole", "[websocket]") {
    const std::string replaced = "\xEF\xBF\xBD";
    CHECK(data_of("data:ok\xE2\x80\xA6\n\n") == texts{"ok\xE2\x80\xA6"});
    CHECK(data_of("data:a\xFF\xE2\x82z\xC3\n\n") == texts{"a" + replaced + replaced + "z" + replaced});
    CHECK(data_of("data:\xED\xA0\x80\n\n") == texts{replaced + replaced + replaced});
    const outcome all = parse("id:\x80\nevent:\xC0\ndata:\xF0\x9F\x98\x80\n\n");
    CHECK(all.events.at(0) == server_sent_event("\xF0\x9F\x98\x80", replaced, replaced));
}

TEST_CASE("a line may be as long as its limit and not longer", "[websocket]") {
    event_stream_limits limits;
    limits.max_line = 10;
    CHECK(parse("data:12345\n\n", limits).events.size() == 1);
    CHECK(parse("data:12345\r\n\r\n", limits).events.size() == 1);
    for (const std::string end : {"", "\n", "\n\n"}) {
        const outcome refused = parse("data:ok\n\ndata:123456" + end, limits);
        CHECK(refused.events.size() == 1);
        REQUIRE(refused.fault.has_value());
        CHECK(refused.fault->text == "line of an event stream longer than 10 bytes");
        CHECK(refused.fault->seen == 11);
    }
}

TEST_CASE("the data of an event may be as long as its limit and not longer", "[websocket]") {
    event_stream_limits limits;
    limits.max_event = 10;
    CHECK(parse("data:12345\ndata:6789\n\ndata:1\n\n", limits).events.size() == 2);
    const outcome refused = parse("data:12345\ndata:67890\n\ndata:1\n\n", limits);
    CHECK(refused.events.empty());
    REQUIRE(refused.fault.has_value());
    CHECK(refused.fault->text == "event with more than 10 bytes of data");
    CHECK(refused.fault->seen == 11);
}

TEST_CASE("nothing is read after a fault", "[websocket]") {
    event_stream_limits limits;
    limits.max_line = 3;
    event_stream_parser parser(limits);
    bytes_view input = "1234\n\ndata\n\n";
    CHECK_FALSE(parser.take(input).has_value());
    CHECK(input == "\n\ndata\n\n");
    CHECK_FALSE(parser.take(input).has_value());
    CHECK(input == "\n\ndata\n\n");
}

TEST_CASE("an event is written as its fields", "[websocket]") {
    CHECK(serialize(server_sent_event("hello")) == "data: hello\n\n");
    CHECK(serialize(server_sent_event("")) == "data: \n\n");
    CHECK(serialize(server_sent_event("a\nb", "tick", "7")) == "event: tick\nid: 7\ndata: a\ndata: b\n\n");
    CHECK(serialize(server_sent_event("x", "message", "")) == "id: \ndata: x\n\n");
    CHECK(serialize(server_sent_event("x", "")) == "data: x\n\n");
    server_sent_event timed("x");
    timed.retry = 1500ms;
    CHECK(serialize(timed) == "data: x\nretry: 1500\n\n");
    CHECK(serialize_retry(0ms) == "retry: 0\n\n");
    CHECK(serialize_comment("") == ":\n\n");
    CHECK(serialize_comment("two\nlines") == ": two\n: lines\n\n");
}

TEST_CASE("every line break of the data begins a line, so that none of it is taken for a field",
          "[websocket]") {
    CHECK(serialize(server_sent_event("a\r\nb\rc\nd")) == "data: a\ndata: b\ndata: c\ndata: d\n\n");
    CHECK(serialize(server_sent_event("a\n\r\n")) == "data: a\ndata: \ndata: \n\n");
    CHECK(data_of(serialize(server_sent_event("x\n\nid: 1\revent: y"))) == texts{"x\n\nid: 1\nevent: y"});
    CHECK(data_of(serialize_comment("x\rdata: y\n\ndata: z")).empty());
}

TEST_CASE("what an event cannot carry is refused with its name", "[websocket]") {
    CHECK(complaint_about({"x", "ti\nck"}) ==
          "server-sent event: the event type 'ti?ck' has a line break; expected a single line");
    CHECK(complaint_about({"x", "tick\r"}).find("the event type 'tick?' has a line break") !=
          std::string::npos);
    CHECK(complaint_about({"x", "tick", "1\n2"}) ==
          "server-sent event: the id '1?2' has a line break; expected a single line");
    CHECK(complaint_about({"x", "tick", "1\0002"s}) == "server-sent event: the id '1?2' has a NUL");
    CHECK(complaint_about({"\xFF"}) == "server-sent event: the data is not UTF-8");
    CHECK(complaint_about({"x", "\xFF"}) == "server-sent event: the event type is not UTF-8");
    CHECK(complaint_about({"x", "y", "\xFF"}) == "server-sent event: the id is not UTF-8");
    server_sent_event negative("x");
    negative.retry = -1ms;
    CHECK(complaint_about(negative) == "server-sent event: the retry time is -1 ms; expected 0 or more");
    CHECK_THROWS_AS(serialize_comment("\xFF"), std::invalid_argument);
}

TEST_CASE("what is written is read again", "[websocket]") {
    const std::vector<std::string> alphabet = {"a",   " ",    ":", "\n", "data", "\xC3\xA9", "\xEF\xBB\xBF",
                                               "\0"s, "id: 1"};
    for (unsigned seed = 0; seed != 200; ++seed) {
        std::mt19937 random(seed);
        const auto some = [&] {
            std::string text;
            for (std::size_t count = random() % 8; count != 0; --count)
                text += alphabet[random() % alphabet.size()];
            return text;
        };
        const auto some_line = [&] {
            std::string text = some();
            std::erase_if(text, [](char c) { return c == '\n' || c == '\0'; });
            return text;
        };
        server_sent_event sent(some(), "x" + some_line(), some_line());
        if (random() % 2 == 0) sent.retry = std::chrono::milliseconds(random() % 1000);
        const outcome got = parse(serialize(sent));
        REQUIRE(got.events.size() == 1);
        CHECK(got.events[0] == sent);
    }
}
