// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proxy.hpp: which proxy leads to a server, and how it is asked for a connection: HTTP proxies by CONNECT
// (RFC 9110 section 9.3.6), in the clear or over TLS, and SOCKS 5 (RFC 1928).

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/ascii.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/net/resolver.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/websocket/authority.hpp>
#include <aioxx/websocket/basic_auth.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/socks.hpp>
#include <aioxx/websocket/read_head.hpp>
#include <aioxx/websocket/uri.hpp>

namespace aioxx::websocket {

/// How one talks to a proxy.
enum class proxy_scheme : std::uint8_t {
    http,
    https,    ///< HTTP over TLS
    socks5,   ///< names are resolved here
    socks5h,  ///< names are resolved by the proxy
};

/// Where a proxy is.
struct proxy_address {
    proxy_scheme scheme = proxy_scheme::http;
    std::string host{};  ///< as uri::host
    std::uint16_t port = 80;
    std::optional<basic_credentials> user_info{};

    /// Whether it is reached over TLS.
    [[nodiscard]] bool is_secure() const noexcept { return scheme == proxy_scheme::https; }
    /// Whether it speaks HTTP.
    [[nodiscard]] bool is_http() const noexcept { return scheme == proxy_scheme::http || is_secure(); }

    friend bool operator==(const proxy_address&, const proxy_address&) = default;
};

namespace detail {

// In the order of proxy_scheme.
inline constexpr std::array<known_scheme, 4> proxy_schemes{{{"http", 80}, {"https", 443}, {"socks5", 1080}, {"socks5h", 1080}}};

}  // namespace detail

/// Without user name and password: for messages and logs.
[[nodiscard]] inline std::string to_string(const proxy_address& proxy) {
    return std::string(detail::proxy_schemes[static_cast<std::size_t>(proxy.scheme)].name) + "://" +
           detail::bracketed(proxy.host) + ":" + std::to_string(proxy.port);
}

/// Reads "http://user:password@host:port", https://, socks5:// or socks5h://; the port is 80, 443 or 1080 unless it is given.
///
/// Errors: invalid_proxy naming what is wrong with it and what was expected.
[[nodiscard]] inline proxy_address parse_proxy(std::string_view text) {
    detail::authority_parser<invalid_proxy> authority(text, detail::proxy_schemes);
    if (!authority.rest().empty() && authority.rest() != "/") authority.fail("expected nothing after the port");
    proxy_address parsed;
    parsed.scheme = static_cast<proxy_scheme>(authority.scheme());
    authority.parse_into(parsed);
    const auto fits = [](const std::string& word) { return !word.empty() && word.size() <= 255; };
    if (!parsed.is_http() && parsed.user_info && !(fits(parsed.user_info->username) && fits(parsed.user_info->password))) {
        authority.fail("SOCKS 5 takes a user name and a password of 1 to 255 bytes");
    }
    return parsed;
}

namespace detail {

// A variable of the environment by its name in lower case, or in upper case when that is not set; empty ones
// are none.
[[nodiscard]] inline std::string proxy_variable(std::string name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
        std::transform(name.begin(), name.end(), name.begin(), aioxx::detail::to_upper);
        // A web server hands the header "Proxy" of its client to a CGI program as HTTP_PROXY.
        if (name == "HTTP_PROXY" && std::getenv("REQUEST_METHOD") != nullptr) return {};
        value = std::getenv(name.c_str());
    }
    return value != nullptr ? value : "";
}

[[nodiscard]] inline bool is_loopback(const std::string& host) {
    return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
           (host.starts_with("127.") && aioxx::endpoint::try_from_ip(host, 0).has_value());
}

// Whether no_proxy has a host: as itself or as a part of a domain in it, with or without the port.
[[nodiscard]] inline bool is_excepted(std::string_view no_proxy, const std::string& host,
                                      std::uint16_t port) {
    const std::string with_port = bracketed(host) + ":" + std::to_string(port);
    while (!no_proxy.empty()) {
        const std::size_t comma = std::min(no_proxy.find(','), no_proxy.size());
        std::string name = to_lower(trim(no_proxy.substr(0, comma)));
        no_proxy.remove_prefix(std::min(comma + 1, no_proxy.size()));
        name.erase(0, name.find_first_not_of('.'));
        if (name.empty()) continue;
        const std::string domain = "." + name;
        if (name == "*" || host == name || with_port == name || host.ends_with(domain) ||
            with_port.ends_with(domain)) {
            return true;
        }
    }
    return false;
}

// The first of the variables that is set, unless the host is excepted or this machine itself.
[[nodiscard]] inline std::optional<std::string> first_proxy_variable(const uri& to,
                                                                     std::initializer_list<const char*> names) {
    if (is_loopback(to.host) || is_excepted(proxy_variable("no_proxy"), to.host, to.port)) return std::nullopt;
    for (const char* name : names) {
        std::string value = proxy_variable(name);
        if (!value.empty()) return value;
    }
    return std::nullopt;
}

}  // namespace detail

