// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/listen.hpp>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/testing/recording_protocol.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::recording_protocol;
using support::run_bounded;

namespace {

auto make_recorder() {
    return [] { return std::make_shared<recording_protocol>(); };
}

coro<> end(server listening) {
    listening.close();
    listening.abort_clients();
    co_await listening.wait_closed();
}

bool is_socket(const std::string& path) { return std::filesystem::is_socket(std::filesystem::status(path)); }

}  // namespace

TEST_CASE("port 0 gives one port for all families (S7)", "[net]") {
    if (!support::has_ipv6()) {
        WARN("this machine has no IPv6: there is only one family to listen on");
        return;
    }
    run_bounded([]() -> coro<> {
        server listening = co_await create_server(make_recorder(), "", 0);
        const std::vector<endpoint> addresses = listening.addresses();
        REQUIRE(addresses.size() == 2);
        CHECK(addresses[0].port() == addresses[1].port());
        CHECK(addresses[0].family() != addresses[1].family());
        CHECK(listening.port() == addresses[0].port());
        for (const std::string host : {"127.0.0.1", "::1"}) {
            auto client = co_await create_connection(make_recorder(), host, listening.port());
            client.transport->abort();
        }
        co_await end(listening);
    }());
}

TEST_CASE("the family can be restricted", "[net]") {
    run_bounded([]() -> coro<> {
        listen_options options;
        options.family = AF_INET;
        server listening = co_await create_server(make_recorder(), "localhost", 0, options);
        const std::vector<endpoint> addresses = listening.addresses();
        REQUIRE(addresses.size() == 1);
        CHECK(addresses[0].host() == "127.0.0.1");
        co_await end(listening);
    }());
}

TEST_CASE("a port in use is an error that names the address, and everything bound before is closed", "[net][BE043]") {
    run_bounded([]() -> coro<> {
        const support::bound_socket taken;
        const std::size_t before = support::open_descriptors();
        for (const std::string host : {"127.0.0.1", "localhost"}) {
            try {
                static_cast<void>(co_await create_server(make_recorder(), host, taken.address.port()));
                FAIL("the port is in use");
            } catch (const broken_error& failure) {
                CHECK(failure.code() == std::errc::address_in_use);
                CHECK(std::string(failure.what()).find(to_string(taken.address)) != std::string::npos);
            }
        }
        CHECK(support::open_descriptors() <= before + 1);  // a look-up may have made the loop's worker thread
    }());
}

TEST_CASE("a port that is taken between bind and listen is an error that leaves nothing behind", "[net]") {
    run_bounded([]() -> coro<> {
        listen_options waiting;
        waiting.start_serving = false;
        server first = co_await create_server(make_recorder(), "127.0.0.1", 0, waiting);
        server second = co_await create_server(make_recorder(), "127.0.0.1", first.port(), waiting);
        first.start_serving();
        bool failed = false;
        try {
            second.start_serving();
        } catch (const broken_error& failure) {
            failed = failure.code() == std::errc::address_in_use;
        }
        CHECK(failed);
        CHECK(!second.is_serving());
        co_await second.wait_closed();
        co_await end(first);
    }());
}

TEST_CASE("an address that is not ours cannot be bound", "[net][BE041]") {
    run_bounded([]() -> coro<> {
        try {
            static_cast<void>(co_await create_server(make_recorder(), "192.0.2.1", 0));
            FAIL("192.0.2.1 is not ours");
        } catch (const broken_error& failure) {
            CHECK(failure.code() == std::errc::address_not_available);
            CHECK(std::string(failure.what()).find("192.0.2.1") != std::string::npos);
        }
    }());
}

TEST_CASE("the scope of a server's IPv6 address reaches the system", "[net][BE045]") {
    if (!support::has_ipv6()) {
        WARN("this machine has no IPv6");
        return;
    }
    run_bounded([]() -> coro<> {
        // An address that is not ours, on a link that is named or not.
        for (const std::string host : {"fe80::1", "fe80::1%lo"}) {
            try {
                static_cast<void>(co_await create_server(make_recorder(), host, 0));
                FAIL("fe80::1 is not ours");
            } catch (const broken_error& failure) {
                const bool has_scope = host.find('%') != std::string::npos;
                CHECK(failure.code() == (has_scope ? std::errc::address_not_available : std::errc::invalid_argument));
                CHECK(std::string(failure.what()).find(host) != std::string::npos);
            }
        }
    }());
}

