// SPDX-License-Identifier: BSL-1.0
#pragma once

// aggregator/hub.hpp: the verb `hub`: receives the records of several programs and prints one log.

#include <cstdint>
#include <string>

#include <aioxx/core/coroutine.hpp>

#include "display.hpp"

namespace aggregator {

struct hub_settings {
    hub_settings() = default;

    std::string host = "127.0.0.1";
    std::uint16_t port = 7700;
    style shown_as = style::automatic;
    when color = when::automatic;
    bool time = false;
    bool quiet = false;
};

/// Serves until SIGINT or SIGTERM. Returns: the exit status of the program.
aioxx::coro<int> run_hub(hub_settings settings);

}  // namespace aggregator
