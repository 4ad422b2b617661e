// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/serve_events.hpp: serves server-sent events over HTTP/1.1: a request, then a stream of events
// that ends with its handler. One request for each connection. What the events look like on the wire is
// decided in proto/event_stream.hpp.

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/buffer/decode.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/net/server.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/streams/tls.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/close_when_cancelled.hpp>
#include <aioxx/tasks/race.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/tls/context.hpp>
#include <aioxx/websocket/answer_plainly.hpp>
#include <aioxx/websocket/hook.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/chunked.hpp>
#include <aioxx/websocket/proto/event_stream.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/read_head.hpp>

namespace aioxx::websocket {

/// Options of serve_events().
struct serve_events_options {
    serve_events_options() = default;

    /// Looks at a request first. A response answers it as plain HTTP, a 204 tells an event source not to come
    /// back; {} lets the handler have it. Without this, every path is a stream.
    request_hook process_request{};

    http_headers extra_headers{};                 // of a stream's response, replace ours of the same name
    std::string server_header = defaults::agent;  // empty: none is sent

    optional_time retry{};  // what clients are told to wait before they come back; {}: nothing
    optional_time keepalive_interval = std::chrono::milliseconds(15'000);  // silence before a comment is sent
    optional_time open_timeout = defaults::open_timeout;  // for a request, and for a refused client to go
    std::chrono::milliseconds close_timeout = defaults::close_timeout;  // for the last events to leave

    std::optional<tls::context> ssl{};  // for servers, with a certificate: https:// instead of http://
    tls::connection_options secure{};   // its times; the handshake takes open_timeout at most
    http_limits header_limits{};        // of a request, which is refused with 414 or 431 beyond

    std::size_t read_limit = defaults::read_limit;    // bytes received and not yet looked at
    std::size_t write_limit = defaults::write_limit;  // high-water mark of the bytes waiting to be sent
};

/// A request for a stream of events.
struct event_request : http_request {
    std::string last_event_id{};  ///< what the client has seen last, in UTF-8; empty: nothing
};

namespace detail {

// The body of a response that is a stream of events.
class event_output {
public:
    event_output(stream_writer writer, bool chunked) : writer_(std::move(writer)), chunked_(chunked) {}

    // Errors: closed_error after the end.
    [[nodiscard]] drain_gate::awaiter send(std::string content) {
        return writer_.send(framed(std::move(content)));
    }
    void write(std::string content) { writer_.write(framed(std::move(content))); }

    // Nothing more will be sent. Parameters: `complete` the client is told that this is the end, not an
    // accident.
    void end(bool complete) {
        ended_ = true;
        if (complete && chunked_) writer_.write(last_chunk);
        writer_.close();
    }

    [[nodiscard]] const stream_writer& writer() const noexcept { return writer_; }
    [[nodiscard]] bool is_over() const noexcept { return ended_ || writer_.is_closing(); }
    [[nodiscard]] time_point sent_at() const noexcept { return sent_at_; }

private:
    std::string framed(std::string content) {
        if (ended_) throw closed_error("send: the stream of server-sent events has ended");
        sent_at_ = get_running_loop().time();
        if (!chunked_) return content;
        std::string chunk;
        append_chunk(chunk, content);
        return chunk;
    }

    stream_writer writer_;
    bool chunked_;
    bool ended_ = false;
    time_point sent_at_ = get_running_loop().time();
};

}  // namespace detail

/// Where a handler sends its events to. Copies refer to the same stream.
///
/// Concurrency: one loop; any number of tasks may send, events stay whole.
class event_sink {
public:
    explicit event_sink(std::shared_ptr<detail::event_output> output) : output_(std::move(output)) {}

    /// Sends an event and waits until the connection takes more. `co_await sink.send("some data");`
    ///
    /// Errors: std::invalid_argument for what an event cannot carry (see serialize), nothing is sent then;
    /// broken_error when the client has gone; closed_error after the end of the handler.
    /// Cancellation: partial: the event is on its way as a whole.
    [[nodiscard]] drain_gate::awaiter send(const server_sent_event& event) const {
        return output_->send(serialize(event));
    }

