// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/proxy.hpp>

#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/pinned.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using namespace aioxx;
using namespace aioxx::websocket;
using testing::test_loop;

namespace {

std::string complaint(std::string_view text) {
    return support::complaint_of<invalid_proxy>([&] { return parse_proxy(text); });
}

bool complains(std::string_view text, std::string_view about) {
    INFO(text << ": " << complaint(text));
    return complaint(text).find(about) != std::string::npos;
}

// An environment with these variables about proxies, and no others, for the time of a test.
class proxy_variables : pinned {
public:
    proxy_variables(std::initializer_list<std::pair<const char*, const char*>> set) {
        for (const std::string& name : names()) {
            if (const char* value = std::getenv(name.c_str())) before_.emplace_back(name, value);
            ::unsetenv(name.c_str());
        }
        for (const auto& [name, value] : set)
            ::setenv(name, value, 1);
    }
    ~proxy_variables() {
        for (const std::string& name : names())
            ::unsetenv(name.c_str());
        for (const auto& [name, value] : before_)
            ::setenv(name.c_str(), value.c_str(), 1);
    }

private:
    static std::vector<std::string> names() {
        return {"ws_proxy",    "wss_proxy", "socks_proxy",   "http_proxy",  "https_proxy",
                "no_proxy",    "all_proxy", "ALL_PROXY",     "WS_PROXY",  "WSS_PROXY",     "SOCKS_PROXY", "HTTP_PROXY",
                "HTTPS_PROXY", "NO_PROXY",  "REQUEST_METHOD"};
    }
    std::vector<std::pair<std::string, std::string>> before_;
};

std::string found(const char* to) {
    return proxy_from_environment(parse_uri(to)).value_or("none");
}

stream make_end(event_loop& loop, std::unique_ptr<stream_channel> channel) {
    auto state = std::make_shared<stream_protocol>(stream_reader::default_limit);
    std::make_shared<stream_transport>(loop, std::move(channel), state)->start();
    return make_stream(state);
}

// A client that asks a proxy for a connection, and the proxy's end.
struct tunnel {
    explicit tunnel(const std::string& proxy, const std::string& host) : tunnel(make_memory_channels(get_running_loop())) {
        asking = create_task(open_tunnel(client, parse_proxy(proxy), host, 443, "tester"));
    }

    // The proxy says no more. Returns: what came behind its answer.
    coro<std::string> end() {
        co_await sleep(std::chrono::milliseconds(1));
        server.writer.write_eof();
        co_await asking;
        const bytearray after = co_await client.reader.read();
        co_return std::string(after.str());
    }

    stream client, server;
    task<> asking;

private:
    using channels = decltype(make_memory_channels(get_running_loop()));
    explicit tunnel(channels ends)
        : client(make_end(get_running_loop(), std::move(ends.first))),
          server(make_end(get_running_loop(), std::move(ends.second))) {}
};

// Lets a proxy answer CONNECT, piece by piece. Returns: what it was asked, and what came after its answer.
struct conversation {
    std::string request;
    std::string after;
};
coro<conversation> ask(std::vector<std::string> pieces, std::string proxy) {
    tunnel on(proxy, "example.org");
    conversation had;
    const bytearray request = co_await on.server.reader.readuntil("\r\n\r\n");
    had.request = request.str();
    for (const std::string& piece : pieces) {
        co_await on.server.writer.send(piece);
        co_await sleep(std::chrono::milliseconds(1));
    }
    had.after = co_await on.end();
    co_return had;
}

conversation asked(std::vector<std::string> pieces, std::string proxy = "http://p") {
    test_loop loop;
    return loop.run(ask(std::move(pieces), std::move(proxy)));
}

}  // namespace

TEST_CASE("the address of a proxy has a scheme, a host, a port and perhaps a user", "[websocket]") {
    const proxy_address plain = parse_proxy("http://Proxy.example:3128");
    CHECK(plain.scheme == proxy_scheme::http);
    CHECK((plain.is_http() && !plain.is_secure()));
    CHECK(plain.host == "proxy.example");
    CHECK(plain.port == 3128);
    CHECK(!plain.user_info);
    const proxy_address full = parse_proxy("https://us%40er:wo%3Ard@[::1]/");
    CHECK((full.is_http() && full.is_secure()));
    CHECK(full.host == "::1");
    CHECK(full.port == 443);
    CHECK(full.user_info == basic_credentials{"us@er", "wo:rd"});
    CHECK(to_string(full) == "https://[::1]:443");
    CHECK(parse_proxy("http://p").port == 80);
    const proxy_address socks = parse_proxy("socks5://p");
    CHECK(socks.scheme == proxy_scheme::socks5);
    CHECK((!socks.is_http() && !socks.is_secure()));
    CHECK(socks.port == 1080);
    CHECK(parse_proxy("socks5h://p").scheme == proxy_scheme::socks5h);
    CHECK(to_string(parse_proxy("socks5h://user:secret@p:1")) == "socks5h://p:1");
}

