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
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/core/task_options.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/net/server.hpp>
#include <aioxx/net/tls.hpp>
#include <aioxx/streams/handler_task.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/close_when_cancelled.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/websocket/answer_plainly.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/hook.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/server_handshake.hpp>
#include <aioxx/websocket/take_over.hpp>

namespace aioxx::websocket {

/// Handles one connection: `coro<> handler(websocket::connection connection)`. It may have a member process_request,
/// which is called as the one of the options and after it: a router has one.
template <class Handler>
concept connection_handler = std::is_invocable_r_v<coro<>, Handler&, connection>;

namespace detail {

using handler_function = std::function<coro<>(connection)>;

struct visitor_tag;

// What a server and its clients share.
class serving : public std::enable_shared_from_this<serving>, pinned {
public:
    // A client in its opening handshake, or in the closing one behind the handler. Lives in the frame of the task of that.
    class guest : public list_node<> {
    public:
        explicit guest(serving& at) : at_(at), task_(current_task()) { at_.guests_.push_back(*this); }
        guest(serving& at, connection ending) : guest(at) {
            opened = std::move(ending);
            at_.admit(*this);
        }
        ~guest() {
            unlink();
            at_.turn_away(*this);
            at_.tell_left();
        }

        std::optional<connection> opened;

    private:
        friend class serving;
        bool admitted_ = false;
        serving& at_;
        task_base* task_;
    };

    // A client with its handler: the task of that.
    class visitor final : public aioxx::detail::handler_task, public list_node<visitor_tag> {
    public:
        visitor(event_loop& loop, coro<>&& handling, const task_options& options, serving& at, connection opened)
            : handler_task(loop, std::move(handling), options), at_(at), opened_(std::move(opened)) {
            ++at_.admitted_;
            at_.visitors_.push_back(*this);
            at_.self_ = at_.shared_from_this();
        }
        ~visitor() override {
            if (is_visiting()) leave();
        }

    private:
        friend class serving;
        [[nodiscard]] bool is_visiting() const noexcept { return list_node<visitor_tag>::is_linked(); }
        void ended(const std::exception_ptr& thrown) noexcept override;
        void leave() noexcept {
            list_node<visitor_tag>::unlink();
            --at_.admitted_;
            at_.tell_left();
            if (at_.visitors_.empty()) const auto last = std::move(at_.self_);
        }

        serving& at_;
        connection opened_;
    };

    serving(handler_function handle, request_hook handlers_hook, serve_options settings)
        : handler(std::move(handle)),
          process_request(std::move(handlers_hook)),
          options(std::move(settings)),
          uncompressed(std::make_shared<const connection_limits>(limits_of(options))) {}

    const handler_function handler;
    const request_hook process_request;  // the handler's own, behind that of the options
    const serve_options options;
    const std::shared_ptr<const connection_limits> uncompressed;  // those of connections that do not compress
    aioxx::event left;  // set for a moment when a client has gone

    // Returns: why a client is not let in, or nullptr.
    [[nodiscard]] const char* refuses() const noexcept {
        if (closed_) return "the server is shutting down";
        const bool full = options.max_connections != 0 && admitted_ >= options.max_connections;
        return full ? "the server has as many connections as it may" : nullptr;
    }
    // Requires: it has not been let in.
    void admit(guest& one) noexcept {
        one.admitted_ = true;
        ++admitted_;
    }
    void turn_away(guest& one) noexcept {
        if (std::exchange(one.admitted_, false)) --admitted_;
    }

    void add(guest& one, connection opened) {
        one.opened = std::move(opened);
        if (close_status_) begin_close(*one.opened);  // the server was closed while the response left
    }

    [[nodiscard]] bool closed() const noexcept { return closed_; }
    [[nodiscard]] bool empty() const noexcept { return guests_.empty() && visitors_.empty(); }

    void close() noexcept { closed_ = true; }
    void close_connections(close_status status) {
        close_status_ = std::move(status);
        for_each_connection([this](const connection& one) { begin_close(one); });
    }
    void cancel_handlers() {
        for (guest* one = guests_.front(); one != nullptr; one = guests_.next(*one)) one->task_->cancel();
        for (visitor* one = visitors_.front(); one != nullptr; one = visitors_.next(*one)) one->cancel();
    }

