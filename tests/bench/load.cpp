// SPDX-License-Identifier: BSL-1.0

// tests/bench/load.cpp: the load of the echo table: ping-pong on a number of connections, plain epoll.
// It verifies what comes back (length, order, samples of the content, a clean end) and measures, over the
// window after the warm-up, its own messages, the CPU time of the server and the server's allocations.

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cinttypes>
#include <limits>
#include <string>
#include <vector>

#include "load_parts.hpp"
#include "loopback.hpp"

namespace {

using bench::check;

// A window ends with its messages or its seconds, whichever comes first.
struct window {
    double seconds = std::numeric_limits<double>::infinity();
    std::uint64_t messages = std::numeric_limits<std::uint64_t>::max();
};

struct options {
    std::uint16_t port = 0;
    std::size_t connections = 1;
    std::size_t size = 64;
    long pause_us = 0;
    pid_t server = 0;
    const char* counter = nullptr;
    window warmup{0.1, std::numeric_limits<std::uint64_t>::max()};
    window measured;
};

[[noreturn]] void usage() {
    std::fputs(
        "usage: load --port N [--connections N] [--size BYTES] [--pause-us N] [--server PID]\n"
        "            [--counter FILE] [--warmup-seconds S | --warmup-messages N]\n"
        "            [--seconds S] [--messages N]\n",
        stderr);
    std::exit(2);
}

options parse(int argc, char** argv) {
    options chosen;
    for (int index = 1; index < argc; index += 2) {
        if (index + 1 == argc) usage();
        const std::string_view name = argv[index];
        const char* value = argv[index + 1];
        const auto number = std::strtoull(value, nullptr, 10);
        if (name == "--port") {
            chosen.port = static_cast<std::uint16_t>(number);
        } else if (name == "--connections") {
            chosen.connections = number;
        } else if (name == "--size") {
            chosen.size = number;
        } else if (name == "--pause-us") {
            chosen.pause_us = static_cast<long>(number);
        } else if (name == "--server") {
            chosen.server = static_cast<pid_t>(number);
        } else if (name == "--counter") {
            chosen.counter = value;
        } else if (name == "--warmup-seconds") {
            chosen.warmup.seconds = std::strtod(value, nullptr);
        } else if (name == "--warmup-messages") {
            chosen.warmup = {std::numeric_limits<double>::infinity(), number};
        } else if (name == "--seconds") {
            chosen.measured.seconds = std::strtod(value, nullptr);
        } else if (name == "--messages") {
            chosen.measured.messages = number;
        } else {
            usage();
        }
    }
    if (chosen.port == 0 || chosen.connections == 0 || chosen.size == 0) usage();
    return chosen;
}

[[noreturn]] void wrong(const char* what, std::size_t connection, std::uint64_t message) {
    std::fprintf(stderr, "load: %s (connection %zu, message %" PRIu64 ")\n", what, connection, message);
    std::exit(1);
}

// The messages: slices of one block of bytes, each beginning one byte after the former, so that a late, lost
// or doubled echo does not look right.
class pattern {
public:
    explicit pattern(std::size_t size) : size_(size), bytes_(bench::noise(size + variants)) {}

    std::string_view message(std::uint64_t number) const {
        return std::string_view(bytes_).substr(number % variants, size_);
    }

private:
    static constexpr std::size_t variants = 251;
    std::size_t size_;
    std::string bytes_;
};

// What is known about the server at one moment.
struct snapshot {
    std::int64_t time_ns;
    std::int64_t load_cpu_ns;
    std::int64_t server_cpu_ns;
    std::uint64_t allocations;
    std::uint64_t messages;
};

class load {
public:
    explicit load(const options& chosen)
        : options_(chosen),
          pattern_(chosen.size),
          connections_(chosen.connections),
          server_(chosen.server, chosen.counter) {
        for (std::size_t index = 0; index < connections_.size(); ++index)
            open(index);
    }

    void run() {
        for (std::size_t index = 0; index < connections_.size(); ++index)
            send_message(index);
        run_window(options_.warmup);
        const snapshot before = take_snapshot();
        run_window(options_.measured);
        const snapshot after = take_snapshot();
        stopping_ = true;
        for (std::size_t index = 0; index < connections_.size(); ++index) {
            if (connections_[index].idle) end(index);
        }
        while (open_ > 0)
            wait_and_handle();
        print(before, after);
    }

private:
    struct connection {
        int fd = -1;
        std::uint64_t number = 0;
        std::size_t sent = 0;
        std::size_t received = 0;
        bool sending = false;  // waits for EPOLLOUT
        bool idle = false;     // its message was answered when the load was stopping
    };

