// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/start_server.hpp: servers whose connections are handled by a coroutine with a reader and a writer.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/stream_protocol.hpp>

namespace aioxx {

/// Handles one connection: `coro<> handler(stream_reader reader, stream_writer writer)`.
template <class Handler>
concept stream_handler = std::is_invocable_r_v<coro<>, Handler&, stream_reader, stream_writer>;

namespace detail {

// Functions of their own: what they need would take room in the frame below as long as the connection lasts.
template <class Handler>
coro<> call_handler(Handler& handler, stream& connection) {
    return handler(std::move(connection.reader), std::move(connection.writer));
}
inline void report_handler(const stream_writer& writer) {
    get_running_loop().call_exception_handler(
        {"exception in a connection handler", std::current_exception(),
         writer.transport() != nullptr ? writer.transport()->describe() : std::string("a lost connection")});
}

// Runs the handler of one connection. Leaving it closes the connection.
template <class Handler>
coro<> handle_stream(std::shared_ptr<Handler> handler, stream connection) {
    const stream_writer writer = connection.writer;
    try {
        co_await call_handler(*handler, connection);
    } catch (const std::exception&) {
        report_handler(writer);
    } catch (...) {
        writer.close();
        throw;  // a cancellation
    }
    writer.close();
}

// A factory of stream protocols. Parameters: `start` is called with each that has its connection.
template <class Start>
auto stream_factory(Start start, std::size_t limit) {
    return [shared = std::make_shared<Start>(std::move(start)), limit] {
        auto state = std::make_shared<stream_protocol>(limit);
        std::weak_ptr<stream_protocol> weak = state;
        state->set_connected_callback([shared, weak] { (*shared)(weak.lock()); });
        return state;
    };
}

// Likewise; each starts the handler as a task.
template <class Handler>
auto handler_factory(Handler handler, std::size_t limit) {
    const auto start = [shared = std::make_shared<Handler>(std::move(handler))](std::shared_ptr<stream_protocol> state) {
        create_task(handle_stream(shared, make_stream(std::move(state))), "connection");
    };
    return stream_factory(start, limit);
}

}  // namespace detail

/// Listens over TCP and runs a handler as a task for each connection.
///
/// The connection is closed, after what was written is sent, when the handler returns. What it throws is reported.
/// Parameters: `handler` `coro<>(stream_reader, stream_writer)`, kept as long as the server; `limit` the longest
/// line of the readers, in bytes; the rest as create_server.
/// Errors: as create_server. Cancellation: safe, nothing listens. A handler that is cancelled closes its connection.
/// Asyncio: start_server, which leaves the connection open.
template <stream_handler Handler>
coro<server> start_server(Handler handler, std::string host, std::uint16_t port, listen_options options = {},
                          std::size_t limit = stream_reader::default_limit) {
    co_return co_await create_server(detail::handler_factory(std::move(handler), limit), std::move(host), port,
                                     std::move(options));
}

/// Listens on a Unix socket. As start_server; asyncio: start_unix_server.
/// Cancellation: safe, nothing listens.
template <stream_handler Handler>
coro<server> start_unix_server(Handler handler, std::string path, listen_options options = {},
                               std::size_t limit = stream_reader::default_limit) {
    co_return co_await create_unix_server(detail::handler_factory(std::move(handler), limit), std::move(path),
                                          std::move(options));
}

}  // namespace aioxx
