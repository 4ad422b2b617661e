// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/message.hpp>

#include <optional>
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

outcome assemble(frame_parser parser, message_assembler assembler, const std::vector<std::string>& pieces) {
    outcome result;
    for (const std::string& piece : pieces) {
        aioxx::bytes_view input = piece;
        for (;;) {
            const std::optional<frame_piece> part = parser.next(input);
            if (!part) break;
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

outcome assemble(role us, const std::vector<std::string>& pieces, std::uint64_t max_size) {
    return assemble(frame_parser(us), message_assembler(max_size), pieces);
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

// The first frame of a compressed message from a client.
std::string compressed_frame(opcode code, std::string_view payload, bool fin = true) {
    std::string bytes = wire::frame(role::client, code, payload, fin);
    bytes[0] = static_cast<char>(bytes[0] | 0x40);
    return bytes;
}

std::string compressed(std::string_view data) {
    aioxx::bytearray payload;
    deflater().compress(data, true, payload);
    return wire::str(payload.view());
}

// What a server with compression makes of it.
outcome inflate(const std::string& input, std::uint64_t max_size = 1000) {
    std::optional<outcome> whole;
    for (const std::vector<std::string>& pieces : wire::cuts(input)) {
        const outcome result = assemble(frame_parser(role::server, frame_parser::unlimited, true),
                                        message_assembler(max_size, 100, inflater(15, true)), pieces);
        if (!whole) whole = result;
        CHECK(result == *whole);
    }
    return *whole;
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

TEST_CASE("compressed messages are inflated, others pass as they are", "[websocket]") {
    const std::string text = wire::some_text(900);
    const std::string payload = compressed(text);
    const std::string cut = compressed_frame(opcode::text, payload.substr(0, 10), false) +
                            wire::frame(role::client, opcode::continuation, "", false) +
                            wire::frame(role::client, opcode::continuation, payload.substr(10));
    CHECK(inflate(compressed_frame(opcode::text, payload) + cut +
                  wire::frame(role::client, opcode::binary, payload) +
                  compressed_frame(opcode::binary, hex("00")) +
                  wire::frame(role::client, opcode::binary, "Hel", false) +
                  wire::frame(role::client, opcode::continuation, "lo"))
              .messages ==
          std::vector<std::string>{"T:" + text, "T:" + text, "B:" + payload, "B:", "B:Hello"});
}

TEST_CASE("the limit holds for what a message inflates to", "[websocket]") {
    for (std::size_t size : {99U, 100U}) {
        const std::string message(size, 'x');
        CHECK(inflate(compressed_frame(opcode::binary, compressed(message)), 100).messages ==
              std::vector<std::string>{"B:" + message});
    }
    const peer_fault too_big{close_code::message_too_big,
                             "compressed message that inflates to at least 101 bytes, the limit is 100"};
    for (std::size_t size : {101U, 100'000U}) {
        CHECK(inflate(compressed_frame(opcode::binary, compressed(std::string(size, 'x'))), 100).fault ==
              too_big);
    }
    // Data that deflate cannot make smaller still fits.
    const std::string stored = hex("00 64 00 9b ff") + std::string(100, 'x') + hex("00");
    CHECK(inflate(compressed_frame(opcode::binary, stored), 100).messages.size() == 1);
}

TEST_CASE("the limit holds for the frames of a compressed message", "[websocket]") {
    // Empty blocks inflate to nothing, and could go on for ever.
    const std::string nothing = hex("00 00 00 ff ff");
    std::string input = compressed_frame(opcode::binary, nothing, false);
    for (int i = 0; i != 4; ++i) {
        std::string blocks;
        for (int j = 0; j != 50; ++j)
            blocks += nothing;
        input += wire::frame(role::client, opcode::continuation, blocks, false);
    }
    CHECK_FALSE(inflate(input, 100).fault);
    CHECK(inflate(input + wire::frame(role::client, opcode::continuation, std::string(132, '\0'), false), 100)
              .fault == peer_fault{close_code::message_too_big,
                                   "compressed message of at least 1137 bytes, the limit is 1136"});
}

TEST_CASE("what cannot be inflated is refused", "[websocket]") {
    const peer_fault bad{close_code::protocol_error, "message that cannot be inflated"};
    CHECK(inflate(compressed_frame(opcode::binary, "")).fault == bad);
    CHECK(inflate(compressed_frame(opcode::binary, hex("ff ff"))).fault == bad);
    CHECK(inflate(compressed_frame(opcode::binary, hex("f2 48 cd c9"))).fault == bad);
    CHECK(inflate(compressed_frame(opcode::binary, hex("f2 48 cd c9"), false) +
                  wire::frame(role::client, opcode::continuation, ""))
              .fault == bad);
}

TEST_CASE("inflated text is checked as it arrives", "[websocket]") {
    const std::string stored = hex("00 06 00 f9 ff 48 65 6c ff");  // two bytes of the block never come
    frame_parser parser(role::server, frame_parser::unlimited, true);
    message_assembler assembler(1000, 100, inflater());
    const std::string input = compressed_frame(opcode::text, stored, false);
    aioxx::bytes_view rest = input;
    CHECK_FALSE(assembler.add(parser.header(), *parser.next(rest)));
    CHECK(assembler.fault() == peer_fault{close_code::invalid_data, "text message that is not UTF-8"});
    CHECK(inflate(compressed_frame(opcode::text, compressed(hex("41 e2 82")))).fault ==
          peer_fault{close_code::invalid_data, "text message that ends inside a UTF-8 character"});
    const std::string euro = compressed(hex("e2 82 ac"));
    CHECK(inflate(compressed_frame(opcode::text, euro.substr(0, 2), false) +
                  wire::frame(role::client, opcode::continuation, euro.substr(2)))
              .messages == std::vector<std::string>{"T:" + hex("e2 82 ac")});
}

TEST_CASE("fragments are counted, so that empty ones come to an end", "[websocket]") {
    const auto count = [](std::size_t fragments) {
        std::string input = frame(opcode::text, "", false);
        for (std::size_t i = 2; i < fragments; ++i)
            input += frame(opcode::continuation, "", false);
        return assemble(frame_parser(role::client), message_assembler(100, 10),
                        {input + frame(opcode::continuation, "") + frame(opcode::text, "next")});
    };
    CHECK(count(10).messages == std::vector<std::string>{"T:", "T:next"});
    CHECK(count(11).fault == peer_fault{close_code::message_too_big, "message of more than 10 fragments"});
}

TEST_CASE("a large number in a header reserves no large memory", "[websocket]") {
    frame_parser parser(role::server);
    message_assembler assembler;
    const std::string header = hex("82 ff 40 00 00 00 00 00 00 00 00 00 00 00 78");
    aioxx::bytes_view input = header;
    while (const std::optional<frame_piece> piece = parser.next(input))
        CHECK_FALSE(assembler.add(parser.header(), *piece));
    CHECK(assembler.take_buffer().capacity() <= 1U << 20);
}
