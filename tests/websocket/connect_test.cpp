// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/connect.hpp>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/streams/pump.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/streams/tls.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/memory_link.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"
#include "websocket/proto/wire.hpp"
#include "websocket/proxy_server.hpp"
#include "websocket/scripted_server.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using scripted::redirect_to;
using scripted::upgrade;
using support::proxy_server;
using support::run_bounded;
using testing::test_loop;
using websocket::close_code;
using websocket::message;
using websocket::opcode;
using websocket::role;

namespace {

using ws_connection = websocket::connection;
using ws_options = websocket::connect_options;

std::string uri_of(const server& listening, const std::string& target = "/") {
    return "ws://127.0.0.1:" + std::to_string(listening.port()) + target;
}

coro<> end(server listening) {
    listening.close();
    listening.abort_clients();
    co_await listening.wait_closed();
}

coro<> check_echo(ws_connection ws) {
    co_await ws.send_text("x");
    const message answer = co_await ws.receive();
    CHECK(answer.str() == "x");
    co_await ws.close();
}

// What an attempt to connect throws.
coro<std::string> complaint(coro<ws_connection> attempt) {
    std::string text = "none";
    try {
        static_cast<void>(co_await std::move(attempt));
    } catch (const websocket::invalid_status& refused) {
        text = "status " + std::to_string(refused.status()) + ": " + refused.body();
    } catch (const std::exception& failure) {
        text = failure.what();
    }
    co_return text;
}

// What connect throws at a server with this answer, in virtual time.
coro<std::string> complaint_about(std::string answer) {
    auto [ours, its] = co_await scripted::memory_streams();
    const scripted::server script(std::move(answer));
    const task<> serving = create_task(script(its.reader, its.writer));
    std::string text = co_await complaint(websocket::connect_over(ours, "ws://h/"));
    co_await serving;
    co_return text;
}

bool contains(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

std::string told_by(const std::string& answer) {
    test_loop loop;
    return loop.run(complaint_about(answer));
}

}  // namespace

// ---- the opening handshake ----

TEST_CASE("connect negotiates a subprotocol and sends the options", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server script(upgrade + "Sec-WebSocket-Protocol: log\r\nX-From: server\r\n\r\n");
        server listening = co_await start_server(script, "127.0.0.1", 0);
        ws_options options;
        options.subprotocols = {"other", "log"};
        options.origin = "http://here";
        options.user_agent = "tester";
        options.extra_headers.add("X-To", "server");
        ws_connection ws = co_await websocket::connect(uri_of(listening, "/path?x=\xc3\xa4"), options);
        CHECK(ws.subprotocol() == "log");
        CHECK(ws.response().headers.get("X-From") == "server");
        CHECK(ws.transport()->get_extra_info(extra_info::peername)->port() == listening.port());
        CHECK(script.shared->target(0) == "/path?x=%C3%A4");
        CHECK(script.shared->header(0, "Host") == "127.0.0.1:" + std::to_string(listening.port()));
        CHECK(script.shared->header(0, "Origin") == "http://here");
        CHECK(script.shared->header(0, "User-Agent") == "tester");
        CHECK(script.shared->header(0, "X-To") == "server");
        CHECK(script.shared->header(0, "Sec-WebSocket-Protocol") == "other, log");
        CHECK(script.shared->header(0, "Authorization") == "none");
        CHECK(contains(script.shared->header(0, "Sec-WebSocket-Extensions"), "permessage-deflate"));
        co_await check_echo(ws);
        co_await end(listening);
    }());
}

TEST_CASE("compression is not offered when it is switched off", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto [ours, its] = co_await scripted::memory_streams();
        const scripted::server script;
        const task<> serving = create_task(script(its.reader, its.writer));
        ws_options options;
        options.compression.reset();
        ws_connection ws = co_await websocket::connect_over(ours, "ws://h/", options);
        CHECK(script.shared->header(0, "Sec-WebSocket-Extensions") == "none");
        co_await check_echo(ws);
        co_await serving;
    }());
}

