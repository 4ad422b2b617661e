// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/seed_scope.hpp>

#include <string>

#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx::testing;

namespace {

std::string order_of_eight(test_options options = {}) {
    test_loop loop(options);
    std::string order;
    for (char name = 'a'; name <= 'h'; ++name) loop.loop().call_soon([&order, name] { order += name; });
    loop.settle();
    return order;
}

}  // namespace

TEST_CASE("loops made in a seed scope have its seed, and those after it none", "[testing]") {
    CHECK(order_of_eight() == "abcdefgh");
    {
        const seed_scope outer(3);
        const std::string shuffled = order_of_eight();
        CHECK(shuffled != "abcdefgh");
        CHECK(order_of_eight({.seed = 3}) == shuffled);
        {
            const seed_scope inner(4);
            CHECK(order_of_eight() != shuffled);
        }
        CHECK(order_of_eight() == shuffled);
        CHECK(order_of_eight({.seed = 0}) == "abcdefgh");
    }
    CHECK(order_of_eight() == "abcdefgh");
}
