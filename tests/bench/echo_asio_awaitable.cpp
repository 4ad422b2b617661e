// SPDX-License-Identifier: BSL-1.0

// tests/bench/echo_asio_awaitable.cpp: an echo server by Asio's own coroutines, without exceptions.

#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <memory>
#include <utility>

#include "server.hpp"

namespace {

using asio::ip::tcp;

constexpr auto as_result = asio::experimental::as_tuple(asio::use_awaitable);

asio::awaitable<void> echo(tcp::socket socket) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(bench::buffer_size);
    for (;;) {
        const auto [read_error, received] =
            co_await socket.async_read_some(asio::buffer(buffer.get(), bench::buffer_size), as_result);
        if (read_error) co_return;
        const auto [write_error, sent] =
            co_await asio::async_write(socket, asio::buffer(buffer.get(), received), as_result);
        if (write_error) co_return;
    }
}

asio::awaitable<void> serve(tcp::acceptor& acceptor) {
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(as_result);
        if (error) continue;
        socket.set_option(tcp::no_delay(true), error);
        asio::co_spawn(acceptor.get_executor(), echo(std::move(socket)), asio::detached);
    }
}

}  // namespace

int main(int argc, char** argv) {
    asio::io_context io(1);
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), bench::port_argument(argc, argv)});
    asio::co_spawn(io, serve(acceptor), asio::detached);
    bench::announce(acceptor.local_endpoint().port());
    io.run();
}
