// SPDX-License-Identifier: BSL-1.0

// tests/bench/websocket/websocket_echo_epoll.cpp: the limit of the table: a WebSocket echo in plain epoll. One buffer for
// all connections, payloads unmasked where they were received and answered from there, one send for each receive. It finds
// the frames and answers them, and does nothing for comfort. Unmasking is the library's, so that it is no difference.
// AIOXX_BENCH_SINK: it answers only the messages "?".

#include <sys/epoll.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include <aioxx/websocket/proto/mask.hpp>

#include "../loopback.hpp"
#include "handshake.hpp"

namespace {

using bench::check;

struct connection {
    int fd = -1;
    bool open = false;   // the opening handshake is over
    std::string input;   // a frame that has arrived in part, or the head of the request
    std::string unsent;  // not empty: the peer does not read, so nothing is read from it either
};

alignas(64) char received[bench::buffer_size];

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

std::size_t put_head(char* to, unsigned first, std::size_t size) {
    to[0] = static_cast<char>(first);
    if (size < 126) {
        to[1] = static_cast<char>(size);
        return 2;
    }
    const std::size_t extra = size < 65536 ? 2 : 8;
    to[1] = static_cast<char>(extra == 2 ? 126 : 127);
    for (std::size_t i = 0; i < extra; ++i) to[2 + i] = static_cast<char>(size >> 8 * (extra - 1 - i));
    return 2 + extra;
}

// Handles the whole frames at the front of the data. Returns: how many bytes they are; npos to end the connection.
// The answers are written over the frames, which are longer by the mask.
std::size_t answer_frames(char* data, std::size_t size, bool sink, std::size_t& answered) {
    std::size_t used = 0;
    answered = 0;
    for (;;) {
        if (size - used < 6) return used;
        char* frame = data + used;
        const auto byte = [frame](std::size_t at) { return static_cast<unsigned char>(frame[at]); };
        const unsigned first = byte(0);
        std::size_t length = byte(1) & 0x7FU;
        const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
        if ((byte(1) & 0x80U) == 0 || (first & 0x70U) != 0) return std::string::npos;
        if (size - used < 6 + extra) return used;
        if (extra != 0) {
            length = 0;
            for (std::size_t i = 0; i < extra; ++i) length = length << 8 | byte(2 + i);
        }
        const std::size_t head = 6 + extra;
        if (size - used - head < length) return used;
        aioxx::websocket::masking_key key;
        std::memcpy(key.data(), frame + 2 + extra, 4);
        char* const payload = frame + head;
        aioxx::websocket::apply_mask(reinterpret_cast<std::byte*>(payload), aioxx::bytes_view(payload, length), key);
        used += head + length;
        const unsigned opcode = first & 0x0FU;
        if (opcode == 10) continue;
        if (sink && opcode < 8 && (length != 1 || *payload != '?')) continue;
        const unsigned kind = opcode == 9 ? 10 : opcode;
        answered += put_head(data + answered, 0x80U | kind, length);
        std::memmove(data + answered, payload, length);
        answered += length;
        if (opcode == 8) return used;
    }
}

// Returns: false when the connection is broken.
bool reply(int epoll, connection* peer, const char* data, std::size_t size) {
    if (size == 0) return true;
    ssize_t sent = send(peer->fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) sent = 0;
    if (static_cast<std::size_t>(sent) == size) return true;
    peer->unsent.append(data + sent, size - static_cast<std::size_t>(sent));
    watch(epoll, *peer, EPOLLOUT, EPOLL_CTL_MOD);
    return true;
}

bool shake_hands(int epoll, connection* peer) {
    const std::size_t end = peer->input.find("\r\n\r\n");
    if (end == std::string::npos) return true;
    const std::string answer = bench::handshake_answer(peer->input.substr(0, end + 4));
    peer->input.erase(0, end + 4);
    peer->open = true;
    return reply(epoll, peer, answer.data(), answer.size());
}

void serve(int epoll, connection* peer, bool sink) {
    const ssize_t count = recv(peer->fd, received, sizeof received, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return drop(peer);
    char* data = received;
    auto size = static_cast<std::size_t>(count);
    if (!peer->open || !peer->input.empty()) {
        peer->input.append(received, size);
        if (!peer->open && !shake_hands(epoll, peer)) return drop(peer);
        if (!peer->open) return;
        data = peer->input.data();
        size = peer->input.size();
    }
    std::size_t answered = 0;
    const std::size_t used = answer_frames(data, size, sink, answered);
    if (used == std::string::npos || !reply(epoll, peer, data, answered)) return drop(peer);
    if (data == received) {
        peer->input.assign(received + used, size - used);
    } else {
        peer->input.erase(0, used);
    }
}

void send_rest(int epoll, connection* peer) {
    const ssize_t sent = send(peer->fd, peer->unsent.data(), peer->unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) return drop(peer);
    peer->unsent.erase(0, static_cast<std::size_t>(sent));
    if (peer->unsent.empty()) watch(epoll, *peer, EPOLLIN, EPOLL_CTL_MOD);
}

void accept_all(int epoll, int listener) {
    for (;;) {
        const int fd = bench::accept_on(listener, SOCK_NONBLOCK);
        if (fd < 0) return;
        auto* peer = new connection;
        peer->fd = fd;
        watch(epoll, *peer, EPOLLIN, EPOLL_CTL_ADD);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const bool sink = bench::is_sink();
    connection listener;
    listener.fd = bench::listen_on(bench::port_argument(argc, argv), SOCK_NONBLOCK);
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
                serve(epoll, peer, sink);
            } else {
                send_rest(epoll, peer);
            }
        }
    }
}
