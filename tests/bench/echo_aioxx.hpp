// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/echo_aioxx.hpp: what the two echo servers of aioxx do alike: listen, announce the port, serve.

#include <csignal>
#include <cstdint>
#include <utility>

#include <aioxx/net/server.hpp>
#include <aioxx/tasks/runner.hpp>

#include "server.hpp"

namespace bench {

// Parameters: `listening` a coroutine that gives the server.
inline aioxx::coro<> serve(aioxx::coro<aioxx::server> listening) {
    aioxx::server server = co_await std::move(listening);
    aioxx::get_running_loop().add_signal_handler(SIGTERM, [server]() mutable { server.close(); });
    announce(server.port());
    co_await server.serve_forever();
}

}  // namespace bench
