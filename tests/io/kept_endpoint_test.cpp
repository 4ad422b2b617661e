// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/kept_endpoint.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include <aioxx/base/unique_fd.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using detail::kept_endpoint;

namespace {

std::vector<endpoint> addresses_of_all_kinds() {
    std::vector<endpoint> all{endpoint{},
                              endpoint::from_ip("127.0.0.1", 80),
                              endpoint::from_ip("255.255.255.254", 65535),
                              endpoint::from_ip("::1", 443),
                              endpoint::from_ip("2001:db8::1:2", 1),
                              endpoint::from_path("/x"),
                              endpoint::from_path("/" + std::string(100, 'p')),
                              endpoint::from_path(std::string("\0name", 5))};
    sockaddr_in6 scoped{};
    scoped.sin6_family = AF_INET6;
    scoped.sin6_addr.s6_addr[0] = 0xfe;
    scoped.sin6_addr.s6_addr[1] = 0x80;
    scoped.sin6_scope_id = 7;
    scoped.sin6_port = 5;
    all.emplace_back(reinterpret_cast<const sockaddr*>(&scoped), sizeof scoped);
    const unique_fd unnamed(::socket(AF_UNIX, SOCK_STREAM, 0));
    all.push_back(endpoint::local_of(unnamed.get()).value());
    return all;
}

}  // namespace

TEST_CASE("an address is kept as it was, of whatever kind", "[io]") {
    for (const endpoint& address : addresses_of_all_kinds()) {
        CAPTURE(to_string(address));
        kept_endpoint first(address);
        CHECK(first.get() == address);
        kept_endpoint second;
        second = std::move(first);
        CHECK(second.get() == address);
        const kept_endpoint third(std::move(second));
        CHECK(third.get() == address);
    }
}

TEST_CASE("no address is kept as none", "[io]") {
    CHECK(!kept_endpoint().get());
    CHECK(!kept_endpoint(std::nullopt).get());
}

TEST_CASE("a kept address takes less memory than an address", "[io]") {
    CHECK(sizeof(kept_endpoint) <= 24);
    CHECK(sizeof(kept_endpoint) < sizeof(endpoint));
}
