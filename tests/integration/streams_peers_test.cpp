// SPDX-License-Identifier: BSL-1.0

// Our streams with those of Python's asyncio, and the example programs with the asyncio manual's.

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/start_server.hpp>

#include "integration/peer.hpp"
#include "support/catch.hpp"

using namespace aioxx;

namespace {

bool has_python() { return peers::succeeds({AIOXX_PYTHON, "-c", "import asyncio"}); }

// A built example program: in the directory of the environment's AIOXX_EXAMPLES_DIR, or beside the tests.
std::optional<std::string> example(const std::string& name) {
    const char* given = std::getenv("AIOXX_EXAMPLES_DIR");
    const std::filesystem::path folder =
        given != nullptr ? std::filesystem::path(given)
                         : std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "examples";
    const std::filesystem::path program = folder / name;
    if (!std::filesystem::exists(program)) return std::nullopt;
    return program.string();
}

coro<> echo(stream_reader reader, stream_writer writer) {
    for (;;) {
        const bytes_view data = co_await reader.read_view();
        if (data.empty()) break;
        co_await writer.send(data);
    }
}

coro<peers::result> ask_with_python(std::uint16_t port, std::string part) {
    std::vector<std::string> command = peers::script("echo_client.py");
    command.push_back(std::to_string(port));
    command.push_back(std::move(part));
    co_return co_await peers::finish(std::move(command));
}

coro<> serve_python() {
    server listening = co_await start_server(echo, "127.0.0.1", 0);
    const peers::result result = co_await ask_with_python(listening.port(), "all");
    INFO(result.err);
    CHECK(result.returncode == 0);
    listening.close();
    co_await listening.wait_closed();
}

coro<> send_much(stream_writer to, std::string much) {
    co_await to.send(much);
    to.write_eof();
}

coro<> use_python() {
    peers::running_server peer = co_await peers::start(peers::script("echo_server.py"));
    auto [reader, writer] = co_await open_connection("127.0.0.1", peer.port);
    co_await writer.send("line\n");
    const bytearray line = co_await reader.readline();
    CHECK(line == "line\n");
    const std::string much(3'000'000, 'm');
    const task<> sending = create_task(send_much(writer, much));
    const bytearray back = co_await reader.readexactly(much.size());
    CHECK((back == much));
    co_await sending;
    const bytearray end = co_await reader.read();
    CHECK(end == "the end of it\n");
    writer.close();
    co_await writer.wait_closed();
    peer.started.in().close();
    co_await peer.started.wait();
}

coro<> use_example_server(std::string program) {
    std::vector<std::string> command;
    command.push_back(std::move(program));
    command.emplace_back("127.0.0.1");
    command.emplace_back("0");
    peers::running_server peer = co_await peers::start(std::move(command), "127.0.0.1:");
    for (int i = 0; i < 2; ++i) {
        const peers::result result = co_await ask_with_python(peer.port, "once");
        INFO(result.err);
        CHECK(result.returncode == 0);
    }
    peer.started.send_signal(SIGINT);
    const int returncode = co_await peer.started.wait();
    CHECK(returncode == 0);
    const bytearray said = co_await peer.started.out().read();
    CHECK(said.str().find("Stopped") != std::string_view::npos);
}

coro<> serve_example_client(std::string program) {
    peers::running_server peer = co_await peers::start(peers::script("example_peer_server.py"));
    std::vector<std::string> command;
    command.push_back(std::move(program));
    command.emplace_back("127.0.0.1");
    command.push_back(std::to_string(peer.port));
    const peers::result result = co_await peers::finish(std::move(command));
    INFO(result.err);
    CHECK(result.returncode == 0);
    CAPTURE(result.out);
    CHECK(result.out.find("eceived: 'Hello World!'") != std::string::npos);
    peer.started.in().close();
    co_await peer.started.wait();
}

void check_examples(const std::vector<std::string>& names, coro<> (*check)(std::string)) {
    for (const std::string& name : names) {
        INFO(name);
        const std::optional<std::string> program = example(name);
        const std::string missing = "there is no python3, or the example " + name + " is not built: not tested";
        peers::run_with(has_python() && program, missing, check(program.value_or("")));
    }
}

}  // namespace

TEST_CASE("a client of asyncio's streams is served", "[integration]") {
    peers::run_with(has_python(), "there is no python3: not tested", serve_python());
}

TEST_CASE("a server of asyncio's streams is used", "[integration]") {
    peers::run_with(has_python(), "there is no python3: not tested", use_python());
}

TEST_CASE("the example servers answer Python's asyncio and stop with Ctrl-C", "[integration]") {
    check_examples({"echo_server_streams", "echo_server_protocol"}, use_example_server);
}

TEST_CASE("the example clients talk to Python's asyncio", "[integration]") {
    check_examples({"echo_client_streams", "echo_client_protocol"}, serve_example_client);
}
