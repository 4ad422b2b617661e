// SPDX-License-Identifier: BSL-1.0

// Our server-sent events with those of others: Python, curl, node's EventSource and a browser read ours, and
// we read those of Python and node.

#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/websocket/event_source.hpp>
#include <aioxx/websocket/serve_events.hpp>

#include "integration/peer.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using websocket::event_request;
using websocket::event_sink;
using websocket::event_source;
using websocket::http_request;
using websocket::http_response;

namespace {

// Three numbers for each visit, from where the client was, up to 7.
coro<> count(event_request asked, event_sink sink) {
    int number = asked.last_event_id.empty() ? 0 : std::stoi(asked.last_event_id);
    for (int i = 0; i != 3 && number != 7; ++i) {
        ++number;
        co_await sink.send(
            {"number " + std::to_string(number) + "\n\xE2\x82\xAC", "count", std::to_string(number)});
    }
}

std::string page() {
    std::ifstream file(std::string(AIOXX_TESTS_DIR) + "/integration/peers/sse_page.html", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// Parameters: `report` gets what the page tells.
coro<websocket::event_server> serve_count(future<std::string> report = create_future<std::string>()) {
    websocket::serve_events_options options;
    options.retry = 50ms;
    options.process_request = [report](const http_request& asked) mutable -> std::optional<http_response> {
        http_response own;
        if (asked.headers.get("Last-Event-ID") == "7") {
            own.status = 204;
        } else if (asked.target == "/") {
            own.headers.add("Content-Type", "text/html; charset=utf-8");
            own.body = page();
        } else if (asked.target.starts_with("/report?")) {
            if (!report.done()) report.set_result(asked.target.substr(8));
        } else if (asked.target != "/events") {
            own.status = 404;
        } else {
            return std::nullopt;
        }
        return own;
    };
    co_return co_await websocket::serve_events(count, "127.0.0.1", 0, options);
}

std::string address_of(const websocket::event_server& serving, const std::string& target) {
    return "http://127.0.0.1:" + std::to_string(serving.port()) + target;
}

// Parameters: `where` is put behind the command: "PORT", or an address.
coro<peers::result> run_client(std::vector<std::string> command, websocket::event_server serving,
                               std::string where) {
    command.push_back(std::move(where));
    peers::result result = co_await peers::finish(std::move(command));
    serving.close();
    co_await serving.wait_closed();
    co_return result;
}

coro<> serve_script(std::vector<std::string> command) {
    const websocket::event_server serving = co_await serve_count();
    const peers::result result =
        co_await run_client(std::move(command), serving, std::to_string(serving.port()));
    INFO(result.err);
    CHECK(result.returncode == 0);
}

coro<> serve_curl() {
    const websocket::event_server serving = co_await serve_count();
    std::vector<std::string> command;
    for (const char* word : {"curl", "-N", "-s", "--fail", "-H", "Last-Event-ID: 6"})
        command.emplace_back(word);
    const peers::result result =
        co_await run_client(std::move(command), serving, address_of(serving, "/events"));
    CHECK(result.returncode == 0);
    CHECK(result.out == "retry: 50\n\nevent: count\nid: 7\ndata: number 7\ndata: \xE2\x82\xAC\n\n");
}

coro<> serve_curl_that_goes() {
    auto end = create_future<std::string>();
    auto handler = [end](event_request, event_sink sink) -> coro<> {
        auto noted = end;
        try {
            for (;;) {
                co_await sink.send("x");
                co_await sleep(10ms);
            }
        } catch (const cancelled_error&) {
            noted.set_result("cancelled");
            throw;
        } catch (const broken_error&) {
            noted.set_result("broken");
            throw;
        }
    };
    websocket::event_server serving = co_await websocket::serve_events(handler, "127.0.0.1", 0);
    std::vector<std::string> command;
    for (const char* word : {"curl", "-N", "-s", "--max-time", "0.3"}) command.emplace_back(word);
    command.push_back(address_of(serving, "/"));
    const peers::result result = co_await peers::finish(std::move(command));
    CHECK(result.returncode == 28);  // curl's time is over
    CHECK(result.out.starts_with("data: x\n\ndata: x\n\n"));
    const std::string outcome = co_await end;  // the server is open: it was the client
    CHECK((outcome == "cancelled" || outcome == "broken"));
    serving.close();
    co_await serving.wait_closed();
}

coro<> serve_browser(std::string browser) {
    auto report = create_future<std::string>();
    websocket::event_server serving = co_await serve_count(report);
    std::string address = address_of(serving, "/");
    const std::string told = co_await peers::visit(std::move(browser), std::move(address), report);
    std::string expected;
    for (int number = 1; number != 8; ++number) {
        expected += (number == 1 ? "" : "%3B") + std::to_string(number) + "%3Anumber%20" +
                    std::to_string(number) + "%0A%E2%82%AC";
    }
    CHECK(told == expected);
    serving.close();
    co_await serving.wait_closed();
}

// All events until the server sends us away.
coro<std::string> ids_of(std::string address, websocket::event_source_options options = {}) {
    std::string ids;
    auto events = event_source(address, std::move(options));
    while (auto event = co_await events.next()) {
        CHECK(event->event == "count");
        CHECK(event->data == "number " + *event->id + "\n\xE2\x82\xAC");
        ids += *event->id;
    }
    co_return ids;
}

coro<std::string> complaint_at(std::string address) {
    try {
        static_cast<void>(co_await ids_of(std::move(address)));
    } catch (const websocket::event_source_error& refused) {
        co_return refused.what();
    }
    co_return "none";
}

coro<> use_server(std::string script, std::vector<std::string> targets) {
    peers::running_server peer = co_await peers::start(peers::script(script));
    const std::string address = "http://127.0.0.1:" + std::to_string(peer.port);
    for (const std::string& target : targets) {
        INFO(target);
        const std::string ids = co_await ids_of(address + target);
        CHECK(ids == "1234567");
    }
    if (script.ends_with(".py")) {
        const std::string complaint = co_await complaint_at(address + "/page");
        CHECK(complaint.find("Content-Type 'text/html'; expected text/event-stream") != std::string::npos);
    }
    peer.started.in().close();
    co_await peer.started.wait();
}

// tinyproxy, which is asked for the events themselves.
coro<> use_proxy() {
    peers::running_server peer = co_await peers::start(peers::script("sse_server.py"));
    std::vector<std::string> command = peers::script("real_proxy.py");
    command.emplace_back("tinyproxy");
    command.emplace_back("user:word");
    peers::running_server proxy = co_await peers::start(std::move(command));
    const std::string address = "http://127.0.0.1:" + std::to_string(peer.port);
    const std::string proxy_at = "127.0.0.1:" + std::to_string(proxy.port);
    websocket::event_source_options options;
    options.proxy = "http://user:word@" + proxy_at;
    const std::string ids = co_await ids_of(address + "/events", options);
    CHECK(ids == "1234567");
    options.proxy = "http://" + proxy_at;
    bool refused = false;
    try {
        static_cast<void>(co_await ids_of(address + "/events", options));
    } catch (const websocket::event_source_error& refusal) {
        refused = refusal.response().status == 407;
    }
    CHECK(refused);
    for (peers::running_server* each : {&proxy, &peer}) {
        each->started.in().close();
        co_await each->started.wait();
    }
}

std::vector<std::string> node_with_event_source() { return {"node", "--experimental-eventsource"}; }

bool has_node_event_source() {
    std::vector<std::string> command = node_with_event_source();
    command.insert(command.end(), {"-e", "process.exit(typeof EventSource === 'function' ? 0 : 1)"});
    return peers::succeeds(std::move(command));
}

}  // namespace

TEST_CASE("Python's urllib reads our events", "[integration]") {
    peers::run_with(true, "", serve_script(peers::script("sse_client.py")));
}

TEST_CASE("curl reads our events", "[integration]") {
    const bool present = peers::succeeds({"curl", "--version"});
    peers::run_with(present, "there is no curl: not tested", serve_curl());
    peers::run_with(present, "there is no curl: not tested", serve_curl_that_goes());
}

TEST_CASE("node's EventSource follows our events", "[integration]") {
    std::vector<std::string> command = node_with_event_source();
    command.push_back(peers::script("sse_client.js").back());
    peers::run_with(has_node_event_source(), "node has no EventSource: not tested", serve_script(command));
}

TEST_CASE("a browser's EventSource follows our events", "[integration]") {
    const std::string browser = peers::find_browser();
    peers::run_with(!browser.empty(), "there is no Chromium: not tested", serve_browser(browser));
}

TEST_CASE("the events of Python's http.server are followed", "[integration]") {
    std::vector<std::string> targets;
    for (const char* target : {"/events", "/plain", "/moved", "/cut"}) targets.emplace_back(target);
    peers::run_with(true, "", use_server("sse_server.py", targets));
}

TEST_CASE("the events of Python's http.server are followed through tinyproxy", "[integration]") {
    peers::run_with(peers::is_installed("tinyproxy"), "there is no tinyproxy: not tested", use_proxy());
}

TEST_CASE("the events of node's http server are followed", "[integration]") {
    peers::run_with(peers::succeeds({"node", "--version"}), "there is no node: not tested",
                    use_server("sse_server.js", std::vector<std::string>(1, "/")));
}
