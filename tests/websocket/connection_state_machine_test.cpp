// SPDX-License-Identifier: BSL-1.0

#include <aioxx/websocket/connection_state_machine.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <aioxx/testing/scripted_transport.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "websocket/proto/wire.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::script_failed;
using testing::scripted_transport;
using testing::test_loop;
using websocket::close_code;
using websocket::connection_limits;
using websocket::connection_state;
using websocket::opcode;
using websocket::role;
using websocket::detail::connection_state_machine;

namespace {

connection_limits quiet() {
    connection_limits limits;
    limits.ping_interval.reset();
    return limits;
}

// What a connection does when, as "20 ping", in seconds.
class stage {
public:
    explicit stage(role us, const connection_limits& limits = connection_limits())
        : machine(std::make_shared<connection_state_machine>(loop.loop(), us, limits)), peer(machine), us_(us) {
        peer.connect();
        note();
    }

    void wait(int seconds) {
        for (; seconds > 0; --seconds) {
            loop.advance(1s);
            note();
        }
    }
    void send(opcode code, std::string_view payload = {}) {
        peer.feed_data(wire::frame(us_ == role::server ? role::client : role::server, code, payload));
        loop.settle();
        note();
    }
    void close(close_code code = close_code::normal_closure) {
        machine->endpoint().send_close(code);
        machine->flush_output();
        note();
    }
    void end_of_peer() {
        peer.feed_eof();
        loop.settle();
        note();
    }

    // The payload of the latest ping.
    std::string pinged;
    std::vector<std::string> story;

    test_loop loop;
    std::shared_ptr<connection_state_machine> machine;
    scripted_transport peer;

private:
    void note() {
        while (note_next()) {
        }
    }
    bool note_next() {
        const bytearray written = peer.take_written();
        if (!written.empty()) {
            note_frames(written.str());
            return true;
        }
        using expectation = void (scripted_transport::*)(std::source_location);
        constexpr std::array<std::pair<const char*, expectation>, 5> steps{{
            {"half-close", &scripted_transport::expect_write_eof},
            {"close", &scripted_transport::expect_close},
            {"abort", &scripted_transport::expect_abort},
            {"pause", &scripted_transport::expect_pause_reading},
            {"resume", &scripted_transport::expect_resume_reading},
        }};
        for (const auto& [name, expected] : steps) {
            try {
                (peer.*expected)(std::source_location::current());
                add(name);
                return true;
            } catch (const script_failed&) {
            }
        }
        return false;
    }
    // Short frames only, of which a client's are masked.
    void note_frames(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto code = static_cast<opcode>(bytes[0] & 0x0F);
            const std::size_t size = bytes[1] & 0x7F;
            const std::size_t head = us_ == role::client ? 6 : 2;
            std::string payload(bytes.substr(head, size));
            for (std::size_t i = 0; head == 6 && i < size; ++i) {
                payload[i] = static_cast<char>(payload[i] ^ bytes[2 + i % 4]);
            }
            if (code == opcode::ping) pinged = payload;
            std::string line(websocket::name_of(code));
            if (code == opcode::close && size >= 2) {
                line += " " + std::to_string((payload[0] & 0xFF) << 8 | (payload[1] & 0xFF));
                if (size > 2) line += " " + payload.substr(2);
            }
            add(line);
            bytes.remove_prefix(head + size);
        }
    }
    void add(const std::string& what) {
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(loop.elapsed()).count();
        story.push_back(std::to_string(seconds) + " " + what);
    }

    role us_;
};

using story = std::vector<std::string>;

}  // namespace

// Beside the rows: what Python's websockets does, from a run of its version 10.4 on a loop with virtual time. It asks for
// the close timeout once for each step of the end; here it is for all of them.

TEST_CASE("a peer that answers no ping is given up after the interval and the timeout", "[websocket]") {
    // Python: 20 ping, 40 close 1011; then half-close at 40, close at 50, abort at 60, a client 10 s later each. Here the
    // transport is closed at once, so that receivers learn of it: the peer is gone anyway.
    for (const role us : {role::server, role::client}) {
        stage with(us);
        with.wait(100);
        story expected{"20 ping", "40 close 1011 keepalive ping timeout", "40 half-close", "40 close"};
        if (us == role::client) expected.erase(expected.begin() + 2);
        CHECK(with.story == expected);
        CHECK(with.machine->is_over());
        CHECK(with.machine->endpoint().close_sent()->code == close_code::internal_error);
    }
}

TEST_CASE("a pong puts the next ping at the next interval", "[websocket]") {
    // Python: 20 and 45; since version 13 at 20 and 40.
    stage with(role::client);
    with.wait(25);
    with.send(opcode::pong, with.pinged);
    with.wait(36);
    CHECK(with.story == story{"20 ping", "40 ping", "60 close 1011 keepalive ping timeout", "60 close"});
    CHECK(with.machine->latency() == 5s);
}

TEST_CASE("what a pong does not answer, and messages, do not count as a pong", "[websocket]") {
    stage with(role::client);
    with.wait(25);
    with.send(opcode::pong, "something else");
    with.send(opcode::text, "I am there");
    with.wait(20);
    CHECK(with.story == story{"20 ping", "40 close 1011 keepalive ping timeout", "40 close"});
}

