// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/websocket/proxy_server.hpp: a proxy for the tests of clients, by HTTP or by SOCKS 5: it remembers what it is asked for,
// and joins every client to one server.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/gather.hpp>

namespace support {

/// The handler for start_server.
struct proxy_server {
    struct memory {
        std::uint16_t server_port = 0;
        bool speaks_socks = false;
        std::string answer = "HTTP/1.1 200 OK\r\n\r\n";  ///< by HTTP
        std::vector<std::string> requests{};  ///< heads, or all bytes of SOCKS
    };
    std::shared_ptr<memory> shared = std::make_shared<memory>();

    aioxx::coro<> operator()(aioxx::stream_reader reader, aioxx::stream_writer writer) const {
        return serve(shared, aioxx::stream{std::move(reader), std::move(writer)});
    }

private:
    static aioxx::coro<> serve(std::shared_ptr<memory> shared, aioxx::stream client) {
        bool joined = false;
        try {
            if (shared->speaks_socks) {
                joined = co_await answer_socks(*shared, client);
            } else {
                joined = co_await answer_http(*shared, client);
            }
        } catch (const aioxx::error&) {  // the client has gone
        }
        if (!joined) co_return;
        const aioxx::stream server = co_await aioxx::open_connection("127.0.0.1", shared->server_port);
        co_await aioxx::gather(one_way(client.reader, server.writer), one_way(server.reader, client.writer));
    }

    // Returns: whether the client is to be joined to the server.
    static aioxx::coro<bool> answer_http(memory& shared, aioxx::stream client) {
        const aioxx::bytearray head = co_await client.reader.readuntil("\r\n\r\n");
        shared.requests.emplace_back(head.str());
        co_await client.writer.send(shared.answer);
        co_return shared.answer.find(" 200 ") != std::string::npos;
    }

    // Without authentication, for names and IPv4 addresses.
    static aioxx::coro<bool> answer_socks(memory& shared, aioxx::stream client) {
        aioxx::bytearray asked = co_await client.reader.readexactly(3);
        co_await client.writer.send(std::string_view("\x05\x00", 2));
        const aioxx::bytearray begin = co_await client.reader.readexactly(5);
        asked.append(begin);
        const bool by_name = begin[3] == std::byte{3};
        const aioxx::bytearray rest = co_await client.reader.readexactly(by_name ? std::to_integer<std::size_t>(begin[4]) + 2 : 5);
        asked.append(rest);
        shared.requests.emplace_back(asked.str());
        co_await client.writer.send(std::string_view("\x05\x00\x00\x01\x7F\x00\x00\x01\x00\x50", 10));
        co_return true;
    }

    static aioxx::coro<> one_way(aioxx::stream_reader from, aioxx::stream_writer to) {
        try {
            for (;;) {
                const aioxx::bytearray piece = co_await from.read(aioxx::stream_reader::default_limit);
                if (piece.empty()) break;
                co_await to.send(piece);
            }
        } catch (const aioxx::broken_error&) {
        }
        to.close();
    }
};

}  // namespace support
