// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/diagnostics.hpp>

#include <exception>
#include <stdexcept>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("every kind of exception has a text for reports", "[core]") {
    CHECK(describe(std::exception_ptr()) == "no exception");
    CHECK(describe(std::make_exception_ptr(std::runtime_error("x"))) == "x");
    CHECK(describe(std::make_exception_ptr(cancelled_error())) == "cancelled");
    CHECK(describe(std::make_exception_ptr(1)) == "an exception that does not derive from std::exception");
}

TEST_CASE("a context is one line with what happened, where, and why", "[core]") {
    CHECK(describe(exception_context{"bare", nullptr, ""}) == "bare");
    CHECK(describe(exception_context{"failed", std::make_exception_ptr(std::runtime_error("x")), "Task-1"}) ==
          "failed [Task-1]: x");
}
