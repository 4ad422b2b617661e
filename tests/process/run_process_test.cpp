// SPDX-License-Identifier: BSL-1.0

#include <aioxx/process/run_process.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aioxx/core/task.hpp>
#include <aioxx/net/fd_wait.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/processes.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::has_no_children;
using support::make_pipe;
using support::open_descriptors;
using support::sh;

namespace {

// No run may leave a descriptor, a child or a zombie behind.
void run_and_leave_nothing(coro<> main) {
    const std::size_t before = open_descriptors();
    run(wait_for(std::move(main), 20s));
    CHECK(open_descriptors() == before);
    CHECK(has_no_children());
}

// A pipe whose write end the child gets as its standard error, so that a test can wait for a sign of it. It ends when
// the child and all of its descendants have.
struct sign_of_life {
    sign_of_life() { options.err = stdio::descriptor(pipe.write.get()); }

    // Waits until something was said. Returns: what; nothing when nobody is left to say anything.
    coro<std::string> given() {
        pipe.write.reset();
        for (;;) {
            char text[64];
            const ssize_t count = ::read(pipe.read.get(), text, sizeof text);
            if (count >= 0) co_return std::string(text, static_cast<std::size_t>(count));
            REQUIRE(errno == EAGAIN);
            co_await wait_fd(pipe.read.get(), readiness::readable);
        }
    }
    // Waits until nobody holds it any more.
    coro<> over() {
        for (;;) {
            const std::string said = co_await given();
            if (said.empty()) co_return;
        }
    }

    support::pipe_ends pipe = make_pipe(O_CLOEXEC | O_NONBLOCK);
    run_options options;
};

// Lets the loop run until it has waited for every child.
coro<> until_no_children() {
    siginfo_t info{};
    while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) co_await aioxx::sleep(1ms);
}

coro<std::optional<run_result>> result_of_timeout(coro<run_result> running) {
    std::optional<run_result> late;
    try {
        static_cast<void>(co_await std::move(running));
    } catch (const process_timeout_error& failure) {
        late = failure.result();
    }
    co_return late;
}

// Runs a command into its timeout, with a longer one when it had not come to say "ready" by then.
coro<run_result> result_when_late(std::string command, run_options options) {
    for (options.timeout = 200ms;; options.timeout = *options.timeout * 2) {
        const auto late = co_await result_of_timeout(run_shell(command, options));
        REQUIRE(late);
        if (late->output.str().find("ready") != std::string::npos) co_return *late;
    }
}

}  // namespace

TEST_CASE("a run gives the return code and both outputs", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        run_options options;
        options.input = "some input";
        const run_result done = co_await run_process(sh("cat; echo problem >&2; exit 3"), options);
        CHECK(done.returncode == 3);
        CHECK(done.output == "some input");
        CHECK(done.error == "problem\n");
        CHECK_FALSE(done.truncated);
    }());
}

TEST_CASE("a command of the shell is run to its end", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        const run_result done = co_await run_shell("echo one | cat; kill -USR1 $$");
        CHECK(done.returncode == -SIGUSR1);
        CHECK(done.output == "one\n");
    }());
}

TEST_CASE("without input a run sees an empty one", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        const run_result done = co_await run_process(std::vector<std::string>(1, "cat"));
        CHECK(done.returncode == 0);
        CHECK(done.output.empty());
    }());
}

TEST_CASE("input and outputs that fill their pipes do not block each other", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        run_options options;
        options.input = std::string(3'000'000, 'x');
        const run_result done = co_await run_shell("tee /dev/stderr", options);
        CHECK(done.output.size() == 3'000'000);
        CHECK(done.error.size() == 3'000'000);
    }());
}

TEST_CASE("SP004 input that the process does not want is no error", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        run_options options;
        options.input = std::string(3'000'000, 'x');
        const run_result done = co_await run_shell("head -c 3; exit 0", options);
        CHECK(done.returncode == 0);
        CHECK(done.output == "xxx");
    }());
}

TEST_CASE("input without a pipe to send it through is refused before anything is started", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        run_options options;
        options.in = stdio::devnull();
        options.input = "for nobody";
        CHECK_THROWS_AS(co_await run_shell("exec sleep 1000", options), std::invalid_argument);
    }());
}

TEST_CASE("SP010 a program that cannot be started is the error of its run", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        CHECK_THROWS_AS(co_await run_process(std::vector<std::string>(1, "/no/such/program")), broken_error);
        CHECK_THROWS_AS(co_await run_process(std::vector<std::string>()), std::invalid_argument);
    }());
}

TEST_CASE("what exceeds max_output is dropped and said so, and the process is not held up", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        for (const std::size_t most : {std::size_t{0}, std::size_t{9}, std::size_t{10}, std::size_t{11}}) {
            CAPTURE(most);
            run_options options;
            options.max_output = most;
            const run_result done = co_await run_shell("printf 0123456789", options);
            CHECK(done.output == std::string("0123456789").substr(0, most));
            CHECK(done.truncated == (most < 10));
        }
        run_options options;
        options.max_output = 1000;
        const run_result much = co_await run_shell("head -c 5000000 /dev/zero; echo end >&2", options);
        CHECK(much.returncode == 0);
        CHECK(much.output.size() == 1000);
        CHECK(much.error == "end\n");
        CHECK(much.truncated);
    }());
}

TEST_CASE("with check a return code other than 0 is an error that names the program and carries the result", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        run_options options;
        options.check = true;
        const run_result fine = co_await run_shell("exit 0", options);
        CHECK(fine.returncode == 0);
        std::string told;
        run_result carried;
        try {
            static_cast<void>(co_await run_process(sh("echo before; exit 4"), options));
        } catch (const process_error& failure) {
            told = failure.what();
            carried = failure.result();
        }
        CHECK(told == "\"/bin/sh\" exited with status 4");
        CHECK(carried.returncode == 4);
        CHECK(carried.output == "before\n");
        try {
            static_cast<void>(co_await run_shell("kill -TERM $$", options));
        } catch (const process_error& failure) {
            told = failure.what();
        }
        CHECK(told == "\"/bin/sh\" was ended by signal 15");
    }());
}

