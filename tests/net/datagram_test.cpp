// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/datagram.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/check_datagram.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::datagram_observer;
using support::run_bounded;

namespace {

auto observers() {
    return [] { return std::make_shared<datagram_observer>(); };
}

const endpoint any_port = endpoint::from_ip("127.0.0.1", 0);

datagram_options on(const endpoint& local) {
    datagram_options options;
    options.local_address = local;
    return options;
}
datagram_options towards(const endpoint& remote) {
    datagram_options options;
    options.remote_address = remote;
    return options;
}

template <class Error>
coro<std::string> failure_of(datagram_options options) {
    const std::size_t before = support::open_descriptors();
    try {
        static_cast<void>(co_await create_datagram_endpoint(observers(), options));
    } catch (const Error& failure) {
        CHECK(support::open_descriptors() == before);
        co_return failure.what();
    }
    co_return "made";
}

coro<> end(const datagram_endpoint<datagram_observer>& made) {
    made.transport->abort();
    co_await made.protocol->until_lost();
}

}  // namespace

TEST_CASE("addresses that do not fit each other, or are missing, are refused", "[net][BE046][BE049]") {
    run_bounded([]() -> coro<> {
        const std::string nothing = co_await failure_of<std::invalid_argument>({});
        CHECK(nothing.find("expected an address or a family") != std::string::npos);
        datagram_options mixed = on(any_port);
        mixed.remote_address = endpoint::from_ip("::1", 9);
        const std::string families = co_await failure_of<std::invalid_argument>(mixed);
        CHECK(families.find("[::1]:9 is of another family") != std::string::npos);
        datagram_options wrong = on(any_port);
        wrong.family = AF_INET6;
        const std::string family = co_await failure_of<std::invalid_argument>(wrong);
        CHECK(family.find("127.0.0.1:0 is of another family") != std::string::npos);
        datagram_options unbound;
        unbound.family = AF_INET;
        auto made = co_await create_datagram_endpoint(observers(), unbound);
        co_await end(made);
    }());
}

TEST_CASE("an address that cannot be bound or connected is named, and the socket closed", "[net][BE046][BE048][BE049]") {
    run_bounded([]() -> coro<> {
        auto first = co_await create_datagram_endpoint(observers(), on(any_port));
        const endpoint taken = *first.transport->get_extra_info(extra_info::sockname);
        const std::string bound = co_await failure_of<broken_error>(on(taken));
        CHECK(bound.find("cannot bind to " + to_string(taken)) != std::string::npos);
        datagram_options broadcast = towards(endpoint::from_ip("255.255.255.255", 9));
        const std::string refused = co_await failure_of<broken_error>(broadcast);
        CHECK(refused.find("cannot connect to 255.255.255.255:9") != std::string::npos);
        co_await end(first);
    }());
}

TEST_CASE("a host is found by its name, and its addresses tried in order", "[net][BE046]") {
    run_bounded([]() -> coro<> {
        auto server = co_await create_datagram_endpoint(observers(), on(any_port));
        const std::uint16_t port = server.transport->get_extra_info(extra_info::sockname)->port();
        datagram_options four;
        four.family = AF_INET;
        auto client = co_await create_datagram_endpoint(observers(), "localhost", port, four);
        client.transport->sendto("hello");
        co_await server.protocol->until_received(1);
        CHECK(server.protocol->senders.front() == *client.transport->get_extra_info(extra_info::sockname));
        co_await end(client);
        co_await end(server);
    }());
}

