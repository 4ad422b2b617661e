// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/sendfile.hpp>

#include <chrono>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/check_transport.hpp>
#include <aioxx/transports/memory.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using testing::observer;
using support::run_bounded;

namespace {

// Long enough for everything that does not wait for the peer.
coro<> some_turns() {
    for (int turn = 0; turn < 30; ++turn) co_await sleep(0s);
}

// A file with a content, open for reading.
struct open_file {
    explicit open_file(const std::string& text) : content(text) {
        std::ofstream(folder.path("file")) << content;
        fd.reset(::open(folder.path("file").c_str(), O_RDONLY | O_CLOEXEC));
    }
    [[nodiscard]] std::int64_t position() const { return ::lseek(fd.get(), 0, SEEK_CUR); }

    support::temporary_directory folder;
    std::string content;
    unique_fd fd;
};

std::string numbered(std::size_t size) {
    std::string text;
    for (std::size_t number = 0; text.size() < size; ++number) text += std::to_string(number) + ' ';
    text.resize(size);
    return text;
}

// Two transports: over a socket pair, which sends files by itself, or over a memory link, which does not.
struct connected_pair {
    std::shared_ptr<observer> near = std::make_shared<observer>();
    std::shared_ptr<observer> far = std::make_shared<observer>();
    std::shared_ptr<stream_transport> a;
    std::shared_ptr<stream_transport> b;

    explicit connected_pair(bool native) {
        event_loop& loop = get_running_loop();
        std::unique_ptr<stream_channel> first;
        std::unique_ptr<stream_channel> second;
        if (native) {
            int ends[2];
            REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
            first = std::make_unique<socket_channel>(loop, unique_fd(ends[0]));
            second = std::make_unique<socket_channel>(loop, unique_fd(ends[1]));
        } else {
            std::tie(first, second) = make_memory_channels(loop);
        }
        a = std::make_shared<stream_transport>(loop, std::move(first), near);
        b = std::make_shared<stream_transport>(loop, std::move(second), far);
        a->start();
        b->start();
    }
    coro<> end() {
        a->abort();
        b->abort();
        co_await near->until_lost();
        co_await far->until_lost();
    }
};

}  // namespace

TEST_CASE("a file goes out between what was written before and after, natively and by reading", "[net][SF002][SF003]") {
    for (const bool native : {true, false}) {
        CAPTURE(native);
        run_bounded([](bool by_system) -> coro<> {
            const open_file file(numbered(3'000'000));
            connected_pair over(by_system);
            co_await sleep(0s);
            CHECK(over.a->sends_files() == by_system);
            over.a->write("before ");
            const std::uint64_t sent = co_await sendfile(over.a, file.fd.get());
            over.a->write(" after");
            CHECK(sent == file.content.size());
            CHECK(file.position() == 3'000'000);
            co_await over.far->until_received(7 + file.content.size() + 6);
            CHECK(over.far->received == "before " + file.content + " after");
            co_await over.end();
        }(native));
    }
}

TEST_CASE("a part of a file, more than there is, and an empty file", "[net][SF001][SF002]") {
    for (const bool native : {true, false}) {
        run_bounded([](bool by_system) -> coro<> {
            const open_file file("0123456789");
            connected_pair over(by_system);
            co_await sleep(0s);
            const std::uint64_t part = co_await sendfile(over.a, file.fd.get(), {.offset = 2, .count = 3});
            CHECK(part == 3);
            CHECK(file.position() == 5);
            const std::uint64_t rest = co_await sendfile(over.a, file.fd.get(), {.offset = 8, .count = 100});
            CHECK(rest == 2);
            const open_file empty("");
            const std::uint64_t none = co_await sendfile(over.a, empty.fd.get());
            CHECK(none == 0);
            co_await over.far->until_received(5);
            CHECK(over.far->received == "23489");
            bool refused = false;
            try {
                co_await sendfile(over.a, file.fd.get(), {.count = 0});
            } catch (const std::invalid_argument&) {
                refused = true;
            }
            CHECK(refused);
            co_await over.end();
        }(native));
    }
}

TEST_CASE("while the system sends a file nobody else writes, and no other file is sent", "[net][SF002]") {
    run_bounded([]() -> coro<> {
        const open_file file(numbered(2'000'000));
        connected_pair over(true);
        co_await sleep(0s);
        over.b->pause_reading();
        task<std::uint64_t> sending = create_task(sendfile(over.a, file.fd.get()));
        co_await some_turns();
        CHECK_FALSE(sending.done());
        CHECK_THROWS_AS(over.a->write("x"), invalid_state_error);
        bool refused = false;
        try {
            co_await sendfile(over.a, file.fd.get());
        } catch (const invalid_state_error&) {
            refused = true;
        }
        CHECK(refused);
        over.a->close();  // waits for the file
        over.b->resume_reading();
        const std::uint64_t sent = co_await sending;
        CHECK(sent == file.content.size());
        co_await over.far->until_lost();
        CHECK(over.far->received == file.content);
        co_await over.near->until_lost();
    }());
}

