// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/event_source.hpp>

#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/streams/tls.hpp>
#include <aioxx/testing/failure_of.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/complaint_of.hpp"
#include "support/run_bounded.hpp"
#include "websocket/proxy_server.hpp"
#include "websocket/scripted_server.hpp"
#include "websocket/stream_pair.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::proxy_server;
using support::run_bounded;
using aioxx::testing::failure_of;
using aioxx::testing::test_loop;
using websocket::event_source;
using websocket::event_source_options;
using websocket::http_request;
using websocket::reconnection;
using websocket::server_sent_event;

namespace {

const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
const std::string no_more = "HTTP/1.1 204 No Content\r\n\r\n";

// What a host does with one visitor.
struct answer {
    std::string bytes;
    bool stays = false;    // the connection is left open until the client goes
    bool refuses = false;  // there is no connection at all
    bool resets = false;   // the connection is cut off
};

struct visit {
    duration at;  // since the host was made
    http_request request;
    websocket::uri where;
    std::optional<duration> ended{};  // when the client has closed it
};

// A host in memory that gives one answer after the other, the last one ever after.
class host {
public:
    explicit host(std::vector<answer> answers, testing::link_options network = {})
        : answers_(std::move(answers)), network_(network) {}

    [[nodiscard]] event_source_options options() {
        event_source_options options;
        options.open = [this](websocket::uri where) { return open(std::move(where)); };
        return options;
    }

private:
    std::shared_ptr<std::vector<visit>> visits_ = std::make_shared<std::vector<visit>>();

public:
    std::vector<visit>& visits = *visits_;

private:
    coro<stream> open(websocket::uri where) {
        const std::size_t number = attempts_++;
        const answer& given = answers_[std::min(number, answers_.size() - 1)];
        if (given.refuses)
            throw broken_error(std::make_error_code(std::errc::connection_refused), "host in memory");
        support::stream_pair pair = co_await support::make_stream_pair(network_);
        create_task(serve(std::move(pair.far), given, std::move(where), visits_, start_));
        co_return std::move(pair.near);
    }

    // May outlive the host.
    static coro<> serve(stream opened, answer given, websocket::uri where,
                        std::shared_ptr<std::vector<visit>> visits, time_point start) {
        auto parser = co_await websocket::detail::read_head<http_request>(opened.reader);
        const std::size_t number = visits->size();
        visits->push_back({get_running_loop().time() - start, parser.take_head(), std::move(where)});
        opened.writer.write(given.bytes);
        if (given.stays) {
            const bytearray rest = co_await opened.reader.read();
            visits->at(number).ended = get_running_loop().time() - start;
        }
        if (given.resets) {
            co_await sleep(1ms);
            opened.writer.abort();
        }
    }

    std::vector<answer> answers_;
    testing::link_options network_;
    std::size_t attempts_ = 0;
    time_point start_ = get_running_loop().time();
};

std::string chunked_head() {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
}

coro<std::vector<std::string>> all_data(async_generator<server_sent_event> events) {
    std::vector<std::string> data;
    while (auto event = co_await events.next()) data.push_back(event->data);
    co_return data;
}

using texts = std::vector<std::string>;

// What the source throws at a host that gives one answer.
coro<std::string> complaint_about(std::string bytes) {
    host there({{std::move(bytes)}, {no_more}});
    auto events = event_source("http://here/events?all", there.options());
    try {
        while (co_await events.next()) {
        }
    } catch (const std::exception& failure) {
        co_return failure.what();
    }
    co_return "none";
}

std::string complaint(std::string bytes) { return test_loop().run(complaint_about(std::move(bytes))); }

}  // namespace

TEST_CASE("events come with type, data and id, and the request says what is wanted", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{head + "data: one\n\nevent: tick\nid: 7\ndata: two\n\n", true}});
        auto events = event_source("http://here:81/events?x=1#part", there.options());
        const auto first = co_await events.next();
        CHECK(first == server_sent_event("one", "message", ""));
        const auto second = co_await events.next();
        CHECK(second == server_sent_event("two", "tick", "7"));
        co_await events.aclose();
        const http_request& request = there.visits.at(0).request;
        CHECK(request.method == "GET");
        CHECK(request.target == "/events?x=1");
        CHECK(request.headers == websocket::http_headers{{"Host", "here:81"},
                                                         {"Accept", "text/event-stream"},
                                                         {"Cache-Control", "no-store"},
                                                         {"User-Agent", "aioxx"}});
        CHECK(there.visits[0].where.port == 81);
        CHECK_FALSE(there.visits[0].where.secure);
        co_await sleep(1ms);
        CHECK(there.visits[0].ended.has_value());
    }());
}

