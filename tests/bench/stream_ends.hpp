// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/stream_ends.hpp: so many bytes through a stream, in one direction or in both.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/gather.hpp>

namespace bench {

inline aioxx::coro<> send_stream(aioxx::stream_writer writer, std::uint64_t left, std::size_t piece_size) {
    const std::vector<char> piece(piece_size, 'x');
    while (left != 0) {
        const std::size_t size = std::min<std::uint64_t>(left, piece.size());
        co_await writer.send(aioxx::bytes_view(piece).first(size));
        left -= size;
    }
    co_await writer.drain();
}

inline aioxx::coro<> receive_stream(aioxx::stream_reader reader, std::uint64_t left) {
    while (left != 0) {
        const aioxx::bytes_view arrived = co_await reader.read_view();
        if (arrived.empty()) std::abort();
        left -= arrived.size();
    }
}

/// In both directions at the same time.
inline aioxx::coro<> exchange(aioxx::stream both, std::uint64_t send, std::uint64_t receive, std::size_t piece_size) {
    const auto sending = aioxx::create_task(send_stream(both.writer, send, piece_size));
    const auto receiving = aioxx::create_task(receive_stream(both.reader, receive));
    co_await aioxx::gather(sending, receiving);
}

}  // namespace bench
