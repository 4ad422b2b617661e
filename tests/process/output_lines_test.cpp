// SPDX-License-Identifier: BSL-1.0

#include <aioxx/process/output_lines.hpp>

#include <string>
#include <utility>
#include <vector>

#include <aioxx/process/create.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/run_bounded.hpp"

using namespace aioxx;
using support::run_bounded;
using support::sh;

TEST_CASE("the lines of both outputs come with their origin, each output's in order", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await create_subprocess_exec(
            sh("for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done; printf unfinished"));
        std::vector<std::string> out;
        std::vector<std::string> err;
        auto lines = output_lines(child);
        for (;;) {
            const auto line = co_await lines.next();
            if (!line) break;
            (line->from == output_origin::out ? out : err).emplace_back(line->text.str());
        }
        CHECK(out == std::vector<std::string>{"out 1\n", "out 2\n", "out 3\n", "out 4\n", "out 5\n", "unfinished"});
        CHECK(err == std::vector<std::string>{"err 1\n", "err 2\n", "err 3\n", "err 4\n", "err 5\n"});
        const int code = co_await child.wait();
        CHECK(code == 0);
    }());
}

TEST_CASE("the lines of one output come while the other one stays silent", "[process]") {
    run_bounded([]() -> coro<> {
        const process child = co_await create_subprocess_exec(sh("echo ready >&2; read line; echo heard $line"));
        auto lines = output_lines(child);
        const auto first = co_await lines.next();
        CHECK(first->text == "ready\n");
        CHECK((first->from == output_origin::err));
        co_await child.in().send("it\n");
        const auto second = co_await lines.next();
        CHECK(second->text == "heard it\n");
        CHECK((second->from == output_origin::out));
        const auto end = co_await lines.next();
        CHECK_FALSE(end);
    }());
}

TEST_CASE("a process without pipes has no lines to give", "[process]") {
    run_bounded([]() -> coro<> {
        process_options options;
        options.out = options.err = stdio::devnull();
        const process child = co_await create_subprocess_exec(sh("cat"), options);
        CHECK_THROWS_AS(output_lines(child), invalid_state_error);
        child.in().close();
        co_await child.wait();
    }());
}
