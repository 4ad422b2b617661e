// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/multicast.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>

#include <net/if.h>

#include <aioxx/net/datagram.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/check_datagram.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

TEST_CASE("members of a group on the loopback receive what is sent to it, until they leave", "[net]") {
    run(wait_for([]() -> coro<> {
        const unsigned loopback = ::if_nametoindex("lo");
        const auto observers = [] { return std::make_shared<testing::datagram_observer>(); };
        datagram_options any;
        any.local_address = endpoint::from_ip("0.0.0.0", 0);
        auto member = co_await create_datagram_endpoint(observers, any);
        const auto socket = *member.transport->get_extra_info(extra_info::socket);
        const endpoint group = endpoint::from_ip("239.255.1.2", member.transport->get_extra_info(extra_info::sockname)->port());
        join_multicast_group(socket, group, loopback);
        CHECK_THROWS_AS(join_multicast_group(socket, group, loopback), broken_error);  // is one already

        datagram_options four;
        four.family = AF_INET;
        auto sender = co_await create_datagram_endpoint(observers, four);
        const auto sending = *sender.transport->get_extra_info(extra_info::socket);
        set_multicast_interface(sending, loopback);
        set_multicast_loopback(sending, true);
        set_multicast_hops(sending, 1);
        CHECK(sending.getsockopt(IPPROTO_IP, IP_MULTICAST_TTL) == 1);
        sender.transport->sendto("to all", group);
        co_await member.protocol->until_received(1);
        CHECK(member.protocol->received.front() == "to all");
        leave_multicast_group(socket, group, loopback);
        CHECK_THROWS_AS(leave_multicast_group(socket, group, loopback), broken_error);
        member.transport->abort();
        sender.transport->abort();
        co_await sender.protocol->until_lost();
    }(), 20s));
}

TEST_CASE("only internet addresses are groups", "[net]") {
    CHECK_THROWS_AS(join_multicast_group(transport_socket(-1), endpoint::from_path("/x")), std::invalid_argument);
}
