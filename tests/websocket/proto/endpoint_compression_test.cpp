// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/endpoint.hpp>

// Compressed messages through whole endpoints, and messages delivered in parts.

#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;
using wire::hex;

namespace {

using list = std::vector<std::string>;

deflate_parameters agreed(int server_bits = 12, int client_bits = 12, bool server_forgets = false,
                          bool client_forgets = false) {
    return {server_bits, client_bits, server_forgets, client_forgets, {}};
}

std::string output(endpoint& end) {
    return wire::str(end.take_output().view());
}

// Everything that happened: messages with their kind, faults with their code; parts as "text[abc" and
// "text]def".
list events(endpoint& end) {
    list result;
    while (const std::optional<event> next = end.next_event()) {
        const std::string payload = wire::str(next->payload);
        const std::string edges = next->begins && next->ends ? ":"
                                  : next->begins             ? "["
                                  : next->ends               ? "]"
                                                             : "|";
        if (next->kind == event_kind::text) result.push_back("text" + edges + payload);
        if (next->kind == event_kind::binary) result.push_back("binary" + edges + payload);
        if (next->kind == event_kind::ping) result.push_back("ping:" + payload);
        if (next->kind == event_kind::fault) {
            result.push_back("fault:" + std::to_string(value_of(next->code)) + ":" + payload);
        }
    }
    return result;
}

list received(endpoint& end, std::string_view bytes) {
    end.feed(bytes);
    return events(end);
}

unsigned first_byte(endpoint& end) {
    return std::to_integer<unsigned>(end.output()[0]);
}

}  // namespace

