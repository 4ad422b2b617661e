// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/bench/micro.hpp: the operations of the coroutine table. Each library implements them in a file of its
// own, micro_<library>.cpp, by a type with a static function for each, and appears in the table of micro.cpp.

#include <cstddef>
#include <cstdint>

namespace bench {

/// What is compared. Each function does its operation so many times inside of a running loop.
struct operations {
    const char* name;  ///< of the library
    /// Awaits a child coroutine that returns a number without suspending.
    std::uint64_t (*await)(std::size_t count);
    /// Awaits a child coroutine that suspends once, until the next turn of the ready queue.
    std::uint64_t (*await_suspending)(std::size_t count);
    /// Starts a child as a task and awaits its result.
    std::uint64_t (*spawn_join)(std::size_t count);
    /// Goes to the back of the ready queue.
    std::uint64_t (*yield)(std::size_t count);
    /// Passes a number from one task to another through a queue that holds one.
    std::uint64_t (*queue)(std::size_t count);
    /// Starts a thousand children as tasks and awaits the results of all.
    std::uint64_t (*gather1000)(std::size_t count);

    // What follows not every library has; null then.

    /// Two tasks hand a lock to each other.
    std::uint64_t (*lock)(std::size_t count) = nullptr;
    /// One task sets an event and another one, which waits for it, clears it.
    std::uint64_t (*event)(std::size_t count) = nullptr;
    /// Arms a timeout around a child that returns at once.
    std::uint64_t (*timeout)(std::size_t count) = nullptr;
    /// Schedules a timer and cancels it.
    std::uint64_t (*timer)(std::size_t count) = nullptr;
};

/// Returns: what every operation has to return, the sum of the numbers that went through; a check against
/// programs that are fast because they do nothing.
constexpr std::uint64_t expected_sum(std::size_t count) {
    return std::uint64_t{count} * (count + 1) / 2;
}

extern const operations raw;
extern const operations asio_awaitable;
extern const operations aioxx_tasks;

}  // namespace bench
