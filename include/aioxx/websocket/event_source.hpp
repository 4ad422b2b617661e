// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/event_source.hpp: receives server-sent events over HTTP/1.1, and connects again when the
// connection is lost (WHATWG HTML, section "Server-sent events"; browser: EventSource). What the bytes mean
// is decided in proto/event_stream.hpp and proto/http_body.hpp.

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/tls/context.hpp>
#include <aioxx/tls/error.hpp>
#include <aioxx/websocket/authority.hpp>
#include <aioxx/websocket/basic_auth.hpp>
#include <aioxx/websocket/dial.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/event_stream.hpp>
#include <aioxx/websocket/proto/http_body.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proxy.hpp>
#include <aioxx/websocket/read_head.hpp>
#include <aioxx/websocket/redirect.hpp>
#include <aioxx/websocket/uri.hpp>

namespace aioxx::websocket {

/// The server answered with something that is no stream of events.
class event_source_error : public protocol_error {
public:
    /// Parameters: `response` without its body.
    event_source_error(const std::string& what, http_response response)
        : protocol_error(aioxx::side::remote, what), response_(std::move(response)) {}

    [[nodiscard]] const http_response& response() const noexcept { return response_; }

private:
    http_response response_;
};

/// A text is not the URI of a stream of events.
class invalid_http_uri : public std::invalid_argument {
public:
    invalid_http_uri(std::string_view text, const std::string& why)
        : std::invalid_argument("\"" + detail::hide_user_info(text) +
                                "\" is not the URI of an event stream: " + why) {}
};

/// What is known when an event source is about to connect again.
struct reconnection {
    std::chrono::milliseconds time;  ///< what the server asked for last, or options.reconnection_time
    std::size_t failures;            ///< attempts in a row that gave no stream; 0 when a stream has ended
    std::exception_ptr reason;       ///< null when the server ended the stream in order
};

/// Options of event_source().
struct event_source_options {
    event_source_options() = default;

    std::string last_event_id{};               // where to go on, from an earlier run
    http_headers extra_headers{};              // replace ours of the same name
    std::string user_agent = defaults::agent;  // empty: none is sent

    std::optional<tls::context> ssl{};             // for https://; {}: tls::context::for_client()
    std::optional<std::string> server_hostname{};  // the certificate has to name it; {}: the host of the URI
    aioxx::connect_options connecting{};           // family, local address, happy eyeballs

    std::optional<std::string> proxy{};            // as of connect(); {}: that of the environment
    std::optional<tls::context> proxy_ssl{};       // for a proxy at https://; {}: tls::context::for_client()

    /// Opens the connection instead of TCP: a Unix socket. TLS is put over it for https://.
    std::function<coro<stream>(uri where)> open{};

    std::chrono::milliseconds reconnection_time{3000};  // until the server says another one

    /// Says how long to wait before connecting again; {}: the reconnection time. What it throws ends the
    /// source, so that rethrowing the reason means not to try again.
    std::function<std::chrono::milliseconds(const reconnection&)> reconnection_delay{};

    optional_time open_timeout = defaults::open_timeout;  // until the response, redirects included
    optional_time idle_timeout{};                         // of silence, then it connects again; {}: waits

    std::size_t max_line = event_stream_limits().max_line;    // bytes of one line of the stream
    std::size_t max_event = event_stream_limits().max_event;  // bytes of the data of one event
    std::size_t read_limit = defaults::read_limit;            // bytes received and not yet looked at
};

namespace detail {

inline uri parse_http_uri(std::string_view text) {
    static constexpr known_scheme schemes[] = {{"http", 80}, {"https", 443}};
    authority_parser<invalid_http_uri> authority(text, schemes);
    const std::string_view rest = authority.rest();
    uri parsed;
    parsed.secure = authority.scheme() == 1;
    authority.parse_into(parsed);
    // A fragment is the client's own business.
    parsed.target = encode_target<invalid_http_uri>(text, rest.substr(0, rest.find('#')));
    return parsed;
}

// An open stream of events.
class event_connection {
public:
    event_connection(stream opened, http_body_decoder body, event_stream_parser parser,
                     optional_time idle_timeout)
        : opened_(std::move(opened)),
          body_(std::move(body)),
          parser_(std::move(parser)),
          idle_timeout_(idle_timeout) {}

    // Returns: nothing at the end that the server has given the stream.
    // Errors: broken_error for any other end; timeout_error; limit_error; protocol_error for a body that is
    // wrong.
    coro<std::optional<server_sent_event>> next() {
        for (;;) {
            while (!content_.empty()) {
                if (auto event = parser_.take(content_)) co_return event;
                if (parser_.fault()) throw limit_error(parser_.fault()->text, parser_.fault()->seen);
            }
            content_ = body_.take(input_);
            if (body_.fault()) throw protocol_error(aioxx::side::remote, body_.fault()->text);
            if (!content_.empty()) continue;
            if (body_.done()) co_return std::nullopt;
            co_await read_on();
        }
    }

