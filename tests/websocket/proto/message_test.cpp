// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/message.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;
using wire::hex;

namespace {

struct outcome {
    std::vector<std::string> messages;
    std::optional<peer_fault> fault;
    std::size_t used = 0;  // bytes until the fault, counted in whole pieces

    friend bool operator==(const outcome& a, const outcome& b) {
        return a.messages == b.messages && a.fault == b.fault;
    }
};

outcome assemble(role us, const std::vector<std::string>& pieces, std::uint64_t max_size) {
    frame_parser parser(us);
    message_assembler assembler(max_size);
    outcome result;
    for (const std::string& piece : pieces) {
        aioxx::bytes_view input = piece;
        while (const std::optional<frame_piece> part = parser.next(input)) {
            if (const auto payload = assembler.add(parser.header(), *part)) {
                result.messages.push_back((assembler.kind() == opcode::text ? "T:" : "B:") +
                                          wire::str(*payload));
            }
        }
        result.used += piece.size();
        if ((result.fault = assembler.fault())) break;
    }
    return result;
}

outcome assemble(const std::string& input, std::uint64_t max_size = message_assembler::unlimited) {
    const std::vector<std::vector<std::string>> ways = wire::cuts(input);
    const outcome whole = assemble(role::client, ways[0], max_size);
    for (const std::vector<std::string>& pieces : ways)
        CHECK(assemble(role::client, pieces, max_size) == whole);
    return whole;
}

std::string frame(opcode code, std::string_view payload, bool fin = true) {
    return wire::frame(role::server, code, payload, fin);
}

}  // namespace

TEST_CASE("a message is whole when its last fragment is", "[websocket]") {
    CHECK(assemble(frame(opcode::text, "one")).messages == std::vector<std::string>{"T:one"});
    CHECK(assemble(frame(opcode::text, "Hel", false) + frame(opcode::continuation, "lo") +
                   frame(opcode::binary, "", false) + frame(opcode::continuation, "", false) +
                   frame(opcode::continuation, "x"))
              .messages == std::vector<std::string>{"T:Hello", "B:x"});
    CHECK(assemble(frame(opcode::text, "", false) + frame(opcode::continuation, "")).messages ==
          std::vector<std::string>{"T:"});
}

TEST_CASE("masked messages are unmasked across pieces and fragments", "[websocket]") {
    const std::string text = wire::some_text(1000);
    const std::string input = wire::frame(role::client, opcode::text, text.substr(0, 333), false) +
                              wire::frame(role::client, opcode::continuation, text.substr(333)) +
                              wire::frame(role::client, opcode::text, text);
    for (const std::vector<std::string>& pieces : wire::cuts(input)) {
        const outcome result = assemble(role::server, pieces, 1000);
        CHECK(result.messages == std::vector<std::string>{"T:" + text, "T:" + text});
    }
}

TEST_CASE("fragments come in their order", "[websocket]") {
    const peer_fault lost{close_code::protocol_error, "continuation frame without a message to continue"};
    const peer_fault nested{close_code::protocol_error, "new message inside a fragmented one"};
    CHECK(assemble(frame(opcode::continuation, "x")).fault == lost);
    CHECK(assemble(frame(opcode::continuation, "x", false)).fault == lost);
    CHECK(assemble(frame(opcode::text, "a") + frame(opcode::continuation, "x")).fault == lost);
    CHECK(assemble(frame(opcode::text, "a", false) + frame(opcode::text, "b")).fault == nested);
    CHECK(assemble(frame(opcode::binary, "a", false) + frame(opcode::binary, "b", false)).fault == nested);
}

TEST_CASE("the limit holds for one frame and for all fragments together", "[websocket]") {
    for (std::size_t size : {99U, 100U}) {
        CHECK_FALSE(assemble(frame(opcode::binary, std::string(size, 'x')), 100).fault);
        CHECK_FALSE(assemble(frame(opcode::binary, std::string(60, 'x'), false) +
                                 frame(opcode::continuation, std::string(size - 60, 'x')),
                             100)
                        .fault);
    }
    const peer_fault too_big{close_code::message_too_big, "message of at least 101 bytes, the limit is 100"};
    CHECK(assemble(frame(opcode::binary, std::string(101, 'x')), 100).fault == too_big);
    CHECK(assemble(frame(opcode::binary, std::string(60, 'x'), false) +
                       frame(opcode::continuation, std::string(41, 'x')),
                   100)
              .fault == too_big);
    CHECK(
        assemble(frame(opcode::binary, std::string(100, 'x')) + frame(opcode::binary, std::string(100, 'x')),
                 100)
            .messages.size() == 2);
}

