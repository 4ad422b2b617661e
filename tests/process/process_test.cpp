// SPDX-License-Identifier: BSL-1.0

#include <aioxx/process/process.hpp>

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/wait.h>

#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/process/create.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::has_no_children;
using support::open_descriptors;
using support::run_bounded;

namespace {

coro<process> shell(std::string command, process_options options = {}) {
    return create_subprocess_shell(std::move(command), std::move(options));
}

// Lets the loop run until every child has been waited for.
coro<> until_no_children() {
    siginfo_t info{};
    while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) co_await aioxx::sleep(1ms);
}

std::string text(const bytearray& bytes) { return std::string(bytes.str()); }

process_options without(bool in, bool out, bool err) {
    process_options options;
    if (in) options.in = stdio::devnull();
    if (out) options.out = stdio::devnull();
    if (err) options.err = stdio::devnull();
    return options;
}

}  // namespace

TEST_CASE("SP001 communicate sends data, none or an empty one, and gives both outputs", "[process][EV035]") {
    run_bounded([]() -> coro<> {
        for (const std::string data : {"", "x", "several\nlines\n"}) {
            const process child = co_await shell("cat; echo errors >&2");
            const process_output output = co_await child.communicate(data);
            CHECK(text(output.out) == data);
            CHECK(text(output.err) == "errors\n");
            CHECK(child.returncode() == 0);
        }
        const process child = co_await shell("cat");
        const process_output output = co_await child.communicate();
        CHECK(output.out.empty());
        CHECK(output.err.empty());
    }());
    CHECK(has_no_children());
}

TEST_CASE("SP001 communicate moves more than all pipes and buffers hold, in both directions", "[process]") {
    run_bounded([]() -> coro<> {
        std::string data;
        while (data.size() < 5'000'000) data += "0123456789abcdef";
        const process child = co_await shell("tee /dev/stderr");
        const process_output output = co_await child.communicate(data);
        CHECK(output.out == data);
        CHECK(output.err == data);
    }());
}

TEST_CASE("SP007 outputs that are no pipes stay empty, and standard error can join standard output",
          "[process][EV035]") {
    run_bounded([]() -> coro<> {
        const process quiet = co_await shell("echo out; echo err >&2", without(true, true, true));
        const process_output nothing = co_await quiet.communicate();
        CHECK(nothing.out.empty());
        CHECK(nothing.err.empty());

        process_options options;
        options.err = stdio::to_stdout();
        const process joined = co_await shell("echo out; echo err >&2", options);
        const process_output both = co_await joined.communicate();
        CHECK(text(both.out) == "out\nerr\n");
        CHECK(both.err.empty());
    }());
}

TEST_CASE("SP001 communicate without a pipe to the input", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("cat; echo done", without(true, false, false));
        const process_output output = co_await child.communicate();
        CHECK(text(output.out) == "done\n");
    }());
}

TEST_CASE("SP004 a process that does not read its input is no error to communicate", "[process]") {
    run_bounded([]() -> coro<> {
        for (const std::string command : {"exit 3", "exec 0<&-; echo out; exit 3", "head -c 10; exit 3"}) {
            const process child = co_await shell(command);
            static_cast<void>(co_await child.communicate(std::string(3'000'000, 'x')));
            CHECK(child.returncode() == 3);
        }
        // Nor is one that has ended before.
        const process ended = co_await shell("exit 3");
        static_cast<void>(co_await ended.wait());
        static_cast<void>(co_await ended.communicate(std::string(3'000'000, 'x')));
        CHECK(ended.returncode() == 3);
    }());
}

TEST_CASE("SP004 sending to a process that does not read throws broken_error", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("exit 0");
        static_cast<void>(co_await child.wait());
        bool broken = false;
        for (int i = 0; i < 100 && !broken; ++i) {
            try {
                co_await child.in().send(std::string(100'000, 'x'));
                co_await aioxx::sleep(1ms);
            } catch (const broken_error&) {
                broken = true;
            }
        }
        CHECK(broken);
    }());
}

