// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/datagram_socket.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

namespace {

datagram_options on_loopback() {
    datagram_options options;
    options.local_address = endpoint::from_ip("127.0.0.1", 0);
    return options;
}
datagram_options towards(const endpoint& remote) {
    datagram_options options;
    options.remote_address = remote;
    return options;
}

}  // namespace

TEST_CASE("datagrams are sent and received by awaiting", "[streams]") {
    run_bounded([]() -> coro<> {
        datagram_socket server = co_await open_datagram_socket(on_loopback());
        datagram_socket client = co_await open_datagram_socket(towards(server.local_address()));
        for (const std::string text : {"one", "", "three"}) {
            co_await client.send(text);
            const datagram request = co_await server.receive_from();
            CHECK(request.data == text);
            co_await server.send_to(request.data, request.sender);
            const bytearray answer = co_await client.receive();
            CHECK(answer == text);
        }
        datagram_socket named = co_await open_datagram_socket("127.0.0.1", server.local_address().port());
        co_await named.send("by name");
        const bytearray text = co_await server.receive();
        CHECK(text == "by name");
    }());
}

TEST_CASE("what nobody receives in time is dropped and counted", "[streams]") {
    run_bounded([]() -> coro<> {
        datagram_socket server = co_await open_datagram_socket(on_loopback(), 2);
        datagram_socket client = co_await open_datagram_socket(towards(server.local_address()));
        for (int count = 0; count < 5; ++count) co_await client.send(std::to_string(count));
        while (server.overflowed() < 3) co_await sleep(0s);
        CHECK(server.waiting() == 2);
        const bytearray first = co_await server.receive();
        const bytearray second = co_await server.receive();
        CHECK(first == "0");
        CHECK(second == "1");
        bool refused = false;
        try {
            static_cast<void>(co_await open_datagram_socket(on_loopback(), 0));
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        CHECK(refused);
    }());
}

TEST_CASE("an error of the system is told to who receives, and the socket goes on", "[streams]") {
    run_bounded([]() -> coro<> {
        datagram_socket gone = co_await open_datagram_socket(on_loopback());
        datagram_socket client = co_await open_datagram_socket(towards(gone.local_address()));
        datagram_options again;
        again.local_address = gone.local_address();
        gone.close();
        co_await gone.wait_closed();
        co_await client.send("anybody?");
        bool refused = false;
        try {
            co_await client.receive();
        } catch (const broken_error& failure) {
            refused = failure.code() == std::errc::connection_refused;
        }
        CHECK(refused);
        datagram_socket back = co_await open_datagram_socket(again);
        co_await client.send("hello");
        const bytearray text = co_await back.receive();
        CHECK(text == "hello");
    }());
}

TEST_CASE("a cancelled receive loses nothing", "[streams]") {
    run_bounded([]() -> coro<> {
        datagram_socket server = co_await open_datagram_socket(on_loopback());
        datagram_socket client = co_await open_datagram_socket(towards(server.local_address()));
        task<bytearray> cancelled = create_task(server.receive());
        task<bytearray> patient = create_task(server.receive());
        co_await sleep(0s);
        cancelled.cancel();
        co_await client.send("for the other one");
        const bytearray text = co_await patient;
        CHECK(text == "for the other one");
        CHECK(cancelled.cancelled());
    }());
}

TEST_CASE("after the end what has arrived is still there, and then an error", "[streams]") {
    run_bounded([]() -> coro<> {
        datagram_socket server = co_await open_datagram_socket(on_loopback());
        datagram_socket client = co_await open_datagram_socket(towards(server.local_address()));
        co_await client.send("kept");
        while (server.waiting() == 0) co_await sleep(0s);
        server.close();
        co_await server.wait_closed();
        CHECK(server.is_closing());
        CHECK_THROWS_AS(server.local_address(), closed_error);
        const bytearray text = co_await server.receive();
        CHECK(text == "kept");
        bool closed = false;
        try {
            co_await server.receive();
        } catch (const closed_error&) {
            closed = true;
        }
        CHECK(closed);
        bool lost = false;
        try {
            co_await server.send_to("too late", endpoint::from_ip("127.0.0.1", 9));
        } catch (const broken_error&) {
            lost = true;
        }
        CHECK(lost);
    }());
}

TEST_CASE("a sender waits while the receiver has no room", "[streams][T24]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        datagram_options receiving;
        receiving.local_address = endpoint::from_path(folder.path("slow"));
        unique_fd slow(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
        REQUIRE(::bind(slow.get(), receiving.local_address->data(), receiving.local_address->size()) == 0);
        datagram_socket client = co_await open_datagram_socket(towards(*receiving.local_address));
        client.transport()->set_write_buffer_limits({.high = 0, .low = std::nullopt});
        std::size_t sent = 0;
        task<> sending = create_task([](datagram_socket to, std::size_t& count) -> coro<> {
            for (; count < 1000; ++count) co_await to.send("x");
        }(client, sent));
        while (client.transport()->get_write_buffer_size() == 0) co_await sleep(0s);
        for (int turn = 0; turn < 10; ++turn) co_await sleep(0s);
        CHECK(sent < 1000);
        CHECK(client.transport()->statistics().queued == 1);
        char byte = 0;
        for (int received = 0; received < 1000;) {
            if (::recv(slow.get(), &byte, 1, 0) == 1) {
                ++received;
            } else {
                co_await sleep(0s);
            }
        }
        co_await sending;
        CHECK(sent == 1000);
    }());
}
