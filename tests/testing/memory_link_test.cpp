// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/memory_link.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/testing/seeds.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::link_break;
using testing::link_options;
using testing::memory_link;
using testing::recording_protocol;
using testing::test_loop;

namespace {

// Two recorders at the ends of a link. Writes leave at the end of a turn, which settle() makes.
struct connected {
    explicit connected(const link_options& both = {}, bool keeps_open = false)
        : link(loop.loop(), both),
          near(std::make_shared<recording_protocol>(keeps_open)),
          far(std::make_shared<recording_protocol>(keeps_open)),
          a(std::make_shared<stream_transport>(loop.loop(), std::move(link.a), near)),
          b(std::make_shared<stream_transport>(loop.loop(), std::move(link.b), far)) {
        a->start();
        b->start();
        loop.settle();
    }
    void send(const std::string& text) {
        a->write(text);
        loop.settle();
    }

    test_loop loop;
    memory_link link;
    std::shared_ptr<recording_protocol> near;
    std::shared_ptr<recording_protocol> far;
    std::shared_ptr<stream_transport> a;
    std::shared_ptr<stream_transport> b;
};

// When each portion arrives, in milliseconds, and how many bytes have by then.
std::string arrivals(const link_options& options, std::size_t bytes, int steps) {
    connected both(options);
    both.send(std::string(bytes, 'x'));
    std::string text;
    for (int at = 0; at <= steps; ++at) {
        text += std::to_string(both.far->received().size()) + ' ';
        both.loop.advance(1ms);
    }
    return text;
}

}  // namespace

TEST_CASE("a link without options delivers at once, in order, in both directions", "[testing]") {
    connected both;
    both.a->write("one");
    both.a->write("two");
    both.b->write("back");
    both.loop.settle();
    CHECK(both.far->received() == "onetwo");
    CHECK(both.near->received() == "back");
    CHECK(both.loop.elapsed() == 0s);
    CHECK(both.link.forth().bytes_sent() == 6);
    CHECK(both.link.forth().bytes_arrived() == 6);
    CHECK(both.link.back().bytes_arrived() == 4);
}

TEST_CASE("bytes arrive after the latency of their direction", "[testing]") {
    test_loop loop;
    memory_link link(loop.loop(), {.latency = 30ms}, {.latency = 10ms});
    const auto near = std::make_shared<recording_protocol>();
    const auto far = std::make_shared<recording_protocol>();
    const auto a = std::make_shared<stream_transport>(loop.loop(), std::move(link.a), near);
    const auto b = std::make_shared<stream_transport>(loop.loop(), std::move(link.b), far);
    a->start();
    b->start();
    loop.settle();
    a->write("forth");
    b->write("back");
    loop.advance(9ms);
    CHECK(near->received().empty());
    loop.advance(1ms);
    CHECK(near->received() == "back");
    loop.advance(19ms);
    CHECK(far->received().empty());
    CHECK(link.forth().bytes_sent() == 5);
    CHECK(link.forth().bytes_arrived() == 0);
    loop.advance(1ms);
    CHECK(far->received() == "forth");
}

TEST_CASE("the bandwidth spaces the segments", "[testing]") {
    CHECK(arrivals({.latency = 2ms, .bandwidth = 1'000'000, .segment = 1000}, 2500, 5) ==
          "0 0 0 1000 2000 2500 ");
    // A line that was idle has saved nothing up.
    connected both({.bandwidth = 1000});
    both.loop.advance(10s);
    both.send("0123456789");
    both.loop.advance(9ms);
    CHECK(both.far->received().empty());
    both.loop.advance(1ms);
    CHECK(both.far->received() == "0123456789");
}

TEST_CASE("jitter delays each segment by chance, and never reorders", "[testing]") {
    const link_options shaken{.latency = 1ms, .jitter = 20ms, .segment = 1, .seed = 7};
    const std::string once = arrivals(shaken, 5, 30);
    CHECK(once.starts_with("0 "));
    CHECK(once.ends_with(" 5 "));
    CHECK(arrivals(shaken, 5, 30) == once);
    link_options others = shaken;
    others.seed = 8;
    CHECK(arrivals(others, 5, 30) != once);

    connected both(shaken);
    std::string sent;
    for (char c = 'a'; c <= 'z'; ++c) {
        both.send(std::string(1, c));
        sent += c;
        both.loop.advance(3ms);
    }
    both.loop.advance(20ms);
    CHECK(both.far->received() == sent);
}

