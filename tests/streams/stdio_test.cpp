// SPDX-License-Identifier: BSL-1.0

#include <aioxx/streams/stdio.hpp>

#include <chrono>
#include <fstream>
#include <sstream>
#include <cstdlib>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

namespace {

// Puts something in the place of a standard descriptor for a while.
class replaced {
public:
    replaced(int standard, int other) : standard_(standard), former_(::fcntl(standard, F_DUPFD_CLOEXEC, 3)) {
        if (other >= 0) {
            REQUIRE(::dup2(other, standard) == standard);
        } else {
            ::close(standard);
        }
    }
    ~replaced() { ::dup2(former_.get(), standard_); }

private:
    int standard_;
    unique_fd former_;
};

struct plain_pipe {
    unique_fd reader;
    unique_fd writer;
    plain_pipe() {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        reader.reset(ends[0]);
        writer.reset(ends[1]);
    }
};

bool blocks(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0; }

coro<std::string> read_everything() {
    stream_reader input = co_await open_stdin();
    const bytearray all = co_await input.read();
    co_return std::string(all.str());
}
coro<> write_lines() {
    stream_writer output = co_await open_stdout();
    for (int number = 0; number < 3; ++number) {
        const std::string line = "line " + std::to_string(number) + "\n";
        co_await output.send(line);
    }
    output.close();
    co_await output.wait_closed();
    if (output.exception()) std::rethrow_exception(output.exception());
}
constexpr const char* three_lines = "line 0\nline 1\nline 2\n";

}  // namespace

TEST_CASE("standard input and output are pipes, which stay blocking for those who share them", "[streams][T20]") {
    const plain_pipe in;
    plain_pipe out;
    REQUIRE(::write(in.writer.get(), "from a pipe", 11) == 11);
    std::string text;
    {
        const replaced input(STDIN_FILENO, in.reader.get());
        const_cast<unique_fd&>(in.writer).reset();
        text = run_bounded(read_everything());
    }
    {
        const replaced output(STDOUT_FILENO, out.writer.get());
        run_bounded(write_lines());
    }
    CHECK(text == "from a pipe");
    CHECK(blocks(in.reader.get()));
    CHECK(blocks(out.writer.get()));
    char buffer[100];
    const ssize_t count = ::read(out.reader.get(), buffer, sizeof buffer);
    CHECK(std::string(buffer, static_cast<std::size_t>(count)) == three_lines);
}

TEST_CASE("standard input and output are files", "[streams]") {
    const support::temporary_directory folder;
    const std::string large(500'000, 'x');
    std::ofstream(folder.path("in")) << large;
    std::ofstream(folder.path("out")) << "before\n";
    std::string text;
    {
        const unique_fd file(::open(folder.path("in").c_str(), O_RDONLY | O_CLOEXEC));
        const replaced input(STDIN_FILENO, file.get());
        text = run_bounded(read_everything());
    }
    {
        const unique_fd file(::open(folder.path("out").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
        const replaced output(STDOUT_FILENO, file.get());
        run_bounded(write_lines());
    }
    CHECK(text == large);
    std::ostringstream content;
    content << std::ifstream(folder.path("out")).rdbuf();
    CHECK(content.str() == std::string("before\n") + three_lines);
}

TEST_CASE("standard input and output are sockets, which stay blocking", "[streams]") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    unique_fd ours(ends[0]);
    const unique_fd other(ends[1]);
    REQUIRE(::send(other.get(), "from a socket", 13, 0) == 13);
    ::shutdown(other.get(), SHUT_WR);
    std::string text;
    {
        const replaced input(STDIN_FILENO, ours.get());
        text = run_bounded(read_everything());
    }
    CHECK(text == "from a socket");
    CHECK(blocks(ours.get()));
}

TEST_CASE("devices that cannot be watched are read and written", "[streams]") {
    const unique_fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const unique_fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    std::string text = "not empty";
    std::string failure;
    {
        const replaced input(STDIN_FILENO, null.get());
        text = run_bounded(read_everything());
    }
    {
        const replaced output(STDOUT_FILENO, full.get());
        try {
            run_bounded(write_lines());
        } catch (const broken_error& caught) {
            failure = caught.what();
            CHECK(caught.code() == std::errc::no_space_on_device);
        }
    }
    CHECK(text.empty());
    CHECK(failure != "");
}

TEST_CASE("standard input that is closed is an error", "[streams]") {
    std::string failure;
    {
        const replaced input(STDIN_FILENO, -1);
        try {
            static_cast<void>(run_bounded(read_everything()));
        } catch (const broken_error& caught) {
            failure = caught.what();
        }
    }
    CHECK(failure.find("open_stdin") == 0);
}

TEST_CASE("T19 standard input from a terminal is read on after Ctrl-D", "[streams]") {
    unique_fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(master);
    REQUIRE(::grantpt(master.get()) == 0);
    REQUIRE(::unlockpt(master.get()) == 0);
    const unique_fd slave(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(slave);
    const replaced standard(STDIN_FILENO, slave.get());
    run_bounded([](int keyboard) -> coro<> {
        const stream_reader input = co_await open_stdin();
        for (const std::string text : {"first\n", "second\n"}) {
            const std::string typed = text + '\4';
            REQUIRE(::write(keyboard, typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
            const bytearray arrived = co_await input.read();
            CHECK(arrived == text);
            CHECK(input.at_eof());
            CHECK(input.clear_eof());
        }
    }(master.get()));
}