TEST_CASE("a user and a password in the URI become an Authorization header", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        const scripted::server script;
        for (const bool own_header : {false, true}) {
            auto [ours, its] = co_await scripted::memory_streams();
            const task<> serving = create_task(script(its.reader, its.writer));
            ws_options options;
            if (own_header) options.extra_headers.add("Authorization", "Bearer x");
            ws_connection ws =
                co_await websocket::connect_over(ours, "ws://Aladdin:open%20sesame@h/", options);
            co_await ws.close();
            co_await serving;
        }
        CHECK(script.shared->header(0, "Authorization") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        CHECK(script.shared->header(0, "Host") == "h");
        CHECK(script.shared->header(1, "Authorization") == "Bearer x");
    }());
}

TEST_CASE("another status than 101 is told with its body", "[websocket]") {
    CHECK(told_by("HTTP/1.1 404 Not Found\r\nContent-Length: 8\r\n\r\nnot here") == "status 404: not here");
    CHECK(told_by("HTTP/1.1 200 OK\r\n\r\nuntil the end") == "status 200: until the end");
    CHECK(told_by("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n") == "status 302: ");  // without Location
    CHECK(told_by("HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\ncut off") == "status 500: cut off");
}

TEST_CASE("a body that does not come does not hide the status", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto [ours, its] = co_await scripted::memory_streams();
        const task<ws_connection> opening = create_task(websocket::connect_over(ours, "ws://h/"));
        co_await its.writer.send("HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nplea");
        int status = 0;
        std::string body;
        try {
            static_cast<void>(co_await opening);
        } catch (const websocket::invalid_status& refused) {
            status = refused.status();
            body = refused.body();
        }
        CHECK(status == 503);
        CHECK(body == "plea");
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("an answer that is wrong names what is wrong", "[websocket]") {
    CHECK(contains(told_by("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: abc\r\n\r\n"),
                   "Sec-WebSocket-Accept"));
    CHECK(contains(told_by(upgrade + "Sec-WebSocket-Protocol: odd\r\n\r\n"), "odd"));
    CHECK(contains(told_by(upgrade + "Sec-WebSocket-Extensions: x-odd\r\n\r\n"), "x-odd"));
    CHECK(told_by("SSH-2.0-OpenSSH_9.2\r\n\r\n") != "none");
}

TEST_CASE("an answer that does not come, or not to its end, is incomplete", "[websocket]") {
    for (const char* answer : {"", "HTTP/1.1 101 Switching Protocols\r\nUpgr"}) {
        test_loop loop;
        loop.run([](std::string bytes) -> coro<> {
            auto [ours, its] = co_await scripted::memory_streams();
            co_await its.writer.send(bytes);
            its.writer.write_eof();
            bool incomplete = false;
            try {
                static_cast<void>(co_await websocket::connect_over(ours, "ws://h/"));
            } catch (const websocket::handshake_incomplete&) {
                incomplete = true;
            }
            CHECK(incomplete);
        }(answer));
    }
}

namespace {

// What connect throws when the connection breaks with the last byte of the answer.
coro<std::string> break_with_answer() {
    testing::link_options back;
    back.breaks_at = upgrade.size() - std::string("{KEY}").size() + 28 + 2;
    testing::memory_link link(get_running_loop(), testing::link_options(), back);
    const stream ours = scripted::over(std::move(link.a));
    const stream its = scripted::over(std::move(link.b));
    co_await sleep(1ms);
    const scripted::server script;
    const task<> serving = create_task(script(its.reader, its.writer));
    std::string text = co_await complaint(websocket::connect_over(ours, "ws://h/"));
    co_await serving;
    co_return text;
}

}  // namespace

TEST_CASE("a connection that breaks with the answer was opened, or the error says so", "[websocket]") {
    int opened = 0;
    int incomplete = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {  // the order of what happens together
        testing::test_options options;
        options.seed = seed;
        test_loop loop(options);
        const std::string text = loop.run(break_with_answer());
        opened += text == "none";
        incomplete += text == "the connection ended with the answer";
        CAPTURE(seed, text);
        CHECK(opened + incomplete == static_cast<int>(seed) + 1);
    }
    CHECK(opened > 0);
    CHECK(incomplete > 0);
}

TEST_CASE("frames that come with the answer are not lost", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto [ours, its] = co_await scripted::memory_streams();
        const scripted::server script(
            upgrade + "\r\n" + wire::frame(role::server, opcode::text, "early") +
            wire::frame(role::server, opcode::close, wire::close_payload(1000, "bye")));
        const task<> serving = create_task(script(its.reader, its.writer));
        ws_connection ws = co_await websocket::connect_over(ours, "ws://h/");
        const message early = co_await ws.receive();
        CHECK(early.str() == "early");
        const std::optional<message> none = co_await ws.next();
        CHECK(!none);
        CHECK(ws.close_reason() == "bye");
        co_await serving;
    }());
}

