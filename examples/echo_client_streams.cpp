// SPDX-License-Identifier: BSL-1.0

// TCP echo client with streams: the one of the asyncio manual.
//
//     echo_client_streams [HOST [PORT [MESSAGE]]]

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>

aioxx::coro<> tcp_echo_client(std::string host, std::uint16_t port, std::string message) {
    auto [reader, writer] = co_await aioxx::open_connection(host, port);

    std::cout << "Send: '" << message << "'\n";
    co_await writer.send(message);

    const aioxx::bytearray data = co_await reader.read(100);
    std::cout << "Received: '" << data.str() << "'\n";

    std::cout << "Close the connection\n";
    writer.close();
    co_await writer.wait_closed();
}

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "127.0.0.1";
    const int port = argc > 2 ? std::atoi(argv[2]) : 8888;
    const std::string message = argc > 3 ? argv[3] : "Hello World!";
    aioxx::run(tcp_echo_client(host, static_cast<std::uint16_t>(port), message));
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
