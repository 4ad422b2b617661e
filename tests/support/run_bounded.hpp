// SPDX-License-Identifier: BSL-1.0
#pragma once

// support/run_bounded.hpp: runs a test on real descriptors and processes, and ends it when it hangs.

#include <chrono>
#include <utility>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>

namespace support {

template <class T>
T run_bounded(aioxx::coro<T> main) {
    return aioxx::run(aioxx::wait_for(std::move(main), std::chrono::seconds(20)));
}

}  // namespace support
