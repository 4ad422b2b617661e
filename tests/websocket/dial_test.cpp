// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/dial.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <aioxx/streams/start_server.hpp>
#include <aioxx/streams/tls.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"
#include "websocket/proxy_server.hpp"

using namespace aioxx;
using support::proxy_server;
using support::run_bounded;
using websocket::parse_proxy;
using websocket::proxy_address;

namespace {

// What a way refers to.
struct client {
    aioxx::connect_options connecting;
    std::string user_agent = "tester";
    std::optional<tls::context> proxy_ssl;
    std::string step;

    [[nodiscard]] websocket::detail::way way() { return {connecting, 1U << 16, user_agent, proxy_ssl, step}; }
};

coro<> greet(stream_reader, stream_writer writer) { co_await writer.send("hello"); }

coro<> end(server listening) {
    listening.close();
    listening.abort_clients();
    co_await listening.wait_closed();
}

proxy_address at(const server& proxying, const std::string& scheme = "http") {
    return parse_proxy(scheme + "://127.0.0.1:" + std::to_string(proxying.port()));
}

coro<std::string> all_of(stream opened) {
    const bytearray received = co_await opened.reader.read();
    co_return std::string(received.str());
}

template <class Awaitable>
coro<std::string> complaint(Awaitable awaited) {
    try {
        static_cast<void>(co_await std::move(awaited));
    } catch (const error& refused) {
        co_return refused.what();
    }
    co_return "none";
}

}  // namespace

TEST_CASE("a server is dialled directly", "[websocket]") {
    run_bounded([]() -> coro<> {
        server greeting = co_await start_server(greet, "127.0.0.1", 0);
        client on;
        const stream opened = co_await websocket::detail::dial(on.way(), "127.0.0.1", greeting.port());
        const std::string said = co_await all_of(opened);
        CHECK(said == "hello");
        CHECK(on.step == "connecting to 127.0.0.1:" + std::to_string(greeting.port()));
        co_await end(greeting);
    }());
}

TEST_CASE("a server is dialled through a proxy, which is told its name", "[websocket]") {
    run_bounded([]() -> coro<> {
        server greeting = co_await start_server(greet, "127.0.0.1", 0);
        for (const std::string scheme : {"http", "socks5h"}) {
            const proxy_server proxy;
            proxy.shared->server_port = greeting.port();
            proxy.shared->speaks_socks = scheme == "socks5h";
            server proxying = co_await start_server(proxy, "127.0.0.1", 0);
            client on;
            const stream opened = co_await websocket::detail::dial_through(on.way(), at(proxying, scheme), "example.org", 80);
            const std::string said = co_await all_of(opened);
            CHECK(said == "hello");
            CHECK(proxy.shared->requests.at(0).find("example.org") != std::string::npos);
            CHECK(on.step == "waiting for the answer of the proxy " + to_string(at(proxying, scheme)));
            co_await end(proxying);
        }
        co_await end(greeting);
    }());
}

TEST_CASE("a proxy that is only dialled is asked for nothing, and is secured when it is at https://", "[websocket]") {
    run_bounded([]() -> coro<> {
        server greeting = co_await start_server(greet, "127.0.0.1", 0);
        server secured = co_await start_server(greet, "127.0.0.1", 0, support::server_context());
        client on;
        const stream plain = co_await websocket::detail::dial_proxy(on.way(), at(greeting));
        const std::string said = co_await all_of(plain);
        CHECK(said == "hello");
        const std::string untrusted = co_await complaint(websocket::detail::dial_proxy(on.way(), at(secured, "https")));
        CHECK(untrusted.find("certificate") != std::string::npos);
        CHECK(on.step == "securing the connection to 127.0.0.1");
        on.proxy_ssl = support::client_context();
        const stream opened = co_await websocket::detail::dial_proxy(on.way(), at(secured, "https"));
        const std::string said_again = co_await all_of(opened);
        CHECK(said_again == "hello");
        co_await end(greeting);
        co_await end(secured);
    }());
}

TEST_CASE("nothing stays open when a proxy refuses", "[websocket]") {
    run_bounded([]() -> coro<> {
        const proxy_server proxy;
        proxy.shared->answer = "HTTP/1.1 502 Bad Gateway\r\n\r\n";
        server proxying = co_await start_server(proxy, "127.0.0.1", 0);
        client on;
        const std::size_t before = support::open_descriptors();
        const std::string refused = co_await complaint(websocket::detail::dial_through(on.way(), at(proxying), "h", 1));
        CHECK(refused.find("HTTP 502 Bad Gateway") != std::string::npos);
        co_await end(proxying);
        for (int turn = 0; turn < 5; ++turn) co_await sleep(duration::zero());
        CHECK(support::open_descriptors() + 1 == before);  // the listening one
    }());
}
