// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/proto/client_handshake.hpp: the client's side of the opening handshake (RFC 6455 section 4.1).
// Writes the request, reads the response, and keeps what a refusal says for the error message.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/accept_key.hpp>
#include <aioxx/websocket/proto/extension.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/permessage_deflate.hpp>

namespace aioxx::websocket {

/// What a client asks for.
struct client_handshake_options {
    std::string host{};  // with the port unless it is the scheme's own
    std::string target = "/";
    std::optional<std::string> origin{};
    std::vector<std::string> subprotocols{};       // preferred first
    std::optional<deflate_options> compression{};  // empty: no compression is offered
    http_headers extra_headers{};  // replace ours of the same name, except those of the handshake itself
    std::string user_agent{};      // empty: none is sent
    http_limits limits{};
    std::size_t max_body = 4096;  // how much of a refusal's body is kept
};

/// Why there is no WebSocket, from the client's point of view.
struct handshake_fault {
    std::string text;
    std::optional<http_response> response{};  // what the server answered, as far as it could be read
};

/// Asks a server for a WebSocket and judges the answer.
class client_handshake {
public:
    /// Errors: std::invalid_argument when an option cannot be written into a request.
    explicit client_handshake(client_handshake_options options, std::string key = make_key())
        : options_(std::move(options)), key_(std::move(key)), parser_(options_.limits) {
        request_.target = options_.target;
        http_headers& headers = request_.headers;
        headers.add("Host", options_.host);
        if (options_.origin) headers.add("Origin", *options_.origin);
        if (!options_.user_agent.empty()) headers.add("User-Agent", options_.user_agent);
        headers.override_with(options_.extra_headers);
        headers.set("Upgrade", "websocket");
        headers.set("Connection", "Upgrade");
        headers.set("Sec-WebSocket-Key", key_);
        headers.set("Sec-WebSocket-Version", "13");
        if (!options_.subprotocols.empty()) headers.set("Sec-WebSocket-Protocol", subprotocol_list());
        if (options_.compression) {
            check_deflate_options(*options_.compression);
            headers.set("Sec-WebSocket-Extensions", to_string(offer_deflate(*options_.compression)));
        }
        output_ = serialize(request_);
    }

    [[nodiscard]] const http_request& request() const noexcept { return request_; }

    /// The bytes to send first.
    ///
    /// Lifetime: that of the handshake.
    [[nodiscard]] bytes_view output() const noexcept { return output_; }

    /// Reads on in the response.
    ///
    /// Returns: how many bytes belong to the handshake. The rest, once done() without a fault(), is the first
    /// frames.
    std::size_t feed(bytes_view data) {
        std::size_t used = 0;
        if (!done_ && !response_) {
            used = parser_.feed(data);
            if (parser_.fault()) {
                refuse(parser_.fault()->text);
            } else if (parser_.done()) {
                response_ = parser_.take_head();
                judge();
            }
        }
        if (!done_ && response_) used += read_body(data.subview(used));
        return used;
    }

    /// The server has closed its side.
    void feed_eof() {
        if (done_) return;
        if (!response_) refuse("the connection ended before the server answered the opening handshake");
        finish();
    }

    /// Tells whether the answer is known completely.
    [[nodiscard]] bool done() const noexcept { return done_; }

    /// Why it failed. Known before done() while the body of a refusal is still being read.
    [[nodiscard]] const std::optional<handshake_fault>& fault() const noexcept { return fault_; }

    /// The response.
    ///
    /// Requires: done() without a fault().
    [[nodiscard]] const http_response& response() const noexcept { return *response_; }

    /// The subprotocol that the server chose, empty without one.
    [[nodiscard]] const std::string& subprotocol() const noexcept { return subprotocol_; }

    /// How messages may be compressed, empty without compression; for endpoint_options.
    [[nodiscard]] const std::optional<deflate_parameters>& compression() const noexcept {
        return compression_;
    }

private:
    std::string subprotocol_list() const {
        std::string list;
        const std::vector<std::string>& names = options_.subprotocols;
        for (auto name = names.begin(); name != names.end(); ++name) {  // 4.1, item 10
            if (!detail::is_token(*name)) {
                throw std::invalid_argument("subprotocol " + detail::quoted(*name) + " is not an HTTP token");
            }
            if (std::find(names.begin(), name, *name) != name) {
                throw std::invalid_argument("subprotocol " + detail::quoted(*name) + " stands there twice");
            }
            list += (list.empty() ? "" : ", ") + *name;
        }
        return list;
    }

