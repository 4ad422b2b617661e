// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/asio_fd_watcher.hpp>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/event_loop.hpp>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;

namespace {

struct pair_of_sockets {
    pair_of_sockets() {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    }
    ~pair_of_sockets() {
        for (int end : ends) ::close(end);
    }
    void send(const char* text) const {
        if (::write(ends[1], text, 1) != 1) std::abort();
    }
    // Everything that is there.
    std::string receive() const {
        std::string all;
        char one = 0;
        while (::read(ends[0], &one, 1) == 1) all += one;
        return all;
    }
    void fill() const {
        const std::string block(4096, 'x');
        while (::write(ends[0], block.data(), block.size()) > 0) {
        }
    }
    void drain() const {
        char block[4096];
        while (::read(ends[1], block, sizeof block) > 0) {
        }
    }
    int ends[2];
};

struct recorder final : fd_handler {
    void on_readable() override {
        ++readable;
        if (when_readable) when_readable();
    }
    void on_writable() override {
        ++writable;
        if (when_writable) when_writable();
    }
    int readable = 0;
    int writable = 0;
    std::function<void()> when_readable;
    std::function<void()> when_writable;
};

// Runs everything that is ready now; real time, but nothing waits for it.
void settle(event_loop& loop) {
    for (int pass = 0; pass < 4; ++pass) {
        loop.stop();
        loop.run_forever();
    }
}

struct scene {
    scene() : loop(std::make_unique<asio_backend>()), watch(loop.system().watch(sockets.ends[0], handler)) {}

    void settle() { ::settle(loop); }

    // Uses up the call that may come without an event.
    void await_and_settle() {
        watch->await_readable();
        settle();
        if (handler.readable == 0) return;
        handler.readable = 0;
        static_cast<void>(sockets.receive());
        watch->await_readable();
        settle();
    }

    // Waits for room in a full descriptor, after the call that may come without it.
    void fill_and_await() {
        watch->await_writable();
        settle();
        sockets.fill();
        watch->await_writable();
        settle();
        if (handler.writable == 2) watch->await_writable();
        settle();
        handler.writable = 0;
    }

    pair_of_sockets sockets;
    recorder handler;
    event_loop loop;
    fd_watcher_ptr watch;
};

}  // namespace

TEST_CASE("an event calls the handler once for each wait", "[core]") {
    scene s;
    s.await_and_settle();
    CHECK(s.handler.readable == 0);
    s.sockets.send("a");
    s.settle();
    CHECK(s.handler.readable == 1);
    CHECK(s.sockets.receive() == "a");
    s.sockets.send("b");
    s.settle();
    CHECK(s.handler.readable == 1);  // nobody waits
}

TEST_CASE("an event that arrives while nobody waits is not lost", "[core]") {
    scene s;
    s.await_and_settle();
    s.sockets.send("a");
    s.settle();
    CHECK(s.handler.readable == 1);
    static_cast<void>(s.sockets.receive());
    s.sockets.send("b");
    s.settle();
    s.watch->await_readable();
    s.settle();
    CHECK(s.handler.readable == 2);
    CHECK(s.sockets.receive() == "b");
}

TEST_CASE("a handler that reads until it would block and waits again sees every byte", "[core]") {
    scene s;
    std::string received;
    s.handler.when_readable = [&] {
        received += s.sockets.receive();
        s.watch->await_readable();
    };
    s.watch->await_readable();
    for (int round = 0; round < 50; ++round) {
        s.sockets.send("x");
        if (round % 3 == 0) s.settle();
    }
    s.settle();
    CHECK(received == std::string(50, 'x'));
}

TEST_CASE("a full descriptor becomes writable when there is room again", "[core]") {
    scene s;
    s.fill_and_await();
    CHECK(s.handler.writable == 0);
    s.sockets.drain();
    s.settle();
    CHECK(s.handler.writable == 1);
}

TEST_CASE("reading and writing are waited for at the same time", "[core][ST019]") {
    scene s;
    s.await_and_settle();
    s.watch->await_writable();
    s.settle();
    CHECK(s.handler.writable == 1);
    CHECK(s.handler.readable == 0);
    s.sockets.send("a");
    s.settle();
    CHECK(s.handler.readable == 1);
}

TEST_CASE("a peer that goes away is an event", "[core]") {
    scene s;
    s.await_and_settle();
    ::shutdown(s.sockets.ends[1], SHUT_RDWR);
    s.settle();
    CHECK(s.handler.readable == 1);
}

#if !defined(AIOXX_PORTABLE_WAIT)
TEST_CASE("who watches the end is told with each event whether it may have come", "[core]") {
    scene s;
    CHECK(s.watch->may_have_ended());  // nobody asked
    s.watch->watch_end();
    CHECK(s.watch->may_have_ended());  // no event yet
    s.await_and_settle();
    s.sockets.send("a");
    s.settle();
    REQUIRE(s.handler.readable == 1);
    CHECK_FALSE(s.watch->may_have_ended());
    CHECK(s.sockets.receive() == "a");
    s.watch->await_readable();
    s.watch->await_writable();  // changes what is registered, but not that
    s.settle();
    s.sockets.send("b");
    ::shutdown(s.sockets.ends[1], SHUT_WR);
    s.settle();
    CHECK(s.handler.readable == 2);
    CHECK(s.watch->may_have_ended());
}

