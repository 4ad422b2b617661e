// SPDX-License-Identifier: BSL-1.0

// Connecting, accepting and talking to a child process with a fault at each system call, and with a task cancelled at
// each place where it can be. With TLS: tls_fault_plan_test.cpp.

#include "faults/fault_scenes.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aioxx/io/process_protocol.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/process/create.hpp>
#include <aioxx/process/run_process.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/pump.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/tasks/gather.hpp>

#include "support/call_stand_ins.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace faults;

namespace {

// ---- scenes ----

coro<bool> over_tcp(stage& on) {
    server listening = co_await create_server(on.protocols(true), "127.0.0.1", 0);
    connect_options options;
    options.local_address = endpoint::from_ip("127.0.0.1", 0);
    auto client = co_await create_connection(on.protocols(false), "127.0.0.1", listening.port(), options);
    co_return co_await ask(std::move(client));
}

coro<bool> over_unix(stage& on) {
    const support::temporary_directory folder;
    server listening = co_await create_unix_server(on.protocols(true), folder.path("socket"));
    auto client = co_await create_unix_connection(on.protocols(false), folder.path("socket"));
    co_return co_await ask(std::move(client));
}

coro<bool> until_the_server_has_ended(stage& on) {
    server listening = co_await create_server(on.protocols(true), "127.0.0.1", 0);
    auto client = co_await create_connection(on.protocols(false), "127.0.0.1", listening.port());
    client.transport->write("question");
    co_await client.protocol->until_received(8);
    const auto ended = co_await listening.shutdown(std::chrono::milliseconds(1));
    co_await client.protocol->until_lost();
    co_return client.protocol->received == "question" && ended.aborted == 1;
}

// The first address refuses: nobody listens there.
coro<bool> over_one_of_several_addresses(stage& on) {
    server listening = co_await create_server(on.protocols(true), "127.0.0.1", 0);
    std::vector<endpoint> addresses;
    addresses.push_back(endpoint::from_ip("127.0.0.2", listening.port()));
    addresses.push_back(endpoint::from_ip("127.0.0.1", listening.port()));
    unique_fd fd = co_await aioxx::detail::connect_any(std::move(addresses), "two addresses", {});
    auto channel = std::make_unique<socket_channel>(get_running_loop(), std::move(fd));
    auto client = co_await aioxx::detail::establish(std::move(channel), on.protocols(false)());
    co_return co_await ask(std::move(client));
}

coro<bool> over_streams(stage&) {
    server listening = co_await start_server(answer_line, "127.0.0.1", 0);
    stream client = co_await open_connection("127.0.0.1", listening.port());
    co_return co_await ask(std::move(client));
}

std::vector<std::string> cat() { return std::vector<std::string>(1, "/bin/cat"); }

coro<bool> communicating(stage&) {
    const process child = co_await create_subprocess_exec(cat());
    const process_output output = co_await child.communicate("some input");
    const int code = co_await child.wait();
    co_return output.out == "some input" && code == 0;
}

coro<bool> running_a_program(stage&) {
    run_options options;
    options.input = "some input";
    const run_result result = co_await run_process(cat(), options);
    co_return result.output == "some input" && result.returncode == 0;
}

class child_witness final : public subprocess_protocol {
public:
    explicit child_witness(std::shared_ptr<life> told) : told_(std::move(told)) {}

    std::string output;
    event ended;

