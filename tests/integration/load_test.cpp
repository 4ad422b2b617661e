// SPDX-License-Identifier: BSL-1.0

// Many connections, and such that behave badly: what they cost, and that the others do not suffer. The clients
// are plain C in processes of their own, so that what this process holds is the library's.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <malloc.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aioxx/core/task.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>

#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

// ---- clients, which block ----

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    ::_exit(1);
}

int connect_to(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
    return fd;
}
int connect_to(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    while (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno != EAGAIN) fail("connect");  // the backlog is full
    }
    return fd;
}
void say(int fd) {
    if (::write(fd, "x", 1) != 1) fail("write");
}
void hear(int fd) {
    char answer = 0;
    if (::read(fd, &answer, 1) != 1 || answer != 'x') fail("read");
}
void reset(int fd) {
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(fd);
}

// A process that runs a function; what it is told and what it tells goes through two pipes.
class crowd : pinned {
public:
    template <class Function>
    explicit crowd(Function run) {
        child_ = ::fork();
        if (child_ == 0) {
            ::close(tells_.read.release());
            ::close(told_.write.release());
            run(*this);
            ::_exit(0);
        }
        tells_.write.reset();
        told_.read.reset();
    }
    ~crowd() {
        if (child_ > 0 && ::waitpid(child_, nullptr, WNOHANG) == 0) ::kill(child_, SIGKILL);
    }

    // In the child.
    void report() const { say(tells_.write.get()); }
    void await_order() const { hear(told_.read.get()); }

    // In the parent.
    coro<> wait_for_report() {
        const stream from = co_await open_reports();
        co_await from.reader.readexactly(1);
    }
    void order() const { say(told_.write.get()); }
    coro<bool> succeeded() {
        int status = 0;
        while (::waitpid(child_, &status, WNOHANG) == 0) co_await aioxx::sleep(1ms);
        child_ = -1;
        co_return status == 0;
    }

private:
    coro<stream> open_reports() {
        return open_socket(unique_fd(::fcntl(tells_.read.get(), F_DUPFD_CLOEXEC, 3)));
    }
    static support::pipe_ends make_ends() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_system_error(errno, "socketpair");
        support::pipe_ends made;
        made.read.reset(ends[0]);
        made.write.reset(ends[1]);
        return made;
    }

    support::pipe_ends tells_ = make_ends();
    support::pipe_ends told_ = make_ends();
    pid_t child_ = -1;
};

// ---- servers ----

class echo_protocol final : public protocol {
public:
    void connection_made(transport& made) override { transport_ = &made; }
    void data_received(bytes_view data) override { transport_->write(data); }

private:
    transport* transport_ = nullptr;
};

coro<> echo(stream_reader reader, stream_writer writer) {
    for (;;) {
        const bytes_view data = co_await reader.read_view();
        if (data.empty()) co_return;
        co_await writer.send(data);
    }
}

std::size_t anonymous_memory() {
    std::ifstream rollup("/proc/self/smaps_rollup");
    std::string word;
    std::size_t kilobytes = 0;
    while (rollup >> word) {
        if (word == "Anonymous:") rollup >> kilobytes;
    }
    return kilobytes * 1024;
}

// Sanitizers keep memory of their own for each allocation.
constexpr bool memory_is_ours =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    false;
#else
    true;
#endif

template <class Main>
void run_limited(Main main, std::chrono::seconds limit = 60s) {
    run(wait_for(main(), limit));
}

coro<> until_connections(server& of, std::size_t count) {
    while (of.connection_count() != count) co_await aioxx::sleep(1ms);
}

// Thousands of connections that have said something once. Returns: bytes of memory for each.
coro<double> memory_of_idle(server listening, std::size_t count) {
    crowd clients([port = listening.port(), count](crowd& self) {
        std::vector<int> sockets;
        for (std::size_t i = 0; i < count; ++i) {
            sockets.push_back(connect_to(port));
            say(sockets.back());
            hear(sockets.back());
            if (i == 99) {
                self.report();
                self.await_order();
            }
        }
        self.report();
        self.await_order();
        for (const int fd : sockets) {  // all of them still work
            say(fd);
            hear(fd);
        }
    });
    co_await clients.wait_for_report();  // tables and pools have their first size
    ::malloc_trim(0);                    // what earlier tests have left free would not be counted
    const std::size_t before = anonymous_memory();
    clients.order();
    co_await clients.wait_for_report();
    CHECK(listening.connection_count() == count);
    const std::size_t after = anonymous_memory();
    clients.order();
    const bool all = co_await clients.succeeded();
    CHECK(all);
    listening.close();
    co_await listening.wait_closed();
    co_return static_cast<double>(after - before) / static_cast<double>(count - 100);
}

