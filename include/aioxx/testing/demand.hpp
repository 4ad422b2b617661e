// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/demand.hpp: what a law of transports says when it is broken.

#include <string>

#include <aioxx/base/error.hpp>

namespace aioxx::testing {

/// A law does not hold.
class check_failed : public error {
    using error::error;
};

/// Errors: check_failed naming what does not hold. Parameters: `what` a sentence that is to be true.
inline void demand(bool holds, const std::string& what) {
    if (!holds) throw check_failed("not so: " + what);
}

/// Errors: check_failed unless a function throws the error that is expected; what else it throws.
template <class Error, class Function>
void demand_throws(Function&& function, const std::string& what) {
    bool thrown = false;
    try {
        function();
    } catch (const Error&) {
        thrown = true;
    }
    demand(thrown, what);
}

}  // namespace aioxx::testing
