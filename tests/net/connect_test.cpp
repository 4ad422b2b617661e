// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/connect.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/recording_protocol.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::bound_socket;
using support::open_descriptors;
using testing::recording_protocol;
using support::run_bounded;

namespace {

// An address that never answers: its listener's queue is full.
struct silent_address {
    silent_address() : listening("127.0.0.1", true, 0) {
        for (int i = 0; i < 2; ++i) {
            fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            static_cast<void>(
                ::connect(fillers.back().get(), listening.address.data(), listening.address.size()));
        }
    }
    bound_socket listening;
    std::vector<unique_fd> fillers;
};

connect_options options_with(std::optional<duration> delay) {
    connect_options options;
    options.happy_eyeballs_delay = delay;
    return options;
}

template <class... Endpoint>
std::vector<endpoint> list(const Endpoint&... addresses) {
    std::vector<endpoint> copies;
    (copies.push_back(addresses), ...);
    return copies;
}

coro<endpoint> connected_to(std::vector<endpoint> addresses, connect_options options) {
    const unique_fd fd = co_await detail::connect_any(std::move(addresses), "the target", options);
    co_return endpoint::peer_of(fd.get()).value();
}

auto make_recorder() {
    return [] { return std::make_shared<recording_protocol>(); };
}

}  // namespace

TEST_CASE("the next address is tried as soon as one has failed", "[net][BE036][MI005]") {
    run_bounded([]() -> coro<> {
        const bound_socket refusing("127.0.0.1", false);
        const bound_socket listening;
        const std::size_t before = open_descriptors();
        for (const std::optional<duration> delay : {std::optional<duration>(1h), std::optional<duration>()}) {
            const std::vector<endpoint> addresses = list(refusing.address, listening.address);
            const endpoint peer = co_await connected_to(addresses, options_with(delay));
            CHECK(peer == listening.address);
            CHECK(open_descriptors() <= before + 1);  // the loop's timer may have been opened
        }
    }());
}

TEST_CASE("an address without an answer does not hold up the next one", "[net][MI005]") {
    run_bounded([]() -> coro<> {
        const silent_address silent;
        const bound_socket listening;
        const std::size_t before = open_descriptors();
        const std::vector<endpoint> addresses =
            list(silent.listening.address, silent.listening.address, listening.address);
        const endpoint peer = co_await connected_to(addresses, options_with(1ms));
        CHECK(peer == listening.address);
        CHECK(open_descriptors() == before);  // every loser is closed (S8)
    }());
}

TEST_CASE("several winners at once leave one connection (S8)", "[net][MI005]") {
    run_bounded([]() -> coro<> {
        const bound_socket first, second, third;
        const std::vector<endpoint> addresses = list(first.address, second.address, third.address);
        for (int round = 0; round < 20; ++round) {
            const std::size_t before = open_descriptors();
            {
                const unique_fd fd =
                    co_await detail::connect_any(addresses, "the target", options_with(duration::zero()));
                CHECK(fd);
                CHECK(open_descriptors() == before + 1);
            }
            CHECK(open_descriptors() == before);
            while (true) {  // what was accepted by the system is not needed any more
                const unique_fd taken(::accept4(first.fd.get(), nullptr, nullptr, SOCK_NONBLOCK));
                if (taken) break;
            }
        }
    }());
}

TEST_CASE("the error lists every attempt", "[net][BE032][BE035][MI005]") {
    run_bounded([]() -> coro<> {
        const bound_socket one("127.0.0.1", false);
        const bound_socket two("127.0.0.1", false);
        const std::size_t before = open_descriptors();
        try {
            static_cast<void>(
                co_await connected_to(list(one.address, two.address), options_with(1h)));
            FAIL("nobody listens");
        } catch (const connect_error& failure) {
            REQUIRE(failure.attempts().size() == 2);
            CHECK(failure.attempts()[0].address == one.address);
            CHECK(failure.attempts()[1].code == std::errc::connection_refused);
            CHECK(failure.code() == std::errc::connection_refused);
            const std::string text = failure.what();
            CAPTURE(text);
            CHECK(text.find("the target") != std::string::npos);
            CHECK(text.find(to_string(one.address)) != std::string::npos);
            CHECK(text.find(to_string(two.address)) != std::string::npos);
        }
        try {
            static_cast<void>(co_await connected_to(list(one.address), options_with(1h)));
            FAIL("nobody listens");
        } catch (const connect_error& failure) {
            CHECK(failure.attempts().size() == 1);
            CHECK(failure.code() == std::errc::connection_refused);
        }
        CHECK(open_descriptors() == before);
    }());
}

TEST_CASE("no address at all is an error as well", "[net][BE034][MI005]") {
    run_bounded([]() -> coro<> {
        bool failed = false;
        try {
            static_cast<void>(co_await connected_to(list(), connect_options()));
        } catch (const connect_error& failure) {
            failed = failure.code() == std::errc::address_not_available;
        }
        CHECK(failed);
    }());
}

