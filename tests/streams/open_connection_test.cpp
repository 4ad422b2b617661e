// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/open_connection.hpp>

#include <string>

#include <sys/socket.h>

#include <aioxx/streams/start_server.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

namespace {

coro<> echo_lines(stream_reader reader, stream_writer writer) {
    while (auto line = co_await reader.next_line()) co_await writer.send(*line);
}

coro<> check_echo(stream opened) {
    co_await opened.writer.send("hello\n");
    const bytearray line = co_await opened.reader.readline();
    CHECK(line == "hello\n");
    opened.writer.write("no end");
    opened.writer.write_eof();
    const bytearray rest = co_await opened.reader.read();
    CHECK(rest == "no end");
    opened.writer.close();
    co_await opened.writer.wait_closed();
}

coro<stream> socket_stream(int fd) { co_return co_await open_socket(unique_fd(fd)); }

}  // namespace

TEST_CASE("open_connection connects a reader and a writer over TCP (SM001)", "[streams]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(echo_lines, "127.0.0.1", 0);
        stream opened = co_await open_connection("127.0.0.1", listening.port());
        const auto peer = opened.writer.get_extra_info(extra_info::peername);
        REQUIRE(peer);
        CHECK(peer->port() == listening.port());
        co_await check_echo(std::move(opened));
        listening.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("open_connection resolves names", "[streams]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(echo_lines, "localhost", 0);
        stream opened = co_await open_connection("localhost", listening.port());
        co_await check_echo(std::move(opened));
        listening.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("open_unix_connection connects over a Unix socket (SM001)", "[streams]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        server listening = co_await start_unix_server(echo_lines, folder.path("sock"));
        stream opened = co_await open_unix_connection(folder.path("sock"));
        const auto owner = opened.writer.get_extra_info(extra_info::credentials);
        REQUIRE(owner);
        CHECK(owner->uid == ::getuid());
        co_await check_echo(std::move(opened));
        listening.close();
        co_await listening.wait_closed();
    }());
}

TEST_CASE("nobody listening is an error of open_connection (SM001)", "[streams]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(echo_lines, "127.0.0.1", 0);
        const std::uint16_t port = listening.port();
        listening.close();
        co_await listening.wait_closed();
        bool refused = false;
        try {
            static_cast<void>(co_await open_connection("127.0.0.1", port));
        } catch (const connect_error& failure) {
            refused = failure.code() == std::errc::connection_refused;
        }
        CHECK(refused);
    }());
}

TEST_CASE("the limit of open_connection is the limit of its reader", "[streams]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(echo_lines, "127.0.0.1", 0);
        stream opened = co_await open_connection("127.0.0.1", listening.port(), {}, 4);
        co_await opened.writer.send("12345\n");
        bool limited = false;
        try {
            static_cast<void>(co_await opened.reader.readline());
        } catch (const limit_error&) {
            limited = true;
        }
        CHECK(limited);
        listening.close();
    }());
}

TEST_CASE("both ends of a socket pair can be streams", "[streams]") {
    run_bounded([]() -> coro<> {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);  // blocking: open_socket changes that
        stream here = co_await socket_stream(ends[0]);
        stream there = co_await socket_stream(ends[1]);
        co_await here.writer.send("ping");
        const bytearray ping = co_await there.reader.readexactly(4);
        CHECK(ping == "ping");
        there.writer.close();
        const bytearray nothing = co_await here.reader.read();
        CHECK(nothing.empty());
    }());
}

TEST_CASE("a half that is passed on alone keeps the connection, the last one closes it", "[streams]") {
    run_bounded([]() -> coro<> {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        stream there = co_await socket_stream(ends[1]);
        {
            stream_reader only = (co_await socket_stream(ends[0])).reader;
            co_await there.writer.send("to the reader");
            const bytearray got = co_await only.readexactly(13);
            CHECK(got == "to the reader");
        }
        const bytearray end = co_await there.reader.read();
        CHECK(end.empty());
    }());
}
