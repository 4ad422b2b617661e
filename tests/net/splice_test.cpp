// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/splice.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

#include <aioxx/core/current.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/observer.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/memory.hpp>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;
using detail::splice_path;
using next = detail::splice_path::step::next;
using support::run_bounded;
using testing::lending_observer;
using testing::observer;

namespace {

// A socket pair of which one end is a transport.
struct half {
    std::shared_ptr<observer> seen = std::make_shared<observer>();
    std::shared_ptr<stream_transport> near;
    unique_fd far;

    // Parameters: `other` a protocol instead of the observer.
    explicit half(std::shared_ptr<base_protocol> other = nullptr) {
        std::shared_ptr<base_protocol> served = other ? std::move(other) : seen;
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        far.reset(ends[1]);
        near = std::make_shared<stream_transport>(
            get_running_loop(), std::make_unique<socket_channel>(get_running_loop(), unique_fd(ends[0])), std::move(served));
        near->start();
    }
    void give(const std::string& bytes) const {
        REQUIRE(::send(far.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    }
    [[nodiscard]] std::string take() const {
        std::string bytes(1'000'000, '\0');
        const ssize_t count = ::recv(far.get(), bytes.data(), bytes.size(), 0);
        bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
        return bytes;
    }
};

}  // namespace

TEST_CASE("a path moves what has arrived, says when there is nothing, and leaves at the end", "[net]") {
    run_bounded([]() -> coro<> {
        const half from;
        const half to;
        co_await sleep(std::chrono::seconds(0));
        from.seen->keep_open = true;
        event arrived;
        auto path = splice_path::open(from.near, to.near, [&arrived] { arrived.set(); });
        REQUIRE(path);
        splice_path::step step = path->move();
        CHECK((step.count == 0 && step.then == next::wait));
        from.give("across");
        co_await arrived.wait();
        step = path->move();
        CHECK((step.count == 6 && step.then == next::move));
        CHECK(to.take() == "across");
        CHECK(from.seen->received.empty());
        step = path->move();
        CHECK((step.count == 0 && step.then == next::wait));
        arrived.clear();
        ::shutdown(from.far.get(), SHUT_WR);
        co_await arrived.wait();
        step = path->move();
        CHECK((step.count == 0 && step.then == next::leave));
        REQUIRE(from.seen->calls.size() == 2);
        CHECK(from.seen->calls[1] == "eof_received");
        path.reset();
        from.near->abort();
        to.near->abort();
    }());
}

TEST_CASE("a path leaves alone what the destination has queued, and a destination that is closed", "[net]") {
    run_bounded([]() -> coro<> {
        const half from;
        const half to;
        co_await sleep(std::chrono::seconds(0));
        const auto path = splice_path::open(from.near, to.near, [] {});
        REQUIRE(path);
        from.give("data");
        to.near->write("before");
        CHECK(path->move().then == next::leave);
        while (!to.near->is_free()) co_await sleep(std::chrono::seconds(0));
        CHECK(path->move().count == 4);
        CHECK(to.take() == "beforedata");
        from.give("more");
        to.near->abort();
        CHECK(path->move().then == next::leave);
        CHECK(from.near->get_extra_info(extra_info::statistics)->bytes_received == 4);
        from.near->abort();
    }());
}

TEST_CASE("when a path is gone the source is read again, and what is in the pipe still arrives", "[net]") {
    run_bounded([]() -> coro<> {
        const half from;
        const half to;
        co_await sleep(std::chrono::seconds(0));
        const std::size_t descriptors = support::open_descriptors();
        auto path = splice_path::open(from.near, to.near, [] {});
        REQUIRE(path);
        CHECK(support::open_descriptors() == descriptors + 2);
        const std::string portion(50'000, 'p');
        std::size_t moved = 0;
        while (to.near->get_write_buffer_size() == 0) {
            from.give(portion);
            moved += path->move().count;
        }
        path.reset();
        from.give("for the protocol");
        co_await from.seen->until_received(16);
        CHECK(from.seen->received == "for the protocol");
        std::size_t arrived = 0;
        while (arrived < moved) {
            arrived += to.take().size();
            co_await sleep(std::chrono::seconds(0));
        }
        CHECK(arrived == moved);
        while (!to.near->is_free()) co_await sleep(std::chrono::seconds(0));
        CHECK(support::open_descriptors() == descriptors);
        from.near->abort();
        to.near->abort();
    }());
}

TEST_CASE("there is no path where one end does not splice, or reading has another receiver", "[net]") {
    run_bounded([]() -> coro<> {
        const half from;
        const half to;
        const half lending(std::make_shared<lending_observer>());
        event_loop& loop = get_running_loop();
        auto [one, other] = make_memory_channels(loop);
        const auto memory = std::make_shared<stream_transport>(loop, std::move(one), std::make_shared<observer>());
        memory->start();
        co_await sleep(std::chrono::seconds(0));
        const std::size_t descriptors = support::open_descriptors();
        CHECK_FALSE(splice_path::open(memory, to.near, [] {}));
        CHECK_FALSE(splice_path::open(from.near, memory, [] {}));
        CHECK_FALSE(splice_path::open(lending.near, to.near, [] {}));
        const auto path = splice_path::open(from.near, to.near, [] {});
        CHECK(path);
        CHECK_FALSE(splice_path::open(from.near, to.near, [] {}));
        CHECK(support::open_descriptors() == descriptors + 2);
        from.give("data");
        CHECK(path->move().count == 4);  // the first one is not disturbed
        for (const auto& each : {from.near, to.near, lending.near, memory}) each->abort();
    }());
}
