// SPDX-License-Identifier: BSL-1.0

// tests/bench/bulk.cpp: bytes over a TCP connection on the loopback, each end a process on a CPU of its own: 64 KiB at a
// time in one direction and in both, also with buffers of a fixed size in the kernel, and messages of 64 bytes in one
// direction without waiting for answers. The ratio is to Asio's callbacks; `raw` is a loop of send and recv that blocks.
//
//   bulk [--rounds N]

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <aioxx/core/task.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/runner.hpp>

#include "rounds.hpp"
#include "stream_ends.hpp"
#include "two_ends.hpp"

namespace {

// What one end does: so many bytes to send, in pieces, and so many to receive.
struct work {
    std::uint64_t send = 0;
    std::uint64_t receive = 0;
    std::size_t piece = 64 * 1024;
    int buffers = 0;  // in the kernel, in bytes; 0 lets it choose
};

// ---- raw ----

void send_raw(int fd, const work& to_do) {
    const std::vector<char> piece(to_do.piece, 'x');
    for (std::uint64_t left = to_do.send; left != 0;) {
        const ssize_t count = send(fd, piece.data(), std::min<std::uint64_t>(left, piece.size()), 0);
        left -= static_cast<std::uint64_t>(bench::check(static_cast<int>(count), "send"));
    }
}
void receive_raw(int fd, std::uint64_t left) {
    std::vector<char> space(bench::buffer_size);
    while (left != 0) {
        const ssize_t count = recv(fd, space.data(), space.size(), 0);
        if (count <= 0) bench::fail("recv");
        left -= static_cast<std::uint64_t>(count);
    }
}
// One direction only.
void run_raw(int fd, work to_do) {
    if (to_do.send != 0) send_raw(fd, to_do);
    if (to_do.receive != 0) receive_raw(fd, to_do.receive);
}

// ---- Asio, callbacks ----

struct asio_end {
    asio_end(asio::io_context& io, int fd, const work& to_do)
        : socket(io, asio::ip::tcp::v4(), fd), left(to_do), piece(to_do.piece, 'x'), space(64 * 1024) {
        socket.non_blocking(true);
        if (left.send != 0) write();
        if (left.receive != 0) read();
    }

    void write() {
        const std::size_t size = std::min<std::uint64_t>(left.send, piece.size());
        asio::async_write(socket, asio::buffer(piece.data(), size), [this](std::error_code failure, std::size_t count) {
            if (failure) std::abort();
            left.send -= count;
            if (left.send != 0) write();
        });
    }
    void read() {
        socket.async_read_some(asio::buffer(space), [this](std::error_code failure, std::size_t count) {
            if (failure) std::abort();
            left.receive -= count;
            if (left.receive != 0) read();
        });
    }

    asio::ip::tcp::socket socket;
    work left;
    std::vector<char> piece;
    std::vector<char> space;
};
void run_asio(int fd, work to_do) {
    asio::io_context io(1);
    asio_end end(io, fd, to_do);
    io.run();
}

// ---- aioxx, protocol ----

// After 64 KiB it gives way to what arrives, as Asio's end does after each operation: one that wrote until it is told to
// pause would receive nothing for as long as the peer takes what it sends.
class end_protocol final : public aioxx::protocol, private aioxx::ready_node {
public:
    explicit end_protocol(const work& to_do) : left_(to_do), piece_(to_do.piece, 'x') {}

    aioxx::future<> over = aioxx::create_future();

    void connection_made(aioxx::transport& made) override {
        transport_ = &made;
        run();
    }
    void connection_lost(std::exception_ptr) override {
        if (left_.send != 0 || left_.receive != 0) std::abort();
        over.set_result();
    }
    void data_received(aioxx::bytes_view data) override {
        left_.receive -= data.size();
        end_if_done();
    }
    void pause_writing() override { paused_ = true; }
    void resume_writing() override {
        paused_ = false;
        if (!ready_node::is_linked()) run();
    }

private:
    void run() override {
        for (std::size_t written = 0; left_.send != 0 && !paused_;) {
            if (written >= 64 * 1024) return aioxx::get_running_loop().defer(*this);
            const std::size_t size = std::min<std::uint64_t>(left_.send, piece_.size());
            written += size;
            left_.send -= size;
            transport_->write(aioxx::bytes_view(piece_).first(size));
        }
        end_if_done();
    }
    void end_if_done() {
        if (left_.send == 0 && left_.receive == 0) transport_->close();
    }

