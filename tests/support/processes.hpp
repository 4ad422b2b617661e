// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/support/processes.hpp: what tests of child processes look at: descriptors, children, the end of a pipe.

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>

namespace support {

// The arguments that run a command of the shell.
inline std::vector<std::string> sh(std::string command) {
    std::vector<std::string> arguments;
    arguments.emplace_back("/bin/sh");
    arguments.emplace_back("-c");
    arguments.push_back(std::move(command));
    return arguments;
}

// How many descriptors this process has open.
inline std::size_t open_descriptors() {
    const std::filesystem::directory_iterator entries("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries))) - 1;  // the directory's own
}

// Whether this process has no child, neither a running one nor a zombie.
inline bool has_no_children() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

struct pipe_ends {
    aioxx::unique_fd read;
    aioxx::unique_fd write;
};

inline pipe_ends make_pipe(int flags = O_CLOEXEC) {
    int ends[2];
    if (::pipe2(ends, flags) != 0) aioxx::throw_system_error(errno, "pipe2");
    pipe_ends made;
    made.read.reset(ends[0]);
    made.write.reset(ends[1]);
    return made;
}

// Reads until nobody holds the other end, without a loop.
inline std::string read_to_end(const aioxx::unique_fd& fd) {
    std::string text;
    for (;;) {
        pollfd state{fd.get(), POLLIN, 0};
        if (::poll(&state, 1, 20'000) != 1) throw std::runtime_error("the pipe did not end; it said: " + text);
        char portion[4096];
        const ssize_t count = ::read(fd.get(), portion, sizeof portion);
        if (count < 0) aioxx::throw_system_error(errno, "read");
        if (count == 0) return text;
        text.append(portion, static_cast<std::size_t>(count));
    }
}

}  // namespace support
