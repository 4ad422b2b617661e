// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/pump.hpp: copies a source to a destination.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/net/sendfile.hpp>
#include <aioxx/streams/adapters.hpp>
#include <aioxx/streams/writer.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx {

namespace detail {

// An async_file, which a later layer defines.
template <class T>
concept file_source = requires(const T& file) {
    { file.fileno() } -> std::same_as<int>;
    { file.tell() } -> detail::awaitable;
};

}  // namespace detail

/// Reads from a source to its end and writes what it gave to a destination, with back-pressure from the one to the other.
/// The destination is left open: what ends a stream is the caller's to choose. A file goes into a stream by sendfile.
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
    if constexpr (detail::file_source<Source> && std::same_as<Destination, stream_writer>) {
        sendfile_options rest;
        rest.offset = co_await from.tell();
        auto* const over = dynamic_cast<stream_transport*>(to.transport());
        if (over == nullptr) throw closed_error("pump: the connection is over");
        std::shared_ptr<transport> kept = over->shared_from_this();
        co_return co_await sendfile(std::move(kept), from.fileno(), rest);
    } else if constexpr (requires { from.read_view(); }) {  // what has arrived is written from where it is
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