TEST_CASE("a connect that is cancelled closes everything, whenever that is (S9)", "[net][MI005]") {
    run_bounded([]() -> coro<> {
        const silent_address silent;
        const bound_socket listening;
        co_await sleep(1ms);  // what the loop itself opens is open
        const std::size_t before = open_descriptors();
        int cancelled = 0;
        for (int turns = 0; turns < 12; ++turns) {
            for (const bool answered : {false, true}) {
                const endpoint& last = answered ? listening.address : silent.listening.address;
                task<endpoint> connecting = create_task(
                    connected_to(list(silent.listening.address, last), options_with(duration::zero())));
                for (int i = 0; i < turns; ++i) co_await sleep(0s);
                connecting.cancel();
                try {
                    static_cast<void>(co_await connecting);
                } catch (const cancelled_error&) {
                    ++cancelled;
                }
                CHECK((answered || connecting.cancelled()));
                CHECK(open_descriptors() == before);
            }
        }
        CHECK(cancelled >= 12);
    }());
}

TEST_CASE("a cancellation while the losers end is not lost", "[net]") {
    run_bounded([]() -> coro<> {
        const silent_address silent;
        const bound_socket listening;
        int swallowed = 0;
        for (int turns = 0; turns < 30; ++turns) {
            task<bool> connecting = create_task([](std::vector<endpoint> addresses) -> coro<bool> {
                const endpoint peer = co_await connected_to(std::move(addresses), options_with(duration::zero()));
                static_cast<void>(peer);
                co_await sleep(0s);  // a request that was not delivered is delivered here
                co_return true;
            }(list(silent.listening.address, listening.address)));
            for (int i = 0; i < turns && !connecting.done(); ++i) co_await sleep(0s);
            const bool requested = connecting.cancel();
            try {
                static_cast<void>(co_await connecting);
                if (requested) ++swallowed;
            } catch (const cancelled_error&) {
            }
        }
        CHECK(swallowed == 0);
    }());
}

TEST_CASE("connecting is limited by the timeout", "[net]") {
    run_bounded([]() -> coro<> {
        const silent_address silent;
        const std::size_t before = open_descriptors();
        connect_options options;
        options.timeout = 20ms;
        bool timed_out = false;
        try {
            static_cast<void>(co_await create_connection(make_recorder(), "127.0.0.1",
                                                         silent.listening.address.port(), options));
        } catch (const timeout_error&) {
            timed_out = true;
        }
        CHECK(timed_out);
        CHECK(open_descriptors() <= before + 1);  // the loop's timer may have been opened
    }());
}

TEST_CASE("the local address is bound before connecting", "[net][BE037][EV010]") {
    run_bounded([]() -> coro<> {
        const bound_socket listening;
        connect_options options;
        options.local_address = endpoint::from_ip("127.0.0.2", 0);
        auto made = co_await create_connection(make_recorder(), "127.0.0.1", listening.address.port(), options);
        const auto local = made.transport->get_extra_info(extra_info::sockname);
        REQUIRE(local);
        CHECK(local->host() == "127.0.0.2");
        options.local_address = endpoint::from_ip("192.0.2.1", 0);
        try {
            static_cast<void>(
                co_await create_connection(make_recorder(), "127.0.0.1", listening.address.port(), options));
            FAIL("192.0.2.1 is not ours");
        } catch (const connect_error& failure) {
            CHECK(failure.code() == std::errc::address_not_available);
            CHECK(std::string(failure.what()).find(" from 192.0.2.1:0: ") != std::string::npos);
        }
        const bound_socket taken;
        options.local_address = taken.address;
        try {
            static_cast<void>(co_await connected_to(list(listening.address, listening.address), options));
            FAIL("the local port is taken");
        } catch (const connect_error& failure) {
            CHECK(failure.code() == std::errc::address_in_use);
            REQUIRE(failure.attempts().size() == 2);
            CHECK(failure.attempts()[1].local == taken.address);
            const std::string each = to_string(listening.address) + " from " + to_string(taken.address) + ": ";
            CHECK(std::string(failure.what()).find(each) != std::string::npos);
        }
        options.local_address = endpoint::from_ip("::1", 0);
        bool failed = false;
        try {
            static_cast<void>(
                co_await create_connection(make_recorder(), "127.0.0.1", listening.address.port(), options));
        } catch (const connect_error&) {
            failed = true;
        }
        CHECK(failed);
    }());
}

