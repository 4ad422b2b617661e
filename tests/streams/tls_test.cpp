// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/tls.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <aioxx/streams/pump.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

namespace {

coro<> echo_lines(stream_reader reader, stream_writer writer) {
    for (;;) {
        const bytearray line = co_await reader.readline();
        if (line.empty()) break;
        co_await writer.send(line);
    }
}

// A line in the clear, then TLS, as mail servers do it.
coro<> serve_starttls(stream_reader reader, stream_writer writer) {
    bytearray command = co_await reader.readline();
    co_await writer.send("go ahead\n");
    co_await start_tls(writer, support::server_context());
    const bytearray secret = co_await reader.readline();
    command.append(secret);
    co_await writer.send(command);
}

coro<> relay_once(stream_reader from, stream_writer to) {
    co_await pump(from, to);
    to.close();
}

std::pair<stream, stream> memory_streams() {
    event_loop& loop = get_running_loop();
    auto [a, b] = make_memory_channels(loop);
    auto near = std::make_shared<stream_protocol>(stream_reader::default_limit);
    auto far = std::make_shared<stream_protocol>(stream_reader::default_limit);
    std::make_shared<stream_transport>(loop, std::move(a), near)->start();
    std::make_shared<stream_transport>(loop, std::move(b), far)->start();
    return {make_stream(near), make_stream(far)};
}

coro<> end(server listening) {
    listening.close();
    listening.abort_clients();
    co_await listening.wait_closed();
}

}  // namespace

TEST_CASE("secure streams carry lines in both directions, and end", "[streams][TL001][TL011]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(echo_lines, "127.0.0.1", 0, support::server_context());
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port(), support::client_context());
        CHECK(writer.get_extra_info(extra_info::cipher).has_value());
        CHECK_FALSE(writer.can_write_eof());
        for (int count = 0; count < 100; ++count) {
            const std::string line = std::to_string(count) + "\n";
            co_await writer.send(line);
            const bytearray echoed = co_await reader.readline();
            CHECK(echoed == line);
        }
        writer.close();
        co_await writer.wait_closed();
        co_await end(listening);
    }());
}

TEST_CASE("the clean end of a secure stream is the end, for many at once", "[streams][TL011]") {
    run_bounded([]() -> coro<> {
        auto say_hello = [](stream_reader, stream_writer writer) -> coro<> { co_await writer.send("hello"); };
        server listening = co_await start_server(say_hello, "127.0.0.1", 0, support::server_context());
        std::vector<coro<bytearray>> clients;
        for (int count = 0; count < 20; ++count) {
            clients.push_back([](std::uint16_t port) -> coro<bytearray> {
                auto [reader, writer] = co_await open_connection("127.0.0.1", port, support::client_context());
                co_return co_await reader.read();
            }(listening.port()));
        }
        const std::vector<bytearray> texts = co_await gather(std::move(clients));
        for (const bytearray& text : texts) CHECK(text == "hello");
        co_await end(listening);
    }());
}

TEST_CASE("secure streams over Unix sockets", "[streams]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        const std::string path = folder.path("sock");
        server listening = co_await start_unix_server(echo_lines, path, support::server_context());
        tls::connection_options named;
        named.server_hostname = "localhost";
        auto [reader, writer] = co_await open_unix_connection(path, support::client_context(), named);
        co_await writer.send("line\n");
        const bytearray echoed = co_await reader.readline();
        CHECK(echoed == "line\n");
        co_await end(listening);
    }());
}

TEST_CASE("an open stream is secured, and its reader and writer go on", "[streams][TL007][SM010]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(serve_starttls, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        co_await writer.send("STARTTLS\n");
        const bytearray answer = co_await reader.readline();
        CHECK(answer == "go ahead\n");
        CHECK_FALSE(writer.get_extra_info(extra_info::tls_version));
        tls::connection_options named;
        named.server_hostname = "localhost";
        co_await start_tls(writer, support::client_context(), named);
        CHECK(writer.get_extra_info(extra_info::tls_version) == "TLSv1.3");
        co_await writer.send("secret\n");
        const bytearray both = co_await reader.read();
        CHECK(both == "STARTTLS\nsecret\n");
        co_await end(listening);
    }());
}

TEST_CASE("a handshake that was sent right behind the command is carried over", "[streams][T14][SM020]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        auto [near, far] = memory_streams();
        task<> serving = create_task([](stream_reader reader, stream_writer writer) -> coro<> {
            co_await reader.readline();
            co_await sleep(1s);  // everything that the client has sent is there
            co_await start_tls(writer, support::server_context());
            const bytearray secret = co_await reader.readline();
            co_await writer.send(secret);
            writer.close();
        }(far.reader, far.writer));
        tls::connection_options named;
        named.server_hostname = "localhost";
        co_await sleep(0s);  // connection_made
        near.writer.write("STARTTLS\n");
        co_await start_tls(near.writer, support::client_context(), named);
        co_await near.writer.send("secret\n");
        const bytearray answer = co_await near.reader.read();
        CHECK(answer == "secret\n");
        co_await serving;
    }());
}

TEST_CASE("a stream that is over cannot be secured", "[streams]") {
    run_bounded([]() -> coro<> {
        server listening = co_await start_server(echo_lines, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        writer.close();
        co_await writer.wait_closed();
        bool refused = false;
        try {
            co_await start_tls(writer, support::server_context());
        } catch (const closed_error&) {
            refused = true;
        }
        CHECK(refused);
        co_await end(listening);
    }());
}

TEST_CASE("a pump from or into a secure stream goes through memory", "[streams]") {
    for (const bool into : {false, true}) {
        CAPTURE(into);
        run_bounded([](bool secure_destination) -> coro<> {
            int ends[2];
            REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
            const stream near = co_await open_socket(unique_fd(ends[0]));
            const stream far = co_await open_socket(unique_fd(ends[1]));
            const auto relay = [near, secure_destination](stream_reader reader, stream_writer writer) {
                return relay_once(secure_destination ? near.reader : reader, secure_destination ? writer : near.writer);
            };
            server listening = co_await start_server(relay, "127.0.0.1", 0, support::server_context());
            tls::connection_options named;
            named.server_hostname = "localhost";
            const stream client = co_await open_connection("127.0.0.1", listening.port(), support::client_context(), named);
            const stream& source = secure_destination ? far : client;
            const stream& destination = secure_destination ? client : far;
            const std::string sent(2'000'000, 's');
            const task<> sending = create_task([](stream_writer to, const std::string& text) -> coro<> {
                co_await to.send(text);
                to.close();
            }(source.writer, sent));
            const bytearray received = co_await destination.reader.read();
            CHECK(received == sent);
            co_await sending;
            co_await end(listening);
        }(into));
    }
}
