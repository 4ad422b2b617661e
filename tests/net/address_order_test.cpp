// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/address_order.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

std::string ordered(const std::vector<std::string>& hosts, std::size_t first_family_count = 1) {
    std::vector<endpoint> addresses;
    for (const std::string& host : hosts) addresses.push_back(endpoint::from_ip(host, 80));
    std::string text;
    for (const endpoint& address : interleave_families(std::move(addresses), first_family_count)) {
        text += (text.empty() ? "" : " ") + address.host();
    }
    return text;
}

}  // namespace

TEST_CASE("families alternate, and each keeps its order", "[net]") {
    CHECK(ordered({"::1", "::2", "::3", "10.0.0.1", "10.0.0.2"}) == "::1 10.0.0.1 ::2 10.0.0.2 ::3");
    CHECK(ordered({"10.0.0.1", "::1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}) == "10.0.0.1 ::1 10.0.0.2 10.0.0.3 10.0.0.4");
}

TEST_CASE("the first family can have a head start", "[net]") {
    CHECK(ordered({"::1", "::2", "::3", "10.0.0.1", "10.0.0.2"}, 2) == "::1 ::2 10.0.0.1 ::3 10.0.0.2");
    CHECK(ordered({"::1", "::2", "10.0.0.1"}, 10) == "::1 ::2 10.0.0.1");
    CHECK(ordered({"::1", "10.0.0.1"}, 0) == "::1 10.0.0.1");
}

TEST_CASE("one family or no address stays as it is", "[net]") {
    CHECK(ordered({"10.0.0.2", "10.0.0.1"}) == "10.0.0.2 10.0.0.1");
    CHECK(ordered({}).empty());
}
