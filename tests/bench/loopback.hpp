// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/loopback.hpp: TCP sockets on the loopback, for benchmarks that use the system by itself.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "server.hpp"

namespace bench {

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

inline void send_at_once(int fd) {
    const int one = 1;
    check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "TCP_NODELAY");
}

/// Parameters: `port` 0 for any; `flags` of the socket beside SOCK_CLOEXEC.
inline int listen_on(std::uint16_t port, int flags = 0) {
    const int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), "socket");
    const int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const sockaddr_in address = loopback(port);
    check(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    check(listen(fd, SOMAXCONN), "listen");
    return fd;
}

inline std::uint16_t port_of(int fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    return ntohs(address.sin_port);
}

/// Returns: a connection, or -1 when there is none now.
inline int accept_on(int listening, int flags = 0) {
    const int fd = accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | flags);
    if (fd >= 0) send_at_once(fd);
    return fd;
}

/// Before it listens or connects. BBR, the default of some systems, keeps a distance between packets by timers, and then
/// these are what a bulk transfer over the loopback measures.
inline void send_unpaced(int fd) { check(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), "TCP_CONGESTION"); }

inline int connect_to(std::uint16_t port, bool unpaced = false) {
    const int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    if (unpaced) send_unpaced(fd);
    const sockaddr_in address = loopback(port);
    check(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
    send_at_once(fd);
    return fd;
}

/// Both ends of a connection.
inline std::pair<int, int> connected_sockets() {
    const int listening = listen_on(0);
    send_unpaced(listening);  // what it accepts is so too
    const int near = connect_to(port_of(listening), true);
    const int far = check(accept_on(listening), "accept");
    close(listening);
    return {near, far};
}

}  // namespace bench