TEST_CASE("with broadcast the remote address is the usual receiver only", "[net][BE047][BE051]") {
    run_bounded([]() -> coro<> {
        auto first = co_await create_datagram_endpoint(observers(), on(any_port));
        auto second = co_await create_datagram_endpoint(observers(), on(any_port));
        datagram_options options = towards(*first.transport->get_extra_info(extra_info::sockname));
        options.allow_broadcast = true;
        options.reuse_port = true;
        options.local_address = any_port;
        auto sender = co_await create_datagram_endpoint(observers(), options);
        CHECK_FALSE(sender.transport->get_extra_info(extra_info::peername));
        const auto socket = *sender.transport->get_extra_info(extra_info::socket);
        CHECK(socket.getsockopt<bool>(SOL_SOCKET, SO_BROADCAST));
        CHECK(socket.getsockopt<bool>(SOL_SOCKET, SO_REUSEPORT));
        sender.transport->sendto("to the first");
        sender.transport->sendto("to the second", second.transport->get_extra_info(extra_info::sockname));
        co_await first.protocol->until_received(1);
        co_await second.protocol->until_received(1);
        CHECK(first.protocol->received.front() == "to the first");
        CHECK(second.protocol->received.front() == "to the second");
        co_await end(sender);
        co_await end(first);
        co_await end(second);
    }());
}

TEST_CASE("a broadcast reaches everybody who listens on its port", "[net][BE047]") {
    run_bounded([]() -> coro<> {
        const datagram_options listening = on(endpoint::from_ip("0.0.0.0", 0));
        auto receiver = co_await create_datagram_endpoint(observers(), listening);
        const auto port = receiver.transport->get_extra_info(extra_info::sockname)->port();
        datagram_options options = towards(endpoint::from_ip("127.255.255.255", port));  // of the loopback's network
        options.allow_broadcast = true;
        auto sender = co_await create_datagram_endpoint(observers(), options);
        sender.transport->sendto("to everybody");
        co_await receiver.protocol->until_received(1);
        CHECK(receiver.protocol->received.front() == "to everybody");
        co_await end(sender);
        co_await end(receiver);
    }());
}

TEST_CASE("a socket of the caller's is served as it is", "[net][BE050][EV020]") {
    run_bounded([]() -> coro<> {
        unique_fd own(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(own.get(), any_port.data(), any_port.size()) == 0);
        auto made = co_await create_datagram_endpoint(observers(), std::move(own));
        auto client = co_await create_datagram_endpoint(
            observers(), towards(*made.transport->get_extra_info(extra_info::sockname)));
        client.transport->sendto("hello");
        co_await made.protocol->until_received(1);
        co_await end(client);
        co_await end(made);
        bool refused = false;
        try {
            static_cast<void>(co_await create_datagram_endpoint(observers(), unique_fd(::socket(AF_INET, SOCK_STREAM, 0))));
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        CHECK(refused);
    }());
}

TEST_CASE("a Unix socket that nobody uses is replaced, one in use and other files stay", "[net][BE050]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string path = folder.path("sock");
        auto former = co_await create_datagram_endpoint(observers(), on(endpoint::from_path(path)));
        const std::string in_use = co_await failure_of<broken_error>(on(endpoint::from_path(path)));
        CHECK(in_use.find(path) != std::string::npos);
        co_await end(former);
        auto next = co_await create_datagram_endpoint(observers(), on(endpoint::from_path(path)));
        co_await end(next);
        const std::string file = folder.path("file");
        std::ofstream(file) << "precious";
        const std::string in_the_way = co_await failure_of<broken_error>(on(endpoint::from_path(file)));
        CHECK(in_the_way.find(file) != std::string::npos);
        CHECK(std::filesystem::file_size(file) == 8);
    }());
}

TEST_CASE("nobody listens at the peer: that is told, and the endpoint goes on", "[net][DG001][DG004]") {
    run_bounded([]() -> coro<> {
        auto gone = co_await create_datagram_endpoint(observers(), on(any_port));
        const endpoint address = *gone.transport->get_extra_info(extra_info::sockname);
        auto client = co_await create_datagram_endpoint(observers(), towards(address));
        co_await end(gone);
        client.transport->sendto("is anybody there?");
        co_await client.protocol->until([&] { return !client.protocol->errors.empty(); });
        CHECK(client.protocol->errors.front() == std::errc::connection_refused);
        CHECK_FALSE(client.transport->is_closing());
        auto back = co_await create_datagram_endpoint(observers(), on(address));
        client.transport->sendto("hello");
        co_await back.protocol->until_received(1);
        co_await end(client);
        co_await end(back);
    }());
}
