// SPDX-License-Identifier: BSL-1.0

// tests/bench/lines_asio_awaitable.cpp: lines by Asio's async_read_until in a coroutine, viewed in its
// streambuf, without exceptions.

#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>

#include "lines.hpp"
#include "server.hpp"

namespace {

constexpr auto as_result = asio::experimental::as_tuple(asio::use_awaitable);

asio::awaitable<void> read_lines(asio::posix::stream_descriptor input) {
    bench::line_counter counter;
    asio::streambuf buffer(bench::buffer_size);
    for (;;) {
        const auto [error, size] = co_await asio::async_read_until(input, buffer, '\n', as_result);
        if (error) break;
        counter.add({static_cast<const char*>(buffer.data().data()), size});
        buffer.consume(size);
    }
    counter.print();
}

}  // namespace

int main() {
    asio::io_context io(1);
    asio::co_spawn(io, read_lines(asio::posix::stream_descriptor(io, STDIN_FILENO)), asio::detached);
    io.run();
}