TEST_CASE("the two directions of a link have chances of their own", "[testing]") {
    connected both({.latency = 1ms, .jitter = 1s, .seed = 3});
    both.a->write("x");
    both.b->write("x");
    for (int i = 0; i < 2000 && both.near->received().empty() && both.far->received().empty(); ++i) {
        both.loop.advance(1ms);
    }
    CHECK(both.near->received() != both.far->received());
}

TEST_CASE("a lost segment comes later, and holds up those behind it", "[testing]") {
    connected both({.latency = 1ms, .segment = 1, .loss = 0.3, .retransmission = 100ms, .seed = 5});
    std::string sent;
    for (int i = 0; i < 100; ++i) sent += static_cast<char>('a' + i % 26);
    both.send(sent);
    both.loop.advance(1ms);
    const std::size_t before = both.far->received().size();
    CHECK(before < 100);
    both.loop.advance(98ms);
    CHECK(both.far->received().size() == before);
    both.loop.advance(10s);
    CHECK(both.far->received() == sent);
    const auto lost = both.link.forth().segments_lost();
    CHECK(lost > 10);
    CHECK(lost < 100);
    CHECK(both.link.back().segments_lost() == 0);
}

TEST_CASE("the seed of a link inside of explore is that of explore", "[testing]") {
    std::vector<std::string> seen;
    testing::explore(2, [&](test_loop&) {
        seen.push_back(arrivals({.latency = 1ms, .jitter = 20ms, .segment = 1}, 5, 30));
    });
    REQUIRE(seen.size() == 2);
    CHECK(seen[0] != seen[1]);
}

TEST_CASE("receive and send move no more than their largest pieces", "[testing]") {
    connected both({.largest_send = 4, .largest_receive = 3});
    both.send("0123456789");
    CHECK(both.far->calls() == std::vector<std::string>{"connection_made", "data_received 012",
                                                        "data_received 3", "data_received 456",
                                                        "data_received 7", "data_received 89"});
    both.a->close();
    both.loop.settle();
    CHECK(both.far->story() == "connection_made data_received eof_received connection_lost");
}

TEST_CASE("bytes on their way and unread ones fill the capacity", "[testing]") {
    connected both({.latency = 5ms, .capacity = 10});
    both.b->pause_reading();
    both.send(std::string(25, 'x'));
    CHECK(both.a->get_write_buffer_size() == 15);
    both.loop.advance(1s);
    CHECK(both.a->get_write_buffer_size() == 15);
    both.b->resume_reading();
    both.loop.settle();
    CHECK(both.far->received().size() == 10);
    CHECK(both.a->get_write_buffer_size() == 5);
    both.loop.advance(10ms);
    CHECK(both.far->received().size() == 25);
    CHECK(both.a->get_write_buffer_size() == 0);
}

TEST_CASE("a stalled direction holds everything back, the other one goes on", "[testing]") {
    connected both({.latency = 1ms}, true);
    both.a->write("first");
    both.loop.advance(1ms);
    both.link.forth().stall();
    CHECK(both.link.forth().is_stalled());
    both.a->write("second");
    both.a->write_eof();
    both.b->write("back");
    both.loop.advance(1h);
    CHECK(both.far->received() == "first");
    CHECK(both.near->received() == "back");
    both.link.forth().resume();
    both.loop.settle();
    CHECK(both.far->received() == "firstsecond");
    CHECK(both.far->story() == "connection_made data_received eof_received");
    CHECK_FALSE(both.link.forth().is_stalled());
}

TEST_CASE("what is on its way when a stall ends early still takes its time", "[testing]") {
    connected both({.latency = 10ms});
    both.send("x");
    both.link.forth().stall();
    both.loop.advance(4ms);
    both.link.forth().resume();
    both.loop.advance(5ms);
    CHECK(both.far->received().empty());
    both.loop.advance(1ms);
    CHECK(both.far->received() == "x");
}

