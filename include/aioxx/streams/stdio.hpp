// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams/stdio.hpp: standard input, output and error as streams, whatever they are: terminals and pipes through a
// description of their own, sockets as they are, files and devices by worker threads. What other processes share with
// us, the shell that started the program above all, stays as it is for them.

#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/net/pipes.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/streams/writer.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/file_channel.hpp>

namespace aioxx {

namespace detail {

// Errors: broken_error naming the operation when the descriptor is closed, or was when the loop took its number for
// something without a name.
inline std::unique_ptr<stream_channel> standard_channel(int shared, pipe_end end, const char* operation) {
    unique_fd own(::fcntl(shared, F_DUPFD_CLOEXEC, 3));
    struct stat found {};
    if (!own || ::fstat(own.get(), &found) != 0) throw_system_error(errno, operation);
    if ((found.st_mode & S_IFMT) == 0) throw_system_error(EBADF, operation);
    event_loop& loop = get_running_loop();
    if (S_ISSOCK(found.st_mode)) return std::make_unique<socket_channel>(loop, std::move(own));
    if (can_be_opened_anew(own.get(), found)) return adopt_pipe(std::move(own), end, operation);
    return std::make_unique<file_channel>(loop, std::move(own), end);
}

inline coro<stream> open_standard(int shared, pipe_end end, const char* operation, std::size_t limit) {
    auto channel = standard_channel(shared, end, operation);
    auto made = co_await establish(std::move(channel), std::make_shared<stream_protocol>(limit));
    co_return make_stream(made.protocol);
}

}  // namespace detail

/// Standard input as a stream. The descriptor itself stays open and as it is.
///
/// Parameters: `limit` the longest line, in bytes.
/// Errors: broken_error when standard input is closed. Cancellation: safe.
/// Lifetime: several readers of one standard input take the bytes away from each other.
/// Asyncio: connect_read_pipe with sys.stdin, which makes it non-blocking for the shell too and refuses files.
/// Example:
///     aioxx::stream_reader input = co_await aioxx::open_stdin();
///     while (auto line = co_await input.next_line()) use(*line);
[[nodiscard]] inline coro<stream_reader> open_stdin(std::size_t limit = stream_reader::default_limit) {
    stream made = co_await detail::open_standard(STDIN_FILENO, pipe_end::read, "open_stdin", limit);
    co_return std::move(made.reader);
}

/// Standard output as a stream. What std::cout holds back is not flushed before.
///
/// Close it and wait for wait_closed before the program ends, so that everything is out.
/// Errors: broken_error when standard output is closed. Cancellation: safe.
[[nodiscard]] inline coro<stream_writer> open_stdout() {
    stream made =
        co_await detail::open_standard(STDOUT_FILENO, pipe_end::write, "open_stdout", stream_reader::default_limit);
    co_return std::move(made.writer);
}

/// Standard error as a stream. Errors and cancellation: as open_stdout.
[[nodiscard]] inline coro<stream_writer> open_stderr() {
    stream made =
        co_await detail::open_standard(STDERR_FILENO, pipe_end::write, "open_stderr", stream_reader::default_limit);
    co_return std::move(made.writer);
}

}  // namespace aioxx
