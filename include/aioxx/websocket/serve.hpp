// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/serve.hpp: serves WebSockets: opening handshake for each connection, then the user's handler.
//     auto server = co_await websocket::serve(handler, "localhost", 8765);
//     co_await server.serve_forever();

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/net/server.hpp>
#include <aioxx/net/tls.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/tasks/close_when_cancelled.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/websocket/answer_plainly.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/hook.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/complete_response.hpp>
#include <aioxx/websocket/proto/server_handshake.hpp>
#include <aioxx/websocket/serving.hpp>
#include <aioxx/websocket/take_over.hpp>

namespace aioxx::websocket {

/// Handles one connection: `coro<> handler(websocket::connection connection)`. It may have a member process_request,
/// which is called as the one of the options and after it: a router has one.
template <class Handler>
concept connection_handler = std::is_invocable_r_v<coro<>, Handler&, connection>;

namespace detail {

[[nodiscard]] inline http_response refusal(int status, const std::string& why) {
    return make_refusal(status, "Failed to open a WebSocket connection: " + why + ".");
}

// Asks the program, then the handshake, then the limits.
inline coro<http_response> decide(server_handshake& handshake, serving& at, serving::guest& client) {
    if (handshake.fault()) co_return handshake.respond();
    const http_request& request = handshake.request();
    if (at.closed()) co_return refusal(503, "the server is shutting down");
    const std::array<const request_hook*, 2> hooks{&at.options.process_request, &at.process_request};
    for (const request_hook* ask : hooks) {
        if (!*ask) continue;
        std::optional<http_response> own = co_await (*ask)(request);
        if (own) co_return std::move(*own);
    }
    http_response response = handshake.respond();
    if (!handshake.accepted()) co_return response;
    const std::string origin(request.headers.get("Origin").value_or(""));
    if (at.options.check_origin && !at.options.check_origin(origin)) {
        co_return refusal(403, "invalid Origin header: " + detail::quoted(origin));
    }
    if (const char* const why = at.refuses()) co_return refusal(503, why);
    at.admit(client);
    co_return response;
}

// A response with its bytes, which are without the body for a HEAD request.
struct answer {
    http_response response;
    std::string bytes;

