// SPDX-License-Identifier: BSL-1.0
// tests/tasks/eager_tasks_test.cpp: tasks that run inside of create_task until they first suspend, alone and in groups.

#include <aioxx/core/task.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/error_group.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/task_group.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<int> at_once(int value) { co_return value; }
coro<int> after_a_while(int value) {
    co_await sleep(1s);
    co_return value;
}
coro<> fails_at_once() {
    throw std::runtime_error("at once");
    co_return;
}
coro<> long_pause() { co_await sleep(1h); }

constexpr task_options eagerly{.name = {}, .eager_start = true};

}  // namespace

TEST_CASE("an eager task that does not suspend is done when create_task returns", "[tasks][TK039]") {
    testing::test_loop loop;
    loop.run([](testing::test_loop& on) -> coro<> {
        const auto done = create_task(at_once(5), eagerly);
        CHECK(done.done());
        CHECK(done.result() == 5);
        CHECK(on.loop().tasks().size() == 1);  // this one

        const auto failed = create_task(fails_at_once(), eagerly);
        CHECK(failed.done());
        CHECK(failed.exception() != nullptr);

        auto waits = create_task(after_a_while(6), {.name = "named", .eager_start = true});
        CHECK(!waits.done());
        CHECK(waits.name() == "named");
        CHECK(waits.shared_state()->waits_for() == std::string("sleep"));
        CHECK(on.loop().tasks().size() == 2);
        const int value = co_await waits;
        CHECK(value == 6);
        co_return;
    }(loop));
}

TEST_CASE("inside of an eager task it is the current one, afterwards its creator is again", "[tasks][TK039][TK040]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        task_base* const creator = current_task();
        creator->cancel();  // a request that is pending for the creator is not delivered to the child
        std::vector<task_base*> seen;
        auto child = create_task(
            [](std::vector<task_base*>& log) -> coro<> {
                log.push_back(current_task());
                auto grandchild = create_task(
                    [](std::vector<task_base*>& deeper) -> coro<> {
                        deeper.push_back(current_task());
                        co_return;
                    }(log),
                    eagerly);
                log.push_back(current_task());
                co_await sleep(0s);
                log.push_back(current_task());
            }(seen),
            eagerly);
        CHECK(current_task() == creator);
        CHECK(creator->cancelling() == 1);
        creator->uncancel();
        co_await child;
        REQUIRE(seen.size() == 4);
        CHECK(seen[0] == seen[2]);
        CHECK(seen[0] == seen[3]);
        CHECK(seen[1] != seen[0]);
        CHECK(seen[0] != creator);
    }());
}

TEST_CASE("an eager task that gives way lets its creator go on, also when nothing else is ready", "[tasks][TK039]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        std::vector<std::string> order;
        auto child = create_task(
            [](std::vector<std::string>& log) -> coro<> {
                log.push_back("child 1");
                co_await sleep(0s);
                log.push_back("child 2");
            }(order),
            eagerly);
        order.push_back("creator");
        co_await child;
        CHECK(order == std::vector<std::string>{"child 1", "creator", "child 2"});
    }());
}

TEST_CASE("an eager task is cancelled at its next suspension like any other", "[tasks][TK039]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        auto waits = create_task(after_a_while(1), eagerly);
        CHECK(waits.cancel());
        std::string ended = "with a value";
        try {
            co_await waits;
        } catch (const cancelled_error&) {
            ended = "cancelled";
        }
        CHECK(ended == "cancelled");
        const auto done = create_task(at_once(1), eagerly);
        CHECK(!done.cancel());
    }());
}

TEST_CASE("eager tasks may start eager tasks a thousand deep", "[tasks][TK039]") {
    struct nested {
        static coro<int> level(int depth) {
            if (depth == 0) co_return 0;
            const auto below = create_task(level(depth - 1), eagerly);
            co_return below.result() + 1;
        }
    };
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        const auto top = create_task(nested::level(1000), eagerly);
        CHECK(top.result() == 1000);
        co_return;
    }());
}

