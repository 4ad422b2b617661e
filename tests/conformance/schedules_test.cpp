// SPDX-License-Identifier: BSL-1.0
// tests/conformance/schedules_test.cpp: the functions over tasks and the generators under a thousand orders of their
// tasks, and with a cancellation at every suspension and after every wake-up. The other scenes are in scenes.hpp.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/all.hpp>
#include <aioxx/tasks/as_completed.hpp>
#include <aioxx/tasks/cancel_scope.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/generators.hpp>
#include <aioxx/tasks/merge.hpp>
#include <aioxx/tasks/race.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/fault_plan.hpp>
#include <aioxx/testing/seeds.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;
using namespace aioxx::testing;
using namespace std::chrono_literals;

namespace {

using dice = std::mt19937;

void demand(bool holds, const std::string& what) {
    if (!holds) throw std::logic_error(what);
}

// Gives way none, one or several times, or for a while.
coro<> dawdle(dice& random) {
    const auto choice = random() % 4;
    if (choice == 3) {
        co_await sleep(std::chrono::milliseconds(random() % 3));
    } else {
        for (unsigned round = 0; round < choice; ++round) co_await sleep(0s);
    }
}

coro<int> number_after(dice& random, int value) {
    co_await dawdle(random);
    co_return value;
}
coro<> functions_scene(dice& random) {
    int problems = 0;
    try {
        const auto [one, two] = co_await gather(number_after(random, 1), number_after(random, 2));
        if (one != 1 || two != 2) ++problems;
        const auto [three, four] = co_await all(number_after(random, 3), number_after(random, 4));
        if (three != 3 || four != 4) ++problems;
        const auto won = co_await race(number_after(random, 5), number_after(random, 6));
        const auto& first = won.first == 0 ? std::get<0>(won.values) : std::get<1>(won.values);
        if (first != (won.first == 0 ? 5 : 6)) ++problems;
        const int waited = co_await wait_for(number_after(random, 7), 1h);
        if (waited != 7) ++problems;
        std::vector<task<int>> tasks;
        for (int number = 0; number < 3; ++number) tasks.push_back(create_task(number_after(random, number)));
        const scope_exit no_loose_ends([&tasks] {
            for (const auto& each : tasks) each.cancel();
        });
        const auto ended = co_await wait(tasks);
        if (!ended.pending.empty()) ++problems;
        int sum = 0;
        auto finished = as_completed(tasks);
        while (auto next = co_await finished.next()) {
            if (!next->cancelled()) sum += next->result();
        }
        if (sum > 3) ++problems;
        const auto kept = co_await move_on_after(1h, number_after(random, 8));
        if (kept != 8) ++problems;
        const auto dropped = co_await move_on_after(1ms, shielded(number_after(random, 9)));
        if (dropped && dropped != 9) ++problems;
    } catch (const cancelled_error&) {
    }
    demand(problems == 0, "values come out as they went in");
}

async_generator<int> count_to(dice& random, int last, int& alive) {
    ++alive;
    const scope_exit end([&alive] { --alive; });
    for (int number = 1; number <= last; ++number) {
        co_await dawdle(random);
        co_yield number;
    }
}
coro<> generator_scene(dice& random) {
    int alive = 0;
    int sum = 0;
    auto add = [&sum](async_generator<int>& numbers) -> coro<> {
        while (auto number = co_await numbers.next()) sum += *number;
    };
    try {
        auto merged = generators::merge(count_to(random, 3, alive), count_to(random, 4, alive));
        co_await with_generator(std::move(merged), add);
        demand(sum == 6 + 10, "merge gives every item once");
    } catch (const cancelled_error&) {
    }
    demand(alive == 0, "no generator is left open");
}

struct scene {
    const char* name;
    coro<> (*run)(dice&);
};
constexpr scene scenes[] = {
    {"functions over tasks", functions_scene},
    {"generators", generator_scene},
};

test_options loose() {
    test_options options;
    options.allow_reports = true;  // failures on purpose, seen by nobody when their task was cancelled
    return options;
}

}  // namespace

TEST_CASE("every scene holds under a thousand orders of its tasks", "[conformance]") {
    for (const scene& each : scenes) {
        INFO(each.name);
        explore(1000, [&each](std::uint64_t seed) {
            test_loop loop(loose());
            dice random(static_cast<dice::result_type>(seed));
            loop.run(each.run(random));
        });
        CHECK(true);
    }
}

TEST_CASE("every scene holds when a task is cancelled at any of its suspensions", "[conformance]") {
    for (const scene& each : scenes) {
        INFO(each.name);
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            const std::size_t points = fault_plan::visit(fault::cancel_at_suspension, [&](fault_plan& plan) {
                test_options options = loose();
                options.seed = seed;
                test_loop loop(options);
                dice random(static_cast<dice::result_type>(seed));
                plan.run(loop, each.run(random));
            });
            CHECK(points > 0);
        }
    }
}

TEST_CASE("every scene holds when a task is cancelled after any of its wake-ups", "[conformance]") {
    std::size_t points = 0;
    for (const scene& each : scenes) {
        INFO(each.name);
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            points += fault_plan::visit(fault::cancel_after_wake_up, [&](fault_plan& plan) {
                test_options options = loose();
                options.seed = seed;
                test_loop loop(options);
                dice random(static_cast<dice::result_type>(seed));
                plan.run(loop, each.run(random));
            });
        }
    }
    CHECK(points > 0);
}
