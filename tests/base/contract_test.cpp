// SPDX-License-Identifier: BSL-1.0
#define AIOXX_CHECKS 1
#include <aioxx/base/contract.hpp>

#include <string>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

struct violation {
    std::string condition;
    std::string file;
    int line;
};

void throw_violation(const char* condition, const char* file, int line) { throw violation{condition, file, line}; }

}  // namespace

TEST_CASE("a broken requirement calls the handler with its text and place; a kept one does not", "[base]") {
    const violation_handler former = set_violation_handler(throw_violation);
    int value = 1;
    CHECK_NOTHROW([&] { AIOXX_EXPECTS(value == 1); }());
    try {
        AIOXX_EXPECTS(value == 2);
        FAIL("did not call the handler");
    } catch (const violation& seen) {
        CHECK(seen.condition == "value == 2");
        CHECK(seen.file.ends_with("contract_test.cpp"));
        CHECK(seen.line > 0);
    }
    CHECK(set_violation_handler(former) == throw_violation);
    CHECK(set_violation_handler(nullptr) == former);  // null restores the default
}
