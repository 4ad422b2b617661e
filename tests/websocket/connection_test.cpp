// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/connection.hpp>

#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/sync/event.hpp>
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
using web_socket = websocket::connection;  // aioxx::connection is another thing
using websocket::connection_closed;
using websocket::connection_closed_error;
using websocket::connection_closed_ok;
using websocket::connection_limits;
using websocket::message;
using websocket::message_view;
using websocket::opcode;
using websocket::role;

namespace {

using state_ptr_type = std::shared_ptr<websocket::detail::connection_state_machine>;

connection_limits quiet() {
    connection_limits limits;
    limits.ping_interval.reset();
    return limits;
}

web_socket open_over(std::unique_ptr<stream_channel> channel, role us, const connection_limits& limits) {
    auto state = std::make_shared<websocket::detail::connection_state_machine>(get_running_loop(), us, limits);
    std::make_shared<stream_transport>(get_running_loop(), std::move(channel), state)->start();
    return web_socket(state, "", websocket::http_request(), websocket::http_response());
}

coro<> settle() { co_await sleep(1ms); }

// A client and a server over a memory link.
struct both_ends {
    explicit both_ends(const connection_limits& of_client = quiet(), const connection_limits& of_server = quiet(),
                       std::size_t capacity = 64 * 1024)
        : both_ends(make_memory_channels(get_running_loop(), capacity), of_client, of_server) {}

