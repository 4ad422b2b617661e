// SPDX-License-Identifier: BSL-1.0
#include <aioxx/core/fork_stage.hpp>

#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/process/run_process.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

// Runs a function in a forked process. Returns: its pid; it exits with 0 when the function gave true.
template <class Function>
pid_t in_child(Function function) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    bool good = false;
    try {
        good = function();
    } catch (const std::exception&) {
    }
    ::_exit(good ? 0 : 1);
}
bool succeeds(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    return status == 0;
}

// Parameters: `after_sending` is called after each signal, before the loop can hear of it.
coro<bool> hears_its_signals(std::function<void()> after_sending) {
    int heard = 0;
    get_running_loop().add_signal_handler(SIGUSR1, [&] { ++heard; });
    for (int sent = 1; sent <= 5; ++sent) {
        ::kill(::getpid(), SIGUSR1);
        after_sending();
        for (int turn = 0; turn < 500 && heard != sent; ++turn) co_await sleep(1ms);
        if (heard != sent) co_return false;
    }
    co_return true;
}

coro<bool> runs_a_process() {
    std::vector<std::string> command{"echo", "hello"};
    const run_result result = co_await run_process(std::move(command));
    co_return result.output == "hello\n";
}

}  // namespace

TEST_CASE("a child that is forked from a loop has none, and may run loops of its own", "[core][MI003]") {
    run([]() -> coro<> {
        CHECK(succeeds(in_child([] {
            try {
                static_cast<void>(get_running_loop());
                return false;
            } catch (const invalid_state_error&) {
                return true;
            }
        })));
        CHECK(succeeds(in_child([] { return run(runs_a_process()); })));
        co_await sleep(1ms);  // this one goes on
    }());
}

TEST_CASE("the signals of a forked child are its own", "[core][MI003]") {
    run([]() -> coro<> {
        int heard_here = 0;
        get_running_loop().add_signal_handler(SIGUSR1, [&] { ++heard_here; });
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        unique_fd ours(ends[0]);
        unique_fd childs(ends[1]);
        // The child tells of each signal and waits for the answer: the parent's loop, which has waited for both, would
        // have taken the signal by then.
        const pid_t child = in_child([&] {
            ours.reset();
            const auto ask_parent = [&] {
                char byte = '?';
                if (::write(childs.get(), &byte, 1) != 1 || ::read(childs.get(), &byte, 1) != 1) ::_exit(2);
            };
            return run(hears_its_signals(ask_parent));
        });
        childs.reset();
        const stream parent = co_await open_socket(std::move(ours));
        for (int answered = 0; answered < 5; ++answered) {
            co_await parent.reader.readexactly(1);
            co_await sleep(0s);
            co_await parent.writer.send("!");
        }
        co_await parent.reader.read();  // the child has ended
        CHECK(succeeds(child));
        CHECK(heard_here == 0);
        ::kill(::getpid(), SIGUSR1);
        while (heard_here == 0) co_await sleep(1ms);
        CHECK(heard_here == 1);
    }());
}

TEST_CASE("a fork outside of a loop leaves the loops alone", "[core]") {
    event_loop loop(std::make_unique<asio_backend>());
    CHECK(succeeds(in_child([] { return run(hears_its_signals([] {})); })));
    bool ran = false;
    loop.call_soon([&] {
        ran = true;
        loop.stop();
    });
    loop.run_forever();
    CHECK(ran);
}
