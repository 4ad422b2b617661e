// SPDX-License-Identifier: BSL-1.0

#include <aioxx/tasks/task_tree.hpp>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include <aioxx/sync/event.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/task_group.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace std::chrono_literals;

namespace {

coro<> leaf() { co_await sleep(1h); }
coro<> middle() { co_await leaf(); }
coro<> wait_for_event(event& waited) { co_await waited.wait(); }
coro<> wait_for_task(task<> awaited) { co_await awaited; }

const task_snapshot& named(const std::vector<task_snapshot>& all, const std::string& name) {
    for (const task_snapshot& each : all) {
        if (each.name == name) return each;
    }
    throw std::runtime_error("no task " + name);
}

}  // namespace

TEST_CASE("a snapshot says what each task waits for, where, and who started it", "[tasks][MI006]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        event never;
        loop_monitor monitor(get_running_loop());
        auto deep = create_task(middle(), "deep");
        auto waiting = create_task(wait_for_event(never), "waiting");
        auto joining = create_task(wait_for_task(deep), "joining");
        co_await sleep(90s);
        waiting.cancel();
        const auto all = capture_tasks(get_running_loop(), &monitor);
        REQUIRE(all.size() == 4);

        CHECK(all[0].state == "running");
        CHECK(all[0].parent == 0);
        CHECK(all[0].stack.empty());

        CHECK(named(all, "deep").waits_for == "sleep");
        CHECK(named(all, "deep").parent == all[0].number);
        CHECK(named(all, "deep").age == 90s);
        REQUIRE(named(all, "deep").stack.size() == 2);
        CHECK(function_name(named(all, "deep").stack[0]).find("leaf") != std::string_view::npos);
        CHECK(function_name(named(all, "deep").stack[1]).find("middle") != std::string_view::npos);

        CHECK(named(all, "waiting").state == "scheduled");  // woken by its cancellation
        CHECK(named(all, "waiting").cancelling == 1);
        CHECK(named(all, "joining").state == "waits for task");
        CHECK(named(all, "joining").awaited == std::vector<std::uint64_t>{named(all, "deep").number});
        deep.cancel();
        try {
            co_await joining;
        } catch (const cancelled_error&) {
        }
    }());
}

TEST_CASE("the tree shows tasks below those that started them, also when they have ended", "[tasks][MI006]") {
    testing::test_loop loop;
    loop.run([]() -> coro<> {
        co_await with_task_group([](task_group& group) -> coro<> {
            group.create_task(leaf(), "child");
            group.create_task(
                [](task_group& same) -> coro<> {
                    same.create_task(leaf(), "grandchild");
                    co_return;
                }(group),
                "ends");
            co_await sleep(1s);
            const std::string text = format_task_tree(capture_tasks(get_running_loop()));
            CHECK(text.find("Task-1: running [#1]\n") == 0);
            CHECK(text.find("\n  child: waits for sleep [#2]\n      at task_tree_test.cpp:") != std::string::npos);
            CHECK(text.find("\ngrandchild: waits for sleep") != std::string::npos);
            CHECK(text.find("in leaf\n") != std::string::npos);
            CHECK(text.find("ends") == std::string::npos);
            group.cancel();
        });
    }());
}

TEST_CASE("the JSON form escapes what has to be", "[tasks]") {
    task_snapshot odd;
    odd.number = 3;
    odd.name = "a\"b\\c\n";
    odd.state = "running";
    odd.age = 1500ms;
    CHECK(to_json({odd}) ==
          R"([{"number":3,"parent":0,"name":"a\"b\\c\u000a","state":"running","waits_for":"","awaited":[],"stack":[],)"
          R"("cancelling":0,"cancellation_pending":false,"age":1.500000}])");
    CHECK(to_json({}) == "[]");
}

TEST_CASE("a signal hands out the tree and the program goes on", "[tasks]") {
    testing::test_loop loop;
    std::vector<std::string> written;
    dump_task_tree_on_signal(loop.loop(), SIGUSR1, [&written](const std::string& tree) { written.push_back(tree); });
    loop.run([](testing::test_loop& on) -> coro<> {
        on.raise_signal(SIGUSR1);
        co_await sleep(1s);
    }(loop));
    REQUIRE(written.size() == 1);
    CHECK(written[0].find("Task-1: waits for sleep [#1]\n    at task_tree_test.cpp:") == 0);
    CHECK(loop.loop().remove_signal_handler(SIGUSR1));
}