TEST_CASE("a message that comes with the answer can be answered before the fault behind it is found", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto [ours, its] = co_await scripted::memory_streams();
        const scripted::server script(upgrade + "\r\n" + wire::frame(role::server, opcode::text, "early") + "\xA1\x01x");
        const task<> serving = create_task(script(its.reader, its.writer));
        ws_connection ws = co_await websocket::connect_over(ours, "ws://h/");
        const websocket::message_view early = co_await ws.receive_view();
        CHECK(early.str() == "early");
        co_await ws.send(early);
        CHECK(ws.is_open());
        std::string end;
        try {
            static_cast<void>(co_await ws.receive_view());
        } catch (const websocket::connection_closed_error& closed) {
            end = closed.what();
        }
        CHECK(contains(end, "sent 1002 (protocol error) reserved bits set in a text frame"));
        co_await serving;
    }());
}

// ---- where to ----

TEST_CASE("an address that cannot be used is refused before anything is opened", "[websocket]") {
    run_bounded([]() -> coro<> {
        const std::size_t before = support::open_descriptors();
        for (const char* address : {"http://127.0.0.1/", "ws://", "ws://127.0.0.1/#x"}) {
            const std::string text = co_await complaint(websocket::connect(address));
            CHECK(contains(text, "is not a WebSocket URI"));
        }
        ws_options with_ssl;
        with_ssl.ssl = support::client_context();
        const std::string not_secure = co_await complaint(websocket::connect("ws://127.0.0.1/", with_ssl));
        CHECK(contains(not_secure, "wss://"));
        ws_options odd_proxy;
        odd_proxy.proxy = "socks4://127.0.0.1";
        const std::string no_proxy = co_await complaint(websocket::connect("ws://127.0.0.1/", odd_proxy));
        CHECK(contains(no_proxy, "http://, https://, socks5:// or socks5h://"));
        ws_options odd_header;
        odd_header.subprotocols = {"not a token"};
        const std::string no_token = co_await complaint(websocket::connect("ws://127.0.0.1/", odd_header));
        CHECK(contains(no_token, "not a token"));
        CHECK(support::open_descriptors() == before);
        const support::bound_socket refusing("127.0.0.1", false);
        bool nobody = false;
        try {
            static_cast<void>(
                co_await websocket::connect("ws://127.0.0.1:" + std::to_string(refusing.address.port())));
        } catch (const connect_error&) {
            nobody = true;
        }
        CHECK(nobody);
    }());
}

TEST_CASE("host and port say where to connect to, the URI whom to ask for", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server script;
        server listening = co_await start_server(script, "127.0.0.1", 0);
        ws_options options;
        options.host = "127.0.0.1";
        options.port = listening.port();
        ws_connection ws = co_await websocket::connect("ws://nowhere.example:81/x", options);
        CHECK(script.shared->header(0, "Host") == "nowhere.example:81");
        co_await check_echo(ws);
        co_await end(listening);
    }());
}

TEST_CASE("the options of the connection reach the socket", "[websocket]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(scripted::server(), "127.0.0.1", 0);
        ws_options options;
        options.connecting.local_address = endpoint::from_ip("127.0.0.1", 0);
        options.connecting.family = AF_INET6;
        const std::string text = co_await complaint(websocket::connect(uri_of(listening), options));
        CHECK(text != "none");
        options.connecting.family = AF_INET;
        ws_connection ws = co_await websocket::connect(uri_of(listening), options);
        co_await ws.close();
        co_await end(listening);
    }());
}

TEST_CASE("an IPv6 literal is connected to", "[websocket]") {
    if (!support::has_ipv6()) return;
    run_bounded([]() -> coro<> {
        const scripted::server script;
        server listening = co_await start_server(script, "::1", 0);
        const std::string address = "[::1]:" + std::to_string(listening.port());
        ws_connection ws = co_await websocket::connect("ws://" + address);
        CHECK(script.shared->header(0, "Host") == address);
        co_await check_echo(ws);
        co_await end(listening);
    }());
}

