// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/read_head.hpp: reads the head of an HTTP message from a stream, and leaves there what follows it.

#include <cstddef>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/websocket/proto/http_head.hpp>

namespace aioxx::websocket::detail {

// Returns: the parser, which is done or has a fault; an end of the stream before the head is complete is one
// as well.
// Errors: broken_error for a lost connection. Cancellation: partial: what was read of the head is lost.
template <class Head>
coro<http_head_parser<Head>> read_head(stream_reader reader, http_limits limits = {}) {
    http_head_parser<Head> parser(limits);
    while (!parser.done() && !parser.fault()) {
        const bytes_view arrived = co_await reader.read_view();
        if (arrived.empty()) parser.feed_eof();
        const std::size_t used = parser.feed(arrived);
        if (used != arrived.size()) reader.unread(arrived.subview(used));
    }
    co_return parser;
}

}  // namespace aioxx::websocket::detail
