// SPDX-License-Identifier: BSL-1.0

#include <aioxx/net/fd_wait.hpp>

#include <string>

#include <fcntl.h>
#include <unistd.h>

#include <aioxx/base/unique_fd.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "support/catch.hpp"
#include "support/run_bounded.hpp"
#include "support/was_cancelled.hpp"

using namespace aioxx;
using namespace std::chrono_literals;
using support::run_bounded;

namespace {

struct pipe_ends {
    pipe_ends() {
        int ends[2];
        REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
    unique_fd read, write;
};

coro<> until_readable(int fd, std::string& story) {
    co_await wait_fd(fd, readiness::readable);
    story += "readable ";
}

}  // namespace

TEST_CASE("wait_fd returns when the descriptor may be read or written", "[net]") {
    run_bounded([]() -> coro<> {
        const pipe_ends pipe;
        std::string story;
        co_await wait_fd(pipe.write.get(), readiness::writable);
        story += "writable ";
        task<> waiting = create_task(until_readable(pipe.read.get(), story));
        for (int i = 0; i < 3; ++i) co_await sleep(0s);
        story += "written ";
        CHECK(::write(pipe.write.get(), "x", 1) == 1);
        co_await waiting;
        CHECK(story == "writable written readable ");
    }());
}

TEST_CASE("a wait that is cancelled lets another one watch the same descriptor", "[net][EV026]") {
    run_bounded([]() -> coro<> {
        const pipe_ends pipe;
        std::string story;
        for (const bool ready_meanwhile : {false, true}) {
            task<> waiting = create_task(until_readable(pipe.read.get(), story));
            co_await sleep(0s);
            if (ready_meanwhile) CHECK(::write(pipe.write.get(), "x", 1) == 1);
            waiting.cancel();
            const bool cancelled = co_await support::was_cancelled(waiting);
            CHECK(cancelled);
        }
        CHECK(story.empty());
        co_await until_readable(pipe.read.get(), story);
        CHECK(story == "readable ");
    }());
}

TEST_CASE("a number that is no descriptor cannot be waited for", "[net]") {
    run_bounded([]() -> coro<> {
        bool refused = false;
        try {
            co_await wait_fd(-1, readiness::readable);
        } catch (const broken_error&) {
            refused = true;
        }
        CHECK(refused);
    }());
}
