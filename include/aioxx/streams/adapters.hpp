// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/adapters.hpp: whatever gives and takes bytes, seen as a stream: lines and blocks from any source, and two ends
// that belong together.

#include <concepts>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/awaitable.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/io/busy_guard.hpp>
#include <aioxx/streams/reader.hpp>

namespace aioxx {

/// What bytes can be read from: stream_reader, async_file, buffered_reader, and yours (AnyIO: ByteReceiveStream).
/// read_some waits for at least one byte and gives how many it has written, 0 at the end.
template <class T>
concept byte_source = requires(T& source, mutable_bytes_view into) {
    { source.read_some(into) } -> detail::awaitable;
    requires std::convertible_to<detail::awaited_t<decltype(source.read_some(into))>, std::size_t>;
};

/// What bytes can be written to: stream_writer, async_file, and yours (AnyIO: ByteSendStream).
/// send returns when it may be called again; the bytes are the caller's then.
template <class T>
concept byte_destination = requires(T& destination, bytes_view bytes) {
    { destination.send(bytes) } -> detail::awaitable;
};

/// The operations of a stream_reader over any source (AnyIO: BufferedByteReceiveStream). Copies refer to the same one.
///
/// It reads ahead of what is asked for. What the source throws, the operation throws; what had arrived before stays.
/// Concurrency: one loop, one operation at a time; a second one throws busy_error.
/// Cancellation: as the source's, for all operations; bytes that the source gave are not lost, but by read() to the end.
template <byte_source Source>
class buffered_reader {
public:
    /// Parameters: `limit` the longest line and the longest part of a readuntil, in bytes, at least 1.
    explicit buffered_reader(Source source, std::size_t limit = stream_reader::default_limit)
        : state_(std::make_shared<state>(std::move(source), limit)) {}

    /// As the operations of stream_reader.
    [[nodiscard]] auto read(std::size_t at_most) const {
        return run([at_most](const stream_reader& held) { return held.read(at_most); });
    }
    [[nodiscard]] auto read() const {
        return run([](const stream_reader& held) { return held.read(); });
    }
    [[nodiscard]] auto read_some(mutable_bytes_view into) const {
        return run([into](const stream_reader& held) { return held.read_some(into); });
    }
    [[nodiscard]] auto readexactly(std::size_t count) const {
        return run([count](const stream_reader& held) { return held.readexactly(count); });
    }
    /// Lifetime: the separators are used until it returns.
    [[nodiscard]] auto readuntil(bytes_view separator) const {
        return run([separator](const stream_reader& held) { return held.readuntil(separator); });
    }
    [[nodiscard]] auto readuntil(std::vector<bytes_view> separators) const {
        return run([separators = std::move(separators)](const stream_reader& held) { return held.readuntil(separators); });
    }
    [[nodiscard]] auto readline() const {
        return run([](const stream_reader& held) { return held.readline(); });
    }
    [[nodiscard]] auto next_line() const {
        return run([](const stream_reader& held) { return held.next_line(); });
    }
    [[nodiscard]] auto peek(std::size_t count) const {
        return run([count](const stream_reader& held) { return held.peek(count); });
    }
    void unread(bytes_view bytes) const { state_->held.unread(bytes); }

    /// Whether the source has ended and everything before that was read.
    [[nodiscard]] bool at_eof() const noexcept { return state_->held.at_eof(); }
    [[nodiscard]] const Source& source() const noexcept { return state_->source; }

private:
    static constexpr std::size_t read_ahead = 64 * 1024;  // bytes

    struct state : pinned {
        state(Source from, std::size_t limit) : source(std::move(from)), held(limit) {}

        Source source;
        stream_reader held;
        std::vector<std::byte> space;
        busy_flag busy;
    };

    // Looks whether the operation has what it needs, and reads on until it has.
    template <class Make>
    static auto complete(std::shared_ptr<state> in, Make make)
        -> coro<detail::awaited_t<decltype(make(in->held))>> {
        const busy_guard in_use(in->busy, "buffered_reader");
        auto operation = make(in->held);
        while (!operation.await_ready()) {
            if (in->space.empty()) in->space.resize(read_ahead);
            const std::size_t count = co_await in->source.read_some(mutable_bytes_view(in->space));
            if (count == 0) {
                in->held.feed_eof();
            } else {
                in->held.feed_data(bytes_view(in->space).first(count));
            }
        }
        co_return operation.await_resume();
    }

    template <class Make>
    [[nodiscard]] auto run(Make make) const {
        return complete(state_, std::move(make));
    }

    std::shared_ptr<state> state_;
};

/// A source and a destination that belong together, as one thing (AnyIO: StapledByteStream): the output and the input
/// of a child process, a file that is read and one that is written. See also `stream`, which is the same of a
/// stream_reader and a stream_writer.
template <byte_source Source, byte_destination Destination>
struct stapled_stream {
    Source source;
    Destination destination;

    [[nodiscard]] auto read_some(mutable_bytes_view into) { return source.read_some(into); }
    [[nodiscard]] auto send(bytes_view bytes) { return destination.send(bytes); }
};
template <class Source, class Destination>
stapled_stream(Source, Destination) -> stapled_stream<Source, Destination>;

}  // namespace aioxx
