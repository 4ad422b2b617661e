// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/receiving.hpp>

#include <chrono>
#include <memory>
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
using websocket::message_view;
using websocket::opcode;
using websocket::role;
using web_socket = websocket::connection;  // aioxx::connection is another thing

namespace {

// Asks for a message in every turn. Returns: how often it was refused until it got one.
coro<int> insist(websocket::connection from) {
    for (int refused = 0;; ++refused) {
        try {
            static_cast<void>(co_await from.receive_view());
            co_return refused;
        } catch (const busy_error&) {
        }
        co_await sleep(0s);
    }
}

}  // namespace

TEST_CASE("full of messages it pauses the transport, and goes on when they are taken", "[websocket]") {
    test_loop().run([]() -> coro<> {
        connection_limits limits = quiet();
        limits.max_queue = 4;
        both_ends ends(quiet(), limits, 1000);
        co_await settle();
        bool all_sent = false;
        task<> sending = create_task([](web_socket to, bool& done) -> coro<> {
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
        const bool refused = co_await throws<busy_error>(ends.server.receive());
        CHECK(refused);
        co_await ends.client.send_text("for the first");
        const std::string text = co_await first;
        CHECK(text == "for the first");
        co_await ends.client.close();
    }());
}

TEST_CASE("messages that came together are for the task that waited, until it has run", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        task<std::string> first = create_task(receive_text(ends.server));
        co_await settle();
        task<int> second = create_task(insist(ends.server));
        co_await sleep(0s);
        ends.peer->connection()->write(wire::frame(role::client, opcode::text, "one") +
                                       wire::frame(role::client, opcode::text, "two"));
        const std::string one = co_await first;
        CHECK(one == "one");
        const int refused = co_await second;
        CHECK(refused > 0);
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("a message of the wrong kind is refused in words, and not lost", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        const bytearray bytes("12345");
        co_await ends.client.send(bytes);
        co_await ends.client.send("text");
        std::string why;
        try {
            static_cast<void>(co_await ends.server.receive_text());
        } catch (const websocket::wrong_message_kind& error) {
            why = error.what();
            CHECK(!error.is_text());
        }
        CHECK(why == "receive_text: expected a text message, got a binary message of 5 bytes");
        const auto anything = [](std::string_view) { return 1; };
        bool refused = co_await throws<websocket::wrong_message_kind>(ends.server.receive_json(anything));
        CHECK(refused);
        const bytearray received = co_await ends.server.receive_bytes();
        CHECK(received == bytes);
        refused = co_await throws<websocket::wrong_message_kind>(ends.server.receive_bytes());
        CHECK(refused);
        const std::string text = co_await ends.server.receive_text();
        CHECK(text == "text");
        co_await ends.client.close();
    }());
}

TEST_CASE("messages end at an orderly end, and throw at another", "[websocket]") {
    test_loop().run([]() -> coro<> {
        for (const close_code code : {close_code::normal_closure, close_code::policy_violation}) {
            both_ends ends;
            co_await settle();
            for (int i = 0; i < 3; ++i) co_await ends.client.send(std::to_string(i));
            task<> closing = create_task(ends.client.close(code));
            std::string got;
            bool failed = false;
            auto messages = ends.server.messages();
            try {
                while (auto received = co_await messages.next()) got += received->str();
            } catch (const connection_closed_error&) {
                failed = true;
            }
            CHECK(got == "012");
            CHECK(failed == (code != close_code::normal_closure));
            co_await closing;
        }
    }());
}

TEST_CASE("a message that is looked at stays while others arrive", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        co_await ends.client.send("first");
        const message_view first = co_await ends.server.receive_view();
        for (int i = 0; i < 20; ++i) co_await ends.client.send(std::string(2'000, static_cast<char>('a' + i)));
        co_await settle();
        CHECK(first.str() == "first");
        for (int i = 0; i < 20; ++i) {
            const message_view next = co_await ends.server.receive_view();
            CHECK(next.str() == std::string(2'000, static_cast<char>('a' + i)));
        }
        co_await ends.client.close();
    }());
}

TEST_CASE("messages that came together can be received together, up to a ping, which is answered", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        std::string bytes;
        for (int i = 0; i < 3; ++i) bytes += wire::frame(role::client, opcode::text, "message " + std::to_string(i));
        bytes += wire::frame(role::client, opcode::ping, "p");
        bytes += wire::frame(role::client, opcode::binary, "behind the ping");
        ends.peer->connection()->write(bytes);
        const auto batch = co_await ends.server.receive_batch();
        REQUIRE(batch.size() == 3);
        co_await settle();
        CHECK(ends.peer->received() == wire::frame(role::server, opcode::pong, "p"));
        for (std::size_t i = 0; i < 3; ++i) CHECK((batch[i].is_text && batch[i].str() == "message " + std::to_string(i)));
        const auto behind = co_await ends.server.receive_batch();
        REQUIRE(behind.size() == 1);
        CHECK((!behind[0].is_text && behind[0].str() == "behind the ping"));

        ends.send(opcode::text, "alone");
        const auto next = co_await ends.server.receive_batch();
        REQUIRE(next.size() == 1);
        CHECK(next[0].str() == "alone");

        ends.send(opcode::close, wire::close_payload(1000));
        const bool ended = co_await throws<connection_closed_ok>(ends.server.receive_batch());
        CHECK(ended);
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("what follows a message that a task takes is looked at, although nobody asks for it", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        task<std::string> receiving = create_task(receive_text(ends.server));
        co_await settle();
        ends.peer->connection()->write(wire::frame(role::client, opcode::text, "taken") +
                                       wire::frame(role::client, opcode::text, "waits") +
                                       wire::frame(role::client, opcode::ping, "p"));
        const std::string taken = co_await receiving;
        CHECK(taken == "taken");
        co_await settle();
        CHECK(ends.peer->received() == wire::frame(role::server, opcode::pong, "p"));
        const std::string waited = co_await receive_text(ends.server);
        CHECK(waited == "waits");
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("a large message can be received in parts before its end was sent", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        ends.send(opcode::text, "one", false);
        auto parts = ends.server.receive_streaming();
        const auto first = co_await parts.next();
        REQUIRE(first);
        CHECK((first->is_text && first->str() == "one"));
        const bool refused = co_await throws<busy_error>(ends.server.receive());
        CHECK(refused);
        ends.send(opcode::continuation, "two", false);
        co_await settle();  // nobody asks meanwhile
        ends.send(opcode::continuation, "three");
        ends.send(opcode::text, "next");
        std::string rest;
        while (const auto part = co_await parts.next()) rest += part->str();
        CHECK(rest == "twothree");
        const std::string next = co_await ends.server.receive_text();
        CHECK(next == "next");
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("parts are bounded by max_size together, and end with the connection", "[websocket]") {
    test_loop().run([]() -> coro<> {
        for (const bool too_large : {true, false}) {
            connection_limits limits = quiet();
            limits.max_size = 100;
            raw_client ends(limits);
            co_await settle();
            auto parts = ends.server.receive_streaming();
            ends.send(opcode::text, std::string(100, 'x'), false);
            const auto first = co_await parts.next();
            CHECK((first && first->data.size() == 100));
            if (too_large) {
                ends.send(opcode::continuation, "y");
                co_await settle();
                CHECK(ends.peer->received().substr(2, 2) == wire::close_payload(1009));
            }
            ends.transport->abort();
            const bool failed = co_await throws<connection_closed_error>(parts.next());
            CHECK(failed);
        }
    }());
}

TEST_CASE("receiving in parts that is cancelled loses no message that has not begun", "[websocket]") {
    test_loop().run([]() -> coro<> {
        for (int turns = 0; turns < 4; ++turns) {
            CAPTURE(turns);
            raw_client ends;
            co_await settle();
            std::string got;
            task<> receiving = create_task([](web_socket from, std::string& to) -> coro<> {
                auto parts = from.receive_streaming();
                while (const auto part = co_await parts.next()) to += part->str();
            }(ends.server, got));
            co_await settle();
            ends.send(opcode::text, "one", false);
            for (int i = 0; i < turns; ++i) co_await sleep(0s);
            receiving.cancel();
            co_await settle();
            CHECK(receiving.cancelled());
            ends.send(opcode::continuation, "two");
            ends.send(opcode::text, "next");
            const std::string next = co_await ends.server.receive_text();
            CHECK(next == (got.empty() ? "onetwo" : "next"));
            ends.transport->abort();
            co_await settle();
        }
    }());
}

TEST_CASE("who goes on in the middle of a message that was streamed gets the next one", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        ends.send(opcode::text, "one", false);
        {
            auto parts = ends.server.receive_streaming();
            const auto first = co_await parts.next();
            CHECK(first);
        }
        ends.send(opcode::continuation, "two");
        ends.send(opcode::text, "next");
        const std::string next = co_await ends.server.receive_text();
        CHECK(next == "next");
        ends.transport->abort();
        co_await settle();
    }());
}
