// SPDX-License-Identifier: BSL-1.0
#include <aioxx/websocket/proto/frame_parser.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx::websocket;
using wire::hex;

namespace {

struct parsed {
    frame_header header;
    std::string payload;  // unmasked

    friend bool operator==(const parsed&, const parsed&) = default;
};

struct outcome {
    std::vector<parsed> frames;
    std::optional<peer_fault> fault;

    friend bool operator==(const outcome&, const outcome&) = default;
};

std::string unmasked(const frame_header& header, aioxx::bytes_view payload, std::uint64_t phase = 0) {
    std::string plain = wire::str(payload);
    if (header.masked) apply_mask(reinterpret_cast<std::byte*>(plain.data()), payload, header.mask, phase);
    return plain;
}

outcome parse(frame_parser parser, const std::vector<std::string>& pieces) {
    outcome result;
    std::string payload;
    for (const std::string& piece : pieces) {
        aioxx::bytes_view input = piece;
        for (;;) {
            const std::optional<frame_piece> part = parser.next(input);
            if (!part) break;
            const frame_header& header = parser.header();
            if (part->first) payload.clear();
            CHECK(part->offset == payload.size());
            payload += unmasked(header, part->payload, part->offset);
            CHECK(part->last == (payload.size() == header.payload_size));
            if (part->last) result.frames.push_back({header, payload});
        }
        CHECK((input.empty() || parser.fault()));
    }
    result.fault = parser.fault();
    return result;
}

outcome parse(role us, const std::string& input, std::uint64_t limit = frame_parser::unlimited) {
    const std::vector<std::vector<std::string>> ways = wire::cuts(input);
    const outcome whole = parse(frame_parser(us, limit), ways[0]);
    for (const std::vector<std::string>& pieces : ways) {
        CHECK(parse(frame_parser(us, limit), pieces) == whole);
    }
    return whole;
}

// What a client finds wrong with these bytes.
std::string fault_of(const std::string& input, role us = role::client) {
    const outcome result = parse(us, input);
    CHECK(result.frames.empty());
    if (!result.fault) return "nothing";
    return std::to_string(value_of(result.fault->code)) + " " + result.fault->text;
}

}  // namespace

TEST_CASE("the examples of RFC 6455 section 5.7 are parsed", "[websocket]") {
    SECTION("a single-frame unmasked text message") {
        const outcome result = parse(role::client, hex("81 05 48 65 6c 6c 6f"));
        REQUIRE(result.frames.size() == 1);
        CHECK(result.frames[0].payload == "Hello");
        CHECK(result.frames[0].header.code == opcode::text);
        CHECK(result.frames[0].header.fin);
    }
    SECTION("a single-frame masked text message") {
        const outcome result = parse(role::server, hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"));
        REQUIRE(result.frames.size() == 1);
        CHECK(result.frames[0].payload == "Hello");
        CHECK(result.frames[0].header.mask == wire::key);
    }
    SECTION("a fragmented unmasked text message") {
        const outcome result = parse(role::client, hex("01 03 48 65 6c 80 02 6c 6f"));
        REQUIRE(result.frames.size() == 2);
        CHECK(result.frames[0].payload == "Hel");
        CHECK_FALSE(result.frames[0].header.fin);
        CHECK(result.frames[1].payload == "lo");
        CHECK(result.frames[1].header.code == opcode::continuation);
        CHECK(result.frames[1].header.fin);
    }
    SECTION("an unmasked ping and a masked pong") {
        const outcome ping = parse(role::client, hex("89 05 48 65 6c 6c 6f"));
        REQUIRE(ping.frames.size() == 1);
        CHECK(ping.frames[0].header.code == opcode::ping);
        const outcome pong = parse(role::server, hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"));
        REQUIRE(pong.frames.size() == 1);
        CHECK(pong.frames[0].header.code == opcode::pong);
        CHECK(pong.frames[0].payload == "Hello");
    }
    SECTION("256 bytes of binary") {
        const outcome result = parse(role::client, hex("82 7e 01 00") + std::string(256, 'x'));
        REQUIRE(result.frames.size() == 1);
        CHECK(result.frames[0].payload == std::string(256, 'x'));
    }
    SECTION("64 KiB of binary") {
        const outcome result =
            parse(role::client, hex("82 7f 00 00 00 00 00 01 00 00") + std::string(65536, 'x'));
        REQUIRE(result.frames.size() == 1);
        CHECK(result.frames[0].payload == std::string(65536, 'x'));
    }
}

TEST_CASE("payloads around every length form survive any cut", "[websocket]") {
    for (role from : {role::client, role::server}) {
        const role us = from == role::client ? role::server : role::client;
        std::string input;
        for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 300U}) {
            input += wire::frame(from, opcode::binary, std::string(size, 'p'));
        }
        const outcome result = parse(us, input);
        CHECK_FALSE(result.fault);
        REQUIRE(result.frames.size() == 6);
        CHECK(result.frames[3].payload.size() == 126);
    }
    for (const std::size_t size : {65535U, 65536U}) {
        const std::string input = wire::frame(role::client, opcode::binary, std::string(size, 'p'));
        const outcome result = parse(frame_parser(role::server), {input});
        REQUIRE(result.frames.size() == 1);
        CHECK(result.frames[0].payload == std::string(size, 'p'));
    }
}

TEST_CASE("it is between frames until one begins, and after a fault never", "[websocket]") {
    frame_parser parser(role::server);
    const std::string frame = wire::frame(role::client, opcode::text, "12");
    aioxx::bytes_view input = frame;
    CHECK(parser.between_frames());
    for (std::size_t size = 1; size <= frame.size(); ++size) {
        aioxx::bytes_view next = input.subview(size - 1, 1);
        while (parser.next(next)) {}
        CHECK(parser.between_frames() == (size == frame.size()));
    }
    aioxx::bytes_view wrong = "\x83\x80....";
    CHECK(!parser.next(wrong));
    CHECK(!parser.between_frames());
}

