// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/serve_events.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/websocket/event_source.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/run_bounded.hpp"
#include "websocket/stream_pair.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using aioxx::testing::test_loop;
using support::run_bounded;
using websocket::event_request;
using websocket::event_sink;
using websocket::event_source;
using websocket::event_source_options;
using websocket::http_request;
using websocket::http_response;
using websocket::serve_events;
using websocket::serve_events_options;
using websocket::server_sent_event;

namespace {

const std::string request = "GET /clock?x HTTP/1.1\r\nHost: h\r\n\r\n";

// A client that has sent its request to a handler, in memory.
struct visitor {
    stream opened;
    task<> serving;
};

template <class Handler>
coro<visitor> visit(Handler handler, std::string bytes = request, serve_events_options options = {},
                    testing::link_options network = {}) {
    support::stream_pair pair = co_await support::make_stream_pair(network);
    pair.near.writer.write(bytes);
    co_return visitor{std::move(pair.near),
                      create_task(serve_events(std::move(pair.far), std::move(handler), std::move(options)))};
}

// Everything that the server says until it closes.
template <class Handler>
coro<std::string> answer_of(Handler handler, std::string bytes = request, serve_events_options options = {}) {
    visitor there = co_await visit(std::move(handler), std::move(bytes), std::move(options));
    const bytearray all = co_await there.opened.reader.read();
    there.opened.writer.close();
    co_await there.serving;
    co_return std::string(all.str());
}

std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

coro<> send_two(event_request, event_sink sink) {
    co_await sink.send("one");
    co_await sink.send({"two", "tick", "7"});
}

// Waits without end, and notes how it was ended.
struct waiting_handler {
    std::shared_ptr<std::string> end = std::make_shared<std::string>("none");

    coro<> operator()(event_request, event_sink sink) {
        return [](std::shared_ptr<std::string> noted, event_sink to) -> coro<> {
            co_await to.send("begin");
            try {
                co_await sleep(10h);
            } catch (const cancelled_error&) {
                *noted = to.is_open() ? "cancelled, open" : "cancelled";
                throw;
            }
        }(end, std::move(sink));
    }
};

}  // namespace

TEST_CASE("a request is answered with a chunked stream of the handler's events", "[websocket]") {
    const std::string answer = test_loop().run(answer_of(send_two));
    CHECK(answer ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: "
          "close\r\n"
          "Transfer-Encoding: chunked\r\nServer: aioxx\r\n\r\n"
          "b\r\ndata: one\n\n\r\n1d\r\nevent: tick\nid: 7\ndata: two\n\n\r\n0\r\n\r\n");
}

TEST_CASE("a client of HTTP/1.0 gets a stream without chunks", "[websocket]") {
    const std::string answer = test_loop().run(answer_of(send_two, "GET / HTTP/1.0\r\n\r\n"));
    CHECK(answer.find("Transfer-Encoding") == std::string::npos);
    CHECK(body_of(answer) == "data: one\n\nevent: tick\nid: 7\ndata: two\n\n");
}

TEST_CASE("the handler sees the request and what the client has seen last", "[websocket]") {
    auto echo = [](event_request asked, event_sink sink) -> coro<> {
        co_await sink.send(asked.target);
        co_await sink.send("<" + asked.last_event_id + ">");
        co_await sink.send(std::string(asked.headers.get("x-own").value_or("none")));
    };
    const std::string first = test_loop().run(answer_of(echo, "GET /a?b HTTP/1.0\r\nX-Own: mine\r\n\r\n"));
    CHECK(body_of(first) == "data: /a?b\n\ndata: <>\n\ndata: mine\n\n");
    const std::string again =
        test_loop().run(answer_of(echo, "GET / HTTP/1.0\r\nlast-event-id: 4 2\r\n\r\n"));
    CHECK(body_of(again) == "data: /\n\ndata: <4 2>\n\ndata: none\n\n");
    const std::string odd =
        test_loop().run(answer_of(echo, "GET / HTTP/1.0\r\nLast-Event-ID: \xFF\xC3\xA9\r\n\r\n"));
    CHECK(body_of(odd).find("data: <\xEF\xBF\xBD\xC3\xA9>\n") != std::string::npos);
}

