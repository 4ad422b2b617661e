// SPDX-License-Identifier: BSL-1.0

// tests/bench/websocket/websocket_load.cpp: the load of the WebSocket tables, plain epoll: ping-pong on a number of
// connections, or messages in one direction. It checks what comes back and measures, over the window after the warm-up, its
// messages and the CPU time of the server.
//
//   websocket_load --port N --server PID [--connections N] [--size BYTES] [--one-way 1] [--seconds S] [--counter FILE]
//
// One way, a connection sends blocks of messages that end with "?", and has two of them under way; a block counts when
// its "?" is answered.

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cinttypes>
#include <string>
#include <string_view>
#include <vector>

#include "../loopback.hpp"

namespace {

using bench::check;

constexpr int patience_ms = 10'000;

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

double now(clockid_t clock) {
    timespec time{};
    check(clock_gettime(clock, &time), "clock_gettime");
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

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

std::string pattern(std::size_t size) {
    std::string made(size, '\0');
    std::uint32_t state = 1;
    for (char& byte : made) {
        state = state * 1'664'525 + 1'013'904'223;
        byte = static_cast<char>(state >> 24);
    }
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
    explicit load(const options& chosen) : options_(chosen), connections_(chosen.connections) {
        const std::string payload = pattern(options_.size);
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
        if (options_.server != 0) {
            errno = clock_getcpuclockid(options_.server, &server_clock_);
            if (errno != 0) bench::fail("clock_getcpuclockid of the server");
        }
        if (options_.counter != nullptr) map_counter();
        epoll_ = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
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

    void map_counter() {
        const int file = check(::open(options_.counter, O_RDONLY | O_CLOEXEC), options_.counter);
        void* memory = mmap(nullptr, sizeof *counter_, PROT_READ, MAP_SHARED, file, 0);
        if (memory == MAP_FAILED) bench::fail("mmap");
        counter_ = static_cast<const volatile std::uint64_t*>(memory);
        close(file);
    }

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
        check(fcntl(peer.fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
        watch(index, EPOLLIN, EPOLL_CTL_ADD);
    }

    void watch(std::size_t index, std::uint32_t events, int operation) {
        epoll_event event{};
        event.events = events;
        event.data.u64 = index;
        check(epoll_ctl(epoll_, operation, connections_[index].fd, &event), "epoll_ctl");
    }

    void run_for(double seconds) {
        const double end = now(CLOCK_MONOTONIC) + seconds;
        while (now(CLOCK_MONOTONIC) < end) {
            epoll_event events[128];
            const int count = epoll_wait(epoll_, events, 128, patience_ms);
            if (count < 0 && errno != EINTR) bench::fail("epoll_wait");
            if (count == 0) wrong("the server does not answer");
            for (int index = 0; index < count; ++index) {
                const std::size_t peer = events[index].data.u64;
                if ((events[index].events & EPOLLOUT) != 0) continue_sending(peer);
                if ((events[index].events & ~EPOLLOUT) != 0) receive(peer);
            }
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
        watch(index, sending ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
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
            const std::size_t sample = std::min<std::size_t>(size, 64);  // all of it would make the load the bottleneck
            if (piece.substr(0, sample) != expected.substr(0, sample) ||
                piece.substr(size - sample, sample) != expected.substr(size - sample)) {
                wrong("something else came back than was sent");
            }
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
        return {now(CLOCK_MONOTONIC), options_.server != 0 ? now(server_clock_) : 0, now(CLOCK_PROCESS_CPUTIME_ID),
                completed_, counter_ != nullptr ? *counter_ : 0};
    }

    options options_;
    std::vector<connection> connections_;
    std::string request_;
    std::string answer_;
    std::size_t per_request_ = 1;
    std::string buffer_ = std::string(bench::buffer_size, '\0');
    clockid_t server_clock_{};
    const volatile std::uint64_t* counter_ = nullptr;
    std::uint64_t completed_ = 0;
    int epoll_ = -1;
};

}  // namespace

int main(int argc, char** argv) { load(parse(argc, argv)).run(); }
