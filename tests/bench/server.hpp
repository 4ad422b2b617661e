// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/server.hpp: what the benchmark servers do alike: the command line, the first line of output,
// and the end when the driver goes away. Nothing of it takes part in the measured traffic.

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace bench {

// How much a server reads and writes at once where it is free to choose.
inline constexpr std::size_t buffer_size = 256 * 1024;

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

inline int check(int result, const char* what) {
    if (result < 0) fail(what);
    return result;
}

/// Returns: the value of `--port N`; 0, an ephemeral port, without it.
inline std::uint16_t port_argument(int argc, char** argv) {
    if (argc == 1) return 0;
    if (argc == 3 && std::string_view(argv[1]) == "--port") {
        char* end = nullptr;
        const unsigned long port = std::strtoul(argv[2], &end, 10);
        if (end != argv[2] && *end == '\0' && port <= 65535) return static_cast<std::uint16_t>(port);
    }
    std::fprintf(stderr, "usage: %s [--port N]   (N: 0 to 65535, 0 for an ephemeral port)\n", argv[0]);
    std::exit(2);
}

// The kernel turns the end of standard input, or anything that arrives there, into a SIGTERM: this needs no
// thread, which would make every reference count atomic, and no descriptor in the event loop.
inline void end_with_stdin() {
    const int flags = check(fcntl(STDIN_FILENO, F_GETFL), "F_GETFL");
    check(fcntl(STDIN_FILENO, F_SETOWN, getpid()), "F_SETOWN");
    check(fcntl(STDIN_FILENO, F_SETSIG, SIGTERM), "F_SETSIG");
    check(fcntl(STDIN_FILENO, F_SETFL, flags | O_ASYNC), "F_SETFL");
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) > 0) std::raise(SIGTERM);  // it had ended before
}

/// Tells the driver the port. Call it when the server listens, before it runs.
inline void announce(std::uint16_t port) {
    std::signal(SIGPIPE, SIG_IGN);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    std::printf("port %u\n", static_cast<unsigned>(port));
    std::fflush(stdout);
    end_with_stdin();
}

}  // namespace bench
