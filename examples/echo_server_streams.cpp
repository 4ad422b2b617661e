// SPDX-License-Identifier: BSL-1.0

// TCP echo server with streams: the one of the asyncio manual.
// Reads once from each client, sends it back, and leaves: leaving the handler closes the connection.
//
//     echo_server_streams [HOST [PORT]]      port 0 lets the system choose

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>

aioxx::coro<> handle_echo(aioxx::stream_reader reader, aioxx::stream_writer writer) {
    const aioxx::bytearray data = co_await reader.read(100);
    const auto peer = writer.get_extra_info(aioxx::extra_info::peername);
    std::cout << "Received '" << data.str() << "' from " << (peer ? to_string(*peer) : "nobody") << '\n';

    std::cout << "Send: '" << data.str() << "'\n";
    co_await writer.send(data);

    std::cout << "Close the connection" << std::endl;
}

aioxx::coro<> run_server(std::string host, std::uint16_t port) {
    aioxx::server server = co_await aioxx::start_server(handle_echo, host, port);
    for (const aioxx::endpoint& address : server.addresses()) std::cout << "Serving on " << to_string(address) << std::endl;
    co_await server.serve_forever();
}

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "127.0.0.1";
    const int port = argc > 2 ? std::atoi(argv[2]) : 8888;
    aioxx::run(run_server(host, static_cast<std::uint16_t>(port)));
} catch (const aioxx::interrupted_error&) {
    std::cout << "Stopped\n";
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