rlimit descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit;
}

// As many of ten thousand as the system lets a process have.
std::size_t many() {
    rlimit limit = descriptors();
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return std::min<std::size_t>(10'000, limit.rlim_cur - 200);
}

}  // namespace

TEST_CASE("ten thousand idle connections of a protocol take less than a kilobyte each", "[integration][load]") {
    run_limited([]() -> coro<> {
        server listening = co_await create_server([] { return std::make_shared<echo_protocol>(); }, "127.0.0.1", 0);
        const double each = co_await memory_of_idle(listening, many());
        INFO("bytes for each: " << each);
        CHECK((!memory_is_ours || each < 1024));
    });
}

TEST_CASE("ten thousand idle streams take less than two and a quarter kilobytes each", "[integration][load]") {
    run_limited([]() -> coro<> {
        server listening = co_await start_server(echo, "127.0.0.1", 0);
        const double each = co_await memory_of_idle(listening, many());
        INFO("bytes for each: " << each);
        // Of these about 1000 are the connection, 800 the frames and the task of the handler, 400 the two buffers.
        CHECK((!memory_is_ours || each < 2304));
    });
}

TEST_CASE("fifty thousand connections come and go and leave nothing", "[integration][load]") {
    const support::temporary_directory folder;
    run_limited([path = folder.path("socket")]() -> coro<> {
        constexpr int clients = 4;
        constexpr int each = 12'500;
        get_running_loop().set_exception_handler([](const exception_context&) {});  // a third of them resets
        server listening = co_await start_unix_server(echo, path);
        std::size_t settled = 0;
        const std::size_t open_before = support::open_descriptors();
        for (int round = 0; round < 2; ++round) {  // the second has to find what it needs where the first has left it
            std::vector<std::unique_ptr<crowd>> crowds;
            for (int i = 0; i < clients; ++i) {
                crowds.push_back(std::make_unique<crowd>([path](crowd&) {
                    for (int turn = 0; turn < each / 2; ++turn) {
                        const int fd = connect_to(path);
                        say(fd);
                        if (turn % 3 != 0) hear(fd);
                        ::close(fd);
                    }
                }));
            }
            for (const auto& one : crowds) {
                const bool all = co_await one->succeeded();
                CHECK(all);
            }
            crowds.clear();
            co_await until_connections(listening, 0);
            if (round == 0) settled = anonymous_memory();
        }
        CHECK(support::open_descriptors() == open_before);
        CHECK((!memory_is_ours || anonymous_memory() < settled + 512 * 1024));
        listening.close();
        co_await listening.wait_closed();
        get_running_loop().set_exception_handler(nullptr);
    });
}

TEST_CASE("a hundred writers wait for a reader that stops, within the marks, and others go on", "[integration][load]") {
    run_limited([]() -> coro<> {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        const unique_fd stopped(ends[1]);
        const stream slow = co_await open_socket(unique_fd(ends[0]));
        constexpr std::size_t piece = 4096;
        constexpr int pieces = 200;  // more than the sockets take
        std::vector<task<>> writers;
        for (int i = 0; i < 100; ++i) {
            writers.push_back(create_task([](stream_writer writer) -> coro<> {
                const std::string text(piece, 'w');
                for (int turn = 0; turn < pieces; ++turn) co_await writer.send(text);
            }(slow.writer)));
        }
        server listening = co_await start_server(echo, "127.0.0.1", 0);
        const stream other = co_await open_connection("127.0.0.1", listening.port());
        for (int turn = 0; turn < 2000; ++turn) {
            co_await other.writer.send("question\n");
            const bytearray answer = co_await other.reader.readline();
            if (answer != "question\n") FAIL("the echo was another one");
        }
        std::size_t waiting = 0;
        for (const task<>& each : writers) waiting += each.done() ? 0u : 1u;
        CHECK(waiting == 100);
        const auto counts = slow.writer.get_extra_info(extra_info::statistics);
        REQUIRE(counts);
        // The high mark, and the piece with which each of them has found out.
        CHECK(counts->most_queued <= 64 * 1024 + 100 * piece);
        std::vector<char> space(1024 * 1024);
        std::size_t left = 100 * pieces * piece;
        while (left != 0) {
            const ssize_t count = ::recv(stopped.get(), space.data(), space.size(), MSG_DONTWAIT);
            if (count > 0) left -= static_cast<std::size_t>(count);
            co_await aioxx::sleep(0s);
        }
        for (task<>& each : writers) co_await each;
        other.writer.close();
        listening.close();
        co_await listening.wait_closed();
    });
}

