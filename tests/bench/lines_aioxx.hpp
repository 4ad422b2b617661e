// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/lines_aioxx.hpp: the standard input as a stream of aioxx.

#include <memory>
#include <utility>

#include <unistd.h>

#include <aioxx/net/pipes.hpp>
#include <aioxx/streams/open_connection.hpp>

#include "server.hpp"

namespace bench {

inline aioxx::coro<aioxx::stream> open_input() {
    auto made = co_await aioxx::connect_read_pipe(
        [] { return std::make_shared<aioxx::stream_protocol>(buffer_size); }, aioxx::unique_fd(STDIN_FILENO));
    co_return aioxx::make_stream(made.protocol);
}

}  // namespace bench
