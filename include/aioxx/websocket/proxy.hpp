// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proxy.hpp: which proxy leads to a server, and how it is asked for a connection (CONNECT, RFC 9110
// section 9.3.6). HTTP proxies only, reached in the clear or over TLS; SOCKS is refused by name.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <aioxx/buffer/ascii.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/websocket/authority.hpp>
#include <aioxx/websocket/basic_auth.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/read_head.hpp>
#include <aioxx/websocket/uri.hpp>

namespace aioxx::websocket {

/// Where a proxy is.
struct proxy_address {
    bool secure = false;  ///< reached over TLS (https://)
    std::string host{};   ///< as uri::host
    std::uint16_t port = 80;
    std::optional<basic_credentials> user_info{};

    friend bool operator==(const proxy_address&, const proxy_address&) = default;
};

/// Without user name and password: for messages and logs.
[[nodiscard]] inline std::string to_string(const proxy_address& proxy) {
    return (proxy.secure ? "https://" : "http://") + detail::bracketed(proxy.host) + ":" +
           std::to_string(proxy.port);
}

/// Reads "http://user:password@host:port" or https://; the port is 80 or 443 unless it is given.
///
/// Errors: invalid_proxy naming what is wrong with it and what was expected.
[[nodiscard]] inline proxy_address parse_proxy(std::string_view text) {
    detail::authority_parser<invalid_proxy> authority(text, "http", "https");
    if (!authority.rest().empty() && authority.rest() != "/") authority.fail("expected nothing after the port");
    proxy_address parsed;
    authority.parse_into(parsed);
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
    if (detail::is_loopback(to.host)) return std::nullopt;
    if (detail::is_excepted(detail::proxy_variable("no_proxy"), to.host, to.port)) return std::nullopt;
    for (const char* name :
         {to.secure ? "wss_proxy" : "ws_proxy", "socks_proxy", "https_proxy", "http_proxy"}) {
        if (to.secure && std::string_view(name) == "http_proxy") continue;
        std::string value = detail::proxy_variable(name);
        if (!value.empty()) return value;
    }
    return std::nullopt;
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

/// Asks the proxy at the other end of a stream for a connection; afterwards the server is at the other end.
///
/// Parameters: as connect_request.
/// Errors: invalid_proxy_status for another status than 2xx; proxy_error when the answer is no HTTP;
/// handshake_incomplete when the connection ends without one; broken_error.
/// Cancellation: partial: the stream is of no use afterwards.
inline coro<> open_tunnel(stream over, proxy_address proxy, std::string destination,
                          std::string user_agent = {}) {
    const std::string request = serialize(connect_request(proxy, destination, user_agent));
    co_await over.writer.send(request);
    http_head_parser<http_response> answer = co_await detail::read_head<http_response>(over.reader);
    if (answer.fault()) {
        if (over.reader.at_eof())
            throw handshake_incomplete("proxy " + to_string(proxy) +
                                       " ended the connection without an answer");
        throw proxy_error("proxy " + to_string(proxy) +
                          " gave no valid HTTP response: " + answer.fault()->text);
    }
    http_response response = answer.take_head();
    if (response.status < 200 || response.status > 299)
        throw invalid_proxy_status(to_string(proxy), std::move(response));
}

}  // namespace aioxx::websocket
