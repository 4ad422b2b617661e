// SPDX-License-Identifier: BSL-1.0

// tests/bench/websocket/websocket_echo_aioxx.cpp: the library's WebSocket echo.
// AIOXX_BENCH_SINK: it answers only the messages "?"; with AIOXX_BENCH_BATCH, it takes many at a time. AIOXX_BENCH_OWNED: with
// messages of its own instead of views.

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

coro<> sink_batches(websocket::connection peer) {
    for (;;) {
        const auto batch = co_await peer.receive_batch();
        for (const websocket::message_view& message : batch) {
            if (message.data.size() == 1) co_await peer.send(message);
        }
    }
}

bool is_set(const char* name) { return std::getenv(name) != nullptr; }

coro<> serve_forever(std::uint16_t port) {
    websocket::serve_options options;
    options.compression.reset();
    auto handler = is_set("AIOXX_BENCH_OWNED") ? echo_owned : echo;
    if (bench::is_sink()) handler = is_set("AIOXX_BENCH_BATCH") ? sink_batches : sink;
    websocket::server listening = co_await websocket::serve(handler, "127.0.0.1", port, options);
    bench::announce(listening.port());
    co_await listening.serve_forever();
}

}  // namespace

int main(int argc, char** argv) { run(serve_forever(bench::port_argument(argc, argv))); }
