// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/server_handshake.hpp: the server's side of the opening handshake (RFC 6455 section 4.2).
// Reads the request; the caller looks at it and answers with respond() or with a response of its own.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/accept_key.hpp>
#include <aioxx/websocket/proto/extension.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/permessage_deflate.hpp>

namespace aioxx::websocket {

/// Chooses among the subprotocols that the client offered; an empty result means none.
using subprotocol_selector = std::function<std::string(const std::vector<std::string>& offered)>;

/// What a server accepts.
struct server_handshake_options {
    std::vector<std::string> origins{};         // accepted ones, "" for requests without Origin; empty: all
    std::vector<std::string> subprotocols{};    // supported ones, preferred first
    subprotocol_selector select_subprotocol{};  // replaces the choice among subprotocols
    std::optional<deflate_options> compression{};  // empty: offers of compression are declined
    http_headers extra_headers{};                  // added to the 101 response
    std::string server_header{};                   // empty: none is sent
    http_limits limits{};
};

/// A response that refuses a request with a line of text.
[[nodiscard]] inline http_response make_refusal(int status, std::string_view text) {
    http_response response;
    response.status = status;
    response.body = std::string(text) + "\n";
    response.headers = {{"Connection", "close"},
                        {"Content-Length", std::to_string(response.body.size())},
                        {"Content-Type", "text/plain; charset=utf-8"}};
    return response;
}

/// Reads a client's request for a WebSocket and answers it.
class server_handshake {
public:
    /// Errors: std::invalid_argument when options.compression has a number out of its range.
    explicit server_handshake(server_handshake_options options = {})
        : options_(std::move(options)), parser_(options_.limits) {
        if (options_.compression) check_deflate_options(*options_.compression);
    }

    /// Reads on in the request.
    ///
    /// Returns: how many bytes belong to the request. The rest, once it is accepted, is the first frames.
    std::size_t feed(bytes_view data) { return parser_.feed(data); }

    /// The client has closed its side.
    void feed_eof() { parser_.feed_eof(); }

    /// Tells whether it is time to answer: the head is complete, or cannot become right any more.
    [[nodiscard]] bool done() const noexcept { return parser_.done() || parser_.fault(); }

    /// The request. It may still be one that is not for a WebSocket; without fault() it is well-formed HTTP.
    [[nodiscard]] const http_request& request() const noexcept { return parser_.head(); }

    /// What is wrong with the request: with its form once done(), with its meaning after respond().
    [[nodiscard]] const std::optional<http_fault>& fault() const noexcept {
        return parser_.fault() ? parser_.fault() : fault_;
    }

    /// Judges the request.
    ///
    /// Requires: done().
    /// Returns: the 101 response, or a refusal, after which the transport is to be closed; see accepted().
    /// Errors: what the subprotocol selector throws; protocol_error (local) when it chose what was not
    /// offered.
    [[nodiscard]] http_response respond() {
        if (!fault()) check();
        if (!fault()) choose_subprotocol();
        if (!fault()) choose_compression();
        http_response response = fault() ? refuse() : accept();
        if (!options_.server_header.empty()) response.headers.set("Server", options_.server_header);
        return response;
    }

    /// Tells whether respond() opened the WebSocket.
    [[nodiscard]] bool accepted() const noexcept { return accepted_; }

    /// The subprotocol that was chosen, empty without one.
    [[nodiscard]] const std::string& subprotocol() const noexcept { return subprotocol_; }

    /// How messages may be compressed, empty without compression; for endpoint_options.
    [[nodiscard]] std::optional<deflate_parameters> compression() const noexcept {
        if (!compression_) return std::nullopt;
        return compression_->parameters;
    }

private:
    void check() {
        const http_headers& headers = request().headers;
        if (request().method != "GET") return fail(405, "unsupported HTTP method " + request().method);
        if (request().version != "HTTP/1.1")
            return fail(505, "unsupported HTTP version " + request().version);
        if (headers.contains("Transfer-Encoding") || headers.get("Content-Length").value_or("0") != "0") {
            return fail(400, "unsupported request body");
        }
        if (!check_single("Host")) return;
        if (headers.get("Host")->find_first_of(" \t/?#@\\") !=
            std::string_view::npos) {  // RFC 9112 section 3.2
            return fail(400, header_text("Host"));
        }
        if (!headers.list_contains("Connection", "Upgrade")) return fail(426, header_text("Connection"));
        if (!headers.list_contains("Upgrade", "websocket")) return fail(426, header_text("Upgrade"));
        if (!check_single("Sec-WebSocket-Key")) return;
        if (!is_valid_key(*headers.get("Sec-WebSocket-Key")))
            return fail(400, header_text("Sec-WebSocket-Key"));
        if (!check_single("Sec-WebSocket-Version")) return;
        if (headers.get("Sec-WebSocket-Version") != "13")
            return fail(426, header_text("Sec-WebSocket-Version"));
        if (headers.count("Origin") > 1) return fail(400, "more than one Origin header");
        const std::string_view origin = headers.get("Origin").value_or("");
        if (!options_.origins.empty() &&
            std::find(options_.origins.begin(), options_.origins.end(), origin) == options_.origins.end()) {
            return fail(403, header_text("Origin"));
        }
    }