TEST_CASE("peers that reset a connection in the middle of a write cost nothing but their own", "[integration][load]") {
    run_limited([]() -> coro<> {
        constexpr int count = 300;
        int broken = 0;
        int served = 0;
        auto handler = [&](stream_reader, stream_writer writer) -> coro<> {
            const std::string text(100'000, 'r');
            try {
                for (int turn = 0; turn < 1000; ++turn) co_await writer.send(text);
            } catch (const broken_error&) {
                ++broken;
            }
            ++served;
        };
        server listening = co_await start_server(std::ref(handler), "127.0.0.1", 0);
        crowd clients([port = listening.port()](crowd&) {
            std::vector<char> space(200'000);
            for (int i = 0; i < count; ++i) {
                const int fd = connect_to(port);
                if (::read(fd, space.data(), static_cast<std::size_t>(i) * 500 + 1) <= 0) fail("read");
                reset(fd);
            }
        });
        const bool all = co_await clients.succeeded();
        CHECK(all);
        co_await until_connections(listening, 0);
        while (served != count) co_await aioxx::sleep(1ms);
        CHECK(broken == count);
        listening.close();
        co_await listening.wait_closed();
    });
}

TEST_CASE("peers that trickle are sent away at the deadline, however many they are", "[integration][load]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        constexpr int count = 200;
        event_loop& on = get_running_loop();
        const time_point began = on.time();
        std::vector<stream> servers;
        std::vector<stream> clients;
        std::vector<task<bool>> handlers;
        for (int i = 0; i < count; ++i) {
            auto [near, far] = make_memory_channels(on);
            for (auto* end : {&near, &far}) {
                auto state = std::make_shared<stream_protocol>(1024);
                std::make_shared<stream_transport>(on, std::move(*end), state)->start();
                (end == &near ? servers : clients).push_back(make_stream(state));
            }
            // A request of three lines, for which there are ten seconds.
            handlers.push_back(create_task([](stream with) -> coro<bool> {
                with.reader.expires_after(10s);
                bool in_time = true;
                try {
                    for (int line = 0; line < 3; ++line) co_await with.reader.readline();
                } catch (const timeout_error&) {
                    in_time = false;
                }
                with.writer.close();
                co_return in_time;
            }(servers.back())));
        }
        servers.clear();
        for (int second = 0; second < 15; ++second) {
            for (int i = 0; i < count; ++i) {  // every tenth one is honest
                if (!clients[static_cast<std::size_t>(i)].writer.is_closing()) {
                    clients[static_cast<std::size_t>(i)].writer.write(i % 10 == 0 ? "a line\n" : "x");
                }
            }
            co_await aioxx::sleep(1s);
            const auto ended = static_cast<int>(
                std::count_if(handlers.begin(), handlers.end(), [](const task<bool>& each) { return each.done(); }));
            if (second == 5) CHECK(ended == count / 10);
            if (second == 10) CHECK(ended == count);
        }
        for (int i = 0; i < count; ++i) {
            const bool in_time = co_await handlers[static_cast<std::size_t>(i)];
            if (in_time != (i % 10 == 0)) FAIL("a peer was taken for another kind");
        }
        CHECK(on.time() - began == 15s);
        for (const stream& each : clients) each.writer.abort();
        co_await aioxx::sleep(1s);
    }());
}

TEST_CASE("a server that has run out of descriptors serves everybody when there are some again",
          "[integration][load]") {
    const rlimit former = descriptors();
    run_limited([former]() -> coro<> {
        constexpr int count = 30;
        int reports = 0;
        get_running_loop().set_exception_handler([&](const exception_context&) { ++reports; });
        server listening = co_await start_server(echo, "127.0.0.1", 0);
        crowd clients([port = listening.port()](crowd& self) {
            self.await_order();
            std::vector<int> sockets;
            for (int i = 0; i < count; ++i) {
                sockets.push_back(connect_to(port));
                say(sockets.back());
            }
            for (const int fd : sockets) {
                hear(fd);
                ::close(fd);
            }
        });
        const unique_fd next(::fcntl(0, F_DUPFD_CLOEXEC, 3));
        rlimit limited = former;
        limited.rlim_cur = static_cast<rlim_t>(next.get()) + 12;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &limited) == 0);
        clients.order();
        const bool all = co_await clients.succeeded();
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &former) == 0);
        CHECK(all);
        CHECK(reports > 0);
        co_await until_connections(listening, 0);
        listening.close();
        co_await listening.wait_closed();
        get_running_loop().set_exception_handler(nullptr);
    });
}
