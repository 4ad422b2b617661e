// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/endpoint.hpp>

#include <cstddef>
#include <cstring>
#include <functional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <net/if.h>
#include <unistd.h>

#include "support/catch.hpp"

namespace aioxx {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

// What the call complains about; empty when it does not.
template <class Call>
std::string complaint(Call call) {
    try {
        static_cast<void>(call());
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return {};
}

bool says(const std::string& message, std::string_view part) {
    return message.find(part) != std::string::npos;
}

// A path of a number of bytes.
std::string path_of(std::size_t size) {
    return "/" + std::string(size - 1, 'x');
}

}  // namespace

TEST_CASE("an endpoint without address says so in every part", "[io]") {
    const endpoint none;
    CHECK(none.family() == AF_UNSPEC);
    CHECK(none.size() == 0);
    CHECK(none.host().empty());
    CHECK(none.port() == 0);
    CHECK(none.path().empty());
    CHECK_FALSE(none.is_abstract());
    CHECK(to_string(none) == "no address");
    CHECK(none.with_port(80) == none);
    CHECK(endpoint(nullptr, 0) == none);
}

TEST_CASE("an IPv4 endpoint has host, port and text", "[io]") {
    const endpoint address = endpoint::from_ip("192.0.2.7", 8080);
    CHECK(address.family() == AF_INET);
    CHECK(address.size() == sizeof(sockaddr_in));
    CHECK(address.host() == "192.0.2.7");
    CHECK(address.port() == 8080);
    CHECK(address.scope_id() == 0);
    CHECK(to_string(address) == "192.0.2.7:8080");
    CHECK(reinterpret_cast<const sockaddr_in*>(address.data())->sin_port == htons(8080));
}

TEST_CASE("an IPv6 endpoint has host, port and text in brackets", "[io]") {
    const endpoint address = endpoint::from_ip("2001:DB8:0:0::1", 443);
    CHECK(address.family() == AF_INET6);
    CHECK(address.size() == sizeof(sockaddr_in6));
    CHECK(address.host() == "2001:db8::1");
    CHECK(address.port() == 443);
    CHECK(to_string(address) == "[2001:db8::1]:443");
}

TEST_CASE("an IPv4 address mapped to IPv6 stays an IPv6 address", "[io]") {
    const endpoint mapped = endpoint::from_ip("::ffff:127.0.0.1", 80);
    CHECK(mapped.family() == AF_INET6);
    CHECK(to_string(mapped) == "[::ffff:127.0.0.1]:80");
    CHECK(mapped != endpoint::from_ip("127.0.0.1", 80));
}

TEST_CASE("the scope of an IPv6 address is an interface by name or by number", "[io]") {
    const auto loopback = ::if_nametoindex("lo");
    REQUIRE(loopback != 0);
    const endpoint named = endpoint::from_ip("fe80::1%lo", 80);
    CHECK(named.scope_id() == loopback);
    CHECK(named.host() == "fe80::1%lo");
    CHECK(to_string(named) == "[fe80::1%lo]:80");
    CHECK(endpoint::from_ip("fe80::1%" + std::to_string(loopback), 80) == named);
    CHECK(named != endpoint::from_ip("fe80::1", 80));
}

TEST_CASE("the scope of an interface that does not exist is a number, and is taken back", "[io]") {
    const endpoint numbered = endpoint::from_ip("fe80::1%4000000000", 80);
    CHECK(numbered.scope_id() == 4000000000U);
    CHECK(numbered.host() == "fe80::1%4000000000");
    CHECK(endpoint::parse(to_string(numbered)) == numbered);
}

TEST_CASE("text that is no numeric address is refused by name", "[io]") {
    const std::vector<std::string> wrong = {
        "",           "localhost", "127.1", "127.0.0.256", "1.2.3.4 ",     " 1.2.3.4", "[::1]",
        ":::",        "1:2:3",     "::1%",  "::1%0",       "::1%nowhere9", "::1%1x",   "::1%4294967296",
        "1.2.3.4%lo", "1.2.3.4:80"};
    for (const std::string& text : wrong) {
        CAPTURE(text);
        CHECK_FALSE(endpoint::try_from_ip(text, 80));
        CHECK(says(complaint([&] { return endpoint::from_ip(text, 80); }), "got \"" + text + "\""));
    }
}

TEST_CASE("a NUL behind a numeric address is seen, and shown", "[io]") {
    CHECK_FALSE(endpoint::try_from_ip("::1\0"sv, 80));
    CHECK_FALSE(endpoint::try_from_ip("fe80::1%lo\0"sv, 80));
    CHECK(
        says(complaint([] { return endpoint::from_ip("1.2.3.4\0.evil"sv, 80); }), "got \"1.2.3.4\\0.evil\""));
    CHECK(says(complaint([] { return endpoint::parse("1.2.3.4:80\0"sv); }), "got \"1.2.3.4:80\\0\""));
}

TEST_CASE("with_port changes the port and nothing else", "[io]") {
    CHECK(endpoint::from_ip("127.0.0.1", 1).with_port(65535) == endpoint::from_ip("127.0.0.1", 65535));
    CHECK(endpoint::from_ip("fe80::1%7", 1).with_port(0) == endpoint::from_ip("fe80::1%7", 0));
    CHECK(endpoint::from_path("/run/x").with_port(1) == endpoint::from_path("/run/x"));
}

TEST_CASE("the flow label of an IPv6 address is kept and told apart", "[io]") {
    sockaddr_in6 raw{};
    raw.sin6_family = AF_INET6;
    raw.sin6_flowinfo = htonl(0x12345);
    const endpoint labelled(reinterpret_cast<const sockaddr*>(&raw), sizeof raw);
    CHECK(labelled.flow_info() == 0x12345);
    CHECK(labelled != endpoint::from_ip("::", 0));
    CHECK(endpoint::from_ip("::", 0).flow_info() == 0);
}

TEST_CASE("a Unix path is an endpoint", "[io]") {
    const endpoint address = endpoint::from_path("/run/aioxx.sock");
    CHECK(address.family() == AF_UNIX);
    CHECK(address.path() == "/run/aioxx.sock");
    CHECK_FALSE(address.is_abstract());
    CHECK(address.host().empty());
    CHECK(address.port() == 0);
    CHECK(to_string(address) == "unix:/run/aioxx.sock");
}

TEST_CASE("a name behind a NUL is abstract and may contain more of them", "[io]") {
    const endpoint address = endpoint::from_path("\0name"sv);
    CHECK(address.is_abstract());
    CHECK(address.path() == "name");
    CHECK(to_string(address) == "unix:@name");
    const endpoint longer = endpoint::from_path("\0name\0"sv);
    CHECK(longer.path() == "name\0"sv);
    CHECK(longer != address);
}

TEST_CASE("a Unix path has 1 to 107 bytes, an abstract name 108 with its NUL", "[io]") {
    CHECK(endpoint::from_path("x").path() == "x");
    CHECK(endpoint::from_path(path_of(106)).path() == path_of(106));
    CHECK(endpoint::from_path(path_of(107)).path() == path_of(107));
    CHECK(says(complaint([] { return endpoint::from_path(path_of(108)); }), "1 to 107 bytes, got 108"));
    CHECK(says(complaint([] { return endpoint::from_path(""); }), "1 to 107 bytes, got 0"));
    CHECK(endpoint::from_path('\0' + std::string(107, 'x')).path() == std::string(107, 'x'));
    CHECK(says(complaint([] { return endpoint::from_path('\0' + std::string(108, 'x')); }),
               "1 to 108 bytes, got 109"));
}

TEST_CASE("a Unix path with a NUL inside is refused, not cut off", "[io]") {
    CHECK(says(complaint([] { return endpoint::from_path("/run/x\0/etc"sv); }),
               "must not contain a NUL, got \"/run/x\\0/etc\""));
}

TEST_CASE("parse takes back what to_string makes", "[io]") {
    const std::vector<endpoint> addresses = {
        endpoint::from_ip("0.0.0.0", 0),
        endpoint::from_ip("255.255.255.255", 65535),
        endpoint::from_ip("::", 0),
        endpoint::from_ip("fe80::1%lo", 1),
        endpoint::from_ip("::ffff:1.2.3.4", 5),
        endpoint::from_path("/run/a:b"),
        endpoint::from_path("relative"),
        endpoint::from_path("\0abstract"sv),
        endpoint::from_path(path_of(107)),
    };
    for (const endpoint& address : addresses) {
        CAPTURE(address);
        CHECK(endpoint::parse(to_string(address)) == address);
    }
}

TEST_CASE("text that is no address is refused by name, with examples of what is", "[io]") {
    const std::vector<std::string> wrong = {"",
                                            ":",
                                            "80",
                                            "127.0.0.1",
                                            "127.0.0.1:",
                                            "127.0.0.1:65536",
                                            "127.0.0.1:-1",
                                            "1.2.3.4:+1",
                                            "1.2.3.4: 1",
                                            "1.2.3.4:80x",
                                            "localhost:80",
                                            "::1:80",
                                            "[::1]",
                                            "[::1]80",
                                            "[::1]:",
                                            "[127.0.0.1]:80",
                                            "[::1:80",
                                            "::1]:80",
                                            "[]:80",
                                            "no address",
                                            "tcp:1.2.3.4:80"};
    for (const std::string& text : wrong) {
        CAPTURE(text);
        const std::string message = complaint([&] { return endpoint::parse(text); });
        CHECK(says(message, "got \"" + text + "\""));
        CHECK(says(message, "127.0.0.1:80"));
    }
    CHECK(says(complaint([] { return endpoint::parse("unix:"); }), "Unix socket"));
}

TEST_CASE("padding that the system leaves in an address does not make it another one", "[io]") {
    sockaddr_in raw;
    std::memset(&raw, 0xff, sizeof raw);
    raw.sin_family = AF_INET;
    raw.sin_port = htons(80);
    ::inet_pton(AF_INET, "127.0.0.1", &raw.sin_addr);
    const endpoint padded(reinterpret_cast<const sockaddr*>(&raw), sizeof raw);
    CHECK(padded == endpoint::from_ip("127.0.0.1", 80));
    CHECK(std::hash<endpoint>()(padded) == std::hash<endpoint>()(endpoint::from_ip("127.0.0.1", 80)));

    // As in recvfrom and getpeername, a larger buffer with its whole size.
    sockaddr_storage large{};
    std::memcpy(&large, &raw, sizeof raw);
    CHECK(endpoint(reinterpret_cast<const sockaddr*>(&large), sizeof large) == padded);
}

TEST_CASE("a Unix path is the same whether its size covers the NUL, the rest of the room, or neither",
          "[io]") {
    sockaddr_un raw{};
    raw.sun_family = AF_UNIX;
    std::strcpy(raw.sun_path, "/run/x");
    const auto* address = reinterpret_cast<const sockaddr*>(&raw);
    const socklen_t bare = offsetof(sockaddr_un, sun_path) + 6;
    CHECK(endpoint(address, bare) == endpoint::from_path("/run/x"));
    CHECK(endpoint(address, bare + 1) == endpoint::from_path("/run/x"));
    CHECK(endpoint(address, sizeof raw) == endpoint::from_path("/run/x"));
    std::memset(raw.sun_path + 7, 'y', sizeof raw.sun_path - 7);
    CHECK(endpoint(address, sizeof raw) == endpoint::from_path("/run/x"));
}

TEST_CASE("a Unix path that fills its room has no NUL behind it, and is read no further", "[io]") {
    struct {
        sockaddr_un raw{};
        char behind[8] = {'b', 'e', 'h', 'i', 'n', 'd', '!', '\0'};
    } memory;
    memory.raw.sun_family = AF_UNIX;
    std::memset(memory.raw.sun_path, 'x', sizeof memory.raw.sun_path);
    const auto* address = reinterpret_cast<const sockaddr*>(&memory);
    CHECK(endpoint(address, sizeof memory.raw).path() == std::string(108, 'x'));
    CHECK(endpoint(address, sizeof memory.raw).size() == sizeof memory.raw);
    // What Linux answers for such a path: one byte more than it has.
    CHECK(endpoint(address, sizeof memory.raw + 1).path() == std::string(108, 'x'));
}

TEST_CASE("an unnamed Unix socket is an endpoint without a path", "[io]") {
    sockaddr_un raw{};
    raw.sun_family = AF_UNIX;
    const endpoint unnamed(reinterpret_cast<const sockaddr*>(&raw), offsetof(sockaddr_un, sun_path));
    CHECK(unnamed.family() == AF_UNIX);
    CHECK(unnamed.path().empty());
    CHECK_FALSE(unnamed.is_abstract());
    CHECK(to_string(unnamed) == "unix:");
    CHECK(unnamed != endpoint());
}

TEST_CASE("a family that is not known keeps its bytes and has a name", "[io]") {
    sockaddr raw{};
    raw.sa_family = 250;
    raw.sa_data[0] = 'x';
    const endpoint other(&raw, sizeof raw);
    CHECK(other.family() == 250);
    CHECK(other.size() == sizeof raw);
    CHECK(std::memcmp(other.data(), &raw, sizeof raw) == 0);
    CHECK(to_string(other) == "family 250");
    CHECK(other.host().empty());
}

TEST_CASE("endpoints are values: keys of ordered and unordered containers", "[io]") {
    const endpoint a = endpoint::from_ip("127.0.0.1", 1);
    const endpoint b = endpoint::from_ip("127.0.0.1", 2);
    const endpoint c = endpoint::from_ip("::1", 1);
    const endpoint d = endpoint::from_path("/run/x");
    const std::set<endpoint> sorted = {a, b, c, d, a, endpoint::parse("[::1]:1")};
    CHECK(sorted.size() == 4);
    const std::unordered_set<endpoint> hashed = {a, b, c, d, a, endpoint::parse("unix:/run/x")};
    CHECK(hashed.size() == 4);
    CHECK(((a < b) != (b < a)));
    CHECK(((a <=> a) == 0));
}

TEST_CASE("an endpoint prints as its text", "[io]") {
    std::ostringstream out;
    out << endpoint::from_ip("::1", 80) << ' ' << endpoint();
    CHECK(out.str() == "[::1]:80 no address");
}

TEST_CASE("the ends of real sockets are what was bound and connected", "[io]") {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(listener >= 0);
    REQUIRE(client >= 0);
    const endpoint wanted = endpoint::from_ip("127.0.0.1", 0);
    REQUIRE(::bind(listener, wanted.data(), wanted.size()) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    const endpoint bound = endpoint::local_of(listener).value();
    CHECK(bound.host() == "127.0.0.1");
    CHECK(bound.port() != 0);
    CHECK(bound == wanted.with_port(bound.port()));
    CHECK_FALSE(endpoint::peer_of(listener));
    REQUIRE(::connect(client, bound.data(), bound.size()) == 0);
    CHECK(endpoint::peer_of(client) == bound);
    ::close(client);
    ::close(listener);
    CHECK_FALSE(endpoint::local_of(-1));
}

TEST_CASE("abstract names and unnamed sockets come back from the system", "[io]") {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(fd >= 0);
    const endpoint unnamed = endpoint::local_of(fd).value();
    CHECK(to_string(unnamed) == "unix:");
    const endpoint name = endpoint::from_path('\0' + ("aioxx-endpoint-test-" + std::to_string(::getpid())));
    REQUIRE(::bind(fd, name.data(), name.size()) == 0);
    CHECK(endpoint::local_of(fd) == name);
    ::close(fd);
}

}  // namespace aioxx
