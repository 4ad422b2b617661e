// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/recorder.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <aioxx/net/connect.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/check_transport.hpp>
#include <aioxx/testing/memory_link.hpp>
#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/testing/scripted_transport.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::link_options;
using testing::memory_link;
using testing::recording_channel;
using testing::recording_protocol;
using testing::test_loop;
using testing::trace;

namespace {

const std::string head = "# aioxx trace: seconds, > sent or < received, what\n";

// A link whose end a is recorded.
struct recorded_pair {
    explicit recorded_pair(const link_options& options = {}, bool keeps_open = false)
        : link(loop.loop(), options), near(std::make_shared<recording_protocol>(keeps_open)) {
        auto channel = std::make_unique<recording_channel>(loop.loop(), std::move(link.a), seen);
        a = std::make_shared<stream_transport>(loop.loop(), std::move(channel), near);
        b = std::make_shared<stream_transport>(loop.loop(), std::move(link.b),
                                               std::make_shared<recording_protocol>(true));
        a->start();
        b->start();
        loop.settle();
    }

    test_loop loop;
    memory_link link;
    std::shared_ptr<trace> seen = std::make_shared<trace>();
    std::shared_ptr<recording_protocol> near;
    std::shared_ptr<stream_transport> a;
    std::shared_ptr<stream_transport> b;
};

coro<testing::transport_pair> recorded_both_ends(std::shared_ptr<base_protocol> for_a,
                                                 std::shared_ptr<base_protocol> for_b) {
    event_loop& loop = get_running_loop();
    memory_link link(loop, {.latency = 1ms, .capacity = 20'000});
    const auto seen = std::make_shared<trace>();
    auto first = std::make_shared<stream_transport>(
        loop, std::make_unique<recording_channel>(loop, std::move(link.a), seen), std::move(for_a));
    auto second = std::make_shared<stream_transport>(
        loop, std::make_unique<recording_channel>(loop, std::move(link.b), seen), std::move(for_b));
    const future<> made = create_future();
    first->start();
    second->start([made](const std::exception_ptr&) { made.set_result(); });
    co_await made;
    co_return testing::transport_pair{first, second};
}

}  // namespace

TEST_CASE("a recorder notes bytes and ends with their directions and times", "[testing]") {
    recorded_pair pair({.latency = 10ms}, true);
    pair.a->write("ping\n");
    pair.loop.advance(25ms);
    pair.b->write("pong");
    pair.b->write_eof();
    pair.loop.advance(10ms);
    pair.a->write_eof();
    pair.loop.settle();
    pair.a->close();
    pair.loop.settle();
    CHECK(pair.near->received() == "pong");
    CHECK(pair.seen->to_text() == head +
                                      "0.000000000 > b'ping\\n'\n"
                                      "0.035000000 < b'pong'\n"
                                      "0.035000000 < eof\n"
                                      "0.035000000 > eof\n");
}

TEST_CASE("a close is noted as our end", "[testing]") {
    recorded_pair pair;
    pair.a->close();
    pair.loop.settle();
    CHECK(pair.seen->to_text() == head + "0.000000000 > eof\n");
}

TEST_CASE("a recorder notes what the medium took, not what was written", "[testing]") {
    recorded_pair pair({.capacity = 4});
    pair.b->pause_reading();
    pair.a->write("012345");
    pair.loop.settle();
    CHECK(pair.seen->to_text() == head + "0.000000000 > b'0123'\n");
    pair.b->resume_reading();
    pair.loop.settle();
    CHECK(pair.seen->to_text() == head + "0.000000000 > b'0123'\n0.000000000 > b'45'\n");
}

TEST_CASE("the end of the other end is noted once, however often it is read", "[testing]") {
    recorded_pair pair({}, true);
    pair.b->write_eof();
    pair.loop.settle();
    const auto next = std::make_shared<recording_protocol>(true);
    pair.a->set_protocol(next);
    pair.loop.settle();
    CHECK(next->story() == "eof_received");
    CHECK(pair.seen->to_text() == head + "0.000000000 < eof\n");
}

TEST_CASE("a loss is noted once, with its reason", "[testing]") {
    recorded_pair pair;
    pair.loop.advance(2s);
    pair.link.reset();
    pair.loop.settle();
    CHECK(pair.near->calls().back() == "connection_lost: receive: Connection reset by peer");
    CHECK(pair.seen->to_text() == head + "2.000000000 < lost b'receive: Connection reset by peer'\n");
}

TEST_CASE("a loss that a send finds comes from the other end as well", "[testing]") {
    recorded_pair pair;
    pair.a->pause_reading();
    pair.loop.settle();
    pair.link.reset();
    pair.a->write("x");
    pair.loop.settle();
    CHECK(pair.seen->to_text() == head + "0.000000000 < lost b'send: Connection reset by peer'\n");
}

TEST_CASE("a recorded channel obeys the laws of transports", "[testing]") {
    for (const testing::transport_law& law : testing::transport_laws()) {
        INFO(law.name);
        test_loop loop;
        CHECK_NOTHROW(loop.run(law.check(recorded_both_ends)));
    }
}

TEST_CASE("a connection over sockets is recorded from both of its ends", "[testing]") {
    const auto of_client = std::make_shared<trace>();
    const auto of_server = std::make_shared<trace>();
    run([](std::shared_ptr<trace> client_trace, std::shared_ptr<trace> server_trace) -> coro<> {
        auto serve = [server_trace](stream_reader reader, stream_writer writer) -> coro<> {
            testing::record(*writer.transport(), server_trace);
            const bytearray line = co_await reader.readline();
            writer.write("you said ");
            writer.write(line);
            co_await writer.drain();
            writer.close();
            co_await writer.wait_closed();
        };
        server listening = co_await start_server(serve, "127.0.0.1", 0);
        auto [reader, writer] = co_await open_connection("127.0.0.1", listening.port());
        testing::record(*writer.transport(), client_trace);
        writer.write("hello\n");
        const bytearray answer = co_await reader.read();
        CHECK(answer == "you said hello\n");
        writer.close();
        co_await writer.wait_closed();
        listening.close();
        co_await listening.wait_closed();
    }(of_client, of_server));
    const auto without_times = [](const trace& seen) {
        trace plain;
        for (const testing::trace_event& event : seen.events()) {
            plain.add({0s, event.way, event.what, event.data});
        }
        return plain.to_text();
    };
    CHECK(without_times(*of_client) == head +
                                           "0.000000000 > b'hello\\n'\n"
                                           "0.000000000 < b'you said hello\\n'\n"
                                           "0.000000000 < eof\n"
                                           "0.000000000 > eof\n");
    CHECK(without_times(*of_server) == head +
                                           "0.000000000 < b'hello\\n'\n"
                                           "0.000000000 > b'you said hello\\n'\n"
                                           "0.000000000 > eof\n");
}

TEST_CASE("a connection that is recorded from connection_made on lacks nothing", "[testing]") {
    struct recorded : recording_protocol {
        void connection_made(transport& made) override {
            recording_protocol::connection_made(made);
            testing::record(made, seen);
            made.write("welcome");
        }
        std::shared_ptr<trace> seen = std::make_shared<trace>();
    };
    test_loop loop;
    memory_link link(loop.loop());
    const auto near = std::make_shared<recorded>();
    const auto b = std::make_shared<stream_transport>(loop.loop(), std::move(link.b),
                                                      std::make_shared<recording_protocol>());
    b->write("early");
    b->start();
    bool ready = false;
    std::make_shared<stream_transport>(loop.loop(), std::move(link.a), near)
        ->start([&](const std::exception_ptr& failure) { ready = failure == nullptr; });
    loop.settle();
    CHECK(ready);  // a layer has something of its own to wait for, which does not replace this
    b->close();
    loop.settle();
    CHECK(near->story() == "connection_made data_received eof_received connection_lost");
    CHECK(near->seen->to_text() == head +
                                       "0.000000000 > b'welcome'\n"
                                       "0.000000000 < b'early'\n"
                                       "0.000000000 < eof\n"
                                       "0.000000000 > eof\n");
}

TEST_CASE("a transport without a channel cannot be recorded", "[testing]") {
    testing::scripted_transport peer(std::make_shared<recording_protocol>());
    CHECK_THROWS_WITH(testing::record(peer, std::make_shared<trace>()),
                      "record: expected a transport over a channel, got scripted transport");
}