TEST_CASE("options add headers and the reconnection time", "[websocket]") {
    serve_events_options options;
    options.retry = 1500ms;
    options.server_header.clear();
    options.extra_headers = {{"Access-Control-Allow-Origin", "*"}, {"cache-control", "no-cache"}};
    const std::string answer = test_loop().run(answer_of(send_two, "GET / HTTP/1.0\r\n\r\n", options));
    CHECK(answer.find("\r\nAccess-Control-Allow-Origin: *\r\ncache-control: no-cache\r\n\r\nretry: "
                      "1500\n\ndata: one\n") != std::string::npos);
    CHECK(answer.find("no-store") == std::string::npos);
    CHECK(answer.find("Server:") == std::string::npos);
}

TEST_CASE("comments and reconnection times can be sent between events", "[websocket]") {
    auto handler = [](event_request, event_sink sink) -> coro<> {
        co_await sink.send_comment("hello");
        co_await sink.send_retry(20ms);
    };
    CHECK(body_of(test_loop().run(answer_of(handler, "GET / HTTP/1.0\r\n\r\n"))) ==
          ": hello\n\nretry: 20\n\n");
}

TEST_CASE("an event that cannot be sent is refused, and the stream goes on", "[websocket]") {
    auto handler = [](event_request, event_sink sink) -> coro<> {
        std::string complaint;
        try {
            co_await sink.send({"x", "two\nlines"});
        } catch (const std::invalid_argument& refused) {
            complaint = refused.what();
        }
        co_await sink.send(complaint);
    };
    CHECK(body_of(test_loop().run(answer_of(handler, "GET / HTTP/1.0\r\n\r\n"))) ==
          "data: server-sent event: the event type 'two?lines' has a line break; expected a single line\n\n");
}

TEST_CASE("a comment is sent after fifteen seconds without an event", "[websocket]") {
    test_loop().run([]() -> coro<> {
        auto handler = [](event_request, event_sink sink) -> coro<> {
            co_await sleep(10s);
            co_await sink.send("a");
            co_await sleep(40s);
        };
        visitor there = co_await visit(handler, "GET / HTTP/1.0\r\n\r\n");
        const time_point start = get_running_loop().time();
        static_cast<void>(co_await there.opened.reader.readuntil("\r\n\r\n"));
        std::vector<std::string> lines;
        while (auto line = co_await there.opened.reader.next_line()) {
            if (*line != "\n") {
                lines.push_back(to_text(get_running_loop().time() - start) + " " + std::string(line->str()));
            }
        }
        CHECK(lines ==
              std::vector<std::string>{"10 s data: a\n", "25 s : keep-alive\n", "40 s : keep-alive\n"});
        CHECK(get_running_loop().time() - start == 50s);
        there.opened.writer.close();
        co_await there.serving;
    }());
}

TEST_CASE("comments can be switched off", "[websocket]") {
    auto handler = [](event_request, event_sink) -> coro<> { co_await sleep(1h); };
    serve_events_options options;
    options.keepalive_interval = {};
    CHECK(body_of(test_loop().run(answer_of(handler, "GET / HTTP/1.0\r\n\r\n", options))).empty());
}

TEST_CASE("a client that does not read stops the handler, which goes on when it reads", "[websocket]") {
    test_loop().run([]() -> coro<> {
        auto sent = std::make_shared<int>(0);
        auto handler = [](std::shared_ptr<int> count, event_sink sink) -> coro<> {
            const std::string data(1000, 'x');
            for (; *count != 1000; ++*count) co_await sink.send(data);
        };
        auto bound = [sent, handler](event_request, event_sink sink) {
            return handler(sent, std::move(sink));
        };
        testing::link_options network;
        network.capacity = 2000;
        serve_events_options options;
        options.write_limit = 10'000;
        options.keepalive_interval = 1s;
        support::stream_pair pair = co_await support::make_stream_pair(network);
        pair.near.writer.write("GET / HTTP/1.0\r\n\r\n");
        pair.near.writer.transport()->pause_reading();
        task<> serving = create_task(serve_events(std::move(pair.far), bound, options));
        co_await sleep(1min);
        const int before = *sent;
        CHECK(before > 5);
        CHECK(before < 20);
        co_await sleep(1min);
        CHECK(*sent == before);
        pair.near.writer.transport()->resume_reading();
        const bytearray all = co_await pair.near.reader.read();
        CHECK(*sent == 1000);
        CHECK(all.size() > 1'000'000);
        pair.near.writer.close();
        co_await serving;
    }());
}