TEST_CASE("a cancelled sendfile leaves the transport usable, and the position tells how far it came", "[net][SF001][SF003]") {
    run_bounded([]() -> coro<> {
        const open_file file(numbered(2'000'000));
        connected_pair over(true);
        co_await sleep(0s);
        over.b->pause_reading();
        task<std::uint64_t> sending = create_task(sendfile(over.a, file.fd.get()));
        co_await some_turns();
        sending.cancel();
        co_await sleep(0s);
        CHECK(sending.cancelled());
        const auto sent = static_cast<std::size_t>(file.position());
        CHECK(sent > 0);
        CHECK(sent < file.content.size());
        over.a->write("more");
        over.b->resume_reading();
        co_await over.far->until_received(sent + 4);
        CHECK(over.far->received == file.content.substr(0, sent) + "more");
        co_await over.end();
    }());
}

TEST_CASE("a peer that goes away in the middle ends sendfile with an error", "[net][SF002]") {
    for (const bool native : {true, false}) {
        run_bounded([](bool by_system) -> coro<> {
            const open_file file(numbered(2'000'000));
            connected_pair over(by_system);
            co_await sleep(0s);
            over.b->pause_reading();
            task<std::uint64_t> sending = create_task(sendfile(over.a, file.fd.get()));
            co_await some_turns();
            CHECK_FALSE(sending.done());
            over.b->abort();
            bool failed = false;
            try {
                co_await sending;
            } catch (const error&) {
                failed = true;
            }
            CHECK(failed);
            co_await over.near->until_lost();
            bool closed = false;
            try {
                co_await sendfile(over.a, file.fd.get());
            } catch (const closed_error&) {
                closed = true;
            }
            CHECK(closed);
        }(native));
    }
}

TEST_CASE("what the system cannot send is read, unless that is refused", "[net][BE055][SF002]") {
    run_bounded([]() -> coro<> {
        const open_file file("content");
        connected_pair over(false);
        co_await sleep(0s);
        bool refused = false;
        try {
            co_await sendfile(over.a, file.fd.get(), {.fallback = false});
        } catch (const broken_error& failure) {
            refused = std::string(failure.what()).find("memory link cannot send files") != std::string::npos;
        }
        CHECK(refused);
        bool unreadable = false;
        try {
            co_await sendfile(over.a, -1);
        } catch (const broken_error& failure) {
            unreadable = std::string(failure.what()).find("cannot read the file") != std::string::npos;
        }
        CHECK(unreadable);
        CHECK_FALSE(over.a->is_closing());
        co_await over.end();
    }());
}

TEST_CASE("a file goes out over a socket of the program", "[net][SF001][BE055]") {
    run_bounded([]() -> coro<> {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        const unique_fd near(ends[0]);
        const unique_fd far(ends[1]);
        const open_file file(numbered(1'000'000));
        task<std::uint64_t> sending = create_task(sock_sendfile(near.get(), file.fd.get(), {.offset = 10}));
        bytearray received;
        while (received.size() < file.content.size() - 10) {
            const bytearray some = co_await sock_recv(far.get(), 65536);
            received.append(some);
        }
        const std::uint64_t sent = co_await sending;
        CHECK(sent == file.content.size() - 10);
        CHECK(received == file.content.substr(10));
        CHECK(file.position() == 1'000'000);

        task<std::uint64_t> blocked = create_task(sock_sendfile(near.get(), file.fd.get()));
        co_await some_turns();
        CHECK_FALSE(blocked.done());
        blocked.cancel();
        co_await sleep(0s);
        CHECK(blocked.cancelled());
        CHECK(file.position() > 0);
        CHECK(file.position() < 1'000'000);
    }());
}

TEST_CASE("a transport that is closed while it sends a file ends when that is cancelled", "[net][SF003]") {
    run_bounded([]() -> coro<> {
        const open_file file(numbered(20'000'000));
        connected_pair over(true);
        co_await sleep(0s);
        task<std::uint64_t> sending = create_task(sendfile(over.a, file.fd.get()));
        co_await over.far->until_received(100);
        over.a->close();
        sending.cancel();
        co_await over.near->until_lost();
        CHECK_FALSE(over.near->reason);
        CHECK(sending.cancelled());
        co_await over.far->until_lost();
        CHECK(over.far->received.size() == static_cast<std::size_t>(file.position()));
    }());
}

TEST_CASE("two files that are read and written at once both arrive", "[net]") {
    run_bounded([]() -> coro<> {
        const open_file one(numbered(500'000));
        const open_file other(numbered(300'000));
        connected_pair over(false);
        co_await sleep(0s);
        task<std::uint64_t> first = create_task(sendfile(over.a, one.fd.get()));
        task<std::uint64_t> second = create_task(sendfile(over.a, other.fd.get()));
        const std::uint64_t sent = co_await first;
        const std::uint64_t also = co_await second;
        CHECK(sent == 500'000);
        CHECK(also == 300'000);
        co_await over.far->until_received(800'000);
        co_await over.end();
    }());
}

TEST_CASE("a loop that is closed in the middle of a file leaves nothing behind", "[net]") {
    const open_file file(numbered(2'000'000));
    {
        event_loop loop(std::make_unique<asio_backend>());
        task<std::uint64_t> sending;
        run_until_complete(loop, [](const open_file& from, task<std::uint64_t>& out) -> coro<> {
            connected_pair over(true);
            co_await sleep(0s);
            over.b->pause_reading();
            out = create_task(sendfile(over.a, from.fd.get()));
            co_await some_turns();
        }(file, sending));
        CHECK_FALSE(sending.done());
        loop.close();
    }
    CHECK(file.position() > 0);
}
