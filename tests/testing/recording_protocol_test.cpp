// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/recording_protocol.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/step.hpp>
#include <aioxx/testing/test_loop.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/stream_transport.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::recording_protocol;
using testing::step;
using testing::test_loop;

namespace {

// Two recorders that are connected with each other.
struct connected_pair {
    explicit connected_pair(event_loop& loop, bool left_keeps_open = false)
        : left(std::make_shared<recording_protocol>(left_keeps_open)), right(std::make_shared<recording_protocol>()) {
        auto [a, b] = make_memory_channels(loop);
        std::make_shared<stream_transport>(loop, std::move(a), left)->start();
        std::make_shared<stream_transport>(loop, std::move(b), right)->start();
    }

    std::shared_ptr<recording_protocol> left;
    std::shared_ptr<recording_protocol> right;
};

}  // namespace

TEST_CASE("a recorder writes down its calls in order", "[testing]") {
    test_loop loop;
    const connected_pair pair(loop.loop());
    CHECK(pair.left->connection() == nullptr);
    loop.settle();
    REQUIRE(pair.left->connection() != nullptr);
    pair.left->connection()->write("abc");
    loop.settle();
    pair.left->connection()->close();
    loop.settle();
    CHECK(pair.left->calls() == std::vector<std::string>{"connection_made", "connection_lost"});
    CHECK(pair.right->calls() ==
          std::vector<std::string>{"connection_made", "data_received abc", "eof_received", "connection_lost"});
    CHECK(pair.right->received() == "abc");
    CHECK(pair.left->connection() == nullptr);
}

TEST_CASE("a recorder answers the end of the stream as it was told", "[testing]") {
    test_loop loop;
    const connected_pair pair(loop.loop(), true);
    loop.settle();
    pair.right->connection()->write_eof();
    loop.settle();
    CHECK(pair.left->story() == "connection_made eof_received");
    pair.left->connection()->close();
    loop.settle();
}

TEST_CASE("a recorder's story does not depend on the portions of the data", "[testing]") {
    recording_protocol recorder;
    recorder.data_received("a");
    recorder.data_received("b");
    recorder.pause_writing();
    recorder.resume_writing();
    recorder.data_received("c");
    recorder.connection_lost(std::make_exception_ptr(std::runtime_error("reset")));
    CHECK(recorder.story() == "data_received pause_writing resume_writing data_received connection_lost");
    CHECK(recorder.calls().back() == "connection_lost: reset");
    CHECK(recorder.count("data_received") == 3);
    CHECK(recorder.received() == "abc");
}

TEST_CASE("a test can wait for a call and for data", "[testing]") {
    test_loop loop;
    recording_protocol recorder;
    step lost(loop, [&] { return recorder.called("connection_lost"); });
    step data(loop, [&] { return recorder.has_received(3); });
    recorder.data_received("ab");
    loop.settle();
    CHECK(data.pending());
    recorder.data_received("cd");
    loop.settle();
    CHECK(data.ready());
    CHECK(lost.pending());
    recorder.connection_lost(nullptr);
    loop.settle();
    CHECK(lost.ready());
    step again(loop, [&] { return recorder.called("connection_lost"); });
    CHECK(again.ready());
}