/// The proxy that the environment names for a server: what connect() goes through unless options.proxy says
/// otherwise.
///
/// The first that is set of wss_proxy, socks_proxy, https_proxy for wss://, and of ws_proxy, socks_proxy,
/// https_proxy, http_proxy for ws://, in lower or in upper case. None for hosts that no_proxy lists, and for
/// this machine itself.
/// Returns: its address as it stands there, which need not be one that parse_proxy takes; or nothing.
/// Concurrency: not while another thread changes the environment. Asyncio: as websockets 15, which asks a
/// proxy also for localhost.
[[nodiscard]] inline std::optional<std::string> proxy_from_environment(const uri& to) {
    if (to.secure) return detail::first_proxy_variable(to, {"wss_proxy", "socks_proxy", "https_proxy"});
    return detail::first_proxy_variable(to, {"ws_proxy", "socks_proxy", "https_proxy", "http_proxy"});
}

/// The same for what is asked for by HTTP: what event_source() goes through unless options.proxy says otherwise.
///
/// The first that is set of https_proxy, all_proxy for https://, and of http_proxy, all_proxy for http://.
/// Returns, Concurrency: as above. Asyncio: as httpx.
[[nodiscard]] inline std::optional<std::string> http_proxy_from_environment(const uri& to) {
    return detail::first_proxy_variable(to, {to.secure ? "https_proxy" : "http_proxy", "all_proxy"});
}

/// The request for a connection to a host and port.
///
/// Parameters: `destination` "host:port"; `user_agent` empty: none is sent. Errors: std::invalid_argument for
/// a user agent that no header can carry.
[[nodiscard]] inline http_request connect_request(const proxy_address& proxy, const std::string& destination,
                                                  const std::string& user_agent = {}) {
    http_request request;
    request.method = "CONNECT";
    request.target = destination;
    request.headers.add("Host", destination);
    if (!user_agent.empty()) request.headers.add("User-Agent", user_agent);
    if (proxy.user_info)
        request.headers.add("Proxy-Authorization", build_authorization_basic(*proxy.user_info));
    return request;
}

namespace detail {

[[noreturn]] inline void throw_unanswered(const proxy_address& proxy) {
    throw handshake_incomplete("proxy " + to_string(proxy) + " ended the connection without an answer");
}

inline coro<> open_http_tunnel(stream over, proxy_address proxy, std::string destination, std::string user_agent) {
    const std::string request = serialize(connect_request(proxy, destination, user_agent));
    co_await over.writer.send(request);
    http_head_parser<http_response> answer = co_await detail::read_head<http_response>(over.reader);
    if (answer.fault()) {
        if (over.reader.at_eof()) throw_unanswered(proxy);
        throw proxy_error("proxy " + to_string(proxy) +
                          " gave no valid HTTP response: " + answer.fault()->text);
    }
    http_response response = answer.take_head();
    if (response.status < 200 || response.status > 299)
        throw invalid_proxy_status(to_string(proxy), std::move(response));
}

inline coro<> open_socks_tunnel(stream over, proxy_address proxy, std::string host, std::uint16_t port) {
    const basic_credentials as = proxy.user_info.value_or(basic_credentials());
    socks5_handshake handshake(host, port, as.username, as.password);
    while (!handshake.done()) {
        const bytearray output = handshake.take_output();
        if (!output.empty()) co_await over.writer.send(output);
        try {
            const bytearray answer = co_await over.reader.readexactly(handshake.needed());
            handshake.feed(answer);
        } catch (const incomplete_read_error&) {
            throw_unanswered(proxy);
        }
        if (!handshake.fault().empty()) throw proxy_error("proxy " + to_string(proxy) + ": " + handshake.fault());
    }
}

}  // namespace detail

/// Asks the proxy at the other end of a stream for a connection; afterwards the server is at the other end.
///
/// Parameters: `host` and `port` of the server; `user_agent` for HTTP, empty: none is sent.
/// Errors: invalid_proxy_status for another status than 2xx; proxy_error for any other answer than a
/// connection; handshake_incomplete when the connection ends without an answer; broken_error, also when a name cannot be
/// resolved; std::invalid_argument for what SOCKS cannot carry.
/// Cancellation: partial: the stream is of no use afterwards.
inline coro<> open_tunnel(stream over, proxy_address proxy, std::string host, std::uint16_t port,
                          std::string user_agent = {}) {
    if (proxy.is_http()) {
        std::string destination = detail::bracketed(host) + ":" + std::to_string(port);
        co_await detail::open_http_tunnel(std::move(over), std::move(proxy), std::move(destination), std::move(user_agent));
        co_return;
    }
    if (proxy.scheme == proxy_scheme::socks5) {
        const std::vector<aioxx::endpoint> found = co_await resolve(host, port);
        host = found.front().host();
    }
    co_await detail::open_socks_tunnel(std::move(over), std::move(proxy), detail::without_zone(host), port);
}

}  // namespace aioxx::websocket
