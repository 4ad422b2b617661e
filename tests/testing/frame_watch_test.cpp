// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/frame_watch.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace aioxx::testing;
using namespace std::chrono_literals;

namespace {

coro<> short_nap() { co_await sleep(1s); }

// A future whose callback holds the future itself. Broken up by the caller, so that no leak checker complains.
struct holds_itself {
    future<> self;
};
std::shared_ptr<holds_itself> hold_itself(event_loop& loop) {
    auto knot = std::make_shared<holds_itself>();
    knot->self = future<>(loop);
    knot->self.add_done_callback([knot] {});
    return knot;
}

}  // namespace

TEST_CASE("what a loop ran to its end gives every frame back", "[testing]") {
    const frame_watch watch;
    {
        test_loop loop;
        loop.run(short_nap());
        const task<> kept = create_task(loop.loop(), short_nap());
        loop.settle();
        CHECK(watch.alive() > 0);
        CHECK_THROWS_AS(watch.require_none_alive(), lost_frames);
        kept.cancel();
        loop.settle();
    }
    CHECK(watch.alive() == 0);
    CHECK_NOTHROW(watch.require_none_alive());
}

TEST_CASE("things that hold each other are found, with their sizes", "[testing]") {
    test_loop loop;
    std::shared_ptr<holds_itself> knot;
    std::string what;
    try {
        check_frames([&] { knot = hold_itself(loop.loop()); });
    } catch (const lost_frames& failure) {
        what = failure.what();
    }
    CHECK(what.find("never given back to the frame pool: 1 of ") == 0);
    knot->self = {};
}

TEST_CASE("what was taken before the watch does not count", "[testing]") {
    test_loop loop;
    task<> before = create_task(loop.loop(), short_nap());
    {
        const frame_watch watch;
        before.cancel();
        loop.settle();
        before = {};
        CHECK(watch.alive() == 0);
    }
    check_frames([&loop] { loop.run(short_nap()); });
}

TEST_CASE("what an inner watch leaves alive counts for the outer one", "[testing]") {
    test_loop loop;
    const frame_watch outer;
    task<> left;
    {
        const frame_watch inner;
        left = create_task(loop.loop(), short_nap());
        CHECK(inner.alive() == 2);  // the coroutine and the task
    }
    CHECK(outer.alive() == 2);
    left.cancel();
    loop.settle();
    left = {};
    CHECK(outer.alive() == 0);
}

TEST_CASE("a watch sees each allocation, and can make it fail", "[testing]") {
    std::size_t seen = 0;
    {
        const frame_watch watch([&seen](std::size_t) {
            if (++seen == 2) throw std::runtime_error("no memory");
        });
        coro<> first = short_nap();
        CHECK_THROWS_AS(short_nap(), std::runtime_error);
        CHECK(watch.alive() == 1);
        first.close();
    }
    short_nap().close();
    CHECK(seen == 2);
}
