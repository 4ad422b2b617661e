// SPDX-License-Identifier: BSL-1.0

// tests/bench/relay.cpp: a relay between two TCP connections on the loopback: bytes in one direction, and messages that go
// through it and are answered through it. The relay has a CPU of its own, and its CPU time is what counts; the ends are
// loops of send and recv on the other one. The ratio is to a loop of splice in C that waits with poll.
//
//   relay [--rounds N]

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <aioxx/core/task.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/pump.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>

#include "loopback.hpp"
#include "rounds.hpp"

namespace {

// The sockets of the relay: what one sends goes out of the other.
struct both_sides {
    int near;
    int far;
};

// ---- the ends ----

void send_all(int fd, std::uint64_t left, std::size_t piece_size) {
    const std::vector<char> piece(piece_size, 'x');
    while (left != 0) {
        const ssize_t count = send(fd, piece.data(), std::min<std::uint64_t>(left, piece.size()), 0);
        left -= static_cast<std::uint64_t>(bench::check(static_cast<int>(count), "send"));
    }
}
void receive_all(int fd, std::uint64_t left) {
    std::vector<char> space(256 * 1024);
    while (left != 0) {
        const ssize_t count = recv(fd, space.data(), space.size(), 0);
        if (count <= 0) bench::fail("recv");
        left -= static_cast<std::uint64_t>(count);
    }
}

// What the relay carries, one way or to and fro.
struct work {
    std::uint64_t messages;
    std::size_t size;
    bool answered;
};
void run_near_end(int fd, work to_do) {
    if (!to_do.answered) {
        send_all(fd, to_do.messages * to_do.size, to_do.size);
    } else {
        for (std::uint64_t i = 0; i < to_do.messages; ++i) {
            send_all(fd, to_do.size, to_do.size);
            receive_all(fd, to_do.size);
        }
    }
    shutdown(fd, SHUT_WR);
    char rest = 0;
    static_cast<void>(recv(fd, &rest, 1, 0));
}
void run_far_end(int fd, work to_do) {
    if (!to_do.answered) {
        receive_all(fd, to_do.messages * to_do.size);
    } else {
        for (std::uint64_t i = 0; i < to_do.messages; ++i) {
            receive_all(fd, to_do.size);
            send_all(fd, to_do.size, to_do.size);
        }
    }
}

// ---- splice, in C ----

struct splice_way {
    splice_way(int source, int destination) : from(source), to(destination) {
        bench::check(pipe2(ends, O_NONBLOCK), "pipe2");
        fcntl(ends[1], F_SETPIPE_SZ, 256 * 1024);
    }

    // Until it would block. What it waits for: see `events`.
    void move() {
        constexpr unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
        for (;;) {
            while (held != 0) {
                const ssize_t count = splice(ends[0], nullptr, to, nullptr, held, flags);
                if (count < 0) return;
                held -= static_cast<std::size_t>(count);
            }
            const ssize_t count = splice(from, nullptr, ends[1], nullptr, 1024 * 1024, flags);
            if (count < 0) return;
            if (count == 0) {
                over = true;
                shutdown(to, SHUT_WR);
                return;
            }
            held = static_cast<std::size_t>(count);
        }
    }

    int from;
    int to;
    int ends[2];
    std::size_t held = 0;
    bool over = false;
};
void relay_in_c(both_sides sides) {
    fcntl(sides.near, F_SETFL, O_NONBLOCK);
    fcntl(sides.far, F_SETFL, O_NONBLOCK);
    splice_way there(sides.near, sides.far);
    splice_way back(sides.far, sides.near);
    while (!there.over || !back.over) {
        const auto add = [](bool wanted, short what) { return static_cast<short>(wanted ? what : 0); };
        pollfd waits[2] = {{sides.near, 0, 0}, {sides.far, 0, 0}};
        waits[0].events = static_cast<short>(add(!there.over && there.held == 0, POLLIN) | add(back.held != 0, POLLOUT));
        waits[1].events = static_cast<short>(add(!back.over && back.held == 0, POLLIN) | add(there.held != 0, POLLOUT));
        bench::check(poll(waits, 2, -1), "poll");
        if (!there.over && ((waits[0].revents & (POLLIN | POLLHUP)) != 0 || (waits[1].revents & POLLOUT) != 0)) there.move();
        if (!back.over && ((waits[1].revents & (POLLIN | POLLHUP)) != 0 || (waits[0].revents & POLLOUT) != 0)) back.move();
    }
}

// ---- Asio, callbacks ----

struct asio_way {
    asio_way(asio::ip::tcp::socket& source, asio::ip::tcp::socket& destination)
        : from(source), to(destination), space(64 * 1024) {
        read();
    }

