// SPDX-License-Identifier: BSL-1.0

// tests/bench/websocket/websocket_load.cpp: the load of the WebSocket tables, plain epoll: ping-pong on a number of
// connections, or messages in one direction. It checks what comes back and measures, over the window after the warm-up, its
// messages and the CPU time of the server.
//
//   websocket_load --port N --server PID [--connections N] [--size BYTES] [--one-way 1] [--seconds S] [--counter FILE]
//
// One way, a connection sends blocks of messages that end with "?", and has two of them under way; a block counts when
// its "?" is answered.

#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cinttypes>
#include <string>
#include <string_view>
#include <vector>

#include "../load_parts.hpp"
#include "../loopback.hpp"

namespace {

using bench::check;

struct options {
    std::uint16_t port = 0;
    pid_t server = 0;
    std::size_t connections = 1;
    std::size_t size = 125;
    bool one_way = false;
    double seconds = 1;
    const char* counter = nullptr;
};

options parse(int argc, char** argv) {
    options chosen;
    for (int index = 1; index + 1 < argc; index += 2) {
        const std::string_view name = argv[index];
        const char* value = argv[index + 1];
        const auto number = std::strtoull(value, nullptr, 10);
        if (name == "--port") chosen.port = static_cast<std::uint16_t>(number);
        if (name == "--server") chosen.server = static_cast<pid_t>(number);
        if (name == "--connections") chosen.connections = number;
        if (name == "--size") chosen.size = number;
        if (name == "--one-way") chosen.one_way = number != 0;
        if (name == "--seconds") chosen.seconds = std::strtod(value, nullptr);
        if (name == "--counter") chosen.counter = value;
    }
    if (chosen.port == 0 || chosen.connections == 0 || argc % 2 == 0) {
        std::fputs("usage: websocket_load --port N [--server PID] [--connections N] [--size BYTES] [--one-way 1]\n"
                   "                      [--seconds S] [--counter FILE]\n", stderr);
        std::exit(2);
    }
    return chosen;
}

double now(clockid_t clock) { return static_cast<double>(bench::nanoseconds(clock)) * 1e-9; }

[[noreturn]] void wrong(const char* what) {
    std::fprintf(stderr, "websocket_load: %s\n", what);
    std::exit(1);
}

std::string head(unsigned opcode, std::size_t size, bool masked) {
    std::string made(1, static_cast<char>(0x80U | opcode));
    const unsigned mask = masked ? 0x80U : 0;
    const std::size_t extra = size < 126 ? 0 : size < 65536 ? 2 : 8;
    made += static_cast<char>(mask | (extra == 0 ? size : extra == 2 ? 126U : 127U));
    for (std::size_t i = 0; i < extra; ++i) made += static_cast<char>(size >> 8 * (extra - 1 - i));
    return made;
}

std::string masked_frame(std::string_view payload) {
    const char key[4] = {'\x37', '\xfa', '\x21', '\x3d'};
    std::string made = head(2, payload.size(), true) + std::string(key, 4);
    for (std::size_t i = 0; i < payload.size(); ++i) made += static_cast<char>(payload[i] ^ key[i & 3]);
    return made;
}

class load {
public:
    explicit load(const options& chosen)
        : options_(chosen), connections_(chosen.connections), server_(chosen.server, chosen.counter) {
        const std::string payload = bench::noise(options_.size);
        const std::string question = "?";
        if (options_.one_way) {
            per_request_ = std::max<std::size_t>(16, (1U << 19) / options_.size);
            for (std::size_t i = 0; i < per_request_; ++i) request_ += masked_frame(payload);
            request_ += masked_frame(question);
            answer_ = head(2, 1, false) + question;
        } else {
            request_ = masked_frame(payload);
            answer_ = head(2, payload.size(), false) + payload;
        }
        for (std::size_t index = 0; index < connections_.size(); ++index) open(index);
    }

