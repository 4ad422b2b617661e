// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/open_connection.hpp: client streams over TCP and Unix sockets.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/streams/writer.hpp>

namespace aioxx {

/// A reader and a writer: one connection, or whatever one wants to read from and write to. Either can be passed on alone.
struct stream {
    stream_reader reader;
    stream_writer writer;

    /// Sets the deadline of both halves: see stream_reader::expires_at and stream_writer::expires_at.
    void expires_at(time_point when) const {
        reader.expires_at(when);
        writer.expires_at(when);
    }
    /// As above. Parameters: `delay` from now.
    template <class Rep, class Period>
    void expires_after(std::chrono::duration<Rep, Period> delay) const {
        expires_at(add_saturated(get_running_loop().time(), to_duration(delay)));
    }
    /// Takes the deadlines away.
    void expires_never() const {
        reader.expires_never();
        writer.expires_never();
    }
};

/// Makes the halves of a stream. The connection is closed when the last of them is gone.
[[nodiscard]] inline stream make_stream(const std::shared_ptr<stream_protocol>& state) {
    return {stream_reader(std::shared_ptr<receive_buffer>(state, &state->incoming)), stream_writer(state)};
}

/// Connects over TCP. `auto [reader, writer] = co_await open_connection("localhost", 8888);`
///
/// Parameters: `limit` the longest line of the reader, in bytes; the rest as create_connection.
/// Errors: as create_connection. Cancellation: safe, nothing stays open. Asyncio: open_connection.
[[nodiscard]] inline coro<stream> open_connection(std::string host, std::uint16_t port, connect_options options = {},
                                                  std::size_t limit = stream_reader::default_limit) {
    auto made = co_await create_connection([limit] { return std::make_shared<stream_protocol>(limit); },
                                           std::move(host), port, std::move(options));
    co_return make_stream(made.protocol);
}

/// Connects to a Unix socket. As open_connection; asyncio: open_unix_connection.
/// Cancellation: safe, nothing stays open.
[[nodiscard]] inline coro<stream> open_unix_connection(std::string path, connect_options options = {},
                                                       std::size_t limit = stream_reader::default_limit) {
    auto made = co_await create_unix_connection([limit] { return std::make_shared<stream_protocol>(limit); },
                                                std::move(path), std::move(options));
    co_return make_stream(made.protocol);
}

/// Makes a stream of a stream socket that is connected already; it is the stream's from now on.
/// Errors: as connect_accepted_socket. Cancellation: safe, the socket is closed.
[[nodiscard]] inline coro<stream> open_socket(unique_fd socket, std::size_t limit = stream_reader::default_limit) {
    auto made = co_await connect_accepted_socket([limit] { return std::make_shared<stream_protocol>(limit); },
                                                 std::move(socket));
    co_return make_stream(made.protocol);
}

}  // namespace aioxx