    void open(std::size_t index) {
        connection& peer = connections_[index];
        peer.fd = bench::connect_to(options_.port);
        poller_.add(peer.fd, index);
        ++open_;
    }

    void run_window(const window& limit) {
        const std::uint64_t last =
            limit.messages > ~completed_ ? limit.messages : completed_ + limit.messages;
        const double end = static_cast<double>(bench::nanoseconds(CLOCK_MONOTONIC)) + limit.seconds * 1e9;
        while (completed_ < last && static_cast<double>(bench::nanoseconds(CLOCK_MONOTONIC)) < end)
            wait_and_handle();
    }

    void wait_and_handle() {
        const bool alive = poller_.wait([this](std::size_t index) { continue_sending(index); },
                                        [this](std::size_t index) { receive(index); });
        if (!alive) wrong("the server does not answer", 0, connections_[0].number);
    }

    void send_message(std::size_t index) {
        connections_[index].sent = connections_[index].received = 0;
        continue_sending(index);
    }

    void continue_sending(std::size_t index) {
        connection& peer = connections_[index];
        const std::string_view rest = pattern_.message(peer.number).substr(peer.sent);
        const ssize_t sent = send(peer.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) wrong(std::strerror(errno), index, peer.number);
        if (sent > 0) peer.sent += static_cast<std::size_t>(sent);
        const bool sending = peer.sent < options_.size;
        if (sending == peer.sending) return;
        peer.sending = sending;
        poller_.change(peer.fd, index, sending);
    }

    void receive(std::size_t index) {
        connection& peer = connections_[index];
        const ssize_t count = recv(peer.fd, buffer_.data(), buffer_.size(), 0);
        if (count < 0) {
            if (errno == EAGAIN) return;
            wrong(std::strerror(errno), index, peer.number);
        }
        if (peer.idle) return finish(index, count);
        if (count == 0) wrong("the server closed the connection", index, peer.number);
        const std::string_view piece(buffer_.data(), static_cast<std::size_t>(count));
        if (peer.received + piece.size() > peer.sent)
            wrong("more came back than was sent", index, peer.number);
        if (!bench::looks_like(piece, pattern_.message(peer.number).substr(peer.received, piece.size()))) {
            wrong("something else came back than was sent", index, peer.number);
        }
        peer.received += piece.size();
        if (peer.received == options_.size) answered(index);
    }

    void answered(std::size_t index) {
        ++completed_;
        ++connections_[index].number;
        if (stopping_) return end(index);
        if (options_.pause_us > 0) pause();
        send_message(index);
    }

    void pause() const {
        const timespec time{options_.pause_us / 1'000'000, options_.pause_us % 1'000'000 * 1000};
        nanosleep(&time, nullptr);
    }

    void end(std::size_t index) {
        connections_[index].idle = true;
        check(shutdown(connections_[index].fd, SHUT_WR), "shutdown");
    }

    void finish(std::size_t index, ssize_t count) {
        if (count > 0) wrong("more came back than was sent", index, connections_[index].number);
        close(connections_[index].fd);
        --open_;
    }

    snapshot take_snapshot() const {
        snapshot now{};
        now.time_ns = bench::nanoseconds(CLOCK_MONOTONIC);
        now.load_cpu_ns = bench::nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
        now.server_cpu_ns = server_.cpu_ns();
        now.allocations = server_.allocations();
        now.messages = completed_;
        return now;
    }

    static void print(const snapshot& before, const snapshot& after) {
        std::printf("{\"messages\": %" PRIu64 ", \"time_ns\": %" PRId64 ", \"load_cpu_ns\": %" PRId64
                    ", \"server_cpu_ns\": %" PRId64 ", \"allocations\": %" PRIu64 "}\n",
                    after.messages - before.messages, after.time_ns - before.time_ns,
                    after.load_cpu_ns - before.load_cpu_ns, after.server_cpu_ns - before.server_cpu_ns,
                    after.allocations - before.allocations);
    }

    options options_;
    pattern pattern_;
    std::vector<connection> connections_;
    std::string buffer_ = std::string(bench::buffer_size, '\0');
    bench::watched_server server_;
    bench::poller poller_;
    std::size_t open_ = 0;
    std::uint64_t completed_ = 0;
    bool stopping_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    load(parse(argc, argv)).run();
}
