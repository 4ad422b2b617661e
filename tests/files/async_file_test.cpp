// SPDX-License-Identifier: BSL-1.0

#include <aioxx/files/async_file.hpp>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aioxx/core/task.hpp>
#include <aioxx/streams/adapters.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/pump.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

namespace {

static_assert(byte_source<async_file> && byte_destination<async_file>);

coro<bytearray> read_to_end(stream_reader from) { co_return co_await from.read(); }

template <class Error>
coro<std::string> message_of(coro<async_file> opening) {
    try {
        const async_file opened = co_await std::move(opening);
    } catch (const Error& refused) {
        co_return refused.what();
    }
    co_return "opened";
}

}  // namespace

TEST_CASE("a file is written, read, moved about in and cut", "[files]") {
    const support::temporary_directory folder;
    run_bounded([](std::string path) -> coro<> {
        const async_file file = co_await open_file(path, "w+b");
        co_await file.send("first\nsecond\n");
        std::uint64_t position = co_await file.tell();
        CHECK(position == 13);
        position = co_await file.seek(-7, seek_from::end);
        CHECK(position == 6);
        const bytearray second = co_await file.read(100);
        CHECK(second == "second\n");
        const bytearray nothing = co_await file.read(100);
        CHECK(nothing.empty());
        co_await file.seek(2);
        position = co_await file.seek(3, seek_from::current);
        CHECK(position == 5);
        std::array<std::byte, 4> space{};
        const std::size_t count = co_await file.read_some(space);
        CHECK(bytes_view(space).first(count) == "\nsec");
        co_await file.truncate(5);
        const std::uint64_t size = co_await file.size();
        CHECK(size == 5);
        co_await file.sync();
        co_await file.seek(0);
        const bytearray all = co_await file.read();
        CHECK(all == "first");
        CHECK_FALSE(file.is_closed());
        co_await file.close();
        co_await file.close();
        CHECK(file.is_closed());
        bool closed = false;
        try {
            const bytearray late = co_await file.read(1);
        } catch (const closed_error& refused) {
            closed = std::string(refused.what()).find(path) != std::string::npos;
        }
        CHECK(closed);
    }(folder.path("file")));
}

TEST_CASE("files are opened by Python's modes, and bad ones are named", "[files]") {
    const support::temporary_directory folder;
    run_bounded([](std::string path) -> coro<> {
        const std::string missing = co_await message_of<broken_error>(open_file(path));
        CHECK(missing.find(path) != std::string::npos);
        CHECK(missing.find("No such file") != std::string::npos);
        const async_file made = co_await open_file(path, "x", 0600);
        co_await made.send("one,");
        struct stat found {};
        CHECK(::fstat(made.fileno(), &found) == 0);
        CHECK((found.st_mode & 0777) == 0600);
        const std::string there = co_await message_of<broken_error>(open_file(path, "xb"));
        CHECK(there.find("exists") != std::string::npos);
        const async_file appended = co_await open_file(path, "a");
        co_await appended.send("two");
        const bytearray both = co_await read_bytes(path);
        CHECK(both == "one,two");
        co_await write_bytes(path, "anew");
        const bytearray anew = co_await read_bytes(path);
        CHECK(anew == "anew");
        for (const char* bad : {"", "rw", "+", "rt", "rbb", "r++", "q"}) {
            CAPTURE(bad);
            const std::string refused = co_await message_of<std::invalid_argument>(open_file(path, bad));
            CHECK(refused.find(std::string("\"") + bad + "\"") != std::string::npos);
        }
    }(folder.path("file")));
    CHECK_THROWS_AS(async_file(unique_fd()), std::invalid_argument);
}

TEST_CASE("lines are read from files, and files are copied", "[files]") {
    const support::temporary_directory folder;
    run_bounded([](std::string from, std::string to) -> coro<> {
        std::string text;
        for (int i = 0; i < 50'000; ++i) text += "line " + std::to_string(i) + "\n";
        co_await write_bytes(from, text);
        const buffered_reader lines(co_await open_file(from));
        int count = 0;
        bool in_order = true;
        for (;;) {
            const std::optional<bytearray> line = co_await lines.next_line();
            if (!line) break;
            in_order = in_order && *line == "line " + std::to_string(count) + "\n";
            ++count;
        }
        CHECK(count == 50'000);
        CHECK(in_order);
        const async_file source = co_await open_file(from);
        const async_file copy = co_await open_file(to, "w");
        const std::uint64_t copied = co_await pump(source, copy);
        CHECK(copied == text.size());
        const bytearray same = co_await read_bytes(to);
        CHECK(same == text);
    }(folder.path("from"), folder.path("to")));
}

TEST_CASE("a file is pumped into a stream by the system, from where it stands", "[files]") {
    const support::temporary_directory folder;
    run_bounded([](std::string path) -> coro<> {
        const std::string text(3'000'000, 'f');
        co_await write_bytes(path, "not this, " + text);
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        const stream near = co_await open_socket(unique_fd(ends[0]));
        const stream far = co_await open_socket(unique_fd(ends[1]));
        const task<bytearray> received = create_task(read_to_end(far.reader));
        const async_file source = co_await open_file(path);
        co_await source.seek(10);
        co_await near.writer.send("first ");
        const std::uint64_t sent = co_await pump(source, near.writer);
        CHECK(sent == text.size());
        const std::uint64_t position = co_await source.tell();
        CHECK(position == 10 + text.size());
        near.writer.write_eof();
        const bytearray all = co_await received;
        CHECK(all == "first " + text);
        CHECK(near.writer.get_extra_info(extra_info::statistics)->writes == 1);  // the file was not written by us
        near.writer.close();
        co_await near.writer.wait_closed();
        bool refused = false;
        try {
            co_await pump(source, near.writer);
        } catch (const closed_error&) {
            refused = true;
        }
        CHECK(refused);
    }(folder.path("big")));
}

TEST_CASE("an operation on a file that is cancelled has ended when its task has", "[files]") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    run_bounded([](unique_fd from, unique_fd into) -> coro<> {
        const async_file file(std::move(from), "a pipe that blocks");
        const task<bytearray> reading = create_task(file.read(10));
        co_await sleep(0s);
        bool busy = false;
        try {
            const bytearray second = co_await file.read(1);
        } catch (const busy_error&) {
            busy = true;
        }
        CHECK(busy);
        while (::write(into.get(), "", 0) != 0) co_await sleep(0s);
        reading.cancel();  // the call has started, or is taken back
        CHECK(::write(into.get(), "x", 1) == 1);
        while (!reading.done()) co_await sleep(0s);
        CHECK(reading.cancelled());
        CHECK(::write(into.get(), "y", 1) == 1);
        const bytearray next = co_await file.read(10);
        CHECK(next.str().back() == 'y');
    }(unique_fd(ends[0]), unique_fd(ends[1])));
}
