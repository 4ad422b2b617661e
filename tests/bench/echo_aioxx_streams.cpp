// SPDX-License-Identifier: BSL-1.0

// tests/bench/echo_aioxx_streams.cpp: echo by aioxx streams.

#include <aioxx/streams/start_server.hpp>

#include "echo_aioxx.hpp"

namespace {

aioxx::coro<> echo(aioxx::stream_reader reader, aioxx::stream_writer writer) {
    for (;;) {
        const aioxx::bytes_view data = co_await reader.read_view();
        if (data.empty()) co_return;
        co_await writer.send(data);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint16_t port = bench::port_argument(argc, argv);
    aioxx::run(bench::serve(aioxx::start_server(echo, "127.0.0.1", port, {.backlog = 4096})));
}