TEST_CASE("nothing is asked before the first event is wanted", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{no_more}});
        const auto events = event_source("http://here", there.options());
        co_await sleep(1s);
        CHECK(there.visits.empty());
    }());
}

TEST_CASE("however the stream is cut and framed, the events are the same", "[websocket]") {
    const std::string body =
        "\xEF\xBB\xBF"
        "data: one\r\n\r\n: comment\ndata: \xC3\xA9\xFF\n\n";
    const texts expected = {"one", "\xC3\xA9\xEF\xBF\xBD"};
    const std::vector<std::string> answers = {
        head + body,
        "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream ; charset=utf-8\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body + "data: beyond\n\n",
        chunked_head() + "4;x\r\n" + body.substr(0, 4) + "\r\n1\r\n" + body.substr(4, 1) + "\r\n20\r\n" +
            body.substr(5) + "\r\n0\r\nTrailer: x\r\n\r\ndata: beyond\n\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + head + body,
    };
    REQUIRE(body.size() - 5 == 0x20);
    for (const std::string& bytes : answers) {
        for (const std::size_t largest : {std::size_t{1}, std::size_t{5}, testing::link_options::unlimited}) {
            INFO(bytes << " in pieces of " << largest);
            testing::link_options network;
            network.largest_receive = largest;
            test_loop().run([](std::string given, testing::link_options by, texts wanted) -> coro<> {
                host there({{given}, {no_more}}, by);
                const texts got = co_await all_data(event_source("http://here", there.options()));
                CHECK(got == wanted);
            }(bytes, network, expected));
        }
    }
}

TEST_CASE("it connects again after three seconds and goes on behind the last id", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there(
            {{head + "id: 1\ndata: a\n\nid: 2\n\nid: 3\ndata: cut"}, {head + "data: b\n\n"}, {no_more}});
        const texts data = co_await all_data(event_source("http://here", there.options()));
        CHECK(data == texts{"a", "b"});
        REQUIRE(there.visits.size() == 3);
        CHECK_FALSE(there.visits[0].request.headers.contains("Last-Event-ID"));
        CHECK(there.visits[1].request.headers.get("Last-Event-ID") == "2");
        CHECK(there.visits[2].request.headers.get("Last-Event-ID") == "2");
        CHECK(there.visits[0].at == 0s);
        CHECK(there.visits[1].at == 3s);
        CHECK(there.visits[2].at == 6s);
    }());
}

TEST_CASE("the server says how long to wait, and the options do before it has", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{head}, {head + "retry: 500\n\n"}, {head + "data: x\n\n"}, {no_more}});
        event_source_options options = there.options();
        options.reconnection_time = 10s;
        static_cast<void>(co_await all_data(event_source("http://here", options)));
        REQUIRE(there.visits.size() == 4);
        CHECK(there.visits[1].at == 10s);
        CHECK(there.visits[2].at == 10500ms);
        CHECK(there.visits[3].at == 11s);
    }());
}

TEST_CASE(
    "an id of an earlier run is told at once, an empty id no more, and one that no header can carry never",
    "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{head + "id: a\x01"
                            "b\n\n"},
                    {head + "id\n\n"},
                    {head + "id: \xE2\x82\xAC\n\n"},
                    {no_more}});
        event_source_options options = there.options();
        options.last_event_id = "old";
        static_cast<void>(co_await all_data(event_source("http://here", options)));
        REQUIRE(there.visits.size() == 4);
        CHECK(there.visits[0].request.headers.get("Last-Event-ID") == "old");
        CHECK_FALSE(there.visits[1].request.headers.contains("Last-Event-ID"));
        CHECK_FALSE(there.visits[2].request.headers.contains("Last-Event-ID"));
        CHECK(there.visits[3].request.headers.get("Last-Event-ID") == "\xE2\x82\xAC");
    }());
}

TEST_CASE("204 ends the source", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{no_more}});
        auto events = event_source("http://here", there.options());
        const auto none = co_await events.next();
        CHECK_FALSE(none.has_value());
        CHECK(there.visits.size() == 1);
    }());
}

