// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/acquire.hpp>

#include <utility>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

struct owner {
    void hand_on() noexcept { ++released; }
    int released = 0;
};

}  // namespace

TEST_CASE("what is held is released once, by whoever holds it last", "[sync]") {
    owner one;
    owner other;
    {
        held<owner> first(one);
        CHECK(first);
        held<owner> second(std::move(first));
        CHECK_FALSE(first);
        CHECK(one.released == 0);
        held<owner> third(other);
        third = std::move(second);
        CHECK(other.released == 1);
        CHECK(one.released == 0);
        third.release();
        CHECK(one.released == 1);
        CHECK_FALSE(third);
    }
    CHECK(one.released == 1);
    CHECK(other.released == 1);
}
