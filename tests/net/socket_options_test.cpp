// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/socket_options.hpp>

#include <string>

#include <aioxx/base/unique_fd.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

int option_of(const unique_fd& socket, int level, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(socket.get(), level, option, &value, &size) == 0);
    return value;
}

unique_fd socket_of(int family) { return unique_fd(::socket(family, SOCK_STREAM, 0)); }

}  // namespace

TEST_CASE("TCP sends without delay unless that is switched off", "[net][BE057]") {
    const unique_fd socket = socket_of(AF_INET);
    apply({}, socket.get(), AF_INET);
    CHECK(option_of(socket, IPPROTO_TCP, TCP_NODELAY) != 0);
    CHECK(option_of(socket, SOL_SOCKET, SO_KEEPALIVE) == 0);
    socket_options slow;
    slow.nodelay = false;
    apply(slow, socket.get(), AF_INET);
    CHECK(option_of(socket, IPPROTO_TCP, TCP_NODELAY) == 0);
    const unique_fd untouched = socket_of(AF_INET);
    socket_options none;
    none.nodelay.reset();
    apply(none, untouched.get(), AF_INET);
    CHECK(option_of(untouched, IPPROTO_TCP, TCP_NODELAY) == 0);
}

TEST_CASE("options of sockets of any kind are applied", "[net][BE057]") {
    const unique_fd socket = socket_of(AF_UNIX);
    socket_options options;
    options.keep_alive = true;
    options.send_buffer_size = 40'000;
    options.receive_buffer_size = 50'000;
    apply(options, socket.get(), AF_UNIX);
    CHECK(option_of(socket, SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option_of(socket, SOL_SOCKET, SO_SNDBUF) >= 40'000);
    CHECK(option_of(socket, SOL_SOCKET, SO_RCVBUF) >= 50'000);
}

TEST_CASE("an option that cannot be set is named with its value", "[net]") {
    socket_options options;
    options.nodelay.reset();
    options.send_buffer_size = 40'000;
    try {
        apply(options, -1, AF_INET);
        FAIL("-1 is no socket");
    } catch (const broken_error& failure) {
        CHECK(std::string(failure.what()).find("SO_SNDBUF to 40000") != std::string::npos);
        CHECK(failure.code() == std::errc::bad_file_descriptor);
    }
}
