// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/router.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;
using websocket::http_request;
using websocket::http_response;
using websocket::path_parameters;
using websocket::router;

namespace {

using ws_connection = websocket::connection;

http_request asking(std::string target, bool for_websocket = true, std::string method = "GET") {
    http_request request;
    request.method = std::move(method);
    request.target = std::move(target);
    if (for_websocket) request.headers.add("Upgrade", "websocket");
    return request;
}

// What a router says to a request: 0 when it lets it pass.
http_response answer(const router& routes, const http_request& request) {
    test_loop loop;
    auto response = loop.run([](const router& asked, const http_request& about) -> coro<std::optional<http_response>> {
        co_return co_await asked.process_request(about);
    }(routes, request));
    if (response) return *response;
    http_response passed;
    passed.status = 0;
    return passed;
}

// A connection that nobody is on the other side of, after a request.
ws_connection connection_for(http_request request) {
    using state = websocket::detail::connection_state_machine;
    auto ends = make_memory_channels(get_running_loop());
    auto machine = std::make_shared<state>(get_running_loop(), websocket::role::server, websocket::connection_limits());
    std::make_shared<stream_transport>(get_running_loop(), std::move(ends.first), machine)->start();
    return ws_connection(machine, "", std::move(request), http_response());
}

// Writes down which handler was called, with which parameters.
struct recording_router {
    router routes;
    std::shared_ptr<std::string> called = std::make_shared<std::string>();

    void add(const std::string& pattern, std::vector<std::string> names = {}) {
        routes.add(pattern, [pattern, names, called = called](ws_connection, path_parameters parameters) -> coro<> {
            *called = pattern;
            CHECK(parameters.size() == names.size());
            for (const std::string& name : names) *called += " " + name + "=" + parameters.at(name);
            return []() -> coro<> { co_return; }();
        });
    }
    std::string call(const std::string& target) {
        called->clear();
        test_loop loop;
        loop.run([](router& to, std::string asked) -> coro<> {
            ws_connection opened = connection_for(asking(std::move(asked)));
            co_await to(opened);
            co_await opened.wait_closed();
        }(routes, target));
        return *called;
    }
};

}  // namespace

TEST_CASE("a path leads to its handler, with the segments that have a name", "[websocket]") {
    recording_router with;
    with.add("/");
    with.add("/chat");
    with.add("/rooms/{room}", {"room"});
    with.add("/rooms/{room}/{user}", {"room", "user"});
    CHECK(with.call("/") == "/");
    CHECK(with.call("/?query=/chat") == "/");
    CHECK(with.call("/chat") == "/chat");
    CHECK(with.call("/%63hat?x") == "/chat");
    CHECK(with.call("/rooms/red") == "/rooms/{room} room=red");
    CHECK(with.call("/rooms/a%2Fb%20c") == "/rooms/{room} room=a/b c");
    CHECK(with.call("/rooms/red/eve") == "/rooms/{room}/{user} room=red user=eve");
    for (const char* lost : {"/Chat", "/chat/", "/rooms", "/rooms/", "/rooms//eve", "/rooms/a/b/c", "/rooms/%zz",
                             "/rooms/%4",
                             "//", "*", "http://h/chat"}) {
        CAPTURE(lost);
        CHECK(answer(with.routes, asking(lost)).status == 404);
    }
}

TEST_CASE("the pattern that spells out more from the left is taken, in whatever order they were added", "[websocket]") {
    const std::vector<std::pair<std::string, std::vector<std::string>>> patterns = {
        {"/{a}/{b}", {"a", "b"}}, {"/x/{b}", {"b"}}, {"/{a}/y", {"a"}}, {"/x/y", {}}, {"/{a}", {"a"}}};
    for (const bool backwards : {false, true}) {
        recording_router with;
        for (std::size_t i = 0; i != patterns.size(); ++i) {
            const auto& [pattern, names] = patterns[backwards ? patterns.size() - 1 - i : i];
            with.add(pattern, names);
        }
        CHECK(with.call("/x/y") == "/x/y");
        CHECK(with.call("/x/z") == "/x/{b} b=z");
        CHECK(with.call("/z/y") == "/{a}/y a=z");
        CHECK(with.call("/z/z") == "/{a}/{b} a=z b=z");
        CHECK(with.call("/x") == "/{a} a=x");
    }
}

TEST_CASE("a pattern that cannot be meant is refused, and names what is wrong with it", "[websocket]") {
    router routes;
    const auto handler = [](ws_connection) -> coro<> { co_return; };
    routes.add("/rooms/{room}", handler);
    routes.add("/rooms", handler);
    for (const char* wrong : {"", "rooms", "/a{b}", "/{b}c", "/{}", "/{a}/{a}", "/{a{b}}", "/a?b", "/rooms/{other}",
                              "/rooms"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(routes.add(wrong, handler), std::invalid_argument);
    }
    path_parameters none;
    CHECK(none.empty());
    CHECK_THROWS_AS(none.at("room"), std::out_of_range);
}

TEST_CASE("pages are for requests that want no WebSocket, at the same path or another", "[websocket]") {
    router routes;
    routes.add("/", [](ws_connection) -> coro<> { co_return; });
    routes.add("/socket", [](ws_connection) -> coro<> { co_return; });
    routes.add_page("/", [](const http_request&) { return websocket::make_page("<p>hello"); });
    routes.add_page("/late/{name}",
                    [](const http_request& request, const path_parameters& found) -> coro<http_response> {
        std::string text = request.method + " " + found.at("name");
        co_await sleep(1s);
        co_return websocket::make_page(std::move(text), "text/plain");
    });

    CHECK(answer(routes, asking("/")).status == 0);
    const http_response page = answer(routes, asking("/", false));
    CHECK(page.status == 200);
    CHECK(page.body == "<p>hello");
    CHECK(page.headers.get("Content-Type") == "text/html; charset=utf-8");
    CHECK(answer(routes, asking("/", false, "HEAD")).status == 200);
    const http_response wrong = answer(routes, asking("/", false, "POST"));
    CHECK(wrong.status == 405);
    CHECK(wrong.headers.get("Allow") == "GET, HEAD");

    const http_response late = answer(routes, asking("/late/x?y", false));
    CHECK(late.body == "GET x");
    CHECK(late.headers.get("Content-Type") == "text/plain");
    CHECK(answer(routes, asking("/late/x")).status == 404);        // a page is no WebSocket
    CHECK(answer(routes, asking("/socket", false)).status == 0);   // the handshake says 426
    CHECK(answer(routes, asking("/other", false)).status == 404);
    CHECK(answer(routes, asking("/other", false)).body.find("'/other'") != std::string::npos);
}