    void run() {
        for (std::size_t index = 0; index < connections_.size(); ++index) {
            connections_[index].to_send = (options_.one_way ? 2 : 1) * request_.size();
            continue_sending(index);
        }
        run_for(options_.seconds / 4);
        const snapshot before = look();
        run_for(options_.seconds);
        const snapshot after = look();
        std::printf("{\"messages\": %" PRIu64 ", \"seconds\": %.9f, \"server_cpu\": %.9f, \"load_cpu\": %.9f, "
                    "\"allocations\": %" PRIu64 "}\n",
                    after.messages - before.messages, after.time - before.time, after.server_cpu - before.server_cpu,
                    after.load_cpu - before.load_cpu, after.allocations - before.allocations);
    }

private:
    struct connection {
        int fd = -1;
        std::size_t to_send = 0;   // of requests, one behind the other
        std::size_t sent = 0;      // of the first of them
        std::size_t received = 0;  // of an answer
        bool sending = false;      // waits for EPOLLOUT
    };
    struct snapshot {
        double time, server_cpu, load_cpu;
        std::uint64_t messages, allocations;
    };

    void open(std::size_t index) {
        connection& peer = connections_[index];
        peer.fd = bench::connect_to(options_.port);
        constexpr std::string_view request =
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        if (write(peer.fd, request.data(), request.size()) != static_cast<ssize_t>(request.size())) bench::fail("write");
        std::string response;
        while (!response.ends_with("\r\n\r\n")) {
            char byte = 0;
            if (read(peer.fd, &byte, 1) != 1) wrong("the server ended the opening handshake");
            response += byte;
        }
        if (!response.starts_with("HTTP/1.1 101") || response.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == std::string::npos) {
            wrong("the server refused the opening handshake");
        }
        poller_.add(peer.fd, index);
    }

    void run_for(double seconds) {
        const double end = now(CLOCK_MONOTONIC) + seconds;
        while (now(CLOCK_MONOTONIC) < end) {
            const bool alive = poller_.wait([this](std::size_t index) { continue_sending(index); },
                                            [this](std::size_t index) { receive(index); });
            if (!alive) wrong("the server does not answer");
        }
    }

    void continue_sending(std::size_t index) {
        connection& peer = connections_[index];
        while (peer.to_send != 0) {
            const std::string_view rest = std::string_view(request_).substr(peer.sent, peer.to_send);
            const ssize_t count = send(peer.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
            if (count < 0 && errno != EAGAIN) wrong(std::strerror(errno));
            if (count < 0) break;
            peer.to_send -= static_cast<std::size_t>(count);
            peer.sent = (peer.sent + static_cast<std::size_t>(count)) % request_.size();
        }
        const bool sending = peer.to_send != 0;
        if (sending == peer.sending) return;
        peer.sending = sending;
        poller_.change(peer.fd, index, sending);
    }

    void receive(std::size_t index) {
        connection& peer = connections_[index];
        const ssize_t count = recv(peer.fd, buffer_.data(), buffer_.size(), 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) wrong("the server ended a connection");
        std::string_view piece(buffer_.data(), static_cast<std::size_t>(count));
        while (!piece.empty()) {
            const std::size_t size = std::min(piece.size(), answer_.size() - peer.received);
            const std::string_view expected = std::string_view(answer_).substr(peer.received, size);
            if (!bench::looks_like(piece.substr(0, size), expected)) wrong("something else came back than was sent");
            piece.remove_prefix(size);
            peer.received += size;
            if (peer.received != answer_.size()) return;
            peer.received = 0;
            completed_ += per_request_;
            peer.to_send += request_.size();
            continue_sending(index);
        }
    }

    snapshot look() const {
        return {now(CLOCK_MONOTONIC), static_cast<double>(server_.cpu_ns()) * 1e-9, now(CLOCK_PROCESS_CPUTIME_ID),
                completed_, server_.allocations()};
    }

    options options_;
    std::vector<connection> connections_;
    std::string request_;
    std::string answer_;
    std::size_t per_request_ = 1;
    std::string buffer_ = std::string(bench::buffer_size, '\0');
    bench::watched_server server_;
    bench::poller poller_;
    std::uint64_t completed_ = 0;
};

}  // namespace

int main(int argc, char** argv) { load(parse(argc, argv)).run(); }
