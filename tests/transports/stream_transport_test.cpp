// SPDX-License-Identifier: BSL-1.0

// What the laws of testing/check_transport.hpp cannot see from outside: which calls a transport makes of its channel,
// and what it does when the medium answers in unusual ways.

#include <aioxx/transports/stream_transport.hpp>

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <aioxx/base/config.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/testing/recording_protocol.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"
#include "transports/scripted_stage.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::recording_protocol;
using testing::test_loop;
using namespace scripted;

namespace {

// Runs a function in data_received.
class acting_protocol final : public recording_protocol {
public:
    using recording_protocol::recording_protocol;
    std::function<void(aioxx::transport&)> on_data;
    void data_received(bytes_view data) override {
        recording_protocol::data_received(data);
        if (on_data) on_data(*connection());
    }
};

const std::string large(20'000, 'L');

}  // namespace

// ---- starting ----

TEST_CASE("a transport tells its protocol, then reads, then calls who connected it", "[transports][ST001]") {
    test_loop loop;
    auto played = std::make_shared<script>();
    auto protocol = std::make_shared<recording_protocol>();
    auto made = std::make_shared<stream_transport>(loop.loop(), std::make_unique<scripted_channel>(played), protocol);
    std::string at_the_end;
    made->start([&](std::exception_ptr) { at_the_end = protocol->story() + ", waits: " + std::to_string(played->readable_waits); });
    CHECK(protocol->calls().empty());  // not from within start
    CHECK(played->readable_waits == 0);
    loop.settle();
    CHECK(at_the_end == "connection_made, waits: 1");
    made->abort();
    loop.settle();
}

TEST_CASE("what connection_made throws is reported, and the connection goes on", "[transports][FC014]") {
    class throwing final : public recording_protocol {
        void connection_made(aioxx::transport& made) override {
            recording_protocol::connection_made(made);
            throw std::runtime_error("not today");
        }
    };
    stage on(std::make_shared<throwing>());
    REQUIRE(on.reports.size() == 1);
    CHECK(on.reports[0] == "exception in connection_made: not today");
    CHECK(!on.made->is_closing());
    on.played->arrive("data");
    on.readable();
    on.in_turn([&] { on.made->write("answer"); });
    CHECK(on.played->sent == std::vector<std::string>{"answer"});
    CHECK(on.protocol->story() == "connection_made data_received");
    on.in_turn([&] { on.made->close(); });
    CHECK(on.protocol->story() == "connection_made data_received connection_lost");
    CHECK(on.reports.size() == 1);
}

// ---- writing ----

TEST_CASE("what is written during a turn leaves with one send at its end", "[transports]") {
    stage on;
    on.in_turn([&] {
        for (int i = 0; i < 100; ++i) on.made->write("small ");
        CHECK(on.played->sent.empty());
    });
    REQUIRE(on.played->sent.size() == 1);
    CHECK(on.played->sent[0].size() == 600);
}

TEST_CASE("large data is tried at once, in the place where the caller has it", "[transports]") {
    stage on;
    on.in_turn([&] {
        on.made->write(large);
        REQUIRE(on.played->sent.size() == 1);
        CHECK(on.played->sent[0] == large);
        CHECK(on.played->pieces[0] == 1);
        CHECK(on.made->get_write_buffer_size() == 0);
    });
    CHECK(on.played->sent.size() == 1);
}

TEST_CASE("large data behind small data keeps the order", "[transports]") {
    stage on;
    on.in_turn([&] {
        on.made->write("first");
        on.made->write(large);
    });
    std::string all;
    for (const std::string& sent : on.played->sent) all += sent;
    CHECK(all == "first" + large);
    CHECK(on.played->sent.size() == 1);
}

TEST_CASE("what the medium does not take waits for it, and is sent from where it stopped (ST005, ST011)",
          "[transports]") {
    stage on;
    on.played->sends.push_back({5'000, {}, transfer::rest::unknown});
    on.in_turn([&] { on.made->write(large); });
    CHECK(on.played->writable_waits == 1);
    CHECK(on.made->get_write_buffer_size() == 15'000);
    on.in_turn([&] { on.made->write("more"); });  // no attempt while the medium is full
    CHECK(on.played->sent.size() == 1);
    on.played->sends.push_back(would_block());
    on.writable();
    CHECK(on.made->get_write_buffer_size() == 15'004);
    CHECK(on.played->writable_waits == 2);
    on.writable();
    CHECK(on.made->get_write_buffer_size() == 0);
    std::string all;
    for (const std::string& sent : on.played->sent) all += sent;
    CHECK(all == large + "more");
}

TEST_CASE("a block that is given away is not copied for the rest", "[transports]") {
    stage on;
    on.played->sends.push_back({1, {}, transfer::rest::unknown});
    on.in_turn([&] { on.made->write(bytearray(large)); });
    CHECK(on.made->get_write_buffer_size() == large.size() - 1);
    on.writable();
    CHECK(on.played->sent[1] == large.substr(1));
}

TEST_CASE("more pieces than a system call takes are sent with several (ST009)", "[transports]") {
    stage on;
    const std::string block(200, 'b');
    const std::vector<bytes_view> pieces(1000, bytes_view(block));
    on.in_turn([&] { on.made->writelines(std::span<const bytes_view>(pieces)); });
    std::size_t total = 0;
    for (std::size_t i = 0; i < on.played->sent.size(); ++i) {
        total += on.played->sent[i].size();
        CHECK(on.played->pieces[i] <= 64);
    }
    CHECK(total == 200'000);
}

TEST_CASE("a vector that is cut inside a piece goes on there (T1, ST009)", "[transports]") {
    stage on;
    std::vector<bytes_view> pieces;
    const std::string a(6'000, 'a');
    const std::string b(6'000, 'b');
    pieces.emplace_back(a);
    pieces.emplace_back("");
    pieces.emplace_back(b);
    pieces.emplace_back("");  // T3
    on.played->sends.push_back({7'000, {}, transfer::rest::unknown});
    on.in_turn([&] { on.made->writelines(std::span<const bytes_view>(pieces)); });
    CHECK(on.played->writable_waits == 1);
    on.writable();
    std::string all;
    for (const std::string& sent : on.played->sent) all += sent;
    CHECK(all == a + b);
}

TEST_CASE("the queue is tried before the protocol is told to pause", "[transports]") {
    stage on;
    on.in_turn([&] {
        for (int i = 0; i < 20; ++i) on.made->write(std::string(5'000, 'x'));
    });
    CHECK(on.protocol->count("pause_writing") == 0);
    CHECK(on.played->sent.size() == 2);
}

TEST_CASE("a send error ends the connection with its reason, and nothing is sent after it (ST007)",
          "[transports][ST015]") {
    for (const std::size_t size : {3U, 20'000U}) {
        stage on;
        on.played->sends.push_back({0, std::make_error_code(std::errc::broken_pipe), transfer::rest::nothing});
        on.in_turn([&] {
            on.made->write(std::string(size, 'x'));
            on.made->write("dropped");
        });
        CHECK(on.played->sent.size() == 1);
        CHECK(on.protocol->count("connection_lost: ") == 1);
        CHECK(on.protocol->calls().back().find("send") != std::string::npos);
        on.in_turn([&] { on.made->write("dropped"); });
        CHECK(on.made->dropped_writes() >= 1);
        CHECK(on.played->sent.size() == 1);
        CHECK(on.played->closed);
        CHECK(on.reports.empty());  // what the system does is no news
    }
}

TEST_CASE("write_eof waits for the queue, close does as well (ST012, ST013)", "[transports][ST010]") {
    stage on(std::make_shared<recording_protocol>(true));
    on.played->sends.push_back(would_block());
    on.in_turn([&] {
        on.made->write("x");
        on.made->write_eof();
    });
    CHECK(!on.played->shut_down);
    on.writable();
    CHECK(on.played->shut_down);
    CHECK(!on.played->closed);
    on.in_turn([&] { on.made->close(); });
    CHECK(on.played->closed);
    CHECK(on.protocol->calls().back() == "connection_lost");

    stage closing;
    closing.played->sends.push_back(would_block());
    closing.in_turn([&] {
        closing.made->write("x");
        closing.made->close();
        closing.made->write("dropped");
    });
    CHECK(!closing.played->closed);
    CHECK(closing.made->dropped_writes() == 1);
    closing.writable();
    CHECK(closing.played->closed);
    CHECK(closing.played->sent.back() == "x");
}

TEST_CASE("write_eof before connection_made ends the connection's half after it, with what was written or without", "[transports]") {
    for (const std::string written : {"", "x"}) {
        test_loop loop;
        auto played = std::make_shared<script>();
        auto protocol = std::make_shared<recording_protocol>(true);
        auto made = std::make_shared<stream_transport>(loop.loop(), std::make_unique<scripted_channel>(played), protocol);
        made->start();
        made->write(written);
        made->write_eof();
        CHECK(!played->shut_down);
        loop.settle();
        CHECK(played->shut_down);
        CHECK(played->sent == (written.empty() ? std::vector<std::string>() : std::vector<std::string>{written}));
        made->abort();
        loop.settle();
    }
}

TEST_CASE("the protocol can be replaced in resume_writing, and the new one has all that follows",
          "[transports][FC007]") {
    class replaced final : public recording_protocol {
    public:
        explicit replaced(std::shared_ptr<base_protocol> successor) : successor_(std::move(successor)) {}
        void resume_writing() override {
            recording_protocol::resume_writing();
            connection()->set_protocol(successor_);
            connection()->write(std::string(70'000, 'm'));
        }

    private:
        std::shared_ptr<base_protocol> successor_;
    };
    auto second = std::make_shared<recording_protocol>();
    stage on(std::make_shared<replaced>(second));
    on.played->sends.push_back(would_block());
    on.in_turn([&] { on.made->write(std::string(70'000, 'l')); });
    CHECK(on.protocol->story() == "connection_made pause_writing");
    on.played->sends.push_back({70'000, {}, transfer::rest::unknown});
    on.played->sends.push_back(would_block());  // for what resume_writing writes
    on.writable();
    CHECK(on.protocol->story() == "connection_made pause_writing resume_writing");
    CHECK(second->story() == "pause_writing");
    on.writable();
    CHECK(second->story() == "pause_writing resume_writing");
    on.played->arrive("data");
    on.readable();
    on.in_turn([&] { on.made->close(); });
    CHECK(second->story() == "pause_writing resume_writing data_received connection_lost");
    CHECK(on.protocol->story() == "connection_made pause_writing resume_writing");
}

TEST_CASE("what is written in connection_made is sent", "[transports]") {
    class greeting final : public recording_protocol {
        void connection_made(aioxx::transport& made) override {
            recording_protocol::connection_made(made);
            made.write("hello");
            made.write(large);
        }
    };
    stage on(std::make_shared<greeting>());
    std::string all;
    for (const std::string& sent : on.played->sent) all += sent;
    CHECK(all == "hello" + large);
}

// ---- reading ----

TEST_CASE("a receive that emptied the medium is not followed by one that would block", "[transports]") {
    stage on;
    on.played->arrive("abc", transfer::rest::nothing);
    const int before = on.played->readable_waits;
    on.readable();
    CHECK(on.played->receive_calls == 1);
    CHECK(on.played->readable_waits == before + 1);
    CHECK(on.protocol->received() == "abc");
}

TEST_CASE("data, the end and errors of reading each have their consequence", "[transports][ST004]") {
    SECTION("nothing there: the transport waits") {
        stage on;
        const int before = on.played->readable_waits;
        on.readable();
        CHECK(on.played->readable_waits == before + 1);
        CHECK(on.protocol->story() == "connection_made");
    }
    SECTION("the end closes") {
        stage on;
        on.played->arrive("data");
        on.played->arrive_end();
        on.readable();
        CHECK(on.protocol->story() == "connection_made data_received eof_received connection_lost");
        CHECK(on.played->closed);
    }
    SECTION("the end of a protocol that keeps open ends the reading only") {
        stage on(std::make_shared<recording_protocol>(true));
        on.played->arrive_end();
        on.readable();
        CHECK(on.protocol->story() == "connection_made eof_received");
        CHECK_FALSE(on.made->is_reading());
        const int before = on.played->receive_calls;
        on.readable();
        CHECK(on.played->receive_calls == before);
        on.in_turn([&] { on.made->write("still here"); });
        CHECK(on.played->sent == std::vector<std::string>{"still here"});
        CHECK_FALSE(on.played->closed);
    }
    SECTION("an error drops what is queued and is the reason of the loss") {
        for (const std::errc code : {std::errc::connection_reset, std::errc::host_unreachable}) {
            const std::string reason = std::make_error_code(code).message();
            CAPTURE(reason);
            stage on;
            on.played->sends.push_back(would_block());
            on.in_turn([&] { on.made->write("never sent"); });
            on.played->arrive_error(code);
            on.readable();
            CHECK(on.protocol->story() == "connection_made connection_lost");
            CHECK(on.protocol->calls().back().find(reason) != std::string::npos);
            CHECK(on.made->get_write_buffer_size() == 0);
            CHECK(on.played->closed);
            CHECK(on.reports.empty());  // what the peer does is no news
        }
    }
}

TEST_CASE("what eof_received throws is reported and ends the connection", "[transports][ST003]") {
    class throwing final : public recording_protocol {
        bool eof_received() override { throw std::runtime_error("no end"); }
    };
    stage on(std::make_shared<throwing>());
    on.played->arrive_end();
    on.readable();
    CHECK(on.reports == std::vector<std::string>{"exception in eof_received: no end"});
    CHECK(on.protocol->calls().back() == "connection_lost: no end");
    CHECK(on.played->closed);
}

TEST_CASE("the channel is closed whatever connection_lost throws", "[transports][ST016]") {
    class throwing final : public recording_protocol {
        void connection_lost(std::exception_ptr reason) override {
            recording_protocol::connection_lost(std::move(reason));
            throw std::runtime_error("not lost");
        }
    };
    stage on(std::make_shared<throwing>());
    const std::weak_ptr<recording_protocol> protocol = std::exchange(on.protocol, nullptr);
    on.in_turn([&] { on.made->close(); });
    CHECK(on.reports == std::vector<std::string>{"exception in connection_lost: not lost"});
    CHECK(on.played->closed);
    CHECK(protocol.expired());
}

TEST_CASE("the end together with data comes after it, in the same turn", "[transports]") {
    stage on;
    on.played->arrive("last words");
    on.played->arrive_end();
    on.readable();
    CHECK(on.protocol->story() == "connection_made data_received eof_received connection_lost");
    CHECK(on.protocol->calls().back() == "connection_lost");
}

TEST_CASE("a reset together with data comes after it", "[transports]") {
    stage on;
    on.played->arrive("last words");
    on.played->arrive_error(std::errc::connection_reset);
    on.readable();
    CHECK(on.protocol->received() == "last words");
    CHECK(on.protocol->count("connection_lost: ") == 1);
}

TEST_CASE("a connection with much to read lets the others have their turn", "[transports]") {
    stage on;
    for (int i = 0; i < 10; ++i) on.played->arrive("x");
    on.in_turn([&] {
        on.played->handler->on_readable();
        CHECK(on.played->receive_calls == 4);
    });
    CHECK(on.played->receive_calls == 11);  // it goes on by itself, until it would block
    CHECK(on.protocol->received() == "xxxxxxxxxx");
    for (int i = 0; i < 3; ++i) on.played->arrive(std::string(50'000, 'x'));
    on.in_turn([&] {
        on.played->handler->on_readable();
        CHECK(on.played->receive_calls == 13);  // 64 KiB are enough for a turn
    });
    CHECK(on.played->receive_calls == 15);
}

TEST_CASE("a pause between two turns of a long read holds, resume goes on in order (PR002, PR003)", "[transports]") {
    auto pausing = std::make_shared<acting_protocol>();
    stage on(pausing);
    int count = 0;
    pausing->on_data = [&](aioxx::transport& of) {
        if (++count == 5) of.pause_reading();
    };
    for (int i = 0; i < 10; ++i) on.played->arrive(std::string(1, static_cast<char>('0' + i)));
    on.readable();
    CHECK(on.protocol->received() == "01234");
    on.in_turn([&] {
        on.made->resume_reading();
        on.made->pause_reading();
    });
    CHECK(on.protocol->received() == "01234");
    on.in_turn([&] {
        on.made->resume_reading();
        on.made->resume_reading();
        CHECK(on.protocol->received() == "01234");  // through the loop, never inline
    });
    CHECK(on.protocol->received() == "0123456789");
}

TEST_CASE("readiness after the end of the connection is ignored (T8)", "[transports]") {
    stage on;
    on.played->arrive("too late");
    on.played->sends.push_back(would_block());
    on.in_turn([&] {
        on.made->write("queued");
        on.made->abort();
        on.played->handler->on_readable();
        on.played->handler->on_writable();
    });
    CHECK(on.protocol->story() == "connection_made connection_lost");
    CHECK(on.played->receive_calls == 0);
    CHECK(on.played->sent.empty());
    on.readable();
    on.writable();
    CHECK(on.protocol->story() == "connection_made connection_lost");
}

TEST_CASE("no data comes after close, although it has arrived", "[transports]") {
    auto closing = std::make_shared<acting_protocol>();
    closing->on_data = [](aioxx::transport& of) {
        of.write("bye");
        of.close();
    };
    stage on(closing);
    on.played->sends.push_back(would_block());
    on.played->arrive("first");
    on.played->arrive("second");
    on.readable();
    CHECK(on.protocol->received() == "first");
    on.readable();
    CHECK(on.protocol->received() == "first");
    on.writable();
    CHECK(on.protocol->calls().back() == "connection_lost");
}

TEST_CASE("a protocol that is set after the peer's end is told of it", "[transports]") {
    auto first = std::make_shared<recording_protocol>(true);
    stage on(first);
    on.played->arrive_end();
    on.readable();
    CHECK(first->story() == "connection_made eof_received");
    auto second = std::make_shared<recording_protocol>(true);
    on.played->arrive_end();
    on.in_turn([&] {
        on.made->set_protocol(second);
        CHECK(second->calls().empty());
    });
    CHECK(second->story() == "eof_received");
    CHECK(!on.made->is_closing());
}

TEST_CASE("a medium that only sends notices that its receiver has gone (PI004)", "[transports]") {
    SECTION("with nothing queued it is no error") {
        stage on(std::make_shared<recording_protocol>(), true);
        CHECK(on.played->readable_waits == 1);
        on.readable();  // a false alarm (T18)
        CHECK(!on.made->is_closing());
        CHECK(on.played->readable_waits == 2);
        on.in_turn([&] {
            on.made->pause_reading();
            on.made->resume_reading();
        });
        CHECK(on.played->receive_calls == 0);  // there is nothing to read from
        on.played->gone = true;
        on.readable();
        CHECK(on.protocol->calls().back() == "connection_lost");
    }
    SECTION("with bytes queued it is one") {
        stage on(std::make_shared<recording_protocol>(), true);
        on.played->sends.push_back(would_block());
        on.in_turn([&] { on.made->write("x"); });
        on.played->gone = true;
        on.readable();
        CHECK(on.protocol->count("connection_lost: ") == 1);
    }
}

TEST_CASE("closing the loop ends a transport without callbacks", "[transports]") {
    auto played = std::make_shared<script>();
    auto protocol = std::make_shared<recording_protocol>();
    std::weak_ptr<stream_transport> weak;
    {
        test_loop loop;
        auto made =
            std::make_shared<stream_transport>(loop.loop(), std::make_unique<scripted_channel>(played), protocol);
        weak = made;
        made->start();
        loop.settle();
    }
    CHECK(played->closed);
    CHECK(weak.expired());
    CHECK(protocol->story() == "connection_made");
}

TEST_CASE("a byte transport refuses a protocol of another kind", "[transports]") {
    test_loop loop;
    struct other final : base_protocol {};
    const auto make = [&](std::shared_ptr<base_protocol> served) {
        return std::make_shared<stream_transport>(
            loop.loop(), std::make_unique<scripted_channel>(std::make_shared<script>()), std::move(served));
    };
    CHECK_THROWS_AS(make(std::make_shared<other>()), std::invalid_argument);
    CHECK_THROWS_AS(make(nullptr), std::invalid_argument);
}

TEST_CASE("a transport counts what it does: bytes, calls, pauses and their time", "[transports]") {
    test_loop loop;
    loop.run([]() -> coro<> {
        event_loop& running = get_running_loop();
        auto [a, b] = make_memory_channels(running, 1000);
        const auto near = std::make_shared<recording_protocol>();
        const auto far = std::make_shared<recording_protocol>();
        auto sender = std::make_shared<stream_transport>(running, std::move(a), near);
        auto receiver = std::make_shared<stream_transport>(running, std::move(b), far);
        sender->start();
        receiver->start();
        co_await sleep(1s);
        for (int count = 0; count < 5; ++count) sender->write("12345");
        co_await sleep(1s);
        transport_statistics sent = *sender->get_extra_info(extra_info::statistics);
        CHECK(sent.writes == 5);
        CHECK(sent.sends == 1);  // corked
        CHECK(sent.bytes_sent == 25);
        CHECK(sent.most_queued == 25);
        CHECK(sent.queued == 0);
        CHECK(sent.pauses == 0);
        const transport_statistics received = *receiver->get_extra_info(extra_info::statistics);
        CHECK(received.bytes_received == 25);
        CHECK(received.receives == 1);
        CHECK(received.writes == 0);

        receiver->pause_reading();
        sender->write(std::string(100'000, 'x'));
        co_await sleep(3s);
        sent = *sender->get_extra_info(extra_info::statistics);
        CHECK(sent.pauses == 1);
        CHECK(sent.paused == 3s);
        CHECK(sent.queued == sent.most_queued);
        receiver->resume_reading();
        co_await sleep(1s);
        sent = *sender->get_extra_info(extra_info::statistics);
        CHECK(sent.paused == 3s);
        CHECK(sent.bytes_sent == 100'025);
        sender->abort();
        receiver->abort();
        co_await sleep(1s);
    }());
}
