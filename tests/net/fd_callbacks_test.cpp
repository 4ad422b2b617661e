// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/fd_callbacks.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aioxx/base/error.hpp>
#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/recording_protocol.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

struct pair {
    pair() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        here.reset(ends[0]);
        there.reset(ends[1]);
    }
    unique_fd here;
    unique_fd there;
};

void send(const unique_fd& to, const std::string& text) {
    REQUIRE(::write(to.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

coro<> all_arrived(future<> arrived) { co_await wait_for(arrived, 10s); }

}  // namespace

TEST_CASE("a reader is called as long as there is something to read, and at the end of file", "[net][EV005]") {
    run([]() -> coro<> {
        event_loop& loop = get_running_loop();
        pair ends;
        std::string received;
        int at_end = 0;
        future<> done = create_future();
        add_reader(loop, ends.here.get(), [&] {
            char one;  // leaves the rest, so it must be called again
            const auto count = ::read(ends.here.get(), &one, 1);
            if (count == 1) {
                received += one;
            } else if (++at_end == 3) {
                done.set_result();
                CHECK(remove_reader(loop, ends.here.get()));
            }
        });
        send(ends.there, "abc");
        co_await sleep(0s);
        send(ends.there, "def");
        ends.there.reset();
        co_await all_arrived(done);
        CHECK(received == "abcdef");
        CHECK(!remove_reader(loop, ends.here.get()));
    }());
}

TEST_CASE("a writer is called while there is room, beside a reader of the same descriptor", "[net][EV006][ST019]") {
    run([]() -> coro<> {
        event_loop& loop = get_running_loop();
        pair ends;
        const std::string block(4096, 'x');
        std::size_t written = 0;
        bool full = false;
        future<> answered = create_future();
        add_writer(loop, ends.here.get(), [&] {
            const auto count = ::write(ends.here.get(), block.data(), block.size());
            if (count > 0) written += static_cast<std::size_t>(count);
        });
        add_reader(loop, ends.here.get(), [&] {
            char byte;
            if (::read(ends.here.get(), &byte, 1) == 1) answered.set_result();
        });
        // Full: it is not called any more, whatever the loop does.
        for (std::size_t before = 1; before != written; co_await sleep(1ms)) before = written;
        const std::size_t capacity = written;
        for (int turn = 0; turn < 10; ++turn) co_await sleep(1ms);
        full = written == capacity;
        CHECK(full);
        std::string drained(capacity, ' ');
        CHECK(::read(ends.there.get(), drained.data(), drained.size()) > 0);
        send(ends.there, "!");
        co_await all_arrived(answered);
        while (written == capacity) co_await sleep(1ms);
        CHECK(remove_writer(loop, ends.here.get()));
        CHECK(!remove_writer(loop, ends.here.get()));
        CHECK(remove_reader(loop, ends.here.get()));
    }());
}

TEST_CASE("a callback can be replaced from within, and one that throws is reported and stays", "[net]") {
    runner runs;
    int reports = 0;
    runs.get_loop().set_exception_handler([&](const exception_context&) { ++reports; });
    int first = 0;
    int second = 0;
    runs.run([](int& one, int& two, int& seen) -> coro<> {
        event_loop& loop = get_running_loop();
        pair ends;
        future<> done = create_future();
        add_reader(loop, ends.here.get(), [&] {
            if (++one == 1) throw std::runtime_error("first try");
            add_reader(loop, ends.here.get(), [&] {
                if (++two == 2) {
                    remove_reader(loop, ends.here.get());
                    done.set_result();
                }
            });
        });
        send(ends.there, "x");
        co_await all_arrived(done);
        CHECK(seen == 1);
    }(first, second, reports));
    CHECK(first == 2);
    CHECK(second == 2);
}

TEST_CASE("readers are refused on a closed loop and for what is no descriptor", "[net][EV028]") {
    runner runs;
    event_loop& loop = runs.get_loop();
    pair ends;
    CHECK_THROWS_AS(add_reader(loop, -1, [] {}), std::invalid_argument);
    CHECK_THROWS_AS(add_reader(loop, ends.here.get(), {}), std::invalid_argument);
    const int closed = ::dup(ends.here.get());
    ::close(closed);
    CHECK_THROWS_AS(add_reader(loop, closed, [] {}), broken_error);
    CHECK(!remove_reader(loop, closed));
    add_reader(loop, ends.here.get(), [] {});
    runs.close();
    CHECK_THROWS_AS(add_writer(loop, ends.here.get(), [] {}), invalid_state_error);
    CHECK(!remove_reader(loop, ends.here.get()));
}

TEST_CASE("a descriptor of a transport is refused to others and stays the transport's", "[net][ST023]") {
    run([]() -> coro<> {
        event_loop& loop = get_running_loop();
        pair ends;
        const int number = ends.here.get();
        const auto make = [] { return std::make_shared<testing::recording_protocol>(); };
        auto made = co_await connect_accepted_socket(make, std::move(ends.here));
        CHECK_THROWS_AS(add_reader(loop, number, [] {}), broken_error);
        CHECK_THROWS_AS(add_writer(loop, number, [] {}), broken_error);
        CHECK_FALSE(remove_reader(loop, number));
        CHECK_FALSE(remove_writer(loop, number));
        send(ends.there, "for the transport");
        co_await wait_for(made.protocol->has_received(17), 10s);
        made.transport->close();
        co_await made.protocol->called("connection_lost");
    }());
}

TEST_CASE("a callback that is already scheduled still runs in the batch in which the loop is stopped", "[net][BE029]") {
    runner runs;
    event_loop& loop = runs.get_loop();
    pair ends;
    int called = 0;
    send(ends.there, "x");
    add_reader(loop, ends.here.get(), [&] {
        ++called;
        loop.stop();
    });
    loop.run_forever();
    CHECK(called == 1);
    remove_reader(loop, ends.here.get());
}
