// SPDX-License-Identifier: BSL-1.0

// tests/bench/echo_epoll.cpp: the limit of the echo table: plain epoll, level-triggered, one buffer for all
// connections, three system calls a message (epoll_wait, recv, send).

#include <sys/epoll.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "loopback.hpp"

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
        const int fd = bench::accept_on(listener, SOCK_NONBLOCK);
        if (fd < 0) return;
        watch(epoll, *new connection{fd, {}}, EPOLLIN, EPOLL_CTL_ADD);
    }
}

}  // namespace

int main(int argc, char** argv) {
    connection listener{bench::listen_on(bench::port_argument(argc, argv), SOCK_NONBLOCK), {}};
    const int epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    watch(epoll, listener, EPOLLIN, EPOLL_CTL_ADD);
    bench::announce(bench::port_of(listener.fd));
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
