// SPDX-License-Identifier: BSL-1.0

// Our secure connections with those of Python's asyncio and of the openssl command.

#include <string>
#include <utility>
#include <vector>

#include <aioxx/streams/tls.hpp>

#include "integration/peer.hpp"
#include "support/catch.hpp"
#include "support/certificates.hpp"

using namespace aioxx;

namespace {

bool has_python() { return peers::succeeds({AIOXX_PYTHON, "-c", "import asyncio, ssl"}); }
bool has_openssl() { return peers::succeeds({"openssl", "version"}); }

coro<> echo(stream_reader reader, stream_writer writer) {
    for (;;) {
        const bytes_view data = co_await reader.read_view();
        if (data.empty()) break;
        co_await writer.send(data);
    }
}
coro<> echo_after_starttls(stream_reader reader, stream_writer writer) {
    co_await reader.readline();
    co_await writer.send("go ahead\n");
    co_await start_tls(writer, support::server_context());
    co_await echo(std::move(reader), std::move(writer));
}
coro<> echo_one_line(stream_reader reader, stream_writer writer) {
    const bytearray line = co_await reader.readline();
    co_await writer.send(line);
}

coro<> end(server listening) {
    listening.close();
    listening.abort_clients();
    co_await listening.wait_closed();
}

coro<> serve_python() {
    const support::identity_files files;
    server secure = co_await start_server(echo, "127.0.0.1", 0, support::server_context());
    server upgrading = co_await start_server(echo_after_starttls, "127.0.0.1", 0);
    for (const bool starttls : {false, true}) {
        std::vector<std::string> command = peers::script("tls_client.py");
        command.push_back(std::to_string(starttls ? upgrading.port() : secure.port()));
        command.push_back(files.authority_file());
        if (starttls) command.emplace_back("starttls");
        const peers::result result = co_await peers::finish(std::move(command));
        INFO(result.err);
        CHECK(result.returncode == 0);
    }
    co_await end(secure);
    co_await end(upgrading);
}

coro<> ask_python() {
    const support::identity_files files;
    std::vector<std::string> command = peers::script("tls_server.py");
    command.push_back(files.certificate_file());
    command.push_back(files.key_file());
    peers::running_server peer = co_await peers::start(std::move(command));
    tls::connection_options named;
    named.server_hostname = "localhost";
    auto [reader, writer] = co_await open_connection("127.0.0.1", peer.port, support::client_context(), named);
    const std::string sent(1'000'000, 'x');
    task<> sending = create_task([](stream_writer to, std::string text) -> coro<> { co_await to.send(text); }(writer, sent));
    const bytearray echoed = co_await reader.readexactly(sent.size());
    CHECK(echoed == sent);
    co_await sending;
    writer.close();
    co_await writer.wait_closed();
    peer.started.in().close();
    co_await peer.started.wait();
}

coro<> serve_openssl() {
    const support::identity_files files;
    server listening = co_await start_server(echo_one_line, "127.0.0.1", 0, support::server_context());
    std::vector<std::string> command{"openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(listening.port()),
                                     "-CAfile", files.authority_file(), "-verify_return_error", "-verify_hostname",
                                     "localhost", "-quiet"};
    process_options options;
    options.in = stdio::pipe();
    process client = co_await create_subprocess_exec(std::move(command), std::move(options));
    const process_output said = co_await client.communicate("hello from openssl\n");
    CHECK(said.out.str() == "hello from openssl\n");
    const int code = co_await client.wait();
    CHECK(code == 0);
    co_await end(listening);
}

coro<> ask_openssl() {
    const support::identity_files files;
    std::vector<std::string> command{"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", files.certificate_file(),
                                     "-key", files.key_file(), "-rev", "-naccept", "2"};
    peers::running_server peer = co_await peers::start(std::move(command), "ACCEPT 127.0.0.1:", false);
    tls::context old = support::client_context();
    old.set_maximum_version(tls::version::tls_1_2);
    for (const tls::context& context : {support::client_context(), old}) {
        auto [reader, writer] = co_await open_connection("127.0.0.1", peer.port, context);
        co_await writer.send("stressed\n");
        const bytearray reversed = co_await reader.readline();
        CHECK(reversed == "desserts\n");
        writer.close();
        co_await writer.wait_closed();
    }
    peer.started.kill();
    co_await peer.started.wait();
}

}  // namespace

TEST_CASE("asyncio's secure clients, and its start_tls, talk to our server", "[integration][TL001][TL008][TL011]") {
    peers::run_with(has_python(), "no python3 with ssl", serve_python());
}

TEST_CASE("our secure client talks to asyncio's server", "[integration][TL001][TL011]") {
    peers::run_with(has_python(), "no python3 with ssl", ask_python());
}

TEST_CASE("openssl s_client talks to our server", "[integration]") {
    peers::run_with(has_openssl(), "no openssl", serve_openssl());
}

TEST_CASE("our client talks to openssl s_server, by TLS 1.3 and 1.2", "[integration]") {
    peers::run_with(has_openssl(), "no openssl", ask_openssl());
}