TEST_CASE("communicate refuses more output than is allowed, one byte less is fine", "[process]") {
    run_bounded([]() -> coro<> {
        const process fits = co_await shell("printf 12345");
        const process_output output = co_await fits.communicate("", 5);
        CHECK(text(output.out) == "12345");
        for (const std::string command : {"printf 123456", "printf 123456 >&2"}) {
            const process child = co_await shell(command);
            std::optional<std::size_t> seen;
            try {
                static_cast<void>(co_await child.communicate("", 5));
            } catch (const limit_error& limit) {
                seen = limit.seen();
            }
            CHECK(seen == 6);
            static_cast<void>(co_await child.wait());
        }
        const process endless = co_await shell("exec yes");
        CHECK_THROWS_AS(co_await endless.communicate("", 100'000), limit_error);
        CHECK_FALSE(endless.returncode().has_value());
    }());
    CHECK(has_no_children());
}

TEST_CASE("a handle that goes after communicate has failed or was cancelled ends its process", "[process]") {
    run_bounded([]() -> coro<> {
        const std::size_t before = open_descriptors();
        {
            const process endless = co_await shell("exec yes");
            CHECK_THROWS_AS(co_await endless.communicate(std::string(3'000'000, 'x'), 1000), limit_error);
        }
        co_await until_no_children();
        {
            const process silent = co_await shell("exec sleep 1000");
            CHECK_THROWS_AS(co_await wait_for(silent.communicate(std::string(3'000'000, 'x')), 5ms), timeout_error);
            CHECK_FALSE(silent.returncode().has_value());
        }
        co_await until_no_children();
        CHECK(has_no_children());
        for (int i = 0; i < 10; ++i) co_await aioxx::sleep(0s);
        CHECK(open_descriptors() == before);
    }());
}

TEST_CASE("SP002 wait gives the exit status", "[process]") {
    run_bounded([]() -> coro<> {
        for (const int status : {0, 1, 42, 255}) {
            const process child = co_await shell("exit " + std::to_string(status));
            const int code = co_await child.wait();
            CHECK(code == status);
            CHECK(child.returncode() == status);
            const int again = co_await child.wait();
            CHECK(again == status);
        }
    }());
}

TEST_CASE("SP003 the return code of a signal is its negative number", "[process]") {
    run_bounded([]() -> coro<> {
        const process terminated = co_await shell("exec cat");
        terminated.terminate();
        const int by_terminate = co_await terminated.wait();
        CHECK(by_terminate == -SIGTERM);
        const process killed = co_await shell("exec cat");
        killed.kill();
        const int by_kill = co_await killed.wait();
        CHECK(by_kill == -SIGKILL);
        const process hung_up = co_await shell("exec cat");
        hung_up.send_signal(SIGHUP);
        const int by_signal = co_await hung_up.wait();
        CHECK(by_signal == -SIGHUP);
        CHECK_THROWS_AS(hung_up.send_signal(12345), std::invalid_argument);
        hung_up.kill();  // it has ended: nothing happens
        hung_up.kill_tree();
        CHECK(hung_up.returncode() == -SIGHUP);
    }());
}

TEST_CASE("SP013 ten tasks wait for one process", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("read line; exit 6");
        std::vector<task<int>> waiting;
        for (int i = 0; i < 10; ++i) waiting.push_back(create_task(child.wait()));
        co_await aioxx::sleep(0s);
        child.in().close();
        for (const task<int>& each : waiting) {
            const int code = co_await each;
            CHECK(code == 6);
        }
    }());
}

TEST_CASE("SP008 a cancelled wait does not touch the process, nor the other waiters", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("read line; exit 5");
        const task<int> patient = create_task(child.wait());
        const task<int> impatient = create_task(child.wait());
        co_await aioxx::sleep(0s);
        impatient.cancel();
        CHECK_THROWS_AS(co_await impatient, cancelled_error);
        CHECK_THROWS_AS(co_await wait_for(child.wait(), 1ms), timeout_error);
        CHECK_FALSE(child.returncode().has_value());
        child.in().close();
        const int code = co_await patient;
        CHECK(code == 5);
    }());
}

TEST_CASE("P1 SP016 wait returns although a grandchild holds the pipes", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("sleep 1000 & exit 4");
        const int code = co_await child.wait();
        CHECK(code == 4);
        child.kill_tree();
        const bytearray rest = co_await child.out().read();
        CHECK(rest.empty());
    }());
}

