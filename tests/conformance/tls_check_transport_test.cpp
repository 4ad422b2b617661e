// SPDX-License-Identifier: BSL-1.0

// The laws of byte transports over TLS on real sockets. In virtual time, over memory: tests/transports/tls_test.cpp.

#include <aioxx/testing/check_transport.hpp>

#include <chrono>
#include <memory>
#include <utility>

#include <sys/socket.h>

#include <aioxx/core/task.hpp>
#include <aioxx/net/tls.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"

using namespace aioxx;
using testing::transport_pair;

namespace {

tls::connection_options named() {
    tls::connection_options options;
    options.server_hostname = "localhost";
    options.shutdown_timeout = std::chrono::seconds(2);
    return options;
}

coro<transport_pair> secure(unique_fd near, unique_fd far, std::shared_ptr<base_protocol> for_a,
                            std::shared_ptr<base_protocol> for_b) {
    // Named, not written inside of the co_await expression: g++ 12 destroys their captures twice there.
    auto hand_out_a = [served = std::move(for_a)]() mutable { return std::move(served); };
    auto hand_out_b = [served = std::move(for_b)]() mutable { return std::move(served); };
    task<connection<base_protocol>> serving = create_task(
        connect_accepted_socket(std::move(hand_out_b), std::move(far), support::server_context(), named()));
    auto client =
        co_await connect_accepted_socket(std::move(hand_out_a), std::move(near), support::client_context(), named());
    const connection<base_protocol> accepted = co_await serving;
    co_return transport_pair{client.transport, accepted.transport};
}

coro<transport_pair> over_unix(std::shared_ptr<base_protocol> for_a, std::shared_ptr<base_protocol> for_b) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    co_return co_await secure(unique_fd(ends[0]), unique_fd(ends[1]), std::move(for_a), std::move(for_b));
}

coro<transport_pair> over_tcp(std::shared_ptr<base_protocol> for_a, std::shared_ptr<base_protocol> for_b) {
    const endpoint any = endpoint::from_ip("127.0.0.1", 0);
    const unique_fd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listening.get(), any.data(), any.size()) == 0);
    REQUIRE(::listen(listening.get(), 1) == 0);
    const endpoint address = *endpoint::local_of(listening.get());
    unique_fd near(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(near.get(), address.data(), address.size()) == 0);
    unique_fd far(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    co_return co_await secure(std::move(near), std::move(far), std::move(for_a), std::move(for_b));
}

void check(const testing::make_transport_pair& make) {
    auto laws = testing::transport_laws();
    laws.push_back(testing::no_half_close_law());
    for (const testing::transport_law& law : laws) {
        if (law.needs == testing::law_needs::half_close) continue;  // TLS has none
        INFO(law.name);
        CHECK_NOTHROW(run(wait_for(law.check(make), std::chrono::seconds(20))));
    }
}

}  // namespace

TEST_CASE("TLS over TCP obeys the laws of transports", "[conformance][TL001][T9][T10][T13]") { check(over_tcp); }

TEST_CASE("TLS over a Unix socket obeys the laws of transports", "[conformance]") { check(over_unix); }
