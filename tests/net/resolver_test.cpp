// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/resolver.hpp>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/was_cancelled.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

TEST_CASE("a numeric address needs no look-up", "[net][BE001]") {
    testing::test_loop loop;
    for (const std::string host : {"127.0.0.1", "::1"}) {
        testing::step found(loop, [&] { return resolve(host, 80); });
        REQUIRE(found.ready());  // it has not left the loop
        const std::vector<endpoint> addresses = found.result();
        REQUIRE(addresses.size() == 1);
        CHECK(addresses[0] == endpoint::from_ip(host, 80));
        resolve_options datagrams;
        datagrams.type = SOCK_DGRAM;
        testing::step likewise(loop, [&] { return resolve(host, 80, datagrams); });
        REQUIRE(likewise.ready());
        CHECK(likewise.result() == addresses);
    }
}

TEST_CASE("an address of another family than the one asked for is refused", "[net][BE002]") {
    testing::test_loop loop;
    resolve_options v6;
    v6.family = AF_INET6;
    testing::step found(loop, [&] { return resolve("127.0.0.1", 80, v6); });
    try {
        found.result();
        FAIL("127.0.0.1 is no IPv6 address");
    } catch (const broken_error& failure) {
        CHECK(failure.code().category() == resolver_category());
        CHECK(std::string(failure.what()).find("\"127.0.0.1\"") != std::string::npos);
    }
}

TEST_CASE("localhost is resolved to loopback addresses without duplicates", "[net][BE002]") {
    const std::vector<endpoint> addresses = run_bounded(resolve("localhost", 1234));
    REQUIRE(!addresses.empty());
    for (const endpoint& address : addresses) {
        CHECK(address.port() == 1234);
        CHECK((address.host() == "127.0.0.1" || address.host() == "::1"));
    }
    CHECK(std::set<endpoint>(addresses.begin(), addresses.end()).size() == addresses.size());
    resolve_options v4;
    v4.family = AF_INET;
    const std::vector<endpoint> only = run_bounded(resolve("localhost", 1, v4));
    REQUIRE(only.size() == 1);
    CHECK(only[0].host() == "127.0.0.1");
}

TEST_CASE("an empty host means the loopback, or all interfaces for listening", "[net][BE002]") {
    resolve_options v4;
    v4.family = AF_INET;
    CHECK(run_bounded(resolve("", 5, v4)).at(0) == endpoint::from_ip("127.0.0.1", 5));
    v4.for_listening = true;
    CHECK(run_bounded(resolve("", 5, v4)).at(0) == endpoint::from_ip("0.0.0.0", 5));
}

TEST_CASE("a host that does not exist is named in the error", "[net][BE041]") {
    try {
        run_bounded(resolve("no such host.invalid", 80));
        FAIL("it was resolved");
    } catch (const broken_error& failure) {
        CHECK(failure.code().category() == resolver_category());
        CHECK(std::string(failure.code().category().name()) == "resolver");
        CHECK(std::string(failure.what()).find("\"no such host.invalid\"") != std::string::npos);
    }
}

TEST_CASE("a look-up can be cancelled while its thread goes on", "[net]") {
    run_bounded([]() -> coro<> {
        task<std::vector<endpoint>> looking = create_task(resolve("localhost", 80));
        co_await sleep(0s);
        looking.cancel();
        const bool cancelled = co_await support::was_cancelled(looking);
        CHECK(cancelled);
    }());
}

TEST_CASE("the name of an address is looked up", "[net][BE031]") {
    run_bounded([]() -> coro<> {
        const address_names names = co_await resolve_address(endpoint::from_ip("127.0.0.1", 9));
        CHECK(!names.host.empty());
        CHECK(!names.service.empty());
        std::string failure;
        try {
            co_await resolve_address(endpoint::from_path("/nowhere"));
        } catch (const std::invalid_argument& error) {
            failure = error.what();
        }
        CHECK(failure.find("unix:/nowhere") != std::string::npos);
    }());
}
