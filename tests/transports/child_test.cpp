// SPDX-License-Identifier: BSL-1.0

#include <aioxx/transports/child.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/wait.h>

#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/transports/spawn.hpp>

#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::has_no_children;
using support::open_descriptors;
using support::read_to_end;
using support::sh;
using support::run_bounded;

namespace {

// A child that is watched, its pipes, and a future that is set at its end.
struct watched_child {
    std::shared_ptr<child> running;
    std::array<unique_fd, 3> pipes;
    future<> ended;
    std::shared_ptr<int> calls = std::make_shared<int>(0);
};

// Parameters: `zombie` the child has ended before it is watched.
watched_child watch(const std::string& command, bool zombie = false) {
    event_loop& loop = get_running_loop();
    spawned_process started = spawn(sh(command), {});
    if (zombie) {
        siginfo_t info{};
        REQUIRE(::waitid(P_PIDFD, static_cast<id_t>(started.pidfd.get()), &info, WEXITED | WNOWAIT) == 0);
    }
    watched_child made;
    made.running = std::make_shared<child>(loop, started.pid, std::move(started.pidfd));
    made.pipes = std::move(started.pipes);
    made.ended = create_future();
    made.running->start([ended = made.ended, calls = made.calls] {
        ++*calls;
        if (!ended.done()) ended.set_result();
    });
    return made;
}

coro<int> end_of(const watched_child& watched) {
    co_await wait_for(watched.ended, 20s);
    co_return watched.running->returncode().value();
}

}  // namespace

TEST_CASE("the return code is the exit status", "[transports]") {
    for (const int status : {0, 1, 77, 255}) {
        run_bounded([](int expected) -> coro<> {
            const watched_child watched = watch("exit " + std::to_string(expected));
            CHECK_FALSE(watched.running->returncode().has_value());
            const int code = co_await end_of(watched);
            CHECK(code == expected);
        }(status));
    }
    CHECK(has_no_children());
}

TEST_CASE("SP003 a signal that ends a child is its negative return code", "[transports]") {
    for (const int signal : {SIGKILL, SIGTERM, SIGHUP, SIGABRT}) {
        run_bounded([](int sent) -> coro<> {
            const watched_child watched = watch("exec cat");
            watched.running->send_signal(sent);
            const int code = co_await end_of(watched);
            CHECK(code == -sent);
        }(signal));
    }
    CHECK(has_no_children());
}

TEST_CASE("SP018 a child that ended before it is watched is seen, once", "[transports]") {
    run_bounded([]() -> coro<> {
        const watched_child watched = watch("exit 3", true);
        const int code = co_await end_of(watched);
        CHECK(code == 3);
        for (int i = 0; i < 10; ++i) co_await aioxx::sleep(0s);
        CHECK(*watched.calls == 1);
    }());
    CHECK(has_no_children());
}

TEST_CASE("SP018 children that end together are all seen", "[transports]") {
    run_bounded([]() -> coro<> {
        std::vector<watched_child> all;
        for (int i = 0; i < 20; ++i) all.push_back(watch("exit " + std::to_string(i), true));
        for (int i = 0; i < 20; ++i) {
            const int code = co_await end_of(all[static_cast<std::size_t>(i)]);
            CHECK(code == i);
            CHECK(*all[static_cast<std::size_t>(i)].calls == 1);
        }
    }());
    CHECK(has_no_children());
}

TEST_CASE("SP018 a child is watched by a loop of another thread", "[transports]") {
    int code = -1;
    std::thread([&code] {
        code = run_bounded([]() -> coro<int> {
            const watched_child watched = watch("exit 5");
            co_return co_await end_of(watched);
        }());
    }).join();
    CHECK(code == 5);
    CHECK(has_no_children());
}

TEST_CASE("a child that nobody holds is waited for all the same", "[transports]") {
    run_bounded([]() -> coro<> {
        watched_child watched = watch("cat");
        const future<> ended = watched.ended;
        const std::weak_ptr<child> observed = watched.running;
        watched.running.reset();
        CHECK_FALSE(observed.expired());
        watched.pipes[0].reset();
        co_await wait_for(ended, 20s);
        CHECK(observed.expired());
        CHECK(has_no_children());
    }());
}

TEST_CASE("the return code is known when the end is told, and the watch is over", "[transports]") {
    run_bounded([]() -> coro<> {
        const std::size_t before = open_descriptors();
        {
            spawned_process started = spawn(sh("exit 4"), {});
            started.pipes = {};
            const auto running = std::make_shared<child>(get_running_loop(), started.pid, std::move(started.pidfd));
            const future<> ended = create_future();
            std::optional<int> seen;
            running->start([&seen, ended, observed = running.get()] {
                seen = observed->returncode();
                ended.set_result();
            });
            co_await wait_for(ended, 20s);
            CHECK(seen == 4);
        }
        CHECK(open_descriptors() == before);
    }());
}

TEST_CASE("P5 a signal to a child that has ended does nothing", "[transports][SP015]") {
    run_bounded([]() -> coro<> {
        const watched_child watched = watch("exit 6", true);
        // A zombie still, whose end nobody has told: no error, and the right code (SP015).
        watched.running->send_signal(SIGKILL);
        watched.running->signal_group(SIGKILL);
        const int code = co_await end_of(watched);
        CHECK(code == 6);
        watched.running->send_signal(SIGKILL);
        watched.running->signal_group(SIGKILL);
        CHECK(watched.running->returncode() == 6);
    }());
}

