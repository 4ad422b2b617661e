// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/opening_heads.hpp: the heads of an opening handshake, kept for as long as the connection lives. As text, a third
// of the memory, until somebody asks for them: most connections are idle, and most programs never ask.

#include <memory>
#include <string>
#include <utility>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket::detail {

/// A request and its response.
class opening_heads {
public:
    opening_heads(const http_request& request, http_response response) : text_(serialize(request)) {
        response.body.clear();
        text_ += serialize(response);
        text_.shrink_to_fit();
    }

    /// Lifetime: as long as this.
    [[nodiscard]] const http_request& request() const { return parsed().request; }
    [[nodiscard]] const http_response& response() const { return parsed().response; }

private:
    struct heads {
        http_request request;
        http_response response;
    };

    // It is our own text: nothing in it can be wrong or too long.
    template <class Head>
    static Head parse(bytes_view& text) {
        http_limits none;
        none.max_line = none.max_total = text.size() + 2;
        none.max_headers = text.size();
        http_head_parser<Head> parser(none);
        text.remove_prefix(parser.feed(text));
        return parser.take_head();
    }

    const heads& parsed() const {
        if (!parsed_) {
            bytes_view text(text_);
            auto made = std::make_unique<heads>();
            made->request = parse<http_request>(text);
            made->response = parse<http_response>(text);
            parsed_ = std::move(made);
            text_ = std::string();
        }
        return *parsed_;
    }

    mutable std::string text_;  // until they are parsed
    mutable std::unique_ptr<const heads> parsed_;
};

}  // namespace aioxx::websocket::detail
