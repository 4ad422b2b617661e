// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/websocket/scripted_server.hpp: a server for the tests of clients: it remembers what it is asked,
// answers as the test wants, and echoes on the WebSocket when that is its answer. Over any stream.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/proto/accept_key.hpp>
#include <aioxx/websocket/take_over.hpp>

namespace scripted {

inline const std::string upgrade =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    "{KEY}\r\n";

inline std::string redirect_to(const std::string& location, int status = 302) {
    return "HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + location +
           "\r\nContent-Length: 0\r\n\r\n";
}

/// What every connection of a server shares.
struct script {
    std::function<std::string(const std::string& head)>
        answer;                      ///< {KEY} in it stands for the right accept key
    std::vector<std::string> heads;  ///< of the requests so far

    /// The value of a header in one of them, "none" without it.
    [[nodiscard]] std::string header(std::size_t request, const std::string& name) const {
        const std::string& head = heads.at(request);
        const std::size_t at = head.find("\r\n" + name + ": ");
        if (at == std::string::npos) return "none";
        const std::size_t begin = at + name.size() + 4;
        return head.substr(begin, head.find('\r', begin) - begin);
    }
    [[nodiscard]] std::string target(std::size_t request) const {
        const std::string& head = heads.at(request);
        const std::size_t begin = head.find(' ') + 1;
        return head.substr(begin, head.find(' ', begin) - begin);
    }
};

inline aioxx::coro<> echo(aioxx::websocket::connection with) {
    while (auto received = co_await with.next())
        co_await with.send_text(received->str());
}

/// The handler for start_server.
struct server {
    std::shared_ptr<script> shared = std::make_shared<script>();

    explicit server(std::function<std::string(const std::string&)> answer) {
        shared->answer = std::move(answer);
    }
    explicit server(std::string answer = upgrade + "\r\n") {
        shared->answer = [answer = std::move(answer)](const std::string&) { return answer; };
    }

    aioxx::coro<> operator()(aioxx::stream_reader reader, aioxx::stream_writer writer) const {
        return serve_until_gone(shared, aioxx::stream{std::move(reader), std::move(writer)});
    }

private:
    static aioxx::coro<> serve_until_gone(std::shared_ptr<script> shared, aioxx::stream with) {
        try {
            co_await serve(std::move(shared), std::move(with));
        } catch (const aioxx::incomplete_read_error&) {  // the client has gone, as a test may want it to
        } catch (const aioxx::broken_error&) {
        } catch (const aioxx::websocket::connection_closed&) {
        }
    }
    static aioxx::coro<> serve(std::shared_ptr<script> shared, aioxx::stream with) {
        const aioxx::bytearray head = co_await with.reader.readuntil("\r\n\r\n");
        shared->heads.emplace_back(head.str());
        std::string answer = shared->answer(shared->heads.back());
        const std::size_t place = answer.find("{KEY}");
        if (place == std::string::npos) {
            co_await with.writer.send(answer);
            if (with.writer.can_write_eof()) with.writer.write_eof();
            static_cast<void>(co_await with.reader.read());
            co_return;
        }
        const std::size_t request = shared->heads.size() - 1;
        answer.replace(place, 5, aioxx::websocket::accept_key(shared->header(request, "Sec-WebSocket-Key")));
        co_await with.writer.send(answer);
        const aioxx::websocket::connection_limits limits;
        auto state =
            aioxx::websocket::detail::take_over(with.writer, aioxx::websocket::role::server, limits, {});
        aioxx::websocket::http_request asked;
        aioxx::websocket::http_response told;
        const aioxx::websocket::connection opened(std::move(state), "", std::move(asked), std::move(told));
        co_await echo(opened);
        co_await opened.close();
    }
};

inline aioxx::stream over(std::unique_ptr<aioxx::stream_channel> channel) {
    auto state = std::make_shared<aioxx::stream_protocol>(aioxx::stream_reader::default_limit);
    std::make_shared<aioxx::stream_transport>(aioxx::get_running_loop(), std::move(channel), state)->start();
    return aioxx::make_stream(state);
}

/// The two ends of a link in memory.
inline aioxx::coro<std::pair<aioxx::stream, aioxx::stream>> memory_streams() {
    auto [near, far] = aioxx::make_memory_channels(aioxx::get_running_loop());
    std::pair<aioxx::stream, aioxx::stream> ends(over(std::move(near)), over(std::move(far)));
    co_await aioxx::sleep(std::chrono::seconds(0));  // for connection_made
    co_return ends;
}

}  // namespace scripted
