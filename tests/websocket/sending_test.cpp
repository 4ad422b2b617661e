// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/sending.hpp>

#include <chrono>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/all.hpp>
#include <aioxx/tasks/cancel_scope.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/race.hpp>
#include <aioxx/tasks/shield.hpp>
#include <aioxx/tasks/task_group.hpp>
#include <aioxx/tasks/wait_for.hpp>
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
using websocket::connection_closed_error;
using websocket::connection_limits;
using websocket::message;
using websocket::message_view;
using websocket::opcode;
using websocket::role;
using web_socket = websocket::connection;  // aioxx::connection is another thing

namespace {

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

// With little room for what is sent.
connection_limits small() {
    connection_limits limits = quiet();
    limits.write_limit = 1000;
    return limits;
}

// Sends what the client does not read, so that the sender waits. Requires: `content` is more than there is room for.
coro<task<>> send_unread(raw_client& ends, std::string_view content) {
    co_await settle();
    ends.transport->pause_reading();
    task<> sending = create_task(ends.server.send(content));
    co_await settle();
    CHECK(!sending.done());
    co_return sending;
}

// The bytes of a message in these frames.
std::string in_frames(const std::vector<std::string>& fragments, role from = role::server) {
    std::string frames;
    for (const std::string& each : fragments) {
        frames += wire::frame(from, frames.empty() ? opcode::text : opcode::continuation, each, false);
    }
    return frames + wire::frame(from, opcode::continuation, "");
}

}  // namespace

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

TEST_CASE("a message that is sent on from where it was received stays what it is, and so do its neighbours", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends;
        co_await settle();
        std::string burst;
        std::string replies;
        const std::vector<std::size_t> sizes{0, 1, 125, 126, 127, 5'000, 0, 20'000, 3};
        for (const std::size_t size : sizes) {
            const std::string text = wire::some_text(size);
            burst += wire::frame(role::client, opcode::text, text);
            for (const std::string& each : {text, text.substr(0, size / 2), text.substr(size / 2), text}) {
                replies += wire::frame(role::server, opcode::binary, each);
            }
            replies += wire::frame(role::server, opcode::text, text);
        }
        ends.peer->connection()->write(burst);
        for (const std::size_t size : sizes) {
            const message_view shown = co_await ends.server.receive_view();
            co_await ends.server.send_binary(shown.data);
            co_await ends.server.send_binary(shown.data.first(size / 2));
            co_await ends.server.send_binary(shown.data.subview(size / 2));
            co_await ends.server.send_binary(shown.data);
            co_await ends.server.send(shown);
            CHECK(shown.str() == wire::some_text(size));
        }
        co_await settle();
        CHECK(ends.peer->received() == replies);
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("a message is sent on from where it was received also when the peer takes it in pieces", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends(small());
        co_await settle();
        const std::string text = wire::some_text(60'000);
        ends.send(opcode::text, text);
        const message_view shown = co_await ends.server.receive_view();
        ends.transport->pause_reading();
        co_await ends.server.send(shown);
        const task<> sending = co_await send_unread(ends, shown.str());
        ends.send(opcode::text, "next");
        ends.transport->resume_reading();
        co_await sending;
        const message_view next = co_await ends.server.receive_view();
        co_await ends.server.send(next);
        co_await settle();
        const std::string reply = wire::frame(role::server, opcode::text, text);
        CHECK(ends.peer->received() == reply + reply + wire::frame(role::server, opcode::text, "next"));
        ends.transport->abort();
        co_await settle();
    }());
}

TEST_CASE("a sending goes wherever a coroutine goes", "[websocket]") {
    test_loop().run([]() -> coro<> {
        both_ends ends;
        co_await settle();
        const web_socket& by = ends.client;
        co_await create_task(by.send("task"), {.name = "named", .eager_start = true});
        co_await gather(by.send("gathered"), by.send_text("both"));
        co_await all(by.send("all"), by.send_binary("of them"));
        static_cast<void>(co_await race(by.send("race")));
        co_await wait_for(by.send("in time"), 1s);
        static_cast<void>(co_await move_on_after(1s, by.send("in a scope")));
        co_await shield(by.send("shielded"));
        co_await with_task_group([&by](task_group& group) -> coro<> {
            group.create_task(by.send("in a group"));
            co_return;
        });
        for (const char* expected : {"task", "gathered", "both", "all", "of them", "race", "in time", "in a scope",
                                     "shielded", "in a group"}) {
            const std::string got = co_await receive_text(ends.server);
            CHECK(got == expected);
        }
        coro<> last = by.send("kept although no handle is left");
        const web_socket server = ends.server;
        ends.client = server;
        co_await std::move(last);
        const std::string got = co_await receive_text(server);
        CHECK(got == "kept although no handle is left");
    }());
}

TEST_CASE("who waits because the transport is full learns of the end of the connection", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends(small(), 1000);
        const std::string large(50'000, 'l');
        const task<> sending = co_await send_unread(ends, large);
        ends.transport->abort();
        bool closed = co_await throws<connection_closed_error>(sending);
        CHECK(closed);
        closed = co_await throws<connection_closed_error>(ends.server.send("after the end"));
        CHECK(closed);
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
        task<> whole = create_task(ends.server.send("whole"));
        event second_go;
        second_go.set();
        task<> second = create_task(send_told(ends.server, second_go, {"second"}));
        const std::vector<std::string> range{"in", "a range"};
        task<> third = create_task(ends.server.send(range));
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
            task<> waiting = create_task(ends.server.send("waits"));
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
            const bool closed = co_await throws<connection_closed_error>(waiting);
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
        task<> waiting = create_task(ends.server.send("waits"));
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
        task<> waiting = create_task(ends.server.send("waits"));
        co_await settle();
        ends.transport->abort();
        bool closed = co_await throws<connection_closed_error>(waiting);
        CHECK(closed);
        go.set();
        closed = co_await throws<connection_closed_error>(fragments);
        CHECK(closed);
    }());
}

TEST_CASE("a sender waits while the transport is full, and a cancellation takes nothing back", "[websocket]") {
    test_loop().run([]() -> coro<> {
        raw_client ends(small(), 1000);
        const std::string large(50'000, 'l');
        task<> sending = co_await send_unread(ends, large);
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

TEST_CASE("who sends without end lets the others run once in a while, in fragments and in messages", "[websocket]") {
    for (const bool in_one : {true, false}) {
        CAPTURE(in_one);
        test_loop().run([](bool as_fragments) -> coro<> {
            connection_limits limits = quiet();
            limits.write_limit = 1 << 20;  // never full
            raw_client ends(limits, 1 << 20);
            co_await settle();
            const std::vector<std::string> pieces(64, std::string(4096, 'p'));
            bool others = false;
            const task<> other = create_task([](bool& ran) -> coro<> {
                ran = true;
                co_return;
            }(others));
            if (as_fragments) {
                co_await ends.server.send(pieces);
            } else {
                for (const std::string& each : pieces) co_await ends.server.send(each);
            }
            CHECK(others);
            ends.transport->abort();
            co_await settle();
        }(in_one));
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
