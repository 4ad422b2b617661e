// SPDX-License-Identifier: BSL-1.0

// WebSocket echo server: sends every message back as it came.
//
//     websocket_echo_server [HOST [PORT]]      port 0 lets the system choose

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>
#include <aioxx/websocket.hpp>

aioxx::coro<> echo(aioxx::websocket::connection connection) {
    while (auto message = co_await connection.next()) co_await connection.send(*message);
}

aioxx::coro<> run_server(std::string host, std::uint16_t port) {
    auto server = co_await aioxx::websocket::serve(echo, host, port);
    std::cout << "Serving on ws://" << host << ':' << server.port() << '/' << std::endl;
    co_await server.serve_forever();
}

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "127.0.0.1";
    const int port = argc > 2 ? std::atoi(argv[2]) : 8765;
    aioxx::run(run_server(host, static_cast<std::uint16_t>(port)));
} catch (const aioxx::interrupted_error&) {
    std::cout << "Stopped\n";
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