TEST_CASE("another status or type of content ends the source with an error that names it", "[websocket]") {
    CHECK(complaint("HTTP/1.1 404 Not Found\r\n\r\n") ==
          "event source here/events?all: HTTP 404 Not Found; expected 200");
    CHECK(complaint("HTTP/1.1 500 \r\n\r\n") == "event source here/events?all: HTTP 500; expected 200");
    CHECK(complaint("HTTP/1.1 101 \r\n\r\n") == "event source here/events?all: HTTP 101; expected 200");
    CHECK(complaint("HTTP/1.1 304 \r\n\r\n") == "event source here/events?all: HTTP 304; expected 200");
    CHECK(complaint("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n") ==
          "event source here/events?all: Content-Type 'text/html'; expected text/event-stream");
    CHECK(complaint("HTTP/1.1 200 OK\r\n\r\n") ==
          "event source here/events?all: Content-Type ''; expected text/event-stream");
    CHECK(complaint("HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\n\r\n").find("Content-Type") !=
          std::string::npos);
    CHECK(complaint("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n") ==
          "event source here/events?all: Content-Encoding 'gzip' was not asked for");
    test_loop().run([]() -> coro<> {
        host there({{"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n"}});
        auto events = event_source("http://here", there.options());
        std::string after;
        try {
            static_cast<void>(co_await events.next());
        } catch (const websocket::event_source_error& refused) {
            CHECK(refused.side() == side::remote);
            CHECK(refused.response().status == 503);
            after = refused.response().headers.get("Retry-After").value();
        }
        CHECK(after == "5");
    }());
}

TEST_CASE("an answer that is no HTTP ends the source with an error that names what is wrong", "[websocket]") {
    CHECK(complaint("SSH-2.0-OpenSSH_9.2\r\n\r\n").find("status line 'SSH-2.0-OpenSSH_9.2'") !=
          std::string::npos);
    CHECK(complaint(chunked_head() + "hello\r\n").find("HTTP chunk size 'hello'") != std::string::npos);
    CHECK(complaint("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: gzip\r\n\r\nx")
              .find("Transfer-Encoding 'gzip'") != std::string::npos);
}

TEST_CASE("lines and events that are too long end the source with a limit_error", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{head + "data: 12345\ndata: 67890\n\n", true}});
        event_source_options options = there.options();
        options.max_event = 11;
        {
            auto enough = event_source("http://here", options);
            const auto event = co_await enough.next();
            CHECK(event->data == "12345\n67890");
        }
        options.max_event = 10;
        std::size_t seen = 0;
        try {
            auto events = event_source("http://here", options);
            static_cast<void>(co_await events.next());
        } catch (const limit_error& refused) {
            seen = refused.seen();
        }
        CHECK(seen == 11);
        options.max_line = 5;
        std::string text;
        try {
            auto events = event_source("http://here", options);
            static_cast<void>(co_await events.next());
        } catch (const limit_error& refused) {
            text = refused.what();
        }
        CHECK(text == "line of an event stream longer than 5 bytes");
        co_await sleep(1ms);
        for (const visit& each : there.visits) CHECK(each.ended.has_value());
    }());
}

TEST_CASE("redirects are followed, each time anew", "[websocket]") {
    test_loop().run([]() -> coro<> {
        std::vector<answer> answers;
        for (const char* status : {"301", "302", "307", "308"}) {
            answers.push_back(
                {std::string("HTTP/1.1 ") + status + " Gone there\r\nLocation: next?" + status + "\r\n\r\n"});
        }
        answers.push_back({"HTTP/1.1 303 See Other\r\nLocation: https://other/x\r\n\r\n"});
        host there({answers[0], answers[1], answers[2], answers[3], {head + "data: x\n\n"}, {no_more}});
        event_source_options options = there.options();
        const texts data = co_await all_data(event_source("http://here/a/b", options));
        CHECK(data == texts{"x"});
        REQUIRE(there.visits.size() == 6);
        CHECK(there.visits[1].request.target == "/a/next?301");
        CHECK(there.visits[4].request.target == "/a/next?308");
        CHECK(there.visits[5].request.target == "/a/b");
        CHECK(there.visits[5].at == 3s);
    }());
}

