// SPDX-License-Identifier: BSL-1.0

#include <aioxx/testing/fault_plan.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <aioxx/sync/queue.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace aioxx::testing;
using namespace std::chrono_literals;

namespace {

coro<> three_pauses(int& done) {
    for (int round = 0; round < 3; ++round) {
        co_await sleep(1s);
        ++done;
    }
}

// Takes an item and puts it down before a suspension: loses it when it is cancelled there.
coro<> careless(queue<int>& from, std::vector<int>& to) {
    const int item = co_await from.get();
    co_await sleep(1s);
    to.push_back(item);
}

}  // namespace

TEST_CASE("every suspension is visited once", "[testing]") {
    std::vector<int> reached;
    const std::size_t points = fault_plan::visit(fault::cancel_at_suspension, [&reached](fault_plan& plan) {
        test_loop loop;
        int done = 0;
        plan.run(loop, three_pauses(done));
        reached.push_back(done);
    });
    CHECK(points == 3);
    CHECK(reached == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("a task that was woken is cancelled before it resumes", "[testing]") {
    std::vector<std::size_t> left;
    const std::size_t points = fault_plan::visit(fault::cancel_after_wake_up, [&left](fault_plan& plan) {
        test_loop loop;
        queue<int> items;
        std::vector<int> taken;
        loop.loop().call_later(1s, [&items] { items.put_nowait(1); });
        plan.run(loop, [](queue<int>& from, std::vector<int>& to) -> coro<> {
            to.push_back(co_await from.get());
        }(items, taken));
        left.push_back(items.qsize() + taken.size());
    });
    CHECK(points == 1);
    CHECK(left == std::vector<std::size_t>{1, 1});  // the item is there or was taken
}

TEST_CASE("a body that loses something says at which point", "[testing]") {
    std::string what;
    try {
        fault_plan::visit(fault::cancel_at_suspension, [](fault_plan& plan) {
            test_loop loop;
            queue<int> items;
            items.put_nowait(7);
            std::vector<int> taken;
            plan.run(loop, careless(items, taken));
            if (items.qsize() + taken.size() != 1) throw std::logic_error("an item was lost");
        });
    } catch (const fault_failed& failure) {
        what = failure.what();
    }
    CHECK(what.find("with a fault at point 0 (Task-1 at fault_plan_test.cpp:") == 0);
    CHECK(what.find("careless): an item was lost") != std::string::npos);
}

TEST_CASE("operations that can fail do so one after the other", "[testing]") {
    std::vector<std::string> failed;
    const std::size_t points = fault_plan::visit(fault::failed_operation, [&failed](fault_plan& plan) {
        try {
            plan.check("open");
            plan.check("read");
            plan.check("close");
            failed.emplace_back("none");
        } catch (const fault_injected& failure) {
            failed.emplace_back(failure.what());
        }
    });
    CHECK(points == 3);
    CHECK(failed == std::vector<std::string>{"injected: open", "injected: read", "injected: close", "none"});
}

TEST_CASE("a body without an end, and one that lets the cancellation out, are errors", "[testing]") {
    std::string endless;
    try {
        fault_plan::visit(
            fault::failed_operation,
            [](fault_plan& plan) {
                try {
                    for (;;) plan.check("again");
                } catch (const fault_injected&) {
                }
            },
            {.most = 20});
    } catch (const fault_failed& failure) {
        endless = failure.what();
    }
    CHECK(endless == "the body has more than 20 points");

    std::string let_out;
    try {
        fault_plan::visit(fault::cancel_at_suspension, [](fault_plan& plan) {
            test_loop loop;
            plan.watch(loop.loop());
            int done = 0;
            loop.run(three_pauses(done));
        });
    } catch (const fault_failed& failure) {
        let_out = failure.what();
    }
    CHECK(let_out.find("the body let the cancellation out") != std::string::npos);
}

TEST_CASE("a body of exactly as many points as are allowed is no endless one", "[testing]") {
    const auto three = [](fault_plan& plan) {
        try {
            for (int round = 0; round < 3; ++round) plan.check("again");
        } catch (const fault_injected&) {
        }
    };
    CHECK(fault_plan::visit(fault::failed_operation, three, {.most = 3}) == 3);
    CHECK_THROWS_AS(fault_plan::visit(fault::failed_operation, three, {.most = 2}), fault_failed);
}

TEST_CASE("tasks are cancelled before their start", "[testing]") {
    std::vector<int> begun;
    const std::size_t points = fault_plan::visit(fault::cancel_before_start, [&begun](fault_plan& plan) {
        test_loop loop;
        int count = 0;
        const auto part = [](int& started) -> coro<> {
            ++started;
            co_return;
        };
        plan.watch(loop.loop());
        for (int number = 0; number < 3; ++number) create_task(loop.loop(), part(count));
        loop.settle();
        begun.push_back(count);
        REQUIRE((plan.victim() == nullptr || plan.victim()->cancelled()));
    });
    CHECK(points == 3);
    CHECK(begun == std::vector<int>{2, 2, 2, 3});
}

TEST_CASE("a woken task is cancelled after each step until it resumes", "[testing]") {
    const std::size_t points = fault_plan::visit(fault::cancel_after_wake_up, [](fault_plan& plan) {
        test_loop loop;
        queue<int> items;
        loop.loop().call_later(1s, [&items] { items.put_nowait(1); });
        loop.loop().call_later(1s, [] {});
        loop.loop().call_later(1s, [] {});
        plan.run(loop, [](queue<int>& from) -> coro<> { static_cast<void>(co_await from.get()); }(items));
    });
    CHECK(points == 3);
}

TEST_CASE("what is left behind by a task that a fault ended is found", "[testing]") {
    std::string what;
    try {
        fault_plan::visit(fault::cancel_at_suspension, [](fault_plan& plan) {
            test_loop loop;
            plan.run(loop, []() -> coro<> {
                const task<> helper = create_task([]() -> coro<> { co_await sleep(1h); }(), "helper");
                co_await sleep(1s);  // cancelled here, it forgets the helper
                helper.cancel();
            }());
        });
    } catch (const fault_failed& failure) {
        what = failure.what();
    }
    CHECK(what.find("helper waits for sleep") != std::string::npos);
}

TEST_CASE("allocations of the watched tasks fail one after the other", "[testing]") {
    std::size_t completed = 0;
    const std::size_t points = fault_plan::visit(
        fault::failed_allocation,
        [&completed](fault_plan& plan) {
            test_loop loop;
            int done = 0;
            if (plan.run(loop, [](int& count) -> coro<> {
                    co_await three_pauses(count);
                    co_await create_task(three_pauses(count));
                }(done))) {
                ++completed;
                REQUIRE(done == 6);
            }
        },
        {.check_frames = true});
    CHECK(points == 3);  // two coroutines and a task
    CHECK(completed == 1);
}

TEST_CASE("frames that a body loses are found", "[testing]") {
    std::vector<task<>> kept;
    const auto keep = [&kept](fault_plan& plan) {
        test_loop loop;
        int done = 0;
        kept.push_back(create_task(loop.loop(), three_pauses(done)));
        plan.watch(loop.loop());
        loop.advance(1h);
    };
    CHECK_THROWS_AS(fault_plan::visit(fault::failed_operation, keep, {.check_frames = true}), fault_failed);
    CHECK(fault_plan::visit(fault::failed_operation, keep) == 0);
}