TEST_CASE("P8 SP003 kill_tree ends a shell with what it has started", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("sleep 1000 & sleep 1000 & echo started; wait");
        const bytearray started = co_await child.out().readline();
        CHECK(started == "started\n");
        child.kill_tree();
        const bytearray rest = co_await child.out().read();  // ends when the last one that holds it has
        CHECK(rest.empty());
        const int code = co_await child.wait();
        CHECK(code == -SIGKILL);
    }());
}

TEST_CASE("SP003 a shell that is killed returns although its children hold the pipe", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("sleep 1000 & echo started; wait");
        static_cast<void>(co_await child.out().readline());
        child.kill();
        const int code = co_await child.wait();
        CHECK(code == -SIGKILL);
        child.kill_tree();
    }());
}

TEST_CASE("communicate does not wait for a descendant that has the input and never reads", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("exec 3<&0; sleep 1000 <&3 3<&- >/dev/null 2>&1 & exit 2");
        static_cast<void>(co_await child.communicate(std::string(3'000'000, 'x')));
        CHECK(child.returncode() == 2);
        child.kill_tree();
    }());
}

TEST_CASE("P4 a closed input does not end the outputs", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("cat >/dev/null; echo input ended; read line <&2; exit 1");
        child.in().close();
        co_await child.in().wait_closed();
        const bytearray line = co_await child.out().readline();
        CHECK(line == "input ended\n");
        CHECK_FALSE(child.err().at_eof());
        CHECK_FALSE(child.returncode().has_value());
    }());
    CHECK(has_no_children());
}

TEST_CASE("SP011 the outputs are read after the process has ended", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("head -c 60000 /dev/zero; echo last >&2");
        static_cast<void>(co_await child.wait());
        std::size_t total = 0;
        for (;;) {
            const bytearray part = co_await child.out().read(1000);
            if (part.empty()) break;
            total += part.size();
            co_await aioxx::sleep(0s);
        }
        CHECK(total == 60000);
        const bytearray errors = co_await child.err().read();
        CHECK(errors == "last\n");
    }());
}

TEST_CASE("SP005 a process whose output nobody reads is held up, and goes on when it is read", "[process]") {
    run_bounded([]() -> coro<> {
        process_options options;
        options.pipe_size = 4096;
        std::string command = "head -c 3000000 /dev/zero; exit 7";
        const process child = co_await create_subprocess_shell(command, options, 1000);
        CHECK_THROWS_AS(co_await wait_for(child.wait(), 50ms), timeout_error);
        const bytearray all = co_await child.out().read();
        CHECK(all.size() == 3'000'000);
        const int code = co_await child.wait();
        CHECK(code == 7);
    }());
}

TEST_CASE("P6 the input of one process is not held by another one", "[process]") {
    run_bounded([]() -> coro<> {
        const process first = co_await shell("exec cat");
        const process second = co_await shell("exec cat");
        const process_output output = co_await first.communicate("x");
        CHECK(text(output.out) == "x");
        CHECK_FALSE(second.returncode().has_value());
    }());
}

TEST_CASE("SP018 two hundred quick processes leave neither zombies nor descriptors", "[process]") {
    run_bounded([]() -> coro<> {
        const std::size_t before = open_descriptors();
        for (int round = 0; round < 20; ++round) {
            std::vector<process> children;
            for (int i = 0; i < 10; ++i) {
                std::vector<std::string> arguments(1, "true");
                children.push_back(co_await create_subprocess_exec(std::move(arguments)));
            }
            for (const process& child : children) {
                const int code = co_await child.wait();
                CHECK(code == 0);
            }
        }
        CHECK(has_no_children());
        for (int i = 0; i < 10; ++i) co_await aioxx::sleep(0s);
        CHECK(open_descriptors() == before);
    }());
}

