// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/asio_fd_watcher.hpp>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include <asio/io_context.hpp>

#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/event_loop.hpp>

#include "support/catch.hpp"

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

struct scene {
    scene() : loop(std::make_unique<asio_backend>()), watch(loop.system().watch(sockets.ends[0], handler)) {}

    // Runs everything that is ready now; real time, but nothing waits for it.
    void settle() {
        for (int pass = 0; pass < 4; ++pass) {
            loop.stop();
            loop.run_forever();
        }
    }

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
    s.watch->await_writable();
    s.settle();
    s.handler.writable = 0;
    s.sockets.fill();
    s.watch->await_writable();
    s.settle();
    if (s.handler.writable == 1) {  // a call without anything to do is allowed, once
        s.handler.writable = 0;
        s.watch->await_writable();
        s.settle();
    }
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
#endif

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