TEST_CASE("a Unix socket carries a WebSocket", "[websocket]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const scripted::server script([](const std::string& head) {
            if (head.starts_with("GET / ")) return redirect_to("/there");
            if (head.starts_with("GET /away ")) return redirect_to("ws://elsewhere/");
            return upgrade + "\r\n";
        });
        server listening = co_await start_unix_server(script, folder.path("socket"));
        ws_connection ws = co_await websocket::unix_connect(folder.path("socket"));
        CHECK(script.shared->header(0, "Host") == "localhost");
        CHECK(script.shared->target(1) == "/there");
        co_await check_echo(ws);
        const std::string text =
            co_await complaint(websocket::unix_connect(folder.path("socket"), "ws://localhost/away"));
        CHECK(contains(text, "tied to a Unix socket"));
        co_await end(listening);
    }());
}

// ---- TLS ----

TEST_CASE("wss:// is secured, and the certificate has to name the host", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server script;
        server listening = co_await start_server(script, "127.0.0.1", 0, support::server_context());
        const std::string port = std::to_string(listening.port());
        ws_options options;
        options.ssl = support::client_context();
        ws_connection ws = co_await websocket::connect("wss://127.0.0.1:" + port + "/x", options);
        CHECK(ws.transport()->get_extra_info(extra_info::cipher).has_value());
        CHECK(script.shared->header(0, "Host") == "127.0.0.1:" + port);
        co_await check_echo(ws);

        options.host = "127.0.0.1";
        const std::string other =
            co_await complaint(websocket::connect("wss://other.example:" + port, options));
        CHECK(contains(other, "other.example"));
        CHECK(contains(other, "certificate"));
        options.server_hostname = "localhost";
        ws_connection named = co_await websocket::connect("wss://other.example:" + port, options);
        co_await check_echo(named);

        bool refused = false;  // by default nobody but the system's authorities is trusted
        try {
            static_cast<void>(co_await websocket::connect("wss://127.0.0.1:" + port));
        } catch (const tls::certificate_error&) {
            refused = true;
        }
        CHECK(refused);
        co_await end(listening);
    }());
}

TEST_CASE("a stream that stands is secured for wss://", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto [ours, its] = co_await scripted::memory_streams();
        const scripted::server script;
        const task<> serving = create_task([](stream with, scripted::server how) -> coro<> {
            co_await start_tls(with.writer, support::server_context());
            co_await how(with.reader, with.writer);
        }(its, script));
        ws_options options;
        options.ssl = support::client_context();
        ws_connection ws = co_await websocket::connect_over(ours, "wss://localhost/", options);
        CHECK(script.shared->header(0, "Host") == "localhost");
        co_await check_echo(ws);
        co_await serving;
    }());
}

// ---- redirects ----

TEST_CASE("redirects are followed, relative and absolute", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server script([](const std::string& head) {
            if (head.starts_with("GET /a/1 ")) return redirect_to("2?x", 301);
            if (head.starts_with("GET /a/2?x ")) return redirect_to("../3", 302);
            if (head.starts_with("GET /3 ")) return redirect_to("?y", 303);
            if (head.starts_with("GET /3?y ")) return redirect_to("/4", 307);
            if (head.starts_with("GET /4 "))
                return redirect_to("//127.0.0.1:" + head.substr(head.find("1:") + 2, 5), 308);
            return upgrade + "\r\n";
        });
        server listening = co_await start_server(script, "127.0.0.1", 0);
        ws_connection ws =
            co_await websocket::connect("ws://me:secret" + uri_of(listening, "/a/1").replace(0, 5, "@"));
        CHECK(script.shared->heads.size() == 6);
        CHECK(script.shared->target(5) == "/");
        CHECK(script.shared->header(5, "Authorization") == script.shared->header(0, "Authorization"));
        CHECK(script.shared->header(5, "Authorization") != "none");
        co_await check_echo(ws);
        co_await end(listening);
    }());
}