    void serialize_for(const http_request& request) {
        bytes = serialize(response);
        if (request.method == "HEAD") bytes.resize(bytes.size() - response.body.size());
    }
};

// What the program throws is reported, and answered with 500.
inline coro<answer> make_answer(server_handshake& handshake, serving& at, serving::guest& client) {
    answer made;
    const http_request& request = handshake.request();
    try {
        made.response = co_await decide(handshake, at, client);
        if (at.options.process_response) co_await at.options.process_response(request, made.response);
        if (made.response.status == 101 && !handshake.accepted()) {
            throw std::logic_error("a request that is not for a WebSocket was answered with 101");
        }
        complete_response(made.response, handshake.accepted(), at.options.server_header, std::time(nullptr));
        made.serialize_for(request);
    } catch (const std::exception&) {
        get_running_loop().call_exception_handler(
            {"exception in the opening handshake of a WebSocket", std::current_exception(), request.target});
        made.response = refusal(500, "internal error");
        complete_response(made.response, false, at.options.server_header, std::time(nullptr));
        made.serialize_for(request);
    }
    if (made.response.status != 101) at.turn_away(client);
    co_return made;
}

// The opening handshake. Afterwards the client has its connection, or a refusal.
inline coro<> open_for(stream with, serving& at, serving::guest& client) {
    const serve_options& options = at.options;
    server_handshake handshake({.origins = options.check_origin ? std::vector<std::string>() : options.origins,
                                .subprotocols = options.subprotocols,
                                .select_subprotocol = options.select_subprotocol,
                                .compression = options.compression,
                                .extra_headers = options.extra_headers,
                                .server_header = options.server_header,
                                .limits = options.header_limits});
    bytearray first_frames;
    while (!handshake.done()) {
        const bytes_view arrived = co_await with.reader.read_view();
        if (arrived.empty()) handshake.feed_eof();
        const std::size_t used = handshake.feed(arrived);
        first_frames.append(arrived.subview(used));
    }
    answer made = co_await make_answer(handshake, at, client);
    if (made.response.status != 101) {
        co_await answer_plainly(std::move(with), std::move(made.bytes));
        co_return;
    }
    co_await with.writer.send(made.bytes);
    auto limits = at.uncompressed;
    if (const auto agreed = handshake.compression()) {
        limits = std::make_shared<const connection_limits>(limits_of(options, agreed));
    }
    auto state = take_over(with.writer, role::server, std::move(limits), first_frames);
    at.add(client, connection(std::move(state), handshake.subprotocol(), handshake.request(), std::move(made.response)));
}

// Opens a connection, and gives it to a handler's task of its own: what the handshake needed is gone when that waits.
inline coro<> welcome(stream with, std::shared_ptr<serving> at) {
    serving::guest client(*at);
    const std::optional<duration> limit = at->options.open_timeout;
    try {
        co_await wait_for(open_for(std::move(with), *at, client), limit);
    } catch (const error&) {  // the peer vanished or was too slow: there is nobody to tell
    }
    if (!client.opened) co_return;
    const connection opened = *std::exchange(client.opened, std::nullopt);
    std::exception_ptr thrown;
    try {
        start_handler(*at, opened);
    } catch (const std::exception&) {  // before the handler was a coroutine
        thrown = std::current_exception();
    }
    if (thrown) co_await opened.close(code_after(thrown, opened));
}

template <class Handler>
std::shared_ptr<serving> make_serving(Handler handler, serve_options options) {
    auto shared = std::make_shared<Handler>(std::move(handler));
    request_hook own;
    if constexpr (requires(const http_request& request) { shared->process_request(request); }) {
        own = [shared](const http_request& request) { return shared->process_request(request); };
    }
    handler_function call = [shared](connection opened) -> coro<> { return (*shared)(std::move(opened)); };
    return std::make_shared<serving>(std::move(call), std::move(own), std::move(options));
}

// How each connection is set up, for the functions of net/listen.hpp.
inline aioxx::detail::service service_of(const std::shared_ptr<serving>& at, const listen_options& listening) {
    const auto start = [at](const std::shared_ptr<stream_protocol>& with) {
        create_task(welcome(make_stream(with), at), "connection");
    };
    aioxx::detail::service made{aioxx::detail::stream_factory(start, at->options.read_limit), {}, listening};
    if (at->options.ssl) {
        tls::connection_options secure = at->options.secure;
        if (at->options.open_timeout) {
            secure.handshake_timeout = std::min<duration>(secure.handshake_timeout, *at->options.open_timeout);
        }
        made.layer = aioxx::detail::server_layer(*at->options.ssl, std::move(secure));
    }
    return made;
}

}  // namespace detail

/// A listening WebSocket server. Copies refer to the same one.
class server {
public:
    server(aioxx::server listening, std::shared_ptr<detail::serving> at)
        : listening_(std::move(listening)), at_(std::move(at)) {}

    [[nodiscard]] std::uint16_t port() const { return listening_.port(); }
    [[nodiscard]] std::vector<aioxx::endpoint> addresses() const { return listening_.addresses(); }
    [[nodiscard]] bool is_serving() const noexcept { return listening_.is_serving(); }

    /// The clients that are connected, during and after the handshake as well.
    [[nodiscard]] std::size_t connection_count() const noexcept { return listening_.connection_count(); }

    /// The WebSockets that are open now: what broadcast takes.
    [[nodiscard]] std::vector<connection> connections() const { return at_->connections(); }

    /// Begins to accept; nothing happens when it does already. Errors: closed_error.
    void start_serving() { listening_.start_serving(); }

    /// Stops listening, answers requests that are under way with 503, and closes every connection. Idempotent.
    ///
    /// Parameters: `close_connections` false lets the connections go on until their handlers return; `code` and
    /// `reason` are sent to the others.
    /// Errors: std::invalid_argument for a code or a reason that may not be sent.
    void close(bool close_connections = true, close_code code = close_code::going_away, std::string reason = {}) {
        websocket::endpoint(role::server).send_close(code, reason);  // throws what connections would throw later
        listening_.close();
        at_->close();
        if (close_connections) at_->close_connections({code, std::move(reason)});
    }