TEST_CASE("what is meant for one origin is not told to another", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{"HTTP/1.1 302 Found\r\nLocation: http://other/x\r\n\r\n"}, {no_more}});
        event_source_options options = there.options();
        options.extra_headers = {{"Cookie", "secret"}, {"X-Own", "1"}};
        static_cast<void>(co_await all_data(event_source("http://user:password@here", options)));
        REQUIRE(there.visits.size() == 2);
        CHECK(there.visits[0].request.headers.get("Authorization") == "Basic dXNlcjpwYXNzd29yZA==");
        CHECK(there.visits[0].request.headers.get("Cookie") == "secret");
        CHECK_FALSE(there.visits[1].request.headers.contains("Authorization"));
        CHECK_FALSE(there.visits[1].request.headers.contains("Cookie"));
        CHECK(there.visits[1].request.headers.get("X-Own") == "1");
        CHECK(there.visits[1].request.headers.get("Host") == "other");
    }());
}

TEST_CASE("redirects without end are refused", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n"}});
        auto events = event_source("http://here", there.options());
        bool refused = false;
        try {
            static_cast<void>(co_await events.next());
        } catch (const websocket::redirect_error&) {
            refused = true;
        }
        CHECK(refused);
        CHECK(there.visits.size() == 11);
    }());
    CHECK(complaint("HTTP/1.1 302 Found\r\n\r\n").find("HTTP 302 Found; expected 200") != std::string::npos);
}

TEST_CASE("headers of the program replace ours", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{no_more}});
        event_source_options options = there.options();
        options.extra_headers = {{"accept", "text/event-stream, */*"}, {"X-More", "1"}, {"X-More", "2"}};
        options.user_agent.clear();
        static_cast<void>(co_await all_data(event_source("http://here", options)));
        const websocket::http_headers& sent = there.visits.at(0).request.headers;
        CHECK(sent.count("Accept") == 1);
        CHECK(sent.get("Accept") == "text/event-stream, */*");
        CHECK(sent.count("X-More") == 2);
        CHECK_FALSE(sent.contains("User-Agent"));
    }());
}

TEST_CASE("losses of the connection are told to the program, which says how long to wait", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{{}, false, true},
                    {{}, false, true},
                    {chunked_head() + "8\r\ndata: x\n\r\n1\r\n\n\r\n0\r\n\r\n"},
                    {chunked_head() + "8\r\ndata: y\n"},
                    {"HTTP/1.1 200"},
                    {head + "data: z\n\n", false, false, true},
                    {no_more}});
        texts told;
        event_source_options options = there.options();
        options.reconnection_delay = [&told](const reconnection& again) {
            const std::string reason = again.reason ? describe(again.reason) : std::string("an orderly end");
            told.push_back(std::to_string(again.failures) + " " + reason);
            CHECK(again.time == 3s);
            return std::chrono::milliseconds(100 * told.size());
        };
        const texts data = co_await all_data(event_source("http://here", options));
        CHECK(data == texts{"x", "z"});
        REQUIRE(told.size() == 6);
        CHECK(told[0].find("1 host in memory: ") == 0);
        CHECK(told[1].find("2 host in memory: ") == 0);
        CHECK(told[2] == "0 an orderly end");
        CHECK(told[3].find("0 the connection ended inside a chunked HTTP body") == 0);
        CHECK(told[4].find("1 the connection ended inside the HTTP head") == 0);
        CHECK(told[5].find("0 ") == 0);
        REQUIRE(there.visits.size() == 5);
        CHECK(there.visits[0].at == 300ms);
        CHECK(there.visits[1].at == 600ms);
    }());
}

TEST_CASE("the program may give up", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{{}, false, true}});
        event_source_options options = there.options();
        options.reconnection_delay = [](const reconnection& again) {
            if (again.failures == 3) std::rethrow_exception(again.reason);
            return again.time;
        };
        auto events = event_source("http://here", options);
        bool refused = false;
        try {
            static_cast<void>(co_await events.next());
        } catch (const broken_error& failure) {
            refused = failure.code() == std::errc::connection_refused;
        }
        CHECK(refused);
    }());
}

TEST_CASE("a server that does not answer in time is asked again", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{"HTTP/1.1 200 OK\r\n", true}, {head + "data: x\n\n", true}});
        event_source_options options = there.options();
        options.open_timeout = 5s;
        auto events = event_source("http://here", options);
        const auto event = co_await events.next();
        CHECK(event->data == "x");
        CHECK(there.visits.at(1).at == 8s);
        CHECK(there.visits[0].ended.has_value());
        co_await events.aclose();
    }());
}

