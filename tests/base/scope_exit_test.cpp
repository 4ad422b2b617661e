// SPDX-License-Identifier: BSL-1.0
#include <aioxx/base/scope_exit.hpp>

#include "support/catch.hpp"

using namespace aioxx;

TEST_CASE("a scope_exit calls on every way out, once, unless it is released", "[base]") {
    int calls = 0;
    {
        const scope_exit at_end([&calls] { ++calls; });
        CHECK(calls == 0);
    }
    CHECK(calls == 1);
    try {
        const scope_exit at_end([&calls] { ++calls; });
        throw 1;
    } catch (int) {
    }
    CHECK(calls == 2);
    {
        scope_exit at_end([&calls] { ++calls; });
        at_end.release();
    }
    CHECK(calls == 2);
}
