// SPDX-License-Identifier: BSL-1.0

// Bytes as in Python: the methods of bytes and bytearray, printf-style formatting, a cursor and a sink for binary
// protocols, and views that compose with range-v3.

#include <iostream>

#include <range/v3/numeric/accumulate.hpp>
#include <range/v3/view/transform.hpp>

#include <aioxx/aioxx.hpp>
#include <aioxx/buffer/byte_cursor.hpp>
#include <aioxx/buffer/byte_sink.hpp>
#include <aioxx/buffer/format_bytes.hpp>
#include <aioxx/buffer/views.hpp>

using aioxx::bytearray;
using aioxx::bytes_view;

int main() {
    const bytes_view request = "GET /index.html HTTP/1.1\r\n";
    for (const bytes_view word : request.strip().split(" ")) std::cout << '[' << word.str() << ']';
    std::cout << ' ' << request.slice(-10, std::nullopt).strip().lower().str() << '\n';

    const bytearray formatted = aioxx::format_bytes("%-8s|%+05d|%x", "name", 42, 255);
    std::cout << formatted.str() << '\n';

    // A packet: a length of two bytes, big-endian, then a varint.
    bytearray packet;
    aioxx::byte_sink sink(packet);
    sink.u16(3);
    sink.varint(100'000);
    std::cout << packet.hex(':') << '\n';
    aioxx::byte_cursor cursor(packet);
    const auto length = cursor.u16();
    const auto number = cursor.varint();
    std::cout << *length << ' ' << *number << '\n';
    if (!cursor.u32()) std::cout << "need " << cursor.missing() << " more\n";

    const auto length_of = [](bytes_view line) { return line.size(); };
    const auto lengths = aioxx::lines("one\ntwo\r\nthree") | ranges::views::transform(length_of);
    std::cout << ranges::accumulate(lengths, std::size_t{0}) << " bytes in lines" << std::endl;
}
