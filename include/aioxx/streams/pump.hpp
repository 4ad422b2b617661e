// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/pump.hpp: copies a source to a destination.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/streams/adapters.hpp>

namespace aioxx {

/// Reads from a source to its end and writes what it gave to a destination, with back-pressure from the one to the other.
/// The destination is left open: what ends a stream is the caller's to choose.
///
/// Returns: how many bytes that were. Errors: what reading and writing throw.
/// Cancellation: partial: what was read and not written is lost.
/// Lifetime: copies of both are kept, which refer to the same streams. Asyncio: has none; shutil.copyfileobj.
/// Example: a relay between two connections:
///     co_await gather(relay(a.reader, b.writer), relay(b.reader, a.writer));
///     coro<> relay(stream_reader from, stream_writer to) {
///         co_await pump(from, to);
///         to.write_eof();
///     }
template <byte_source Source, byte_destination Destination>
coro<std::uint64_t> pump(Source from, Destination to) {
    std::uint64_t total = 0;
    if constexpr (requires { from.read_view(); }) {  // what has arrived is written from where it is
        for (;;) {
            const bytes_view arrived = co_await from.read_view();
            if (arrived.empty()) co_return total;
            total += arrived.size();
            co_await to.send(arrived);
        }
    } else {
        std::vector<std::byte> space(256 * 1024);
        for (;;) {
            const std::size_t count = co_await from.read_some(mutable_bytes_view(space));
            if (count == 0) co_return total;
            total += count;
            co_await to.send(bytes_view(space).first(count));
        }
    }
}

}  // namespace aioxx
