// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/sequencer.hpp>

#include <chrono>
#include <string>

#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::sequencer;
using testing::test_loop;

namespace {

coro<> write(sequencer& order, int place, std::string& log) {
    const auto turn = co_await order.at(place);
    log += std::to_string(place);
    co_await aioxx::sleep(1s);
    log += "'";
}

}  // namespace

TEST_CASE("a sequencer lets tasks go on in the order of their places", "[testing]") {
    test_loop loop;
    sequencer order;
    std::string log;
    loop.run([](sequencer& places, std::string& text) -> coro<> {
        co_await gather(write(places, 2, text), write(places, 0, text), write(places, 3, text), write(places, 1, text));
    }(order, log));
    CHECK(log == "0'1'2'3'");
}

TEST_CASE("a place can be left early", "[testing]") {
    test_loop loop;
    sequencer order;
    loop.run([](sequencer& places) -> coro<> {
        auto first = co_await places.at(0);
        first.leave();
        auto second = co_await places.at(1);
    }(order));
}

TEST_CASE("a place is taken once", "[testing]") {
    test_loop loop;
    sequencer order;
    loop.run([](sequencer& places) -> coro<> { static_cast<void>(co_await places.at(0)); }(order));
    CHECK_THROWS_AS(loop.run([](sequencer& places) -> coro<> { static_cast<void>(co_await places.at(0)); }(order)),
                    invalid_state_error);
}

TEST_CASE("a place that is given up ends the waiting of those behind it", "[testing]") {
    test_loop loop;
    sequencer order;
    loop.run([](sequencer& places) -> coro<> {
        std::string log;
        auto second = create_task(write(places, 1, log));
        auto third = create_task(write(places, 2, log));
        co_await aioxx::sleep(0s);
        second.cancel();
        CHECK_THROWS_AS(co_await third, invalid_state_error);
        CHECK(second.cancelled());
        CHECK(log.empty());
    }(order));
}