TEST_CASE("a stream that is silent for too long is opened again, and comments keep it open", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{head + "id: 1\ndata: x\n\n", true}, {no_more}});
        event_source_options options = there.options();
        options.idle_timeout = 40s;
        const texts data = co_await all_data(event_source("http://here", options));
        CHECK(data == texts{"x"});
        CHECK(there.visits.at(0).ended == 40s);
        CHECK(there.visits.at(1).at == 43s);
        CHECK(there.visits[1].request.headers.get("Last-Event-ID") == "1");
    }());
}

TEST_CASE("cancelling the task that waits for an event closes the connection", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{head, true}});
        auto wait = [](event_source_options options) -> coro<> {
            auto events = event_source("http://here", std::move(options));
            static_cast<void>(co_await events.next());
        };
        task<> waiting = create_task(wait(there.options()));
        co_await sleep(1s);
        REQUIRE(there.visits.size() == 1);
        waiting.cancel();
        co_await sleep(1ms);
        CHECK(waiting.cancelled());
        CHECK(there.visits[0].ended.has_value());
    }());
}

TEST_CASE("a source that is dropped at an event closes the connection", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{head + "data: x\n\ndata: y\n\n", true}});
        {
            auto events = event_source("http://here", there.options());
            static_cast<void>(co_await events.next());
        }
        co_await sleep(1ms);
        CHECK(there.visits.at(0).ended.has_value());
    }());
}

TEST_CASE("a URI that cannot be used is refused at once, with what was expected", "[websocket]") {
    const auto complaint_at = [](const char* address) -> std::string {
        try {
            static_cast<void>(event_source(address));
        } catch (const websocket::invalid_http_uri& refused) {
            return refused.what();
        }
        return "none";
    };
    CHECK(complaint_at("ws://here") ==
          "\"ws://here\" is not the URI of an event stream: expected it to begin with http:// or https://");
    CHECK(complaint_at("http://") == "\"http://\" is not the URI of an event stream: the host is missing");
    CHECK(complaint_at("http://h:0/").find("the port must be a number from 1 to 65535") != std::string::npos);
    CHECK(complaint_at("http://h/a b").find("percent-encoded") != std::string::npos);
    CHECK(complaint_at("http://u:p@h:x/").find("u:p") == std::string::npos);
    CHECK(complaint_at("HTTPS://[::1]:8443/x?y#z") == "none");
}

TEST_CASE("a timeout says what was waited for", "[websocket]") {
    test_loop().run([]() -> coro<> {
        host there({{"HTTP/1.1 200 OK\r\n", true}, {no_more}});
        event_source_options options = there.options();
        options.open_timeout = 5s;
        std::string reason;
        options.reconnection_delay = [&reason](const reconnection& again) {
            try {
                std::rethrow_exception(again.reason);
            } catch (const timeout_error& late) {
                reason = late.what();
            }
            return 1ms;
        };
        const texts data = co_await all_data(event_source("http://here:81/x", options));
        CHECK(data.empty());
        CHECK(reason == "event source: timed out while waiting for the answer of here:81");
    }());
}

// ---- proxies ----

namespace {

std::string proxy_at(const server& listening, const std::string& user_info = "") {
    return "http://" + user_info + "127.0.0.1:" + std::to_string(listening.port());
}

coro<> end(server listening) {
    listening.close();
    listening.abort_clients();
    co_await listening.wait_closed();
}

const std::string one_event = head + "data: x\n\n";

// Reads one event. Returns: its data, or what goes wrong.
coro<std::string> first_data(std::string address, event_source_options options) {
    options.reconnection_delay = [](const reconnection& again) -> std::chrono::milliseconds {
        if (again.reason) std::rethrow_exception(again.reason);
        return 1ms;
    };
    auto events = event_source(address, options);
    std::string found;
    try {
        const auto event = co_await events.next();
        found = event ? event->data : "end";
    } catch (const std::exception& failure) {
        found = failure.what();
    }
    co_await events.aclose();
    co_return found;
}

}  // namespace

