// SPDX-License-Identifier: BSL-1.0

// UDP echo client that awaits its answer, asks again when it does not come, and gives up in the end.
//
//     udp_echo_client [HOST [PORT [MESSAGE]]]

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>

using namespace std::chrono_literals;

aioxx::coro<> ask(std::string host, std::uint16_t port, std::string message) {
    aioxx::datagram_socket socket = co_await aioxx::open_datagram_socket(host, port);
    for (int attempt = 1; attempt <= 3; ++attempt) {
        std::cout << "Send: '" << message << "'\n";
        co_await socket.send(message);
        try {
            const aioxx::bytearray answer = co_await aioxx::wait_for(socket.receive(), 1s);
            std::cout << "Received: '" << answer.str() << "'\n";
            co_return;
        } catch (const aioxx::timeout_error&) {
            std::cout << "No answer\n";
        }
    }
}

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "127.0.0.1";
    const int port = argc > 2 ? std::atoi(argv[2]) : 9999;
    const std::string message = argc > 3 ? argv[3] : "Hello World!";
    aioxx::run(ask(host, static_cast<std::uint16_t>(port), message));
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
