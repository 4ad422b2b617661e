// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/memory.hpp>

#include <memory>
#include <string>

#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using testing::test_loop;

namespace {

struct counting_handler final : fd_handler {
    int readable = 0;
    int writable = 0;
    void on_readable() override { ++readable; }
    void on_writable() override { ++writable; }
};

struct both_ends {
    explicit both_ends(std::size_t capacity = 8) {
        auto ends = make_memory_channels(loop.loop(), capacity);
        a = std::move(ends.first);
        b = std::move(ends.second);
        a->attach(of_a);
        b->attach(of_b);
    }
    test_loop loop;
    counting_handler of_a, of_b;
    std::unique_ptr<memory_channel> a, b;
};

transfer send(stream_channel& to, bytes_view data) { return to.send(std::span<const bytes_view>(&data, 1)); }

std::string receive(stream_channel& from, transfer& done, std::size_t most = 100) {
    std::string memory(most, '\0');
    done = from.receive(std::as_writable_bytes(std::span<char>(memory)));
    return memory.substr(0, done.count);
}

}  // namespace

TEST_CASE("a memory link carries bytes in order, up to its capacity", "[transports]") {
    both_ends ends;
    CHECK(send(*ends.a, "01234").count == 5);
    CHECK(send(*ends.a, "56789").count == 3);
    CHECK(send(*ends.a, "x").would_block());
    transfer done;
    CHECK(receive(*ends.b, done, 3) == "012");
    CHECK(done.left == transfer::rest::unknown);
    CHECK(receive(*ends.b, done) == "34567");
    CHECK(done.left == transfer::rest::nothing);
    receive(*ends.b, done);
    CHECK(done.would_block());
}

TEST_CASE("readiness comes through the loop, once for each wait", "[transports]") {
    both_ends ends;
    send(*ends.a, "early");
    ends.loop.settle();
    CHECK(ends.of_b.readable == 0);  // nobody asked
    ends.b->await_readable();
    CHECK(ends.of_b.readable == 0);  // not inline
    ends.loop.settle();
    CHECK(ends.of_b.readable == 1);
    transfer done;
    receive(*ends.b, done);
    ends.b->await_readable();
    ends.loop.settle();
    CHECK(ends.of_b.readable == 1);
    send(*ends.a, "x");
    send(*ends.a, "y");
    ends.loop.settle();
    CHECK(ends.of_b.readable == 2);
}

TEST_CASE("a full link is writable again when the other end has read", "[transports]") {
    both_ends ends;
    send(*ends.a, "01234567");
    ends.a->await_writable();
    ends.loop.settle();
    CHECK(ends.of_a.writable == 0);
    transfer done;
    receive(*ends.b, done, 1);
    ends.loop.settle();
    CHECK(ends.of_a.writable == 1);
}

TEST_CASE("the end of one direction is seen after its bytes, the other direction goes on", "[transports]") {
    both_ends ends;
    send(*ends.a, "bye");
    ends.a->shutdown_send();
    transfer done;
    CHECK(receive(*ends.b, done) == "bye");
    receive(*ends.b, done);
    CHECK(done.count == 0);
    CHECK(!done.error);
    CHECK(send(*ends.b, "still").count == 5);
}

TEST_CASE("a closed end is an end for reads and an error for writes", "[transports]") {
    both_ends ends;
    send(*ends.a, "left behind");
    ends.a->close();
    ends.a->close();
    transfer done;
    CHECK(receive(*ends.b, done) == "left beh");
    receive(*ends.b, done);
    CHECK((done.count == 0 && !done.error));
    CHECK(send(*ends.b, "x").error == std::errc::broken_pipe);
    ends.b->await_readable();
    ends.b->await_writable();
    ends.loop.settle();
    CHECK(ends.of_b.readable == 1);
    CHECK(ends.of_b.writable == 1);
    CHECK(ends.of_a.readable == 0);  // nothing after close
}

TEST_CASE("bytes that nobody read make the close a reset for the other end", "[transports]") {
    both_ends ends;
    send(*ends.b, "unread");
    ends.a->close();
    transfer done;
    receive(*ends.b, done);
    CHECK(done.error == std::errc::connection_reset);
}

TEST_CASE("an end may outlive the other one", "[transports]") {
    both_ends ends;
    ends.b->await_readable();
    ends.a.reset();
    ends.loop.settle();
    CHECK(ends.of_b.readable == 1);
    ends.b.reset();
    ends.loop.settle();
}
