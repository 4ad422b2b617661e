// SPDX-License-Identifier: BSL-1.0

// The laws of datagram transports over UDP (IPv4 and IPv6) and Unix sockets.

#include <aioxx/testing/check_datagram.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/net/datagram.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using testing::datagram_pair;

namespace {

coro<datagram_pair> pair_on(endpoint for_a, endpoint for_b, std::shared_ptr<datagram_protocol> a,
                            std::shared_ptr<datagram_protocol> b) {
    datagram_options far;
    far.local_address = for_b;
    // Named, not written inside of the co_await expression: g++ 12 destroys their captures twice there.
    auto hand_out_a = [a] { return a; };
    auto hand_out_b = [b] { return b; };
    auto second = co_await create_datagram_endpoint(hand_out_b, far);
    datagram_options near;
    near.local_address = for_a;
    near.remote_address = second.transport->get_extra_info(extra_info::sockname);
    auto first = co_await create_datagram_endpoint(hand_out_a, near);
    co_return datagram_pair{first.transport, second.transport};
}

void check(const endpoint& for_a, const endpoint& for_b) {
    const testing::make_datagram_pair make = [&](std::shared_ptr<datagram_protocol> a, std::shared_ptr<datagram_protocol> b) {
        return pair_on(for_a, for_b, std::move(a), std::move(b));
    };
    for (const testing::datagram_law& law : testing::datagram_laws()) {
        INFO(law.name);
        CHECK_NOTHROW(run(wait_for(law.check(make), std::chrono::seconds(20))));
    }
}

}  // namespace

TEST_CASE("UDP over IPv4 obeys the laws of datagrams", "[conformance][DG001][DG002][DG005][DG006][DG009][T23][EV019]") {
    check(endpoint::from_ip("127.0.0.1", 0), endpoint::from_ip("127.0.0.1", 0));
}

TEST_CASE("UDP over IPv6 obeys the laws of datagrams", "[conformance][EV019]") {
    if (!support::has_ipv6()) {
        WARN("this machine has no IPv6");
        return;
    }
    check(endpoint::from_ip("::1", 0), endpoint::from_ip("::1", 0));
}

TEST_CASE("Unix datagram sockets obey the laws of datagrams", "[conformance]") {
    const support::temporary_directory folder;
    check(endpoint::from_path(folder.path("a")), endpoint::from_path(folder.path("b")));
}
