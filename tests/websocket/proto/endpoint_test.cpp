// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/endpoint.hpp>

#include <array>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;
using wire::close_payload;
using wire::hex;

namespace {

// All events that are there, as text: "text:abc", "close:1000:bye", "fault:1002:...". Parameters: `run` is how many messages
// at a time are asked for before each event; none.
std::vector<std::string> events(endpoint& end, std::size_t run = 0) {
    std::vector<std::string> result;
    std::vector<message_view> messages(run);
    for (;;) {
        const std::size_t found = end.next_messages(messages);
        for (const message_view& each : std::span(messages).first(found)) {
            result.push_back((each.is_text ? "text:" : "binary:") + std::string(each.str()));
        }
        if (run != 0 && found == run) continue;  // there may be more
        const std::optional<event> next = end.next_event();
        if (!next) return result;
        static const char* const names[] = {"text", "binary", "ping", "pong", "close", "fault"};
        std::string text = names[static_cast<int>(next->kind)];
        if (next->kind >= event_kind::close) text += ":" + std::to_string(value_of(next->code));
        result.push_back(text + ":" + wire::str(next->payload));
        if (end.is_drained()) CHECK(!end.next_event());
    }
}

std::string output(endpoint& end) {
    return wire::str(end.take_output().view());
}

struct outcome {
    std::vector<std::string> events;
    std::string output;
    connection_state state;

    friend bool operator==(const outcome&, const outcome&) = default;
};

// What a server makes of these bytes, however they are cut and lent.
outcome serve(const std::string& input, endpoint_options options = {}, bool eof = false) {
    std::optional<outcome> first;
    for (const std::size_t run : {0U, 0U, 1U, 3U}) {
        const bool in_place = first.has_value();
        for (std::vector<std::string> pieces : wire::cuts(input)) {
            endpoint server(role::server, options);
            outcome result;
            for (std::string& piece : pieces) {
                if (in_place) {
                    server.feed_in_place({reinterpret_cast<std::byte*>(piece.data()), piece.size()});
                } else {
                    server.feed(piece);
                }
                for (std::string& text : events(server, run))
                    result.events.push_back(std::move(text));
            }
            if (eof) server.feed_eof();
            for (std::string& text : events(server, run))
                result.events.push_back(std::move(text));
            result.output = output(server);
            result.state = server.state();
            if (!first) first = result;
            CHECK(result == *first);
        }
    }
    return *first;
}

std::string sent(opcode code, std::string_view payload, bool fin = true) {
    return wire::frame(role::client, code, payload, fin);
}
std::string reply(opcode code, std::string_view payload) {
    return wire::frame(role::server, code, payload);
}

using list = std::vector<std::string>;

// Carries what either end has to say to the other, until both are silent.
struct both_ends {
    endpoint client{role::client};
    endpoint server{role::server};
    list at_client, at_server;

    void run() {
        for (bool moved = true; moved;) {
            moved = pass(client, server, at_server);
            moved = pass(server, client, at_client) || moved;
        }
    }

    static bool pass(endpoint& from, endpoint& to, list& seen) {
        const std::string bytes = output(from);
        to.feed(bytes);
        for (std::string& text : events(to))
            seen.push_back(std::move(text));
        return !bytes.empty();
    }
};

}  // namespace

TEST_CASE("messages arrive whole whatever their fragments and pieces", "[websocket]") {
    const std::string text = wire::some_text(700);
    const outcome result =
        serve(sent(opcode::text, "Hello") + sent(opcode::binary, hex("00 ff")) + sent(opcode::text, "") +
              sent(opcode::text, text.substr(0, 301), false) + sent(opcode::ping, "in between") +
              sent(opcode::continuation, text.substr(301)) + sent(opcode::pong, ""));
    CHECK(result.events ==
          list{"text:Hello", "binary:" + hex("00 ff"), "text:", "ping:in between", "text:" + text, "pong:"});
    CHECK(result.output == reply(opcode::pong, "in between"));
    CHECK(result.state == connection_state::open);
}

TEST_CASE("a ping is answered with its payload, unless that is off", "[websocket]") {
    for (std::size_t size : {0U, 1U, 124U, 125U}) {
        const std::string payload(size, 'p');
        CHECK(serve(sent(opcode::ping, payload)).output == reply(opcode::pong, payload));
        CHECK(serve(sent(opcode::ping, payload), {.auto_pong = false}).output == "");
    }
}

