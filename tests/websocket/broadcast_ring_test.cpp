// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/broadcast_ring.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::test_loop;
using websocket::broadcast_ring;
using websocket::ring_item;
using websocket::ring_limits;

namespace {

// "2+text" where two were missed before.
std::string text_of(const ring_item& item) {
    return (item.missed == 0 ? "" : std::to_string(item.missed) + "+") + std::string(item.content->str());
}

// What a cursor can get without waiting.
std::string all_of(broadcast_ring::cursor& from) {
    std::string text;
    while (const auto item = from.try_next()) text += text_of(*item) + " ";
    return text;
}

coro<std::string> read(broadcast_ring::cursor from, duration pause = 0s) {
    std::string text;
    while (const auto item = co_await from.next()) {
        text += text_of(*item) + " ";
        co_await sleep(pause);
    }
    co_return text + "end";
}

}  // namespace

TEST_CASE("every reader gets every message that comes after it", "[websocket]") {
    broadcast_ring ring;
    ring.push_text("before");
    auto first = ring.subscribe();
    ring.push_text("one");
    auto second = ring.subscribe();
    ring.push_binary("two");
    CHECK(first.behind() == 2);
    CHECK(second.behind() == 1);
    CHECK(all_of(first) == "one two ");
    CHECK(all_of(second) == "two ");
    CHECK(all_of(first).empty());
    CHECK(ring.count() == 3);
    CHECK(ring.size() == 3);
    CHECK(ring.bytes() == 12);
}

TEST_CASE("a message is kept once, and as long as somebody holds it", "[websocket]") {
    broadcast_ring ring{ring_limits(1)};
    auto first = ring.subscribe();
    auto second = ring.subscribe();
    ring.push_binary("shared");
    const auto one = first.try_next().value();
    const auto other = second.try_next().value();
    CHECK(one.content == other.content);
    CHECK_FALSE(one.content->is_text);
    ring.push_text("next");
    CHECK(one.content->str() == "shared");
    CHECK(one.content.use_count() == 2);  // the ring has let it go
}

TEST_CASE("a slow reader goes on with the oldest that is left and is told how many it has missed", "[websocket]") {
    broadcast_ring ring{ring_limits(3)};
    auto slow = ring.subscribe();
    auto fast = ring.subscribe();
    std::string seen;
    for (int i = 1; i <= 8; ++i) {
        ring.push_text(std::to_string(i));
        seen += all_of(fast);
    }
    CHECK(seen == "1 2 3 4 5 6 7 8 ");
    CHECK(slow.behind() == 8);
    CHECK(all_of(slow) == "5+6 7 8 ");
    for (int i = 1; i <= 3; ++i) ring.push_text("x");
    CHECK(all_of(slow) == "x x x ");  // exactly as many as are kept: none is missed
    for (int i = 1; i <= 4; ++i) ring.push_text("y");
    CHECK(all_of(slow) == "1+y y y ");
}

TEST_CASE("the bytes of all messages are limited as well, but the newest is always there", "[websocket]") {
    broadcast_ring ring{ring_limits(100, 10)};
    auto reader = ring.subscribe();
    ring.push_text("12345");
    ring.push_text("67890");
    CHECK(ring.size() == 2);
    ring.push_text("x");
    CHECK(ring.size() == 2);
    CHECK(ring.bytes() == 6);
    CHECK(all_of(reader) == "1+67890 x ");
    ring.push_text("much more than ten");
    CHECK(ring.size() == 1);
    CHECK(all_of(reader) == "much more than ten ");
    ring.push_text("");
    CHECK(ring.size() == 1);
    CHECK(ring.bytes() == 0);
}

TEST_CASE("a new reader may begin with what is kept", "[websocket]") {
    broadcast_ring ring{ring_limits(3)};
    for (int i = 1; i <= 5; ++i) ring.push_text(std::to_string(i));
    auto two = ring.subscribe(2);
    auto most = ring.subscribe(1000);
    auto none = ring.subscribe(0);
    CHECK(all_of(two) == "4 5 ");
    CHECK(all_of(most) == "3 4 5 ");
    CHECK(all_of(none).empty());
}

TEST_CASE("a reader may leave out what it has not read, and a copy of it goes on by itself", "[websocket]") {
    broadcast_ring ring{ring_limits(2)};
    auto reader = ring.subscribe();
    for (int i = 1; i <= 5; ++i) ring.push_text(std::to_string(i));
    auto copy = reader;
    CHECK(reader.skip() == 5);
    CHECK(reader.skip() == 0);
    CHECK(all_of(reader).empty());
    CHECK(all_of(copy) == "3+4 5 ");
}

TEST_CASE("next waits for the next message, and the end of the ring ends it when all is read", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        broadcast_ring ring{ring_limits(2)};
        task<std::string> quick = create_task(read(ring.subscribe()));
        task<std::string> slow = create_task(read(ring.subscribe(), 3500ms));
        for (int i = 1; i <= 6; ++i) {
            co_await sleep(1s);
            ring.push_text(std::to_string(i));
        }
        ring.close();
        CHECK(ring.is_closed());
        const std::string all = co_await quick;
        CHECK(all == "1 2 3 4 5 6 end");
        const std::string some = co_await slow;  // 1 at 1 s, then 3 at 4.5 s, then at 8 s what is left
        CHECK(some == "1 1+3 1+5 6 end");
        auto late = ring.subscribe();
        const auto nothing = co_await late.next();
        CHECK_FALSE(nothing);
        bool refused = false;
        try {
            ring.push_text("more");
        } catch (const closed_error&) {
            refused = true;
        }
        CHECK(refused);
    }());
}

TEST_CASE("a reader that is cancelled while it waits misses nothing", "[websocket]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        broadcast_ring ring;
        auto reader = ring.subscribe();
        const task<std::optional<ring_item>> waiting = create_task(reader.next());
        co_await sleep(1s);
        ring.push_text("one");
        waiting.cancel();  // it was woken already
        co_await sleep(1s);
        CHECK(waiting.cancelled());
        ring.push_text("two");
        CHECK(all_of(reader) == "one two ");
    }());
}

TEST_CASE("a cursor keeps what is in the ring, without the ring", "[websocket]") {
    auto ring = std::make_unique<broadcast_ring>();
    auto reader = ring->subscribe();
    ring->push_text("one");
    ring.reset();
    CHECK(all_of(reader) == "one ");
}

TEST_CASE("a ring without room is refused", "[websocket]") {
    CHECK_THROWS_AS(broadcast_ring(ring_limits(0)), std::invalid_argument);
    CHECK_THROWS_AS(broadcast_ring(ring_limits(1, 0)), std::invalid_argument);
}
