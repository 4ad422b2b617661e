// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/pump.hpp: copies a source to a destination.

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/net/sendfile.hpp>
#include <aioxx/net/splice.hpp>
#include <aioxx/streams/adapters.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/streams/receive_buffer.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/streams/writer.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/transports/stream_transport.hpp>

namespace aioxx {

namespace detail {

// An async_file, which a later layer defines.
template <class T>
concept file_source = requires(const T& file) {
    { file.fileno() } -> std::same_as<int>;
    { file.tell() } -> detail::awaitable;
};

// A stream_reader of a connection.
template <class T>
concept connected_source = requires(const T& source) {
    { source.transport() } -> std::same_as<read_transport*>;
    { source.read_view() } -> detail::awaitable;
};

// Waits for something to move, or to read, as the reader's own operations do.
class arrival final : public receive_operation {
public:
    explicit arrival(receive_buffer& source) noexcept : source_(source) {}
    ~arrival() {
        if (is_enlisted()) source_.forget(*this);
    }

    // Something can be moved.
    void notice() noexcept {
        if (!is_enlisted()) return;
        source_.forget(*this);
        wake();
    }

    bool await_ready() { return has_read(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        source_.wait(*this, "pump");
        suspend(coroutine);
    }
    // Returns: whether it is to be moved, and not to be read.
    bool await_resume() {
        throw_if_cancelled();
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
        return !has_read();
    }

    bool look(const receive_buffer& source, bytes_view present, std::size_t&) override {
        return !present.empty() || source.ended();
    }
    void fail(std::exception_ptr reason) noexcept override { failure_ = std::move(reason); }

private:
    bool has_read() { return !source_.begin().empty() || source_.ended(); }
    void cancel_wait() noexcept override {
        if (is_enlisted()) source_.forget(*this);
        wake_cancelled();
    }
    const char* waits_for() const noexcept override { return "pump"; }

    receive_buffer& source_;
    std::exception_ptr failure_;
};

inline std::shared_ptr<stream_transport> stream_transport_of(base_transport* known) {
    auto* const over = dynamic_cast<stream_transport*>(known);
    return over != nullptr ? over->shared_from_this() : nullptr;
}

// A message of so many bytes costs the same CPU time both ways (TCP on the loopback, in C). By splice one of 32 KiB costs
// 0.9 of it, one of 64 KiB 0.7, one of 256 KiB 0.55; one byte 1.06.
inline constexpr std::size_t worth_splicing = 16 * 1024;
inline constexpr std::size_t splice_yield_after = 256 * 1024;  // bytes, for the sake of other tasks

// Moves bytes past the memory of the program as long as that is worth it and possible. What is moved has been written.
// Parameters: `possible` is set to false when it is not, and will not be.
template <connected_source Source>
coro<std::uint64_t> splice_streams(Source from, stream_writer to, bool& possible) {
    std::uint64_t total = 0;
    possible = false;
    const auto source = stream_transport_of(from.transport());
    const auto destination = stream_transport_of(to.transport());
    if (!source || !destination) co_return total;
    const auto state = std::dynamic_pointer_cast<stream_protocol>(source->get_protocol());
    if (!state) co_return total;
    receive_buffer& held = state->incoming;
    arrival arrived(held);
    const auto path = splice_path::open(source, destination, [&arrived] { arrived.notice(); });
    if (!path) co_return total;
    while (held.size() != 0) {  // what has come before
        const bytes_view rest = co_await from.read_view();
        total += rest.size();
        co_await to.send(rest);
    }
    destination->hold_writers();
    co_await to.drain();
    std::size_t unyielded = 0;
    for (int small = 0; small < 2;) {
        const splice_path::step step = path->move();
        total += step.count;
        possible = step.then != splice_path::step::next::never;
        if (step.then == splice_path::step::next::wait) {
            const bool movable = co_await arrived;
            if (!movable) break;
            unyielded = 0;
            continue;
        }
        if (step.count != 0) co_await to.send(bytes_view());  // waits for room, and fails as that of the bytes would
        if (step.then != splice_path::step::next::move) break;
        small = step.count < worth_splicing ? small + 1 : 0;
        unyielded += step.count;
        if (unyielded >= splice_yield_after) {
            unyielded = 0;
            co_await sleep(duration::zero());
        }
    }
    co_return total;
}

}  // namespace detail

/// Reads from a source to its end and writes what it gave to a destination, with back-pressure from the one to the other.
/// The destination is left open: what ends a stream is the caller's to choose.
///
/// The system moves the bytes itself where it can: a file goes into a stream by sendfile; between two connections that are
/// sockets or pipes, without TLS, large amounts go by splice, as soon as two portions in a row had 32 KiB or more and until
/// two have less than 16 KiB.
/// Returns: how many bytes that were. Errors: what reading and writing throw.
/// Cancellation: partial: what was read is on its way to a stream; what was read from another source than a stream_reader
/// and not written is lost.
/// Concurrency: others may write to the destination as well; what they write stays together.
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
        std::shared_ptr<stream_transport> over = detail::stream_transport_of(to.transport());
        if (!over) throw closed_error("pump: the connection is over");
        co_return co_await sendfile(std::move(over), from.fileno(), rest);
    } else if constexpr (requires { from.read_view(); }) {  // what has arrived is written from where it is
        constexpr bool connected = detail::connected_source<Source> && std::same_as<Destination, stream_writer>;
        bool can_splice = connected;
        int large = 0;
        for (;;) {
            const bytes_view arrived = co_await from.read_view();
            if (arrived.empty()) co_return total;
            total += arrived.size();
            large = arrived.size() >= 2 * detail::worth_splicing ? large + 1 : 0;
            co_await to.send(arrived);
            if constexpr (connected) {
                if (large < 2 || !can_splice) continue;
                large = 0;
                total += co_await detail::splice_streams(from, to, can_splice);
            }
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