TEST_CASE("another origin does not get what was meant for the first", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server there;
        server second = co_await start_server(there, "127.0.0.1", 0);
        const scripted::server here(redirect_to(uri_of(second, "/there")));
        server first = co_await start_server(here, "127.0.0.1", 0);
        ws_options options;
        options.extra_headers.add("Cookie", "a=b");
        options.extra_headers.add("X-Other", "c");
        ws_connection ws = co_await websocket::connect("ws://me:secret@" + uri_of(first).substr(5), options);
        CHECK(here.shared->header(0, "Authorization") != "none");
        CHECK(here.shared->header(0, "Cookie") == "a=b");
        CHECK(there.shared->header(0, "Authorization") == "none");
        CHECK(there.shared->header(0, "Cookie") == "none");
        CHECK(there.shared->header(0, "X-Other") == "c");
        CHECK(there.shared->header(0, "Host") == "127.0.0.1:" + std::to_string(second.port()));
        co_await check_echo(ws);

        options.host = "127.0.0.1";
        const std::string tied = co_await complaint(websocket::connect(uri_of(first), options));
        CHECK(contains(tied, "explicit host or port"));
        co_await end(first);
        co_await end(second);
    }());
}

TEST_CASE("a redirect may lead to TLS, and not from it", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server secured([](const std::string& head) {
            return head.starts_with("GET /back ") ? redirect_to("ws://127.0.0.1/") : upgrade + "\r\n";
        });
        server second = co_await start_server(secured, "127.0.0.1", 0, support::server_context());
        const std::string secure_uri = "wss://127.0.0.1:" + std::to_string(second.port());
        const scripted::server here(redirect_to(secure_uri));
        server first = co_await start_server(here, "127.0.0.1", 0);
        ws_options options;
        options.ssl = support::client_context();
        const std::string back = co_await complaint(websocket::connect(secure_uri + "/back", options));
        CHECK(contains(back, "not secure"));
        CHECK(contains(back, secure_uri + "/back -> ws://127.0.0.1/"));
        const std::string untrusted = co_await complaint(websocket::connect(uri_of(first)));
        CHECK(contains(untrusted,
                       "certificate"));  // the default context was used, so the redirect was followed
        co_await end(first);
        co_await end(second);
    }());
}

TEST_CASE("redirects without an end are refused with the way they took", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server script(redirect_to("/again"));
        server listening = co_await start_server(script, "127.0.0.1", 0);
        std::vector<std::string> chain;
        try {
            static_cast<void>(co_await websocket::connect(uri_of(listening)));
        } catch (const websocket::redirect_error& refused) {
            chain = refused.chain();
        }
        CHECK(chain.size() == 12);
        CHECK(script.shared->heads.size() == 11);
        CHECK(chain.front() == uri_of(listening));
        CHECK(chain.back() == uri_of(listening, "/again"));
        co_await end(listening);
    }());
}

TEST_CASE("a stream that was given is good for no redirect", "[websocket]") {
    CHECK(contains(told_by(redirect_to("/other")), "cannot be opened again (ws://h/ -> ws://h/other)"));
    CHECK(contains(told_by(redirect_to("ws://elsewhere/")), "the stream that was given"));
}

// ---- proxies ----

TEST_CASE("a proxy is asked for the server, for ws:// and for wss://", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server script;
        server open = co_await start_server(script, "127.0.0.1", 0);
        server secured = co_await start_server(script, "127.0.0.1", 0, support::server_context());
        const proxy_server proxy;
        server proxying = co_await start_server(proxy, "127.0.0.1", 0);
        ws_options options;
        options.proxy = "http://user:word@127.0.0.1:" + std::to_string(proxying.port());
        options.user_agent = "tester";
        proxy.shared->server_port = open.port();
        ws_connection ws = co_await websocket::connect("ws://localhost/", options);
        CHECK(proxy.shared->requests.at(0) ==
              "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\nUser-Agent: tester\r\n"
              "Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n\r\n");
        CHECK(script.shared->header(0, "Host") == "localhost");
        CHECK(script.shared->header(0, "Proxy-Authorization") == "none");
        co_await check_echo(ws);

        proxy.shared->server_port = secured.port();
        options.ssl = support::client_context();
        ws_connection through = co_await websocket::connect("wss://localhost/", options);
        CHECK(proxy.shared->requests.at(1).starts_with("CONNECT localhost:443 "));
        CHECK(through.transport()->get_extra_info(extra_info::cipher).has_value());
        co_await check_echo(through);

        options.host = "::1";
        options.port = 99;
        ws_connection elsewhere = co_await websocket::connect("wss://localhost/", options);
        CHECK(proxy.shared->requests.at(2).starts_with("CONNECT [::1]:99 "));
        co_await check_echo(elsewhere);
        co_await end(proxying);
        co_await end(open);
        co_await end(secured);
    }());
}

