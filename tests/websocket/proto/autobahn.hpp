// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/websocket/proto/autobahn.hpp: the other end of the public Autobahn suite, without a network.
// Its 517 cases are re-created from the RFCs against an end that echoes messages, in both roles: as a server
// (the suite's fuzzing client) and as a client (its fuzzing server).
//
//     section   cases  what                                      test
//      1           16  frames of every size                      autobahn_test.cpp
//      2           11  pings and pongs                           autobahn_test.cpp
//      3            7  reserved bits                             autobahn_test.cpp
//      4           10  reserved opcodes                          autobahn_test.cpp
//      5           20  fragments                                 autobahn_test.cpp
//      6          145  UTF-8                                     autobahn_test.cpp
//      7           37  closing handshake                         autobahn_test.cpp
//      9           54  large and many messages, chops            autobahn_test.cpp
//     10            1  messages sent in fragments                autobahn_test.cpp
//     12, 13  90, 126  compression                               autobahn_compression_test.cpp
//
// Payloads, sizes and counts are the suite's, but in 12 and 13: the texts are our own, and of a thousand
// messages per case a few are sent, unless AIOXX_AUTOBAHN_FULL is set in the environment. Where the suite
// takes several answers, here it is the strict one; in 7.1.6, 7.13.1 and 7.13.2, informational there, that of
// the RFC.

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/websocket/proto/endpoint.hpp>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

namespace autobahn {

using namespace aioxx::websocket;

// A payload for comparing and showing.
inline std::string shown(std::string_view payload) {
    if (payload.size() <= 140) return std::string(payload);
    return std::to_string(payload.size()) + "#" + std::to_string(std::hash<std::string_view>()(payload));
}

struct frame {
    frame_header header;
    std::string payload;
};

// What stands on the wire, unmasked.
inline std::vector<frame> frames_of(role receiver, aioxx::bytes_view bytes, bool compression = false) {
    std::vector<frame> frames;
    frame_parser parser(receiver, frame_parser::unlimited, compression);
    while (const std::optional<frame_piece> piece = parser.next(bytes)) {
        REQUIRE(piece->last);
        std::string payload = wire::str(piece->payload);
        if (parser.header().masked) {
            apply_mask(reinterpret_cast<std::byte*>(payload.data()), payload, parser.header().mask);
        }
        frames.push_back({parser.header(), std::move(payload)});
    }
    REQUIRE_FALSE(parser.fault());
    REQUIRE(bytes.empty());
    return frames;
}

// Plays the cases against an end of one role.
class suite {
public:
    explicit suite(role tested) : tested_(tested) {}

    int cases() const noexcept { return cases_; }
    role tested() const noexcept { return tested_; }
    role tester() const noexcept { return tested_ == role::server ? role::client : role::server; }

    // -- what the suite sends

    std::string sent(opcode code, std::string_view payload, bool fin = true) const {
        return wire::frame(tester(), code, payload, fin);
    }
    std::string text(std::string_view payload, bool fin = true) const {
        return sent(opcode::text, payload, fin);
    }
    std::string binary(std::string_view payload, bool fin = true) const {
        return sent(opcode::binary, payload, fin);
    }
    std::string more(std::string_view payload, bool fin = true) const {
        return sent(opcode::continuation, payload, fin);
    }
    std::string ping(std::string_view payload) const { return sent(opcode::ping, payload); }
    std::string pong(std::string_view payload) const { return sent(opcode::pong, payload); }
    std::string bye() const { return sent(opcode::close, wire::close_payload(1000)); }

    // A frame with any first byte.
    std::string raw(unsigned first, std::string_view payload) const {
        std::string bytes = binary(payload);
        bytes[0] = static_cast<char>(first);
        return bytes;
    }

    // A message in fragments of a size.
    std::string fragmented(opcode code, std::string_view payload, std::size_t size) const {
        std::string bytes;
        for (std::size_t at = 0; at == 0 || at < payload.size(); at += size) {
            bytes += sent(at == 0 ? code : opcode::continuation, payload.substr(at, size),
                          at + size >= payload.size());
        }
        return bytes;
    }

    // -- what comes back

    // One case: the replies to the bytes as words. Chopped into pieces of the size, and whole as well.
    void expect(const char* number, const std::string& bytes, const std::string& replies,
                std::size_t chop = 0) {
        ++cases_;
        INFO("case " << number << (tested_ == role::server ? ", a server" : ", a client"));
        CHECK(echo(bytes, bytes.size()) == replies);
        if (chop != 0) {
            CHECK(echo(bytes, chop) == replies);
        } else if (bytes.size() < 2000) {
            CHECK(echo(bytes, 1) == replies);
        }
    }

    // One case whose frames arrive one by one; and whole and in octets as well.
    void expect(const char* number, const std::vector<std::string>& frames, const std::string& replies) {
        std::string bytes;
        for (const std::string& frame : frames)
            bytes += frame;
        expect(number, bytes, replies);
        INFO("case " << number << (tested_ == role::server ? ", a server" : ", a client") << ", in frames");
        CHECK(echo({frames.begin(), frames.end()}) == replies);
    }

    std::string echo(std::string_view bytes, std::size_t chop) const {
        std::vector<std::string_view> arrivals;
        for (std::size_t at = 0; at < bytes.size(); at += chop)
            arrivals.push_back(bytes.substr(at, chop));
        return echo(arrivals);
    }

    std::string echo(const std::vector<std::string_view>& arrivals) const {
        endpoint end(tested_, {.max_size = 16U << 20});
        for (std::string_view bytes : arrivals) {
            end.feed(bytes);
            while (const std::optional<event> next = end.next_event()) {
                if (next->kind == event_kind::text) end.send_text(next->payload);
                if (next->kind == event_kind::binary) end.send_binary(next->payload);
            }
        }
        std::string words;
        for (const frame& reply : frames_of(tester(), end.output().view())) {
            if (!words.empty()) words += " ";
            words += name_of(reply.header.code);
            if (reply.header.code == opcode::close) {
                close_status status;
                REQUIRE_FALSE(parse_close(reply.payload, status));
                words += ":" + std::to_string(value_of(status.code));
            } else {
                words += ":" + shown(reply.payload);
            }
        }
        return words;
    }

private:
    role tested_;
    int cases_ = 0;
};

// Plays a section in both roles; it has to have so many cases.
template <class Section>
void both_roles(int cases, Section section) {
    for (role tested : {role::server, role::client}) {
        suite run(tested);
        section(run);
        CHECK(run.cases() == cases);
    }
}

}  // namespace autobahn
