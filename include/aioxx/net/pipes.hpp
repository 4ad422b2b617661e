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
#include <sys/sysmacros.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/transports/fd_channel.hpp>

namespace aioxx {

namespace detail {

inline const char* kind_of_file(mode_t mode) noexcept {
    if (S_ISREG(mode)) return "a regular file";
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISBLK(mode)) return "a block device";
    return "another kind of file";
}

// What is there once under its name. The master of a pseudo-terminal is not: its device, opened anew, is another
// terminal. Other devices may keep a state for each description.
inline bool can_be_opened_anew(int fd, const struct stat& found) noexcept {
    if (S_ISFIFO(found.st_mode)) return true;
    constexpr unsigned terminal_multiplexer_major = 5;
    constexpr unsigned terminal_multiplexer_minor = 2;
    return S_ISCHR(found.st_mode) && ::isatty(fd) == 1 &&
           found.st_rdev != makedev(terminal_multiplexer_major, terminal_multiplexer_minor);
}

// Non-blocking mode belongs to the open description, which the shell that started the program may share: a terminal
// or a FIFO gets a new description where the system allows it, and only that one is changed (T20).
inline unique_fd make_private_non_blocking(unique_fd fd, const struct stat& found, int access) {
    if (can_be_opened_anew(fd.get(), found)) {
        const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
        unique_fd fresh(::open(path.c_str(), access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
        if (fresh) return fresh;
    }
    make_non_blocking(fd.get());
    return fd;
}

inline std::unique_ptr<pipe_channel> adopt_pipe(unique_fd fd, pipe_end end, const char* operation) {
    struct stat found {};
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fstat(fd.get(), &found) != 0) throw_system_error(errno, operation);
    const bool watchable = S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode) || S_ISCHR(found.st_mode);
    if (!watchable) {
        throw std::invalid_argument(std::string(operation) +
                                    ": a pipe, a socket or a character device was expected, got " +
                                    kind_of_file(found.st_mode));
    }
    const int access = flags & O_ACCMODE;
    if (access == (end == pipe_end::read ? O_WRONLY : O_RDONLY)) {
        throw std::invalid_argument(std::string(operation) + ": the descriptor is open for " +
                                    (access == O_WRONLY ? "writing" : "reading") + " only");
    }
    fd = make_private_non_blocking(std::move(fd), found, access);
    return std::make_unique<pipe_channel>(get_running_loop(), std::move(fd), end);
}

}  // namespace detail

/// Reads from a pipe that the program has. Parameters: `pipe` is the transport's from now on.
///
/// A terminal or a FIFO that is shared with other processes, as standard input is, stays as it is for them. A socket
/// or another device does not: it is made non-blocking for all who share it.
/// Errors: std::invalid_argument for a regular file, a directory, or a descriptor that is not open for reading.
/// Cancellation: safe, the pipe is closed.
/// Asyncio: loop.connect_read_pipe.
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> connect_read_pipe(Factory factory, unique_fd pipe) {
    auto channel = detail::adopt_pipe(std::move(pipe), pipe_end::read, "connect_read_pipe");
    co_return co_await detail::establish(std::move(channel), factory());
}

/// Writes to a pipe that the program has. It notices when the reader is gone. As connect_read_pipe.
///
/// Cancellation: safe, the pipe is closed.
/// Asyncio: loop.connect_write_pipe.
template <protocol_factory Factory>
coro<connection<made_protocol<Factory>>> connect_write_pipe(Factory factory, unique_fd pipe) {
    auto channel = detail::adopt_pipe(std::move(pipe), pipe_end::write, "connect_write_pipe");
    co_return co_await detail::establish(std::move(channel), factory());
}

}  // namespace aioxx