TEST_CASE("a SOCKS proxy is asked for the server, for ws:// and for wss://", "[websocket]") {
    run_bounded([]() -> coro<> {
        server open = co_await start_server(scripted::server(), "127.0.0.1", 0);
        server secured = co_await start_server(scripted::server(), "127.0.0.1", 0, support::server_context());
        const proxy_server proxy;
        proxy.shared->speaks_socks = true;
        server proxying = co_await start_server(proxy, "127.0.0.1", 0);
        ws_options options;
        options.proxy = "socks5h://127.0.0.1:" + std::to_string(proxying.port());
        proxy.shared->server_port = open.port();
        ws_connection ws = co_await websocket::connect("ws://nowhere.example/", options);
        CHECK(proxy.shared->requests.at(0) == std::string("\5\1\0\5\1\0\3\x0Fnowhere.example\0\x50", 25));
        co_await check_echo(ws);
        proxy.shared->server_port = secured.port();
        options.ssl = support::client_context();
        ws_connection through = co_await websocket::connect("wss://localhost/", options);
        CHECK(through.transport()->get_extra_info(extra_info::cipher).has_value());
        co_await check_echo(through);
        co_await end(proxying);
        co_await end(open);
        co_await end(secured);
    }());
}

TEST_CASE("a proxy is reached over TLS, and the server over TLS within it", "[websocket]") {
    run_bounded([]() -> coro<> {
        server secured = co_await start_server(scripted::server(), "127.0.0.1", 0, support::server_context());
        const proxy_server proxy;
        proxy.shared->server_port = secured.port();
        server proxying = co_await start_server(proxy, "127.0.0.1", 0, support::server_context());
        ws_options options;
        options.proxy = "https://127.0.0.1:" + std::to_string(proxying.port());
        options.ssl = support::client_context();
        const std::string untrusted = co_await complaint(websocket::connect("wss://localhost/", options));
        CHECK(contains(untrusted, "certificate"));
        options.proxy_ssl = support::client_context();
        ws_connection ws = co_await websocket::connect("wss://localhost/", options);
        co_await check_echo(ws);
        co_await end(proxying);
        co_await end(secured);
    }());
}

TEST_CASE("a proxy that refuses, or cannot be reached, is told", "[websocket]") {
    run_bounded([]() -> coro<> {
        const proxy_server proxy;
        proxy.shared->answer = "HTTP/1.1 403 Forbidden\r\n\r\n";
        server proxying = co_await start_server(proxy, "127.0.0.1", 0);
        ws_options options;
        options.proxy = "http://127.0.0.1:" + std::to_string(proxying.port());
        const std::string refused = co_await complaint(websocket::connect("ws://localhost/", options));
        CHECK(contains(refused, "rejected connection: HTTP 403 Forbidden"));
        co_await end(proxying);
        const std::string nobody = co_await complaint(websocket::connect("ws://localhost/", options));
        CHECK(contains(nobody, "cannot connect to"));
    }());
}

TEST_CASE("the proxy of the environment is used, unless the options say otherwise", "[websocket]") {
    run_bounded([]() -> coro<> {
        server open = co_await start_server(scripted::server(), "127.0.0.1", 0);
        const proxy_server proxy;
        proxy.shared->server_port = open.port();
        server proxying = co_await start_server(proxy, "127.0.0.1", 0);
        const std::string address = "http://127.0.0.1:" + std::to_string(proxying.port());
        ::setenv("ws_proxy", address.c_str(), 1);
        const scope_exit restored([] { ::unsetenv("ws_proxy"); });
        ws_connection ws = co_await websocket::connect("ws://nowhere.example:81/");
        CHECK(proxy.shared->requests.at(0).starts_with("CONNECT nowhere.example:81 "));
        co_await check_echo(ws);
        ws_options direct;
        direct.proxy = "";
        direct.host = "127.0.0.1";
        direct.port = open.port();
        ws_connection straight = co_await websocket::connect("ws://nowhere.example:81/", direct);
        co_await check_echo(straight);
        CHECK(proxy.shared->requests.size() == 1);
        co_await end(proxying);
        co_await end(open);
    }());
}

// ---- time and cancellation ----

