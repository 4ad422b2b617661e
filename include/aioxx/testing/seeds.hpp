// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/seeds.hpp: runs the same test under many orders of what is independent. Every test loop made inside
// shuffles each of its batches by the seed, so that code which relies on the order of unrelated tasks is found out,
// and found again with the same seed.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>

namespace aioxx::testing {

/// A body failed under a seed; the text says under which, and how to have it again.
class seed_failed : public error {
public:
    seed_failed(std::uint64_t seed, const std::string& what)
        : error("under seed " + std::to_string(seed) + " (AIOXX_SEED=" + std::to_string(seed) + " runs just that): " + what),
          seed_(seed) {}
    [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

private:
    std::uint64_t seed_;
};

namespace detail {

// Of the loops that are made now; zero keeps them first come first served.
inline thread_local std::uint64_t present_seed = 0;

class seed_scope : pinned {
public:
    explicit seed_scope(std::uint64_t seed) noexcept : former_(std::exchange(present_seed, seed)) {}
    ~seed_scope() { present_seed = former_; }

private:
    std::uint64_t former_;
};

template <class Body>
void run_with_seed(std::uint64_t seed, Body& body) {
    const seed_scope scope(seed);
    try {
        body(seed);
    } catch (const std::exception& failure) {
        throw seed_failed(seed, failure.what());
    }
}

}  // namespace detail

/// Calls a body with each seed from 1 to `count`. The loops that it makes run in the order of that seed.
///
/// Parameters: `body` is called with the seed, which it may use for its own random choices; it fails by throwing a
/// std::exception. The environment variable AIOXX_SEED makes it one call with that seed.
/// Errors: seed_failed for the first seed under which the body throws.
/// Example:
///     explore(1000, [](std::uint64_t) {
///         test_loop loop;
///         loop.run(transfer_money());
///     });
template <class Body>
void explore(std::uint64_t count, Body body) {
    if (const char* only = std::getenv("AIOXX_SEED")) return detail::run_with_seed(std::strtoull(only, nullptr, 10), body);
    for (std::uint64_t seed = 1; seed <= count; ++seed) detail::run_with_seed(seed, body);
}

}  // namespace aioxx::testing