TEST_CASE("the end of a connection, step by step", "[websocket]") {
    enum class what { our_close, peers_answer, peers_close, breach, end_of_peer };
    struct row {
        role us;
        std::vector<std::pair<int, what>> happens;  // after so many seconds
        story expected;
    };
    const std::string breach = "1 close 1002 continuation frame without a message to continue";
    const std::vector<row> rows = {
        // Python: half-close 10, close 20, abort 30; a client 20, 30 and 40.
        {role::server, {{0, what::our_close}}, {"0 close 1000", "10 abort"}},
        {role::client, {{0, what::our_close}}, {"0 close 1000", "10 abort"}},
        // Python: the same half-close; close 13, abort 23. A client, which waits for the server: 13, 23 and 33.
        {role::server, {{0, what::our_close}, {3, what::peers_answer}}, {"0 close 1000", "3 half-close", "10 abort"}},
        {role::client, {{0, what::our_close}, {3, what::peers_answer}}, {"0 close 1000", "10 abort"}},
        // Python: the same; close 11, abort 21. A client: half-close 11, close 21, abort 31.
        {role::server, {{1, what::peers_close}}, {"1 close 1000", "1 half-close", "11 abort"}},
        {role::client, {{1, what::peers_close}}, {"1 close 1000", "11 abort"}},
        {role::server, {{1, what::breach}}, {breach, "1 half-close", "11 abort"}},
        {role::client, {{1, what::breach}}, {breach, "11 abort"}},
        // Python: half-close 1, close 11, abort 21. Here the transport closes at the end of the peer's half.
        {role::server, {{1, what::end_of_peer}}, {"1 close"}},
        {role::client, {{1, what::end_of_peer}}, {"1 close"}},
        // The whole way.
        {role::server,
         {{0, what::our_close}, {3, what::peers_answer}, {2, what::end_of_peer}},
         {"0 close 1000", "3 half-close", "5 close"}},
        {role::client,
         {{0, what::our_close}, {3, what::peers_answer}, {2, what::end_of_peer}},
         {"0 close 1000", "5 close"}},
        // A Close of ours does not answer a second time.
        {role::server,
         {{2, what::our_close}, {0, what::peers_close}, {1, what::our_close}},
         {"2 close 1000", "2 half-close", "12 abort"}},
    };
    for (std::size_t index = 0; index < rows.size(); ++index) {
        CAPTURE(index);
        stage with(rows[index].us, quiet());
        for (const auto& [seconds, event] : rows[index].happens) {
            with.wait(seconds);
            switch (event) {
                case what::our_close:
                    if (with.machine->is_open()) with.close();
                    break;
                case what::peers_answer:
                case what::peers_close: with.send(opcode::close, wire::close_payload(1000)); break;
                case what::breach: with.send(opcode::continuation, "of nothing"); break;
                case what::end_of_peer: with.end_of_peer(); break;
            }
        }
        with.wait(40);
        CHECK(with.story == rows[index].expected);
        CHECK(with.machine->is_over());
    }
}

TEST_CASE("no pings while the connection is closing, nor after its end", "[websocket]") {
    connection_limits patient;
    patient.close_timeout = 60s;
    stage with(role::server, patient);
    with.wait(15);
    with.close();
    with.wait(50);
    CHECK(with.story == story{"15 close 1000"});
    with.end_of_peer();
    with.wait(50);
    CHECK(with.story == story{"15 close 1000", "65 close"});
}

TEST_CASE("messages that nobody takes pause the transport at the high mark, and taking them lets it go on", "[websocket]") {
    connection_limits limits = quiet();
    limits.max_queue = 8;
    for (const bool own_low : {false, true}) {
        const std::size_t low = own_low ? 5 : 2;
        if (own_low) limits.max_queue_low = low;
        stage with(role::server, limits);
        for (int i = 0; i < 7; ++i) with.send(opcode::text, "x");
        CHECK(with.story.empty());
        with.send(opcode::text, "x");
        CHECK(with.story == story{"0 pause"});
        for (std::size_t left = 8; left > low; --left) {
            CHECK(with.story.size() == 1);
            REQUIRE(with.machine->has_message());
            static_cast<void>(with.machine->take_message());
            with.wait(1);
        }
        CHECK(with.story.size() == 2);
        CHECK(with.story.back().ends_with(" resume"));
    }
}

TEST_CASE("a ping behind more messages than may wait is answered when they are taken", "[websocket]") {
    connection_limits limits = quiet();
    limits.max_queue = 2;
    stage with(role::server, limits);
    std::string burst;
    for (int i = 0; i < 3; ++i) burst += wire::frame(role::client, opcode::text, "x");
    with.peer.feed_data(burst + wire::frame(role::client, opcode::ping, "behind"));
    with.wait(1);
    CHECK(with.story == story{"1 pause"});
    static_cast<void>(with.machine->take_message());
    static_cast<void>(with.machine->take_message());
    with.wait(1);
    CHECK(with.story == story{"1 pause", "2 resume", "2 pong"});
}

TEST_CASE("the reason of a loss is told, and what is left of it afterwards", "[websocket]") {
    stage with(role::client, quiet());
    const aioxx::endpoint here = aioxx::endpoint::from_ip("127.0.0.1", 1000);
    with.peer.set_extra_info(extra_info::sockname, here);
    CHECK(with.machine->address(extra_info::sockname) == here);
    with.peer.reset();
    CHECK(with.machine->is_over());
    CHECK(with.machine->address(extra_info::sockname) == here);
    CHECK(with.machine->address(extra_info::peername) == aioxx::endpoint());
    std::string text;
    try {
        with.machine->throw_closed();
    } catch (const websocket::connection_closed_error& closed) {
        text = closed.what();
    }
    CAPTURE(text);
    CHECK(text.find("no close frame received or sent") != std::string::npos);
    CHECK(text.find("reset") != std::string::npos);
}
