// SPDX-License-Identifier: BSL-1.0

// Messages below 4 KiB allocate nothing once a connection runs, at either end, owned or looked at, one at a time or many
// (as many as the write queue of a transport has memory for, which it keeps), until the connection has gone quiet.

#include <chrono>
#include <cstddef>
#include <random>
#include <string>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/websocket/connect.hpp>
#include <aioxx/websocket/serve.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "websocket/connection_ends.hpp"

#if !defined(AIOXX_NO_FRAME_POOL)

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

constexpr int warm_up = 200;
constexpr int rounds = 1000;

coro<> echo_views(websocket::connection peer) {
    for (;;) {
        const websocket::message_view received = co_await peer.receive_view();
        co_await peer.send(received);
    }
}
coro<> echo_messages(websocket::connection peer) {
    while (auto received = co_await peer.next()) co_await peer.send(*received);
}

// Messages are sent so many at once, each a little longer than the former.
coro<long> count_in_echo(coro<> (*handler)(websocket::connection), std::size_t size, int at_once) {
    websocket::serve_options serving;
    serving.compression.reset();
    websocket::server listening = co_await websocket::serve(handler, "127.0.0.1", 0, serving);
    websocket::connect_options connecting;
    connecting.compression.reset();
    const std::string address = "ws://127.0.0.1:" + std::to_string(listening.port()) + "/";
    const websocket::connection client = co_await websocket::connect(address, connecting);
    const std::string text(size, 't');
    long before = 0;
    bool right = true;
    for (int i = 0; i < warm_up + rounds / at_once; ++i) {
        if (i == warm_up) before = support::allocations;
        for (int turn = 0; turn < at_once; ++turn) {
            co_await client.send(std::string_view(text).substr(static_cast<std::size_t>(turn)));
        }
        for (int turn = 0; turn < at_once; ++turn) {
            const websocket::message_view answer = co_await client.receive_view();
            right = right && answer.str().size() == size - static_cast<std::size_t>(turn);
        }
    }
    const long counted = support::allocations - before;
    CHECK(right);
    co_await client.close();
    listening.close();
    co_await listening.wait_closed();
    co_return counted;
}

// Of a message that compression makes no shorter.
coro<long> count_in_message(const support::both_ends& ends) {
    std::string noise;
    std::mt19937 random(7);
    for (int i = 0; i < 500'000; ++i) noise += static_cast<char>(random());
    const long before = support::allocations;
    co_await ends.client.send_binary(noise, true);
    const websocket::message_view received = co_await ends.server.receive_view();
    CHECK(received.data == bytes_view(noise));
    co_return support::allocations - before;
}

}  // namespace

TEST_CASE("an echo by WebSockets allocates nothing below 4 KiB", "[integration]") {
    for (const bool views : {true, false}) {
        for (const std::size_t size : {100U, 1000U, 4000U}) {
            for (const int at_once : {1, static_cast<int>((size + 2000) / size)}) {
                CAPTURE(views, size, at_once);
                const long counted = run(count_in_echo(views ? echo_views : echo_messages, size, at_once));
                CHECK(counted == 0);
            }
        }
    }
}

TEST_CASE("a connection gives memory back after two pings without a message between them", "[integration]") {
    testing::test_loop().run([]() -> coro<> {
        websocket::connection_limits limits;
        limits.ping_interval = 20s;
        limits.compression = websocket::deflate_parameters();
        const support::both_ends ends(limits, limits);
        co_await support::settle();
        long busy = 0;
        for (int i = 0; i < 5; ++i) {
            busy = co_await count_in_message(ends);
            co_await sleep(15s);
        }
        co_await sleep(45s);
        const long quiet = co_await count_in_message(ends);
        CHECK(quiet > busy + 2);
        co_await ends.client.close();
    }());
}

#endif
