// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/failure_of.hpp>

#include <stdexcept>

#include <aioxx/base/error.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/core/diagnostics.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using testing::failure_of;

TEST_CASE("a failure of any type becomes a value", "[testing]") {
    CHECK(failure_of([] {}) == nullptr);
    CHECK(describe(failure_of([] { throw std::runtime_error("no"); })) == "no");
    CHECK(is_cancelled(failure_of([] { throw cancelled_error(); })));
    CHECK(failure_of([] { throw 7; }) != nullptr);
}
