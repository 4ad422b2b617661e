// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/datagram_batch.hpp>

#include <cerrno>
#include <string>
#include <vector>

#include <sys/socket.h>

#include <aioxx/base/unique_fd.hpp>
#include <aioxx/io/endpoint.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using aioxx::detail::datagram_batch;

#if defined(__linux__)

namespace {

unique_fd bound_socket() {
    unique_fd made(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const endpoint any = endpoint::from_ip("127.0.0.1", 0);
    REQUIRE(::bind(made.get(), any.data(), any.size()) == 0);
    return made;
}

void send(const unique_fd& from, const unique_fd& to, const std::string& data) {
    const auto receiver = endpoint::local_of(to.get());
    const ssize_t sent = ::sendto(from.get(), data.data(), data.size(), 0, receiver->data(), receiver->size());
    REQUIRE(sent == static_cast<ssize_t>(data.size()));
}

}  // namespace

TEST_CASE("a batch holds datagrams of any size in their order, each with its sender", "[transports]") {
    const unique_fd to = bound_socket();
    const unique_fd one = bound_socket();
    const unique_fd two = bound_socket();
    const std::vector<std::string> sent{"first", "", std::string(65'507, 'x'), "last"};
    for (std::size_t i = 0; i < sent.size(); ++i) send(i % 2 == 0 ? one : two, to, sent[i]);
    datagram_batch batch;
    REQUIRE(batch.receive(to.get()) == 4);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        CHECK(batch.content(i) == sent[i]);
        CHECK(batch.sender(i) == endpoint::local_of((i % 2 == 0 ? one : two).get()));
    }
}

TEST_CASE("a batch takes no more than its limit, and can be filled again", "[transports]") {
    const unique_fd to = bound_socket();
    const unique_fd from = bound_socket();
    const std::size_t count = datagram_batch::limit + 3;
    for (std::size_t i = 0; i < count; ++i) send(from, to, std::to_string(i));
    datagram_batch batch;
    REQUIRE(batch.receive(to.get()) == static_cast<int>(datagram_batch::limit));
    CHECK(batch.content(datagram_batch::limit - 1) == std::to_string(datagram_batch::limit - 1));
    REQUIRE(batch.receive(to.get()) == 3);
    CHECK(batch.content(0) == std::to_string(datagram_batch::limit));
    CHECK(batch.sender(2) == endpoint::local_of(from.get()));
    REQUIRE(batch.receive(to.get()) == -1);
    CHECK(errno == EAGAIN);
}

TEST_CASE("the endpoints of a thread share one batch", "[transports]") {
    CHECK(&datagram_batch::of_this_thread() == &datagram_batch::of_this_thread());
}

#endif
