// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/observer.hpp>

#include <memory>
#include <string>
#include <vector>

#include <aioxx/testing/scripted_transport.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using testing::lending_observer;
using testing::observer;
using testing::scripted_transport;

TEST_CASE("an observer remembers what a transport told it", "[testing]") {
    const auto told = std::make_shared<observer>();
    CHECK_THROWS_AS(told->transport(), testing::check_failed);
    told->keep_open = true;
    scripted_transport peer(told);
    peer.connect();
    CHECK(&told->transport() == &peer);
    peer.feed_data("ab");
    peer.feed_data("c");
    CHECK(told->received == "abc");
    peer.feed_eof();
    peer.expect_nothing();
    peer.reset();
    const std::vector<std::string> all{"connection_made", "data_received", "eof_received", "connection_lost"};
    CHECK(told->calls == all);
    CHECK(told->lost());
    CHECK(told->reason);
}

TEST_CASE("an observer acts from within its callbacks", "[testing]") {
    const auto told = std::make_shared<observer>();
    told->pause_at_start = true;
    told->on_data = [](observer& self) { self.transport().close(); };
    scripted_transport peer(told);
    peer.connect();
    peer.expect_pause_reading();
    peer.feed_data("x");
    CHECK(told->received.empty());
    peer.resume_reading();
    peer.expect_resume_reading();
    peer.expect_close();
    CHECK(told->received == "x");
}

TEST_CASE("an observer's bytes are waited for", "[testing]") {
    testing::test_loop().run([]() -> coro<> {
        const auto told = std::make_shared<observer>();
        const auto lender = std::make_shared<lending_observer>();
        scripted_transport peer(told);
        peer.connect();
        get_running_loop().call_soon([&] { peer.feed_data("12345"); });
        co_await told->until_received(5);
        peer.set_protocol(lender);
        get_running_loop().call_soon([&] { peer.feed_data("0123456789"); });
        co_await lender->until_received(10);
        CHECK(lender->received == "0123456789");
        CHECK(lender->calls == std::vector<std::string>{"buffer_updated"});
        get_running_loop().call_soon([&] { peer.reset(); });
        co_await lender->until_received(11);
        CHECK(lender->lost());
    }());
}
