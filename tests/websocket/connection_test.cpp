// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/connection.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::recording_protocol;
using testing::test_loop;
using websocket::close_code;
using websocket::connection;
using websocket::connection_closed;
using websocket::connection_closed_error;
using websocket::connection_closed_ok;
using websocket::connection_limits;
using websocket::message;
using websocket::opcode;
using websocket::role;

namespace {

using state_ptr_type = std::shared_ptr<websocket::detail::connection_state_machine>;

connection_limits quiet() {
    connection_limits limits;
    limits.ping_interval.reset();
    return limits;
}

connection open_over(std::unique_ptr<stream_channel> channel, role us, const connection_limits& limits) {
    auto state = std::make_shared<websocket::detail::connection_state_machine>(get_running_loop(), us, limits);
    std::make_shared<stream_transport>(get_running_loop(), std::move(channel), state)->start();
    return connection(state, "", websocket::http_request(), websocket::http_response());
}

coro<> settle() { co_await sleep(1ms); }

// A client and a server over a memory link.
struct both_ends {
    explicit both_ends(const connection_limits& of_client = quiet(), const connection_limits& of_server = quiet(),
                       std::size_t capacity = 64 * 1024)
        : both_ends(make_memory_channels(get_running_loop(), capacity), of_client, of_server) {}

    connection client, server;

private:
    using channels = std::pair<std::unique_ptr<memory_channel>, std::unique_ptr<memory_channel>>;
    both_ends(channels ends, const connection_limits& of_client, const connection_limits& of_server)
        : client(open_over(std::move(ends.first), role::client, of_client)),
          server(open_over(std::move(ends.second), role::server, of_server)) {}
};

// A server whose client is the test: it writes frames by hand.
struct raw_client {
    explicit raw_client(const connection_limits& limits = quiet(), std::size_t capacity = 64 * 1024)
        : raw_client(make_memory_channels(get_running_loop(), capacity), limits) {}

    void send(opcode code, std::string_view payload, bool fin = true) {
        peer->connection()->write(wire::frame(role::client, code, payload, fin));
    }

    std::shared_ptr<recording_protocol> peer = std::make_shared<recording_protocol>(true);
    std::shared_ptr<stream_transport> transport;
    connection server;

private:
    using channels = std::pair<std::unique_ptr<memory_channel>, std::unique_ptr<memory_channel>>;
    raw_client(channels ends, const connection_limits& limits)
        : transport(std::make_shared<stream_transport>(get_running_loop(), std::move(ends.first), peer)),
          server(open_over(std::move(ends.second), role::server, limits)) {
        transport->start();
    }
};

coro<std::string> receive_text(connection from) {
    const message received = co_await from.receive();
    co_return std::string(received.str());
}

// How a receive ends: "ok 1000", "error 1006", or the message.
coro<std::string> outcome_of_receive(connection from) {
    try {
        const message received = co_await from.receive();
        co_return std::string(received.str());
    } catch (const connection_closed_ok& closed) {
        co_return "ok " + std::to_string(value_of(closed.code()));
    } catch (const connection_closed_error& closed) {
        co_return "error " + std::to_string(value_of(closed.code()));
    }
}

coro<> close_now(connection which) { co_await which.close(); }

}  // namespace

TEST_CASE("messages arrive whole, in order, with their kind", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        co_await ends.client.send_text("h\xc3\xa9llo");
        co_await ends.client.send_binary("\x01\x02");
        co_await ends.client.send_text("");
        std::vector<bytes_view> fragments;
        for (const char* piece : {"a", "", "bc"}) fragments.emplace_back(piece);
        co_await ends.server.send_fragments(true, fragments);
        const message text = co_await ends.server.receive();
        CHECK((text.is_text && text.str() == "h\xc3\xa9llo"));
        const message binary = co_await ends.server.receive();
        CHECK((!binary.is_text && binary.data == "\x01\x02"));
        const message empty = co_await ends.server.receive();
        CHECK((empty.is_text && empty.data.empty()));
        const message joined = co_await ends.client.receive();
        CHECK(joined.str() == "abc");
        co_await ends.client.close();
    }());
}

