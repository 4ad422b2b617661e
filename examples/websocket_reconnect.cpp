// SPDX-License-Identifier: BSL-1.0

// WebSocket client that does not give up: prints what a server sends, and connects again whenever it has to.
//
//     websocket_reconnect [URI]

#include <exception>
#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>
#include <aioxx/websocket.hpp>

namespace websocket = aioxx::websocket;

// Says why an attempt has failed, and lets the library decide whether another one makes sense.
std::exception_ptr report(std::exception_ptr failure) {
    const std::exception_ptr fatal = websocket::process_exception(failure);
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        std::cerr << (fatal ? "giving up: " : "trying again: ") << error.what() << std::endl;
    }
    return fatal;
}

aioxx::coro<> follow(std::string uri) {
    websocket::retry_options retries;
    retries.process_exception = report;
    const auto connections = websocket::reconnecting(uri, {}, retries);
    while (const auto connection = co_await connections.next()) {
        std::cerr << "connected" << std::endl;
        try {
            while (const auto message = co_await connection->next())
                std::cout << message->str() << std::endl;
        } catch (const websocket::connection_closed_error& lost) {
            std::cerr << lost.what() << std::endl;
        }
    }
}

int main(int argc, char** argv) try {
    aioxx::run(follow(argc > 1 ? argv[1] : "ws://127.0.0.1:8765/"));
} catch (const std::exception&) {
    return 1;  // it was reported
}
