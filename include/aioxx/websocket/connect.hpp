// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/connect.hpp: opens a WebSocket as a client: connection, proxy, TLS, opening handshake, redirects.
// One way for all: a route gives a plain stream to the server, which is secured for wss:// and asked for a
// WebSocket. Routes differ in how they come to the stream, and in what binds them to the first server.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/as_result.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/tls/context.hpp>
#include <aioxx/websocket/authority.hpp>
#include <aioxx/websocket/basic_auth.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/dial.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/client_handshake.hpp>
#include <aioxx/websocket/proxy.hpp>
#include <aioxx/websocket/redirect.hpp>
#include <aioxx/websocket/take_over.hpp>
#include <aioxx/websocket/uri.hpp>

namespace aioxx::websocket {

namespace detail {

// One attempt to open a WebSocket. Stays where it is until the end; the coroutines of its parts refer to it.
class opening : pinned {
public:
    opening(uri first, connect_options options) : chain_(std::move(first)), options_(std::move(options)) {
        if (options_.ssl && !chain_.present().secure) {
            throw std::invalid_argument("connect: ssl was given for a ws:// URI; a wss:// URI enables TLS");
        }
    }

    [[nodiscard]] const connect_options& options() const noexcept { return options_; }

    /// What is waited for, for the text of a timeout.
    void begin(std::string step) { step_ = std::move(step); }
    [[nodiscard]] const std::string& step() const noexcept { return step_; }

    /// Lifetime: as long as this.
    [[nodiscard]] way network() {
        return {options_.connecting, options_.read_limit, options_.user_agent, options_.proxy_ssl, step_};
    }

    template <class Route>
    coro<connection> run(Route route) {
        for (;;) {
            client_handshake handshake = make_handshake();
            const stream opened = co_await route.open(*this, chain_.present());
            // Does nothing once the connection is taken over: the stream has none then.
            const scope_exit abandoned([&opened] { opened.writer.abort(); });
            if (chain_.present().secure) co_await secure(opened, server_name(), options_.ssl, step_);
            bytearray first_frames;
            co_await shake_hands(opened, handshake, first_frames);
            if (!handshake.fault()) {
                if (opened.writer.transport() == nullptr)
                    throw handshake_incomplete("the connection ended with the answer");
                co_return connection(take_over(opened.writer, role::client,
                                               limits_of(options_, handshake.compression()), first_frames),
                                     handshake.subprotocol(), handshake.request(), handshake.response());
            }
            chain_.follow(redirect_of(handshake), route.tied_to(options_));
        }
    }

    /// Errors: always redirect_error. Parameters: `why`.
    [[noreturn]] void refuse_redirect(const std::string& why) const { chain_.refuse(why); }

private:
    // A body that does not come must not hide the status before it.
    static constexpr std::chrono::seconds patience_with_body{1};

    [[nodiscard]] client_handshake make_handshake() const {
        const uri& to = chain_.present();
        http_headers headers = options_.extra_headers;
        chain_.withhold(headers);
        if (to.user_info && !headers.contains("Authorization")) {
            headers.add("Authorization", build_authorization_basic(*to.user_info));
        }
        return client_handshake({.host = to.host_header(),
                                 .target = to.target,
                                 .origin = options_.origin,
                                 .subprotocols = options_.subprotocols,
                                 .compression = options_.compression,
                                 .extra_headers = std::move(headers),
                                 .user_agent = options_.user_agent});
    }

    // Asks for a WebSocket and reads the answer. Parameters: `first_frames` gets what comes after it.
    coro<> shake_hands(const stream& over, client_handshake& handshake, bytearray& first_frames) {
        begin("waiting for the answer of " + to_string(chain_.present()));
        co_await over.writer.send(handshake.output());
        while (!handshake.done() && !handshake.fault()) {
            const bytes_view arrived = co_await over.reader.read_view();
            if (arrived.empty()) {
                handshake.feed_eof();
                throw handshake_incomplete(handshake.fault()->text);
            }
            first_frames.append(arrived.subview(handshake.feed(arrived)));
        }
        if (!handshake.done()) co_await read_body(over, handshake);
    }

    coro<> read_body(const stream& over, client_handshake& handshake) {
        over.reader.expires_after(patience_with_body);
        try {
            while (!handshake.done()) {
                const bytes_view arrived = co_await over.reader.read_view();
                if (arrived.empty()) break;
                handshake.feed(arrived);
            }
        } catch (const error&) {  // too slow or cut off: the status is there
        }
        handshake.feed_eof();
    }

    // The redirect that the handshake ended with. Errors: invalid_status, handshake_error for any other end.
    static const http_response& redirect_of(const client_handshake& handshake) {
        const std::optional<http_response>& answer = handshake.fault()->response;
        if (!answer || answer->status == 101) throw handshake_error(handshake.fault()->text);
        if (!is_redirect(*answer)) throw invalid_status(*answer);
        return *answer;
    }

    // Whom the certificate has to name. The zone of an IPv6 address has a meaning on this machine only.
    [[nodiscard]] std::string server_name() const {
        return options_.server_hostname ? *options_.server_hostname : without_zone(chain_.present().host);
    }

    redirect_chain chain_;
    connect_options options_;
    std::string step_ = "beginning";
};

// Over TCP, through a proxy if there is one.
struct network_route {
    static coro<stream> open(opening& attempt, const uri& to) {
        const connect_options& options = attempt.options();
        uri destination = to;
        if (options.host) destination.host = *options.host;
        if (options.port) destination.port = *options.port;
        std::optional<std::string> proxy =
            options.proxy ? options.proxy : proxy_from_environment(destination);
        if (proxy && !proxy->empty()) {
            return dial_through(attempt.network(), parse_proxy(*proxy), destination.host, destination.port);
        }
        return dial(attempt.network(), destination.host, destination.port);
    }