    void judge() {
        const http_headers& headers = response_->headers;
        if (response_->status != 101) {
            fault_ = {"server rejected WebSocket connection: HTTP " + std::to_string(response_->status), {}};
            body_left_ = body_size();
            if (body_left_ == 0) finish();
            return;
        }
        if (response_->version != "HTTP/1.1") return refuse("unsupported HTTP version " + response_->version);
        if (!headers.list_contains("Connection", "Upgrade"))
            return refuse(header_text("Connection", "Upgrade"));
        if (headers.get_list("Upgrade").size() != 1 || !headers.list_contains("Upgrade", "websocket")) {
            return refuse(header_text("Upgrade", "websocket"));
        }
        const std::string expected = accept_key(key_);
        if (headers.count("Sec-WebSocket-Accept") != 1 || *headers.get("Sec-WebSocket-Accept") != expected) {
            return refuse(header_text("Sec-WebSocket-Accept", expected));
        }
        if (std::optional<std::string> wrong = judge_extensions()) return refuse(std::move(*wrong));
        const std::vector<std::string_view> chosen = headers.get_list("Sec-WebSocket-Protocol");
        if (chosen.size() > 1) return refuse("server chose more than one subprotocol");
        if (!chosen.empty()) {
            if (std::find(options_.subprotocols.begin(), options_.subprotocols.end(), chosen[0]) ==
                options_.subprotocols.end()) {
                return refuse("server chose a subprotocol that was not offered: " +
                              detail::quoted(chosen[0]));
            }
            subprotocol_ = chosen[0];
        }
        done_ = true;
    }

    // RFC 6455 section 9.1, RFC 7692 section 5.
    std::optional<std::string> judge_extensions() {
        std::vector<extension> chosen;
        if (auto wrong = parse_extensions(response_->headers, chosen)) return wrong;
        for (const extension& element : chosen) {
            if (element.name != deflate_name || !options_.compression) {
                return "server chose an extension that was not offered: " + detail::quoted(element.name);
            }
            if (compression_) return "server chose " + std::string(deflate_name) + " twice";
            if (auto wrong = judge_deflate(*options_.compression, element, compression_.emplace()))
                return wrong;
        }
        return std::nullopt;
    }

    // How a header of the response differs from what it has to be.
    std::string header_text(std::string_view name, std::string_view expected) const {
        const std::optional<std::string_view> value = response_->headers.get(name);
        if (!value) return "missing " + std::string(name) + " header in the server's response";
        if (response_->headers.count(name) > 1) return "more than one " + std::string(name) + " header";
        return "invalid " + std::string(name) + " header: expected '" + std::string(expected) + "', got " +
               detail::quoted(*value);
    }

    // How many bytes of body are worth waiting for: all that is announced or may come, up to max_body.
    std::size_t body_size() const {
        const int status = response_->status;
        if (status < 200 || status == 204 || status == 304) return 0;
        std::size_t size = options_.max_body;
        if (const std::optional<std::string_view> length = response_->headers.get("Content-Length")) {
            std::size_t announced = 0;
            const auto [end, error] =
                std::from_chars(length->data(), length->data() + length->size(), announced);
            if (error == std::errc() && end == length->data() + length->size())
                size = std::min(size, announced);
        }
        return size;
    }

    std::size_t read_body(bytes_view data) {
        const std::size_t size = std::min(body_left_, data.size());
        response_->body.append(data.first(size).str());
        body_left_ -= size;
        if (body_left_ == 0) finish();
        return size;
    }

    void refuse(std::string text) {
        compression_.reset();
        fault_ = {std::move(text), {}};
        finish();
    }

    void finish() {
        fault_->response = response_;
        done_ = true;
    }

    client_handshake_options options_;
    std::string key_;
    http_request request_;
    std::string output_;
    http_head_parser<http_response> parser_;
    std::optional<http_response> response_;  // from the end of its head on
    std::optional<handshake_fault> fault_;
    std::string subprotocol_;
    std::optional<deflate_parameters> compression_;
    std::size_t body_left_ = 0;
    bool done_ = false;
};

}  // namespace aioxx::websocket
