// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/handle.hpp>

#include <memory>
#include <utility>
#include <vector>

#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

TEST_CASE("an empty handle can be cancelled and asked", "[core]") {
    handle empty;
    empty.cancel();
    CHECK_FALSE(empty.cancelled());
    CHECK(empty.when() == time_point{});
}

TEST_CASE("cancelling destroys the callback and its captures at once", "[core][EV030]") {
    testing::test_loop loop;
    auto captured = std::make_shared<int>(1);
    handle soon = loop.loop().call_soon([captured] { FAIL("ran"); });
    handle later = loop.loop().call_later(1s, [captured] { FAIL("ran"); });
    CHECK(captured.use_count() == 3);
    soon.cancel();
    later.cancel();
    CHECK(captured.use_count() == 1);
    CHECK(soon.cancelled());
    CHECK(later.cancelled());
    soon.cancel();
    later.cancel();
    loop.advance(2s);
}

TEST_CASE("a cancelled timer is forgotten: time does not stop for it", "[core]") {
    testing::test_loop loop;
    handle far = loop.loop().call_later(1h, [] {});
    far.cancel();
    loop.run([]() -> coro<> { co_return; }());
    CHECK(loop.elapsed() == 0s);
}

TEST_CASE("copies of a handle are equal: one cancels for all; dropping one changes nothing", "[core]") {
    testing::test_loop loop;
    int runs = 0;
    { handle dropped = loop.loop().call_soon([&] { ++runs; }); }
    handle first = loop.loop().call_soon([&] { runs += 100; });
    handle second = first;
    handle third = std::move(first);
    second.cancel();
    CHECK(third.cancelled());
    loop.settle();
    CHECK(runs == 1);
}

TEST_CASE("cancelling after the callback ran, or from within it, is harmless", "[core]") {
    testing::test_loop loop;
    int runs = 0;
    handle self;
    self = loop.loop().call_soon([&] {
        ++runs;
        self.cancel();
    });
    loop.settle();
    CHECK(runs == 1);
    self.cancel();
    loop.settle();
    CHECK(runs == 1);
}

TEST_CASE("an earlier callback of the same batch cancels a later one, timers included (BE006, BE016)", "[core]") {
    testing::test_loop loop;
    handle victim;
    handle late_victim;
    loop.loop().call_soon([&] { victim.cancel(); });
    victim = loop.loop().call_soon([] { FAIL("ran"); });
    loop.loop().call_later(1s, [&] { late_victim.cancel(); });
    late_victim = loop.loop().call_later(1s, [] { FAIL("ran"); });
    loop.advance(2s);
    CHECK(victim.cancelled());
    CHECK(late_victim.cancelled());
}

TEST_CASE("a handle that its own captures hold can be cancelled", "[core]") {
    testing::test_loop loop;
    auto holder = std::make_shared<handle>();
    std::weak_ptr<handle> watch = holder;
    *holder = loop.loop().call_later(1s, [holder] { FAIL("ran"); });
    handle& inside = *holder;
    holder.reset();
    inside.cancel();
    CHECK(watch.expired());
}

TEST_CASE("a handle knows its deadline and outlives its loop", "[core]") {
    handle kept;
    {
        testing::test_loop loop;
        const time_point when = loop.now() + 5s;
        kept = loop.loop().call_at(when, [] {});
        CHECK(kept.when() == when);
    }
    kept.cancel();
    CHECK(kept.cancelled());
}
