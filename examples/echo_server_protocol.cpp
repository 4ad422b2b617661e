// SPDX-License-Identifier: BSL-1.0

// TCP echo server as a protocol: the one of the asyncio manual.
// Sends the first data of each client back and closes the connection.
//
//     echo_server_protocol [HOST [PORT]]      port 0 lets the system choose

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include <aioxx/aioxx.hpp>

class echo_server : public aioxx::protocol {
public:
    void connection_made(aioxx::transport& transport) override {
        transport_ = &transport;
        if (const auto peer = transport.get_extra_info(aioxx::extra_info::peername)) {
            std::cout << "Connection from " << to_string(*peer) << '\n';
        }
    }
    void data_received(aioxx::bytes_view data) override {
        std::cout << "Data received: '" << data.str() << "'\n";
        transport_->write(data);
        std::cout << "Close the client socket" << std::endl;
        transport_->close();  // after what was written is sent
    }

private:
    aioxx::transport* transport_ = nullptr;
};

aioxx::coro<> run_server(std::string host, std::uint16_t port) {
    aioxx::server server =
        co_await aioxx::create_server([] { return std::make_shared<echo_server>(); }, host, port);
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