TEST_CASE("opening is limited as a whole, and says what it waited for", "[websocket]") {
    run_bounded([]() -> coro<> {
        const support::bound_socket silent;  // accepts and never answers
        co_await sleep(1ms);
        const std::size_t before = support::open_descriptors();
        const std::string at = "127.0.0.1:" + std::to_string(silent.address.port());
        ws_options options;
        options.open_timeout = 30ms;
        const std::string answer =
            co_await complaint(websocket::connect("ws://u:secret@" + at + "/x", options));
        CHECK(answer == "connect: timed out while waiting for the answer of ws://" + at + "/x");
        const std::string secure = co_await complaint(websocket::connect("wss://" + at + "/x", options));
        CHECK(secure == "connect: timed out while securing the connection to 127.0.0.1");
        for (const std::string scheme : {"http", "socks5h"}) {
            options.proxy = scheme + "://u:secret@" + at;
            const std::string proxy = co_await complaint(websocket::connect("ws://h/x", options));
            CHECK(proxy == "connect: timed out while waiting for the answer of the proxy " + scheme + "://" + at);
        }
        for (int i = 0; i < 3; ++i)
            co_await sleep(1ms);
        CHECK(support::open_descriptors() == before);
    }());
}

TEST_CASE("all redirects together have one open timeout", "[websocket]") {
    test_loop loop;
    std::string text;
    loop.run([](std::string& told) -> coro<> {
        auto [ours, its] = co_await scripted::memory_streams();
        ws_options options;
        options.open_timeout = 5s;
        told = co_await complaint(websocket::connect_over(ours, "ws://h/", options));
        const bytearray rest = co_await its.reader.read();
        CHECK(rest.str().starts_with("GET / "));  // and then the end: it was given up
    }(text));
    CHECK(contains(text, "waiting for the answer of ws://h/"));
    CHECK(loop.elapsed() == 5s);
}

TEST_CASE("no open timeout waits for ever", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        auto [ours, its] = co_await scripted::memory_streams();
        ws_options options;
        options.open_timeout.reset();
        task<ws_connection> opening = create_task(websocket::connect_over(ours, "ws://h/", options));
        co_await sleep(24h);
        CHECK(!opening.done());
        opening.cancel();
        co_await wait_for(its.reader.read(), 1s);
    }());
}

namespace {

// Waits until everything that is ready now has run.
coro<> one_batch() {
    const future<> ran = create_future();
    get_running_loop().call_soon([ran] { ran.set_result(); });
    co_await ran;
}

// Cancels an attempt at one moment after the other, until it is done before.
//
// Parameters: `moment` waits until one of them, by its number. Returns: how many were cancelled.
coro<int> cancel_everywhere(std::function<coro<ws_connection>()> attempt, std::function<coro<>(int)> moment) {
    get_running_loop().set_turn_budget({.batches = 1});
    co_await sleep(1ms);  // the turn that is under way has its own budget
    int cancelled = 0;
    for (int number = 0; number < 4000; ++number) {
        task<ws_connection> opening = create_task(attempt());
        co_await moment(number);
        const bool in_time = opening.done();
        opening.cancel();
        try {
            const ws_connection ws = co_await opening;
            co_await ws.close();
        } catch (const cancelled_error&) {
            ++cancelled;
        }
        if (in_time) co_return cancelled;
    }
    co_return -1;
}

// A link on which every packet takes a millisecond, and a handshake many packets.
coro<std::pair<stream, stream>> slow_streams() {
    testing::link_options slow;
    slow.latency = 1ms;
    slow.bandwidth = 200'000;
    slow.segment = 100;
    testing::memory_link link(get_running_loop(), slow);
    std::pair<stream, stream> ends(scripted::over(std::move(link.a)), scripted::over(std::move(link.b)));
    co_await sleep(1ms);
    co_return ends;
}

// Between any two packets, and a few steps later.
coro<> after_packets(int number) {
    co_await sleep(number / 3 * 250us);
    for (int i = 0; i < number % 3; ++i)
        co_await one_batch();
}

coro<int> cancel_handshakes(std::optional<tls::context> certificate) {
    auto servers = std::make_shared<std::vector<task<>>>();
    ws_options options;
    if (certificate) options.ssl = support::client_context();
    const std::function<coro<ws_connection>()> attempt = [=]() -> coro<ws_connection> {
        auto [ours, its] = co_await slow_streams();
        servers->push_back(create_task([](stream with, std::optional<tls::context> secured) -> coro<> {
            try {
                if (secured) co_await start_tls(with.writer, *secured);
                const scripted::server script;
                co_await script(with.reader, with.writer);
            } catch (const error&) {  // the client has gone
            }
        }(its, certificate)));
        std::string address = certificate ? "wss://localhost/" : "ws://localhost/";
        co_return co_await websocket::connect_over(ours, std::move(address), options);
    };
    const std::function<coro<>(int)> moment = after_packets;
    const int cancelled = co_await cancel_everywhere(attempt, moment);
    for (const task<>& serving : *servers)
        co_await wait_for(serving, 60s);
    co_await sleep(60s);
    co_return cancelled;
}

}  // namespace

