// SPDX-License-Identifier: BSL-1.0
#pragma once

// aggregator/run.hpp: the verb `run`: starts commands, merges their lines, shows and ships them.

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <aioxx/core/coroutine.hpp>

#include "display.hpp"

namespace aggregator {

struct command {
    std::string name;
    std::string text;  ///< run by the shell when it needs one
};

struct run_settings {
    run_settings() = default;

    std::vector<command> commands;
    std::vector<std::string> hubs;  ///< ws:// URLs
    std::string agent;
    style shown_as = style::automatic;
    when color = when::automatic;
    bool time = false;
    bool prefix = true;
    bool quiet = false;
    bool require_hub = false;
    std::string until;  ///< stop everything when this one ends
    std::size_t max_line = 64 * 1024;
    std::chrono::milliseconds grace{10'000};
    std::chrono::milliseconds drain{1'000};
    std::chrono::milliseconds flush{5'000};
};

/// Runs the commands to their end. Returns: the exit status of the program.
aioxx::coro<int> run_commands(run_settings settings);

}  // namespace aggregator
