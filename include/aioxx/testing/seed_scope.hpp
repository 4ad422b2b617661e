// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/seed_scope.hpp: the seed of the test loops that are made now: what explore sets, and test_options begins with.

#include <cstdint>
#include <utility>

#include <aioxx/base/pinned.hpp>

namespace aioxx::testing {

namespace detail {
// Zero keeps loops first come first served.
inline thread_local std::uint64_t present_seed = 0;
}  // namespace detail

/// Gives every test loop of this thread a seed, until the end of the scope, unless its options name another.
///
/// So helpers which make their own loops, check_sync for example, run under a seed as well. Scopes nest.
/// Example:
///     const seed_scope replay(17);
///     check_sync<my_primitive>();
class seed_scope : pinned {
public:
    /// Parameters: `seed` zero for first come first served.
    explicit seed_scope(std::uint64_t seed) noexcept : former_(std::exchange(detail::present_seed, seed)) {}
    ~seed_scope() { detail::present_seed = former_; }

private:
    std::uint64_t former_;
};

}  // namespace aioxx::testing