TEST_CASE("several servers can share a port when they say so", "[net][EV014]") {
    run_bounded([]() -> coro<> {
        listen_options shared;
        shared.reuse_port = true;
        server first = co_await create_server(make_recorder(), "127.0.0.1", 0, shared);
        server second = co_await create_server(make_recorder(), "127.0.0.1", first.port(), shared);
        CHECK(second.is_serving());
        server alone = co_await create_server(make_recorder(), "127.0.0.1", 0);
        for (const listen_options& options : {shared, listen_options()}) {
            bool refused = false;
            try {
                static_cast<void>(co_await create_server(make_recorder(), "127.0.0.1", alone.port(), options));
            } catch (const broken_error& failure) {
                refused = failure.code() == std::errc::address_in_use;
            }
            CHECK(refused);  // both have to say so
        }
        co_await end(first);
        co_await end(second);
        co_await end(alone);
    }());
}

TEST_CASE("accepted connections get the options of the server", "[net]") {
    run_bounded([]() -> coro<> {
        auto served = std::make_shared<recording_protocol>();
        listen_options options;
        options.options.nodelay = false;
        options.options.keep_alive = true;
        auto factory = [served] { return served; };
        server listening = co_await create_server(factory, "127.0.0.1", 0, options);
        auto client = co_await create_connection(make_recorder(), "127.0.0.1", listening.port());
        co_await served->called("connection_made");
        const auto socket = served->connection()->get_extra_info(extra_info::socket);
        REQUIRE(socket);
        CHECK(socket->getsockopt(IPPROTO_TCP, TCP_NODELAY) == 0);
        CHECK(socket->getsockopt(SOL_SOCKET, SO_KEEPALIVE) == 1);
        client.transport->abort();
        co_await end(listening);
    }());
}

TEST_CASE("the file of a Unix server is removed when it closes (SV004)", "[net]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string path = folder.path("sock");
        server listening = co_await create_unix_server(make_recorder(), path);
        CHECK(is_socket(path));
        listening.close();
        CHECK(!std::filesystem::exists(path));
        co_await listening.wait_closed();
    }());
}

TEST_CASE("a file that somebody replaced, removed or wants to keep stays as it is (SV004)", "[net]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string path = folder.path("sock");
        server gone = co_await create_unix_server(make_recorder(), path);
        REQUIRE(::unlink(path.c_str()) == 0);
        co_await end(gone);

        server replaced = co_await create_unix_server(make_recorder(), path);
        REQUIRE(::unlink(path.c_str()) == 0);
        server successor = co_await create_unix_server(make_recorder(), path);
        co_await end(replaced);
        CHECK(is_socket(path));
        co_await end(successor);
        CHECK(!std::filesystem::exists(path));

        listen_options keep;
        keep.cleanup_socket = false;
        server kept = co_await create_unix_server(make_recorder(), path, keep);
        co_await end(kept);
        CHECK(is_socket(path));
    }());
}

TEST_CASE("a left-over socket is replaced, any other file stays and is in the way (SV004)", "[net][EV015]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string path = folder.path("sock");
        listen_options keep;
        keep.cleanup_socket = false;
        server former = co_await create_unix_server(make_recorder(), path, keep);
        co_await end(former);
        server next = co_await create_unix_server(make_recorder(), path);
        co_await end(next);

        std::ofstream(path) << "precious";
        const std::size_t before = support::open_descriptors();
        try {
            static_cast<void>(co_await create_unix_server(make_recorder(), path));
            FAIL("a file is in the way");
        } catch (const broken_error& failure) {
            CHECK(failure.code() == std::errc::address_in_use);
            CHECK(std::string(failure.what()).find(path) != std::string::npos);
        }
        CHECK(support::open_descriptors() == before);
        std::string content;
        std::ifstream(path) >> content;
        CHECK(content == "precious");
    }());
}