TEST_CASE("an end that comes after an event is another event", "[core]") {
    scene s;
    s.watch->watch_end();
    s.await_and_settle();
    s.sockets.send("a");
    s.settle();
    REQUIRE(s.handler.readable == 1);
    CHECK_FALSE(s.watch->may_have_ended());
    ::shutdown(s.sockets.ends[1], SHUT_WR);
    CHECK(s.sockets.receive() == "a");
    s.watch->await_readable();
    s.settle();
    CHECK(s.handler.readable == 2);
    CHECK(s.watch->may_have_ended());
}

TEST_CASE("a watch does not take over what was known of another descriptor", "[core]") {
    scene s;
    s.watch->watch_end();
    s.await_and_settle();
    s.sockets.send("a");
    s.settle();
    CHECK_FALSE(s.watch->may_have_ended());
    const pair_of_sockets others;
    s.watch.reset();  // what Asio had for it is used again
    s.watch = s.loop.system().watch(others.ends[0], s.handler);
    s.watch->watch_end();
    CHECK(s.watch->may_have_ended());
}

TEST_CASE("a descriptor that cannot be watched for writing is called at once, so that a write tells why", "[core]") {
    scene s;
    s.await_and_settle();
    ::close(s.sockets.ends[0]);
    s.watch->await_writable();
    s.settle();
    CHECK(s.handler.writable == 1);
    s.watch.reset();
    s.sockets.ends[0] = -1;
}

TEST_CASE("a watch that has ended is used again", "[core]") {
    scene s;
    fd_watcher* const first = s.watch.get();
    s.watch.reset();
    for (int round = 0; round < 3; ++round) {
        s.watch = s.loop.system().watch(s.sockets.ends[0], s.handler);
        CHECK(s.watch.get() == first);
        s.watch->await_readable();
        s.watch.reset();
        s.settle();  // its wait has left the scheduler's queue
    }
}
#endif

TEST_CASE("a peer that goes away ends both waits, with one call in each turn", "[core]") {
    scene s;
    s.await_and_settle();
    s.fill_and_await();
    s.handler.when_readable = [&] { s.loop.stop(); };
    s.handler.when_writable = [&] { s.loop.stop(); };
    ::close(std::exchange(s.sockets.ends[1], -1));
    s.loop.run_forever();
    CHECK(s.handler.readable + s.handler.writable == 1);
    s.loop.run_forever();
    CHECK(s.handler.readable == 1);
    CHECK(s.handler.writable == 1);
}

TEST_CASE("a regular file is ready whenever that is asked for", "[core]") {
    const support::temporary_directory directory;
    const std::string path = directory.path("file");
    const unique_fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(file);
    event_loop loop(std::make_unique<asio_backend>());
    recorder handler;
    const fd_watcher_ptr watch = loop.system().watch(file.get(), handler);
    watch->watch_end();
    CHECK(watch->may_have_ended());
    for (int round = 1; round <= 3; ++round) {
        watch->await_readable();
        watch->await_writable();
        settle(loop);
        CHECK(handler.readable == round);
        CHECK(handler.writable == round);
    }
}

TEST_CASE("a wait is work to a user's context, as long as its loop is there", "[core]") {
    asio::io_context io;
    auto loop = std::make_unique<event_loop>(std::make_unique<asio_backend>(io));
    const pair_of_sockets sockets;
    recorder handler;
    fd_watcher_ptr watch = loop->system().watch(sockets.ends[0], handler);
    {
        const auto guard = asio::make_work_guard(io);
        sockets.send("x");
        io.poll();
        CHECK(!io.stopped());  // an event that nobody waits for changes nothing
        static_cast<void>(sockets.receive());
    }
    io.restart();
    watch->await_readable();
    handler.when_readable = [&] { static_cast<void>(sockets.receive()); };
    io.poll();
    if (std::exchange(handler.readable, 0) == 1) watch->await_readable();
    io.restart();
    io.poll();
    CHECK(!io.stopped());
    sockets.send("a");
    CHECK(io.run() != 0);  // which returns, because nothing is waited for any more
    CHECK(handler.readable == 1);

    io.restart();
    watch->await_readable();
    watch->await_writable();
    if (GENERATE(false, true)) watch.reset();
    loop.reset();
    bool posted = false;
    asio::post(io, [&] { posted = true; });
    io.run();  // not stopped by the end of the waits
    CHECK(posted);
}

