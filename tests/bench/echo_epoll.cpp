// SPDX-License-Identifier: BSL-1.0

// tests/bench/echo_epoll.cpp: the limit of the echo table: plain epoll, level-triggered, one buffer for all
// connections, three system calls a message (epoll_wait, recv, send).

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "server.hpp"

namespace {

using bench::check;

struct connection {
    int fd;
    std::string unsent;  // not empty: the peer does not read, so nothing is read from it either
};

char buffer[bench::buffer_size];

void watch(int epoll, connection& peer, std::uint32_t events, int operation) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &peer;
    check(epoll_ctl(epoll, operation, peer.fd, &event), "epoll_ctl");
}

void drop(connection* peer) {
    close(peer->fd);
    delete peer;
}

// Returns: how much the kernel took; -1 when the connection is broken.
ssize_t send_some(int fd, std::string_view data) {
    const ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

void echo(int epoll, connection* peer) {
    const ssize_t received = recv(peer->fd, buffer, sizeof buffer, 0);
    if (received < 0 && errno == EAGAIN) return;
    if (received <= 0) return drop(peer);
    const std::string_view data(buffer, static_cast<std::size_t>(received));
    const ssize_t sent = send_some(peer->fd, data);
    if (sent < 0) return drop(peer);
    if (sent == received) return;
    peer->unsent = data.substr(static_cast<std::size_t>(sent));
    watch(epoll, *peer, EPOLLOUT, EPOLL_CTL_MOD);
}

void send_rest(int epoll, connection* peer) {
    const ssize_t sent = send_some(peer->fd, peer->unsent);
    if (sent < 0) return drop(peer);
    peer->unsent.erase(0, static_cast<std::size_t>(sent));
    if (peer->unsent.empty()) watch(epoll, *peer, EPOLLIN, EPOLL_CTL_MOD);
}

void accept_all(int epoll, int listener) {
    for (;;) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(epoll, *new connection{fd, {}}, EPOLLIN, EPOLL_CTL_ADD);
    }
}

int listen_on(std::uint16_t& port) {
    const int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(bind(fd, reinterpret_cast<sockaddr*>(&address), size), "bind");
    check(listen(fd, SOMAXCONN), "listen");
    check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    port = ntohs(address.sin_port);
    return fd;
}

}  // namespace

int main(int argc, char** argv) {
    std::uint16_t port = bench::port_argument(argc, argv);
    connection listener{listen_on(port), {}};
    const int epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    watch(epoll, listener, EPOLLIN, EPOLL_CTL_ADD);
    bench::announce(port);
    for (;;) {
        epoll_event events[128];
        const int count = epoll_wait(epoll, events, 128, -1);
        for (int index = 0; index < count; ++index) {
            auto* peer = static_cast<connection*>(events[index].data.ptr);
            if (peer == &listener) {
                accept_all(epoll, listener.fd);
            } else if (peer->unsent.empty()) {
                echo(epoll, peer);
            } else {
                send_rest(epoll, peer);
            }
        }
    }
}
