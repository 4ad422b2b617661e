// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/spawn.hpp>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/complaint_of.hpp"
#include "support/processes.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using support::complaint_of;
using support::has_no_children;
using support::open_descriptors;
using support::read_to_end;
using support::sh;

namespace {

// Waits for the end of a child. Returns: its exit status, or the negative number of the signal.
int end_of(const spawned_process& child) {
    siginfo_t info{};
    REQUIRE(::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED) == 0);
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

// Runs a program that reads nothing. Returns: its standard output.
std::string output_of(const std::vector<std::string>& arguments, const process_options& options = {}) {
    spawned_process child = spawn(arguments, options);
    child.pipes[0].reset();
    std::string text = read_to_end(child.pipes[1]);
    REQUIRE(end_of(child) == 0);
    return text;
}

void write_all(const unique_fd& fd, const std::string& text) {
    REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

process_options inherit_everything() {
    process_options options;
    options.in = options.out = options.err = stdio::inherit();
    return options;
}

// While it lives, one of our own first three descriptors is another one, or none.
class replaced_descriptor : pinned {
public:
    replaced_descriptor(int number, int by) : number_(number), former_(::fcntl(number, F_DUPFD_CLOEXEC, 10)) {
        if (by < 0) {
            ::close(number);
        } else {
            ::dup2(by, number);
        }
    }
    ~replaced_descriptor() { ::dup2(former_.get(), number_); }

private:
    int number_;
    unique_fd former_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a child reads from and writes to its pipes", "[transports]") {
    process_options options;
    spawned_process child = spawn(sh("cat; echo to err >&2; exit 7"), options);
    write_all(child.pipes[0], "hello");
    child.pipes[0].reset();
    CHECK(read_to_end(child.pipes[1]) == "hello");
    CHECK(read_to_end(child.pipes[2]) == "to err\n");
    CHECK(end_of(child) == 7);
}

TEST_CASE("the parent's ends do not block and are not inherited", "[transports][SP006]") {
    const spawned_process child = spawn({"cat"}, {});
    for (const unique_fd& pipe : child.pipes) {
        CHECK((::fcntl(pipe.get(), F_GETFL) & O_NONBLOCK) != 0);
        CHECK((::fcntl(pipe.get(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    CHECK((::fcntl(child.pidfd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    ::kill(child.pid, SIGKILL);
    CHECK(end_of(child) == -SIGKILL);
}

TEST_CASE("a child can open its input and outputs by their names", "[transports][SP006]") {
    spawned_process child = spawn(sh("cat /dev/stdin >/dev/stdout; echo errors >/dev/stderr"), {});
    REQUIRE(::write(child.pipes[0].get(), "by name", 7) == 7);
    child.pipes[0].reset();
    CHECK(read_to_end(child.pipes[1]) == "by name");
    CHECK(read_to_end(child.pipes[2]) == "errors\n");
    CHECK(end_of(child) == 0);
}

TEST_CASE("P6 a child has its first three descriptors and nothing else of ours", "[transports][SP006]") {
    const unique_fd open_to_all(::fcntl(0, F_DUPFD, 50));
    const spawned_process another = spawn({"cat"}, {});
    process_options options;
    options.in = stdio::devnull();
    // 3 is the directory that ls reads.
    CHECK(output_of({"ls", "/proc/self/fd"}, options) == "0\n1\n2\n3\n");
    ::kill(another.pid, SIGKILL);
    CHECK(end_of(another) == -SIGKILL);
}

TEST_CASE("P6 the end of a child's input is seen although another child runs", "[transports]") {
    spawned_process first = spawn({"cat"}, {});
    spawned_process second = spawn({"cat"}, {});
    first.pipes[0].reset();
    CHECK(read_to_end(first.pipes[1]).empty());
    CHECK(end_of(first) == 0);
    second.pipes[0].reset();
    CHECK(end_of(second) == 0);
}

TEST_CASE("a child starts with signals at their defaults, whatever we ignore and block", "[transports]") {
    sigset_t blocked;
    sigset_t former;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &blocked, &former);
    const auto former_handler = ::signal(SIGPIPE, SIG_IGN);
    const std::string blocks = output_of({"sed", "-n", "s/^SigBlk:\t//p", "/proc/self/status"});
    const std::string ignores = output_of({"sed", "-n", "s/^SigIgn:\t//p", "/proc/self/status"});
    ::signal(SIGPIPE, former_handler);
    ::sigprocmask(SIG_SETMASK, &former, nullptr);
    CHECK(std::stoull(blocks, nullptr, 16) == 0);
    constexpr unsigned long long system_own = 3ull << 31;  // 32 and 33, which glibc sets aside
    CHECK((std::stoull(ignores, nullptr, 16) & ~system_own) == 0);
}

TEST_CASE("a child leads a process group of its own, and when wanted a session", "[transports][EV037]") {
    for (const bool new_session : {false, true}) {
        process_options options;
        options.new_session = new_session;
        spawned_process child = spawn({"cat"}, options);
        CHECK(::getpgid(child.pid) == child.pid);
        CHECK((::getsid(child.pid) == child.pid) == new_session);
        child.pipes[0].reset();
        CHECK(end_of(child) == 0);
    }
}

TEST_CASE("SP007 each of the three can be /dev/null, and has no pipe then", "[transports]") {
    process_options options;
    options.in = stdio::devnull();
    CHECK(output_of({"cat"}, options).empty());
    CHECK(output_of({"readlink", "/proc/self/fd/0"}, options) == "/dev/null\n");
    options.err = stdio::devnull();
    CHECK(output_of(sh("echo lost >&2; readlink /proc/self/fd/2"), options) == "/dev/null\n");

    process_options no_output;
    no_output.out = stdio::devnull();
    spawned_process child = spawn(sh("echo lost; exec 3>&1 1>&2; readlink /proc/self/fd/3"), no_output);
    CHECK_FALSE(child.pipes[1]);
    CHECK(read_to_end(child.pipes[2]) == "/dev/null\n");
    CHECK(end_of(child) == 0);
}

TEST_CASE("standard error can lead where standard output does", "[transports][EV035]") {
    process_options options;
    options.err = stdio::to_stdout();
    spawned_process child = spawn(sh("echo one; echo two >&2; echo three"), options);
    CHECK_FALSE(child.pipes[2]);
    CHECK(read_to_end(child.pipes[1]) == "one\ntwo\nthree\n");
    CHECK(end_of(child) == 0);
}

TEST_CASE("only standard error can be told to go where standard output does", "[transports][BE020]") {
    const std::size_t before = open_descriptors();
    process_options in;
    in.in = stdio::to_stdout();
    CHECK_THROWS_AS(spawn({"true"}, in), std::invalid_argument);
    process_options out;
    out.out = stdio::to_stdout();
    CHECK_THROWS_AS(spawn({"true"}, out), std::invalid_argument);
    CHECK(open_descriptors() == before);
}

TEST_CASE("a descriptor of ours can be the child's, and stays ours", "[transports]") {
    support::pipe_ends given = support::make_pipe();
    process_options options;
    options.out = stdio::descriptor(given.write.get());
    options.err = stdio::to_stdout();
    const spawned_process child = spawn(sh("echo out; echo err >&2"), options);
    CHECK_FALSE(child.pipes[1]);
    CHECK(end_of(child) == 0);
    write_all(given.write, "ours");
    given.write.reset();
    CHECK(read_to_end(given.read) == "out\nerr\nours");
}

TEST_CASE("a descriptor means the parent's one, also when the child gets another one of that number", "[transports]") {
    support::pipe_ends ours = support::make_pipe();
    SECTION("our standard output as its standard error") {
        process_options options;
        options.err = stdio::descriptor(1);
        spawned_process child;
        {
            const replaced_descriptor replaced(1, ours.write.get());
            child = spawn(sh("echo out; echo err >&2"), options);
        }
        ours.write.reset();
        CHECK(read_to_end(child.pipes[1]) == "out\n");
        CHECK(read_to_end(ours.read) == "err\n");
        CHECK(end_of(child) == 0);
    }
    SECTION("the two outputs exchanged") {
        support::pipe_ends other = support::make_pipe();
        process_options options;
        options.out = stdio::descriptor(2);
        options.err = stdio::descriptor(1);
        spawned_process child;
        {
            const replaced_descriptor one(1, ours.write.get());
            const replaced_descriptor two(2, other.write.get());
            child = spawn(sh("echo out; echo err >&2"), options);
        }
        ours.write.reset();
        other.write.reset();
        CHECK(read_to_end(ours.read) == "err\n");
        CHECK(read_to_end(other.read) == "out\n");
        CHECK(end_of(child) == 0);
    }
}

TEST_CASE("what is inherited is the parent's own", "[transports]") {
    support::pipe_ends ours = support::make_pipe();
    process_options options = inherit_everything();
    options.in = stdio::devnull();
    spawned_process child;
    {
        const replaced_descriptor replaced(1, ours.write.get());
        child = spawn({"echo", "inherited"}, options);
    }
    ours.write.reset();
    CHECK(read_to_end(ours.read) == "inherited\n");
    CHECK(end_of(child) == 0);
    for (const unique_fd& pipe : child.pipes) CHECK_FALSE(pipe);
}

TEST_CASE("pipes work when our own standard input is closed", "[transports]") {
    const replaced_descriptor closed(0, -1);
    spawned_process child = spawn({"cat"}, {});
    CHECK(child.pipes[0].get() > 2);
    CHECK(child.pidfd.get() > 2);
    write_all(child.pipes[0], "through");
    child.pipes[0].reset();
    CHECK(read_to_end(child.pipes[1]) == "through");
    CHECK(end_of(child) == 0);
}

TEST_CASE("an output pipe holds what was asked for", "[transports]") {
    process_options options;
    options.pipe_size = 4096;
    spawned_process child = spawn({"cat"}, options);
    CHECK(::fcntl(child.pipes[1].get(), F_GETPIPE_SZ) == 4096);
    CHECK(::fcntl(child.pipes[2].get(), F_GETPIPE_SZ) == 4096);
    child.pipes[0].reset();
    CHECK(end_of(child) == 0);
}

TEST_CASE("the working directory", "[transports]") {
    const support::temporary_directory directory;
    process_options options;
    options.cwd = std::filesystem::canonical(directory.path(".")).string();
    CHECK(output_of({"pwd"}, options) == *options.cwd + "\n");
}

TEST_CASE("a working directory that is none is named together with the program", "[transports]") {
    const support::temporary_directory directory;
    const std::size_t before = open_descriptors();
    process_options options;
    options.cwd = directory.path("missing");
    std::error_code code;
    std::string told;
    try {
        static_cast<void>(spawn({"pwd"}, options));
    } catch (const broken_error& broken) {
        code = broken.code();
        told = broken.what();
    }
    CHECK(code == std::errc::no_such_file_or_directory);
    CHECK(contains(told, "pwd"));
    CHECK(contains(told, *options.cwd));

    std::ofstream(directory.path("file")) << "x";
    options.cwd = directory.path("file");
    try {
        static_cast<void>(spawn({"pwd"}, options));
    } catch (const broken_error& broken) {
        code = broken.code();
    }
    CHECK(code == std::errc::not_a_directory);
    CHECK(open_descriptors() == before);
    CHECK(has_no_children());
}

TEST_CASE("SP002 the environment is the parent's, or all that is given", "[transports]") {
    ::setenv("AIOXX_SPAWN_TEST", "from the parent", 1);
    CHECK(output_of({"printenv", "AIOXX_SPAWN_TEST"}) == "from the parent\n");
    process_options options;
    options.env.emplace();
    CHECK(output_of({"env"}, options).empty());
    options.env->push_back("ONE=1");
    options.env->push_back("TWO=with = and space");
    CHECK(output_of({"env"}, options) == "ONE=1\nTWO=with = and space\n");
    ::unsetenv("AIOXX_SPAWN_TEST");
}

TEST_CASE("arguments arrive as they are", "[transports]") {
    CHECK(output_of({"printf", "%s|", "", "a b", "$HOME", "*", "\xC3\xA4"}) == "|a b|$HOME|*|\xC3\xA4|");
}

TEST_CASE("SP010 a program that cannot be started is named, with the reason, and nothing stays open", "[transports]") {
    const support::temporary_directory directory;
    std::ofstream(directory.path("no program")) << "text";
    const std::size_t before = open_descriptors();
    process_options without_input;
    without_input.in = stdio::devnull();
    for (const process_options& options : {process_options(), without_input}) {
        std::error_code code;
        std::string told;
        try {
            static_cast<void>(spawn({"/no/such/program", "argument"}, options));
        } catch (const broken_error& broken) {
            code = broken.code();
            told = broken.what();
        }
        CHECK(code == std::errc::no_such_file_or_directory);
        CHECK(contains(told, "/no/such/program"));
        CHECK_THROWS_AS(spawn({"aioxx-no-such-program"}, options), broken_error);
        CHECK(contains(complaint_of<broken_error>([&] { return spawn({directory.path("no program")}, options); }),
                       std::make_error_code(std::errc::permission_denied).message()));
        CHECK(open_descriptors() == before);
        CHECK(has_no_children());
    }
}

TEST_CASE("no program and a zero byte in an argument are refused", "[transports][EV037][BE020]") {
    CHECK_THROWS_AS(spawn({}, {}), std::invalid_argument);
    CHECK_THROWS_AS(spawn({""}, {}), std::invalid_argument);
    CHECK_THROWS_AS(spawn({"echo", std::string("a\0b", 3)}, {}), std::invalid_argument);
    CHECK(has_no_children());
}

TEST_CASE("SP010 a descriptor that is none is an error, and nothing stays open", "[transports]") {
    const std::size_t before = open_descriptors();
    process_options options;
    options.err = stdio::descriptor(4000);
    CHECK_THROWS_AS(spawn({"true"}, options), broken_error);
    CHECK(open_descriptors() == before);
    CHECK(has_no_children());
}

TEST_CASE("SP010 without a free descriptor there is an error and neither a pipe nor a child", "[transports]") {
    // Some for the child, which inherits the limit; the next free number is the limit then.
    std::vector<unique_fd> some;
    for (int i = 0; i < 8; ++i) some.emplace_back(::fcntl(0, F_DUPFD_CLOEXEC, 3));
    const int next = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
    ::close(next);
    rlimit former{};
    ::getrlimit(RLIMIT_NOFILE, &former);
    for (int spare = 0; spare < 7; ++spare) {
        CAPTURE(spare);
        const std::size_t before = open_descriptors();
        rlimit limited = former;
        limited.rlim_cur = static_cast<rlim_t>(next + spare);
        ::setrlimit(RLIMIT_NOFILE, &limited);
        std::string told;
        try {
            static_cast<void>(spawn({"true"}, {}));
        } catch (const broken_error& broken) {
            told = broken.what();
        }
        ::setrlimit(RLIMIT_NOFILE, &former);
        // Six ends of pipes and the watch.
        CHECK(contains(told, std::make_error_code(std::errc::too_many_files_open).message()));
        CHECK(open_descriptors() == before);
        CHECK(has_no_children());
    }
}

TEST_CASE("a program is looked for in PATH, and what is there and cannot be run says so", "[transports][SP010]") {
    const support::temporary_directory directory;
    std::filesystem::create_directories(directory.path("a"));
    std::filesystem::create_directories(directory.path("b"));
    std::ofstream(directory.path("a/tool")) << "no program";
    const std::string former = ::getenv("PATH");
    ::setenv("PATH", (directory.path("a") + ":" + directory.path("none") + ":" + directory.path("b")).c_str(), 1);
    std::error_code code;
    try {
        static_cast<void>(spawn({"tool"}, {}));
    } catch (const broken_error& refused) {
        code = refused.code();
    }
    std::filesystem::create_symlink("/bin/sh", directory.path("b/tool"));
    const std::string output = output_of({"tool", "-c", "echo found"});
    ::setenv("PATH", former.c_str(), 1);
    CHECK(code == std::errc::permission_denied);
    CHECK(output == "found\n");
}

TEST_CASE("further descriptors get the numbers that they are given", "[transports][SP006]") {
    support::pipe_ends one = support::make_pipe();
    support::pipe_ends two = support::make_pipe();
    process_options options;
    // Each of the two is given the number of the other.
    options.descriptors = {{one.write.get(), two.write.get()}, {two.write.get(), one.write.get()}};
    const std::string to = std::to_string(one.write.get());
    spawned_process child = spawn(sh("echo into the second >&" + to + "; ls /proc/self/fd | wc -l"), options);
    one.write.reset();
    two.write.reset();
    CHECK(read_to_end(child.pipes[1]) == "6\n");  // and the directory that ls reads
    CHECK(read_to_end(two.read) == "into the second\n");
    CHECK(read_to_end(one.read).empty());
    CHECK(end_of(child) == 0);

    const std::size_t before = open_descriptors();
    options.descriptors = {{0, 2}};
    CHECK(contains(complaint_of<std::invalid_argument>([&] { return spawn({"true"}, options); }), "at least 3, got 2"));
    options.descriptors = {{0, 7}, {0, 7}};
    CHECK(contains(complaint_of<std::invalid_argument>([&] { return spawn({"true"}, options); }), "the number 7"));
    options.descriptors = {{4000, 7}};
    CHECK(contains(complaint_of<broken_error>([&] { return spawn({"true"}, options); }), "4000"));
    CHECK(open_descriptors() == before);
}

TEST_CASE("an environment and a directory that cannot be are refused", "[transports]") {
    process_options options;
    for (const char* bad : {"NOVALUE", "=x", ""}) {
        options.env = std::vector<std::string>{bad};
        CAPTURE(bad);
        CHECK(contains(complaint_of<std::invalid_argument>([&] { return spawn({"true"}, options); }), "NAME=value"));
    }
    options.env.reset();
    options.cwd = std::string("/tmp\0/x", 7);
    CHECK_THROWS_AS(spawn({"true"}, options), std::invalid_argument);
}

TEST_CASE("files that a child makes obey its umask", "[transports]") {
    process_options options;
    options.umask = 0027;
    CHECK(output_of(sh("umask"), options) == "0027\n");
}

TEST_CASE("a child of another user has nothing of our rights", "[transports]") {
    process_options options;
    options.user = "no-such-user";
    CHECK(contains(complaint_of<std::invalid_argument>([&] { return spawn({"id"}, options); }), "no-such-user"));
    options.user.reset();
    options.group = "no-such-group";
    CHECK(contains(complaint_of<std::invalid_argument>([&] { return spawn({"id"}, options); }), "no-such-group"));
    options.group.reset();
    if (::getuid() != 0) {  // only root may change its user
        options.user = "0";
        CHECK(contains(complaint_of<broken_error>([&] { return spawn({"id"}, options); }), "as user \"0\""));
        return;
    }
    options.user = "daemon";
    CHECK(output_of({"id", "-u"}, options) == "1\n");
    CHECK(output_of({"id", "-G"}, options) == "1\n");
    options.user = "4711";
    CHECK(output_of(sh("id -u; id -G"), options) == "4711\n4711\n");
    options.group = "daemon";
    options.extra_groups = std::vector<std::string>{"2", "daemon"};
    CHECK(output_of(sh("id -u; id -G"), options) == "4711\n1 2\n");
    options.cwd = "/nowhere/at/all";
    CHECK(contains(complaint_of<broken_error>([&] { return spawn({"id"}, options); }), "/nowhere/at/all"));
    CHECK(has_no_children());
}

TEST_CASE("a child on a terminal has it as its own, in the wanted size", "[transports][EV025]") {
    process_options options;
    options.in = options.out = options.err = stdio::terminal();
    options.size = {132, 43};
    spawned_process child = spawn(sh("stty size; tty >/dev/null && echo terminal >/dev/tty; read line; echo got $line >&2"), options);
    CHECK(::getsid(child.pid) == child.pid);
    CHECK_FALSE(child.pipes[2]);
    write_all(child.pipes[0], "typed\n");
    std::string text;
    char portion[256];
    for (;;) {  // until EIO, by which a terminal says that the other side is gone
        pollfd state{child.pipes[1].get(), POLLIN, 0};
        REQUIRE(::poll(&state, 1, 20'000) == 1);
        const ssize_t count = ::read(child.pipes[1].get(), portion, sizeof portion);
        if (count <= 0) break;
        text.append(portion, static_cast<std::size_t>(count));
    }
    CHECK(contains(text, "43 132\r\n"));
    CHECK(contains(text, "terminal\r\n"));
    CHECK(contains(text, "got typed\r\n"));
    CHECK(end_of(child) == 0);
}

TEST_CASE("a child is told when its parent is killed", "[transports]") {
    support::pipe_ends lives = support::make_pipe();
    const pid_t parent = ::fork();
    if (parent == 0) {
        process_options options = inherit_everything();
        options.parent_death_signal = SIGTERM;
        options.descriptors = {{lives.write.get(), 9}};
        static_cast<void>(spawn(sh("trap 'echo told >&9; exit' TERM; echo started >&9; while :; do sleep 0.01; done"), options));
        ::pause();
    }
    lives.write.reset();
    std::string text(8, ' ');
    pollfd state{lives.read.get(), POLLIN, 0};
    REQUIRE(::poll(&state, 1, 20'000) == 1);
    REQUIRE(::read(lives.read.get(), text.data(), text.size()) == 8);
    CHECK(text == "started\n");
    ::kill(parent, SIGKILL);
    CHECK(read_to_end(lives.read) == "told\n");
    REQUIRE(::waitpid(parent, nullptr, 0) == parent);
}