TEST_CASE("SP013 twenty processes communicate at the same time", "[process]") {
    run_bounded([]() -> coro<> {
        const auto one = [](int number) -> coro<bool> {
            const std::string data(100'000, static_cast<char>('a' + number));
            const process child = co_await shell("cat; exit " + std::to_string(number));
            const process_output output = co_await child.communicate(data);
            co_return output.out == data && child.returncode() == number;
        };
        std::vector<coro<bool>> all;
        for (int number = 0; number < 20; ++number) all.push_back(one(number));
        const std::vector<bool> right = co_await gather(std::move(all));
        CHECK(right == std::vector<bool>(20, true));
    }());
    CHECK(has_no_children());
}

TEST_CASE("P7 the last handle that goes ends a running process with its descendants", "[process]") {
    run_bounded([]() -> coro<> {
        const std::size_t before = open_descriptors();
        std::optional<process> child(co_await shell("sleep 1000 & exec sleep 1000"));
        std::optional<process> copy = child;
        const stream_reader output = child->out();
        child.reset();
        CHECK(::kill(copy->pid(), 0) == 0);
        CHECK_FALSE(copy->returncode().has_value());
        copy.reset();
        const bytearray rest = co_await output.read();  // the grandchild has ended, too
        CHECK(rest.empty());
        co_await until_no_children();
        CHECK(has_no_children());
        for (int i = 0; i < 10; ++i) co_await aioxx::sleep(0s);
        CHECK(open_descriptors() == before);
    }());
}

TEST_CASE("P7 who waits for a process keeps it", "[process]") {
    run_bounded([]() -> coro<> {
        std::optional<process> child(co_await shell("read line; exit 8"));
        const stream_writer input = child->in();
        const task<int> waiting = create_task(child->wait());
        child.reset();
        co_await aioxx::sleep(0s);
        CHECK_FALSE(waiting.done());
        input.close();
        const int code = co_await waiting;
        CHECK(code == 8);
    }());
}

TEST_CASE("P3 a process is killed and reaped after a timeout without a noise", "[process]") {
    run_bounded([]() -> coro<> {
        std::vector<std::string> reports;
        get_running_loop().set_exception_handler(
            [&reports](const exception_context& context) { reports.push_back(describe(context)); });
        {
            const process child = co_await shell("sleep 1000; echo never");
            CHECK_THROWS_AS(co_await wait_for(child.communicate("data"), 5ms), timeout_error);
            child.kill_tree();
            const int code = co_await child.wait();
            CHECK(code == -SIGKILL);
        }
        for (int i = 0; i < 10; ++i) co_await aioxx::sleep(0s);
        CHECK(reports.empty());
        CHECK(has_no_children());
        get_running_loop().set_exception_handler({});
    }());
}

TEST_CASE("P3 handles may outlive run", "[process]") {
    const std::size_t before = open_descriptors();
    std::optional<process> kept;
    run_bounded([](std::optional<process>& handle) -> coro<> {
        handle = co_await shell("exec sleep 1000");
    }(kept));
    CHECK(has_no_children());
    CHECK(kept->returncode() == -SIGKILL);
    kept->kill();
    kept->kill_tree();
    kept.reset();
    CHECK(open_descriptors() == before);
}

TEST_CASE("P3 a loop that is closed while tasks wait for a process leaves nothing", "[process]") {
    const std::size_t before = open_descriptors();
    {
        event_loop loop(std::make_unique<asio_backend>());
        const task<> waiting = create_task(loop, []() -> coro<> {
            const process child = co_await shell("exec sleep 1000");
            get_running_loop().stop();
            static_cast<void>(co_await child.communicate("data"));
        }());
        loop.run_forever();
        CHECK_FALSE(has_no_children());
        loop.close();
        CHECK(has_no_children());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("after communicate has failed nothing goes on in its name: the input stays as it is", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await shell("printf 0123456789; read go <&2; cat >/dev/null; exit 6", without(false, false, true));
        CHECK_THROWS_AS(co_await child.communicate(std::string(3'000'000, 'x'), 5), limit_error);
        for (int i = 0; i < 10; ++i) co_await aioxx::sleep(0s);
        const auto& tasks = get_running_loop().tasks();
        CHECK(tasks.next(*tasks.front()) == nullptr);  // this one
        CHECK_FALSE(child.in().is_closing());
        child.in().close();
        const int code = co_await child.wait();
        CHECK(code == 6);
    }());
}