TEST_CASE("a reset by hand breaks both ends at once, and what has arrived can still be read", "[testing]") {
    connected both({.latency = 10ms});
    both.b->pause_reading();
    both.send("arrived");
    both.loop.advance(10ms);
    both.send("on its way");
    both.link.back().stall();
    both.link.reset();
    both.loop.settle();
    CHECK(both.near->calls().back() == "connection_lost: receive: Connection reset by peer");
    both.b->resume_reading();
    both.loop.settle();
    CHECK(both.far->received() == "arrived");
    CHECK(both.far->calls().back() == "connection_lost: receive: Connection reset by peer");
    both.loop.advance(1s);
    CHECK(both.far->received() == "arrived");
}

TEST_CASE("a reset by hand also takes what a closed end had sent before", "[testing]") {
    connected both({.latency = 10ms});
    both.b->pause_reading();
    both.send("on its way");
    both.a->close();
    both.loop.settle();
    both.link.reset();
    both.loop.advance(1s);
    both.b->resume_reading();
    both.loop.settle();
    CHECK(both.far->calls() ==
          std::vector<std::string>{"connection_made", "connection_lost: receive: Connection reset by peer"});
}

TEST_CASE("a connection that is reset before it starts is found so", "[testing]") {
    test_loop loop;
    memory_link link(loop.loop());
    link.reset();
    const auto near = std::make_shared<recording_protocol>();
    std::make_shared<stream_transport>(loop.loop(), std::move(link.a), near)->start();
    loop.settle();
    CHECK(near->story() == "connection_made connection_lost");
}

TEST_CASE("a link breaks as soon as so many bytes have arrived", "[testing]") {
    const std::string text = "0123456789";
    SECTION("with a reset") {
        connected both({.latency = 1ms, .breaks_at = 4});
        both.send(text);
        both.loop.advance(1ms);
        CHECK(both.far->calls() ==
              std::vector<std::string>{"connection_made", "data_received 0123",
                                       "connection_lost: receive: Connection reset by peer"});
        CHECK(both.near->calls().back() == "connection_lost: receive: Connection reset by peer");
        CHECK(both.link.forth().bytes_arrived() == 4);
    }
    SECTION("with a stall, which can be ended") {
        connected both({.latency = 1ms, .breaks_at = 4, .breaks_by = link_break::stall});
        both.send(text);
        both.loop.advance(1h);
        CHECK(both.far->calls() == std::vector<std::string>{"connection_made", "data_received 0123"});
        CHECK_FALSE(both.a->is_closing());
        both.link.forth().resume();
        both.loop.settle();
        CHECK(both.far->received() == text);
    }
    SECTION("with an end, and the rest vanishes") {
        connected both({.latency = 1ms, .capacity = 5, .breaks_at = 4, .breaks_by = link_break::eof}, true);
        both.send(text + text);
        both.loop.advance(1ms);
        CHECK(both.far->calls() ==
              std::vector<std::string>{"connection_made", "data_received 0123", "eof_received"});
        both.loop.advance(1s);
        CHECK(both.a->get_write_buffer_size() == 0);
        both.b->write("back");
        both.loop.advance(1s);
        CHECK(both.near->received() == "back");
    }
    SECTION("at the border of a segment") {
        connected both({.segment = 5, .breaks_at = 5});
        both.send("01234");
        CHECK(both.far->received() == "01234");
        CHECK(both.far->count("connection_lost: ") == 1);
    }
    SECTION("while a full sender does not read") {
        connected both({.capacity = 4, .breaks_at = 2});
        both.a->pause_reading();
        both.b->pause_reading();
        both.send(text);
        CHECK(both.near->calls().back() == "connection_lost: send: Connection reset by peer");
    }
    SECTION("before the first byte") {
        connected both({.breaks_at = 0});
        both.send("x");
        CHECK(both.far->story() == "connection_made connection_lost");
    }
}

