// SPDX-License-Identifier: BSL-1.0

// WebSocket client: sends each line of a few, prints what comes back, closes.
//
//     websocket_echo_client [URI [MESSAGE...]]

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/aioxx.hpp>
#include <aioxx/websocket.hpp>

aioxx::coro<> hello(std::string uri, std::vector<std::string> messages) {
    auto connection = co_await aioxx::websocket::connect(uri);
    for (const std::string& message : messages) {
        co_await connection.send_text(message);
        const auto answer = co_await connection.receive();
        std::cout << answer.str() << '\n';
    }
    co_await connection.close();
}

int main(int argc, char** argv) try {
    const std::string uri = argc > 1 ? argv[1] : "ws://127.0.0.1:8765/";
    std::vector<std::string> messages(argv + std::min(argc, 2), argv + argc);
    if (messages.empty()) messages = {"Hello world!"};
    aioxx::run(hello(uri, std::move(messages)));
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