    web_socket client, server;

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
    web_socket server;

private:
    using channels = std::pair<std::unique_ptr<memory_channel>, std::unique_ptr<memory_channel>>;
    raw_client(channels ends, const connection_limits& limits)
        : transport(std::make_shared<stream_transport>(get_running_loop(), std::move(ends.first), peer)),
          server(open_over(std::move(ends.second), role::server, limits)) {
        transport->start();
    }
};

coro<std::string> receive_text(web_socket from) {
    const message received = co_await from.receive();
    co_return std::string(received.str());
}

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

coro<> close_now(web_socket which) { co_await which.close(); }

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
            senders.push_back(create_task([](web_socket to, char letter) -> coro<> {
                for (int i = 0; i < 20; ++i) {
                    const std::string whole(5'000, letter);
                    if (i % 2 == 0) {
                        co_await to.send_text(whole);
                    } else {
                        std::vector<std::string_view> halves;
                        halves.push_back(std::string_view(whole).substr(0, 2'000));
                        halves.push_back(std::string_view(whole).substr(2'000));
                        co_await to.send(halves);
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

// ---- sending ----

namespace {

template <class Awaitable>
coro<> run_it(Awaitable awaited) {
    co_await std::move(awaited);
}

// Fragments that come when the test says so.
async_generator<std::string> told_fragments(event& go, std::vector<std::string> fragments, bool fail = false) {
    for (std::string& each : fragments) {
        co_await go.wait();
        go.clear();
        co_yield std::move(each);
    }
    co_await go.wait();
    if (fail) throw std::runtime_error("no more fragments");
}

coro<> send_told(web_socket to, event& go, std::vector<std::string> fragments, bool fail = false) {
    co_await to.send(told_fragments(go, std::move(fragments), fail));
}

// The bytes of a message in these frames.
std::string in_frames(const std::vector<std::string>& fragments, role from = role::server) {
    std::string frames;
    for (const std::string& each : fragments) {
        frames += wire::frame(from, frames.empty() ? opcode::text : opcode::continuation, each, false);
    }
    return frames + wire::frame(from, opcode::continuation, "");
}

struct person {
    std::string name;
};
std::string to_json(const person& shown) { return "{" + shown.name + "}"; }

}  // namespace

TEST_CASE("send takes strings as text, bytes as binary, and messages as what they are", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        const std::string text = "string";
        const bytearray bytes("bytes");
        const std::vector<unsigned char> numbers{1, 2, 3};
        co_await ends.client.send("literal");
        co_await ends.client.send(text);
        co_await ends.client.send(std::string_view(text).substr(3));
        co_await ends.client.send(bytes);
        co_await ends.client.send(numbers);
        std::vector<message> all;
        for (int i = 0; i < 5; ++i) all.push_back(co_await ends.server.recv());
        std::string got;
        for (const message& received : all) {
            got += received.is_text ? "t" : "b";
            co_await ends.server.send(received);
            const message_view back = co_await ends.client.receive_view();
            CHECK((back.is_text == received.is_text && back.data == received.data));
            co_await ends.client.send(back);
            const message again = co_await ends.server.recv();
            CHECK((again.is_text == received.is_text && again.data == received.data));
        }
        CHECK(got == "tttbb");
        co_await ends.client.close();
    }());
}

TEST_CASE("ranges and generators are sent as one message, a frame for each item", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        const std::vector<std::string> words{"one", "", "two"};
        co_await ends.server.send(words);
        co_await settle();
        CHECK(ends.peer->received() == in_frames(words));
        co_await ends.server.send(words | std::views::transform([](const std::string& word) { return word + "!"; }));
        co_await ends.server.send(std::vector<std::string>());  // no fragment, no message
        event go;
        go.set();
        task<> sending = create_task(send_told(ends.server, go, {"a"}));
        co_await settle();
        go.set();
        co_await sending;
        co_await settle();
        CHECK(ends.peer->received() == in_frames(words) + in_frames({"one!", "!", "two!"}) + in_frames({"a"}));
        const std::vector<bytearray> bytes{bytearray("x")};
        co_await ends.server.send(bytes);
        co_await settle();
        CHECK(ends.peer->received().ends_with(wire::frame(role::server, opcode::binary, "x", false) +
                                              wire::frame(role::server, opcode::continuation, "")));
        co_await ends.server.send_fragments(true, bytes);
        co_await settle();
        CHECK(ends.peer->received().ends_with(in_frames({"x"})));
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("nothing but control frames comes between the fragments of a sender that waits", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        event go;
        task<> fragments = create_task(send_told(ends.server, go, {"one", "two"}));
        go.set();
        co_await settle();
        task<> whole = create_task(run_it(ends.server.send("whole")));
        event second_go;
        second_go.set();
        task<> second = create_task(send_told(ends.server, second_go, {"second"}));
        const std::vector<std::string> range{"in", "a range"};
        task<> third = create_task(run_it(ends.server.send(range)));
        co_await settle();
        ends.send(opcode::ping, "are you there");
        co_await settle();
        ends.server.pong("unasked");
        go.set();
        co_await settle();
        CHECK(!whole.done());
        go.set();
        co_await fragments;
        second_go.set();
        co_await settle();
        second_go.set();
        co_await second;
        co_await whole;
        co_await third;
        co_await settle();
        const auto at = [&](const std::string& bytes) { return ends.peer->received().find(bytes); };
        const std::string first = wire::frame(role::server, opcode::text, "one", false) +
                                  wire::frame(role::server, opcode::pong, "are you there") +
                                  wire::frame(role::server, opcode::pong, "unasked") +
                                  wire::frame(role::server, opcode::continuation, "two", false) +
                                  wire::frame(role::server, opcode::continuation, "");
        CHECK(at(first) == 0);
        CHECK(at(wire::frame(role::server, opcode::text, "whole")) != std::string::npos);
        CHECK(at(in_frames({"second"})) != std::string::npos);
        CHECK(at(in_frames(range)) != std::string::npos);
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("a fragmented message that is given up fails the connection with 1011", "[websocket]") {
    for (const bool cancelled : {false, true}) {
        CAPTURE(cancelled);
        test_loop().run([](bool by_cancellation) -> coro<> {
            raw_client ends;
            co_await settle();
            event go;
            task<> sending = create_task(send_told(ends.server, go, {"one"}, true));
            go.set();
            co_await settle();
            task<> waiting = create_task(run_it(ends.server.send("waits")));
            co_await settle();
            if (by_cancellation) {
                sending.cancel();
            } else {
                go.set();
            }
            std::string how;
            try {
                co_await sending;
            } catch (const cancelled_error&) {
                how = "cancelled";
            } catch (const std::runtime_error& error) {
                how = error.what();
            }
            CHECK(how == (by_cancellation ? "cancelled" : "no more fragments"));
            bool closed = false;
            try {
                co_await waiting;
            } catch (const connection_closed_error&) {
                closed = true;
            }
            CHECK(closed);
            co_await settle();
            CHECK(ends.peer->received() ==
                  wire::frame(role::server, opcode::text, "one", false) +
                      wire::frame(role::server, opcode::close, wire::close_payload(1011, "error in fragmented message")));
            ends.transport->abort();
            co_await settle();
        }(cancelled));
    }
}

TEST_CASE("a sender that is cancelled before its turn has sent nothing, and the connection goes on", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        event go;
        event no_go;
        task<> unborn = create_task(send_told(ends.server, no_go, {"never"}));
        task<> fragments = create_task(send_told(ends.server, go, {"one"}));
        go.set();
        co_await settle();
        task<> waiting = create_task(run_it(ends.server.send("waits")));
        co_await settle();
        waiting.cancel();
        unborn.cancel();
        go.set();
        co_await fragments;
        co_await settle();
        CHECK((waiting.cancelled() && unborn.cancelled()));
        CHECK(ends.server.is_open());
        CHECK(ends.peer->received() == in_frames({"one"}));
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("who waits for a fragmented message learns of the end of the connection", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        event go;
        task<> fragments = create_task(send_told(ends.server, go, {"one"}));
        go.set();
        co_await settle();
        task<> waiting = create_task(run_it(ends.server.send("waits")));
        co_await settle();
        ends.transport->abort();
        bool closed = false;
        try {
            co_await waiting;
        } catch (const connection_closed_error&) {
            closed = true;
        }
        CHECK(closed);
        go.set();
        closed = false;
        try {
            co_await fragments;
        } catch (const connection_closed_error&) {
            closed = true;
        }
        CHECK(closed);
    }());
}

TEST_CASE("a sender waits while the transport is full, and a cancellation takes nothing back", "[websocket]") {
    test_loop().run([]() -> coro<> {
        connection_limits limits = quiet();
        limits.write_limit = 1000;
        raw_client ends(limits, 1000);
        co_await settle();
        ends.transport->pause_reading();
        const std::string large(50'000, 'l');
        task<> sending = create_task(run_it(ends.server.send(large)));
        co_await settle();
        CHECK(!sending.done());
        sending.cancel();
        co_await settle();
        CHECK(sending.cancelled());
        CHECK(ends.server.is_open());
        ends.transport->resume_reading();
        co_await ends.server.send("after");
        co_await settle();
        CHECK(ends.peer->received() ==
              wire::frame(role::server, opcode::text, large) + wire::frame(role::server, opcode::text, "after"));
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

TEST_CASE("a message is compressed where that was agreed on, unless the sender does not want it", "[websocket]") {
    test_loop().run([]() -> coro<> {
        connection_limits limits = quiet();
        limits.compression = websocket::deflate_parameters();
        both_ends ends(limits, limits);
        co_await settle();
        CHECK((ends.client.is_compressed() && ends.server.is_compressed()));
        const std::string text(10'000, 'z');
        const auto sent_by = [](const web_socket& from) {
            return from.transport()->get_extra_info(extra_info::statistics)->bytes_sent;
        };
        for (web_socket* const from : {&ends.client, &ends.server}) {
            const web_socket& to = from == &ends.client ? ends.server : ends.client;
            co_await from->send(text, false);
            const std::string plain = co_await to.receive_text();
            const auto uncompressed = sent_by(*from);
            CHECK(uncompressed > text.size());
            co_await from->send(text);
            const std::string compressed = co_await to.receive_text();
            const std::vector<std::string> halves{text.substr(5000), text.substr(5000)};
            co_await from->send(halves, true);
            const std::string joined = co_await to.receive_text();
            CHECK((plain == text && compressed == text && joined == text));
            CHECK(sent_by(*from) < uncompressed + 1000);
        }
        co_await ends.client.close();
    }());
}

// ---- receiving ----

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
        bool refused = false;
        try {
            static_cast<void>(co_await ends.server.receive_json([](std::string_view) { return 1; }));
        } catch (const websocket::wrong_message_kind&) {
            refused = true;
        }
        CHECK(refused);
        const bytearray received = co_await ends.server.receive_bytes();
        CHECK(received == bytes);
        refused = false;
        try {
            static_cast<void>(co_await ends.server.receive_bytes());
        } catch (const websocket::wrong_message_kind&) {
            refused = true;
        }
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
            task<> closing = create_task(run_it(ends.client.close(code)));
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
        bool ended = false;
        try {
            static_cast<void>(co_await ends.server.receive_batch());
        } catch (const connection_closed_ok&) {
            ended = true;
        }
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
        bool refused = false;
        try {
            static_cast<void>(co_await ends.server.receive());
        } catch (const busy_error&) {
            refused = true;
        }
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
            bool failed = false;
            try {
                static_cast<void>(co_await parts.next());
            } catch (const connection_closed_error&) {
                failed = true;
            }
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

TEST_CASE("a connection tells its state and its ends", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        using websocket::connection_state;
        CHECK(ends.server.state() == connection_state::open);
        CHECK(!ends.server.close_code());
        const web_socket copy = ends.server;
        CHECK(copy == ends.server);
        task<> closing = create_task(close_now(ends.server));
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
            if (server_first) closing = create_task(close_now(ends.server));
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

TEST_CASE("a first fragment that is refused leaves the connection as it was", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        bool refused = false;
        const std::vector<std::string> not_text{"\xff", "x"};
        try {
            co_await ends.client.send(not_text);
        } catch (const std::invalid_argument&) {
            refused = true;
        }
        CHECK(refused);
        co_await ends.client.send("still open");
        const std::string text = co_await ends.server.receive_text();
        CHECK(text == "still open");
        co_await ends.client.close();
    }());
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
        bool closed = false;
        try {
            co_await echoing;
        } catch (const connection_closed_error&) {
            closed = true;
        }
        CHECK(closed);
    }());
}