TEST_CASE("an event of a watch that has ended does not disturb the one that follows it", "[core]") {
    event_loop loop(std::make_unique<asio_backend>());
    const pair_of_sockets first, second, third;
    std::array<recorder, 3> handlers;
    std::array<fd_watcher_ptr, 2> watches{loop.system().watch(first.ends[0], handlers[0]),
                                          loop.system().watch(second.ends[0], handlers[1])};
    for (const auto& each : watches) each->await_readable();
    settle(loop);
    for (std::size_t i = 0; i != 2; ++i) {
        if (std::exchange(handlers[i].readable, 0) == 1) watches[i]->await_readable();
    }
    settle(loop);
    // Both are told of together; who comes first ends the other, and watches the third in its place.
    fd_watcher* follower = nullptr;
    for (std::size_t i = 0; i != 2; ++i) {
        handlers[i].when_readable = [&, other = 1 - i] {
            watches[other] = nullptr;
            watches[other] = loop.system().watch(third.ends[0], handlers[2]);
            follower = watches[other].get();
            follower->await_readable();
        };
    }
    first.send("1");
    second.send("2");
    settle(loop);
    CHECK(handlers[0].readable + handlers[1].readable == 1);
    CHECK(handlers[2].readable <= 1);
    if (std::exchange(handlers[2].readable, 0) == 1) follower->await_readable();
    third.send("3");
    settle(loop);
    CHECK(handlers[2].readable == 1);
    CHECK(third.receive() == "3");
}

TEST_CASE("a watch may be released while a call is due, and another begun", "[core]") {
    scene s;
    s.await_and_settle();
    s.watch->await_writable();
    s.sockets.send("a");
    s.settle();
    s.sockets.send("b");
    s.settle();
    const int before = s.handler.readable;
    s.watch->await_readable();  // "b" has arrived, so the call is due
    s.watch.reset();
    const pair_of_sockets others;
    recorder again;
    s.watch = s.loop.system().watch(others.ends[0], again);
    s.settle();
    CHECK(s.handler.readable == before);
    CHECK(again.readable + again.writable == 0);
    others.send("c");
    s.watch->await_readable();
    s.settle();
    CHECK(again.readable == 1);
    CHECK(others.receive() == "c");
    s.watch.reset();
}

TEST_CASE("after the release the handler is not called, even for an event that had arrived", "[core][ST020]") {
    scene s;
    s.await_and_settle();
    s.watch->await_writable();
    s.sockets.send("a");
    s.loop.call_soon([&] { s.watch.reset(); });
    s.settle();
    const int readable = s.handler.readable;
    const int writable = s.handler.writable;
    s.sockets.send("b");
    s.settle();
    CHECK(s.handler.readable == readable);
    CHECK(s.handler.writable == writable);
}

TEST_CASE("a watch may be released inside its own call, with the other wait outstanding", "[core]") {
    scene s;
    s.await_and_settle();
    s.sockets.fill();
    s.watch->await_writable();
    s.settle();
    s.handler.when_readable = [&] { s.watch.reset(); };
    s.sockets.send("a");
    s.settle();
    CHECK(s.handler.readable == 1);
    s.sockets.drain();
    s.settle();
    CHECK(s.watch == nullptr);
}

TEST_CASE("a released descriptor can be watched again at once", "[core]") {
    scene s;
    s.await_and_settle();
    s.watch.reset();
    recorder again;
    s.watch = s.loop.system().watch(s.sockets.ends[0], again);
    s.sockets.send("a");
    s.watch->await_readable();
    s.settle();
    CHECK(again.readable == 1);
    CHECK(s.handler.readable == 0);
    s.watch.reset();
}

TEST_CASE("a watch with outstanding waits may outlive its loop", "[core]") {
    pair_of_sockets sockets;
    recorder handler;
    fd_watcher_ptr watch;
    {
        event_loop loop(std::make_unique<asio_backend>());
        watch = loop.system().watch(sockets.ends[0], handler);
        watch->await_readable();
        watch->await_writable();
    }
    watch.reset();
    CHECK(handler.readable == 0);
}

TEST_CASE("a watch with outstanding waits may be released just before its loop ends", "[core]") {
    pair_of_sockets sockets;
    recorder handler;
    event_loop loop(std::make_unique<asio_backend>());
    fd_watcher_ptr watch = loop.system().watch(sockets.ends[0], handler);
    watch->await_readable();
    watch->await_writable();
    watch.reset();
}

TEST_CASE("a loop on a user's context can be destroyed while a watch waits", "[core]") {
    asio::io_context io;
    pair_of_sockets sockets;
    recorder handler;
    fd_watcher_ptr watch;
    {
        event_loop loop(std::make_unique<asio_backend>(io));
        watch = loop.system().watch(sockets.ends[0], handler);
        watch->await_readable();
    }
    sockets.send("a");
    io.run();
    CHECK(handler.readable == 0);
    watch->await_readable();  // nobody is there any more
    io.restart();
    io.run();
    CHECK(handler.readable == 0);
}

TEST_CASE("a number that is no descriptor is an error that names it", "[core]") {
    event_loop loop(std::make_unique<asio_backend>());
    recorder handler;
    const int closed = ::dup(0);
    ::close(closed);
    try {
        auto watch = loop.system().watch(closed, handler);
        FAIL("did not throw");
    } catch (const broken_error& failed) {
        CHECK(failed.code() == std::errc::bad_file_descriptor);
        CHECK(std::string(failed.what()).find(std::to_string(closed)) != std::string::npos);
    }
}
