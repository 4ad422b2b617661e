// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/connection.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "websocket/connection_ends.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::both_ends;
using support::quiet;
using support::raw_client;
using support::receive_text;
using support::settle;
using support::throws;
using testing::test_loop;
using websocket::close_code;
using websocket::connection_closed_error;
using websocket::connection_closed_ok;
using websocket::connection_limits;
using websocket::message;
using websocket::opcode;
using websocket::role;
using web_socket = websocket::connection;  // aioxx::connection is another thing

namespace {

// How a receive ends: "ok 1000", "error 1006", or the message.
coro<std::string> outcome_of_receive(web_socket from) {
    try {
        const message received = co_await from.receive();
        co_return std::string(received.str());
    } catch (const connection_closed_ok& closed) {
        co_return "ok " + std::to_string(value_of(closed.code()));
    } catch (const connection_closed_error& closed) {
        co_return "error " + std::to_string(value_of(closed.code()));
    }
}

struct person {
    std::string name;
};
std::string to_json(const person& shown) { return "{" + shown.name + "}"; }

}  // namespace

TEST_CASE("messages arrive whole, in order, with their kind", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        co_await ends.client.send_text("h\xc3\xa9llo");
        co_await ends.client.send_binary("\x01\x02");
        co_await ends.client.send_text("");
        const std::vector<std::string> fragments{"a", "", "bc"};
        co_await ends.server.send(fragments);
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

TEST_CASE("send, ping and close refuse what the protocol does not allow", "[websocket]") {
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
            static_cast<void>(co_await ends.client.ping(std::string(126, 'x')));
        } catch (const std::invalid_argument&) {
            ++refused;
        }
        try {
            co_await ends.client.close(close_code::abnormal_closure);
        } catch (const std::invalid_argument&) {
            ++refused;
        }
        CHECK(refused == 3);
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
        const bool closed = co_await throws<connection_closed_ok>(ends.server.send_text("late"));
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

TEST_CASE("a ping is answered, and tells how long that took", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        task<duration> pinging = create_task(ends.server.ping("mine"));
        co_await sleep(250ms);
        CHECK(ends.peer->received() == wire::frame(role::server, opcode::ping, "mine"));
        const bool refused = co_await throws<std::invalid_argument>(ends.server.ping("mine"));
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
        const bool closed = co_await throws<connection_closed_error>(unanswered);
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
        task<> closing = create_task(ends.client.close());
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
        web_socket kept = ends->server;
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

TEST_CASE("values go through functions of the program, JSON for example", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        const person ann{"ann"};
        co_await ends.client.send_json(ann, to_json);
        const auto from_json = [](std::string_view text) { return person{std::string(text.substr(1, text.size() - 2))}; };
        const person got = co_await ends.server.receive_json(from_json);
        CHECK(got.name == "ann");
        co_await ends.client.send_json(ann, [](const person& shown) { return std::string_view(shown.name); });
        const message plain = co_await ends.server.receive();
        CHECK((plain.is_text && plain.str() == "ann"));
        co_await ends.client.close();
    }());
}

TEST_CASE("a Close frame without a code, as a browser sends it, is an orderly end", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        ends.send(opcode::text, "last");
        ends.send(opcode::close, "");
        std::string got;
        while (auto received = co_await ends.server.next()) got += received->str();
        CHECK(got == "last");
        CHECK(ends.server.close_code() == close_code::no_status_received);
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("a connection tells its state and its ends", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        using websocket::connection_state;
        CHECK(ends.server.state() == connection_state::open);
        CHECK(!ends.server.close_code());
        const web_socket copy = ends.server;
        CHECK(copy == ends.server);
        task<> closing = create_task(ends.server.close());
        co_await settle();
        CHECK(copy.state() == connection_state::close_sent);
        CHECK(!copy.is_open());
        ends.send(opcode::close, wire::close_payload(1000));
        co_await settle();
        CHECK(copy.state() == connection_state::closing);
        ends.transport->close();
        co_await closing;
        CHECK(copy.state() == connection_state::closed);
        CHECK(copy.close_code() == close_code::normal_closure);
        CHECK(copy.local_address() == aioxx::endpoint());
        CHECK(copy.remote_address() == aioxx::endpoint());
    }());
}

TEST_CASE("a Close behind a message that a task receives ends the connection at once", "[websocket]") {
    for (const bool ours_first : {true, false}) {
        CAPTURE(ours_first);
        test_loop loop;
        loop.run([](bool server_first) -> coro<> {
            raw_client ends;
            co_await settle();
            task<std::string> receiving = create_task([](web_socket from) -> coro<std::string> {
                std::string all;
                while (auto received = co_await from.next()) all += received->str();
                co_return all;
            }(ends.server));
            co_await settle();
            task<> closing;
            if (server_first) closing = create_task(ends.server.close());
            co_await settle();
            ends.peer->connection()->write(wire::frame(role::client, opcode::text, "last") +
                                           wire::frame(role::client, opcode::close, wire::close_payload(1000)));
            co_await settle();
            CHECK(ends.peer->count("eof_received") == 1);
            ends.transport->close();
            co_await ends.server.wait_closed();
            const std::string all = co_await receiving;
            CHECK(all == "last");
            if (server_first) co_await closing;
        }(ours_first));
        CHECK(loop.elapsed() < 1s);
    }
}

TEST_CASE("the peer's ping is answered before what is sent by the task that was woken with it", "[websocket]") {
    test_loop().run([]() -> coro<> {
        connection_limits limits = quiet();
        limits.compression = websocket::deflate_parameters();  // frames are made in the endpoint's output then
        raw_client ends(limits);
        co_await settle();
        task<> echoing = create_task([](web_socket peer) -> coro<> {
            while (auto received = co_await peer.next()) co_await peer.send(*received, false);
        }(ends.server));
        co_await settle();
        ends.peer->connection()->write(wire::frame(role::client, opcode::ping, "p") +
                                       wire::frame(role::client, opcode::text, "one") +
                                       wire::frame(role::client, opcode::ping, "q") +
                                       wire::frame(role::client, opcode::text, "two"));
        co_await settle();
        CHECK(ends.peer->received() ==
              wire::frame(role::server, opcode::pong, "p") + wire::frame(role::server, opcode::text, "one") +
                  wire::frame(role::server, opcode::pong, "q") + wire::frame(role::server, opcode::text, "two"));
        ends.transport->abort();
        const bool closed = co_await throws<connection_closed_error>(echoing);
        CHECK(closed);
    }());
}