    work left_;
    std::vector<char> piece_;
    aioxx::transport* transport_ = nullptr;
    bool paused_ = false;
};
aioxx::coro<> run_protocol_end(int fd, work to_do) {
    auto served = std::make_shared<end_protocol>(to_do);
    co_await aioxx::connect_accepted_socket([served] { return served; }, aioxx::unique_fd(fd));
    co_await served->over;
}
void run_protocol(int fd, work to_do) { aioxx::run(run_protocol_end(fd, to_do)); }

// ---- aioxx, streams ----

aioxx::coro<> run_stream_end(int fd, work to_do) {
    const aioxx::stream both = co_await aioxx::open_socket(aioxx::unique_fd(fd));
    co_await bench::exchange(both, to_do.send, to_do.receive, to_do.piece);
    both.writer.close();
    co_await both.writer.wait_closed();
}
void run_streams(int fd, work to_do) { aioxx::run(run_stream_end(fd, to_do)); }

// ---- measuring ----

using end_function = void (*)(int, work);

bench::reached measure(end_function near, work near_does, end_function far, work far_does) {
    const auto total = static_cast<double>(near_does.send + far_does.send);
    const auto run_end = [](end_function end, int fd, const work& to_do) {
        if (to_do.buffers != 0) {
            bench::check(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &to_do.buffers, sizeof to_do.buffers), "SO_RCVBUF");
            bench::check(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &to_do.buffers, sizeof to_do.buffers), "SO_SNDBUF");
        }
        end(fd, to_do);
    };
    return bench::measure_ends([&](int fd) { run_end(near, fd, near_does); }, [&](int fd) { run_end(far, fd, far_does); },
                               total);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = bench::rounds_argument(argc, argv, 15);
    constexpr std::uint64_t amount = 1'000'000'000;
    work sends;
    sends.send = amount;
    work receives;
    receives.receive = amount;
    work both;
    both.send = both.receive = amount / 2;
    work fixed = both;
    fixed.buffers = 256 * 1024;
    work small;
    small.send = amount / 10;
    small.piece = 64;
    work receives_small;
    receives_small.receive = small.send;

    bench::print_head("64 KiB at a time", {"asio", "aioxx protocol", "aioxx streams", "raw"});
    const auto pair = [](end_function end, work near, work far) {
        return [=] { return measure(end, near, end, far); };
    };
    bench::print_row("one way", rounds, 1e6, "MB/s",
                     {{"asio", pair(run_asio, sends, receives)},
                      {"protocol", pair(run_protocol, sends, receives)},
                      {"streams", pair(run_streams, sends, receives)},
                      {"raw", pair(run_raw, sends, receives)}});
    bench::print_row("two ways", rounds, 1e6, "MB/s",
                     {{"asio", pair(run_asio, both, both)},
                      {"protocol", pair(run_protocol, both, both)},
                      {"streams", pair(run_streams, both, both)}});
    bench::print_row("two ways, buffers of 256 KiB", rounds, 1e6, "MB/s",
                     {{"asio", pair(run_asio, fixed, fixed)},
                      {"protocol", pair(run_protocol, fixed, fixed)},
                      {"streams", pair(run_streams, fixed, fixed)}});
    const auto to_raw = [&](end_function end) {
        return [=] { return measure(end, small, run_raw, receives_small); };
    };
    std::printf("\n");
    bench::print_head("messages of 64 bytes", {"asio", "aioxx protocol", "aioxx streams", "raw"});
    bench::print_row("to a reader in C", rounds, 64e3, "k/s",
                     {{"asio", to_raw(run_asio)},
                      {"protocol", to_raw(run_protocol)},
                      {"streams", to_raw(run_streams)},
                      {"raw", to_raw(run_raw)}});
}