TEST_CASE("what is no address of a proxy is refused with the reason", "[websocket]") {
    for (const char* text : {"p:3128", "socks4://p:1080", "socks://p"}) {
        CHECK(complains(text, "http://, https://, socks5:// or socks5h://"));
    }
    CHECK(complains("socks5://user:@p", "1 to 255 bytes"));
    CHECK(complains("socks5://:word@p", "1 to 255 bytes"));
    CHECK(complains("socks5://" + std::string(256, 'u') + ":word@p", "1 to 255 bytes"));
    CHECK(complains("http://p/path", "nothing after the port"));
    CHECK(complains("http://p?q", "nothing after the port"));
    CHECK(complains("http://p#", "nothing after the port"));
    CHECK(complains("http://", "host is missing"));
    CHECK(complains("http://p:0", "1 to 65535"));
    CHECK(complains("http://user@p", "needs a password"));
    CHECK(complains("http://p q", "percent-encoded"));
    CHECK(!complains("http://user:secret@p:0", "secret"));
}

TEST_CASE("the environment names a proxy for each kind of server", "[websocket]") {
    const proxy_variables none{};
    CHECK(found("ws://h/") == "none");
    {
        const proxy_variables both{{"http_proxy", "http://a"}, {"https_proxy", "http://b"}};
        CHECK(found("ws://h/") == "http://b");  // CONNECT is what the one for https does
        CHECK(found("wss://h/") == "http://b");
    }
    {
        const proxy_variables open{{"http_proxy", "http://a"}};
        CHECK(found("ws://h/") == "http://a");
        CHECK(found("wss://h/") == "none");
    }
    {
        const proxy_variables own{
            {"ws_proxy", "http://a"}, {"wss_proxy", "http://b"}, {"https_proxy", "http://c"}};
        CHECK(found("ws://h/") == "http://a");
        CHECK(found("wss://h/") == "http://b");
    }
    {
        const proxy_variables shouted{{"HTTPS_PROXY", "http://a"}, {"SOCKS_PROXY", "socks5://b"}};
        CHECK(found("ws://h/") == "socks5://b");
    }
    {
        const proxy_variables switched_off{{"https_proxy", ""}, {"HTTPS_PROXY", "http://a"}};
        CHECK(found("wss://h/") == "none");
    }
    {
        const proxy_variables gateway{{"HTTP_PROXY", "http://evil"}, {"REQUEST_METHOD", "GET"}};
        CHECK(found("ws://h/") == "none");
    }
}

TEST_CASE("the environment names a proxy for what is asked for by HTTP", "[websocket]") {
    const auto for_http = [](const char* to) { return http_proxy_from_environment(parse_uri(to)).value_or("none"); };
    {
        const proxy_variables each{
            {"http_proxy", "http://a"}, {"https_proxy", "http://b"}, {"all_proxy", "http://c"}, {"ws_proxy", "http://d"}};
        CHECK(for_http("ws://h/") == "http://a");
        CHECK(for_http("wss://h/") == "http://b");
        CHECK(for_http("ws://localhost/") == "none");
    }
    const proxy_variables rest{{"ALL_PROXY", "socks5://a"}, {"no_proxy", "x"}};
    CHECK(for_http("ws://h/") == "socks5://a");
    CHECK(for_http("wss://h/") == "socks5://a");
    CHECK(for_http("wss://x/") == "none");
    CHECK(found("wss://h/") == "none");
}

TEST_CASE("no_proxy and this machine are not reached through a proxy", "[websocket]") {
    {
        const proxy_variables all{{"https_proxy", "http://a"}};
        for (const char* own :
             {"ws://localhost/", "ws://x.localhost/", "ws://127.0.0.1/", "ws://127.8.8.8/", "ws://[::1]/"}) {
            CAPTURE(own);
            CHECK(found(own) == "none");
        }
        CHECK(found("ws://127.example/") == "http://a");
        CHECK(found("ws://10.0.0.1/") == "http://a");
    }
    {
        const proxy_variables some{{"https_proxy", "http://a"},
                                   {"no_proxy", "one.example, .TWO.example,three.example:81"}};
        CHECK(found("ws://one.example/") == "none");
        CHECK(found("ws://sub.one.example/") == "none");
        CHECK(found("ws://phone.example/") == "http://a");
        CHECK(found("ws://two.example/") == "none");
        CHECK(found("ws://sub.two.example/") == "none");
        CHECK(found("ws://three.example/") == "http://a");
        CHECK(found("ws://three.example:81/") == "none");
        CHECK(found("ws://sub.three.example:81/") == "none");
    }
    const proxy_variables everything{{"https_proxy", "http://a"}, {"NO_PROXY", "*"}};
    CHECK(found("ws://h/") == "none");
}

TEST_CASE("a proxy is asked for the server, and what follows its answer is the server's", "[websocket]") {
    const conversation plain = asked({"HTTP/1.1 200 Connection established\r\nVia: 1.1 p\r\n\r\n", "hello"});
    CHECK(plain.request ==
          "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nUser-Agent: tester\r\n\r\n");
    CHECK(plain.after == "hello");
    const conversation secret =
        asked({"HTTP/1.0 200 OK\r", "\n\r\nhel", "lo"}, "http://Aladdin:open%20sesame@p");
    CHECK(secret.request.find("Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n") !=
          std::string::npos);
    CHECK(secret.after == "hello");
}

