// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/serve.hpp: serves WebSockets: opening handshake for each connection, then the user's handler.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/net/server.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/websocket/connect.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/server_handshake.hpp>

namespace aioxx::websocket {

/// Handles one connection: `coro<> handler(websocket::connection connection)`.
template <class Handler>
concept connection_handler = std::is_invocable_r_v<coro<>, Handler&, connection>;

namespace detail {

// The connections of a server that are open, so that its end can be told to them.
struct open_connections {
    std::vector<std::weak_ptr<connection_state_machine>> states;
    bool closed = false;  // the server is: whoever still comes is turned away

    void add(std::weak_ptr<connection_state_machine> state) {
        std::erase_if(states, [](const auto& gone) { return gone.expired(); });
        states.push_back(std::move(state));
    }
    void close() {
        closed = true;
        for (const auto& weak : states) {
            if (const auto state = weak.lock()) state->go_away();
        }
    }
};

inline http_response ask_program_or_respond(server_handshake& handshake, const serve_options& options) {
    if (!handshake.fault() && options.process_request) {
        if (auto own = options.process_request(handshake.request())) {
            own->headers.set("Connection", "close");
            own->headers.set("Content-Length", std::to_string(own->body.size()));
            return std::move(*own);
        }
    }
    return handshake.respond();
}

inline http_response answer(server_handshake& handshake, const serve_options& options, bool closed) {
    if (closed) return make_refusal(503, "Failed to open a WebSocket connection: the server is shutting down.");
    try {
        return ask_program_or_respond(handshake, options);
    } catch (const std::exception&) {
        get_running_loop().call_exception_handler({"exception in the opening handshake of a WebSocket",
                                                   std::current_exception(), handshake.request().target});
        return make_refusal(500, "Failed to open a WebSocket connection: internal error.");
    }
}

// The opening handshake. Returns: the connection, or nothing after a refusal was sent.
inline coro<std::optional<connection>> accept(stream opened, std::shared_ptr<const serve_options> options,
                                              std::shared_ptr<open_connections> open) {
    server_handshake handshake({.origins = options->origins,
                                .subprotocols = options->subprotocols,
                                .select_subprotocol = options->select_subprotocol,
                                .extra_headers = options->extra_headers,
                                .server_header = options->server_header});
    bytearray first_frames;
    while (!handshake.done()) {
        const bytes_view arrived = co_await opened.reader.read_view();
        if (arrived.empty()) handshake.feed_eof();
        const std::size_t used = handshake.feed(arrived);
        first_frames.append(arrived.subview(used));
    }
    const http_response response = answer(handshake, *options, open->closed);
    co_await opened.writer.send(serialize(response));
    if (!handshake.accepted()) {
        opened.writer.write_eof();  // a full close could destroy the response on its way
        while (co_await opened.reader.read(stream_reader::default_limit) != "") {
        }
        co_return std::nullopt;
    }
    auto state = take_over(opened.writer, role::server, limits_of(*options), first_frames);
    open->add(state);
    if (open->closed) state->go_away();  // it was closed while the response left
    co_return connection(std::move(state), handshake.subprotocol(), handshake.request(), response);
}

// The life of one connection: handshake, handler, close.
template <class Handler>
coro<> serve_one(stream opened, std::shared_ptr<Handler> handler, std::shared_ptr<const serve_options> options,
                 std::shared_ptr<open_connections> open) {
    std::optional<duration> limit;
    if (options->open_timeout) limit = *options->open_timeout;
    std::optional<connection> accepted;
    try {
        accepted = co_await wait_for(accept(std::move(opened), options, open), limit);
    } catch (const error&) {  // the peer vanished or was too slow: there is nobody to tell
    }
    if (!accepted) co_return;
    close_code code = close_code::normal_closure;
    try {
        co_await (*handler)(*accepted);
    } catch (const connection_closed&) {  // the usual way for a handler to learn that the peer has gone
    } catch (const std::exception&) {
        get_running_loop().call_exception_handler(
            {"exception in a WebSocket handler", std::current_exception(), accepted->request().target});
        code = close_code::internal_error;
    }
    co_await accepted->close(code);
}

}  // namespace detail

/// A listening WebSocket server. Copies refer to the same one.
class server {
public:
    server(aioxx::server listening, std::shared_ptr<detail::open_connections> open)
        : listening_(std::move(listening)), open_(std::move(open)) {}

    [[nodiscard]] std::uint16_t port() const { return listening_.port(); }
    [[nodiscard]] std::vector<aioxx::endpoint> addresses() const { return listening_.addresses(); }
    [[nodiscard]] std::size_t connection_count() const noexcept { return listening_.connection_count(); }

    /// Stops listening and closes every connection with 1001. Idempotent.
    void close() {
        listening_.close();
        open_->close();
    }

    /// Returns when it is closed and every connection is over. Cancellation: safe.
    [[nodiscard]] coro<> wait_closed() { return listening_.wait_closed(); }

    /// Serves until it is closed or the task is cancelled; a cancellation closes it and the connections.
    /// Cancellation: closes the server, waits for its connections, and throws on.
    [[nodiscard]] coro<> serve_forever() {
        return [](server self) -> coro<> {
            std::exception_ptr cancellation;
            try {
                co_await self.listening_.wait_closed();
            } catch (const cancelled_error&) {
                cancellation = std::current_exception();
            }
            self.close();
            co_await self.listening_.wait_closed();
            if (cancellation) std::rethrow_exception(cancellation);
        }(*this);
    }

    /// Closes it, gives the connections the grace period for their closing handshake, then aborts what is left.
    /// Cancellation: as server::shutdown.
    template <class Rep, class Period>
    [[nodiscard]] coro<shutdown_report> shutdown(std::chrono::duration<Rep, Period> grace) {
        close();
        return listening_.shutdown(grace);
    }

private:
    aioxx::server listening_;
    std::shared_ptr<detail::open_connections> open_;
};

/// Listens for WebSocket connections and runs a handler as a task for each.
///
/// A request that is not for a WebSocket is answered with the fitting HTTP status. The connection is closed with 1000
/// when the handler returns, with 1011 when it throws, which is also reported; connection_closed may pass.
/// What options.process_request or options.select_subprotocol throws is reported and answered with status 500.
/// Parameters: `handler` `coro<>(websocket::connection)`, kept as long as the server; `host` and `port` as
/// create_server.
/// Errors and cancellation as create_server.
template <connection_handler Handler>
coro<server> serve(Handler handler, std::string host, std::uint16_t port, serve_options options = {},
                   listen_options listening = {}) {
    const std::size_t limit = options.read_limit;
    auto shared_handler = std::make_shared<Handler>(std::move(handler));
    auto shared_options = std::make_shared<const serve_options>(std::move(options));
    auto open = std::make_shared<detail::open_connections>();
    auto handle_stream = [shared_handler, shared_options, open](stream_reader reader, stream_writer writer) {
        return detail::serve_one(stream{std::move(reader), std::move(writer)}, shared_handler, shared_options, open);
    };
    aioxx::server started =
        co_await start_server(std::move(handle_stream), std::move(host), port, std::move(listening), limit);
    co_return server(std::move(started), std::move(open));
}

}  // namespace aioxx::websocket