    void read() {
        from.async_read_some(asio::buffer(space), [this](std::error_code failure, std::size_t count) {
            if (!failure) return write(count);
            std::error_code ignored;
            to.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
        });
    }
    void write(std::size_t size) {
        asio::async_write(to, asio::buffer(space.data(), size), [this](std::error_code failure, std::size_t) {
            if (failure) std::abort();
            read();
        });
    }

    asio::ip::tcp::socket& from;
    asio::ip::tcp::socket& to;
    std::vector<char> space;
};
void relay_by_asio(both_sides sides) {
    asio::io_context io(1);
    asio::ip::tcp::socket near(io, asio::ip::tcp::v4(), sides.near);
    asio::ip::tcp::socket far(io, asio::ip::tcp::v4(), sides.far);
    near.non_blocking(true);
    far.non_blocking(true);
    asio_way there(near, far);
    asio_way back(far, near);
    io.run();
}

// ---- aioxx ----

// A reader that hides what it reads from, so that the bytes go through memory.
struct plain_reader {
    aioxx::stream_reader from;
    auto read_view() const { return from.read_view(); }
    auto read_some(aioxx::mutable_bytes_view into) const { return from.read_some(into); }
};

template <class Reader>
aioxx::coro<> pump_one_way(Reader from, aioxx::stream_writer to) {
    co_await aioxx::pump(std::move(from), to);
    to.write_eof();
}
aioxx::coro<> pump_both_ways(both_sides sides, bool by_system) {
    const aioxx::stream near = co_await aioxx::open_socket(aioxx::unique_fd(sides.near));
    const aioxx::stream far = co_await aioxx::open_socket(aioxx::unique_fd(sides.far));
    if (by_system) {
        co_await aioxx::gather(pump_one_way(near.reader, far.writer), pump_one_way(far.reader, near.writer));
    } else {
        plain_reader from_near{near.reader};
        plain_reader from_far{far.reader};
        co_await aioxx::gather(pump_one_way(std::move(from_near), far.writer),
                               pump_one_way(std::move(from_far), near.writer));
    }
}
void relay_by_pump(both_sides sides) { aioxx::run(pump_both_ways(sides, true)); }
void relay_by_buffers(both_sides sides) { aioxx::run(pump_both_ways(sides, false)); }

// ---- measuring ----

using relay_function = void (*)(both_sides);

bench::reached measure(relay_function relay, work to_do, double amount) {
    const auto [near_end, near] = bench::connected_sockets();
    const auto [far_end, far] = bench::connected_sockets();
    const std::array<int, 4> all{near_end, near, far_end, far};
    const auto keep = [&](int one, int other) {
        for (const int fd : all) {
            if (fd != one && fd != other) close(fd);
        }
    };
    const double begin = bench::now();
    const pid_t first = bench::in_child(1, [&, fd = near_end] {
        keep(fd, fd);
        run_near_end(fd, to_do);
    });
    const pid_t last = bench::in_child(1, [&, fd = far_end] {
        keep(fd, fd);
        run_far_end(fd, to_do);
    });
    const pid_t middle = bench::in_child(0, [&, sides = both_sides{near, far}] {
        keep(sides.near, sides.far);
        relay(sides);
    });
    keep(-1, -1);
    const double cpu = bench::cpu_of(middle);
    bench::cpu_of(first);
    bench::cpu_of(last);
    return {amount / (bench::now() - begin), amount / cpu};
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = bench::rounds_argument(argc, argv, 7);
    const auto row = [rounds](const char* name, work to_do, double amount, double unit, const char* unit_name) {
        const auto by = [=](relay_function relay) { return [=] { return measure(relay, to_do, amount); }; };
        bench::print_row(name, rounds, unit, unit_name,
                         {{"splice", by(relay_in_c)},
                          {"pump", by(relay_by_pump)},
                          {"buffers", by(relay_by_buffers)},
                          {"asio", by(relay_by_asio)}});
    };
    bench::print_head("relay", {"splice in C", "aioxx pump", "aioxx pump, buffers only", "asio"});
    for (const std::size_t size : {16 * 1024UL, 64 * 1024UL, 256 * 1024UL}) {
        const std::uint64_t count = (1UL << 30) / size;
        const std::string name = std::to_string(size / 1024) + " KiB at a time, one way";
        row(name.c_str(), {count, size, false}, static_cast<double>(count * size), 1e6, "MB/s");
    }
    row("1 byte and its answer", {4'000, 1, true}, 4'000, 1e3, "k/s");
    row("4 KiB and their answer", {4'000, 4096, true}, 4'000, 1e3, "k/s");
    row("64 KiB and their answer", {2'000, 65536, true}, 2'000, 1e3, "k/s");
}