TEST_CASE("messages are compressed where that was agreed on", "[websocket]") {
    endpoint client(role::client, {.compression = agreed()});
    endpoint server(role::server, {.compression = agreed()});
    const std::string text = wire::some_text(10'000);
    for (int i = 0; i != 3; ++i) {
        client.send_text(text);
        CHECK(first_byte(client) == 0xC1);
        CHECK(client.output().size() < 1000);
        CHECK((received(server, output(client)) == list{"text:" + text}));
        server.send_binary(text);
        CHECK(first_byte(server) == 0xC2);
        CHECK((received(client, output(server)) == list{"binary:" + text}));
    }
    client.send_text("");
    CHECK(received(server, output(client)) == list{"text:"});
}

TEST_CASE("control frames are never compressed", "[websocket]") {
    endpoint client(role::client, {.compression = agreed()});
    client.send_ping("pppppppppppppppppppp");
    CHECK(first_byte(client) == 0x89);
    client.take_output().clear();
    client.send_close();
    CHECK(first_byte(client) == 0x88);
}

TEST_CASE("each message chooses whether it is compressed", "[websocket]") {
    deflate_parameters parameters = agreed();
    parameters.settings.threshold = 10;
    endpoint server(role::server, {.compression = parameters});
    endpoint client(role::client, {.compression = parameters});
    const auto first = [&](std::string_view text, bool fin, std::optional<bool> compress) {
        server.send_text(text, fin, compress);
        const unsigned byte = first_byte(server);
        if (!fin) server.send_continuation("more", true);
        const list got = received(client, output(server));
        CHECK(got == list{"text:" + std::string(text) + (fin ? "" : "more")});
        return byte;
    };
    CHECK(first("123456789", true, {}) == 0x81);
    CHECK(first("1234567890", true, {}) == 0xC1);
    CHECK(first("1", false, {}) == 0x41);  // more is coming
    CHECK(first("1", true, true) == 0xC1);
    CHECK(first("1234567890", true, false) == 0x81);
    CHECK(first("1234567890", false, false) == 0x01);
    endpoint plain(role::server);
    plain.send_text("1234567890", true, true);
    CHECK(first_byte(plain) == 0x81);
}

TEST_CASE("a message that is not compressed leaves the context as it is", "[websocket]") {
    endpoint server(role::server, {.compression = agreed()});
    endpoint client(role::client, {.compression = agreed()});
    const std::string text = wire::some_text(500);
    server.send_text(text);
    server.send_text(wire::some_text(700), true, false);
    server.send_text(text);
    CHECK(received(client, output(server)) ==
          list{"text:" + text, "text:" + wire::some_text(700), "text:" + text});
}

TEST_CASE("only the first fragment is marked as compressed", "[websocket]") {
    endpoint server(role::server, {.compression = agreed()});
    endpoint client(role::client, {.compression = agreed()});
    std::string wire_bytes;
    server.send_text("Hello ", false);
    CHECK(first_byte(server) == 0x41);
    wire_bytes += output(server);
    server.send_ping("between");
    server.send_continuation("Hello ", false);
    wire_bytes += output(server);
    server.send_continuation("", false);
    CHECK(first_byte(server) == 0x00);
    wire_bytes += output(server);
    server.send_continuation("Hello", true);
    CHECK(first_byte(server) == 0x80);
    wire_bytes += output(server);
    CHECK(received(client, wire_bytes) == list{"ping:between", "text:Hello Hello Hello"});
}

TEST_CASE("a text that is refused does not disturb the context", "[websocket]") {
    endpoint server(role::server, {.compression = agreed()});
    endpoint client(role::client, {.compression = agreed()});
    server.send_text("Hello");
    CHECK_THROWS_AS(server.send_text("\xFF"), std::invalid_argument);
    server.send_text("Hello");
    CHECK(received(client, output(server)) == list{"text:Hello", "text:Hello"});
}

TEST_CASE("a head alone goes with a payload that is not compressed", "[websocket]") {
    endpoint server(role::server, {.compression = agreed()});
    endpoint client(role::client, {.compression = agreed()});
    const auto head = [&](std::string_view payload, bool fin) {
        return wire::str(server.send_head(opcode::text, payload, fin).view());
    };
    CHECK(received(client, head("Hello", true) + "Hello") == list{"text:Hello"});
    const std::string bytes = head("Hel", false) + "Hel";
    server.send_continuation("lo", true);
    CHECK(received(client, bytes + output(server)) == list{"text:Hello"});
    server.send_text("Hel", false);
    CHECK_THROWS_AS(server.send_head(opcode::continuation, "lo"), aioxx::protocol_error);
    server.send_continuation("lo", true);
    CHECK(received(client, output(server)) == list{"text:Hello"});
}

TEST_CASE("compressed conversations arrive as they were sent, with all that can be agreed on",
          "[websocket]") {
    for (unsigned seed = 0; seed != 64; ++seed) {
        std::mt19937 random(seed);
        const deflate_parameters parameters =
            agreed(8 + static_cast<int>(seed % 8), 8 + static_cast<int>(seed / 8 % 8), (seed & 1) != 0,
                   (seed & 2) != 0);
        CAPTURE(seed);
        endpoint client(role::client, {.compression = parameters});
        endpoint server(role::server, {.compression = parameters});
        const bool client_sends = random() % 2 == 0;
        endpoint& sender = client_sends ? client : server;
        list sent;
        for (unsigned messages = 0; messages != 12; ++messages) {
            std::string whole;
            unsigned fragments = 1 + random() % 4;
            const std::optional<bool> compress =
                random() % 4 == 0 ? std::optional(random() % 2 == 0) : std::nullopt;
            for (unsigned i = 0; i != fragments; ++i) {
                const std::string part = wire::some_text(random() % 4 == 0 ? 0 : random() % 600);
                const bool fin = i + 1 == fragments;
                if (i == 0) {
                    sender.send_text(part, fin, compress);
                } else {
                    sender.send_continuation(part, fin);
                }
                if (random() % 5 == 0) sender.send_pong("x");
                whole += part;
            }
            sent.push_back("text:" + whole);
        }
        const std::string bytes = output(sender);
        for (bool in_place : {false, true}) {
            for (list pieces : wire::cuts(bytes)) {
                endpoint receiver(client_sends ? role::server : role::client, {.compression = parameters});
                list got;
                for (std::string& piece : pieces) {
                    if (in_place) {
                        receiver.feed_in_place({reinterpret_cast<std::byte*>(piece.data()), piece.size()});
                    } else {
                        receiver.feed(piece);
                    }
                    for (std::string& one : events(receiver))
                        got.push_back(std::move(one));
                }
                const bool same = got == sent;
                CHECK(same);
            }
        }
    }
}

TEST_CASE("a bomb ends with 1009 and little memory", "[websocket]") {
    endpoint client(role::client, {.max_size = 0, .compression = agreed(15, 15)});
    endpoint server(role::server, {.max_size = 10'000, .compression = agreed(15, 15)});
    client.send_binary(std::string(5'000'000, '\0'));
    CHECK(client.output().size() < 10'000);
    CHECK(received(server, output(client)) ==
          list{"fault:1009:compressed message that inflates to at least 10001 bytes, the limit is 10000"});
    CHECK(server.close_sent()->code == close_code::message_too_big);
}

TEST_CASE("a compressed message may inflate to the limit and no further", "[websocket]") {
    for (std::size_t size : {999U, 1000U, 1001U}) {
        endpoint client(role::client, {.compression = agreed()});
        endpoint server(role::server, {.max_size = 1000, .compression = agreed()});
        std::mt19937 random(1);
        std::string noise(size, '\0');  // which deflate makes larger
        for (char& c : noise)
            c = static_cast<char>(random());
        client.send_binary(noise);
        const list got = received(server, output(client));
        CHECK((got == list{"binary:" + noise}) == (size <= 1000));
    }
}

TEST_CASE("the mark of compression is refused where none was agreed on", "[websocket]") {
    endpoint server(role::server);
    endpoint client(role::client, {.compression = agreed()});
    client.send_text("Hello");
    CHECK(received(server, output(client)) == list{"fault:1002:reserved bits set in a text frame"});
}

TEST_CASE("what cannot be inflated fails the connection", "[websocket]") {
    endpoint client(role::client, {.compression = agreed()});
    CHECK(received(client, hex("c1 02 ff ff")) == list{"fault:1002:message that cannot be inflated"});
    CHECK(client.close_sent()->code == close_code::protocol_error);
}

TEST_CASE("giving memory back does not disturb compression", "[websocket]") {
    endpoint client(role::client, {.compression = agreed()});
    endpoint server(role::server, {.compression = agreed()});
    for (int i = 0; i != 3; ++i) {
        client.send_text("Hello Hello");
        CHECK(received(server, output(client)) == list{"text:Hello Hello"});
        client.release_memory();
        server.release_memory();
        client.send_text("Hello ", false);
        client.send_continuation("Hello", false);
        client.release_memory();
        client.send_continuation("!", true);
        CHECK(received(server, output(client)) == list{"text:Hello Hello!"});
    }
}

TEST_CASE("an endpoint without messages takes little memory", "[websocket]") {
    CHECK(sizeof(endpoint) <= 896);
}

TEST_CASE("endless empty fragments end with 1009", "[websocket]") {
    endpoint server(role::server, {.max_fragments = 100});
    std::string bytes = wire::frame(role::client, opcode::text, "", false);
    for (int i = 0; i != 99; ++i)
        bytes += wire::frame(role::client, opcode::continuation, "", false);
    CHECK(received(server, bytes) == list{});
    CHECK(received(server, wire::frame(role::client, opcode::continuation, "", true)) ==
          list{"fault:1009:message of more than 100 fragments"});
}

TEST_CASE("a message is delivered in parts when that is wanted", "[websocket]") {
    for (bool compressed : {false, true}) {
        endpoint_options options;
        if (compressed) options.compression = agreed();
        endpoint client(role::client, options);
        endpoint server(role::server, options);
        server.deliver_parts(true);
        client.send_text("one", false);
        CHECK(received(server, output(client)) == list{"text[one"});
        client.send_continuation("", false);
        client.send_ping("p");
        CHECK(received(server, output(client)) == list{"ping:p"});
        client.send_continuation("two", false);
        CHECK(received(server, output(client)) == list{"text|two"});
        client.send_continuation("", true);
        CHECK(received(server, output(client)) == list{"text]"});
        client.send_binary("whole");
        CHECK(received(server, output(client)) == list{"binary:whole"});
        client.send_binary("");
        CHECK(received(server, output(client)) == list{"binary:"});
    }
}

TEST_CASE("delivery in parts can begin and end inside a message", "[websocket]") {
    endpoint server(role::server);
    endpoint client(role::client);
    client.send_text("one", false);
    CHECK(received(server, output(client)) == list{});
    server.deliver_parts(true);
    CHECK(events(server) == list{"text[one"});
    CHECK(events(server) == list{});
    client.send_continuation("two", false);
    CHECK(received(server, output(client)) == list{"text|two"});
    server.deliver_parts(false);
    client.send_continuation("three", false);
    CHECK(received(server, output(client)) == list{});
    client.send_continuation("four", true);
    client.send_text("next");
    CHECK(received(server, output(client)) == list{"text]threefour", "text:next"});
}

TEST_CASE("parts put together are the message, however the bytes are cut", "[websocket]") {
    const std::string text = wire::some_text(3000);
    for (bool compressed : {false, true}) {
        endpoint_options options;
        if (compressed) options.compression = agreed();
        endpoint client(role::client, options);
        client.send_text(text);
        client.send_text(text.substr(0, 1000), false);
        client.send_continuation(text.substr(1000), true);
        const std::string bytes = output(client);
        for (bool in_place : {false, true}) {
            for (list pieces : wire::cuts(bytes)) {
                endpoint server(role::server, options);
                server.deliver_parts(true);
                std::string messages;
                for (std::string& piece : pieces) {
                    if (in_place) {
                        server.feed_in_place({reinterpret_cast<std::byte*>(piece.data()), piece.size()});
                    } else {
                        server.feed(piece);
                    }
                    while (const std::optional<event> next = server.next_event()) {
                        if (next->begins) messages += "(";
                        messages += wire::str(next->payload);
                        if (next->ends) messages += ")";
                    }
                }
                const bool same = messages == "(" + text + ")(" + text + ")";
                CHECK(same);
            }
        }
    }
}

TEST_CASE("a fault inside a message that is delivered in parts ends it", "[websocket]") {
    endpoint server(role::server);
    server.deliver_parts(true);
    CHECK(received(server, wire::frame(role::client, opcode::text, "good", false)) == list{"text[good"});
    CHECK(received(server, wire::frame(role::client, opcode::continuation, "\xFF", false)) ==
          list{"fault:1007:text message that is not UTF-8"});
    CHECK(events(server) == list{});
}