TEST_CASE("a reserved opcode is refused", "[websocket]") {
    for (unsigned code : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
        const std::string input{static_cast<char>(0x80 | code), '\0'};
        CHECK(fault_of(input) == "1002 reserved opcode " + std::to_string(code));
    }
}

TEST_CASE("a reserved bit is refused", "[websocket]") {
    CHECK(fault_of(hex("c1 00")) == "1002 reserved bits set in a text frame");
    CHECK(fault_of(hex("a2 00")) == "1002 reserved bits set in a binary frame");
    CHECK(fault_of(hex("98 00")) == "1002 reserved bits set in a close frame");
    CHECK(fault_of(hex("f0 00")) == "1002 reserved bits set in a continuation frame");
}

TEST_CASE("clients must mask and servers must not", "[websocket]") {
    CHECK(fault_of(hex("81 00"), role::server) == "1002 unmasked frame from a client");
    CHECK(fault_of(hex("81 80 00 00 00 00"), role::client) == "1002 masked frame from a server");
}

TEST_CASE("a control frame is short and whole", "[websocket]") {
    CHECK(fault_of(hex("09 00")) == "1002 fragmented ping frame");
    CHECK(fault_of(hex("0a 00")) == "1002 fragmented pong frame");
    CHECK(fault_of(hex("08 00")) == "1002 fragmented close frame");
    CHECK(fault_of(hex("89 7e 00 7e")) == "1002 ping frame with more than 125 bytes of payload");
    CHECK(fault_of(hex("88 7f 00 00 00 00 00 01 00 00")) ==
          "1002 close frame with more than 125 bytes of payload");
    CHECK(parse(role::client, hex("89 7d") + std::string(125, 'x')).frames.size() == 1);
}

TEST_CASE("a length is written in as few bytes as possible", "[websocket]") {
    CHECK(fault_of(hex("82 7e 00 00")) == "1002 payload length 0 written in 2 bytes, fewer would do");
    CHECK(fault_of(hex("82 7e 00 7d")) == "1002 payload length 125 written in 2 bytes, fewer would do");
    CHECK(fault_of(hex("82 7f 00 00 00 00 00 00 ff ff")) ==
          "1002 payload length 65535 written in 8 bytes, fewer would do");
    CHECK(fault_of(hex("82 7f 00 00 00 00 00 00 00 05")) ==
          "1002 payload length 5 written in 8 bytes, fewer would do");
    CHECK(fault_of(hex("82 7e 00 7e")) == "nothing");
    CHECK(fault_of(hex("82 7f 00 00 00 00 00 01 00 00")) == "nothing");
}

TEST_CASE("a length with its highest bit set is refused", "[websocket]") {
    CHECK(fault_of(hex("82 7f 80 00 00 00 00 00 00 00")) == "1002 payload length with its highest bit set");
    CHECK(fault_of(hex("82 7f ff ff ff ff ff ff ff ff")) == "1002 payload length with its highest bit set");
    CHECK(fault_of(hex("82 7f 7f ff ff ff ff ff ff ff")) == "nothing");
}

TEST_CASE("a frame above the limit is refused by its header alone", "[websocket]") {
    CHECK_FALSE(parse(role::client, hex("82 7e 03 e7"), 1000).fault);
    CHECK_FALSE(parse(role::client, hex("82 7e 03 e8"), 1000).fault);
    const outcome result = parse(role::client, hex("82 7e 03 e9"), 1000);
    REQUIRE(result.fault);
    CHECK(*result.fault == peer_fault{close_code::message_too_big, "frame of 1001 bytes, the limit is 1000"});
    const outcome huge = parse(role::client, hex("82 7f 7f ff ff ff ff ff ff ff"), 1000);
    REQUIRE(huge.fault);
    CHECK(huge.fault->code == close_code::message_too_big);
}

TEST_CASE("the limit does not concern control frames", "[websocket]") {
    CHECK(parse(role::client, hex("89 05 48 65 6c 6c 6f"), 2).frames.size() == 1);
}

TEST_CASE("frames before a fault are parsed, and nothing after it", "[websocket]") {
    const outcome result = parse(role::client, hex("81 01 41 83 00 81 01 42"));
    CHECK(result.frames.size() == 1);
    CHECK(result.fault);
}

TEST_CASE("a compressed message is marked in its first frame, where that was agreed on", "[websocket]") {
    const auto with_compression = [](const std::string& input) {
        return parse(frame_parser(role::client, frame_parser::unlimited, true), {input});
    };
    for (const char* first : {"c1", "c2", "41", "42"}) {
        const outcome result = with_compression(hex(first) + hex("01 78"));
        REQUIRE(result.frames.size() == 1);
        CHECK(result.frames[0].header.compressed);
        CHECK(parse(role::client, hex(first) + hex("01 78")).fault->code == close_code::protocol_error);
    }
    CHECK_FALSE(with_compression(hex("81 01 78")).frames.at(0).header.compressed);
    // RFC 7692 section 6: neither continuations nor control frames, and the other two bits never.
    for (const char* bad : {"c0", "40", "c8", "c9", "ca", "a1", "91", "e1", "d1", "f2", "b0"}) {
        INFO(bad);
        const outcome result = with_compression(hex(bad) + hex("01 78"));
        REQUIRE(result.fault);
        CHECK(result.fault->code == close_code::protocol_error);
        CHECK(result.fault->text.starts_with("reserved bits set in a "));
    }
}