    [[nodiscard]] std::vector<connection> connections() const {
        std::vector<connection> open;
        for_each_connection([&open](const connection& one) {
            if (one.is_open()) open.push_back(one);
        });
        return open;
    }

private:
    template <class Action>
    void for_each_connection(Action action) const {
        for (guest* one = guests_.front(); one != nullptr; one = guests_.next(*one)) {
            if (one->opened) action(*one->opened);
        }
        for (visitor* one = visitors_.front(); one != nullptr; one = visitors_.next(*one)) action(one->opened_);
    }
    void begin_close(const connection& one) const {
        if (!one.is_open()) return;
        one.machine().endpoint().send_close(close_status_->code, close_status_->reason);
        one.machine().flush_output();
    }
    void tell_left() {
        left.set();
        left.clear();
    }

    intrusive_list<guest> guests_;
    intrusive_list<visitor, visitor_tag> visitors_;
    std::shared_ptr<serving> self_;  // while there are visitors
    std::size_t admitted_ = 0;       // clients that were or are about to be told 101
    std::optional<close_status> close_status_;
    bool closed_ = false;  // whoever still comes is turned away
};

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

// A time as HTTP writes it (RFC 9110 section 5.6.7), whatever the locale.
[[nodiscard]] inline std::string http_date(std::time_t when) {
    static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    ::gmtime_r(&when, &parts);
    const auto two_digits = [](int value) { return std::string(value < 10 ? "0" : "") + std::to_string(value); };
    return std::string(days[static_cast<std::size_t>(parts.tm_wday)]) + ", " + two_digits(parts.tm_mday) + " " +
           months[static_cast<std::size_t>(parts.tm_mon)] + " " + std::to_string(1900 + parts.tm_year) + " " +
           two_digits(parts.tm_hour) + ":" + two_digits(parts.tm_min) + ":" + two_digits(parts.tm_sec) + " GMT";
}

// Completes a response. One that opens nothing is the last of its connection, says how long it is, and has no trace of
// an opening that was withdrawn.
inline void complete(http_response& response, bool withdrawn, const std::string& server_header) {
    http_headers& headers = response.headers;
    if (!headers.contains("Date")) headers.add("Date", http_date(std::time(nullptr)));
    if (!server_header.empty() && !headers.contains("Server")) headers.add("Server", server_header);
    if (response.status == 101) return;
    if (withdrawn) {
        headers.erase("Upgrade");
        headers.erase("Sec-WebSocket-Accept");
        headers.erase("Sec-WebSocket-Protocol");
        headers.erase("Sec-WebSocket-Extensions");
    }
    if (withdrawn || !headers.list_contains("Connection", "close")) headers.set("Connection", "close");
    if (response.status < 200 || response.status == 204 || response.status == 304) {  // RFC 9110 section 6.4.1
        response.body.clear();
    } else {
        headers.set("Content-Length", std::to_string(response.body.size()));
    }
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
        complete(made.response, handshake.accepted(), at.options.server_header);
        made.serialize_for(request);
    } catch (const std::exception&) {
        get_running_loop().call_exception_handler(
            {"exception in the opening handshake of a WebSocket", std::current_exception(), request.target});
        made.response = refusal(500, "internal error");
        complete(made.response, false, at.options.server_header);
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

// Reports what a handler threw; but connection_closed is the usual way to learn that the peer has gone. Returns: what to
// close with.
inline close_code code_after(const std::exception_ptr& thrown, const connection& handled) {
    if (!thrown) return close_code::normal_closure;
    try {
        std::rethrow_exception(thrown);
    } catch (const connection_closed&) {
        return close_code::normal_closure;
    } catch (const std::exception&) {
        get_running_loop().call_exception_handler(
            {"exception in a WebSocket handler", thrown, handled.request().target});
        return close_code::internal_error;
    }
}

// The closing handshake behind a handler.
inline coro<> see_off(std::shared_ptr<serving> at, connection handled, close_code code) {
    const serving::guest client(*at, handled);
    co_await handled.close(code);
}

inline void serving::visitor::ended(const std::exception_ptr& thrown) noexcept {
    if (!is_visiting()) return;
    if (!is_cancelled(thrown)) {
        loop().guarded(
            [&] {
                const close_code code = code_after(thrown, opened_);
                create_task(loop(), see_off(at_.shared_from_this(), opened_, code),
                            {.name = "connection", .eager_start = true});
            },
            "exception at the end of a WebSocket handler");
    }
    leave();
    const connection dropped = std::move(opened_);
}

inline void start_handler(serving& at, const connection& opened) {
    event_loop& loop = get_running_loop();
    const task_options options = aioxx::detail::handler_task::options_for(loop);
    const state_ptr started(new serving::visitor(loop, at.handler(opened), options, at, opened));
    started->start(true);  // as a part of the task that has opened the connection
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
