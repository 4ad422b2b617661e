// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/seeds.hpp: runs the same test under many orders of what is independent. Every test loop made inside
// shuffles each of its batches by the seed, so that code which relies on the order of unrelated tasks is found out,
// and found again with the same seed.

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <aioxx/base/error.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/testing/failure_of.hpp>
#include <aioxx/testing/seed_scope.hpp>
#include <aioxx/testing/test_loop.hpp>

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

template <class Body>
void run_with_seed(std::uint64_t seed, Body& body) {
    const std::exception_ptr failure = failure_of([seed, &body] {
        const seed_scope scope(seed);
        if constexpr (std::is_invocable_v<Body&, std::uint64_t>) {
            body(seed);
        } else {
            test_loop loop;
            body(loop);
        }
    });
    if (failure) throw seed_failed(seed, describe(failure));
}

// What the environment wants to have replayed.
inline std::optional<std::uint64_t> wanted_seed() {
    const char* text = std::getenv("AIOXX_SEED");
    if (text == nullptr) return std::nullopt;
    const std::string_view digits(text);
    std::uint64_t seed = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), seed);
    if (problem == std::errc() && end == digits.data() + digits.size()) return seed;
    throw std::invalid_argument("AIOXX_SEED: expected a seed from 0 on, got '" + std::string(digits) + '\'');
}

}  // namespace detail

/// Calls a body with each seed from 1 to `count`. The test loops that it makes run in the order of that seed.
///
/// Parameters: `body` is called with a fresh test_loop; or with the seed, to make its loops itself and to use the seed
/// for random choices of its own. It fails by throwing, whatever it throws: REQUIRE of Catch2 tells of the seed, CHECK
/// goes on without. The environment variable AIOXX_SEED makes it one call with that seed.
/// Errors: seed_failed for the first seed under which the body throws; std::invalid_argument when AIOXX_SEED is none.
/// Example:
///     explore(1000, [](test_loop& loop) {
///         account from(100), to(0);
///         loop.run(transfer_twice(from, to));
///         REQUIRE(from.balance() + to.balance() == 100);
///     });
///
///     // Seed 17 failed. AIOXX_SEED=17 replays it from outside, and a test of its own keeps it:
///     test_loop loop({.seed = 17});
template <class Body>
void explore(std::uint64_t count, Body body) {
    if (const auto only = detail::wanted_seed()) return detail::run_with_seed(*only, body);
    for (std::uint64_t seed = 1; seed <= count; ++seed) detail::run_with_seed(seed, body);
}

}  // namespace aioxx::testing