TEST_CASE("a proxy that refuses is told with its status", "[websocket]") {
    try {
        static_cast<void>(
            asked({"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"},
                  "http://user:secret@p:3128"));
        FAIL("it was not refused");
    } catch (const invalid_proxy_status& refused) {
        CHECK(refused.status() == 407);
        CHECK(refused.headers().get("Proxy-Authenticate") == "Basic");
        CHECK(refused.what() ==
              std::string("proxy http://p:3128 rejected connection: HTTP 407 Proxy Authentication Required"));
    }
    CHECK_THROWS_AS(asked({"HTTP/1.1 101 Switching Protocols\r\n\r\n"}), invalid_proxy_status);
    CHECK_THROWS_AS(asked({"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n"}), invalid_proxy_status);
}

TEST_CASE("a proxy that does not speak HTTP, or says nothing, is told", "[websocket]") {
    CHECK_THROWS_AS(asked({"SSH-2.0-OpenSSH_9.2\r\n"}), proxy_error);
    CHECK_THROWS_AS(asked({}), handshake_incomplete);
    CHECK_THROWS_AS(asked({"HTTP/1.1 200 OK\r\n"}), handshake_incomplete);
}

// ---- SOCKS ----

namespace {

// Lets a SOCKS proxy answer, piece by piece, as many bytes as it is asked. Returns: what it was asked, and what came behind.
struct exchange {
    std::size_t asks;
    std::string answer;
};
coro<conversation> ask_socks(std::vector<exchange> exchanges, std::string proxy, std::string host) {
    tunnel on(proxy, host);
    conversation had;
    for (const exchange& each : exchanges) {
        const bytearray asked = co_await on.server.reader.readexactly(each.asks);
        had.request += asked.str();
        co_await on.server.writer.send(each.answer);
    }
    had.after = co_await on.end();
    co_return had;
}

conversation socks(std::vector<exchange> exchanges, std::string proxy = "socks5h://p", std::string host = "example.org") {
    test_loop loop;
    return loop.run(ask_socks(std::move(exchanges), std::move(proxy), std::move(host)));
}

const std::string connected("\5\0\0\1\x7F\0\0\1\0\x50", 10);

std::string socks_complaint(std::vector<exchange> exchanges, std::string proxy = "socks5h://p") {
    return support::complaint_of<proxy_error>([&] { return socks(std::move(exchanges), std::move(proxy)); });
}

}  // namespace

TEST_CASE("a SOCKS proxy is asked for the server, and what follows its answer is the server's", "[websocket]") {
    const conversation plain = socks({{3, std::string("\5\0", 2)}, {18, connected + "hello"}});
    CHECK(plain.request == std::string("\5\1\0\5\1\0\3\x0B" "example.org\1\xBB", 21));
    CHECK(plain.after == "hello");
    const conversation secret = socks({{4, "\5\2"}, {11, std::string("\1\0", 2)}, {18, connected}}, "socks5h://user:word@p");
    CHECK(secret.request.substr(4, 11) == "\1\4user\4word");
}

TEST_CASE("with socks5:// names are resolved here, with socks5h:// by the proxy", "[websocket]") {
    test_loop loop;
    const std::vector<aioxx::endpoint> found = loop.run(resolve("localhost", 443));
    const bool is_ipv4 = found.front().family() == AF_INET;
    const std::size_t size = is_ipv4 ? 10 : 22;
    const conversation here = socks({{3, std::string("\5\0", 2)}, {size, connected}}, "socks5://p", "localhost");
    CHECK(here.request[6] == (is_ipv4 ? 1 : 4));
    const conversation there = socks({{3, std::string("\5\0", 2)}, {16, connected}}, "socks5h://p", "localhost");
    CHECK(there.request.find("localhost") != std::string::npos);
    const conversation zone = socks({{3, std::string("\5\0", 2)}, {22, connected}}, "socks5h://p", "fe80::1%eth0");
    CHECK(zone.request[6] == 4);
}

TEST_CASE("a SOCKS proxy that refuses, speaks something else, or says nothing, is told", "[websocket]") {
    CHECK(socks_complaint({{3, std::string("\5\0", 2)}, {18, std::string("\5\5\0\1\0", 5)}}) ==
          "proxy socks5h://p:1080: connection refused (reply 5)");
    CHECK(socks_complaint({{3, "\5\xFF"}}, "socks5h://p:9") ==
          "proxy socks5h://p:9: no acceptable authentication method, offered: none");
    CHECK(socks_complaint({{3, "HTTP/1.1 400 Bad Request\r\n\r\n"}}) ==
          "proxy socks5h://p:1080: version 72 of SOCKS in the answer, expected 5");
    CHECK_THROWS_AS(socks({}), handshake_incomplete);
    CHECK_THROWS_AS(socks({{3, std::string("\5\0", 2)}, {18, std::string("\5\0\0", 3)}}), handshake_incomplete);
}
