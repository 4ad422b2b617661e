// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/pipes.hpp: transports over pipes, FIFOs, sockets and character devices that the program already has.

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/transports/fd_channel.hpp>

namespace aioxx {

namespace detail {

// Non-blocking mode belongs to the open description, which the program's parent may share: a terminal or a FIFO is
// opened anew where the system allows it, so that only the new description is changed (T20).
inline unique_fd private_description(unique_fd fd, pipe_end end) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
    const int mode = end == pipe_end::read ? O_RDONLY : O_WRONLY;
    unique_fd fresh(::open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
    if (fresh) return fresh;
    make_non_blocking(fd.get());
    return fd;
}

inline std::unique_ptr<pipe_channel> adopt_pipe(unique_fd fd, pipe_end end, const char* operation) {
    struct stat found {};
    if (::fstat(fd.get(), &found) != 0) throw_system_error(errno, operation);
    const bool watchable = S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode) || S_ISCHR(found.st_mode);
    if (!watchable) {
        throw std::invalid_argument(std::string(operation) +
                                    ": a pipe, a socket or a character device was expected, got another kind of file");
    }
    if (S_ISSOCK(found.st_mode)) {
        make_non_blocking(fd.get());
    } else {
        fd = private_description(std::move(fd), end);
    }
    return std::make_unique<pipe_channel>(get_running_loop(), std::move(fd), end);
}

}  // namespace detail

/// Reads from a pipe that the program has. Parameters: `pipe` is the transport's from now on.
///
/// Errors: std::invalid_argument for a regular file or a directory. Cancellation: safe, the pipe is closed.
/// Asyncio: loop.connect_read_pipe.
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> connect_read_pipe(Factory factory, unique_fd pipe) {
    auto channel = detail::adopt_pipe(std::move(pipe), pipe_end::read, "connect_read_pipe");
    co_return co_await detail::establish(std::move(channel), factory());
}

/// Writes to a pipe that the program has. It notices when the reader is gone. As connect_read_pipe.
///
/// Asyncio: loop.connect_write_pipe.
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> connect_write_pipe(Factory factory, unique_fd pipe) {
    auto channel = detail::adopt_pipe(std::move(pipe), pipe_end::write, "connect_write_pipe");
    co_return co_await detail::establish(std::move(channel), factory());
}

}  // namespace aioxx
