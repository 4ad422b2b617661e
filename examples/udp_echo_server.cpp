// SPDX-License-Identifier: BSL-1.0

// UDP echo server in callback style: the one of the asyncio manual.
//
//     udp_echo_server [HOST [PORT]]      port 0 lets the system choose

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include <aioxx/aioxx.hpp>

class echo_server_protocol : public aioxx::datagram_protocol {
public:
    void connection_made(aioxx::datagram_transport& made) override { transport_ = &made; }
    void datagram_received(aioxx::bytes_view data, const aioxx::endpoint& sender) override {
        std::cout << "Received '" << data.str() << "' from " << to_string(sender) << std::endl;
        transport_->sendto(data, sender);
    }

private:
    aioxx::datagram_transport* transport_ = nullptr;
};

aioxx::coro<> serve(std::string host, std::uint16_t port) {
    auto made = co_await aioxx::create_datagram_endpoint([] { return std::make_shared<echo_server_protocol>(); },
                                                         {.local_address = aioxx::endpoint::from_ip(host, port)});
    std::cout << "Serving on " << to_string(*made.transport->get_extra_info(aioxx::extra_info::sockname)) << std::endl;
    co_await aioxx::create_future();  // until the program is interrupted
}

int main(int argc, char** argv) try {
    const std::string host = argc > 1 ? argv[1] : "127.0.0.1";
    const int port = argc > 2 ? std::atoi(argv[2]) : 9999;
    aioxx::run(serve(host, static_cast<std::uint16_t>(port)));
} catch (const aioxx::interrupted_error&) {
    std::cout << "Stopped\n";
} catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
}