    static std::string_view tied_to(const connect_options& options) noexcept {
        return options.host || options.port ? "an explicit host or port" : "";
    }
};

struct unix_route {
    std::string path;

    coro<stream> open(opening& attempt, const uri&) const {
        attempt.begin("connecting to " + path);
        return open_unix_connection(path, attempt.options().connecting, attempt.options().read_limit);
    }
    static std::string_view tied_to(const connect_options&) noexcept { return "a Unix socket"; }
};

// A stream that is open already: good for one attempt.
struct stream_route {
    std::optional<stream> over;

    coro<stream> open(opening& attempt, const uri&) {
        if (!over) attempt.refuse_redirect("a stream that was given cannot be opened again");
        stream given = *std::exchange(over, std::nullopt);
        co_return given;
    }
    static std::string_view tied_to(const connect_options&) noexcept { return "the stream that was given"; }
};

template <class Route>
coro<connection> open(std::string address, connect_options options, Route route) {
    opening attempt(parse_uri(address), std::move(options));
    std::optional<duration> limit;
    if (attempt.options().open_timeout) limit = *attempt.options().open_timeout;
    try {
        co_return co_await wait_for(attempt.run(std::move(route)), limit);
    } catch (const timeout_error&) {
        throw timeout_error("connect: timed out while " + attempt.step());
    }
}

}  // namespace detail

/// Opens a WebSocket connection. `auto ws = co_await websocket::connect("ws://localhost:8765/");`
///
/// A user and a password in the URI become an Authorization header. Up to ten redirects are followed, but not
/// from wss:// to ws://; another origin is sent neither these two nor the headers Authorization, Cookie and
/// Host of the options. The proxy that the environment names is used, see proxy_from_environment;
/// options.proxy = "" connects directly.
/// Parameters: `address` begins with ws:// or wss://; with options.host or port, which say where to connect
/// to instead, redirects to another origin are refused.
/// Errors: invalid_uri, invalid_proxy and std::invalid_argument for what cannot be used, before anything is
/// opened; connect_error and broken_error; tls::certificate_error, tls::tls_error; invalid_proxy_status,
/// proxy_error; invalid_status when the server answers with another status than 101; redirect_error;
/// handshake_incomplete when the answer does not come; handshake_error when it is wrong otherwise;
/// timeout_error after options.open_timeout for everything together, which says what was waited for.
/// Cancellation: safe, the connection is cut off.
/// Asyncio: websockets.connect, with the proxies of its version 15. Deliberate differences: a user and a
/// password are percent-decoded, a Location with http:// or https:// is followed, and this machine itself is
/// never reached through a proxy of the environment.
[[nodiscard]] inline coro<connection> connect(std::string address, connect_options options = {}) {
    return detail::open(std::move(address), std::move(options), detail::network_route());
}

/// Opens a WebSocket connection over a stream that stands, whatever it is made of.
///
/// Parameters: `over` belongs to the connection from now on; `address` names the server, and secures the
/// stream when it begins with wss://; options.host, port, proxy and connecting are not used.
/// Errors: as connect; redirect_error for any redirect. Cancellation: the stream is cut off.
/// Asyncio: websockets.connect(sock=).
[[nodiscard]] inline coro<connection> connect_over(stream over, std::string address,
                                                   connect_options options = {}) {
    return detail::open(std::move(address), std::move(options), detail::stream_route{std::move(over)});
}

/// Opens a WebSocket connection over a Unix socket.
///
/// Parameters: `path` of the socket; `address` names the server, for the Host header and for TLS.
/// options.host, port and proxy are not used.
/// Errors: as connect; redirect_error for one to another origin. Cancellation: as connect. Asyncio:
/// unix_connect.
[[nodiscard]] inline coro<connection> unix_connect(std::string path, std::string address = "ws://localhost/",
                                                   connect_options options = {}) {
    return detail::open(std::move(address), std::move(options), detail::unix_route{std::move(path)});
}

/// Opens a connection, runs a body with it, and closes it, however the body ends.
///
/// Parameters: `body` is called with the connection and returns a coro. It is kept alive until the end, so
/// that a lambda may capture.
/// Returns: what the body returns.
/// Errors: as connect; what the body throws, after the connection was closed.
/// Cancellation: cancels the body, and then the connection is closed in order; a cancellation during that
/// leaves the closing to the connection itself.
/// Asyncio: async with websockets.connect().
/// Example:
///     co_await websocket::with_connection("ws://localhost:8765/", [](websocket::connection ws) -> coro<> {
///         co_await ws.send_text("hello");
///         const websocket::message answer = co_await ws.receive();
///         std::cout << answer.str() << '\n';
///     });
template <std::invocable<connection> Body>
std::invoke_result_t<Body&, connection> with_connection(std::string address, Body body,
                                                        connect_options options = {}) {
    const connection opened = co_await connect(std::move(address), std::move(options));
    result<typename std::invoke_result_t<Body&, connection>::value_type> outcome;
    std::exception_ptr cancellation;
    try {
        outcome = co_await as_result(body(opened));
    } catch (const cancelled_error&) {
        cancellation = std::current_exception();
    }
    co_await opened.close();
    if (cancellation) std::rethrow_exception(cancellation);
    co_return outcome.take_value();
}

}  // namespace aioxx::websocket
