// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/scripted_transport.hpp>

#include <cctype>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <aioxx/io/datagram_protocol.hpp>
#include <aioxx/testing/recording_protocol.hpp>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"

using namespace aioxx;
using testing::recording_protocol;
using testing::script_failed;
using testing::scripted_transport;

namespace {

// Says what it hears in capitals. "quit" ends it, "oops" is more than it can take.
class shouting_echo : public recording_protocol {
public:
    using recording_protocol::recording_protocol;

    void data_received(bytes_view data) override {
        recording_protocol::data_received(data);
        if (data == "oops") throw std::runtime_error("no such word");
        std::string answer;
        for (const char c : data.str()) {
            answer += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
        connection()->write(answer);
        if (data == "quit") connection()->close();
    }
};

class lending : public buffered_protocol {
public:
    mutable_bytes_view get_buffer(std::size_t) override {
        if (on_lend) on_lend();
        return {room_, size};
    }
    void buffer_updated(std::size_t count) override {
        portions.emplace_back(bytes_view(room_, count).str());
        if (on_update) on_update();
    }

    std::vector<std::string> portions;
    std::size_t size = 3;
    std::function<void()> on_lend, on_update;

private:
    std::byte room_[8];
};

template <class Function>
std::string failure(Function function) {
    return support::complaint_of<script_failed>(function);
}

}  // namespace

TEST_CASE("a scripted peer talks with a protocol without any loop", "[testing]") {
    scripted_transport peer(std::make_shared<shouting_echo>());
    peer.connect();
    peer.feed_data("hello, ");
    peer.feed_data("world");
    peer.expect_write("HELLO");
    peer.expect_write(", WORLD");
    peer.expect_nothing();
    peer.feed_data("quit");
    peer.expect_write("QUIT");
    peer.expect_close();
    peer.expect_nothing();
    CHECK(peer.get_protocol() == nullptr);
}

TEST_CASE("a failed expectation names the expected and the actual step", "[testing]") {
    scripted_transport peer(std::make_shared<shouting_echo>());
    peer.connect();
    const std::string early = failure([&] { peer.expect_close(); });
    CHECK(early.ends_with(": step 1: expected close(), got nothing; the peer's last was connect()"));
    peer.feed_data("hello\n");
    const std::string wrong = failure([&] { peer.expect_write("HELP!\n"); });
    CHECK(wrong.starts_with("scripted_transport_test.cpp:"));
    CHECK(wrong.ends_with(
        ": step 1: expected write(b'HELP!\\n'), got write(b'HELLO\\n'), which differs at byte 3; "
        "the peer's last was feed_data(b'hello\\n')"));
    CHECK(failure([&] { peer.expect_write("HELLO\nYOU"); }).find("differs at byte 6") != std::string::npos);
    CHECK(failure([&] { peer.expect_nothing(); }).find("expected nothing, got write(b'HELLO\\n')") !=
          std::string::npos);
    peer.expect_write("HELLO\n");  // nothing was taken away
    peer.feed_data("quit");
    peer.expect_write("QUIT");
    CHECK(failure([&] { peer.expect_write("BYE"); }).find("step 3: expected write(b'BYE'), got close()") !=
          std::string::npos);
    peer.expect_close();
}

TEST_CASE("calls of the protocol are kept in order, those without effect are not", "[testing]") {
    const auto served = std::make_shared<recording_protocol>(true);
    scripted_transport peer(served);
    peer.connect();
    transport& connection = *served->connection();
    connection.pause_reading();
    connection.pause_reading();
    connection.writelines({"a", "", "b"});
    connection.write("");
    connection.resume_reading();
    connection.resume_reading();
    connection.write(bytearray("c"));
    connection.write_eof();
    connection.write_eof();
    CHECK_THROWS_AS(connection.write("more"), invalid_state_error);
    connection.close();
    connection.close();
    connection.write("dropped");
    CHECK(connection.dropped_writes() == 1);
    connection.abort();
    CHECK(served->calls().back() == "connection_made");  // nothing comes from within a call
    peer.expect_pause_reading();
    CHECK(served->calls().back() == "connection_lost");
    peer.expect_write("ab");
    peer.expect_resume_reading();
    CHECK(peer.take_written() == "c");
    CHECK(peer.take_written().empty());
    peer.expect_write_eof();
    peer.expect_close();
    peer.expect_nothing();
}

TEST_CASE("bytes and the end wait while a protocol has paused reading", "[testing]") {
    const auto served = std::make_shared<recording_protocol>(true);
    scripted_transport peer(served);
    peer.connect();
    served->connection()->pause_reading();
    peer.feed_data("one");
    peer.feed_data("two");
    peer.feed_eof();
    CHECK(served->calls().back() == "connection_made");
    served->connection()->resume_reading();
    CHECK(served->calls().back() == "connection_made");
    peer.expect_pause_reading();
    CHECK(served->calls() == std::vector<std::string>{"connection_made", "data_received one",
                                                      "data_received two", "eof_received"});
    CHECK_FALSE(peer.is_reading());
    CHECK_FALSE(peer.is_closing());
    CHECK_THROWS_AS(peer.feed_data("more"), invalid_state_error);
    CHECK_THROWS_AS(peer.feed_eof(), invalid_state_error);
}

TEST_CASE("the peer's end closes a protocol that does not want to go on", "[testing]") {
    const auto served = std::make_shared<recording_protocol>();
    scripted_transport peer(served);
    peer.connect();
    peer.feed_eof();
    peer.expect_close();
    CHECK(served->calls() == std::vector<std::string>{"connection_made", "eof_received", "connection_lost"});
}

TEST_CASE("a reset of the peer is the reason of the loss", "[testing]") {
    const auto served = std::make_shared<recording_protocol>();
    scripted_transport peer(served);
    peer.connect();
    served->connection()->pause_reading();
    peer.feed_data("lost");
    peer.reset();
    CHECK(served->calls() ==
          std::vector<std::string>{"connection_made", "connection_lost: receive: Connection reset by peer"});
    peer.expect_pause_reading();
    peer.feed_data("nobody hears");
    peer.expect_nothing();
    CHECK(peer.is_closing());
}

TEST_CASE("a clogged peer lets the protocol feel its water marks", "[testing]") {
    const auto served = std::make_shared<recording_protocol>();
    scripted_transport peer(served);
    peer.connect();
    transport& connection = *served->connection();
    connection.set_write_buffer_limits({.high = 10, .low = 4});
    connection.write(std::string(100, 'x'));
    CHECK(connection.get_write_buffer_size() == 0);
    peer.clog();
    connection.write(std::string(10, 'y'));
    CHECK(served->calls().back() == "connection_made");
    connection.write("z");
    CHECK(served->calls().back() == "pause_writing");
    peer.take(6);
    CHECK(served->calls().back() == "pause_writing");
    peer.take(1);
    CHECK(served->calls().back() == "resume_writing");
    CHECK(connection.get_write_buffer_size() == 4);
    connection.close();
    peer.expect_write(std::string(100, 'x') + std::string(10, 'y') + "z");
    peer.expect_close();
    CHECK(served->count("connection_lost") == 0);
    peer.unclog();
    CHECK(served->calls().back() == "connection_lost");
}

TEST_CASE("an abort drops what is queued", "[testing]") {
    const auto served = std::make_shared<recording_protocol>();
    scripted_transport peer(served);
    peer.connect();
    peer.clog();
    served->connection()->write("never taken");
    served->connection()->close();
    served->connection()->abort();
    CHECK(peer.get_write_buffer_size() == 0);
    peer.expect_write("never taken");
    peer.expect_close();
    peer.expect_abort();
    CHECK(served->calls().back() == "connection_lost");
}

TEST_CASE("an exception from a callback is a step, and ends the connection where it does", "[testing]") {
    const auto served = std::make_shared<shouting_echo>();
    scripted_transport peer(served);
    peer.connect();
    peer.feed_data("oops");
    const std::string text = failure([&] { peer.expect_close(); });
    CHECK(text.find("expected close(), got an exception from data_received: no such word;") !=
          std::string::npos);
    peer.expect_exception("data_received: no such word");
    peer.expect_nothing();
    CHECK(served->calls().back() == "connection_lost: no such word");
}

TEST_CASE("an exception from connection_made leaves the connection open", "[testing]") {
    struct shy : recording_protocol {
        void connection_made(transport&) override { throw std::runtime_error("go away"); }
    };
    const auto served = std::make_shared<shy>();
    scripted_transport peer(served);
    peer.connect();
    peer.feed_data("still here");
    peer.expect_exception("connection_made: go away");
    CHECK(served->received() == "still here");
}

TEST_CASE("a buffered protocol gets its bytes in the portions that it lends", "[testing]") {
    const auto served = std::make_shared<lending>();
    scripted_transport peer(served);
    peer.connect();
    peer.feed_data("abcdefgh");
    CHECK(served->portions == std::vector<std::string>{"abc", "def", "gh"});
    served->on_update = [&] { peer.pause_reading(); };
    peer.feed_data("ijklm");
    CHECK(served->portions.back() == "ijk");
    peer.expect_pause_reading();
    const auto next = std::make_shared<recording_protocol>();
    peer.set_protocol(next);
    peer.resume_reading();
    peer.expect_resume_reading();
    CHECK(next->received() == "lm");
}

TEST_CASE("a pause from within get_buffer holds the bytes back", "[testing]") {
    const auto served = std::make_shared<lending>();
    scripted_transport peer(served);
    peer.connect();
    served->on_lend = [&] { peer.pause_reading(); };
    peer.feed_data("ab");
    peer.expect_pause_reading();
    CHECK(served->portions.empty());
    served->on_lend = nullptr;
    peer.resume_reading();
    peer.expect_resume_reading();
    CHECK(served->portions == std::vector<std::string>{"ab"});
}

TEST_CASE("a buffered protocol that lends nothing is an error", "[testing]") {
    const auto served = std::make_shared<lending>();
    served->size = 0;
    scripted_transport peer(served);
    peer.connect();
    peer.feed_data("x");
    peer.expect_exception("get_buffer: get_buffer returned an empty buffer, expected at least one byte");
    CHECK(peer.is_closing());
}

TEST_CASE("a protocol that is set after the end is told of it", "[testing]") {
    scripted_transport peer(std::make_shared<recording_protocol>(true));
    peer.connect();
    peer.feed_eof();
    const auto next = std::make_shared<recording_protocol>(true);
    peer.set_protocol(next);
    peer.expect_nothing();
    CHECK(next->calls() == std::vector<std::string>{"eof_received"});
}

TEST_CASE("a scripted transport answers what the test tells it to", "[testing]") {
    scripted_transport peer(std::make_shared<recording_protocol>());
    CHECK_FALSE(peer.get_extra_info(extra_info::peername));
    peer.set_extra_info(extra_info::peername, endpoint::from_ip("192.0.2.1", 7));
    CHECK(peer.get_extra_info(extra_info::peername) == endpoint::from_ip("192.0.2.1", 7));
}

TEST_CASE("a script that makes no sense is refused", "[testing]") {
    CHECK_THROWS_AS(scripted_transport(nullptr), std::invalid_argument);
    CHECK_THROWS_AS(scripted_transport(std::make_shared<datagram_protocol>()), std::invalid_argument);
    scripted_transport peer(std::make_shared<recording_protocol>());
    CHECK_THROWS_WITH(peer.feed_data("x"), "feed_data(b'x'): connect() comes first");
    peer.connect();
    CHECK_THROWS_AS(peer.connect(), invalid_state_error);
}
