// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/transport_socket.hpp>

#include <cerrno>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <aioxx/base/unique_fd.hpp>

#include "support/catch.hpp"

namespace aioxx {

namespace {

// Whether a type offers what only the owner of a socket may do.
template <class T>
constexpr bool can_disturb = requires(T socket) { socket.close(); } || requires(T socket) { socket.reset(); } ||
                             requires(T socket) { socket.shutdown(0); } || requires(T socket) { socket.recv(1); } ||
                             requires(T socket) { socket.read(1); } || requires(T socket) { socket.send("x"); } ||
                             requires(T socket) { socket.write("x"); } || requires(T socket) { socket.accept(); } ||
                             requires(T socket) { socket.listen(1); } || requires(T socket) { socket.release(); };

}  // namespace

TEST_CASE("a transport_socket offers nothing that would disturb its transport, and does not own", "[io][EV013]") {
    STATIC_REQUIRE_FALSE(can_disturb<transport_socket>);
    STATIC_REQUIRE(can_disturb<unique_fd>);
    const unique_fd fd(::socket(AF_INET, SOCK_STREAM, 0));
    { const transport_socket view(fd.get()); }
    CHECK(transport_socket(fd.get()).type() == SOCK_STREAM);
}

TEST_CASE("a transport_socket tells what kind of socket it is", "[io]") {
    const unique_fd tcp(::socket(AF_INET6, SOCK_STREAM, 0));
    const unique_fd udp(::socket(AF_INET, SOCK_DGRAM, 0));
    const unique_fd local(::socket(AF_UNIX, SOCK_STREAM, 0));
    const transport_socket a(tcp.get());
    CHECK(a.native_handle() == tcp.get());
    CHECK(a.family() == AF_INET6);
    CHECK(a.type() == SOCK_STREAM);
    CHECK(a.protocol() == IPPROTO_TCP);
    const transport_socket b(udp.get());
    CHECK(b.family() == AF_INET);
    CHECK(b.type() == SOCK_DGRAM);
    CHECK(b.protocol() == IPPROTO_UDP);
    CHECK(transport_socket(local.get()).family() == AF_UNIX);
    CHECK(transport_socket(local.get()).protocol() == 0);
    CHECK(a != b);
    CHECK(a == transport_socket(tcp.get()));
}

TEST_CASE("options that are numbers, bools and structures are set and read back", "[io]") {
    const unique_fd fd(::socket(AF_INET, SOCK_STREAM, 0));
    const transport_socket socket(fd.get());
    CHECK_FALSE(socket.getsockopt<bool>(IPPROTO_TCP, TCP_NODELAY));
    socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, true);
    CHECK(socket.getsockopt<bool>(IPPROTO_TCP, TCP_NODELAY));
    socket.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 17);
    CHECK(socket.getsockopt(IPPROTO_TCP, TCP_KEEPIDLE) == 17);
    socket.setsockopt(SOL_SOCKET, SO_LINGER, linger{1, 23});
    CHECK(socket.getsockopt<linger>(SOL_SOCKET, SO_LINGER).l_onoff == 1);
    CHECK(socket.getsockopt<linger>(SOL_SOCKET, SO_LINGER).l_linger == 23);
}

TEST_CASE("an option that the system does not know is an error that names level and option", "[io]") {
    const unique_fd fd(::socket(AF_INET, SOCK_STREAM, 0));
    const transport_socket socket(fd.get());
    try {
        socket.setsockopt(SOL_SOCKET, 9999, 1);
        FAIL("option 9999 was accepted");
    } catch (const broken_error& error) {
        CHECK(error.code().value() == ENOPROTOOPT);
        const std::string message = error.what();
        CHECK(message.find("setsockopt of level " + std::to_string(SOL_SOCKET) + ", option 9999") == 0);
    }
    CHECK_THROWS_AS(socket.getsockopt(SOL_SOCKET, 9999), broken_error);
}

TEST_CASE("a socket that is closed answers with errors and without addresses", "[io]") {
    const transport_socket closed(-1);
    CHECK_THROWS_AS(closed.family(), broken_error);
    CHECK_THROWS_AS(closed.type(), broken_error);
    CHECK_FALSE(closed.getsockname());
    CHECK_FALSE(closed.getpeername());
}

TEST_CASE("a transport_socket knows the addresses of both ends", "[io]") {
    const unique_fd receiver(::socket(AF_INET, SOCK_DGRAM, 0));
    const unique_fd sender(::socket(AF_INET, SOCK_DGRAM, 0));
    const endpoint any = endpoint::from_ip("127.0.0.1", 0);
    REQUIRE(::bind(receiver.get(), any.data(), any.size()) == 0);
    const endpoint bound = transport_socket(receiver.get()).getsockname().value();
    REQUIRE(::connect(sender.get(), bound.data(), bound.size()) == 0);
    CHECK(transport_socket(sender.get()).getpeername() == bound);
    CHECK_FALSE(transport_socket(receiver.get()).getpeername());
}

TEST_CASE("pointers and views of text are not taken for the value of an option", "[io]") {
    CHECK(socket_option_value<int>);
    CHECK(socket_option_value<timeval>);
    CHECK_FALSE(socket_option_value<const char*>);
    CHECK_FALSE(socket_option_value<std::string_view>);
    CHECK_FALSE(socket_option_value<std::string>);
}

}  // namespace aioxx