TEST_CASE("either end can close its half alone", "[testing]") {
    connected both({.latency = 1ms}, true);
    both.b->write("last");
    both.b->write_eof();
    both.loop.advance(1ms);
    CHECK(both.near->story() == "connection_made data_received eof_received");
    both.a->write("answer");
    both.loop.advance(1ms);
    CHECK(both.far->received() == "answer");
    both.a->close();
    both.loop.advance(1ms);
    CHECK(both.near->calls().back() == "connection_lost");
    CHECK(both.far->calls().back() == "eof_received");
    both.b->close();
    both.loop.settle();
    CHECK(both.far->calls().back() == "connection_lost");
}

TEST_CASE("bytes that reach a closed end come back as a reset, after both latencies", "[testing]") {
    connected both({.latency = 10ms}, true);
    both.b->close();
    both.loop.advance(10ms);
    CHECK(both.near->calls().back() == "eof_received");
    both.send("too late");
    both.loop.advance(19ms);
    CHECK(both.near->calls().back() == "eof_received");
    both.send("even later");
    both.loop.advance(1ms);
    both.send("and now it is known");
    CHECK(both.near->calls().back() == "connection_lost: send: Connection reset by peer");
}

TEST_CASE("an end that closes with unread bytes resets the other one", "[testing]") {
    connected both({.latency = 10ms});
    both.b->pause_reading();
    both.send("unread");
    both.loop.advance(10ms);
    both.b->abort();
    both.loop.advance(9ms);
    CHECK(both.near->story() == "connection_made");
    both.loop.advance(1ms);
    CHECK(both.near->calls().back() == "connection_lost: receive: Connection reset by peer");
}

TEST_CASE("what was sent before a close arrives after it", "[testing]") {
    connected both({.latency = 10ms, .bandwidth = 1000});
    both.send(std::string(100, 'x'));
    both.a->close();
    both.loop.settle();
    CHECK(both.near->calls().back() == "connection_lost");
    both.a.reset();
    both.loop.advance(110ms);
    CHECK(both.far->received().size() == 100);
    CHECK(both.far->story() == "connection_made data_received eof_received connection_lost");
}

TEST_CASE("a link works without the object that made it", "[testing]") {
    test_loop loop;
    const auto far = std::make_shared<recording_protocol>();
    std::shared_ptr<stream_transport> a;
    {
        memory_link link(loop.loop(), {.latency = 1ms});
        a = std::make_shared<stream_transport>(loop.loop(), std::move(link.a),
                                               std::make_shared<recording_protocol>());
        std::make_shared<stream_transport>(loop.loop(), std::move(link.b), far)->start();
    }
    a->start();
    loop.settle();
    a->write("x");
    loop.advance(1ms);
    CHECK(far->received() == "x");
}

TEST_CASE("a loop can be closed while bytes are on their way", "[testing]") {
    connected both({.latency = 1ms, .bandwidth = 10});
    both.send("0123456789");
    both.b->write("0123456789");
    both.loop.loop().close();
    CHECK(both.far->received().empty());
}

TEST_CASE("options of a link that make no sense are named", "[testing]") {
    test_loop loop;
    const auto message = [&](const link_options& wrong) -> std::string {
        try {
            const memory_link link(loop.loop(), wrong);
        } catch (const std::invalid_argument& thrown) {
            return thrown.what();
        }
        return "none";
    };
    CHECK(message({.latency = -1s}) == "memory_link: expected a latency of zero or more, got -1 s");
    CHECK(message({.jitter = -1ns}).starts_with("memory_link: expected a jitter of zero or more"));
    CHECK(message({.largest_send = 0}) == "memory_link: expected a largest_send of at least 1 byte, got 0");
    CHECK(message({.largest_receive = 0}) ==
          "memory_link: expected a largest_receive of at least 1 byte, got 0");
    CHECK(message({.capacity = 0}) == "memory_link: expected a capacity of at least 1 byte, got 0");
    CHECK(message({.segment = 0}) == "memory_link: expected a segment of at least 1 byte, got 0");
    CHECK(message({.loss = 1}) == "memory_link: expected a loss from 0 to below 1, got 1.000000");
    CHECK(message({.loss = -0.5}).starts_with("memory_link: expected a loss"));
    CHECK(message({.retransmission = -1s}).starts_with("memory_link: expected a retransmission"));
    CHECK(message({.latency = duration::max(), .jitter = duration::max()}) == "none");
}
