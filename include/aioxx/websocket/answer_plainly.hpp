// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/answer_plainly.hpp: a response of plain HTTP that is the last of its connection: its bytes, and
// the end.

#include <string>
#include <string_view>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket::detail {

inline http_response text_response(int status, std::string_view text) {
    http_response response;
    response.status = status;
    response.headers.add("Content-Type", "text/plain; charset=utf-8");
    response.body = std::string(text) + "\n";
    return response;
}

// Some statuses never have a body, and the method HEAD asks for none (RFC 9112 section 6.3).
inline std::string last_response(http_response response, std::string_view method) {
    response.headers.set("Connection", "close");
    if (response.status >= 200 && response.status != 204 && response.status != 304) {
        response.headers.set("Content-Length", std::to_string(response.body.size()));
    } else {
        response.body.clear();
    }
    if (method == "HEAD") response.body.clear();
    return serialize(response);
}

// A full close could destroy the response on its way to a client that is still sending: only our half is
// closed, and the client does the rest. What it sends until then has no meaning.
// Cancellation: partial: the response is on its way.
inline coro<> answer_plainly(stream opened, std::string response) {
    co_await opened.writer.send(response);
    if (!opened.writer.can_write_eof()) {
        opened.writer.close();
        co_return;
    }
    opened.writer.write_eof();
    for (;;) {
        const bytes_view ignored = co_await opened.reader.read_view();
        if (ignored.empty()) co_return;
    }
}

}  // namespace aioxx::websocket::detail