TEST_CASE("an HTTP proxy is asked for events at http:// itself", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server proxy(one_event);
        server proxying = co_await start_server(proxy, "127.0.0.1", 0);
        event_source_options options;
        options.proxy = proxy_at(proxying, "user:word@");
        std::string data = co_await first_data("http://me:too@nowhere.example:81/events?all", options);
        CHECK(data == "x");
        CHECK(proxy.shared->target(0) == "http://nowhere.example:81/events?all");
        CHECK(proxy.shared->header(0, "Host") == "nowhere.example:81");
        CHECK(proxy.shared->header(0, "Authorization") == "Basic bWU6dG9v");
        CHECK(proxy.shared->header(0, "Proxy-Authorization") == "Basic dXNlcjp3b3Jk");

        options.proxy.reset();
        const std::string address = proxy_at(proxying);
        ::setenv("http_proxy", address.c_str(), 1);
        const scope_exit restored([] { ::unsetenv("http_proxy"); });
        data = co_await first_data("http://nowhere.example/", options);
        CHECK(data == "x");
        CHECK(proxy.shared->target(1) == "http://nowhere.example/");
        CHECK(proxy.shared->header(1, "Proxy-Authorization") == "none");
        options.proxy = "";
        data = co_await first_data("http://127.0.0.1:" + std::to_string(proxying.port()) + "/direct", options);
        CHECK(data == "x");
        CHECK(proxy.shared->target(2) == "/direct");
        co_await end(proxying);
    }());
}

TEST_CASE("events at https://, and those through a SOCKS proxy, come over a connection that the proxy makes", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server open(one_event);
        server opened = co_await start_server(open, "127.0.0.1", 0);
        const scripted::server secret(one_event);
        server secured = co_await start_server(secret, "127.0.0.1", 0, support::server_context());
        const proxy_server proxy;
        server proxying = co_await start_server(proxy, "127.0.0.1", 0);
        event_source_options options;
        options.ssl = support::client_context();
        options.proxy = proxy_at(proxying, "user:word@");
        proxy.shared->server_port = secured.port();
        std::string data = co_await first_data("https://localhost/x", options);
        CHECK(data == "x");
        CHECK(proxy.shared->requests.at(0).starts_with("CONNECT localhost:443 "));
        CHECK(secret.shared->target(0) == "/x");
        CHECK(secret.shared->header(0, "Proxy-Authorization") == "none");

        proxy.shared->speaks_socks = true;
        proxy.shared->server_port = opened.port();
        options.proxy = "socks5h://127.0.0.1:" + std::to_string(proxying.port());
        data = co_await first_data("http://nowhere.example/y", options);
        CHECK(data == "x");
        CHECK(proxy.shared->requests.at(1).find("nowhere.example") != std::string::npos);
        CHECK(open.shared->target(0) == "/y");
        co_await end(proxying);
        co_await end(opened);
        co_await end(secured);
    }());
}

TEST_CASE("a proxy that cannot connect is asked again, one that refuses ends the source", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server secret(one_event);
        server secured = co_await start_server(secret, "127.0.0.1", 0, support::server_context());
        const proxy_server proxy;
        proxy.shared->server_port = secured.port();
        proxy.shared->answer = "HTTP/1.1 502 Bad Gateway\r\n\r\n";
        server proxying = co_await start_server(proxy, "127.0.0.1", 0);
        event_source_options options;
        options.ssl = support::client_context();
        options.proxy = proxy_at(proxying);
        texts reasons;
        options.reconnection_delay = [&](const reconnection& again) {
            try {
                std::rethrow_exception(again.reason);
            } catch (const websocket::proxy_error& failure) {
                reasons.emplace_back(failure.what());
            }
            proxy.shared->answer = "HTTP/1.1 200 OK\r\n\r\n";
            return 1ms;
        };
        auto events = event_source("https://localhost/", options);
        const auto event = co_await events.next();
        CHECK(event->data == "x");
        CHECK(reasons == texts{"proxy " + proxy_at(proxying) + " rejected connection: HTTP 502 Bad Gateway"});
        co_await events.aclose();

        proxy.shared->answer = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        reasons.clear();
        auto refused = event_source("https://localhost/", options);
        int status = 0;
        try {
            static_cast<void>(co_await refused.next());
        } catch (const websocket::invalid_proxy_status& failure) {
            status = failure.status();
        }
        CHECK(status == 407);
        CHECK(reasons.empty());
        co_await end(proxying);
        co_await end(secured);
    }());
}

TEST_CASE("a proxy that cannot be used is refused at once", "[websocket]") {
    event_source_options options;
    options.proxy = "ftp://p";
    const std::string complaint =
        support::complaint_of<websocket::invalid_proxy>([&] { return event_source("http://h/", options); });
    CHECK(complaint == "'ftp://p' is not a proxy that can be used: expected it to begin with http://, https://, socks5:// or "
                       "socks5h://");
}