    bool check_single(std::string_view name) {
        const std::size_t count = request().headers.count(name);
        if (count == 0) fail(400, header_text(name));
        if (count > 1) fail(400, "more than one " + std::string(name) + " header");
        return count == 1;
    }

    std::string header_text(std::string_view name) const {
        const std::optional<std::string_view> value = request().headers.get(name);
        if (!value) return "missing " + std::string(name) + " header";
        return "invalid " + std::string(name) + " header: " + detail::quoted(*value);
    }

    void fail(int status, std::string text) { fault_ = http_fault{status, std::move(text)}; }

    // Without a selector, the common one whose places in both lists add up to the least.
    void choose_subprotocol() {
        const std::vector<std::string_view> list = request().headers.get_list("Sec-WebSocket-Protocol");
        const std::vector<std::string> offered(list.begin(), list.end());
        for (auto name = offered.begin(); name != offered.end(); ++name) {  // RFC 6455 section 4.1, item 10
            if (!detail::is_token(*name))
                return fail(400, "subprotocol " + detail::quoted(*name) + " is not a token");
            if (std::find(offered.begin(), name, *name) != name) {
                return fail(400, "subprotocol " + detail::quoted(*name) + " is offered twice");
            }
        }
        const std::vector<std::string>& ours = options_.subprotocols;
        if (options_.select_subprotocol) {
            if (!offered.empty()) subprotocol_ = options_.select_subprotocol(offered);
            if (!subprotocol_.empty() &&
                std::find(offered.begin(), offered.end(), subprotocol_) == offered.end()) {
                throw protocol_error(side::local,
                                     "the selector chose a subprotocol that the client did not offer: " +
                                         detail::quoted(subprotocol_));
            }
            return;
        }
        std::size_t best = offered.size() + ours.size();
        for (std::size_t theirs = 0; theirs != offered.size(); ++theirs) {
            const auto found = std::find(ours.begin(), ours.end(), offered[theirs]);
            const std::size_t places = theirs + static_cast<std::size_t>(found - ours.begin());
            if (found != ours.end() && places < best) {
                best = places;
                subprotocol_ = offered[theirs];
            }
        }
    }

    void choose_compression() {
        std::vector<extension> offers;
        if (std::optional<std::string> wrong = parse_extensions(request().headers, offers)) {
            return fail(400, std::move(*wrong));  // RFC 6455 section 9.1
        }
        if (options_.compression) compression_ = answer_deflate(*options_.compression, offers);
    }

    http_response accept() {
        http_response response;
        response.status = 101;
        response.headers = {
            {"Upgrade", "websocket"},
            {"Connection", "Upgrade"},
            {"Sec-WebSocket-Accept", accept_key(*request().headers.get("Sec-WebSocket-Key"))}};
        if (!subprotocol_.empty()) response.headers.add("Sec-WebSocket-Protocol", subprotocol_);
        if (compression_) response.headers.add("Sec-WebSocket-Extensions", to_string(compression_->response));
        for (const http_header& line : options_.extra_headers)
            response.headers.add(line.name, line.value);
        accepted_ = true;
        return response;
    }

    http_response refuse() const {
        const int status = fault()->status;
        std::string text = "Failed to open a WebSocket connection: " + fault()->text + ".";
        if (status == 426)
            text += "\n\nYou need a WebSocket client of version 13, a browser's address bar is none.";
        http_response response = make_refusal(status, text);
        if (status == 405) response.headers.add("Allow", "GET");
        if (status == 426) {  // RFC 6455 section 4.2.2, RFC 9110 section 7.8
            response.headers.set("Connection", "Upgrade, close");
            response.headers.add("Upgrade", "websocket");
            response.headers.add("Sec-WebSocket-Version", "13");
        }
        return response;
    }

    server_handshake_options options_;
    http_head_parser<http_request> parser_;
    std::optional<http_fault> fault_;
    std::string subprotocol_;
    std::optional<deflate_answer> compression_;
    bool accepted_ = false;
};

}  // namespace aioxx::websocket
