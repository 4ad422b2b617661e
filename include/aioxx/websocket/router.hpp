// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/router.hpp: a handler that chooses another one by the path of the request.
//     websocket::router routes;
//     routes.add("/clock", clock);                    // coro<>(connection)
//     routes.add("/rooms/{room}", chat);              // coro<>(connection, path_parameters)
//     routes.add_page("/", [](const http_request&) { return make_page("<!DOCTYPE html>..."); });
//     auto server = co_await serve(routes, "localhost", 8765);

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/hook.hpp>
#include <aioxx/websocket/percent_encoding.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/server_handshake.hpp>

namespace aioxx::websocket {

/// What stands in a path where its route has `{name}`, percent-decoded, in the order of the path.
class path_parameters {
public:
    void add(std::string name, std::string value) { values_.emplace_back(std::move(name), std::move(value)); }

    /// Errors: std::out_of_range when the route has no parameter of this name.
    [[nodiscard]] const std::string& at(std::string_view name) const {
        for (const auto& [known, value] : values_) {
            if (known == name) return value;
        }
        throw std::out_of_range("path_parameters: the route has no parameter named " + detail::quoted(name));
    }
    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
    [[nodiscard]] bool empty() const noexcept { return values_.empty(); }

private:
    std::vector<std::pair<std::string, std::string>> values_;
};

/// A response with a page or another document.
[[nodiscard]] inline http_response make_page(std::string body, std::string_view type = "text/html; charset=utf-8") {
    http_response response;
    response.headers.add("Content-Type", type);
    response.body = std::move(body);
    return response;
}

namespace detail {

// The path of a request target, without its query.
[[nodiscard]] inline std::string_view path_of(std::string_view target) noexcept {
    return target.substr(0, target.find('?'));
}

// A path with places for parameters.
class path_pattern {
public:
    // Errors: std::invalid_argument naming what is wrong with the pattern.
    explicit path_pattern(std::string_view text) : text_(text) {
        if (!text.starts_with('/')) throw wrong("expected it to begin with /");
        for (const std::string_view piece : split(text)) {
            const bool named = piece.starts_with('{') && piece.ends_with('}');
            const std::string_view inner = named ? piece.substr(1, piece.size() - 2) : piece;
            if (inner.find_first_of("{}?") != std::string_view::npos) {
                throw wrong("a parameter is a whole segment, as in /rooms/{room}, and a query has no place in it");
            }
            if (named && inner.empty()) throw wrong("a parameter needs a name");
            const auto same_name = [&](const segment& each) { return each.is_parameter && each.text == inner; };
            if (named && std::any_of(segments_.begin(), segments_.end(), same_name)) {
                throw wrong("two parameters have the same name");
            }
            segments_.push_back({named, std::string(inner)});
        }
    }

    [[nodiscard]] std::optional<path_parameters> match(std::string_view path) const {
        const std::vector<std::string_view> pieces = split(path);
        if (!path.starts_with('/') || pieces.size() != segments_.size()) return std::nullopt;
        path_parameters found;
        for (std::size_t i = 0; i != pieces.size(); ++i) {
            std::optional<std::string> value = percent_decode(pieces[i]);
            if (!value) return std::nullopt;
            if (!segments_[i].is_parameter) {
                if (*value != segments_[i].text) return std::nullopt;
            } else {
                if (value->empty()) return std::nullopt;
                found.add(segments_[i].text, std::move(*value));
            }
        }
        return found;
    }

    // Segments that are spelled out come before parameters, from the left. Returns: as a three-way comparison.
    [[nodiscard]] int compare(const path_pattern& other) const noexcept {
        const std::size_t common = std::min(segments_.size(), other.segments_.size());
        for (std::size_t i = 0; i != common; ++i) {
            const segment& ours = segments_[i];
            const segment& theirs = other.segments_[i];
            if (ours.is_parameter != theirs.is_parameter) return ours.is_parameter ? 1 : -1;
            if (const int order = ours.is_parameter ? 0 : ours.text.compare(theirs.text); order != 0) return order;
        }
        return static_cast<int>(segments_.size()) - static_cast<int>(other.segments_.size());
    }

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    struct segment {
        bool is_parameter;
        std::string text;  // or the parameter's name
    };

    static std::vector<std::string_view> split(std::string_view path) {
        std::vector<std::string_view> pieces;
        while (!path.empty()) {
            path.remove_prefix(1);
            const std::size_t end = std::min(path.find('/'), path.size());
            pieces.push_back(path.substr(0, end));
            path.remove_prefix(end);
        }
        return pieces;
    }

    [[nodiscard]] std::invalid_argument wrong(const char* why) const {
        return std::invalid_argument("route " + detail::quoted(text_) + ": " + why);
    }

