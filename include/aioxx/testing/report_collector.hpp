// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/report_collector.hpp: what a loop reports, for tests on a real one. A test_loop keeps its own.

#include <vector>

#include <aioxx/base/pinned.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>

namespace aioxx::testing {

/// Stands in for the exception handler of the running loop while it lives, and restores the default one at its end.
///
/// Lifetime: ends before the loop does.
class report_collector : pinned {
public:
    report_collector() : loop_(get_running_loop()) {
        loop_.set_exception_handler([this](const exception_context& context) { seen.push_back(context); });
    }
    ~report_collector() { loop_.set_exception_handler({}); }

    std::vector<exception_context> seen;  ///< in order; describe() makes texts of them

private:
    event_loop& loop_;
};

}  // namespace aioxx::testing
