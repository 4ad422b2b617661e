// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/websocket/proto/wire.hpp: bytes for the tests of the protocol, and ways to cut them into pieces.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/websocket/proto/frame_writer.hpp>

namespace wire {

using aioxx::bytes_view;

// "81 05 48" or "810548" as bytes.
inline std::string hex(std::string_view digits) {
    std::string result;
    unsigned value = 0;
    bool half = false;
    for (char c : digits) {
        if (c == ' ') continue;
        value = value << 4 | static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        if (half) result.push_back(static_cast<char>(value & 0xFF));
        half = !half;
    }
    return result;
}

inline std::string str(bytes_view data) {
    return std::string(data.str());
}

inline constexpr aioxx::websocket::masking_key key{std::byte{0x37}, std::byte{0xfa}, std::byte{0x21},
                                                   std::byte{0x3d}};

// A frame, masked with `key` when it is a client's.
inline std::string frame(aioxx::websocket::role from, aioxx::websocket::opcode code, std::string_view payload,
                         bool fin = true) {
    aioxx::bytearray output;
    aioxx::websocket::frame_header header;
    header.code = code;
    header.fin = fin;
    header.masked = from == aioxx::websocket::role::client;
    header.mask = key;
    append_frame(output, header, payload);
    return str(output.view());
}

// The payload of a Close frame.
inline std::string close_payload(unsigned code, std::string_view reason = {}) {
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    return payload.append(reason);
}

// The three ways of cutting: whole, byte by byte, and at random (seeded) places.
inline std::vector<std::vector<std::string>> cuts(const std::string& input) {
    std::vector<std::vector<std::string>> ways(2);
    ways[0].push_back(input);
    for (char c : input)
        ways[1].emplace_back(1, c);
    for (unsigned seed = 1; seed != 6; ++seed) {
        std::mt19937 random(seed);
        std::vector<std::string> pieces;
        for (std::size_t at = 0; at < input.size();) {
            const std::size_t size = std::min<std::size_t>(input.size() - at, random() % 40);
            pieces.push_back(input.substr(at, size));
            at += size;
        }
        ways.push_back(std::move(pieces));
    }
    return ways;
}

// Text of `size` bytes that is valid UTF-8 and not only ASCII.
inline std::string some_text(std::size_t size) {
    static constexpr std::string_view sample = "h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80 ";
    std::string text;
    while (text.size() + sample.size() <= size)
        text += sample;
    text.resize(size, '.');
    return text;
}

}  // namespace wire
