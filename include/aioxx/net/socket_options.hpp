// SPDX-License-Identifier: BSL-1.0
#pragma once

// net/socket_options.hpp: options of connections as named fields, and the one function that applies them.

#include <cerrno>
#include <optional>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <aioxx/base/error.hpp>

namespace aioxx {

/// Options of a connected socket. What is not set keeps the system's default.
struct socket_options {
    std::optional<bool> nodelay = true;           ///< TCP_NODELAY; only applied to TCP
    std::optional<bool> keep_alive = {};          ///< SO_KEEPALIVE
    std::optional<int> receive_buffer_size = {};  ///< SO_RCVBUF, bytes
    std::optional<int> send_buffer_size = {};     ///< SO_SNDBUF, bytes
};

namespace detail {

inline void set_socket_option(int fd, int level, int option, int value, const char* name) {
    if (::setsockopt(fd, level, option, &value, sizeof value) != 0) {
        throw_system_error(errno, "cannot set the socket option " + std::string(name) + " to " + std::to_string(value));
    }
}

}  // namespace detail

/// Applies options to a socket of a family. Errors: broken_error naming the option and the value.
inline void apply(const socket_options& options, int fd, int family) {
    const bool tcp = family == AF_INET || family == AF_INET6;
    if (tcp && options.nodelay) {
        detail::set_socket_option(fd, IPPROTO_TCP, TCP_NODELAY, *options.nodelay, "TCP_NODELAY");
    }
    if (options.keep_alive) {
        detail::set_socket_option(fd, SOL_SOCKET, SO_KEEPALIVE, *options.keep_alive, "SO_KEEPALIVE");
    }
    if (options.receive_buffer_size) {
        detail::set_socket_option(fd, SOL_SOCKET, SO_RCVBUF, *options.receive_buffer_size, "SO_RCVBUF");
    }
    if (options.send_buffer_size) {
        detail::set_socket_option(fd, SOL_SOCKET, SO_SNDBUF, *options.send_buffer_size, "SO_SNDBUF");
    }
}

}  // namespace aioxx