    void connection_made(subprocess_transport&) override { ++told_->made; }
    void connection_lost(std::exception_ptr) override {
        ++told_->lost;
        ended.set();
    }
    void pipe_data_received(int, bytes_view data) override {
        if (told_->lost != 0) told_->called_late = true;
        output += data.str();
    }

private:
    std::shared_ptr<life> told_;
};

coro<bool> with_a_protocol_for_a_child(stage& on) {
    const auto make = [&on] { return std::make_shared<child_witness>(on.new_life()); };
    auto child = co_await subprocess_exec(make, cat());
    const std::shared_ptr<transport> input = child.transport->get_pipe_transport(0);
    input->write("some input");
    input->close();
    co_await child.protocol->ended.wait();
    co_return child.protocol->output == "some input";
}

// Enough for the system to move it by itself.
constexpr std::size_t much_size = 600'000;
std::string much() {
    std::string text(much_size, 'x');
    for (std::size_t at = 0; at < text.size(); at += 100) text[at] = static_cast<char>('a' + at / 100 % 23);
    return text;
}
coro<> answer_much(stream_reader reader, stream_writer writer) {
    const bytearray all = co_await reader.readexactly(much_size);
    co_await writer.send(all);
}
coro<> carry(stream_reader from, stream_writer to) {
    co_await pump(from, to);
    to.close();
}
coro<> carry_on(std::uint16_t port, stream_reader reader, stream_writer writer) {
    const stream next = co_await open_connection("127.0.0.1", port);
    co_await gather(carry(reader, next.writer), carry(next.reader, writer));
}

coro<bool> through_a_relay(stage&) {
    server answering = co_await start_server(answer_much, "127.0.0.1", 0);
    const auto relay = [port = answering.port()](stream_reader reader, stream_writer writer) {
        return carry_on(port, std::move(reader), std::move(writer));
    };
    server listening = co_await start_server(relay, "127.0.0.1", 0);
    const stream client = co_await open_connection("127.0.0.1", listening.port());
    const std::string sent = much();
    co_await client.writer.send(sent);
    const bytearray answer = co_await client.reader.readexactly(much_size);
    client.writer.close();
    co_await client.writer.wait_closed();
    co_return answer == sent;
}

const named_scene scenes[] = {
    {"over TCP", over_tcp},
    {"over a Unix socket", over_unix},
    {"over one of several addresses", over_one_of_several_addresses},
    {"over streams", over_streams},
    {"communicating with a child", communicating},
    {"running a program", running_a_program},
    {"with a protocol for a child", with_a_protocol_for_a_child},
    {"through a relay", through_a_relay},
    {"until the server has ended", until_the_server_has_ended},
};

}  // namespace

TEST_CASE("connections and children survive that the other end goes at any system call", "[faults]") {
    check_calls(harm::broken, scenes);
}

TEST_CASE("connections and children survive that memory and descriptors run out at any system call", "[faults]") {
    check_calls(harm::exhausted, scenes);
}

TEST_CASE("a signal during any system call changes nothing", "[faults]") { check_calls(harm::interrupted, scenes); }

TEST_CASE("a transfer of one byte at any place changes nothing", "[faults]") { check_calls(harm::cut_short, scenes); }

TEST_CASE("a relay reads and writes where the system does not move the bytes", "[faults]") {
    // Without a pipe; without splice; and where only the destination cannot do it, which the second call asks.
    for (const int chance : {0, 1, 2}) {
        CAPTURE(chance);
        int asked = 0;
        std::unique_ptr<support::call_judge> judge;
        const auto ask = [&](std::string_view call) -> support::call_fate {
            if (chance == 0 && call == "pipe2") return {.error = (++asked, EMFILE)};
            if (chance != 0 && call == "splice" && ++asked >= chance) return {.error = EINVAL};
            return {};
        };
        const bool well = play(
            through_a_relay, [&](event_loop&) { judge = std::make_unique<support::call_judge>(ask); }, [&] { judge.reset(); });
        CHECK(well);
        CHECK(asked >= std::max(1, chance));
    }
}

TEST_CASE("connections and children survive a cancellation before the start of any task", "[faults]") {
    check_tasks(fault::cancel_before_start, scenes);
}

TEST_CASE("connections and children survive a cancellation at any suspension", "[faults]") {
    check_tasks(fault::cancel_at_suspension, scenes);
}

TEST_CASE("connections and children survive a cancellation between any wake-up and its resumption", "[faults]") {
    check_tasks(fault::cancel_after_wake_up, scenes);
}

TEST_CASE("connections and children survive that any allocation of a frame fails", "[faults]") {
    // Not the last: the end of a server cannot fail, and takes memory.
    check_tasks(fault::failed_allocation, std::span(scenes).first(std::size(scenes) - 1));
}
