// SPDX-License-Identifier: BSL-1.0

#include <aioxx/process/create.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/run_bounded.hpp"
#include "support/temporary_directory.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::has_no_children;
using support::open_descriptors;
using support::sh;
using support::run_bounded;

namespace {

class silent_protocol : public subprocess_protocol {
public:
    subprocess_transport* made = nullptr;
    std::string output;
    future<> over = create_future();

    void connection_made(subprocess_transport& transport) override { made = &transport; }
    void pipe_data_received(int, bytes_view data) override { output += data.str(); }
    void connection_lost(std::exception_ptr) override {
        if (!over.done()) over.set_result();
    }
};

std::shared_ptr<silent_protocol> make_silent() { return std::make_shared<silent_protocol>(); }

coro<std::string> output_of(coro<process> creating) {
    const process child = co_await std::move(creating);
    const process_output collected = co_await child.communicate();
    co_return std::string(collected.out.str());
}

// Runs a coroutine and cancels it after a number of the loop's rounds. Returns: whether that was in time.
coro<bool> cancelled_after(coro<process> creating, int rounds) {
    task<process> running = create_task(std::move(creating));
    for (int round = 0; round < rounds; ++round) co_await aioxx::sleep(0s);
    running.cancel();
    bool cancelled = false;
    try {
        static_cast<void>(co_await running);
    } catch (const cancelled_error&) {
        cancelled = true;
    }
    co_return cancelled;
}

// Lets the loop run until every child has been waited for.
coro<> until_no_children() {
    siginfo_t info{};
    while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) co_await aioxx::sleep(1ms);
}

}  // namespace

TEST_CASE("EV033 a program is run with its arguments", "[process]") {
    run_bounded([]() -> coro<> {
        std::vector<std::string> arguments{"printf", "%s|", "a b", "", "$HOME"};
        const std::string output = co_await output_of(create_subprocess_exec(std::move(arguments)));
        CHECK(output == "a b||$HOME|");
    }());
    CHECK(has_no_children());
}

TEST_CASE("EV033 a command of the shell is run", "[process]") {
    run_bounded([]() -> coro<> {
        const std::string output = co_await output_of(create_subprocess_shell("echo $((1 + 2)) | cat"));
        CHECK(output == "3\n");
    }());
}

TEST_CASE("SP002 options hold for programs and for commands of the shell", "[process]") {
    const support::temporary_directory directory;
    const std::string path = std::filesystem::canonical(directory.path(".")).string();
    run_bounded([](std::string cwd) -> coro<> {
        process_options options;
        options.cwd = cwd;
        options.env.emplace();
        options.env->push_back("NAME=value");
        std::vector<std::string> arguments = sh("pwd; echo $NAME $HOME");
        const std::string of_exec = co_await output_of(create_subprocess_exec(std::move(arguments), options));
        CHECK(of_exec == cwd + "\nvalue\n");
        const std::string of_shell = co_await output_of(create_subprocess_shell("pwd; echo $NAME $HOME", options));
        CHECK(of_shell == cwd + "\nvalue\n");
    }(path));
}

TEST_CASE("all three are pipes by default, with streams", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await create_subprocess_shell("cat; cat <&0 >&2");
        CHECK(child.pid() > 0);
        CHECK_FALSE(child.returncode().has_value());
        co_await child.in().send("text");
        const bytearray echoed = co_await child.out().readexactly(4);
        CHECK(echoed == "text");
        child.in().close();
        const bytearray errors = co_await child.err().read();
        CHECK(errors.empty());
        const int code = co_await child.wait();
        CHECK(code == 0);
    }());
}

TEST_CASE("SP007 without a pipe there is no stream", "[process]") {
    run_bounded([]() -> coro<> {
        process_options options;
        options.in = options.out = options.err = stdio::devnull();
        const process child = co_await create_subprocess_shell("cat; exit 2", options);
        CHECK_THROWS_AS(child.in(), invalid_state_error);
        CHECK_THROWS_AS(child.out(), invalid_state_error);
        CHECK_THROWS_AS(child.err(), invalid_state_error);
        const int code = co_await child.wait();
        CHECK(code == 2);
    }());
}

TEST_CASE("the limit is that of the readers", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await create_subprocess_shell("echo 12345678901234567890; echo short", {}, 10);
        CHECK_THROWS_AS(co_await child.out().readline(), limit_error);
        const bytearray line = co_await child.out().readline();
        CHECK(line == "short\n");
        static_cast<void>(co_await child.wait());
    }());
}

TEST_CASE("SP010 a program that cannot be started leaves nothing open", "[process]") {
    run_bounded([]() -> coro<> {
        const std::size_t before = open_descriptors();
        process_options options;
        for (const stdio in : {stdio::pipe(), stdio::devnull()}) {
            options.in = in;
            std::string told;
            std::vector<std::string> arguments(1, "/no/such/program");
            try {
                static_cast<void>(co_await create_subprocess_exec(arguments, options));
            } catch (const broken_error& broken) {
                told = broken.what();
            }
            CHECK(told.find("/no/such/program") != std::string::npos);
            CHECK_THROWS_AS(co_await subprocess_exec(make_silent, arguments, options), broken_error);
            CHECK(open_descriptors() == before);
            CHECK(has_no_children());
        }
        CHECK_THROWS_AS(co_await create_subprocess_exec(std::vector<std::string>()), std::invalid_argument);
    }());
}

