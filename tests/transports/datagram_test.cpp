// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/datagram.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include <aioxx/core/future.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/check_datagram.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::datagram_observer;
using support::run_bounded;

namespace {

// A transport over one end of a pair of Unix sockets; the other end is read by hand.
struct half_pair {
    std::shared_ptr<datagram_observer> served = std::make_shared<datagram_observer>();
    std::shared_ptr<datagram_socket_transport> made;
    unique_fd other;

    half_pair() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        other.reset(ends[1]);
        made = std::make_shared<datagram_socket_transport>(get_running_loop(), unique_fd(ends[0]), served);
        made->start();
    }

    // Sends numbered datagrams until one has to wait. Returns: how many there are.
    std::size_t clog() {
        std::size_t count = 0;
        while (made->get_write_buffer_size() == 0) made->sendto(std::to_string(count++));
        return count;
    }
    // Returns: what has arrived, nothing when there is nothing.
    std::optional<std::string> read() {
        std::array<char, 1000> buffer;
        const ssize_t size = ::recv(other.get(), buffer.data(), buffer.size(), 0);
        if (size < 0) return std::nullopt;
        return std::string(buffer.data(), static_cast<std::size_t>(size));
    }
    // Reads so many, which come in order.
    coro<> read_in_order(std::size_t count) {
        for (std::size_t next = 0; next < count;) {
            if (const auto text = read()) {
                CHECK(*text == std::to_string(next++));
            } else {
                co_await sleep(0s);
            }
        }
    }
    coro<> end() {
        made->abort();
        co_await served->until_lost();
    }
};

// A transport over a UDP socket that is connected to another one, which is used by hand.
struct udp_pair {
    std::shared_ptr<datagram_observer> served = std::make_shared<datagram_observer>();
    std::shared_ptr<datagram_socket_transport> made;
    unique_fd other;

    udp_pair() {
        other = bound_socket();
        unique_fd own = bound_socket();
        connect(own, other);
        connect(other, own);
        made = std::make_shared<datagram_socket_transport>(get_running_loop(), std::move(own), served);
        made->start();
    }