TEST_CASE("messages are taken together only where a frame begins, outside a message, in memory that is lent", "[websocket]") {
    std::array<message_view, 4> found;
    endpoint server(role::server);
    std::vector<std::string> fed;  // keeps the memory
    fed.reserve(10);
    const auto feed = [&](const std::string& bytes) {
        std::string& kept = fed.emplace_back(bytes);
        server.feed_in_place({reinterpret_cast<std::byte*>(kept.data()), kept.size()});
    };
    const std::string whole = sent(opcode::text, "whole");

    server.feed(whole);  // not to be written to
    CHECK(server.next_messages(found) == 0);
    CHECK(events(server) == list{"text:whole"});
    feed(whole);
    CHECK(server.next_messages(found) == 1);
    CHECK(found[0].str() == "whole");
    CHECK(server.is_drained());

    const std::string around = sent(opcode::binary, whole);  // its payload is masked, so that it looks like frames here
    std::string seeming(whole.size(), '\0');
    apply_mask(reinterpret_cast<std::byte*>(seeming.data()), whole, wire::key);
    feed(around.substr(0, 6));
    CHECK(!server.next_event());
    feed(whole);
    CHECK(server.next_messages(found) == 0);
    CHECK(events(server) == list{"binary:" + seeming});

    feed(sent(opcode::ping, whole).substr(0, 6));
    CHECK(!server.next_event());
    feed(whole);
    CHECK(server.next_messages(found) == 0);
    CHECK(events(server) == list{"ping:" + seeming});

    feed(sent(opcode::text, "begun ", false));
    CHECK(!server.next_event());
    CHECK(!server.is_drained());  // it would give a part
    server.deliver_parts(true);
    CHECK(events(server) == list{"text:begun "});
    server.deliver_parts(false);
    feed(whole);
    CHECK(server.next_messages(found) == 0);
    CHECK(events(server) == list{"fault:1002:new message inside a fragmented one"});
    feed(whole);
    CHECK(server.next_messages(found) == 0);

    endpoint ended(role::server);
    ended.feed_eof();
    CHECK(!ended.is_drained());
}

TEST_CASE("the peer's Close is answered with its own code and reason", "[websocket]") {
    const outcome result =
        serve(sent(opcode::close, close_payload(4000, "bye")) + sent(opcode::text, "ignored"));
    CHECK(result.events == list{"close:4000:bye"});
    CHECK(result.output == reply(opcode::close, close_payload(4000, "bye")));
    CHECK(result.state == connection_state::closing);
    const outcome empty = serve(sent(opcode::close, ""), {}, true);
    CHECK(empty.events == list{"close:1005:"});
    CHECK(empty.output == reply(opcode::close, ""));
    CHECK(empty.state == connection_state::closed);
}

TEST_CASE("a fault is one event and one Close frame, and nothing is heard afterwards", "[websocket]") {
    const outcome result = serve(sent(opcode::text, "good") + hex("83 80 00 00 00 00") +
                                 sent(opcode::text, "late") + sent(opcode::close, close_payload(1000)));
    CHECK(result.events == list{"text:good", "fault:1002:reserved opcode 3"});
    CHECK(result.output == reply(opcode::close, close_payload(1002, "reserved opcode 3")));
    CHECK(result.state == connection_state::failed);
}

TEST_CASE("faults of frames, messages and Close frames all come out of the endpoint", "[websocket]") {
    CHECK(serve(hex("81 00")).events == list{"fault:1002:unmasked frame from a client"});
    CHECK(serve(sent(opcode::continuation, "x")).events ==
          list{"fault:1002:continuation frame without a message to continue"});
    CHECK(serve(sent(opcode::text, hex("ff"))).events == list{"fault:1007:text message that is not UTF-8"});
    CHECK(serve(sent(opcode::close, hex("ff"))).events ==
          list{"fault:1002:close frame with one byte of payload"});
    CHECK(serve(sent(opcode::close, close_payload(1005))).events ==
          list{"fault:1002:close frame with the code 1005, which may not be sent"});
    CHECK(serve(sent(opcode::close, close_payload(1000, hex("ff")))).events ==
          list{"fault:1007:close frame with a reason that is not UTF-8"});
}

