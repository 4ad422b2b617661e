// SPDX-License-Identifier: BSL-1.0

// A secure echo: a server with a certificate, and a client that says whom it trusts. With one more word the
// connection begins in the clear and both sides turn to TLS after a line, as mail servers do.
//
//     tls_echo CERTIFICATE KEY AUTHORITY [starttls]      PEM files; the certificate is for "localhost"

#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>
#include <aioxx/tls.hpp>

namespace tls = aioxx::tls;

aioxx::coro<> handle_echo(aioxx::stream_reader reader, aioxx::stream_writer writer) {
    const aioxx::bytearray line = co_await reader.readline();
    co_await writer.send(line);
}

aioxx::coro<> secure_echo(tls::context server_side, tls::context client_side) {
    aioxx::server server = co_await aioxx::start_server(handle_echo, "127.0.0.1", 0, server_side);

    tls::connection_options secure;
    secure.server_hostname = "localhost";
    auto [reader, writer] = co_await aioxx::open_connection("127.0.0.1", server.port(), client_side, secure);
    std::cout << "speaking " << *writer.get_extra_info(aioxx::extra_info::tls_version) << '\n';
    co_await writer.send("hello\n");
    const aioxx::bytearray echoed = co_await reader.readline();
    std::cout << echoed.str();
    co_await server.shutdown(std::chrono::seconds(5));
}

aioxx::coro<> upgrading_echo(tls::context server_side, tls::context client_side) {
    auto serve = [server_side](aioxx::stream_reader reader, aioxx::stream_writer writer) -> aioxx::coro<> {
        co_await reader.readline();
        co_await writer.send("go ahead\n");
        co_await aioxx::start_tls(writer, server_side);
        co_await handle_echo(std::move(reader), std::move(writer));
    };
    aioxx::server server = co_await aioxx::start_server(serve, "127.0.0.1", 0);

    auto [reader, writer] = co_await aioxx::open_connection("127.0.0.1", server.port());
    co_await writer.send("STARTTLS\n");
    const aioxx::bytearray answer = co_await reader.readline();
    std::cout << "in the clear: " << answer.str();

    tls::connection_options secure;
    secure.server_hostname = "localhost";
    co_await aioxx::start_tls(writer, client_side, secure);
    std::cout << "speaking " << *writer.get_extra_info(aioxx::extra_info::tls_version) << '\n';
    co_await writer.send("hello\n");
    const aioxx::bytearray echoed = co_await reader.readline();
    std::cout << echoed.str();
    co_await server.shutdown(std::chrono::seconds(5));
}

int main(int argc, char** argv) try {
    if (argc < 4) {
        std::cerr << "usage: tls_echo CERTIFICATE KEY AUTHORITY [starttls]\n";
        return 2;
    }
    tls::context server_side = tls::context::for_server(argv[1], argv[2]);
    tls::context client_side = tls::context::for_client();
    client_side.load_verify_file(argv[3]);
    aioxx::run(argc > 4 ? upgrading_echo(server_side, client_side) : secure_echo(server_side, client_side));
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