TEST_CASE("a path on which somebody listens is in use, also when nobody accepts", "[net][EV015]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string path = folder.path("sock");
        server living = co_await create_unix_server(make_recorder(), path);
        bool refused = false;
        try {
            static_cast<void>(co_await create_unix_server(make_recorder(), path));
        } catch (const broken_error& failure) {
            refused = failure.code() == std::errc::address_in_use;
        }
        CHECK(refused);
        auto client = co_await create_unix_connection(make_recorder(), path);
        client.transport->abort();
        co_await end(living);
        CHECK_FALSE(is_socket(path));
    }());
}

TEST_CASE("a server listens on several hosts, each address once", "[net][BE040][EV012]") {
    run_bounded([]() -> coro<> {
        std::vector<std::string> hosts{"127.0.0.1", "127.0.0.2", "127.0.0.1"};
        if (support::has_ipv6()) hosts.push_back("::1");
        server listening = co_await create_server(make_recorder(), hosts, 0);
        CHECK(listening.addresses().size() == (support::has_ipv6() ? 3u : 2u));
        for (const endpoint& address : listening.addresses()) {
            CHECK(address.port() == listening.port());
            auto client = co_await create_connection(make_recorder(), address.host(), address.port());
            client.transport->abort();
        }
        co_await end(listening);
        CHECK(listening.addresses().empty());

        bool refused = false;
        std::vector<std::string> none;
        try {
            static_cast<void>(co_await create_server(make_recorder(), none, 0));
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        CHECK(refused);
    }());
}

TEST_CASE("a server listens on a socket of the caller's", "[net][BE040][EV017][SV004]") {
    run_bounded([]() -> coro<> {
        const endpoint any = endpoint::from_ip("127.0.0.1", 0);
        unique_fd own(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(own.get(), any.data(), any.size()) == 0);
        const int number = own.get();
        server listening = co_await create_server(make_recorder(), std::move(own));
        CHECK(endpoint::local_of(number)->port() == listening.port());
        auto client = co_await create_connection(make_recorder(), "127.0.0.1", listening.port());
        client.transport->abort();
        co_await end(listening);

        const support::temporary_directory folder;
        const std::string path = folder.path("sock");
        const endpoint address = endpoint::from_path(path);
        unique_fd local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(local.get(), address.data(), address.size()) == 0);
        REQUIRE(::listen(local.get(), 5) == 0);
        server unix_server = co_await create_server(make_recorder(), std::move(local));
        auto other = co_await create_unix_connection(make_recorder(), path);
        other.transport->abort();
        co_await end(unix_server);
        CHECK_FALSE(is_socket(path));

        bool refused = false;
        try {
            static_cast<void>(co_await create_server(make_recorder(), unique_fd(::socket(AF_INET, SOCK_DGRAM, 0))));
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        CHECK(refused);
    }());
}

TEST_CASE("both families can listen on one port that is given", "[net][EV017]") {
    if (!support::has_ipv6()) {
        WARN("this machine has no IPv6: there is only one family to listen on");
        return;
    }
    run_bounded([]() -> coro<> {
        server chosen = co_await create_server(make_recorder(), "", 0);
        const std::uint16_t port = chosen.port();
        co_await end(chosen);
        server given = co_await create_server(make_recorder(), "", port);
        CHECK(given.addresses().size() == 2);
        co_await end(given);
    }());
}

TEST_CASE("an abstract name leaves no file", "[net]") {
    run_bounded([]() -> coro<> {
        std::string name(1, '\0');
        name += "aioxx-test-" + std::to_string(::getpid());
        server listening = co_await create_unix_server(make_recorder(), name);
        auto client = co_await create_unix_connection(make_recorder(), name);
        CHECK(client.transport->get_extra_info(extra_info::peername)->is_abstract());
        client.transport->abort();
        co_await end(listening);
    }());
}
