// SPDX-License-Identifier: BSL-1.0

// Handshakes, start_tls and the end of secure connections with a fault at each system call, and with a task cancelled at
// each place where it can be. Not with failing allocations: the operations of a channel are noexcept.
// The calls are stood in for in fault_plan_test.cpp, which is in the same program.

#include "faults/fault_scenes.hpp"

#include <chrono>
#include <string>
#include <utility>

#include <aioxx/net/tls.hpp>
#include <aioxx/streams/tls.hpp>

#include "support/catch.hpp"
#include "support/certificates.hpp"

using namespace aioxx;
using namespace faults;

namespace {

// One for all: loading certificates takes time, and is no matter of connections.
const tls::context& client_context() {
    static const tls::context shared = support::client_context();
    return shared;
}
const tls::context& server_context() {
    static const tls::context shared = support::server_context();
    return shared;
}

tls::connection_options named() {
    tls::connection_options options;
    options.server_hostname = "localhost";
    options.shutdown_timeout = std::chrono::seconds(1);
    return options;
}

coro<bool> with_protocols(stage& on) {
    server listening = co_await create_server(on.protocols(true), "127.0.0.1", 0, server_context());
    auto client =
        co_await create_connection(on.protocols(false), "127.0.0.1", listening.port(), client_context(), named());
    co_return co_await ask(std::move(client));
}

coro<bool> with_streams(stage&) {
    server listening = co_await start_server(answer_line, "127.0.0.1", 0, server_context());
    stream client = co_await open_connection("127.0.0.1", listening.port(), client_context(), named());
    co_return co_await ask(std::move(client));
}

coro<> secure_and_answer(stream_reader reader, stream_writer writer) {
    const bytearray request = co_await reader.readline();
    co_await writer.send(request);
    co_await start_tls(writer, server_context());
    co_await answer_line(reader, writer);
}

coro<bool> with_start_tls(stage&) {
    server listening = co_await start_server(secure_and_answer, "127.0.0.1", 0);
    stream client = co_await open_connection("127.0.0.1", listening.port());
    co_await client.writer.send("STARTTLS\n");
    const bytearray ready = co_await client.reader.readline();
    if (ready != "STARTTLS\n") co_return false;
    co_await start_tls(client.writer, client_context(), named());
    co_return co_await ask(std::move(client));
}

const named_scene scenes[] = {
    {"with protocols", with_protocols}, {"with streams", with_streams}, {"with start_tls", with_start_tls}};

}  // namespace

TEST_CASE("secure connections survive that the other end goes at any system call", "[faults]") {
    check_calls(harm::broken, scenes);
}

TEST_CASE("secure connections survive that memory and descriptors run out at any system call", "[faults]") {
    check_calls(harm::exhausted, scenes);
}

TEST_CASE("a signal during any system call changes nothing for TLS", "[faults]") {
    check_calls(harm::interrupted, scenes);
}

TEST_CASE("a transfer of one byte at any place changes nothing for TLS", "[faults]") {
    check_calls(harm::cut_short, scenes);
}

TEST_CASE("secure connections survive a cancellation before the start of any task", "[faults]") {
    check_tasks(fault::cancel_before_start, scenes);
}

TEST_CASE("secure connections survive a cancellation at any suspension", "[faults]") {
    check_tasks(fault::cancel_at_suspension, scenes);
}

TEST_CASE("secure connections survive a cancellation between any wake-up and its resumption", "[faults]") {
    check_tasks(fault::cancel_after_wake_up, scenes);
}