TEST_CASE("send refuses what is not text, and no fragments", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        int refused = 0;
        try {
            co_await ends.client.send_text("\xff");
        } catch (const std::invalid_argument&) {
            ++refused;
        }
        try {
            co_await ends.client.send_fragments(true, std::vector<bytes_view>());
        } catch (const std::invalid_argument&) {
            ++refused;
        }
        try {
            static_cast<void>(co_await ends.client.ping(std::string(126, 'x')));
        } catch (const std::invalid_argument&) {
            ++refused;
        }
        try {
            co_await ends.client.close(close_code::abnormal_closure);
        } catch (const std::invalid_argument&) {
            ++refused;
        }
        CHECK(refused == 4);
        CHECK(ends.client.is_open());
        co_await ends.client.close();
    }());
}

TEST_CASE("an orderly end is seen by both sides, and next() ends with it", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        co_await ends.client.send_text("before");
        co_await ends.client.close(close_code::normal_closure, "done");
        CHECK(!ends.client.is_open());
        CHECK(ends.client.close_code() == close_code::normal_closure);
        CHECK(ends.client.transport() == nullptr);
        const std::optional<message> last = co_await ends.server.next();
        REQUIRE(last);
        CHECK(last->str() == "before");  // what arrived before the end comes before it
        const std::optional<message> none = co_await ends.server.next();
        CHECK(!none);
        CHECK(ends.server.close_reason() == "done");
        const std::string again = co_await outcome_of_receive(ends.server);
        CHECK(again == "ok 1000");
        co_await ends.client.close();  // idempotent
        co_await ends.server.close();
        bool closed = false;
        try {
            co_await ends.server.send_text("late");
        } catch (const connection_closed_ok&) {
            closed = true;
        }
        CHECK(closed);
    }());
}

TEST_CASE("another code than 1000 and 1001 is an error for next()", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        co_await ends.server.close(static_cast<close_code>(3999), "custom");
        bool failed = false;
        try {
            static_cast<void>(co_await ends.client.next());
        } catch (const connection_closed_error& closed) {
            failed = value_of(closed.code()) == 3999 && closed.reason() == "custom";
        }
        CHECK(failed);
    }());
}

TEST_CASE("a peer that vanishes is 1006", "[websocket]") {
    test_loop().run([]() -> coro<> {
        for (const bool clean_end : {true, false}) {
            raw_client ends;
            co_await settle();
            ends.send(opcode::text, "one");
            ends.send(opcode::text, "half a fragment", false);
            co_await settle();
            task<std::string> waiting = create_task(receive_text(ends.server));
            const std::string first = co_await waiting;
            CHECK(first == "one");
            task<std::string> ended = create_task(outcome_of_receive(ends.server));
            co_await settle();
            if (clean_end) {
                ends.transport->close();
            } else {
                co_await ends.server.send_text("unread");
                ends.transport->pause_reading();
                co_await ends.server.send_text("unread");
                ends.transport->abort();
            }
            const std::string outcome = co_await ended;
            CHECK(outcome == "error 1006");
            CHECK(ends.server.close_code() == close_code::abnormal_closure);
            co_await settle();
        }
    }());
}

TEST_CASE("full of messages it pauses the transport, and goes on when they are taken", "[websocket]") {
    test_loop().run([]() -> coro<> {
        connection_limits limits = quiet();
        limits.max_queue = 4;
        both_ends ends(quiet(), limits, 1000);
        co_await settle();
        bool all_sent = false;
        task<> sending = create_task([](connection to, bool& done) -> coro<> {
            for (int i = 0; i < 500; ++i) co_await to.send_text(std::to_string(i) + std::string(500, '.'));
            done = true;
        }(ends.client, all_sent));
        for (int i = 0; i < 10; ++i) co_await settle();
        CHECK(!all_sent);  // back-pressure reaches the sender
        CHECK(!ends.server.transport()->is_reading());
        for (int i = 0; i < 500; ++i) {
            const std::string text = co_await receive_text(ends.server);
            CHECK(text.substr(0, text.find('.')) == std::to_string(i));
        }
        co_await sending;
        co_await ends.client.close();
    }());
}

