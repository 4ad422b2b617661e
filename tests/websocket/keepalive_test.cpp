// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/keepalive.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;
using websocket::keepalive;
using websocket::keepalive_times;
using websocket::optional_time;
using websocket::pending_pings;

namespace {

// Writes down when what was called for, in seconds.
class schedule : private test_loop, public keepalive {
public:
    schedule(optional_time interval, optional_time timeout) : keepalive(test_loop::loop()), times_{interval, timeout} {
        start();
    }
    test_loop& loop() { return *this; }

    std::vector<std::string> story;

private:
    keepalive_times times() const noexcept override { return times_; }
    void send_keepalive_ping() override { note("ping"); }
    void on_pong_overdue() override { note("overdue"); }
    void note(const char* what) {
        story.push_back(what + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(elapsed()).count()));
    }

    keepalive_times times_;
};

using story = std::vector<std::string>;

}  // namespace

TEST_CASE("a ping is due at every interval while pongs come", "[websocket]") {
    schedule with(20s, 20s);
    for (int i = 0; i < 3; ++i) {
        with.loop().advance(i == 0 ? 25s : 20s);
        with.answered();
    }
    with.loop().advance(10s);
    CHECK(with.story == story{"ping20", "ping40", "ping60"});
}

TEST_CASE("a pong that does not come is overdue, also when the timeout equals the interval", "[websocket]") {
    schedule equal(20s, 20s);
    equal.loop().advance(39s);
    CHECK(equal.story == story{"ping20"});
    equal.loop().advance(1s);
    CHECK(equal.story == story{"ping20", "overdue40"});
    schedule longer(10s, 25s);
    longer.loop().advance(100s);
    CHECK(longer.story == story{"ping10", "overdue35"});
}

TEST_CASE("a late pong makes the next ping follow at once", "[websocket]") {
    schedule with(10s, 25s);
    with.loop().advance(30s);
    with.answered();
    with.loop().settle();
    CHECK(with.story == story{"ping10", "ping30"});
}

TEST_CASE("without a timeout pings go on, without an interval there are none", "[websocket]") {
    schedule untimed(10s, {});
    untimed.loop().advance(35s);
    CHECK(untimed.story == story{"ping10", "ping20", "ping30"});
    schedule off({}, 20s);
    off.loop().advance(100s);
    CHECK(off.story.empty());
}

TEST_CASE("stop ends both timers", "[websocket]") {
    schedule before(10s, 10s);
    before.loop().advance(5s);
    before.stop();
    before.loop().advance(100s);
    CHECK(before.story.empty());
    schedule waiting(10s, 10s);
    waiting.loop().advance(15s);
    waiting.stop();
    waiting.answered();
    waiting.loop().advance(100s);
    CHECK(waiting.story == story{"ping10"});
}

TEST_CASE("a pong answers its ping and those before it", "[websocket]") {
    test_loop loop;
    pending_pings pings;
    const future<duration> a = pings.add(loop.loop(), "a");
    loop.advance(1s);
    const future<duration> b = pings.add(loop.loop(), "b");
    const future<duration> c = pings.add(loop.loop(), "c");
    CHECK(pings.contains("b"));
    loop.advance(2s);
    CHECK(!pings.answer("unknown", loop.now()));
    CHECK(!a.done());
    CHECK(pings.answer("b", loop.now()) == 2s);
    CHECK(a.result() == 3s);
    CHECK(b.result() == 2s);
    CHECK(!c.done());
    CHECK(!pings.contains("a"));
    CHECK(!pings.answer("a", loop.now()));
    pings.fail(std::make_exception_ptr(std::runtime_error("over")));
    CHECK_THROWS_AS(c.result(), std::runtime_error);
    CHECK(!pings.contains("c"));
}

TEST_CASE("a ping whose waiter has gone can still be answered", "[websocket]") {
    test_loop loop;
    pending_pings pings;
    {
        future<duration> given_up = pings.add(loop.loop(), "x");
        given_up.cancel();
    }
    CHECK(pings.answer("x", loop.now()) == duration::zero());
}