    std::string text_;
    std::vector<segment> segments_;
};

// Patterns with what they lead to, the most specific first.
template <class Target>
class route_table {
public:
    // Errors: std::invalid_argument when another pattern fits the same paths.
    void add(std::string_view text, Target target) {
        path_pattern pattern(text);
        const auto is_before = [](const route& each, const path_pattern& other) { return each.pattern.compare(other) < 0; };
        const auto place = std::lower_bound(routes_.begin(), routes_.end(), pattern, is_before);
        if (place != routes_.end() && place->pattern.compare(pattern) == 0) {
            throw std::invalid_argument("route " + detail::quoted(text) + ": " + detail::quoted(place->pattern.text()) +
                                        " fits the same paths");
        }
        routes_.insert(place, {std::move(pattern), std::move(target)});
    }

    struct result {
        const Target* target = nullptr;  // null: no route fits
        path_parameters parameters;
    };
    [[nodiscard]] result find(std::string_view target) const {
        const std::string_view path = path_of(target);
        for (const route& each : routes_) {
            if (auto parameters = each.pattern.match(path)) return {&each.target, std::move(*parameters)};
        }
        return {};
    }

private:
    struct route {
        path_pattern pattern;
        Target target;
    };
    std::vector<route> routes_;
};

}  // namespace detail

/// Handlers and pages by their paths. Give it to serve() as the handler: it answers what has no route with 404.
///
/// A pattern is an absolute path, in which `{name}` stands for one segment that is not empty. Where several patterns
/// fit, the one that spells out more from the left is taken. The query of a request is not looked at.
class router {
public:
    /// Adds a handler: `coro<>(connection)` or `coro<>(connection, path_parameters)`.
    ///
    /// Errors: std::invalid_argument naming what is wrong with the pattern, also when one that fits the same paths
    /// was added before.
    template <class Handler>
        requires(std::is_invocable_r_v<coro<>, Handler&, connection> ||
                 std::is_invocable_r_v<coro<>, Handler&, connection, path_parameters>)
    void add(std::string_view pattern, Handler handler) {
        handlers_.add(pattern, [shared = std::make_shared<Handler>(std::move(handler))](connection opened,
                                                                                        path_parameters parameters) {
            if constexpr (std::is_invocable_r_v<coro<>, Handler&, connection, path_parameters>) {
                return (*shared)(std::move(opened), std::move(parameters));
            } else {
                return (*shared)(std::move(opened));
            }
        });
    }

    /// Adds a page: a function or coroutine `http_response(const http_request&)`, or with `const path_parameters&`
    /// behind, for GET and HEAD requests that do not ask for a WebSocket. Both may have the same path.
    ///
    /// Errors: as add().
    template <class Function>
        requires(std::constructible_from<hook<http_response, const http_request&>, Function> ||
                 std::constructible_from<hook<http_response, const http_request&, const path_parameters&>, Function>)
    void add_page(std::string_view pattern, Function make) {
        if constexpr (std::constructible_from<page, Function>) {
            pages_.add(pattern, page(std::move(make)));
        } else {
            using plain_page = hook<http_response, const http_request&>;
            pages_.add(pattern, page([inner = plain_page(std::move(make))](
                                         const http_request& request, const path_parameters&) { return inner(request); }));
        }
    }

    /// Answers requests for pages and for paths that nobody serves. Called by serve().
    /// Lifetime: `request` lives until it returns. Cancellation: as the page's function.
    [[nodiscard]] coro<std::optional<http_response>> process_request(const http_request& request) const {
        const bool wants_websocket = request.headers.list_contains("Upgrade", "websocket");
        const bool is_handled = handlers_.find(request.target).target != nullptr;
        if (wants_websocket && is_handled) co_return std::nullopt;
        const auto found = pages_.find(request.target);
        if (wants_websocket || found.target == nullptr) {
            if (is_handled) co_return std::nullopt;  // the handshake knows what is missing
            co_return make_refusal(404, "There is nothing at " + detail::quoted(detail::path_of(request.target)) + ".");
        }
        if (request.method != "GET" && request.method != "HEAD") {
            http_response refusal = make_refusal(405, "unsupported HTTP method " + request.method);
            refusal.headers.add("Allow", "GET, HEAD");
            co_return refusal;
        }
        co_return co_await (*found.target)(request, found.parameters);
    }

    /// Handles a connection. Requires: process_request has let its request pass.
    /// Cancellation: as the handler.
    [[nodiscard]] coro<> operator()(connection opened) const {
        auto found = handlers_.find(opened.request().target);
        if (found.target == nullptr) throw std::invalid_argument("router: no route for " + opened.request().target);
        return (*found.target)(std::move(opened), std::move(found.parameters));
    }

private:
    using page = hook<http_response, const http_request&, const path_parameters&>;

    detail::route_table<std::function<coro<>(connection, path_parameters)>> handlers_;
    detail::route_table<page> pages_;
};

}  // namespace aioxx::websocket
