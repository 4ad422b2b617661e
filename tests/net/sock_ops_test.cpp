// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/sock_ops.hpp>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <aioxx/core/task.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/recording_protocol.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"
#include "support/was_cancelled.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

namespace {

unique_fd new_socket(int family, int type) { return unique_fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

unique_fd listening(const endpoint& on) {
    unique_fd fd = new_socket(on.family(), SOCK_STREAM);
    REQUIRE(::bind(fd.get(), on.data(), on.size()) == 0);
    REQUIRE(::listen(fd.get(), 10) == 0);
    return fd;
}

struct socket_pair {
    unique_fd a;
    unique_fd b;
    explicit socket_pair(int type = SOCK_STREAM) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        a.reset(ends[0]);
        b.reset(ends[1]);
    }
};

coro<bytearray> receive_all(int socket, std::size_t count) {
    bytearray all;
    while (all.size() < count) {
        const bytearray some = co_await sock_recv(socket, 65536);
        if (some.empty()) break;
        all.append(some);
    }
    co_return all;
}

coro<> exchange(const endpoint on) {
    const unique_fd server = listening(on);
    const endpoint address = *endpoint::local_of(server.get());
    const unique_fd client = new_socket(on.family(), SOCK_STREAM);
    task<> connecting = create_task(sock_connect(client.get(), address));
    accepted_socket accepted = co_await sock_accept(server.get());
    co_await connecting;
    CHECK((::fcntl(accepted.socket.get(), F_GETFL) & O_NONBLOCK) != 0);
    if (on.family() == AF_INET) CHECK(accepted.peer == *endpoint::local_of(client.get()));

    const std::string forth(3'000'000, 'f');
    const std::string back(2'000'000, 'b');
    task<> first = create_task(sock_sendall(client.get(), forth));
    task<> second = create_task(sock_sendall(accepted.socket.get(), back));
    task<bytearray> at_client = create_task(receive_all(client.get(), back.size()));
    const bytearray at_server = co_await receive_all(accepted.socket.get(), forth.size());
    const bytearray received = co_await at_client;
    co_await first;
    co_await second;
    CHECK(at_server == forth);
    CHECK(received == back);

    ::shutdown(client.get(), SHUT_WR);
    std::array<std::byte, 10> buffer{};
    const std::size_t end = co_await sock_recv_into(accepted.socket.get(), buffer);
    CHECK(end == 0);
}

}  // namespace

TEST_CASE("sockets connect, accept and exchange large data in both directions at once", "[net][SL001]") {
    run_bounded(exchange(endpoint::from_ip("127.0.0.1", 0)));
    const support::temporary_directory folder;
    run_bounded(exchange(endpoint::from_path(folder.path("sock"))));
}

TEST_CASE("a cancelled receive takes nothing, and the socket works on", "[net][SL002]") {
    run_bounded([]() -> coro<> {
        socket_pair pair;
        task<bytearray> waiting = create_task(sock_recv(pair.a.get(), 100));
        co_await sleep(0s);
        REQUIRE(::send(pair.b.get(), "kept", 4, 0) == 4);
        waiting.cancel();
        const bool cancelled = co_await support::was_cancelled(waiting);
        CHECK(cancelled);
        const bytearray text = co_await sock_recv(pair.a.get(), 100);
        CHECK(text == "kept");
    }());
}

TEST_CASE("a cancelled accept leaves the client to the next one", "[net][S5][SL004]") {
    run_bounded([]() -> coro<> {
        const unique_fd server = listening(endpoint::from_ip("127.0.0.1", 0));
        const endpoint address = *endpoint::local_of(server.get());
        task<accepted_socket> cancelled = create_task(sock_accept(server.get()));
        co_await sleep(0s);
        const unique_fd client = new_socket(AF_INET, SOCK_STREAM);
        static_cast<void>(::connect(client.get(), address.data(), address.size()));  // is there before the loop looks
        cancelled.cancel();
        const accepted_socket next = co_await sock_accept(server.get());
        CHECK(next.peer == *endpoint::local_of(client.get()));
        co_await sleep(0s);
        CHECK(cancelled.cancelled());
    }());
}

TEST_CASE("several tasks accept on one socket, and each gets its client", "[net][S6]") {
    run_bounded([]() -> coro<> {
        const unique_fd server = listening(endpoint::from_ip("127.0.0.1", 0));
        const endpoint address = *endpoint::local_of(server.get());
        std::vector<task<accepted_socket>> accepting;
        for (int count = 0; count < 3; ++count) accepting.push_back(create_task(sock_accept(server.get())));
        co_await sleep(0s);
        std::vector<unique_fd> clients;
        for (int count = 0; count < 3; ++count) {
            clients.push_back(new_socket(AF_INET, SOCK_STREAM));
            co_await sock_connect(clients.back().get(), address);
        }
        for (task<accepted_socket>& each : accepting) {
            const accepted_socket accepted = co_await std::move(each);
            CHECK(accepted.socket);
        }
    }());
}