TEST_CASE("a handler that waits is cancelled when the client goes", "[websocket]") {
    for (const bool abruptly : {false, true}) {
        test_loop().run([](bool abort) -> coro<> {
            const waiting_handler handler;
            visitor there = co_await visit(handler);
            static_cast<void>(co_await there.opened.reader.readuntil("begin"));
            CHECK(*handler.end == "none");
            if (abort) {
                there.opened.writer.abort();
            } else {
                there.opened.writer.close();
            }
            co_await there.serving;
            CHECK(handler.end->find("cancelled") == 0);
        }(abruptly));
    }
}

TEST_CASE("a handler that sends to a client that has gone gets a broken_error, which is not reported",
          "[websocket]") {
    test_loop loop;  // reports fail the test
    loop.run([]() -> coro<> {
        auto outcome = std::make_shared<std::string>("none");
        auto handler = [](std::shared_ptr<std::string> noted, event_sink sink) -> coro<> {
            try {
                co_await sleep(10h);
            } catch (const cancelled_error&) {
            }
            try {
                for (int i = 0; i != 3; ++i) {  // the first one may still leave
                    co_await sink.send("too late");
                    co_await sleep(1s);
                }
                *noted = "sent";
            } catch (const broken_error&) {
                *noted = sink.is_open() ? "broken, open" : "broken";
                throw;
            }
        };
        auto bound = [outcome, handler](event_request, event_sink sink) {
            return handler(outcome, std::move(sink));
        };
        visitor there = co_await visit(bound);
        co_await sleep(1s);
        there.opened.writer.abort();
        co_await there.serving;
        CHECK(*outcome == "broken");
    }());
}

TEST_CASE("what a handler throws is reported, and the client can tell the stream from a complete one",
          "[websocket]") {
    testing::test_options settings;
    settings.allow_reports = true;
    for (const bool broken : {false, true}) {
        test_loop loop(settings);
        auto handler = [broken](event_request, event_sink sink) -> coro<> {
            const bool other = broken;
            co_await sink.send("one");
            if (other) throw broken_error(std::make_error_code(std::errc::io_error), "of another connection");
            throw std::runtime_error("out of order");
        };
        const std::string answer = loop.run(answer_of(handler));
        CHECK(body_of(answer) == "b\r\ndata: one\n\n\r\n");
        REQUIRE(loop.reports().size() == 1);
        CHECK(describe(loop.reports()[0]).find(broken ? "of another connection" : "out of order") !=
              std::string::npos);
        CHECK(describe(loop.reports()[0]).find("/clock?x") != std::string::npos);
    }
}

TEST_CASE("a sink that outlives its handler says so", "[websocket]") {
    test_loop().run([]() -> coro<> {
        auto kept = std::make_shared<std::optional<event_sink>>();
        auto handler = [kept](event_request, event_sink sink) -> coro<> {
            kept->emplace(std::move(sink));
            co_return;
        };
        visitor there = co_await visit(handler);
        co_await there.serving;
        REQUIRE(kept->has_value());
        CHECK_FALSE((*kept)->is_open());
        CHECK_THROWS_AS((*kept)->send("x"), closed_error);
        const bytearray all = co_await there.opened.reader.read();
        CHECK(all.str().ends_with("\r\n\r\n0\r\n\r\n"));
    }());
}

TEST_CASE("process_request may answer with a page, with 204, or with nothing", "[websocket]") {
    serve_events_options options;
    options.process_request = [](const http_request& asked) -> std::optional<http_response> {
        if (asked.target == "/clock?x") return std::nullopt;
        http_response page;
        if (asked.target == "/gone") {
            page.status = 204;
        } else {
            page.headers.add("Content-Type", "text/html");
            page.body = "<p>" + asked.method;
        }
        return page;
    };
    CHECK(test_loop().run(answer_of(send_two, request, options)).find("text/event-stream") !=
          std::string::npos);
    CHECK(test_loop().run(answer_of(send_two, "POST / HTTP/1.1\r\nHost: h\r\n\r\n", options)) ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: "
          "7\r\n\r\n<p>POST");
    CHECK(test_loop().run(answer_of(send_two, "GET /gone HTTP/1.1\r\nHost: h\r\n\r\n", options)) ==
          "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    options.process_request = [](const http_request&) -> coro<std::optional<http_response>> {
        co_await sleep(1s);
        http_response page;
        page.body = "waited";
        co_return page;
    };
    CHECK(body_of(test_loop().run(answer_of(send_two, request, options))) == "waited");
}