    /// Cuts every connection off and cancels the handlers (asyncio: Server.abort_clients).
    void abort_clients() {
        listening_.abort_clients();
        at_->cancel_handlers();
    }

    /// Returns when it is closed, every connection is over, and every handler has returned. A handler that calls it
    /// waits for itself. Cancellation: safe.
    [[nodiscard]] coro<> wait_closed() { return wait_closed(*this); }

    /// Serves until it is closed or the task is cancelled; a cancellation closes it and the connections.
    ///
    /// Errors: closed_error when it is closed already.
    /// Cancellation: closes the server, waits for its connections, and throws on.
    [[nodiscard]] coro<> serve_forever() { return serve_forever(*this); }

    /// Closes it, gives the connections the grace period for their closing handshake and the handlers to return; then
    /// cuts the connections off and cancels the handlers.
    ///
    /// Called by a handler it counts that one among those that do not return in time.
    /// Returns: how the connections ended. Cancellation: cuts them off at once, and throws on.
    template <class Rep, class Period>
    [[nodiscard]] coro<shutdown_report> shutdown(std::chrono::duration<Rep, Period> grace) {
        return aioxx::detail::shut_down(*this, to_duration(grace));
    }

private:
    static coro<> wait_closed(server self) {
        co_await self.listening_.wait_closed();
        while (!self.at_->empty()) co_await self.at_->left.wait();
    }

    static coro<> serve_forever(server self) {
        self.listening_.start_serving();
        co_await aioxx::detail::close_when_cancelled(self);
    }

    aioxx::server listening_;
    std::shared_ptr<detail::serving> at_;
};

/// Listens for WebSocket connections on the addresses of several hosts and runs a handler as a task for each.
///
/// A request that is not for a WebSocket is answered with the fitting HTTP status. The connection is closed with 1000
/// when the handler returns, with 1011 when it throws, which is also reported; connection_closed may pass.
/// What a function of the options throws is reported and answered with status 500.
/// Parameters: `handler` `coro<>(websocket::connection)`, or a router, kept as long as the server; `hosts` and `port`
/// as create_server; `options` with `ssl` for wss://.
/// Errors and cancellation as create_server.
template <connection_handler Handler>
coro<server> serve(Handler handler, std::vector<std::string> hosts, std::uint16_t port, serve_options options = {},
                   listen_options listening = {}) {
    auto at = detail::make_serving(std::move(handler), std::move(options));
    aioxx::server started =
        co_await aioxx::detail::serve_on_hosts(detail::service_of(at, listening), std::move(hosts), port);
    co_return server(std::move(started), std::move(at));
}

/// Likewise on the addresses of one host; empty for all interfaces.
/// Cancellation: as above.
template <connection_handler Handler>
coro<server> serve(Handler handler, std::string host, std::uint16_t port, serve_options options = {},
                   listen_options listening = {}) {
    std::vector<std::string> only(1, std::move(host));
    return serve(std::move(handler), std::move(only), port, std::move(options), listening);
}

/// Likewise on a stream socket that is bound already.
/// Cancellation: does not wait.
template <connection_handler Handler>
coro<server> serve(Handler handler, unique_fd socket, serve_options options = {}, listen_options listening = {}) {
    auto at = detail::make_serving(std::move(handler), std::move(options));
    aioxx::server started = aioxx::detail::serve_on_socket(detail::service_of(at, listening), std::move(socket));
    co_return server(std::move(started), std::move(at));
}

/// Likewise on a Unix socket (websockets: unix_serve).
/// Cancellation: does not wait.
template <connection_handler Handler>
coro<server> unix_serve(Handler handler, std::string path, serve_options options = {}, listen_options listening = {}) {
    auto at = detail::make_serving(std::move(handler), std::move(options));
    aioxx::server started = aioxx::detail::serve_on_path(detail::service_of(at, listening), path);
    co_return server(std::move(started), std::move(at));
}

}  // namespace aioxx::websocket