TEST_CASE("the scope of an IPv6 address reaches the system", "[net][BE004]") {
    if (!support::has_ipv6()) {
        WARN("this machine has no IPv6");
        return;
    }
    run_bounded([]() -> coro<> {
        const auto failure_of = [](std::string host) -> coro<connect_error> {
            try {
                static_cast<void>(co_await create_connection(make_recorder(), std::move(host), 1));
            } catch (const connect_error& failure) {
                co_return failure;
            }
            throw std::runtime_error("port 1 of a link-local address answered");
        };
        const connect_error unscoped = co_await failure_of("fe80::1");
        CHECK(unscoped.code() == std::errc::invalid_argument);  // the system cannot tell which link is meant
        const connect_error scoped = co_await failure_of("fe80::1%lo");
        CHECK(scoped.code() != std::errc::invalid_argument);
        CHECK(to_string(scoped.attempts().at(0).address) == "[fe80::1%lo]:1");
    }());
}

TEST_CASE("create_connection joins a protocol that has been told of its transport", "[net]") {
    run_bounded([]() -> coro<> {
        const bound_socket listening;
        int made_protocols = 0;
        auto factory = [&made_protocols] {
            ++made_protocols;
            return std::make_shared<recording_protocol>();
        };
        auto made = co_await create_connection(factory, "127.0.0.1", listening.address.port());
        CHECK(made_protocols == 1);
        CHECK(made.protocol->story() == "connection_made");
        CHECK(made.protocol->connection() == made.transport.get());
        CHECK(made.transport->get_extra_info(extra_info::peername) == listening.address);
        const auto socket = made.transport->get_extra_info(extra_info::socket);
        REQUIRE(socket);
        CHECK(socket->getsockopt(IPPROTO_TCP, TCP_NODELAY) != 0);
        made.transport->abort();
        co_await made.protocol->called("connection_lost");
        const bound_socket refusing("127.0.0.1", false);
        bool refused = false;
        try {
            static_cast<void>(co_await create_connection(factory, "127.0.0.1", refusing.address.port()));
        } catch (const connect_error& failure) {
            refused = std::string(failure.what()).find("127.0.0.1") != std::string::npos;
        }
        CHECK(refused);
        CHECK(made_protocols == 1);  // only for a connection that stands
    }());
}

TEST_CASE("a factory that throws leaves no descriptor open", "[net]") {
    run_bounded([]() -> coro<> {
        const bound_socket listening;
        const std::size_t before = open_descriptors();
        bool thrown = false;
        try {
            static_cast<void>(co_await create_connection(
                []() -> std::shared_ptr<recording_protocol> { throw std::runtime_error("no protocol today"); },
                "127.0.0.1", listening.address.port()));
        } catch (const std::runtime_error&) {
            thrown = true;
        }
        CHECK(thrown);
        CHECK(open_descriptors() == before);
    }());
}

TEST_CASE("create_connection that is cancelled closes the connection, whenever that is", "[net]") {
    run_bounded([]() -> coro<> {
        const bound_socket listening("127.0.0.1", true, 100);
        const std::size_t before = open_descriptors();
        for (int turns = 0; turns < 10; ++turns) {
            auto protocol = std::make_shared<recording_protocol>();
            auto connecting = create_task(create_connection([protocol] { return protocol; }, "127.0.0.1",
                                                            listening.address.port()));
            for (int i = 0; i < turns; ++i) co_await sleep(0s);
            if (!connecting.cancel()) {
                connecting.result().transport->abort();
            } else {
                try {
                    static_cast<void>(co_await connecting);
                } catch (const cancelled_error&) {
                }
            }
            for (int i = 0; i < 3; ++i) co_await sleep(0s);
            CHECK(protocol->count("connection_made") == protocol->count("connection_lost"));
        }
        CHECK(open_descriptors() == before);
    }());
}

TEST_CASE("create_unix_connection names the path that nobody listens on", "[net][EV015]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string path = folder.path("nobody");
        try {
            static_cast<void>(co_await create_unix_connection(make_recorder(), path));
            FAIL("nobody listens");
        } catch (const connect_error& failure) {
            CHECK(failure.code() == std::errc::no_such_file_or_directory);
            CHECK(std::string(failure.what()).find(path) != std::string::npos);
        }
        bool invalid = false;
        try {
            static_cast<void>(co_await create_unix_connection(make_recorder(), std::string(200, 'x')));
        } catch (const std::invalid_argument&) {
            invalid = true;
        }
        CHECK(invalid);
    }());
}

TEST_CASE("connect_accepted_socket takes a connected stream socket and nothing else", "[net][BE034]") {
    run_bounded([]() -> coro<> {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        const unique_fd there(ends[1]);
        unique_fd here(ends[0]);
        auto made = co_await connect_accepted_socket(make_recorder(), std::move(here));
        CHECK(::write(there.get(), "hello", 5) == 5);
        co_await made.protocol->has_received(5);
        made.transport->abort();
        const std::size_t before = open_descriptors();
        unique_fd datagrams(::socket(AF_INET, SOCK_DGRAM, 0));
        bool refused = false;
        try {
            static_cast<void>(co_await connect_accepted_socket(make_recorder(), std::move(datagrams)));
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        CHECK(refused);
        CHECK(open_descriptors() <= before);
    }());
}