    void send(const std::string& text) const {
        REQUIRE(::send(other.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    }

private:
    static unique_fd bound_socket() {
        unique_fd made(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        const endpoint any = endpoint::from_ip("127.0.0.1", 0);
        REQUIRE(::bind(made.get(), any.data(), any.size()) == 0);
        return made;
    }
    static void connect(const unique_fd& from, const unique_fd& to) {
        const auto address = endpoint::local_of(to.get());
        REQUIRE(::connect(from.get(), address->data(), address->size()) == 0);
    }
};

}  // namespace

TEST_CASE("a burst of datagrams arrives whole and in order, and so does what comes later", "[transports][DG002]") {
    run_bounded([]() -> coro<> {
        const udp_pair pair;
        co_await sleep(0s);
        std::size_t sent = 0;
        constexpr std::array<std::size_t, 6> bursts{1, 16, 40, 0, 100, 1};
        for (const std::size_t burst : bursts) {
            for (std::size_t i = 0; i < burst; ++i) pair.send(std::to_string(sent++));
            co_await pair.served->until_received(sent);
        }
        for (std::size_t i = 0; i < sent; ++i) CHECK(pair.served->received[i] == std::to_string(i));
        CHECK(pair.made->statistics().received == sent);
        pair.made->abort();
        co_await pair.served->until_lost();
    }());
}

TEST_CASE("who closes in the midst of a burst is told of no other datagram", "[transports][DG006][DG007]") {
    run_bounded([]() -> coro<> {
        const udp_pair pair;
        co_await sleep(0s);
        pair.served->on_datagram = [&] {
            if (pair.served->received.size() == 2) pair.made->close();
        };
        for (const char* text : {"1", "2", "3", "4"}) pair.send(text);
        co_await pair.served->until_lost();
        CHECK(pair.served->received.size() == 2);
        CHECK(pair.made->statistics().received == 2);
    }());
}

TEST_CASE("an error that comes with a burst is told, and nothing of the burst is lost", "[transports][DG004]") {
    run_bounded([]() -> coro<> {
        udp_pair pair;
        co_await sleep(0s);
        for (const char* text : {"1", "2", "3"}) pair.send(text);
        pair.other.reset();
        pair.made->sendto("to nobody");
        co_await pair.served->until([&] { return !pair.served->errors.empty() && pair.served->received.size() == 3; });
        CHECK(pair.served->errors.size() == 1);
        CHECK(pair.served->errors.front() == std::errc::connection_refused);
        pair.made->sendto("to nobody");  // the next event is seen as well
        co_await pair.served->until([&] { return pair.served->errors.size() == 2; });
        pair.made->abort();
        co_await pair.served->until_lost();
    }());
}

TEST_CASE("what the system has no room for waits as a copy, and goes out in order",
          "[transports][DG002][DG003][DG007][DG008][T21]") {
    run_bounded([]() -> coro<> {
        half_pair pair;
        co_await sleep(0s);
        std::size_t count = pair.clog();
        CHECK(pair.made->get_write_buffer_size() == std::to_string(count - 1).size() + 8);
        std::string overwritten = std::to_string(count++);
        pair.made->sendto(overwritten);
        overwritten = "changed";
        pair.made->sendto("");
        CHECK(pair.made->statistics().queued == 3);
        co_await pair.read_in_order(count);
        for (int tries = 0; pair.made->get_write_buffer_size() != 0 && tries < 1000; ++tries) co_await sleep(0s);
        CHECK(pair.read() == "");
        CHECK(pair.made->get_write_buffer_size() == 0);
        CHECK(pair.made->statistics().most_queued == 3);
        co_await pair.end();
    }());
}

TEST_CASE("writing pauses above the high mark and resumes at the low one", "[transports][DG008][T21]") {
    run_bounded([]() -> coro<> {
        half_pair pair;
        co_await sleep(0s);
        pair.made->set_write_buffer_limits({.high = 30, .low = 9});
        std::size_t count = pair.clog();
        for (int more = 0; more < 5; ++more) pair.made->sendto(std::to_string(count++));
        CHECK(pair.served->count("pause_writing") == 1);
        CHECK(pair.served->count("resume_writing") == 0);
        co_await pair.read_in_order(count);
        co_await pair.served->until([&] { return pair.served->count("resume_writing") == 1; });
        CHECK(pair.made->statistics().pauses == 1);
        co_await pair.end();
    }());
}

TEST_CASE("close sends what is queued, abort drops it", "[transports][DG006][DG007]") {
    run_bounded([]() -> coro<> {
        half_pair pair;
        co_await sleep(0s);
        const std::size_t count = pair.clog();
        pair.made->close();
        co_await sleep(0s);
        CHECK(pair.served->count("connection_lost") == 0);
        co_await pair.read_in_order(count);
        co_await pair.served->until_lost();
        CHECK_FALSE(pair.served->reason);

        half_pair dropped;
        co_await sleep(0s);
        dropped.clog();
        dropped.made->close();
        dropped.made->abort();
        co_await dropped.served->until_lost();
        CHECK(dropped.made->get_write_buffer_size() == 0);
    }());
}

TEST_CASE("an error of the system is told, and the endpoint goes on, also while it is paused",
          "[transports][DG004][DG007][T22]") {
    run_bounded([]() -> coro<> {
        half_pair pair;
        co_await sleep(0s);
        pair.made->set_write_buffer_limits({.high = 0, .low = std::nullopt});
        const std::size_t count = pair.clog();
        CHECK(pair.served->count("pause_writing") == 1);
        CHECK(count > 0);
        pair.other.reset();  // what is queued can be sent to nobody
        co_await pair.served->until([&] { return pair.served->count("resume_writing") == 1; });
        CHECK(pair.served->count("error_received") == 1);
        CHECK_FALSE(pair.made->is_closing());
        pair.made->sendto("refused as well");
        CHECK(pair.served->count("error_received") == 1);  // scheduled
        co_await pair.served->until([&] { return pair.served->count("error_received") == 2; });
        CHECK(pair.made->statistics().errors == 2);
        co_await pair.end();
    }());
}

TEST_CASE("a Unix datagram that is larger than the loop's buffer arrives whole", "[transports]") {
    run_bounded([]() -> coro<> {
        half_pair pair;
        co_await sleep(0s);
        const std::string large(100'000, 'x');
        REQUIRE(::send(pair.other.get(), large.data(), large.size(), 0) == 100'000);
        co_await pair.served->until_received(1);
        CHECK(pair.served->received.front() == large);
        CHECK(pair.served->senders.front().family() == AF_UNSPEC);
        co_await pair.end();
    }());
}

TEST_CASE("many datagrams of one endpoint do not keep the loop from its other work", "[transports]") {
    run_bounded([]() -> coro<> {
        half_pair pair;
        const int room = 1 << 22;
        ::setsockopt(pair.other.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        co_await sleep(0s);
        std::size_t most = 0;
        std::size_t before = 0;
        pair.served->on_datagram = [&] {
            while (::send(pair.other.get(), "x", 1, 0) == 1) {
            }
        };
        REQUIRE(::send(pair.other.get(), "x", 1, 0) == 1);
        while (before < 1000) {
            co_await sleep(0s);
            most = std::max(most, pair.served->received.size() - before);
            before = pair.served->received.size();
        }
        CHECK(most <= 200);
        co_await pair.end();
    }());
}

TEST_CASE("only datagram protocols are served", "[transports]") {
    run_bounded([]() -> coro<> {
        half_pair pair;
        co_await sleep(0s);
        CHECK_THROWS_AS(pair.made->set_protocol(nullptr), std::invalid_argument);
        CHECK_THROWS_AS(pair.made->set_protocol(std::make_shared<protocol>()), std::invalid_argument);
        CHECK(pair.made->get_protocol() == pair.served);
        CHECK(pair.made->describe().starts_with("datagram endpoint"));
        co_await pair.end();
        CHECK(pair.made->get_protocol() == nullptr);
    }());
}
