// SPDX-License-Identifier: BSL-1.0

// tests/bench/websocket_core.cpp: what the protocol of WebSocket does to bytes, against memcpy of as many.
// 1.00 is the rate of memcpy; the last row is whole messages through an endpoint, against memcpy of the same
// bytes.
//
//   websocket_core [--rounds N]

#include <time.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/websocket/proto/endpoint.hpp>
#include <aioxx/websocket/proto/mask.hpp>
#include <aioxx/websocket/proto/utf8.hpp>

#include "rounds.hpp"

namespace {

using namespace aioxx::websocket;
using aioxx::bytearray;
using aioxx::bytes_view;

// Keeps what a candidate has computed.
volatile std::size_t sink = 0;

double cpu_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Bytes a second of CPU time, over about 32 MiB.
bench::reached rate_of(std::size_t size, const std::function<std::size_t()>& work) {
    const std::size_t times = std::max<std::size_t>(1, (std::size_t{32} << 20) / size);
    const double start = cpu_seconds();
    std::size_t result = 0;
    for (std::size_t i = 0; i != times; ++i)
        result += work();
    const double seconds = cpu_seconds() - start;
    sink = result;
    return {static_cast<double>(size * times) / seconds};
}

std::string repeated(std::string_view pattern, std::size_t size) {
    std::string text;
    while (text.size() + pattern.size() <= size)
        text += pattern;
    text.resize(size, '.');
    return text;
}

struct contents {
    std::string ascii;
    std::string mixed;  // every other character beyond ASCII, of all lengths
    std::string frame;  // a masked text message
    bytearray to;
};

contents contents_of(std::size_t size) {
    contents made;
    made.ascii = repeated("The quick brown fox jumps over the lazy dog. ", size);
    made.mixed = repeated("\xC3\xA9l\xD0\x96 \xE2\x82\xAC.\xF0\x9F\x98\x80!", size);
    bytearray frame;
    frame_header header;
    header.code = opcode::text;
    header.masked = true;
    header.mask = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
    append_frame(frame, header, made.ascii);
    made.frame = frame.str();
    made.to.resize(size + 64);
    return made;
}

constexpr masking_key key{std::byte{0x37}, std::byte{0xfa}, std::byte{0x21}, std::byte{0x3d}};

}  // namespace

int main(int argc, char** argv) {
    const int rounds = bench::rounds_argument(argc, argv, 15);
    bench::print_head("bytes at a time", {"memcpy", "mask, copying", "mask in place", "UTF-8, ASCII",
                                          "UTF-8, mixed", "endpoint, masked text"});
    for (std::size_t size : {16U, 125U, 1024U, 16384U, 65536U, 1048576U}) {
        contents with = contents_of(size);
        std::byte* const to = with.to.data();
        const bytes_view ascii = with.ascii;
        const bytes_view mixed = with.mixed;
        endpoint server(role::server, {.max_size = 0});
        const auto copied = [&] {
            std::memcpy(to, ascii.data(), size);
            return std::to_integer<std::size_t>(to[size / 2]);
        };
        const auto masked = [&] {
            apply_mask(to, ascii, key);
            return std::to_integer<std::size_t>(to[size / 2]);
        };
        const auto in_place = [&] {
            apply_mask(to, bytes_view(to, size), key);
            return std::to_integer<std::size_t>(to[size / 2]);
        };
        const auto received = [&] {
            server.feed(with.frame);
            std::size_t bytes = 0;
            while (const std::optional<event> next = server.next_event())
                bytes += next->payload.size();
            return bytes;
        };
        bench::print_row(
            std::to_string(size).c_str(), rounds, 1e9, "GB/s",
            {{"memcpy", [&] { return rate_of(size, copied); }},
             {"masked", [&] { return rate_of(size, masked); }},
             {"in place", [&] { return rate_of(size, in_place); }},
             {"ascii", [&] { return rate_of(size, [&] { return std::size_t{is_utf8(ascii)}; }); }},
             {"mixed", [&] { return rate_of(size, [&] { return std::size_t{is_utf8(mixed)}; }); }},
             {"endpoint", [&] { return rate_of(size, received); }}});
    }
}
