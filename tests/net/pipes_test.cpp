// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/pipes.hpp>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/recording_protocol.hpp>

#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::make_pipe;
using support::open_descriptors;

namespace {

using testing::recording_protocol;

std::shared_ptr<recording_protocol> make_protocol() { return std::make_shared<recording_protocol>(true); }

// Also notes how much was queued when it was told to go on.
class paused_writer final : public recording_protocol {
public:
    void resume_writing() override {
        size_at_resume = connection()->get_write_buffer_size();
        recording_protocol::resume_writing();
    }
    std::size_t size_at_resume = 0;
};

void run_bounded(coro<> main) { run(wait_for(std::move(main), 20s)); }

void put(const unique_fd& fd, const std::string& text) {
    REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

bool blocks(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0; }

unique_fd copy_of(const unique_fd& fd) { return unique_fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3)); }

struct terminal {
    unique_fd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    unique_fd slave;
    terminal() {
        REQUIRE(master);
        REQUIRE(::grantpt(master.get()) == 0);
        REQUIRE(::unlockpt(master.get()) == 0);
        slave.reset(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
        REQUIRE(slave);
        termios raw{};
        ::tcgetattr(slave.get(), &raw);
        ::cfmakeraw(&raw);
        ::tcsetattr(slave.get(), TCSANOW, &raw);
    }
};

coro<std::string> refusal_to_read(unique_fd fd) {
    std::string told = "nothing was refused";
    try {
        co_await connect_read_pipe(make_protocol, std::move(fd));
    } catch (const std::invalid_argument& refused) {
        told = refused.what();
    }
    co_return told;
}

coro<std::string> refusal_to_write(unique_fd fd) {
    std::string told = "nothing was refused";
    try {
        co_await connect_write_pipe(make_protocol, std::move(fd));
    } catch (const std::invalid_argument& refused) {
        told = refused.what();
    }
    co_return told;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("PI001 a read pipe delivers its data, then its end, then is lost, and is closed", "[net][EV021]") {
    const std::size_t before = open_descriptors();
    run_bounded([]() -> coro<> {
        support::pipe_ends ends = make_pipe();
        auto made = co_await connect_read_pipe(make_protocol, std::move(ends.read));
        CHECK(made.protocol->story() == "connection_made");
        put(ends.write, "some");
        co_await made.protocol->has_received(4);
        CHECK(made.protocol->received() == "some");
        put(ends.write, " more");
        ends.write.reset();
        co_await made.protocol->called("connection_lost");
        CHECK(made.protocol->received() == "some more");
        CHECK(made.protocol->story() == "connection_made data_received eof_received connection_lost");
        CHECK(made.protocol->calls().back() == "connection_lost");
    }());
    CHECK(open_descriptors() == before);
}

TEST_CASE("a read pipe cannot be written to", "[net]") {
    run_bounded([]() -> coro<> {
        support::pipe_ends ends = make_pipe();
        auto made = co_await connect_read_pipe(make_protocol, std::move(ends.read));
        CHECK_THROWS_AS(made.transport->write("x"), invalid_state_error);
        CHECK_FALSE(made.transport->can_write_eof());
        made.transport->close();
        made.transport->close();
        co_await made.protocol->called("connection_lost");
        CHECK(made.protocol->story() == "connection_made connection_lost");
    }());
}

TEST_CASE("a paused read pipe delivers nothing until it is resumed", "[net]") {
    run_bounded([]() -> coro<> {
        support::pipe_ends ends = make_pipe();
        support::pipe_ends other = make_pipe();
        auto paused = co_await connect_read_pipe(make_protocol, std::move(ends.read));
        auto beside = co_await connect_read_pipe(make_protocol, std::move(other.read));
        paused.transport->pause_reading();
        put(ends.write, "later");
        put(other.write, "now");
        co_await beside.protocol->has_received(3);
        CHECK(paused.protocol->received().empty());
        paused.transport->resume_reading();
        co_await paused.protocol->has_received(5);
        CHECK(paused.protocol->received() == "later");
        paused.transport->close();
        beside.transport->close();
    }());
}

TEST_CASE("PI003 what is written to a pipe arrives in order, whatever its size", "[net][EV023]") {
    run_bounded([]() -> coro<> {
        support::pipe_ends ends = make_pipe();
        auto from = co_await connect_read_pipe(make_protocol, std::move(ends.read));
        auto to = co_await connect_write_pipe(make_protocol, std::move(ends.write));
        std::string sent = "small ";
        to.transport->write("small ");
        for (int i = 0; i < 100; ++i) {
            const std::string piece(10'000, static_cast<char>('a' + i % 26));
            to.transport->write(piece);
            sent += piece;
        }
        to.transport->close();
        co_await from.protocol->called("connection_lost");
        CHECK((from.protocol->received() == sent));
        co_await to.protocol->called("connection_lost");
        CHECK(to.protocol->calls().back() == "connection_lost");
    }());
}

TEST_CASE("T17 a write pipe resumes at the low water mark, not only when it is empty", "[net]") {
    run_bounded([]() -> coro<> {
        support::pipe_ends ends = make_pipe();
        const int capacity = ::fcntl(ends.write.get(), F_SETPIPE_SZ, 4096);
        REQUIRE(capacity == 4096);
        const auto make_writer = [] { return std::make_shared<paused_writer>(); };
        auto to = co_await connect_write_pipe(make_writer, std::move(ends.write));
        to.transport->write(std::string(100'000, 'x'));
        CHECK(to.protocol->count("pause_writing") == 1);
        auto from = co_await connect_read_pipe(make_protocol, std::move(ends.read));
        co_await to.protocol->called("resume_writing");
        CHECK(to.protocol->size_at_resume > 0);
        CHECK(to.protocol->size_at_resume <= 16 * 1024);
        co_await from.protocol->has_received(100'000);
        CHECK(to.protocol->count("pause_writing") == 1);
        to.transport->close();
        from.transport->close();
    }());
}

TEST_CASE("PI004 a write pipe notices that its reader is gone: cleanly, or with an error when bytes are lost",
          "[net][EV024]") {
    run_bounded([]() -> coro<> {
        support::pipe_ends idle = make_pipe();
        auto clean = co_await connect_write_pipe(make_protocol, std::move(idle.write));
        idle.read.reset();
        co_await clean.protocol->called("connection_lost");
        CHECK(clean.protocol->calls().back() == "connection_lost");

        support::pipe_ends full = make_pipe();
        auto broken = co_await connect_write_pipe(make_protocol, std::move(full.write));
        broken.transport->write(std::string(1'000'000, 'x'));
        full.read.reset();
        co_await broken.protocol->called("connection_lost");
        CHECK(contains(broken.protocol->calls().back(), std::make_error_code(std::errc::broken_pipe).message()));
        broken.transport->write("dropped");
        CHECK(broken.transport->dropped_writes() == 1);
        CHECK(broken.protocol->count("connection_lost") == 1);
    }());
}

TEST_CASE("PI005 write_eof sends what is queued and is the end of a pipe; abort drops it", "[net]") {
    run_bounded([]() -> coro<> {
        support::pipe_ends ends = make_pipe();
        auto from = co_await connect_read_pipe(make_protocol, std::move(ends.read));
        auto to = co_await connect_write_pipe(make_protocol, std::move(ends.write));
        CHECK(to.transport->can_write_eof());
        to.transport->write(std::string(300'000, 'x'));
        to.transport->write_eof();
        CHECK(to.transport->is_closing());
        co_await from.protocol->called("connection_lost");
        CHECK(from.protocol->received().size() == 300'000);

        support::pipe_ends stuck = make_pipe();
        auto aborted = co_await connect_write_pipe(make_protocol, std::move(stuck.write));
        aborted.transport->write(std::string(1'000'000, 'x'));
        aborted.transport->abort();
        co_await aborted.protocol->called("connection_lost");
        CHECK(aborted.protocol->calls().back() == "connection_lost");
        CHECK(support::read_to_end(stuck.read).size() < 1'000'000);
    }());
}

TEST_CASE("PI006 a regular file and a directory are refused by name, and closed", "[net]") {
    const std::size_t before = open_descriptors();
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        std::ofstream(folder.path("file")) << "text";
        const std::string read = co_await refusal_to_read(unique_fd(::open(folder.path("file").c_str(), O_RDONLY)));
        CHECK(contains(read, "connect_read_pipe"));
        CHECK(contains(read, "a regular file"));
        const std::string write = co_await refusal_to_write(unique_fd(::open(folder.path("file").c_str(), O_WRONLY)));
        CHECK(contains(write, "connect_write_pipe"));
        CHECK(contains(write, "a regular file"));
        const std::string folder_read = co_await refusal_to_read(unique_fd(::open(folder.path(".").c_str(), O_RDONLY)));
        CHECK(contains(folder_read, "a directory"));
    }());
    CHECK(open_descriptors() == before);
}

TEST_CASE("the wrong end of a pipe is refused, and so is a number that is no descriptor", "[net]") {
    run_bounded([]() -> coro<> {
        support::pipe_ends ends = make_pipe();
        const std::string read = co_await refusal_to_read(std::move(ends.write));
        CHECK(contains(read, "open for writing only"));
        const std::string write = co_await refusal_to_write(std::move(ends.read));
        CHECK(contains(write, "open for reading only"));
        bool broken = false;
        try {
            co_await connect_read_pipe(make_protocol, unique_fd());
        } catch (const broken_error& failure) {
            broken = failure.code() == std::errc::bad_file_descriptor;
        }
        CHECK(broken);
    }());
}

TEST_CASE("PI006 a FIFO, a socket and a character device are accepted", "[net]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        REQUIRE(::mkfifo(folder.path("fifo").c_str(), 0600) == 0);
        unique_fd read_end(::open(folder.path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        unique_fd write_end(::open(folder.path("fifo").c_str(), O_WRONLY | O_CLOEXEC));
        auto from = co_await connect_read_pipe(make_protocol, std::move(read_end));
        auto to = co_await connect_write_pipe(make_protocol, std::move(write_end));
        to.transport->write("through a fifo");
        to.transport->close();
        co_await from.protocol->called("eof_received");
        CHECK(from.protocol->received() == "through a fifo");
        from.transport->close();
        co_await from.protocol->called("connection_lost");

        int sockets[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
        auto left = co_await connect_write_pipe(make_protocol, unique_fd(sockets[0]));
        auto right = co_await connect_read_pipe(make_protocol, unique_fd(sockets[1]));
        left.transport->write("through a socket");
        left.transport->close();
        co_await right.protocol->called("connection_lost");
        CHECK(right.protocol->received() == "through a socket");

        auto nothing = co_await connect_write_pipe(make_protocol, unique_fd(::open("/dev/null", O_WRONLY | O_CLOEXEC)));
        nothing.transport->write("into nothing");
        nothing.transport->close();
        co_await nothing.protocol->called("connection_lost");
        CHECK(nothing.protocol->calls().back() == "connection_lost");
    }());
}

TEST_CASE("T18 a write pipe over a socket or a terminal stays when something arrives there", "[net]") {
    run_bounded([]() -> coro<> {
        int sockets[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
        const unique_fd peer(sockets[1]);
        auto over_socket = co_await connect_write_pipe(make_protocol, unique_fd(sockets[0]));
        put(peer, "unexpected");

        const terminal screen;
        auto over_terminal = co_await connect_write_pipe(make_protocol, copy_of(screen.slave));
        put(screen.master, "typed ahead");

        // Something else goes through the loop after that.
        support::pipe_ends ends = make_pipe();
        auto beside = co_await connect_read_pipe(make_protocol, std::move(ends.read));
        put(ends.write, "x");
        co_await beside.protocol->has_received(1);

        CHECK(over_socket.protocol->count("connection_lost") == 0);
        CHECK(over_terminal.protocol->count("connection_lost") == 0);
        over_socket.transport->write("answer");
        over_terminal.transport->write("prompt");
        over_socket.transport->close();
        over_terminal.transport->close();
        co_await over_socket.protocol->called("connection_lost");
        co_await over_terminal.protocol->called("connection_lost");
        char text[16];
        CHECK(std::string(text, static_cast<std::size_t>(::read(peer.get(), text, sizeof text))) == "answer");
        CHECK(std::string(text, static_cast<std::size_t>(::read(screen.master.get(), text, sizeof text))) == "prompt");
        beside.transport->close();
    }());
}

TEST_CASE("T20 a pipe or a terminal that others share stays blocking for them", "[net][EV023]") {
    run_bounded([]() -> coro<> {
        support::pipe_ends ends = make_pipe();
        const terminal screen;
        const unique_fd shared_read = copy_of(ends.read);
        const unique_fd shared_write = copy_of(ends.write);
        auto from = co_await connect_read_pipe(make_protocol, std::move(ends.read));
        auto to = co_await connect_write_pipe(make_protocol, std::move(ends.write));
        auto typed = co_await connect_read_pipe(make_protocol, copy_of(screen.slave));
        CHECK(blocks(shared_read.get()));
        CHECK(blocks(shared_write.get()));
        CHECK(blocks(screen.slave.get()));
        CHECK_FALSE(blocks(*from.transport->get_extra_info(extra_info::pipe)));
        CHECK_FALSE(blocks(*to.transport->get_extra_info(extra_info::pipe)));
        CHECK_FALSE(blocks(*typed.transport->get_extra_info(extra_info::pipe)));

        to.transport->write("same pipe");
        co_await from.protocol->has_received(9);
        CHECK(from.protocol->received() == "same pipe");
        put(screen.master, "same terminal");
        co_await typed.protocol->has_received(13);
        CHECK(typed.protocol->received() == "same terminal");
        from.transport->close();
        to.transport->close();
        typed.transport->close();
    }());
}

TEST_CASE("the master of a pseudo-terminal stays the master of the same one", "[net][EV021]") {
    run_bounded([]() -> coro<> {
        terminal screen;
        auto master = co_await connect_read_pipe(make_protocol, std::move(screen.master));
        put(screen.slave, "on the screen");
        co_await master.protocol->has_received(13);
        CHECK(master.protocol->received() == "on the screen");
        screen.slave.reset();
        co_await master.protocol->called("connection_lost");  // EIO is its end
        CHECK(master.protocol->calls().back() == "connection_lost");
    }());
}

TEST_CASE("a terminal is read and written by a transport each", "[net][EV025]") {
    run_bounded([]() -> coro<> {
        const terminal screen;
        auto from = co_await connect_read_pipe(make_protocol, copy_of(screen.master));
        auto to = co_await connect_write_pipe(make_protocol, copy_of(screen.master));
        to.transport->write("typed");
        put(screen.slave, "shown");
        co_await from.protocol->has_received(5);
        CHECK(from.protocol->received() == "shown");
        char text[16];
        CHECK(std::string(text, static_cast<std::size_t>(::read(screen.slave.get(), text, sizeof text))) == "typed");
        to.transport->close();
        co_await to.protocol->called("connection_lost");
        put(screen.slave, ", still");
        co_await from.protocol->has_received(12);
        CHECK(from.protocol->count("connection_lost") == 0);
        from.transport->close();
    }());
}

TEST_CASE("T19 the end of a terminal is not final: who typed Ctrl-D may go on", "[net]") {
    run_bounded([]() -> coro<> {
        const terminal screen;
        termios lines{};
        ::tcgetattr(screen.slave.get(), &lines);
        lines.c_lflag |= ICANON;
        ::tcsetattr(screen.slave.get(), TCSANOW, &lines);
        const auto make_patient = [] { return std::make_shared<recording_protocol>(true); };
        auto typed = co_await connect_read_pipe(make_patient, copy_of(screen.slave));
        for (const std::string text : {"one\n", "two\n", "three\n"}) {
            const std::size_t had = typed.protocol->received().size();
            put(screen.master, text + '\4');
            co_await typed.protocol->has_received(had + text.size());
            while (typed.transport->is_reading()) co_await aioxx::sleep(1ms);
            typed.transport->resume_reading();
            CHECK(typed.transport->is_reading());
        }
        CHECK(typed.protocol->received() == "one\ntwo\nthree\n");
        CHECK(typed.protocol->count("eof_received") == 3);
        CHECK(typed.protocol->count("connection_lost") == 0);
        typed.transport->close();
        co_await typed.protocol->called("connection_lost");
    }());
}

TEST_CASE("T19 a terminal that hangs up is at its end for good", "[net]") {
    run_bounded([]() -> coro<> {
        terminal screen;
        const auto make_patient = [] { return std::make_shared<recording_protocol>(true); };
        auto typed = co_await connect_read_pipe(make_patient, copy_of(screen.slave));
        screen.master.reset();
        co_await typed.protocol->called("connection_lost");
        CHECK(typed.protocol->story() == "connection_made eof_received connection_lost");
    }());
}

TEST_CASE("T19 a FIFO may have another writer after its last one", "[net]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        REQUIRE(::mkfifo(folder.path("fifo").c_str(), 0600) == 0);
        unique_fd read_end(::open(folder.path("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        unique_fd writer(::open(folder.path("fifo").c_str(), O_WRONLY | O_CLOEXEC));
        const auto make_patient = [] { return std::make_shared<recording_protocol>(true); };
        auto from = co_await connect_read_pipe(make_patient, std::move(read_end));
        for (const char* text : {"first", " second"}) {
            if (!writer) writer.reset(::open(folder.path("fifo").c_str(), O_WRONLY | O_CLOEXEC));
            put(writer, text);
            writer.reset();
            while (from.transport->is_reading()) co_await aioxx::sleep(1ms);
            from.transport->resume_reading();
        }
        CHECK(from.protocol->received() == "first second");
        CHECK(from.protocol->count("eof_received") == 2);
        from.transport->close();
    }());
}

TEST_CASE("pipes that nobody closes are closed at the end of run", "[net][EV022]") {
    const std::size_t before = open_descriptors();
    const auto protocol = make_protocol();
    run_bounded([](std::shared_ptr<recording_protocol> kept) -> coro<> {
        support::pipe_ends ends = make_pipe();
        const auto factory = [kept] { return kept; };
        co_await connect_read_pipe(factory, std::move(ends.read));
        auto full = co_await connect_write_pipe(make_protocol, std::move(ends.write));
        kept->connection()->pause_reading();
        full.transport->write(std::string(1'000'000, 'x'));
    }(protocol));
    CHECK(open_descriptors() == before);
    CHECK(protocol->calls().back() == "connection_lost");
}

TEST_CASE("a FIFO that was opened for both directions does not end with its last writer", "[net]") {
    run_bounded([]() -> coro<> {
        const support::temporary_directory folder;
        REQUIRE(::mkfifo(folder.path("fifo").c_str(), 0600) == 0);
        unique_fd both(::open(folder.path("fifo").c_str(), O_RDWR | O_CLOEXEC));
        auto from = co_await connect_read_pipe(make_protocol, std::move(both));
        for (const char* text : {"first", " second"}) {
            const unique_fd writer(::open(folder.path("fifo").c_str(), O_WRONLY | O_CLOEXEC));
            put(writer, text);
        }
        co_await from.protocol->has_received(12);
        CHECK(from.protocol->received() == "first second");
        CHECK(from.protocol->count("eof_received") == 0);
        from.transport->close();
    }());
}

TEST_CASE("PI002 a factory that throws leaves no pipe open", "[net]") {
    const std::size_t before = open_descriptors();
    run_bounded([]() -> coro<> {
        support::pipe_ends ends = make_pipe();
        const auto fails = []() -> std::shared_ptr<recording_protocol> { throw std::runtime_error("no protocol today"); };
        bool thrown = false;
        try {
            co_await connect_read_pipe(fails, std::move(ends.read));
        } catch (const std::runtime_error&) {
            thrown = true;
        }
        CHECK(thrown);
    }());
    CHECK(open_descriptors() == before);
}
