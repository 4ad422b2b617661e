// SPDX-License-Identifier: BSL-1.0

// tests/bench/echo_asio_callback.cpp: an echo server by Asio's callbacks, as its users write it.

#include <asio.hpp>
#include <memory>
#include <utility>

#include "server.hpp"

namespace {

using asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
public:
    explicit session(tcp::socket socket) : socket_(std::move(socket)) {}

    void read() {
        socket_.async_read_some(asio::buffer(buffer_.get(), bench::buffer_size),
                                [self = shared_from_this()](std::error_code error, std::size_t received) {
                                    if (!error) self->write(received);
                                });
    }

private:
    void write(std::size_t size) {
        asio::async_write(socket_, asio::buffer(buffer_.get(), size),
                          [self = shared_from_this()](std::error_code error, std::size_t) {
                              if (!error) self->read();
                          });
    }

    tcp::socket socket_;
    std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(bench::buffer_size);
};

void accept(tcp::acceptor& acceptor) {
    acceptor.async_accept([&acceptor](std::error_code error, tcp::socket socket) {
        if (!error) {
            socket.set_option(tcp::no_delay(true), error);
            std::make_shared<session>(std::move(socket))->read();
        }
        accept(acceptor);
    });
}

}  // namespace

int main(int argc, char** argv) {
    asio::io_context io(1);
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), bench::port_argument(argc, argv)});
    accept(acceptor);
    bench::announce(acceptor.local_endpoint().port());
    io.run();
}
