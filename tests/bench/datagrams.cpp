// SPDX-License-Identifier: BSL-1.0

// tests/bench/datagrams.cpp: UDP echo on the loopback: datagrams a second through a server, and the ratio to `raw`, a
// loop of recvfrom and sendto that blocks. Server and client are processes of their own; the servers take turns in
// every round, and the median over the rounds counts.
//
//   datagrams [--rounds N]

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>

#include <aioxx/core/current.hpp>
#include <aioxx/net/datagram.hpp>
#include <aioxx/tasks/runner.hpp>

#include "rounds.hpp"

namespace {

int bound_socket(std::uint16_t& port) {
    const int fd = bench::check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench::check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    socklen_t size = sizeof address;
    bench::check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    port = ntohs(address.sin_port);
    return fd;
}

[[noreturn]] void serve_raw(int fd) {
    std::array<char, 65536> buffer;
    for (;;) {
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        const ssize_t count = recvfrom(fd, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&peer), &size);
        if (count < 0) continue;
        sendto(fd, buffer.data(), static_cast<std::size_t>(count), 0, reinterpret_cast<sockaddr*>(&peer), size);
    }
}

struct asio_server {
    asio::ip::udp::socket socket;
    asio::ip::udp::endpoint peer;
    std::array<char, 65536> buffer;

    void receive() {
        socket.async_receive_from(asio::buffer(buffer), peer, [this](std::error_code failure, std::size_t count) {
            if (failure) return receive();
            socket.async_send_to(asio::buffer(buffer, count), peer, [this](std::error_code, std::size_t) { receive(); });
        });
    }
};
[[noreturn]] void serve_asio(int fd) {
    asio::io_context io(1);
    const auto server = std::make_unique<asio_server>(asio_server{asio::ip::udp::socket(io), {}, {}});
    server->socket.assign(asio::ip::udp::v4(), fd);
    server->socket.non_blocking(true);
    server->receive();
    io.run();
    std::abort();
}

class echo final : public aioxx::datagram_protocol {
public:
    void connection_made(aioxx::datagram_transport& made) override { transport_ = &made; }
    void datagram_received(aioxx::bytes_view data, const aioxx::endpoint& sender) override {
        transport_->sendto(data, sender);
    }

private:
    aioxx::datagram_transport* transport_ = nullptr;
};
aioxx::coro<> serve_for_ever(int fd) {
    static_cast<void>(co_await aioxx::create_datagram_endpoint([] { return std::make_shared<echo>(); }, aioxx::unique_fd(fd)));
    co_await aioxx::create_future();
}
[[noreturn]] void serve_aioxx(int fd) {
    aioxx::run(serve_for_ever(fd));
    std::abort();
}

struct server {
    const char* name;
    void (*serve)(int fd);
};
constexpr server servers[] = {{"raw", serve_raw}, {"asio", serve_asio}, {"aioxx", serve_aioxx}};

// Returns: datagrams a second, `window` of them under way at once.
double measure(const server& tested, std::size_t size, int window) {
    std::uint16_t port = 0;
    const int listening = bound_socket(port);
    const pid_t child = bench::in_child(0, [&] { tested.serve(listening); });
    close(listening);
    std::uint16_t own = 0;
    const int fd = bound_socket(own);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    bench::check(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), "connect");
    const timeval patience{0, 100'000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::vector<char> buffer(std::max<std::size_t>(size, 65536), 'x');
    for (int sent = 0; sent < window; ++sent) send(fd, buffer.data(), size, 0);
    std::size_t count = 0;
    const double warm = bench::now() + 0.05;
    double begin = 0;
    double end = 0;
    for (;;) {
        if (recv(fd, buffer.data(), buffer.size(), 0) < 0) {  // lost: fill the window again
            for (int sent = 0; sent < window; ++sent) send(fd, buffer.data(), size, 0);
            continue;
        }
        send(fd, buffer.data(), size, 0);
        if (begin == 0) {
            if (bench::now() > warm) begin = bench::now();
        } else if (++count % 256 == 0) {
            end = bench::now();
            if (end > begin + 0.3) break;
        }
    }
    close(fd);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return static_cast<double>(count) / (end - begin);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = bench::rounds_argument(argc, argv, 7);
    bench::pin(1);
    bench::print_head("datagrams", {"raw", "asio", "aioxx"});
    for (const std::size_t size : {std::size_t{64}, std::size_t{1400}}) {
        for (const int window : {1, 64}) {
            std::vector<bench::candidate> candidates;
            for (const server& each : servers) {
                candidates.push_back({each.name, [&each, size, window] { return bench::reached{measure(each, size, window)}; }});
            }
            const std::string row = std::to_string(size) + " bytes, " + std::to_string(window) + " under way";
            bench::print_row(row.c_str(), rounds, 1000, "k/s", candidates);
        }
    }
}