TEST_CASE("a number that is no signal is refused and named, also when the child has ended", "[transports]") {
    run_bounded([]() -> coro<> {
        const watched_child watched = watch("cat >/dev/null");
        for (const int number : {0, -1, 65, 1000}) {
            CAPTURE(number);
            CHECK_THROWS_AS(watched.running->send_signal(number), std::invalid_argument);
            CHECK_THROWS_AS(watched.running->signal_group(number), std::invalid_argument);
        }
        std::string told;
        try {
            watched.running->send_signal(1000);
        } catch (const std::invalid_argument& refused) {
            told = refused.what();
        }
        CHECK(told.find("1000") != std::string::npos);
        watched.running->send_signal(SIGKILL);
        static_cast<void>(co_await end_of(watched));
        CHECK_THROWS_AS(watched.running->send_signal(0), std::invalid_argument);
    }());
}

TEST_CASE("P8 a signal to the group reaches what the child has started", "[transports]") {
    run_bounded([]() -> coro<> {
        // The grandchildren hold the output open as long as they live.
        const watched_child watched = watch("sleep 1000 & sleep 1000 & echo started; wait");
        char answer[8];
        pollfd state{watched.pipes[1].get(), POLLIN, 0};
        REQUIRE(::poll(&state, 1, 20'000) == 1);
        REQUIRE(::read(watched.pipes[1].get(), answer, sizeof answer) == 8);
        watched.running->signal_group(SIGTERM);
        CHECK(read_to_end(watched.pipes[1]).empty());
        const int code = co_await end_of(watched);
        CHECK(code == -SIGTERM);
    }());
}

TEST_CASE("P8 a signal to the group reaches the descendants that are left when the child has ended", "[transports]") {
    run_bounded([]() -> coro<> {
        const watched_child watched = watch("sleep 1000 & exit 0");
        const int code = co_await end_of(watched);
        CHECK(code == 0);
        pollfd state{watched.pipes[1].get(), POLLIN, 0};
        CHECK(::poll(&state, 1, 0) == 0);  // the grandchild lives
        watched.running->signal_group(SIGKILL);
        CHECK(read_to_end(watched.pipes[1]).empty());
        watched.running->signal_group(SIGKILL);
    }());
}

TEST_CASE("SP017 a child that somebody else has waited for has the code 255, and that is reported", "[transports]") {
    run_bounded([]() -> coro<> {
        std::vector<std::string> reports;
        get_running_loop().set_exception_handler(
            [&reports](const exception_context& context) { reports.push_back(describe(context)); });
        const watched_child watched = watch("exit 9");
        REQUIRE(::waitpid(watched.running->pid(), nullptr, 0) == watched.running->pid());
        const int code = co_await end_of(watched);
        CHECK(code == 255);
        REQUIRE(reports.size() == 1);
        CHECK(reports[0].find("child process " + std::to_string(watched.running->pid())) != std::string::npos);
        get_running_loop().set_exception_handler({});
    }());
}

TEST_CASE("P3 at the end of run the children that are left are killed and waited for", "[transports]") {
    watched_child watched;
    run_bounded([](watched_child& kept) -> coro<> {
        kept = watch("sleep 1000 & sleep 1000");
        co_return;
    }(watched));
    CHECK(has_no_children());
    CHECK(watched.running->returncode() == -SIGKILL);
    CHECK(read_to_end(watched.pipes[1]).empty());  // the grandchild as well
    watched.running->send_signal(SIGTERM);
    watched.running->signal_group(SIGTERM);
}

TEST_CASE("P3 a loop that is closed at once leaves neither a child nor a zombie nor memory", "[transports]") {
    std::weak_ptr<child> observed;
    std::weak_ptr<int> told;
    const std::size_t before = open_descriptors();
    unique_fd output;
    {
        event_loop loop(std::make_unique<asio_backend>());
        const detail::running_loop_scope scope(&loop);
        watched_child running = watch("sleep 1000");
        watched_child zombie = watch("exit 1", true);
        output = std::move(running.pipes[1]);
        observed = running.running;
        told = running.calls;
        running = watched_child();
        zombie = watched_child();
        CHECK_FALSE(observed.expired());
        loop.close();
        CHECK(has_no_children());
        CHECK(observed.expired());
        CHECK(told.expired());
    }
    CHECK(read_to_end(output).empty());
    output.reset();
    CHECK(open_descriptors() == before);
}

TEST_CASE("P5 a handle that outlives its loop knows that the child has ended", "[transports]") {
    std::shared_ptr<child> kept;
    {
        event_loop loop(std::make_unique<asio_backend>());
        const detail::running_loop_scope scope(&loop);
        kept = watch("sleep 1000").running;
        loop.close();
    }
    CHECK(kept->returncode() == -SIGKILL);
    kept->send_signal(SIGTERM);
    kept->signal_group(SIGTERM);
}

TEST_CASE("a child is described by its number", "[transports]") {
    run_bounded([]() -> coro<> {
        const watched_child watched = watch("exit 0");
        CHECK(watched.running->describe() == "child process " + std::to_string(watched.running->pid()));
        static_cast<void>(co_await end_of(watched));
    }());
}
