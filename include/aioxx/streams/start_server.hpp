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
#include <aioxx/core/task_options.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/streams/handler_task.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/stream_protocol.hpp>

namespace aioxx {

/// Handles one connection: `coro<> handler(stream_reader reader, stream_writer writer)`.
template <class Handler>
concept stream_handler = std::is_invocable_r_v<coro<>, Handler&, stream_reader, stream_writer>;

namespace detail {

inline void report_handler(const std::exception_ptr& thrown, const stream_writer& writer) {
    get_running_loop().call_exception_handler(
        {"exception in a connection handler", thrown,
         writer.transport() != nullptr ? writer.transport()->describe() : std::string("a lost connection")});
}

// The task of one connection. Its end closes the connection.
template <class Handler>
class connection_task final : public handler_task {
public:
    connection_task(event_loop& loop, coro<>&& handling, const task_options& options, std::shared_ptr<Handler> handler,
                    stream_writer writer)
        : handler_task(loop, std::move(handling), options), handler_(std::move(handler)), writer_(std::move(writer)) {}

private:
    void ended(const std::exception_ptr& thrown) noexcept override {
        loop().guarded(
            [&] {
                if (thrown && !is_cancelled(thrown)) report_handler(thrown, writer_);
                writer_.close();
            },
            "exception at the end of a connection handler");
    }

    std::shared_ptr<Handler> handler_;  // its captures are the coroutine's as well
    stream_writer writer_;
};

// Starts the handler as a task.
template <class Handler>
void start_handler(const std::shared_ptr<Handler>& handler, const std::shared_ptr<stream_protocol>& state) {
    event_loop& loop = get_running_loop();
    stream connection = make_stream(state);
    const stream_writer writer = connection.writer;
    const task_options options = handler_task::options_for(loop);
    try {
        coro<> handling = (*handler)(std::move(connection.reader), std::move(connection.writer));
        const state_ptr started(new connection_task<Handler>(loop, std::move(handling), options, handler, writer));
        started->start(options.eager_start);
    } catch (...) {  // before the first step
        writer.close();
        if (is_cancelled(std::current_exception())) throw;
        report_handler(std::current_exception(), writer);
    }
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
    const auto shared = std::make_shared<Handler>(std::move(handler));
    return stream_factory([shared](const std::shared_ptr<stream_protocol>& state) { start_handler(shared, state); }, limit);
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
