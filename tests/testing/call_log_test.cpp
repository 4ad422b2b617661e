// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/call_log.hpp>

#include <string>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

struct noting : testing::call_log {
    using call_log::note;
    using call_log::note_once;
};

}  // namespace

TEST_CASE("calls are kept in order and counted by name", "[testing]") {
    noting log;
    log.note("a");
    log.note("a");
    log.note_once("b");
    log.note_once("b");
    log.note("a");
    log.note_once("b");
    CHECK(log.calls == std::vector<std::string>{"a", "a", "b", "a", "b"});
    CHECK(log.count("a") == 3);
    CHECK(log.count("c") == 0);
    CHECK(!log.lost());
    log.note("connection_lost");
    CHECK(log.lost());
}

TEST_CASE("a condition on the calls is waited for, and asked after each of them", "[testing]") {
    testing::test_loop().run([]() -> coro<> {
        noting log;
        int asked = 0;
        const task<> two = create_task(log.until([&] {
            ++asked;
            return log.count("a") == 2;
        }));
        const task<> end = create_task(log.until_lost());
        for (const char* call : {"a", "b"}) {
            co_await sleep(duration::zero());
            log.note(call);
        }
        co_await sleep(duration::zero());
        CHECK(!two.done());
        log.note("a");
        co_await two;
        CHECK(asked == 4);
        CHECK(!end.done());
        log.note_once("connection_lost");
        co_await end;
        co_await log.until_lost();
    }());
}