TEST_CASE("close completes although nobody takes the messages that still arrive", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        connection_limits limits = quiet();
        limits.max_queue = 2;
        both_ends ends(quiet(), limits, 1000);
        co_await settle();
        for (int i = 0; i < 40; ++i) co_await ends.client.send_text("message " + std::to_string(i));
        co_await settle();
        CHECK(!ends.server.transport()->is_reading());
        co_await ends.server.close();
        CHECK(ends.server.close_code() == close_code::normal_closure);  // the peer's answer came through
        for (int i = 0; i < 2; ++i) {
            const std::string text = co_await receive_text(ends.server);
            CHECK(text == "message " + std::to_string(i));
        }
        const std::string end = co_await outcome_of_receive(ends.server);
        CHECK(end == "ok 1000");
    }());
    CHECK(loop.elapsed() < 1s);  // without the close timeout
}

TEST_CASE("messages of several senders stay whole", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends(quiet(), quiet(), 100);
        co_await settle();
        std::vector<task<>> senders;
        for (const char name : {'a', 'b', 'c'}) {
            senders.push_back(create_task([](connection to, char letter) -> coro<> {
                for (int i = 0; i < 20; ++i) {
                    const std::string whole(5'000, letter);
                    if (i % 2 == 0) {
                        co_await to.send_text(whole);
                    } else {
                        std::vector<bytes_view> halves;
                        halves.emplace_back(std::string_view(whole).substr(0, 2'000));
                        halves.emplace_back(std::string_view(whole).substr(2'000));
                        co_await to.send_fragments(true, halves);
                    }
                }
            }(ends.client, name)));
        }
        for (int i = 0; i < 60; ++i) {
            const std::string text = co_await receive_text(ends.server);
            CHECK(text.size() == 5'000);
            CHECK(text == std::string(5'000, text[0]));
        }
        for (const task<>& sender : senders) co_await sender;
        co_await ends.client.close();
    }());
}

TEST_CASE("a receive that is cancelled loses no message, whenever that is", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        int expected = 0;
        for (int turns = 0; turns < 8; ++turns) {
            task<std::string> receiving = create_task(receive_text(ends.server));
            co_await ends.client.send_text(std::to_string(turns));
            for (int i = 0; i < turns; ++i) co_await sleep(0s);
            receiving.cancel();
            try {
                const std::string text = co_await receiving;
                CHECK(text == std::to_string(expected++));
            } catch (const cancelled_error&) {
            }
        }
        co_await ends.client.send_text("last");
        for (;;) {
            const std::string text = co_await receive_text(ends.server);
            if (text == "last") break;
            CHECK(text == std::to_string(expected++));
        }
        CHECK(expected == 8);
        co_await ends.client.close();
    }());
}

TEST_CASE("a second task that has to wait in receive is refused", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        task<std::string> first = create_task(receive_text(ends.server));
        co_await settle();
        bool refused = false;
        try {
            static_cast<void>(co_await ends.server.receive());
        } catch (const busy_error&) {
            refused = true;
        }
        CHECK(refused);
        co_await ends.client.send_text("for the first");
        const std::string text = co_await first;
        CHECK(text == "for the first");
        co_await ends.client.close();
    }());
}

TEST_CASE("a ping is answered, and tells how long that took", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        task<duration> pinging = create_task(ends.server.ping("mine"));
        co_await sleep(250ms);
        CHECK(ends.peer->received() == wire::frame(role::server, opcode::ping, "mine"));
        bool refused = false;
        try {
            static_cast<void>(co_await ends.server.ping("mine"));
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        CHECK(refused);
        ends.send(opcode::pong, "not mine");
        co_await settle();
        CHECK(!pinging.done());
        ends.send(opcode::pong, "mine");
        const duration took = co_await pinging;
        CHECK(took >= 250ms);
        CHECK(ends.server.latency() == took);
        task<duration> unanswered = create_task(ends.server.ping());
        co_await settle();
        ends.transport->abort();
        bool closed = false;
        try {
            static_cast<void>(co_await unanswered);
        } catch (const connection_closed_error&) {
            closed = true;
        }
        CHECK(closed);
    }());
}

TEST_CASE("the peer's ping is answered and a pong can be sent unasked", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        ends.send(opcode::ping, "are you there");
        co_await settle();
        ends.server.pong("unasked");
        co_await settle();
        CHECK(ends.peer->received() == wire::frame(role::server, opcode::pong, "are you there") +
                                           wire::frame(role::server, opcode::pong, "unasked"));
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("a peer that does not answer keepalive pings is given up with 1011", "[websocket]") {
    test_loop loop;
    loop.run([](test_loop& time) -> coro<> {
        raw_client ends{connection_limits()};
        co_await settle();
        task<std::string> receiving = create_task(outcome_of_receive(ends.server));
        co_await sleep(21s);
        CHECK(ends.peer->received().size() == 2 + 4);  // one ping
        ends.send(opcode::pong, ends.peer->received().substr(2));
        co_await sleep(38s);
        CHECK(!receiving.done());
        CHECK(ends.peer->received().size() == 2 * (2 + 4));
        const std::string outcome = co_await receiving;
        CHECK(outcome == "error 1006");
        CHECK(time.elapsed() == 60s);  // 20 s after the ping at 40 s
        const std::string tail =
            wire::frame(role::server, opcode::close, wire::close_payload(1011, "keepalive ping timeout"));
        co_await settle();
        CHECK(ends.peer->received().ends_with(tail));
        ends.transport->abort();
        co_await settle();
    }(loop));
}

TEST_CASE("two of ours keep each other alive", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends{connection_limits(), connection_limits()};
        co_await sleep(1h);
        CHECK(ends.client.is_open());
        CHECK(ends.server.is_open());
        co_await ends.client.close();
    }());
}