TEST_CASE("a message may have as many bytes as the limit and no more", "[websocket]") {
    for (std::size_t size : {999U, 1000U}) {
        CHECK(serve(sent(opcode::binary, std::string(size, 'x')), {.max_size = 1000}).events.size() == 1);
        CHECK(serve(sent(opcode::binary, std::string(size - 1, 'x'), false) + sent(opcode::continuation, "x"),
                    {.max_size = 1000})
                  .state == connection_state::open);
    }
    CHECK(serve(sent(opcode::binary, std::string(1001, 'x')), {.max_size = 1000}).events ==
          list{"fault:1009:frame of 1001 bytes, the limit is 1000"});
    CHECK(serve(sent(opcode::binary, std::string(1000, 'x'), false) + sent(opcode::continuation, "x"),
                {.max_size = 1000})
              .events == list{"fault:1009:message of at least 1001 bytes, the limit is 1000"});
    CHECK(serve(hex("82 ff 00 00 00 00 00 10 00 00 00 00 00 00")).state == connection_state::open);  // 1 MiB
    CHECK(serve(hex("82 ff 00 00 00 00 00 10 00 01 00 00 00 00")).state == connection_state::failed);
    CHECK(serve(hex("82 ff 7f ff ff ff ff ff ff ff 00 00 00 00"), {.max_size = 0}).state ==
          connection_state::open);
}

TEST_CASE("the end of the transport without a Close is 1006, once", "[websocket]") {
    const outcome result = serve(sent(opcode::text, "x") + hex("81"), {}, true);
    CHECK(result.events == list{"text:x", "fault:1006:the connection ended without a Close frame"});
    CHECK(result.output == "");
    CHECK(result.state == connection_state::closed);
    endpoint server(role::server);
    server.feed_eof();
    CHECK(events(server).size() == 1);
    CHECK(events(server).empty());
    server.feed_eof();
    CHECK(events(server).empty());
    CHECK(server.fault()->code == close_code::abnormal_closure);
    CHECK_FALSE(server.close_received());
}

TEST_CASE("what arrived before the end of the transport comes first", "[websocket]") {
    endpoint server(role::server);
    const std::string input = sent(opcode::text, "last words") + sent(opcode::close, close_payload(1000));
    server.feed(input);
    server.feed_eof();
    CHECK(events(server) == list{"text:last words", "close:1000:"});
    CHECK(server.state() == connection_state::closed);
}

TEST_CASE("frames are sent as the RFC shows them", "[websocket]") {
    endpoint server(role::server);
    server.send_text("Hello");
    server.send_text("Hel", false);
    server.send_ping("Hello");
    server.send_continuation("lo", true);
    server.send_binary(std::string(256, 'x'));
    CHECK(output(server) ==
          hex("81 05 48 65 6c 6c 6f 01 03 48 65 6c 89 05 48 65 6c 6c 6f 80 02 6c 6f 82 7e 01 00") +
              std::string(256, 'x'));
    endpoint client(role::client, {.mask_source = [] { return wire::key; }});
    client.send_text("Hello");
    client.send_pong("Hello");
    CHECK(output(client) == hex("81 85 37 fa 21 3d 7f 9f 4d 51 58 8a 85 37 fa 21 3d 7f 9f 4d 51 58"));
}

