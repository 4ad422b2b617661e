// SPDX-License-Identifier: BSL-1.0

// Testing a protocol without a network and without waiting: against a script, and over a link that is slow, in virtual
// time. In a project of yours these would be test cases.

#include <cctype>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include <aioxx/aioxx.hpp>
#include <aioxx/testing.hpp>

using namespace std::chrono_literals;

// What is to be tested: it answers in capital letters.
class shouting_echo : public aioxx::protocol {
public:
    void connection_made(aioxx::transport& made) override { transport_ = &made; }
    void data_received(aioxx::bytes_view data) override { transport_->write(data.upper()); }

private:
    aioxx::transport* transport_ = nullptr;
};

void it_answers_and_closes() {
    aioxx::testing::scripted_transport peer(std::make_shared<shouting_echo>());
    peer.connect();
    peer.feed_data("hello\n");
    peer.expect_write("HELLO\n");
    peer.feed_eof();
    peer.expect_close();
    peer.expect_nothing();
}

void it_answers_over_a_slow_link() {
    aioxx::testing::test_loop loop;
    loop.run([]() -> aioxx::coro<> {
        aioxx::event_loop& now = aioxx::get_running_loop();
        aioxx::testing::memory_link link(now, {.latency = 300ms});
        const auto client = std::make_shared<aioxx::testing::recording_protocol>();
        std::make_shared<aioxx::stream_transport>(now, std::move(link.a), client)->start();
        std::make_shared<aioxx::stream_transport>(now, std::move(link.b), std::make_shared<shouting_echo>())->start();
        co_await client->called("connection_made");
        const aioxx::time_point asked = now.time();
        client->connection()->write("ping");
        co_await client->has_received(4);
        if (client->received() != "PING" || now.time() - asked != 600ms) std::abort();
        client->connection()->close();
    }());
}

int main() {
    it_answers_and_closes();
    it_answers_over_a_slow_link();
    std::cout << "both tests passed" << std::endl;
}
