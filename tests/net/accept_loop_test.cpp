// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/accept_loop.hpp>

#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#include <aioxx/base/config.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

namespace {

// An accept loop and clients that connect without one.
struct accepting {
    explicit accepting(int backlog = 10)
        : loop(get_running_loop(), unbound(), backlog, [this](unique_fd fd, const endpoint& peer) {
              CHECK((::fcntl(fd.get(), F_GETFL) & O_NONBLOCK) != 0);
              CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
              accepted.push_back(std::move(fd));
              peers.push_back(peer);
              changed.set();
          }) {}

    static unique_fd unbound() {
        unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const endpoint any = endpoint::from_ip("127.0.0.1", 0);
        REQUIRE(::bind(fd.get(), any.data(), any.size()) == 0);
        return fd;
    }
    unique_fd client() const {
        unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(fd.get(), loop.local().data(), loop.local().size()) == 0);
        return fd;
    }
    coro<> until(std::size_t count) {
        while (accepted.size() < count) {
            changed.clear();
            co_await changed.wait();
        }
    }

    accept_loop loop;
    std::vector<unique_fd> accepted;
    std::vector<endpoint> peers;
    event changed;
};

}  // namespace

TEST_CASE("connections are accepted with the address of their peer", "[net]") {
    run_bounded([]() -> coro<> {
        accepting server;
        server.loop.start();
        const unique_fd one = server.client();
        const unique_fd two = server.client();
        co_await server.until(2);
        CHECK(server.peers[0] == endpoint::local_of(one.get()));
        CHECK(server.peers[1] == endpoint::local_of(two.get()));
    }());
}

TEST_CASE("a paused loop leaves connections in the system's queue", "[net]") {
    run_bounded([]() -> coro<> {
        accepting server;
        server.loop.start();
        server.loop.pause();
        const unique_fd client = server.client();
        for (int i = 0; i < 5; ++i) co_await sleep(1ms);
        CHECK(server.accepted.empty());
        server.loop.resume();
        co_await server.until(1);
        const unique_fd next = server.client();
        co_await server.until(2);
    }());
}

TEST_CASE("more connections than the backlog are accepted in several turns (ST018)", "[net]") {
    run_bounded([]() -> coro<> {
        accepting server(3);
        server.loop.start();
        server.loop.pause();
        std::vector<unique_fd> clients;
        for (int i = 0; i < 4; ++i) clients.push_back(server.client());
        server.loop.resume();
        co_await server.until(4);
        clients.push_back(server.client());
        co_await server.until(5);
    }());
}

TEST_CASE("a peer that has gone before it was accepted does not stop the loop (S3)", "[net][BE052]") {
    run_bounded([]() -> coro<> {
        accepting server;
        server.loop.start();
        {
            const unique_fd hasty = server.client();
            const linger hard{1, 0};
            REQUIRE(::setsockopt(hasty.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
        }
        const unique_fd patient = server.client();
        while (server.peers.empty() || server.peers.back() != endpoint::local_of(patient.get())) {
            server.changed.clear();
            co_await server.changed.wait();
        }
    }());
}

// Not under the sanitizers: to look at an object's type, UBSan opens descriptors of its own.
#if !defined(AIOXX_NO_FRAME_POOL)

TEST_CASE("without descriptors it reports, rests, and accepts when there are some again (S4)", "[net][BE052]") {
    run_bounded([]() -> coro<> {
        std::vector<std::string> reports;
        auto& loop = get_running_loop();
        loop.set_exception_handler([&](const exception_context& context) { reports.push_back(describe(context)); });
        {
            accepting server;
            server.loop.start();
            server.loop.pause();
            const unique_fd one = server.client();
            const unique_fd two = server.client();
            rlimit former{};
            REQUIRE(::getrlimit(RLIMIT_NOFILE, &former) == 0);
            const rlimit none{3, former.rlim_max};
            REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
            server.loop.resume();
            for (int i = 0; i < 20; ++i) co_await sleep(1ms);
            REQUIRE(::setrlimit(RLIMIT_NOFILE, &former) == 0);
            CHECK(server.accepted.empty());
            CHECK(reports.size() == 1);  // and not one for each turn
            if (!reports.empty()) CHECK(reports[0].find("rests for a second") != std::string::npos);
            co_await server.until(2);
        }
        loop.set_exception_handler({});
    }());
}

TEST_CASE("a loop that is closed while it rests does not come back (S4)", "[net]") {
    run_bounded([]() -> coro<> {
        auto& loop = get_running_loop();
        int reports = 0;
        loop.set_exception_handler([&](const exception_context&) { ++reports; });
        {
            accepting server;
            server.loop.start();
            const unique_fd one = server.client();
            rlimit former{};
            REQUIRE(::getrlimit(RLIMIT_NOFILE, &former) == 0);
            const rlimit none{3, former.rlim_max};
            REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
            while (reports == 0) co_await sleep(1ms);
            REQUIRE(::setrlimit(RLIMIT_NOFILE, &former) == 0);
            server.loop.close();
            server.loop.resume();
            co_await sleep(1100ms);
            CHECK(server.accepted.empty());
        }
        CHECK(reports == 1);
        loop.set_exception_handler({});
    }());
}

#endif

TEST_CASE("close ends the listening at once, from within the accepted function as well", "[net][PR009]") {
    run_bounded([]() -> coro<> {
        accept_loop* self = nullptr;
        int calls = 0;
        event closed;
        accept_loop loop(get_running_loop(), accepting::unbound(), 10, [&](unique_fd, const endpoint&) {
            ++calls;
            self->close();
            closed.set();
        });
        self = &loop;
        loop.start();
        std::vector<unique_fd> clients;
        for (int i = 0; i < 3; ++i) {
            clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            REQUIRE(::connect(clients.back().get(), loop.local().data(), loop.local().size()) == 0);
        }
        co_await closed.wait();
        for (int i = 0; i < 3; ++i) co_await sleep(1ms);
        CHECK(calls == 1);
        const unique_fd late(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        CHECK(::connect(late.get(), loop.local().data(), loop.local().size()) != 0);
        loop.resume();
        co_await sleep(1ms);
    }());
}
