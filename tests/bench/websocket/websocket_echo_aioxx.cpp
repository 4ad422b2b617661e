// SPDX-License-Identifier: BSL-1.0

// tests/bench/websocket/websocket_echo_aioxx.cpp: the library's WebSocket echo.
// AIOXX_BENCH_SINK: it answers only the messages "?". AIOXX_BENCH_OWNED: with messages of its own instead of views.

#include <cstdlib>
#include <utility>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/websocket/serve.hpp>

#include "handshake.hpp"

namespace {

using namespace aioxx;

coro<> echo(websocket::connection peer) {
    for (;;) {
        const websocket::message_view message = co_await peer.receive_view();
        co_await peer.send(message);
    }
}

coro<> echo_owned(websocket::connection peer) {
    while (auto message = co_await peer.next()) co_await peer.send(*message);
}

coro<> sink(websocket::connection peer) {
    for (;;) {
        const websocket::message_view message = co_await peer.receive_view();
        if (message.data.size() == 1) co_await peer.send(message);
    }
}

coro<> serve_forever(std::uint16_t port) {
    websocket::serve_options options;
    options.compression.reset();
    auto handler = bench::is_sink() ? sink : std::getenv("AIOXX_BENCH_OWNED") != nullptr ? echo_owned : echo;
    websocket::server listening = co_await websocket::serve(handler, "127.0.0.1", port, options);
    bench::announce(listening.port());
    co_await listening.serve_forever();
}

}  // namespace

int main(int argc, char** argv) { run(serve_forever(bench::port_argument(argc, argv))); }