TEST_CASE("a peer that does not answer the close is cut off after the close timeout", "[websocket]") {
    test_loop loop;
    loop.run([](test_loop& time) -> coro<> {
        raw_client ends;
        co_await settle();
        const duration before = time.elapsed();
        co_await ends.server.close();
        CHECK(time.elapsed() == before + 10s);
        CHECK(ends.server.close_code() == close_code::abnormal_closure);
        ends.transport->abort();
        co_await settle();
    }(loop));
}

TEST_CASE("a close that is cancelled goes on by itself", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        task<> closing = create_task(close_now(ends.client));
        co_await sleep(0s);
        closing.cancel();
        co_await ends.client.wait_closed();
        co_await ends.server.wait_closed();
        CHECK(ends.server.close_code() == close_code::normal_closure);
    }());
}

TEST_CASE("the last handle that goes closes with 1001", "[websocket]") {
    test_loop().run([]() -> coro<> {
        auto ends = std::make_unique<both_ends>();
        co_await settle();
        connection kept = ends->server;
        ends.reset();
        const std::optional<message> none = co_await kept.next();
        CHECK(!none);
        CHECK(kept.close_code() == close_code::going_away);
        co_await kept.wait_closed();
    }());
}

TEST_CASE("what breaks the rules fails the connection with the fitting code", "[websocket]") {
    struct breach {
        std::string bytes;
        unsigned code;
    };
    const std::vector<breach> breaches = {
        {wire::frame(role::server, opcode::text, "not masked"), 1002},
        {wire::frame(role::client, opcode::text, "\xff"), 1007},
        {wire::frame(role::client, opcode::binary, std::string((1 << 20) + 1, 'x')), 1009},
        {wire::frame(role::client, opcode::continuation, "of nothing"), 1002},
        {wire::hex("ff 80 00 00 00 00"), 1002},
    };
    for (const breach& bad : breaches) {
        CAPTURE(bad.code);
        test_loop().run([](const breach& sent) -> coro<> {
            raw_client ends;
            co_await settle();
            ends.peer->connection()->write(sent.bytes);
            const std::string outcome = co_await outcome_of_receive(ends.server);
            CHECK(outcome == "error 1006");
            ends.transport->close();
            co_await settle();
            const std::string expected = wire::hex("88") ;
            REQUIRE(ends.peer->received().size() >= 4);
            CHECK(ends.peer->received()[0] == expected[0]);
            CHECK(ends.peer->received().substr(2, 2) == wire::close_payload(sent.code));
        }(bad));
    }
}

TEST_CASE("an error of the rules is told to the receiver in words", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        ends.peer->connection()->write(wire::frame(role::server, opcode::text, "not masked"));
        std::string text;
        try {
            static_cast<void>(co_await ends.server.receive());
        } catch (const connection_closed_error& closed) {
            text = closed.what();
        }
        CAPTURE(text);
        CHECK(text.find("mask") != std::string::npos);
        ends.transport->abort();
        co_await settle();
    }());
}