TEST_CASE("what process_request throws is reported and answered with 500", "[websocket]") {
    testing::test_options settings;
    settings.allow_reports = true;
    test_loop loop(settings);
    serve_events_options options;
    options.process_request = [](const http_request&) -> std::optional<http_response> {
        throw std::runtime_error("no idea");
    };
    const std::string answer = loop.run(answer_of(send_two, request, options));
    CHECK(answer.find("HTTP/1.1 500 ") == 0);
    CHECK(answer.find("no idea") == std::string::npos);
    REQUIRE(loop.reports().size() == 1);
    CHECK(describe(loop.reports()[0]).find("no idea") != std::string::npos);
}

TEST_CASE("what is no request for events is answered with the fitting status", "[websocket]") {
    struct question {
        std::string bytes;
        std::string status;
        std::string says;
    };
    const std::vector<question> questions = {
        {"POST / HTTP/1.1\r\nHost: h\r\n\r\n", "405", "Method 'POST'; expected GET."},
        {"GET / HTTP/1.1\r\n\r\n", "400", "The request has 0 Host headers; expected one."},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400",
         "The request has 2 Host headers; expected one."},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505", "HTTP version 'HTTP/2.0'; expected HTTP/1.1."},
        {"\x16\x03\x01\x02\x01\r\n\r\n", "400", "request line"},
        {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400", "header line"},
        {"GET /" + std::string(9000, 'x'), "414", "longer than 8192 bytes"},
    };
    for (const question& asked : questions) {
        const std::string answer = test_loop().run(answer_of(send_two, asked.bytes));
        CAPTURE(asked.bytes, answer);
        CHECK(answer.find("HTTP/1.1 " + asked.status + " ") == 0);
        CHECK(body_of(answer).find(asked.says) != std::string::npos);
        CHECK(answer.find("\r\nContent-Length: " + std::to_string(body_of(answer).size()) + "\r\n") !=
              std::string::npos);
    }
    CHECK(test_loop().run(answer_of(send_two, questions[0].bytes)).find("\r\nAllow: GET\r\n") !=
          std::string::npos);
}

