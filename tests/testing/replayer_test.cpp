// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/replayer.hpp>

#include <cctype>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <aioxx/core/task.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/testing/recorder.hpp>
#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::recording_protocol;
using testing::replay;
using testing::replay_failed;
using testing::replayer;
using testing::test_loop;
using testing::trace;

namespace {

// Says what it hears in capitals; "quit" ends it.
class shouting : public recording_protocol {
public:
    using recording_protocol::recording_protocol;

    void data_received(bytes_view data) override {
        recording_protocol::data_received(data);
        std::string answer;
        for (const char c : data.str()) {
            answer += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
        connection()->write(answer);
        if (data == "quit") connection()->close();
        if (data == "vanish") connection()->abort();
    }
};

// Replays against a protocol. Returns: how that fails, or "none".
std::string failure(const std::string& text,
                    std::shared_ptr<base_protocol> tested = std::make_shared<shouting>(true)) {
    test_loop loop;
    try {
        loop.run(replay(trace::parse(text), std::move(tested)));
    } catch (const replay_failed& failed) {
        return failed.what();
    }
    return "none";
}

}  // namespace

TEST_CASE("a protocol that does as it did passes a replay", "[testing]") {
    test_loop loop;
    const auto tested = std::make_shared<shouting>();
    loop.run(replay(trace::parse("0.0 < b'hello, '\n"
                                 "0.0 > b'HELLO, '\n"
                                 "2.5 < b'wor'\n"
                                 "3.0 < b'ld'\n"
                                 "3.0 > b'WORLD'\n"
                                 "7.0 < b'quit'\n"
                                 "7.0 > b'QUIT'\n"
                                 "7.0 > eof\n"),
                    tested));
    loop.settle();
    CHECK(loop.elapsed() == 8s);  // with one second in which nothing more came
    CHECK(tested->calls().back() == "connection_lost");
}

TEST_CASE("the pieces in which the tested end sends do not matter", "[testing]") {
    CHECK(failure("0 < b'ab'\n0 < b'cd'\n0 > b'A'\n0 > b'BCD'\n") == "none");
    CHECK(failure("0 < b'abcd'\n0 > b'AB'\n0 > b'C'\n1 > b'D'\n") == "none");
}

TEST_CASE("the first difference is named with its line, its byte and both contents", "[testing]") {
    CHECK(failure("# talk\n0 < b'hello'\n0 > b'HE'\n1 > b'LPO'\n") ==
          "line 4, byte 1 (byte 3 of all): expected b'PO', got b'LO'");
    CHECK(failure("0 < b'hello'\n0 > b'HELLO!'\n") ==
          "line 2, byte 5 (byte 5 of all): expected b'!', got nothing for 10 s");
    CHECK(failure("0 < b'hello'\n0 > b'HELL'\n") == "after the last line: expected nothing more, got b'O'");
    CHECK(failure("0 < b'hello'\n0 > b'HELL'\n0 > eof\n") ==
          "line 3: expected the end of the stream, got b'O'");
    CHECK(failure("0 < b'quit'\n0 > b'QUITE'\n") ==
          "line 2, byte 4 (byte 4 of all): expected b'E', got the end of the stream");
    CHECK(failure("0 < b'quit'\n0 > b'QUIT'\n") ==
          "after the last line: expected nothing more, got the end of the stream");
    CHECK(failure("0 < b'hello'\n0 > b'HELLO'\n0 > eof\n") ==
          "line 3: expected the end of the stream, got nothing for 10 s");
    CHECK(failure("0 < b'hello'\n0 > b'HELLO'\n0 > lost\n") ==
          "line 3: expected the loss of the connection, got nothing for 10 s");
}

TEST_CASE("a difference ends a replay at once", "[testing]") {
    test_loop loop;
    const auto tested = std::make_shared<shouting>(true);
    CHECK_THROWS_AS(loop.run(replay(trace::parse("0 < b'a'\n0 > b'b'\n100 < b'c'\n"), tested)),
                    replay_failed);
    loop.settle();
    CHECK(loop.elapsed() == 0s);
    CHECK(tested->calls().back().starts_with("connection_lost"));
}

TEST_CASE("nothing is played before the tested end has sent what stands above it", "[testing]") {
    struct slow : shouting {
        using shouting::shouting;
        void data_received(bytes_view data) override {
            received_at.emplace_back(get_running_loop().time());
            get_running_loop().call_later(
                3s, [this, text = std::string(data.str())] { shouting::data_received(text); });
        }
        std::vector<time_point> received_at;
    };
    test_loop loop;
    const time_point start = loop.now();
    const auto tested = std::make_shared<slow>(true);
    loop.run(replay(trace::parse("1 < b'a'\n1 > b'A'\n2 < b'b'\n2 > b'B'\n9 < b'c'\n9 > b'C'"), tested));
    CHECK(tested->received_at == std::vector<time_point>{start + 1s, start + 4s, start + 9s});
}

TEST_CASE("ends and losses are played", "[testing]") {
    test_loop loop;
    const auto tested = std::make_shared<shouting>();
    loop.run(replay(trace::parse("0 < b'a'\n0 > b'A'\n1 < eof\n1 > eof\n"), tested));
    CHECK(tested->story() == "connection_made data_received eof_received connection_lost");
    const auto broken = std::make_shared<shouting>();
    loop.run(replay(trace::parse("0 < b'a'\n0 > b'A'\n1 < lost b'reset'\n"), broken));
    CHECK(broken->calls().back() == "connection_lost: receive: Connection reset by peer");
}

TEST_CASE("the tested end may close or break the connection", "[testing]") {
    CHECK(failure("0 < b'quit'\n0 > b'QUIT'\n0 > eof\n5 < b'too late'\n") == "none");
    CHECK(failure("0 < b'quit'\n0 > b'QUIT'\n0 > lost\n") == "none");
    CHECK(failure("0 < b'vanish'\n0 > eof\n") == "none");
}

TEST_CASE("an empty trace demands that nothing is sent", "[testing]") {
    CHECK(failure("") == "none");
    struct eager : recording_protocol {
        void connection_made(transport& made) override { made.write("welcome"); }
    };
    CHECK(failure("", std::make_shared<eager>()) ==
          "after the last line: expected nothing more, got b'welcome'");
}

TEST_CASE("a replayer that is not connected gives up", "[testing]") {
    test_loop loop;
    const auto player = std::make_shared<replayer>(trace());
    CHECK_THROWS_WITH(loop.run(player->play()), "expected a connection, got none for 10 s");
}

TEST_CASE("what was recorded can be replayed at either end", "[testing]") {
    const auto seen = std::make_shared<trace>();
    {
        test_loop loop;
        testing::memory_link link(loop.loop(), {.latency = 20ms}, {.latency = 30ms, .largest_receive = 3});
        const auto client = std::make_shared<recording_protocol>();
        auto channel = std::make_unique<testing::recording_channel>(loop.loop(), std::move(link.a), seen);
        const auto a = std::make_shared<stream_transport>(loop.loop(), std::move(channel), client);
        a->start();
        std::make_shared<stream_transport>(loop.loop(), std::move(link.b), std::make_shared<shouting>())
            ->start();
        loop.settle();
        a->write("some words");
        loop.advance(1s);
        a->write("quit");
        loop.advance(1s);
        CHECK(client->received() == "SOME WORDSQUIT");
    }
    test_loop loop;
    CHECK_NOTHROW(loop.run(replay(seen->reversed(), std::make_shared<shouting>())));
    CHECK_THROWS_AS(loop.run(replay(*seen, std::make_shared<shouting>())), replay_failed);
}

TEST_CASE("a server on sockets is tested with the trace of a client", "[testing]") {
    run([]() -> coro<> {
        auto serve = [] { return std::make_shared<shouting>(); };
        server listening = co_await create_server(serve, "127.0.0.1", 0);
        const trace of_client =
            trace::parse("0 > b'hello'\n0 < b'HELLO'\n0.01 > b'quit'\n0.01 < b'QUIT'\n0.01 < eof\n");
        const testing::replay_options options{.patience = 5s, .linger = 0s};
        const auto player = std::make_shared<replayer>(of_client.reversed(), options);
        auto hand_out = [player] { return player; };
        co_await create_connection(hand_out, "127.0.0.1", listening.port());
        co_await player->play();
        listening.close();
        co_await listening.wait_closed();
    }());
}
