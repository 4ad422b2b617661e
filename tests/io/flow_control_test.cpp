// SPDX-License-Identifier: BSL-1.0
#include <aioxx/io/flow_control.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"

namespace aioxx {
namespace {

using transition = flow_control::transition;

constexpr write_buffer_limits marks(std::size_t low, std::size_t high) {
    return {.low = low, .high = high};
}

flow_control with_marks(std::size_t low, std::size_t high) {
    flow_control flow;
    static_cast<void>(flow.set_limits(marks(low, high), 0));
    return flow;
}

}  // namespace

TEST_CASE("the marks are 64 KiB and 16 KiB, asked for or not (FC001)", "[io]") {
    CHECK(write_buffer_limits::from({}) == marks(16384, 65536));
    CHECK(flow_control().limits() == marks(16384, 65536));
}

TEST_CASE("a missing mark follows from the other one (FC001)", "[io]") {
    CHECK(write_buffer_limits::from({.high = 100}) == marks(25, 100));
    CHECK(write_buffer_limits::from({.high = 7}) == marks(1, 7));
    CHECK(write_buffer_limits::from({.high = 3}) == marks(0, 3));
    CHECK(write_buffer_limits::from({.high = 0}) == marks(0, 0));
    CHECK(write_buffer_limits::from({.low = 100}) == marks(100, 400));
    CHECK(write_buffer_limits::from({.low = 0}) == marks(0, 0));
    CHECK(write_buffer_limits::from({.high = 65, .low = 60}) == marks(60, 65));
    CHECK(write_buffer_limits::from({.high = 60, .low = 60}) == marks(60, 60));
}

TEST_CASE("a low mark above the high one is an error that names both (FC001)", "[io]") {
    CHECK_THROWS_AS(write_buffer_limits::from({.high = 0, .low = 1}), std::invalid_argument);
    try {
        static_cast<void>(write_buffer_limits::from({.high = 11, .low = 12}));
        FAIL("12 <= 11 was accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()) ==
              "write buffer limits must be 0 <= low <= high, got low 12 and high 11");
    }
}

TEST_CASE("a negative mark is an error that shows it as the number it was (FC001)", "[io]") {
    const auto minus_one = static_cast<std::size_t>(-1);
    CHECK_THROWS_AS(write_buffer_limits::from({.high = minus_one}), std::invalid_argument);
    CHECK_THROWS_AS(write_buffer_limits::from({.high = minus_one, .low = minus_one}), std::invalid_argument);
    CHECK_THROWS_AS(write_buffer_limits::from({.high = 5, .low = minus_one}), std::invalid_argument);
    try {
        static_cast<void>(write_buffer_limits::from({.low = minus_one}));
        FAIL("a low mark of -1 was accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("low -1") != std::string::npos);
    }
}

TEST_CASE("the largest marks neither overflow nor are refused", "[io]") {
    constexpr std::size_t most = write_buffer_limits::unlimited;
    CHECK(write_buffer_limits::from({.high = most}) == marks(most / 4, most));
    CHECK(write_buffer_limits::from({.low = most}) == marks(most, most));
    CHECK(write_buffer_limits::from({.low = most / 4}) == marks(most / 4, most / 4 * 4));
    CHECK(write_buffer_limits::from({.low = most / 4 + 1}) == marks(most / 4 + 1, most));
    CHECK_THROWS_AS(write_buffer_limits::from({.high = most + 1}), std::invalid_argument);
}

TEST_CASE("the high mark does not pause, one byte more does (FC002)", "[io]") {
    flow_control flow = with_marks(40, 100);
    CHECK(flow.grew(99) == transition::none);
    CHECK(flow.grew(100) == transition::none);
    CHECK_FALSE(flow.is_paused());
    CHECK(flow.grew(101) == transition::pause);
    CHECK(flow.is_paused());
}

TEST_CASE("one byte above the low mark does not resume, the low mark does (FC002)", "[io]") {
    flow_control flow = with_marks(40, 100);
    REQUIRE(flow.grew(101) == transition::pause);
    CHECK(flow.shrank(100) == transition::none);
    CHECK(flow.shrank(41) == transition::none);
    CHECK(flow.is_paused());
    CHECK(flow.shrank(40) == transition::resume);
    CHECK_FALSE(flow.is_paused());
}

TEST_CASE("each edge is reported once (FC003)", "[io]") {
    flow_control flow = with_marks(40, 100);
    CHECK(flow.shrank(0) == transition::none);
    CHECK(flow.grew(101) == transition::pause);
    CHECK(flow.grew(1000) == transition::none);
    CHECK(flow.grew(2000) == transition::none);
    CHECK(flow.shrank(0) == transition::resume);
    CHECK(flow.shrank(0) == transition::none);
    CHECK(flow.grew(101) == transition::pause);
}

TEST_CASE("random writes, flushes and limits report pause and resume in strict alternation (FC003)", "[io]") {
    std::mt19937 random(20240229);
    const auto up_to = [&](std::size_t most) {
        return std::uniform_int_distribution<std::size_t>(0, most)(random);
    };
    flow_control flow = with_marks(40, 100);
    std::size_t size = 0;
    bool paused = false;
    std::size_t pauses = 0;
    for (int step = 0; step < 200000; ++step) {
        CAPTURE(step, size);
        transition reported = transition::none;
        const std::size_t kind = up_to(9);
        if (kind < 4) {
            size += up_to(60);
            reported = flow.grew(size);
        } else if (kind < 9) {
            size -= up_to(std::min<std::size_t>(size, 60));
            reported = flow.shrank(size);
        } else {
            const std::size_t high = up_to(200);
            reported = flow.set_limits(marks(up_to(high), high), size);
        }
        const auto [low, high] = flow.limits();
        // The model: above the high mark paused, at the low mark or below not, in between as before. A queue
        // that shrinks never starts a pause, one that grows never ends it.
        bool expected = paused;
        if (kind < 4 || kind == 9) expected = expected || size > high;
        if (kind >= 4) expected = expected && size > low;
        REQUIRE(reported == (expected == paused ? transition::none
                             : expected         ? transition::pause
                                                : transition::resume));
        if (reported == transition::pause) ++pauses;
        paused = expected;
        REQUIRE(flow.is_paused() == paused);
    }
    CHECK(pauses > 1000);
}

TEST_CASE("lowering the high mark below the size pauses at once (FC004)", "[io]") {
    flow_control flow = with_marks(40, 100);
    REQUIRE(flow.grew(80) == transition::none);
    CHECK(flow.set_limits(marks(20, 80), 80) == transition::none);
    CHECK(flow.set_limits(marks(20, 79), 80) == transition::pause);
    CHECK(flow.set_limits(marks(20, 50), 80) == transition::none);
}

TEST_CASE("raising the low mark to the size or above it resumes at once (FC004)", "[io]") {
    flow_control flow = with_marks(40, 100);
    REQUIRE(flow.grew(150) == transition::pause);
    CHECK(flow.set_limits(marks(149, 1000), 150) == transition::none);
    CHECK(flow.is_paused());
    CHECK(flow.set_limits(marks(150, 1000), 150) == transition::resume);
    CHECK(flow.set_limits(marks(200, 1000), 150) == transition::none);
}

TEST_CASE("a size between the marks changes nothing, whatever it was before", "[io]") {
    flow_control flow = with_marks(40, 100);
    CHECK(flow.grew(70) == transition::none);
    CHECK(flow.shrank(70) == transition::none);
    REQUIRE(flow.grew(101) == transition::pause);
    CHECK(flow.shrank(70) == transition::none);
    CHECK(flow.grew(70) == transition::none);
    CHECK(flow.set_limits(marks(41, 99), 70) == transition::none);
    CHECK(flow.is_paused());
}

TEST_CASE("a high mark of zero pauses for one byte and resumes for none (FC009)", "[io]") {
    flow_control flow;
    CHECK(flow.set_limits(write_buffer_limits::from({.high = 0}), 0) == transition::none);
    CHECK(flow.grew(0) == transition::none);
    CHECK(flow.grew(1) == transition::pause);
    CHECK(flow.shrank(1) == transition::none);
    CHECK(flow.shrank(0) == transition::resume);
}

TEST_CASE("a resume that writes again beyond the high mark pauses again (FC006)", "[io]") {
    flow_control flow = with_marks(40, 100);
    REQUIRE(flow.grew(101) == transition::pause);
    REQUIRE(flow.shrank(30) == transition::resume);
    CHECK(flow.grew(130) == transition::pause);
    CHECK(flow.shrank(40) == transition::resume);
}

TEST_CASE("an unlimited high mark never pauses", "[io]") {
    flow_control flow;
    CHECK(flow.set_limits(write_buffer_limits::from({.high = write_buffer_limits::unlimited}), 0) ==
          transition::none);
    CHECK(flow.grew(write_buffer_limits::unlimited) == transition::none);
}

}  // namespace aioxx