TEST_CASE("an answer to HEAD has no body", "[websocket]") {
    const std::string answer = test_loop().run(answer_of(send_two, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"));
    CHECK(answer.find("HTTP/1.1 405 ") == 0);
    CHECK(body_of(answer).empty());
}

TEST_CASE("a client that does not take the last events is cut off after the close timeout", "[websocket]") {
    test_loop().run([]() -> coro<> {
        auto handler = [](event_request, event_sink sink) -> coro<> {
            co_await sink.send(std::string(5000, 'x'));
        };
        testing::link_options network;
        network.capacity = 1000;
        support::stream_pair pair = co_await support::make_stream_pair(network);
        pair.near.writer.write(request);
        pair.near.writer.transport()->pause_reading();
        const time_point start = get_running_loop().time();
        co_await serve_events(std::move(pair.far), handler);
        CHECK(get_running_loop().time() - start == 10s);
        pair.near.writer.abort();
    }());
}

TEST_CASE("a client that takes too long for its request, or to go after a refusal, is cut off",
          "[websocket]") {
    for (const std::string bytes : {"GET / HT", "", "nonsense\r\n\r\n"}) {
        test_loop loop;
        loop.run([](std::string slow) -> coro<> {
            visitor there = co_await visit(send_two, std::move(slow));
            const time_point start = get_running_loop().time();
            co_await there.serving;
            CHECK(get_running_loop().time() - start == 10s);
        }(bytes));
    }
}

TEST_CASE("a client that goes before its request is complete is nothing to report", "[websocket]") {
    test_loop().run([]() -> coro<> {
        visitor there = co_await visit(send_two, "GET / HT");
        there.opened.writer.abort();
        co_await there.serving;
    }());
}

TEST_CASE("an event source of ours goes on where it was, with every id", "[websocket]") {
    test_loop().run([]() -> coro<> {
        // Three numbers for each visit, from where the client was; the last one is 7, and then there is
        // nothing more.
        auto count = [](event_request asked, event_sink sink) -> coro<> {
            int number = asked.last_event_id.empty() ? 0 : std::stoi(asked.last_event_id);
            for (int i = 0; i != 3 && number != 7; ++i) {
                ++number;
                co_await sink.send({"number " + std::to_string(number), "count", std::to_string(number)});
            }
        };
        serve_events_options serving;
        serving.retry = 100ms;
        serving.process_request = [](const http_request& asked) -> std::optional<http_response> {
            if (asked.headers.get("Last-Event-ID") != "7") return std::nullopt;
            http_response gone;
            gone.status = 204;
            return gone;
        };
        event_source_options options;
        options.open = [count, serving](websocket::uri) -> coro<stream> {
            auto handler = count;
            serve_events_options with = serving;
            testing::link_options network;
            network.largest_receive = 3;
            support::stream_pair pair = co_await support::make_stream_pair(network);
            create_task(serve_events(std::move(pair.far), std::move(handler), std::move(with)));
            co_return std::move(pair.near);
        };
        const time_point start = get_running_loop().time();
        auto events = event_source("http://here/", options);
        std::string got;
        while (auto event = co_await events.next()) {
            CHECK(event->event == "count");
            CHECK(event->data == "number " + *event->id);
            got += *event->id;
        }
        CHECK(got == "1234567");
        CHECK(get_running_loop().time() - start == 300ms);
    }());
}

TEST_CASE("a server ends its streams when it closes", "[websocket]") {
    run_bounded([]() -> coro<> {
        const waiting_handler handler;
        websocket::event_server serving = co_await serve_events(handler, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", serving.port());
        co_await writer.send(request);
        static_cast<void>(co_await reader.readuntil("begin"));
        CHECK(serving.connection_count() == 1);
        CHECK(serving.addresses().size() == 1);
        serving.close();
        const bytearray rest = co_await reader.read();
        CHECK(rest.str().ends_with("\n\n\r\n0\r\n\r\n"));
        CHECK(*handler.end == "cancelled, open");
        writer.close();
        co_await serving.wait_closed();
        CHECK(serving.connection_count() == 0);
        serving.close();
    }());
}

TEST_CASE("serve_forever begins to serve, and ends the streams when it is cancelled", "[websocket]") {
    run_bounded([]() -> coro<> {
        const waiting_handler handler;
        listen_options later;
        later.start_serving = false;
        websocket::event_server serving = co_await serve_events(handler, "127.0.0.1", 0, serve_events_options(), later);
        task<> forever = create_task(serving.serve_forever());
        co_await sleep(0s);
        auto [reader, writer] = co_await open_connection("127.0.0.1", serving.port());
        co_await writer.send(request);
        static_cast<void>(co_await reader.readuntil("begin"));
        forever.cancel();
        static_cast<void>(co_await reader.read());
        writer.close();
        bool was_cancelled = false;
        try {
            co_await forever;
        } catch (const cancelled_error&) {
            was_cancelled = true;
        }
        CHECK(was_cancelled);
        CHECK(handler.end->find("cancelled") == 0);
    }());
}

TEST_CASE("a handler that does not end is cut off after the grace period", "[websocket]") {
    run_bounded([]() -> coro<> {
        auto stubborn = [](event_request, event_sink sink) -> coro<> {
            for (bool over = false; !over;) {
                try {
                    co_await sink.send("x");
                    co_await sleep(5ms);
                } catch (const cancelled_error&) {  // goes on until the connection is gone
                } catch (const broken_error&) {
                    over = true;
                }
            }
        };
        websocket::event_server serving = co_await serve_events(stubborn, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", serving.port());
        co_await writer.send(request);
        static_cast<void>(co_await reader.readuntil("data"));
        const shutdown_report report = co_await serving.shutdown(30ms);
        CHECK(report.aborted == 1);
        CHECK(report.finished == 0);
    }());
}

TEST_CASE("events are served over TLS", "[websocket]") {
    run_bounded([]() -> coro<> {
        serve_events_options options;
        options.ssl = support::server_context();
        websocket::event_server serving = co_await serve_events(send_two, "localhost", 0, options);
        event_source_options secure;
        secure.ssl = support::client_context();
        auto events = event_source("https://localhost:" + std::to_string(serving.port()) + "/x", secure);
        const auto first = co_await events.next();
        CHECK(first->data == "one");
        const auto second = co_await events.next();
        CHECK(second->id == "7");
        co_await events.aclose();

        bool refused = false;
        try {
            auto untrusted = event_source("https://localhost:" + std::to_string(serving.port()) + "/x");
            static_cast<void>(co_await untrusted.next());
        } catch (const tls::certificate_error&) {
            refused = true;
        }
        CHECK(refused);
        serving.close();
        co_await serving.wait_closed();
    }());
}