TEST_CASE("a server can send a head and write the payload itself", "[websocket]") {
    endpoint server(role::server);
    const std::string payload(70'000, 'x');
    CHECK(wire::str(server.send_head(opcode::text, payload, false).view()) == hex("01 7f 00 00 00 00 00 01 11 70"));
    CHECK(wire::str(server.send_head(opcode::continuation, "abc").view()) == hex("80 03"));
    CHECK(server.output().empty());
    CHECK_THROWS_AS(server.send_head(opcode::ping, ""), std::invalid_argument);
    CHECK_THROWS_AS(server.send_head(opcode::text, hex("ff")), std::invalid_argument);
    endpoint client(role::client);
    CHECK_THROWS_AS(client.send_head(opcode::text, ""), aioxx::protocol_error);
    CHECK(client.output().empty());
}

TEST_CASE("wrong use throws at once and sends nothing", "[websocket]") {
    endpoint end(role::server);
    CHECK_THROWS_AS(end.send_text(hex("48 ff")), std::invalid_argument);
    CHECK_THROWS_AS(end.send_text(hex("e2 82")), std::invalid_argument);
    CHECK_THROWS_AS(end.send_continuation("x", true), aioxx::protocol_error);
    CHECK_THROWS_AS(end.send_ping(std::string(126, 'x')), std::invalid_argument);
    CHECK_THROWS_AS(end.send_pong(std::string(126, 'x')), std::invalid_argument);
    for (unsigned code : {0U, 999U, 1004U, 1006U, 1015U, 1016U, 2999U, 5000U}) {
        CHECK_THROWS_AS(end.send_close(close_code{static_cast<std::uint16_t>(code)}), std::invalid_argument);
        CHECK_THROWS_AS(end.fail(close_code{static_cast<std::uint16_t>(code)}), std::invalid_argument);
    }
    CHECK_THROWS_AS(end.send_close(close_code::normal_closure, std::string(124, 'x')), std::invalid_argument);
    CHECK_THROWS_AS(end.send_close(close_code::normal_closure, hex("ff")), std::invalid_argument);
    CHECK_THROWS_AS(end.send_close(close_code::no_status_received, "why"), std::invalid_argument);
    CHECK(end.output().empty());
    CHECK(end.is_open());
    end.send_text(hex("e2 82"), false);
    CHECK_THROWS_AS(end.send_text("x"), aioxx::protocol_error);
    CHECK_THROWS_AS(end.send_binary("x"), aioxx::protocol_error);
    CHECK_THROWS_AS(end.send_continuation("x", true),
                    std::invalid_argument);  // the character is not completed
    end.send_continuation(hex("ac"), true);
    end.send_text("next");
    CHECK(output(end) == hex("01 02 e2 82 80 01 ac 81 04") + "next");
}

TEST_CASE("an error of wrong use names the side", "[websocket]") {
    endpoint end(role::server);
    try {
        end.send_continuation("x", true);
        FAIL("nothing was thrown");
    } catch (const aioxx::protocol_error& wrong) {
        CHECK(wrong.side() == aioxx::side::local);
    }
}

TEST_CASE("nothing is sent after a Close", "[websocket]") {
    const auto check_all_refused = [](endpoint& end) {
        static_cast<void>(end.take_output());
        CHECK_THROWS_AS(end.send_text("x"), aioxx::closed_error);
        CHECK_THROWS_AS(end.send_binary("x"), aioxx::closed_error);
        CHECK_THROWS_AS(end.send_continuation("x", true), aioxx::closed_error);
        CHECK_THROWS_AS(end.send_head(opcode::text, "x"), aioxx::closed_error);
        CHECK_THROWS_AS(end.send_ping(), aioxx::closed_error);
        CHECK_THROWS_AS(end.send_pong(), aioxx::closed_error);
        CHECK_THROWS_AS(end.send_close(), aioxx::closed_error);
        CHECK(end.output().empty());
    };
    SECTION("of ours") {
        endpoint end(role::server);
        end.send_close();
        check_all_refused(end);
    }
    SECTION("of the peer") {
        endpoint end(role::server);
        const std::string input = sent(opcode::close, "");
        end.feed(input);
        events(end);
        check_all_refused(end);
    }
    SECTION("for a fault") {
        endpoint end(role::server);
        end.feed("\xFF\xFF");
        events(end);
        check_all_refused(end);
    }
    SECTION("that never came") {
        endpoint end(role::server);
        end.feed_eof();
        events(end);
        check_all_refused(end);
    }
}

TEST_CASE("messages go on arriving until the peer answers our Close, pings are not answered", "[websocket]") {
    endpoint server(role::server);
    server.send_close(close_code::going_away, "restart");
    CHECK(server.state() == connection_state::close_sent);
    CHECK(output(server) == reply(opcode::close, close_payload(1001, "restart")));
    const std::string input = sent(opcode::text, "was on its way") + sent(opcode::ping, "p") +
                              sent(opcode::close, close_payload(1001)) + sent(opcode::text, "ignored");
    server.feed(input);
    CHECK(events(server) == list{"text:was on its way", "ping:p", "close:1001:"});
    CHECK(output(server) == "");
    CHECK(server.state() == connection_state::closing);
    CHECK(server.close_sent() == close_status{close_code::going_away, "restart"});
    CHECK(server.close_received() == close_status{close_code::going_away, ""});
    CHECK_FALSE(server.peer_closed_first());
    CHECK(server.should_close_transport());
}

TEST_CASE("a fault after our Close sends no second one", "[websocket]") {
    endpoint server(role::server);
    server.send_close();
    static_cast<void>(server.take_output());
    server.feed("\xFF\xFF");
    CHECK(events(server).size() == 1);
    CHECK(output(server) == "");
    CHECK(server.state() == connection_state::failed);
}

TEST_CASE("the caller can give a connection up", "[websocket]") {
    endpoint client(role::client);
    const std::string input = reply(opcode::text, "one") + reply(opcode::text, "two");
    client.feed(input);
    REQUIRE(client.next_event());
    client.fail(close_code::internal_error, "keepalive ping timeout");
    CHECK_FALSE(client.next_event());
    CHECK(client.close_sent() == close_status{close_code::internal_error, "keepalive ping timeout"});
    CHECK_FALSE(client.output().empty());
    CHECK_FALSE(client.should_close_transport());  // the server's turn
    CHECK(client.close_expected());
    client.feed_eof();
    CHECK_FALSE(client.next_event());
    CHECK(client.should_close_transport());
    CHECK_FALSE(client.close_expected());
}

TEST_CASE("both ends agree on every way to close", "[websocket]") {
    both_ends ends;
    ends.client.send_text("a");
    ends.server.send_binary("b");
    SECTION("the client first") {
        ends.client.send_close(close_code{4001}, "enough");
        ends.run();
        CHECK(ends.at_server == list{"text:a", "close:4001:enough"});
        CHECK(ends.at_client == list{"binary:b", "close:4001:enough"});
        CHECK(ends.server.peer_closed_first());
        CHECK_FALSE(ends.client.peer_closed_first());
    }
    SECTION("the server first") {
        ends.server.send_close();
        ends.run();
        CHECK(ends.at_client == list{"binary:b", "close:1000:"});
        CHECK(ends.at_server == list{"text:a", "close:1000:"});
        CHECK(ends.client.peer_closed_first());
    }
    SECTION("both at once") {
        ends.client.send_close(close_code::going_away);
        ends.server.send_close(close_code::try_again_later);
        ends.run();
        CHECK(ends.at_server == list{"text:a", "close:1001:"});
        CHECK(ends.at_client == list{"binary:b", "close:1013:"});
        CHECK_FALSE(ends.client.peer_closed_first());
        CHECK_FALSE(ends.server.peer_closed_first());
    }
    SECTION("the client without a code") {
        ends.client.send_close(close_code::no_status_received);
        ends.run();
        CHECK(ends.at_server == list{"text:a", "close:1005:"});
        CHECK(ends.server.close_sent() == close_status{close_code::no_status_received, ""});
    }
    CHECK(ends.client.state() == connection_state::closing);
    CHECK(ends.server.state() == connection_state::closing);
    CHECK(ends.server.should_close_transport());
    CHECK_FALSE(ends.client.should_close_transport());
    ends.client.feed_eof();
    CHECK(events(ends.client).empty());
    CHECK(ends.client.should_close_transport());
}

TEST_CASE("random conversations arrive as they were sent", "[websocket]") {
    for (unsigned seed = 1; seed != 20; ++seed) {
        std::mt19937 random(seed);
        both_ends ends;
        list expected;
        for (int i = 0; i != 50; ++i) {
            const std::string text = wire::some_text(random() % 3 == 0 ? random() % 70'000 : random() % 300);
            switch (random() % 4) {
                case 0:
                    ends.client.send_text(text), expected.push_back("text:" + text);
                    break;
                case 1:
                    ends.client.send_binary(text), expected.push_back("binary:" + text);
                    break;
                case 2: {
                    const std::size_t cut = random() % (text.size() + 1);
                    ends.client.send_text(std::string_view(text).substr(0, cut), false);
                    ends.client.send_ping("p");
                    expected.push_back("ping:p");
                    ends.client.send_continuation(std::string_view(text).substr(cut), true);
                    expected.push_back("text:" + text);
                    break;
                }
                default:
                    ends.run();
            }
        }
        ends.run();
        if (ends.at_server != expected) FAIL("seed " << seed);
    }
}

TEST_CASE("an unmasked message is handed out where it lies", "[websocket]") {
    endpoint client(role::client);
    const std::string input = reply(opcode::binary, std::string(200, 'x'));
    client.feed(input);
    const std::optional<event> message = client.next_event();
    REQUIRE(message);
    CHECK(static_cast<const void*>(message->payload.data()) == input.data() + 4);
}

TEST_CASE("a masked message is unmasked where it lies when its memory is lent", "[websocket]") {
    endpoint server(role::server);
    std::string input = sent(opcode::text, "one") + sent(opcode::text, "two");
    server.feed_in_place({reinterpret_cast<std::byte*>(input.data()), input.size()});
    const std::optional<event> one = server.next_event();
    REQUIRE(one);
    CHECK(one->payload.str() == "one");
    CHECK(static_cast<const void*>(one->payload.data()) == input.data() + 6);
    CHECK(server.next_event()->payload.str() == "two");
}

TEST_CASE("lent memory is only read when it is fed as read-only", "[websocket]") {
    endpoint server(role::server);
    const std::string input = sent(opcode::text, "one");
    const std::string before = input;
    server.feed(input);
    CHECK(server.next_event()->payload.str() == "one");
    CHECK(input == before);
}

TEST_CASE("input can be kept when its memory has to go", "[websocket]") {
    endpoint server(role::server);
    std::string input;
    for (int i = 0; i != 10; ++i)
        input += sent(opcode::text, "message " + std::to_string(i));
    std::string lent = input.substr(0, input.size() - 3);
    server.feed(lent);
    CHECK(server.next_event()->payload.str() == "message 0");
    server.retain_input();
    lent.assign(lent.size(), '#');
    CHECK(server.next_event()->payload.str() == "message 1");
    std::string rest = input.substr(input.size() - 3);
    server.feed(rest);  // behind what is kept: copied as well
    rest.assign(rest.size(), '#');
    const list left = events(server);
    REQUIRE(left.size() == 8);
    CHECK(left.front() == "text:message 2");
    CHECK(left.back() == "text:message 9");
    const std::string more = sent(opcode::text, "afterwards");
    server.feed(more);
    CHECK(events(server) == list{"text:afterwards"});
}

TEST_CASE("feeding behind unused input keeps both", "[websocket]") {
    endpoint server(role::server);
    std::string one = sent(opcode::text, "one");
    std::string two = sent(opcode::text, "two");
    server.feed(one);
    server.feed(two);
    one.assign(one.size(), '#');
    two.assign(two.size(), '#');
    CHECK(events(server) == list{"text:one", "text:two"});
}

TEST_CASE("a payload can be taken, moved when the endpoint owns it", "[websocket]") {
    endpoint server(role::server);
    const std::string input = sent(opcode::text, std::string(500, 'x')) + sent(opcode::ping, "p");
    server.feed(input);
    const std::optional<event> message = server.next_event();
    REQUIRE(message);
    const std::byte* const where = message->payload.data();
    const aioxx::bytearray taken = server.take_payload(message->payload);
    CHECK(taken.view().str() == std::string(500, 'x'));
    CHECK(taken.view().data() == where);
    const std::optional<event> ping = server.next_event();
    REQUIRE(ping);
    CHECK(server.take_payload(ping->payload).view().str() == "p");

    endpoint client(role::client);
    const std::string lent = reply(opcode::text, "borrowed");
    client.feed(lent);
    CHECK(client.take_payload(client.next_event()->payload).view().str() == "borrowed");
}

TEST_CASE("giving memory back loses nothing", "[websocket]") {
    endpoint server(role::server);
    const std::string message = sent(opcode::text, "abc", false) + sent(opcode::continuation, "def");
    server.feed(std::string_view(message).substr(0, 11));
    CHECK(events(server).empty());
    server.send_text("pending");
    server.release_memory();
    server.feed(std::string_view(message).substr(11));
    CHECK(events(server) == list{"text:abcdef"});
    CHECK(output(server) == reply(opcode::text, "pending"));
    server.release_memory();
    server.feed(message);
    CHECK(events(server) == list{"text:abcdef"});
}

TEST_CASE("the memory of a message and of its echo is used again for the next", "[websocket]") {
    endpoint server(role::server);
    const std::string input = sent(opcode::text, std::string(5000, 'x'));
    const auto echo = [&] {
        server.feed(input);
        const std::optional<event> message = server.next_event();
        server.send_text(message->payload);
        CHECK_FALSE(server.next_event());
        server.output().consume(server.output().size());
        return message->payload.data();
    };
    const std::byte* const where = echo();
    const std::size_t capacity = server.output().capacity();
    for (int i = 0; i != 100; ++i) CHECK(echo() == where);
    CHECK(server.output().capacity() == capacity);
}