TEST_CASE("a cancellation at any moment of the handshake leaves nothing open", "[websocket]") {
    testing::test_options strict;
    strict.allow_open_resources = false;
    test_loop plain(strict);
    CHECK(plain.run(cancel_handshakes(std::nullopt)) > 20);
    test_loop secure(strict);
    CHECK(secure.run(cancel_handshakes(support::server_context())) > 40);
}

TEST_CASE("a cancellation at any moment of the way to the server leaves nothing open", "[websocket]") {
    run_bounded([]() -> coro<> {
        const scripted::server script([](const std::string& head) {
            return head.starts_with("GET /here ") ? redirect_to("/there") : upgrade + "\r\n";
        });
        server listening = co_await start_server(script, "127.0.0.1", 0, support::server_context());
        const proxy_server proxy;
        proxy.shared->server_port = listening.port();
        server proxying = co_await start_server(proxy, "127.0.0.1", 0);
        ws_options options;
        options.ssl = support::client_context();
        options.proxy = "http://127.0.0.1:" + std::to_string(proxying.port());
        const std::function<coro<ws_connection>()> attempt = [options] {
            return websocket::connect("wss://localhost/here", options);
        };
        const std::function<coro<>(int)> moment = [](int batches) -> coro<> {
            for (int i = 0; i < batches; ++i)
                co_await one_batch();
        };
        const int cancelled = co_await cancel_everywhere(attempt, moment);
        CHECK(cancelled > 10);
        while (proxying.connection_count() != 0 || listening.connection_count() != 0)
            co_await sleep(1ms);
        co_await end(listening);
        co_await end(proxying);
    }());
}

// ---- a scope ----

TEST_CASE("with_connection gives what its body returns, and closes the connection", "[websocket]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(scripted::server(), "127.0.0.1", 0);
        std::optional<ws_connection> seen;
        auto body = [&seen](ws_connection ws) -> coro<std::string> {
            seen = ws;
            co_await ws.send_text("x");
            const message answer = co_await ws.receive();
            co_return std::string(answer.str());
        };
        const std::string echoed = co_await websocket::with_connection(uri_of(listening), body);
        CHECK(echoed == "x");
        CHECK(seen->close_code() == close_code::normal_closure);
        seen.reset();
        co_await end(listening);
    }());
}

TEST_CASE("with_connection closes the connection before an exception or a cancellation leaves it",
          "[websocket]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(scripted::server(), "127.0.0.1", 0);
        std::optional<ws_connection> seen;
        auto failing = [&seen](ws_connection ws) -> coro<> {
            seen = ws;
            throw std::domain_error("from the body");
            co_return;
        };
        bool thrown = false;
        try {
            co_await websocket::with_connection(uri_of(listening), failing);
        } catch (const std::domain_error&) {
            thrown = true;
            CHECK(seen->close_code() == close_code::normal_closure);
        }
        CHECK(thrown);
        seen.reset();
        auto waiting = [&seen](ws_connection ws) -> coro<> {
            seen = ws;
            static_cast<void>(co_await ws.receive());
        };
        task<> running = create_task(websocket::with_connection(uri_of(listening), waiting));
        while (!seen)
            co_await sleep(1ms);
        running.cancel();
        bool cancelled = false;
        try {
            co_await running;
        } catch (const cancelled_error&) {
            cancelled = true;
            CHECK(seen->close_code() == close_code::normal_closure);
        }
        CHECK(cancelled);
        seen.reset();
        co_await end(listening);
    }());
}