TEST_CASE("the limit is checked before any payload is kept", "[websocket]") {
    frame_parser parser(role::client);
    message_assembler assembler(100);
    const std::string header = hex("82 7f 00 00 00 00 40 00 00 00");
    aioxx::bytes_view input = header;
    const std::optional<frame_piece> piece = parser.next(input);
    REQUIRE(piece);
    CHECK_FALSE(assembler.add(parser.header(), *piece));
    CHECK(assembler.fault());
    CHECK(assembler.buffered().empty());
}

TEST_CASE("text that is not UTF-8 is refused as soon as it shows", "[websocket]") {
    const peer_fault bad{close_code::invalid_data, "text message that is not UTF-8"};
    CHECK(assemble(frame(opcode::text, hex("48 ff 49"))).fault == bad);
    // Split between fragments: fine when the character is completed, refused when it is not.
    CHECK_FALSE(
        assemble(frame(opcode::text, hex("e2 82"), false) + frame(opcode::continuation, hex("ac"))).fault);
    CHECK(assemble(frame(opcode::text, hex("e2 82"), false) + frame(opcode::continuation, "A")).fault == bad);
    CHECK(assemble(frame(opcode::text, hex("41 e2 82"))).fault ==
          peer_fault{close_code::invalid_data, "text message that ends inside a UTF-8 character"});
    CHECK_FALSE(assemble(frame(opcode::binary, hex("ff fe"))).fault);

    const std::string announced = hex("81 7e 01 00 48 65 ff");  // the other 253 bytes never come
    std::vector<std::string> bytes = wire::cuts(announced)[1];
    const outcome result = assemble(role::client, bytes, message_assembler::unlimited);
    CHECK(result.fault == bad);
    CHECK(result.used == announced.size());
}

TEST_CASE("a message after text begins with a fresh UTF-8 state", "[websocket]") {
    CHECK(assemble(frame(opcode::text, hex("c3 a9")) + frame(opcode::text, hex("c3 a9"))).messages.size() ==
          2);
}

TEST_CASE("the assembler hands an unmasked message out where it lies", "[websocket]") {
    frame_parser parser(role::client);
    message_assembler assembler;
    const std::string data = frame(opcode::binary, "payload");
    aioxx::bytes_view input = data;
    const auto payload = assembler.add(parser.header(), *parser.next(input));
    REQUIRE(payload);
    CHECK(static_cast<const void*>(payload->data()) == data.data() + 2);
    CHECK(assembler.take_buffer().empty());
}

TEST_CASE("the assembler unmasks a message where it lies when its memory is lent", "[websocket]") {
    frame_parser parser(role::server);
    message_assembler assembler;
    std::string data = wire::frame(role::client, opcode::text, "payload");
    aioxx::bytes_view input = data;
    const std::optional<frame_piece> piece = parser.next(input);
    const auto payload =
        assembler.add(parser.header(), *piece, reinterpret_cast<std::byte*>(data.data() + 6));
    REQUIRE(payload);
    CHECK(static_cast<const void*>(payload->data()) == data.data() + 6);
    CHECK(payload->str() == "payload");
}

TEST_CASE("the buffer of a collected message can be taken", "[websocket]") {
    frame_parser parser(role::server);
    message_assembler assembler;
    const std::string data = wire::frame(role::client, opcode::text, "payload");
    aioxx::bytes_view input = data;
    REQUIRE(assembler.add(parser.header(), *parser.next(input)));
    CHECK_FALSE(assembler.in_message());
    CHECK(assembler.take_buffer().view().str() == "payload");
    CHECK(assembler.buffered().empty());
}