    [[nodiscard]] const event_stream_parser& parser() const noexcept { return parser_; }

private:
    coro<> read_on() {
        if (idle_timeout_) opened_.reader.expires_after(*idle_timeout_);
        input_ = co_await opened_.reader.read_view();
        if (!input_.empty()) co_return;
        body_.feed_eof();
        if (body_.fault()) {
            throw broken_error(std::make_error_code(std::errc::connection_aborted), body_.fault()->text);
        }
    }

    stream opened_;
    http_body_decoder body_;
    event_stream_parser parser_;
    optional_time idle_timeout_;
    bytes_view input_;    // lent by the reader until the next time
    bytes_view content_;  // a part of it
};

// The proxy that leads to a server; none when the program opens the connection itself. Errors: invalid_proxy.
inline std::optional<proxy_address> proxy_to(const uri& to, const event_source_options& options) {
    if (options.open) return std::nullopt;
    const std::optional<std::string> named = options.proxy ? options.proxy : http_proxy_from_environment(to);
    if (!named || named->empty()) return std::nullopt;
    return parse_proxy(*named);
}

// Whether the proxy is asked for the events, instead of for a connection (RFC 9112 section 3.2.2): HTTP proxies often connect
// with nothing but port 443.
inline bool is_forwarded(const std::optional<proxy_address>& proxy, const uri& to) {
    return proxy && proxy->is_http() && !to.secure;
}

inline http_request make_event_request(const redirect_chain& chain, const event_source_options& options,
                                       const std::optional<proxy_address>& proxy, const std::string& last_event_id) {
    const uri& to = chain.present();
    const bool forwarded = is_forwarded(proxy, to);
    http_request request;
    request.target = (forwarded ? "http://" + to.host_header() : "") + to.target;
    request.headers = {
        {"Host", to.host_header()}, {"Accept", "text/event-stream"}, {"Cache-Control", "no-store"}};
    if (!options.user_agent.empty()) request.headers.add("User-Agent", options.user_agent);
    if (to.user_info) request.headers.add("Authorization", build_authorization_basic(*to.user_info));
    if (forwarded && proxy->user_info) {
        request.headers.add("Proxy-Authorization", build_authorization_basic(*proxy->user_info));
    }
    // An id with control characters cannot be told to the server: a header has no place for them.
    const bool can_resume = !last_event_id.empty() && is_field_value(last_event_id);
    if (can_resume) request.headers.add("Last-Event-ID", last_event_id);
    http_headers extra = options.extra_headers;
    chain.withhold(extra);
    request.headers.override_with(extra);
    return request;
}

inline coro<stream> connect_to(uri to, std::optional<proxy_address> proxy, const event_source_options& options,
                               std::string& step) {
    const way how{options.connecting, options.read_limit, options.user_agent, options.proxy_ssl, step};
    if (options.open) {
        step = "opening the connection";
        return options.open(std::move(to));
    }
    if (!proxy) return dial(how, std::move(to.host), to.port);
    if (is_forwarded(proxy, to)) return dial_proxy(how, std::move(*proxy));
    return dial_through(how, std::move(*proxy), std::move(to.host), to.port);
}

// The response, without those that only say that it will come.
inline coro<http_response> read_response(stream_reader from) {
    for (;;) {
        http_head_parser<http_response> parser = co_await read_head<http_response>(from);
        if (parser.fault() && from.at_eof()) {
            throw broken_error(std::make_error_code(std::errc::connection_aborted), parser.fault()->text);
        }
        if (parser.fault()) throw protocol_error(aioxx::side::remote, parser.fault()->text);
        const int status = parser.head().status;
        if (status / 100 != 1 || status == 101) co_return parser.take_head();
    }
}

inline void require_event_stream(const http_response& response, const uri& asked) {
    const std::string who = "event source " + asked.host_header() + asked.target + ": ";
    if (response.status != 200) {
        throw event_source_error(who + "HTTP " + std::to_string(response.status) +
                                     (response.reason.empty() ? "" : " " + response.reason) +
                                     "; expected 200",
                                 response);
    }
    const std::string_view type = response.headers.get("Content-Type").value_or("");
    if (!equal_ignoring_case(trim(type.substr(0, type.find(';'))), "text/event-stream")) {
        throw event_source_error(
            who + "Content-Type " + detail::quoted(type) + "; expected text/event-stream", response);
    }
    const std::string_view coding = response.headers.get("Content-Encoding").value_or("identity");
    if (!equal_ignoring_case(coding, "identity")) {
        throw event_source_error(who + "Content-Encoding " + detail::quoted(coding) + " was not asked for",
                                 response);
    }
}

// Asks for the events, and follows redirects. Returns: nothing when the server does not want to be asked any
// more.
// Parameters: `step` is set to what is waited for. Lifetime: the options and what is a string live until it returns.
inline coro<std::optional<event_connection>> open_events(uri first, const event_source_options& options,
                                                         const std::string& last_event_id, std::string& step) {
    redirect_chain chain(std::move(first));
    for (;;) {
        const uri to = chain.present();
        const std::optional<proxy_address> proxy = proxy_to(to, options);
        stream opened = co_await connect_to(to, proxy, options, step);
        if (to.secure) {
            std::string name = options.server_hostname ? *options.server_hostname : without_zone(to.host);
            co_await secure(opened, std::move(name), options.ssl, step);
        }
        step = "waiting for the answer of " + to.host_header();
        co_await opened.writer.send(serialize(make_event_request(chain, options, proxy, last_event_id)));
        const http_response response = co_await read_response(opened.reader);
        if (is_redirect(response)) {
            chain.follow(response);
            continue;
        }
        if (response.status == 204) co_return std::nullopt;
        require_event_stream(response, to);
        const event_stream_limits limits{options.max_line, options.max_event};
        co_return event_connection(std::move(opened), http_body_decoder(response),
                                   event_stream_parser(limits, last_event_id), options.idle_timeout);
    }
}

inline coro<std::optional<event_connection>> open_in_time(uri first, const event_source_options& options,
                                                          const std::string& last_event_id) {
    std::string step = "beginning";
    const std::optional<duration> limit = options.open_timeout;
    try {
        co_return co_await wait_for(open_events(std::move(first), options, last_event_id, step), limit);
    } catch (const timeout_error&) {
        throw timeout_error("event source: timed out while " + step);
    }
}

// Whether a failure is the network's, so that the next attempt may succeed.
inline bool may_pass(const error& failure) {
    if (const auto* refused = dynamic_cast<const invalid_proxy_status*>(&failure)) return refused->status() >= 500;
    if (dynamic_cast<const tls::certificate_error*>(&failure) != nullptr) return false;  // the same one will come again
    return dynamic_cast<const broken_error*>(&failure) != nullptr || dynamic_cast<const timeout_error*>(&failure) != nullptr ||
           dynamic_cast<const proxy_error*>(&failure) != nullptr ||
           dynamic_cast<const handshake_incomplete*>(&failure) != nullptr;  // the proxy's
}

inline async_generator<server_sent_event> follow_events(uri first, event_source_options options) {
    reconnection again{options.reconnection_time, 0, nullptr};
    for (;;) {
        std::optional<event_connection> source;
        again.reason = nullptr;
        ++again.failures;
        try {
            source = co_await open_in_time(first, options, options.last_event_id);
            if (!source) co_return;
            again.failures = 0;
            while (std::optional<server_sent_event> next = co_await source->next()) co_yield std::move(*next);
        } catch (const error& failure) {
            if (!may_pass(failure)) throw;
            again.reason = std::current_exception();
        }
        if (source) {
            options.last_event_id = source->parser().last_event_id();
            again.time = source->parser().retry().value_or(again.time);
            source.reset();  // not kept open while waiting
        }
        const auto delay = options.reconnection_delay ? options.reconnection_delay(again) : again.time;
        co_await sleep(delay);
    }
}

}  // namespace detail

/// Follows a stream of events. When the connection is lost, or the server ends the stream, it connects again
/// after the reconnection time and goes on behind the last event id. (Browser: EventSource; Python:
/// httpx-sse, aiohttp-sse-client.)
///
/// Ends when the server answers 204. Attempts that fail for reasons of the network or by timeout are repeated
/// without end, the first one included, as the standard says; options.reconnection_delay is told of each and
/// may stop that. The proxy that the environment names is used, see http_proxy_from_environment; options.proxy = "" connects
/// directly. What goes wrong at a proxy is a reason of the network, but for a status below 500.
/// Errors: invalid_http_uri, and invalid_proxy for options.proxy, at once. From next(): event_source_error for another status
/// than 200 or another type of content; protocol_error for an answer that is wrong otherwise, redirect_error among them;
/// invalid_proxy_status; invalid_proxy for the environment's; limit_error for a line or an event that is too long;
/// tls::certificate_error; what the functions of the options throw.
/// Cancellation: of next(): ends the source, the connection is closed.
/// Example:
///     coro<> show_events() {
///         auto events = websocket::event_source("https://example.org/events");
///         while (auto event = co_await events.next()) show(event->event, event->data);
///     }
[[nodiscard]] inline async_generator<server_sent_event> event_source(std::string_view address,
                                                                     event_source_options options = {}) {
    if (options.proxy && !options.proxy->empty()) static_cast<void>(parse_proxy(*options.proxy));
    return detail::follow_events(detail::parse_http_uri(address), std::move(options));
}

}  // namespace aioxx::websocket