TEST_CASE("P3 a timeout ends the process and its descendants politely, and gives what was written", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        sign_of_life life;
        life.options.kill_grace = 20s;
        // The shell and its child end by SIGTERM, the shell with a last word.
        const run_result late =
            co_await result_when_late("trap 'echo stopped; exit 9' TERM; sleep 1000 & echo ready; wait", life.options);
        CHECK(late.returncode == 9);
        CHECK(late.output == "ready\nstopped\n");
        co_await life.over();
    }());
}

TEST_CASE("P3 a process that ignores SIGTERM is killed after the grace", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        sign_of_life life;
        life.options.kill_grace = 50ms;
        const run_result late = co_await result_when_late("trap '' TERM; echo ready; sleep 1000; sleep 1000", life.options);
        CHECK(late.returncode == -SIGKILL);
        co_await life.over();
    }());
}

TEST_CASE("P3 a descendant that is left when the process has gone by SIGTERM is killed", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        sign_of_life life;
        life.options.kill_grace = 20s;
        // Holds none of our pipes, and ignores SIGTERM.
        const run_result late = co_await result_when_late(
            "(trap '' TERM; echo ready; exec sleep 1000 >/dev/null) </dev/null & wait", life.options);
        CHECK(late.returncode == -SIGTERM);
        co_await life.over();
    }());
}

TEST_CASE("P1 a timeout does not wait for a descendant that has left the group and holds the output", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        support::pipe_ends hold = make_pipe();
        run_options options;
        options.err = stdio::descriptor(hold.read.get());  // what the descendant lives on
        options.kill_grace = 50ms;
        // It ends with the pipe that we hold.
        const run_result late = co_await result_when_late("setsid sh -c 'echo ready; cat <&2 >/dev/null' & wait", options);
        CHECK(late.returncode == -SIGTERM);
        CHECK(late.output == "ready\n");
    }());
}

TEST_CASE("a timeout that has passed already ends the process at once", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        run_options options;
        options.timeout = 0s;
        const auto late = co_await result_of_timeout(run_shell("exec sleep 1000", options));
        REQUIRE(late);
        CHECK(late->returncode == -SIGTERM);
    }());
}

TEST_CASE("a run that ends in time is not late", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        run_options options;
        options.timeout = 20s;
        const run_result done = co_await run_shell("echo quick", options);
        CHECK(done.output == "quick\n");
    }());
}

TEST_CASE("P3 a cancelled run ends its process politely before it throws", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        sign_of_life life;
        life.options.kill_grace = 20s;
        life.options.input = "go\n";  // what is cancelled is then the conversation, not the start
        support::pipe_ends word = make_pipe();
        life.options.out = stdio::descriptor(word.write.get());
        const task<run_result> running =
            create_task(run_shell("trap 'echo stopped; exit 0' TERM; read go; echo ready >&2; sleep 1000 & wait", life.options));
        co_await aioxx::sleep(0s);  // started with this
        word.write.reset();
        const std::string ready = co_await life.given();
        CHECK(ready == "ready\n");
        running.cancel("enough");
        std::string message;
        try {
            static_cast<void>(co_await running);
        } catch (const cancelled_error& request) {
            message = request.message();
        }
        CHECK(message == "enough");
        CHECK(support::read_to_end(word.read) == "stopped\n");
        co_await life.over();
    }());
}

TEST_CASE("P2 a run that is cancelled while it starts its process leaves nothing behind", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        for (int rounds = 0; rounds < 12; ++rounds) {
            CAPTURE(rounds);
            sign_of_life life;
            const task<run_result> running = create_task(run_shell("exec sleep 1000", life.options));
            for (int round = 0; round < rounds; ++round) co_await aioxx::sleep(0s);
            running.cancel();
            CHECK_THROWS_AS(co_await running, cancelled_error);
            co_await life.over();
            co_await until_no_children();
        }
    }());
}

TEST_CASE("P3 a second cancellation does not wait for the grace", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        sign_of_life life;
        life.options.kill_grace = 1000s;
        life.options.input = "go\n";
        const std::string command =
            "trap 'echo heard >&2' TERM; read go; echo ready >&2; while :; do sleep 1000 & wait; done";
        const task<run_result> running = create_task(run_shell(command, life.options));
        co_await aioxx::sleep(0s);
        const std::string ready = co_await life.given();
        CHECK(ready == "ready\n");
        running.cancel();
        const std::string heard = co_await life.given();
        CHECK(heard == "heard\n");
        CHECK_FALSE(running.done());
        running.cancel();
        CHECK_THROWS_AS(co_await running, cancelled_error);
        co_await life.over();
        co_await until_no_children();
    }());
}

TEST_CASE("SP013 twenty runs at the same time keep their outputs apart", "[process]") {
    run_and_leave_nothing([]() -> coro<> {
        std::vector<coro<run_result>> all;
        for (int i = 0; i < 20; ++i) {
            run_options options;
            options.input = std::string(200'000, static_cast<char>('a' + i));
            all.push_back(run_process(std::vector<std::string>(1, "cat"), options));
        }
        const std::vector<run_result> done = co_await gather(std::move(all));
        for (std::size_t i = 0; i < done.size(); ++i) {
            CAPTURE(i);
            CHECK((done[i].output == std::string(200'000, static_cast<char>('a' + i))));
        }
    }());
}
