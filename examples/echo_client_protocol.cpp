// SPDX-License-Identifier: BSL-1.0

// TCP echo client as a protocol: the one of the asyncio manual.
// Sends a message, waits for the answer, and ends when the connection does.
//
//     echo_client_protocol [HOST [PORT]]

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/aioxx.hpp>

class echo_client : public aioxx::protocol {
public:
    echo_client(std::string message, aioxx::future<> on_connection_lost)
        : message_(std::move(message)), on_connection_lost_(std::move(on_connection_lost)) {}

    void connection_made(aioxx::transport& transport) override {
        transport.write(message_);
        std::cout << "Data sent: '" << message_ << "'\n";
    }
    void data_received(aioxx::bytes_view data) override { std::cout << "Data received: '" << data.str() << "'\n"; }
    void connection_lost(std::exception_ptr) override {
        std::cout << "The server closed the connection\n";
        on_connection_lost_.set_result();
    }

private:
    std::string message_;
    aioxx::future<> on_connection_lost_;
};

aioxx::coro<> run_client(std::string host, std::uint16_t port) {
    const aioxx::future<> on_connection_lost = aioxx::create_future();
    auto [transport, protocol] = co_await aioxx::create_connection(
        [&] { return std::make_shared<echo_client>("Hello World!", on_connection_lost); }, host, port);
    co_await on_connection_lost;
    transport->close();
}

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "127.0.0.1";
    const int port = argc > 2 ? std::atoi(argv[2]) : 8888;
    aioxx::run(run_client(host, static_cast<std::uint16_t>(port)));
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