    /// Sends a comment, which clients pass over. As send. Cancellation: partial, as send.
    [[nodiscard]] drain_gate::awaiter send_comment(std::string_view text) const {
        return output_->send(serialize_comment(text));
    }

    /// Tells the client how long to wait before it connects again. As send. Cancellation: partial, as send.
    [[nodiscard]] drain_gate::awaiter send_retry(std::chrono::milliseconds time) const {
        return output_->send(serialize_retry(time));
    }

    /// Whether events still have a way to the client.
    [[nodiscard]] bool is_open() const noexcept { return !output_->is_over(); }

    /// Facts about the connection: `sink.get_extra_info(extra_info::peername)`. Nothing after its end.
    template <class Key>
    [[nodiscard]] auto get_extra_info(const Key& key) const {
        return output_->writer().get_extra_info(key);
    }

private:
    std::shared_ptr<detail::event_output> output_;
};

/// Handles one request: `coro<> handler(websocket::event_request request, websocket::event_sink sink)`.
template <class Handler>
concept event_handler = std::is_invocable_r_v<coro<>, Handler&, event_request, event_sink>;

namespace detail {

// Returns: why a request cannot be one for events.
inline std::optional<http_response> refuse_request(const http_request& request) {
    if (!request.version.starts_with("HTTP/1.")) {
        return text_response(505, "HTTP version " + detail::quoted(request.version) + "; expected HTTP/1.1.");
    }
    const std::size_t hosts = request.headers.count("Host");
    if (hosts > 1 || (hosts == 0 && request.version != "HTTP/1.0")) {  // RFC 9112 section 3.2
        return text_response(400,
                             "The request has " + std::to_string(hosts) + " Host headers; expected one.");
    }
    if (request.method == "GET") return std::nullopt;
    http_response refusal =
        text_response(405, "Method " + detail::quoted(request.method) + "; expected GET.");
    refusal.headers.add("Allow", "GET");
    return refusal;
}

// Returns: what is sent instead of a stream, if anything is.
// Lifetime: the request and the hook live until it returns.
inline coro<std::optional<std::string>> find_other_answer(const http_request& request,
                                                          const request_hook& program) {
    try {
        std::optional<http_response> own;
        if (program) own = co_await program(request);
        if (!own) own = refuse_request(request);
        if (own) co_return last_response(std::move(*own), request.method);
    } catch (const std::exception&) {
        get_running_loop().call_exception_handler(
            {"exception in process_request of a server of events", std::current_exception(), request.target});
        co_return last_response(text_response(500, "Internal error."), request.method);
    }
    co_return std::nullopt;
}

// Returns: a request for events; nothing when another answer was given.
inline coro<std::optional<event_request>> accept_event_request(
    stream opened, std::shared_ptr<const serve_events_options> options) {
    http_head_parser<http_request> parser =
        co_await read_head<http_request>(opened.reader, options->header_limits);
    std::optional<std::string> other;
    if (parser.fault()) {
        other =
            last_response(text_response(parser.fault()->status, parser.fault()->text), parser.head().method);
    } else {
        other = co_await find_other_answer(parser.head(), options->process_request);
    }
    if (other) {
        co_await answer_plainly(std::move(opened), std::move(*other));
        co_return std::nullopt;
    }
    event_request request{parser.take_head()};
    const bytes_view last_id = request.headers.get("Last-Event-ID").value_or("");
    request.last_event_id = last_id.decode(text_encoding::utf_8, decode_errors::replace);
    co_return request;
}

inline std::string stream_head(const serve_events_options& options, bool chunked) {
    http_response response;
    response.headers = {
        {"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}, {"Connection", "close"}};
    if (chunked) response.headers.add("Transfer-Encoding", "chunked");
    if (!options.server_header.empty()) response.headers.add("Server", options.server_header);
    response.headers.override_with(options.extra_headers);
    return serialize(response);
}

// Returns: whether the handler came to its end. An error of the handler is reported, unless the client has
// gone: then sending fails, and that is the usual way to learn about it.
template <class Handler>
coro<bool> run_event_handler(std::shared_ptr<Handler> handler, event_request request,
                             std::shared_ptr<event_output> output) {
    const std::string target = request.target;
    try {
        event_sink sink(output);
        co_await (*handler)(std::move(request), std::move(sink));
        co_return true;
    } catch (const broken_error&) {
        if (output->is_over()) co_return false;
        get_running_loop().call_exception_handler(
            {"exception in a handler of events", std::current_exception(), target});
    } catch (const std::exception&) {
        get_running_loop().call_exception_handler(
            {"exception in a handler of events", std::current_exception(), target});
    }
    co_return false;
}

// Whatever the client still sends has no meaning.
inline coro<> wait_for_client_to_go(stream_reader reader) {
    try {
        for (;;) {
            const bytes_view ignored = co_await reader.read_view();
            if (ignored.empty()) co_return;
        }
    } catch (const broken_error&) {
    }
}

inline coro<> send_keepalives(std::shared_ptr<event_output> output, optional_time interval) {
    const duration idle = interval ? to_duration(*interval) : duration::max();
    try {
        for (;;) {
            co_await sleep(add_saturated(output->sent_at(), idle) - get_running_loop().time());
            const bool is_idle = get_running_loop().time() >= add_saturated(output->sent_at(), idle);
            if (is_idle) co_await output->send(serialize_comment("keep-alive"));
        }
    } catch (const broken_error&) {
    }
}

inline coro<> wait_for_event(std::shared_ptr<aioxx::event> happened) { co_await happened->wait(); }

// The life of one connection: request, handler, end.
// Parameters: `closing` is set when the server wants all streams to end.
template <class Handler>
coro<> serve_one_stream(stream opened, std::shared_ptr<Handler> handler,
                        std::shared_ptr<const serve_events_options> options,
                        std::shared_ptr<aioxx::event> closing) {
    const std::optional<duration> limit = options->open_timeout;
    std::optional<event_request> request;
    try {
        request = co_await wait_for(accept_event_request(opened, options), limit);
    } catch (const error&) {  // the client vanished or was too slow: there is nobody to tell
    }
    if (!request || opened.writer.transport() == nullptr) {
        opened.writer.close();
        co_return;
    }
    const bool chunked = request->version != "HTTP/1.0";
    auto output = std::make_shared<event_output>(opened.writer, chunked);
    opened.writer.transport()->set_write_buffer_limits({.high = options->write_limit, .low = std::nullopt});
    opened.writer.write(stream_head(*options, chunked));
    scope_exit cut_off([output] { output->end(false); });
    if (options->retry) output->write(serialize_retry(*options->retry));
    const auto ended = co_await race(run_event_handler(std::move(handler), std::move(*request), output),
                                     wait_for_event(std::move(closing)), wait_for_client_to_go(opened.reader),
                                     send_keepalives(output, options->keepalive_interval));
    const bool by_server = ended.first == 1;
    cut_off.release();
    output->end(by_server || std::get<0>(ended.values).value_or(false));
    co_await opened.writer.wait_closed(options->close_timeout);
}

}  // namespace detail

/// A listening server of events. Copies refer to the same one.
class event_server {
public:
    event_server(aioxx::server listening, std::shared_ptr<aioxx::event> closing)
        : listening_(std::move(listening)), closing_(std::move(closing)) {}

    [[nodiscard]] std::uint16_t port() const { return listening_.port(); }
    [[nodiscard]] std::vector<aioxx::endpoint> addresses() const { return listening_.addresses(); }
    [[nodiscard]] std::size_t connection_count() const noexcept { return listening_.connection_count(); }

    /// Stops listening, cancels every handler, and ends the streams when those are done. Idempotent.
    void close() {
        listening_.close();
        closing_->set();
    }

    /// Returns when it is closed and every connection is over. Cancellation: safe.
    [[nodiscard]] coro<> wait_closed() { return listening_.wait_closed(); }

    /// Begins to accept; nothing happens when it does already. Errors: closed_error.
    void start_serving() { listening_.start_serving(); }

    /// Serves until it is closed or the task is cancelled; a cancellation closes it.
    ///
    /// Errors: closed_error when it is closed already.
    /// Cancellation: closes the server, waits for its connections, and throws on.
    [[nodiscard]] coro<> serve_forever() { return serve_forever(*this); }

    /// Closes it, gives the handlers the grace period to come to their ends, then aborts what is left.
    /// Cancellation: as server::shutdown.
    template <class Rep, class Period>
    [[nodiscard]] coro<shutdown_report> shutdown(std::chrono::duration<Rep, Period> grace) {
        close();
        return listening_.shutdown(grace);
    }

private:
    static coro<> serve_forever(event_server self) {
        self.start_serving();
        co_await aioxx::detail::close_when_cancelled(self);
    }

    aioxx::server listening_;
    std::shared_ptr<aioxx::event> closing_;
};

/// Answers one connection that is open already with a stream of events: over a Unix socket, or in memory.
///
/// Parameters and errors of the handler: as serve_events. The connection is closed at the end.
/// Cancellation: cancels the handler, waits for its end, and cuts the connection off.
/// Example:
///     coro<> tell(stream_reader in, stream_writer out) { return websocket::serve_events({in, out}, clock); }
///     auto server = co_await start_unix_server(tell, "/run/clock.sock");
template <event_handler Handler>
coro<> serve_events(stream opened, Handler handler, serve_events_options options = {}) {
    auto shared_handler = std::make_shared<Handler>(std::move(handler));
    auto shared_options = std::make_shared<const serve_events_options>(std::move(options));
    co_await detail::serve_one_stream(std::move(opened), std::move(shared_handler), std::move(shared_options),
                                      std::make_shared<aioxx::event>());
}

/// Listens for requests for events and runs a handler as a task for each.
///
/// The stream ends with its handler; the client comes back after a while, unless it gets a 204 then. The
/// handler is cancelled when the client goes, which is also when it ends only its half, or the server closes.
/// What it throws is reported, but for the broken_error of sending to a client that has gone, and what
/// options.process_request throws is reported and answered with status 500.
/// Parameters: `handler` `coro<>(websocket::event_request, websocket::event_sink)`, kept as long as the
/// server; `host` and `port` as create_server.
/// Errors and cancellation as create_server.
/// Example:
///     coro<> clock(websocket::event_request, websocket::event_sink sink) {
///         for (int tick = 1;; ++tick) {
///             co_await sink.send(std::to_string(tick));
///             co_await sleep(1s);
///         }
///     }
///     auto server = co_await websocket::serve_events(clock, "localhost", 8080);
template <event_handler Handler>
coro<event_server> serve_events(Handler handler, std::string host, std::uint16_t port,
                                serve_events_options options = {}, listen_options listening = {}) {
    const std::size_t limit = options.read_limit;
    std::optional<tls::context> ssl = options.ssl;
    tls::connection_options secure = options.secure;
    if (options.open_timeout) {
        secure.handshake_timeout = std::min<duration>(secure.handshake_timeout, *options.open_timeout);
    }
    auto shared_handler = std::make_shared<Handler>(std::move(handler));
    auto shared_options = std::make_shared<const serve_events_options>(std::move(options));
    auto closing = std::make_shared<aioxx::event>();
    auto handle_stream = [shared_handler, shared_options, closing](stream_reader in, stream_writer out) {
        stream opened{std::move(in), std::move(out)};
        return detail::serve_one_stream(std::move(opened), shared_handler, shared_options, closing);
    };
    if (ssl) {
        aioxx::server over_tls =
            co_await start_server(std::move(handle_stream), std::move(host), port, std::move(*ssl),
                                  std::move(secure), std::move(listening), limit);
        co_return event_server(std::move(over_tls), std::move(closing));
    }
    aioxx::server plain =
        co_await start_server(std::move(handle_stream), std::move(host), port, std::move(listening), limit);
    co_return event_server(std::move(plain), std::move(closing));
}

}  // namespace aioxx::websocket