TEST_CASE("P2 SP008 a creation that is cancelled, at any of its steps, kills and reaps the child", "[process]") {
    int cancelled = 0;
    int created = 0;
    run_bounded([](int& in_time, int& too_late) -> coro<> {
        const std::size_t before = open_descriptors();
        for (int rounds = 0; rounds < 12; ++rounds) {
            CAPTURE(rounds);
            const bool done = co_await cancelled_after(create_subprocess_shell("exec sleep 1000"), rounds);
            ++(done ? in_time : too_late);
            co_await until_no_children();
            CHECK(has_no_children());
            for (int i = 0; i < 5; ++i) co_await aioxx::sleep(0s);
            CHECK(open_descriptors() == before);
        }
    }(cancelled, created));
    CHECK(cancelled >= 3);  // before the start, and at the pipes
    CHECK(created >= 1);    // the handle is dropped then, which kills as well
}

TEST_CASE("P2 SP008 a protocol's creation that is cancelled kills and reaps the child", "[process]") {
    run_bounded([]() -> coro<> {
        const std::size_t before = open_descriptors();
        for (int rounds = 0; rounds < 3; ++rounds) {
            auto running = create_task(subprocess_shell(make_silent, "exec sleep 1000"));
            for (int round = 0; round < rounds; ++round) co_await aioxx::sleep(0s);
            if (!running.cancel()) {
                const auto made = running.result();
                made.transport->close();
            }
            try {
                static_cast<void>(co_await running);
            } catch (const cancelled_error&) {
            }
            co_await until_no_children();
            for (int i = 0; i < 5; ++i) co_await aioxx::sleep(0s);
            CHECK(open_descriptors() == before);
        }
    }());
    CHECK(has_no_children());
}

TEST_CASE("a protocol of the factory is joined to a process", "[process]") {
    run_bounded([]() -> coro<> {
        std::vector<std::string> arguments = sh("cat; exit 3");
        auto made = co_await subprocess_exec(make_silent, std::move(arguments));
        static_assert(std::is_same_v<decltype(made.protocol), std::shared_ptr<silent_protocol>>);
        CHECK(made.protocol->made == made.transport.get());
        CHECK(made.transport->get_protocol() == made.protocol);
        made.transport->get_pipe_transport(0)->write("through");
        made.transport->get_pipe_transport(0)->write_eof();
        co_await wait_for(made.protocol->over, 20s);
        CHECK(made.protocol->output == "through");
        CHECK(made.transport->get_returncode() == 3);
    }());
}

TEST_CASE("a command of the shell can have a protocol", "[process]") {
    run_bounded([]() -> coro<> {
        auto made = co_await subprocess_shell(make_silent, "echo one; echo two >&2");
        co_await wait_for(made.protocol->over, 20s);
        CHECK(made.protocol->output.size() == 8);
    }());
}

TEST_CASE("what a factory throws starts nothing", "[process]") {
    run_bounded([]() -> coro<> {
        const auto failing = []() -> std::shared_ptr<silent_protocol> { throw std::runtime_error("no protocol"); };
        CHECK_THROWS_AS(co_await subprocess_shell(failing, "exec sleep 1000"), std::runtime_error);
        CHECK(has_no_children());
    }());
}

TEST_CASE("P3 a process with a protocol that is left running ends with run", "[process]") {
    std::shared_ptr<subprocess_transport> kept;
    run_bounded([](std::shared_ptr<subprocess_transport>& transport) -> coro<> {
        auto made = co_await subprocess_shell(make_silent, "exec sleep 1000");
        transport = made.transport;
    }(kept));
    CHECK(has_no_children());
    CHECK(kept->get_returncode() == -SIGKILL);
}

TEST_CASE("SP013 processes are created at the same time", "[process]") {
    run_bounded([]() -> coro<> {
        std::vector<coro<std::string>> all;
        for (int i = 0; i < 10; ++i) all.push_back(output_of(create_subprocess_shell("echo " + std::to_string(i))));
        const std::vector<std::string> outputs = co_await gather(std::move(all));
        for (int i = 0; i < 10; ++i) CHECK(outputs[static_cast<std::size_t>(i)] == std::to_string(i) + "\n");
    }());
    CHECK(has_no_children());
}

TEST_CASE("EV025 a conversation with a program on a terminal", "[process][EV025]") {
    run_bounded([]() -> coro<> {
        process_options options;
        options.in = options.out = options.err = stdio::terminal();
        const process child = co_await create_subprocess_exec(sh("trap 'stty size' WINCH; echo ready; while read line; do echo \"<$line>\"; done"), options);
        const bytearray ready = co_await child.out().readline();
        CHECK(ready == "ready\r\n");
        co_await child.in().send("typed\n");
        const bytearray echoed = co_await child.out().readline();  // by the terminal itself
        CHECK(echoed == "typed\r\n");
        const bytearray answer = co_await child.out().readline();
        CHECK(answer == "<typed>\r\n");
        child.set_terminal_size({100, 50});
        co_await child.in().send("more\n");
        const bytearray until = co_await child.out().readuntil("50 100\r\n");
        co_await child.in().send("\x04");  // the end of the input, as a person types it
        const bytearray rest = co_await child.out().read();
        const int code = co_await child.wait();
        CHECK(code == 0);
    }());
}