TEST_CASE("datagrams are sent and received, and wait for room", "[net][SL003]") {
    run_bounded([]() -> coro<> {
        const unique_fd one = new_socket(AF_INET, SOCK_DGRAM);
        const unique_fd other = new_socket(AF_INET, SOCK_DGRAM);
        const endpoint any = endpoint::from_ip("127.0.0.1", 0);
        REQUIRE(::bind(one.get(), any.data(), any.size()) == 0);
        REQUIRE(::bind(other.get(), any.data(), any.size()) == 0);
        const std::size_t sent = co_await sock_sendto(one.get(), "hello", *endpoint::local_of(other.get()));
        CHECK(sent == 5);
        const datagram received = co_await sock_recvfrom(other.get(), 100);
        CHECK(received.data == "hello");
        CHECK(received.sender == *endpoint::local_of(one.get()));

        const support::temporary_directory folder;
        const endpoint path = endpoint::from_path(folder.path("slow"));
        const unique_fd slow = new_socket(AF_UNIX, SOCK_DGRAM);
        REQUIRE(::bind(slow.get(), path.data(), path.size()) == 0);
        const unique_fd fast = new_socket(AF_UNIX, SOCK_DGRAM);
        task<> sending = create_task([](int from, endpoint to) -> coro<> {
            for (int count = 0; count < 100; ++count) co_await sock_sendto(from, std::to_string(count), to);
        }(fast.get(), path));
        co_await sleep(0s);
        CHECK_FALSE(sending.done());
        std::array<std::byte, 10> buffer{};
        for (int count = 0; count < 100; ++count) {
            const received_datagram next = co_await sock_recvfrom_into(slow.get(), buffer);
            CHECK(bytes_view(buffer.data(), next.count) == std::to_string(count));
        }
        co_await sending;
    }());
}

TEST_CASE("a refused connection names the address, and a name takes the socket's own family", "[net][SL004][ST022]") {
    run_bounded([]() -> coro<> {
        const support::bound_socket silent("127.0.0.1", false);
        const unique_fd client = new_socket(AF_INET, SOCK_STREAM);
        std::string refused;
        try {
            co_await sock_connect(client.get(), "localhost", silent.address.port());
        } catch (const broken_error& failure) {
            refused = failure.what();
            CHECK(failure.code() == std::errc::connection_refused);
        }
        CHECK(refused.find("cannot connect to 127.0.0.1:") != std::string::npos);
    }());
}

TEST_CASE("a socket that was connected here becomes a transport", "[net][SL004]") {
    run_bounded([]() -> coro<> {
        const unique_fd server = listening(endpoint::from_ip("127.0.0.1", 0));
        unique_fd client = new_socket(AF_INET, SOCK_STREAM);
        co_await sock_connect(client.get(), *endpoint::local_of(server.get()));
        const accepted_socket accepted = co_await sock_accept(server.get());
        auto made = co_await connect_accepted_socket([] { return std::make_shared<testing::recording_protocol>(); },
                                                     std::move(client));
        made.transport->write("hello");
        const bytearray text = co_await receive_all(accepted.socket.get(), 5);
        CHECK(text == "hello");
        made.transport->abort();
    }());
}

TEST_CASE("what is no socket, or blocks, is refused", "[net]") {
    run_bounded([]() -> coro<> {
        std::vector<std::string> failures;
        const auto attempt = [&failures](int fd) -> coro<> {
            try {
                co_await sock_recv(fd, 1);
            } catch (const std::invalid_argument& failure) {
                failures.emplace_back(failure.what());
            } catch (const broken_error& failure) {
                failures.emplace_back(failure.what());
            }
        };
        co_await attempt(-1);
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        const unique_fd reader(ends[0]);
        const unique_fd writer(ends[1]);
        co_await attempt(reader.get());
        get_running_loop().set_debug(true);
        co_await attempt(reader.get());
        get_running_loop().set_debug(false);
        REQUIRE(failures.size() == 3);
        CHECK(failures[0] == "sock_recv: expected a socket, got -1");
        CHECK(failures[1].find("sock_recv: ") == 0);
        CHECK(failures[2] == "sock_recv: the socket must be non-blocking");
    }());
}
