// SPDX-License-Identifier: BSL-1.0

#include <aioxx/core/context_var.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

context_var<std::string> name("name", "nobody");
context_var<int> level("level");

coro<> set_name(std::string value, std::string& seen) {
    name.set(std::move(value));
    co_await sleep(1s);
    seen = name.get();
}

}  // namespace

TEST_CASE("a context variable without a value gives its initial one, or an error that names it", "[core]") {
    CHECK(name.get() == "nobody");
    CHECK(level.get(3) == 3);
    std::string what;
    try {
        static_cast<void>(level.get());
    } catch (const invalid_state_error& caught) {
        what = caught.what();
    }
    CHECK(what.find("\"level\"") != std::string::npos);
}

TEST_CASE("a token takes a context variable back to what it was", "[core]") {
    auto first = level.set(1);
    auto second = level.set(2);
    CHECK(level.get() == 2);
    level.reset(std::move(second));
    CHECK(level.get() == 1);
    level.reset(std::move(first));
    CHECK(level.get(0) == 0);
    {
        const context_var<int>::scope inside(level, 7);
        CHECK(level.get() == 7);
    }
    CHECK(copy_context().empty());
}

TEST_CASE("each task sees its own values, and those that were set before it was started", "[core][TK035]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        name.set("main");
        std::string one;
        std::string two;
        std::string inherited;
        const auto first = create_task(set_name("one", one));
        const auto second = create_task(set_name("two", two));
        const auto third = create_task([](std::string& seen) -> coro<> {
            co_await sleep(2s);
            const auto nested = create_task([](std::string& deeper) -> coro<> {
                deeper = name.get();
                co_return;
            }(seen));
            co_await nested;
        }(inherited));
        name.set("changed later");
        co_await first;
        co_await second;
        co_await third;
        CHECK(one == "one");
        CHECK(two == "two");
        CHECK(inherited == "main");
        CHECK(name.get() == "changed later");
    }());
    CHECK(name.get() == "nobody");
}

TEST_CASE("an explicit context is given to a task", "[core][TK035]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        context other;
        run_in_context(other, [] { name.set("other"); });
        CHECK(name.get() == "nobody");
        std::string seen;
        co_await create_task(
            [](std::string& result) -> coro<> {
                result = name.get();
                co_return;
            }(seen),
            {.values = &other});
        CHECK(seen == "other");
    }());
}

TEST_CASE("a callback sees the values at the time when it was scheduled, and keeps what it sets to itself",
          "[core][TK035][FU014]") {
    testing::test_loop loop;
    std::vector<std::string> seen;
    loop.run([](testing::test_loop& on, std::vector<std::string>& log) -> coro<> {
        name.set("then");
        on.loop().call_soon([&log] {
            log.push_back(name.get());
            name.set("in the callback");
        });
        on.loop().call_later(1s, [&log] { log.push_back(name.get()); });
        future<> done(on.loop());
        done.add_done_callback([&log] { log.push_back("done " + name.get()); });
        name.set("now");
        done.set_result();
        co_await sleep(2s);
        CHECK(name.get() == "now");
    }(loop, seen));
    CHECK(seen == std::vector<std::string>{"then", "done then", "then"});
}

TEST_CASE("the values of an eager task do not become those of its creator", "[core][TK039]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        name.set("creator");
        std::string seen;
        const auto eager = create_task(set_name("eager", seen), {.eager_start = true});
        CHECK(name.get() == "creator");
        co_await eager;
        CHECK(seen == "eager");
        CHECK(name.get() == "creator");
    }());
}

TEST_CASE("the runs of a runner share their context variables", "[core][RN004]") {
    runner runs;
    runs.run([]() -> coro<> {
        name.set("first run");
        co_return;
    }());
    runs.run([]() -> coro<> {
        CHECK(name.get() == "first run");
        co_return;
    }());
    context other;
    runs.run(
        []() -> coro<> {
            CHECK(name.get() == "nobody");
            name.set("kept in the given one");
            co_return;
        }(),
        other);
    run_in_context(other, [] { CHECK(name.get() == "kept in the given one"); });
    CHECK(name.get() == "nobody");
}
