// SPDX-License-Identifier: BSL-1.0

// The laws of byte transports over every implementation: memory (in virtual and in real time), TCP, Unix, pipe.

#include <aioxx/testing/check_transport.hpp>

#include <memory>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include <aioxx/net/connect.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"

using namespace aioxx;
using testing::transport_law;
using testing::transport_pair;

namespace {

coro<transport_pair> join(std::unique_ptr<stream_channel> a, std::unique_ptr<stream_channel> b,
                          std::shared_ptr<base_protocol> for_a, std::shared_ptr<base_protocol> for_b) {
    auto first = std::make_shared<stream_transport>(get_running_loop(), std::move(a), std::move(for_a));
    auto second = std::make_shared<stream_transport>(get_running_loop(), std::move(b), std::move(for_b));
    const future<> made = create_future();
    first->start();
    second->start([made](std::exception_ptr) { made.set_result(); });
    co_await made;
    co_return transport_pair{first, second};
}

coro<transport_pair> memory_pair(std::shared_ptr<base_protocol> for_a, std::shared_ptr<base_protocol> for_b) {
    auto [a, b] = make_memory_channels(get_running_loop());
    co_return co_await join(std::move(a), std::move(b), std::move(for_a), std::move(for_b));
}

coro<transport_pair> unix_pair(std::shared_ptr<base_protocol> for_a, std::shared_ptr<base_protocol> for_b) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    auto& loop = get_running_loop();
    co_return co_await join(std::make_unique<socket_channel>(loop, unique_fd(ends[0])),
                            std::make_unique<socket_channel>(loop, unique_fd(ends[1])), std::move(for_a),
                            std::move(for_b));
}

coro<transport_pair> pipe_pair(std::shared_ptr<base_protocol> for_a, std::shared_ptr<base_protocol> for_b) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    auto& loop = get_running_loop();
    co_return co_await join(std::make_unique<pipe_channel>(loop, unique_fd(ends[1]), pipe_end::write),
                            std::make_unique<pipe_channel>(loop, unique_fd(ends[0]), pipe_end::read),
                            std::move(for_a), std::move(for_b));
}

// A factory that hands one protocol out and forgets it: the transport owns it then.
auto handing_out(std::shared_ptr<base_protocol> protocol, future<> made) {
    return [held = std::make_shared<std::shared_ptr<base_protocol>>(std::move(protocol)), made] {
        get_running_loop().call_soon([made] {
            if (!made.done()) made.set_result();
        });
        return std::exchange(*held, nullptr);
    };
}

coro<transport_pair> tcp_pair(std::string host, std::shared_ptr<base_protocol> for_a,
                              std::shared_ptr<base_protocol> for_b) {
    const future<> accepted = create_future();
    auto* observer = dynamic_cast<testing::observer*>(for_b.get());
    server listening = co_await create_server(handing_out(std::move(for_b), accepted), host, 0);
    auto hand_out = [for_a] { return for_a; };
    auto client = co_await create_connection(hand_out, host, listening.port());
    co_await accepted;
    co_await observer->until([&] { return observer->count("connection_made") == 1; });
    listening.close();
    auto& serving = dynamic_cast<stream_transport&>(observer->transport());
    co_return transport_pair{client.transport, serving.shared_from_this()};
}

coro<> bounded(const transport_law& law, const testing::make_transport_pair& make) {
    co_await wait_for(law.check(make), std::chrono::seconds(20));
}

void check_real(const testing::make_transport_pair& make, bool one_way = false) {
    auto laws = testing::transport_laws();
    if (one_way) laws.push_back(testing::one_way_law());
    for (const transport_law& law : laws) {
        if (one_way && law.needs != testing::law_needs::nothing) continue;  // a pipe has one direction
        INFO(law.name);
        CHECK_NOTHROW(run(bounded(law, make)));
    }
}

}  // namespace

TEST_CASE("a memory link obeys the laws of transports in virtual time", "[conformance]") {
    for (const transport_law& law : testing::transport_laws()) {
        INFO(law.name);
        testing::test_loop loop;
        CHECK_NOTHROW(loop.run(law.check(memory_pair)));
    }
}

TEST_CASE("a memory link obeys the laws of transports on Asio", "[conformance]") { check_real(memory_pair); }

TEST_CASE("TCP over IPv4 obeys the laws of transports", "[conformance]") {
    check_real([](std::shared_ptr<base_protocol> a, std::shared_ptr<base_protocol> b) {
        return tcp_pair("127.0.0.1", std::move(a), std::move(b));
    });
}

TEST_CASE("TCP over IPv6 obeys the laws of transports", "[conformance]") {
    if (!support::has_ipv6()) {
        WARN("this machine has no IPv6");
        return;
    }
    check_real([](std::shared_ptr<base_protocol> a, std::shared_ptr<base_protocol> b) {
        return tcp_pair("::1", std::move(a), std::move(b));
    });
}

TEST_CASE("a Unix socket obeys the laws of transports", "[conformance]") { check_real(unix_pair); }

TEST_CASE("a pipe obeys the laws of transports", "[conformance]") { check_real(pipe_pair, true); }