TEST_CASE("without a running loop an eager task starts like any other", "[tasks][TK039]") {
    testing::test_loop loop;
    const auto waits = create_task(loop.loop(), at_once(3), eagerly);
    CHECK(!waits.done());
    loop.settle();
    CHECK(waits.result() == 3);
}

TEST_CASE("a task factory sees the options of each task and may change them", "[tasks][BE024][BE026]") {
    testing::test_loop loop;
    std::vector<std::string> names;
    loop.loop().set_task_factory([&names](task_options& options) {
        names.emplace_back(options.name);
        if (options.name.empty()) options.name = "made by the factory";
    });
    loop.run([](testing::test_loop& on) -> coro<> {
        CHECK(current_task()->name() == "made by the factory");
        auto child = create_task(at_once(1), "child");
        CHECK(child.name() == "child");
        co_await child;
        on.loop().set_task_factory(eager_task_factory);
        CHECK(create_task(at_once(1)).done());
        on.loop().set_task_factory({});
        auto lazy = create_task(at_once(1));
        CHECK(!lazy.done());
        co_await lazy;
    }(loop));
    CHECK(names == std::vector<std::string>{"", "child"});
}

TEST_CASE("a task factory that throws leaves no task and no coroutine behind", "[tasks][K6]") {
    testing::test_loop loop;
    loop.run([](testing::test_loop& on) -> coro<> {
        on.loop().set_debug(true);
        on.loop().set_task_factory([](task_options&) { throw std::runtime_error("no tasks today"); });
        CHECK_THROWS_AS(create_task(at_once(1)), std::runtime_error);
        on.loop().set_task_factory({});
        CHECK(on.loop().tasks().size() == 1);
        co_return;
    }(loop));
}

TEST_CASE("gather of tasks that are all done at once does not wait", "[tasks][TK033]") {
    testing::test_loop loop;
    loop.loop().set_task_factory(eager_task_factory);
    loop.run([]() -> coro<> {
        const auto [one, two] = co_await gather(at_once(1), at_once(2));
        CHECK(one + two == 3);
    }());
}

TEST_CASE("a group takes eager tasks that are done at once, with a value or an error", "[tasks][TG027][K3]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        int value = 0;
        co_await with_task_group([&value](task_group& group) -> coro<> {
            auto done = group.create_task(at_once(4), eagerly);
            value = done.result();
            co_return;
        });
        CHECK(value == 4);

        bool sibling_cancelled = false;
        std::string errors;
        try {
            co_await with_task_group([&](task_group& group) -> coro<> {
                group.create_task([](bool& cancelled) -> coro<> {
                    try {
                        co_await sleep(1h);
                    } catch (const cancelled_error&) {
                        cancelled = true;
                        throw;
                    }
                }(sibling_cancelled), eagerly);
                group.create_task(fails_at_once(), eagerly);
                co_await long_pause();
            });
        } catch (const error_group& group) {
            errors = group.what();
        }
        CHECK(sibling_cancelled);
        CHECK(errors.find("at once") != std::string::npos);
        CHECK(current_task()->cancelling() == 0);
        co_await sleep(1s);
    }());
    CHECK(loop.elapsed() == 1s);
}

TEST_CASE("an eager task that cancels its group while it starts is cancelled too", "[tasks][TG027][K4]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        bool cancelled = false;
        co_await with_task_group([&cancelled](task_group& group) -> coro<> {
            group.create_task([](task_group& own, bool& seen) -> coro<> {
                own.cancel();
                try {
                    co_await sleep(1h);
                } catch (const cancelled_error&) {
                    seen = true;
                    throw;
                }
            }(group, cancelled), eagerly);
            co_await long_pause();
        });
        CHECK(cancelled);
    }());
    CHECK(loop.elapsed() == 0s);
}

TEST_CASE("run leaves nothing hanging when the main task fails in its first step", "[tasks][K6]") {
    CHECK_THROWS_AS(run(fails_at_once()), std::runtime_error);
}
