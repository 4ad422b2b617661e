// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/stream_ends.hpp: so many bytes through a stream, in one direction.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include <aioxx/streams/open_connection.hpp>

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

}  // namespace bench
