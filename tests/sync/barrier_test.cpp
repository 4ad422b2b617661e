// SPDX-License-Identifier: BSL-1.0
#include <aioxx/sync/barrier.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/task.hpp>
#include <aioxx/testing/test_loop.hpp>

#include "support/catch.hpp"

using namespace aioxx;

namespace {

using lines = std::vector<std::string>;

// Tasks that come to a barrier and write down how it went.
struct scene {
    explicit scene(std::size_t parties, std::size_t count = 0) : subject(std::make_unique<barrier>(parties)) {
        add(count);
    }

    void add(std::size_t count) {
        for (; count > 0; --count)
            tasks.push_back(create_task(loop.loop(), pass(*subject, log, tasks.size())));
        loop.settle();
    }

    // Runs before any task that a call in it wakes.
    template <class Function>
    void at_once(Function function) {
        loop.loop().call_soon([function] { function(); });
        loop.settle();
    }

    static coro<> pass(barrier& subject, lines& log, std::size_t number) {
        std::string end;
        try {
            end = std::to_string(co_await subject.wait());
        } catch (const broken_barrier_error&) {
            end = "broken";
        } catch (const cancelled_error&) {
            end = "cancelled";
        }
        log.push_back(std::to_string(number) + ":" + end);
    }

    // In the order of the tasks: the last one to come goes on first.
    lines take_log() {
        std::sort(log.begin(), log.end());
        return std::exchange(log, {});
    }

    testing::test_loop loop{{.allow_lost_tasks = true}};
    std::unique_ptr<barrier> subject;
    lines log;
    std::vector<task<>> tasks;
};

}  // namespace

TEST_CASE("a barrier is for one task or more", "[sync][LK018]") {
    CHECK_THROWS_AS(barrier(0), std::invalid_argument);
    CHECK_THROWS_AS(barrier(static_cast<std::size_t>(-1)), std::invalid_argument);
    const barrier b(1);
    CHECK(b.parties() == 1);
    CHECK(b.n_waiting() == 0);
    CHECK_FALSE(b.broken());
}

TEST_CASE("a barrier for one lets everybody pass without suspending", "[sync][LK018]") {
    testing::test_loop loop;
    barrier b(1);
    for (int round = 0; round < 2; ++round) {
        CHECK(b.wait().await_ready());
        CHECK(b.n_waiting() == 0);
        CHECK(loop.run([](barrier& where) -> coro<std::size_t> { co_return co_await where.wait(); }(b)) == 0);
    }
}

TEST_CASE("a barrier fills one by one, and then lets all pass with numbers in the order they came",
          "[sync][LK018]") {
    scene s(3);
    for (int round = 0; round < 2; ++round) {
        s.add(1);
        CHECK(s.subject->n_waiting() == 1);
        s.add(1);
        CHECK(s.subject->n_waiting() == 2);
        CHECK(s.log.empty());
        s.add(1);
        CHECK(s.subject->n_waiting() == 0);
        CHECK(s.log.size() == 3);
        CHECK(s.take_log() == (round == 0 ? lines{"0:0", "1:1", "2:2"} : lines{"3:0", "4:1", "5:2"}));
    }
}

TEST_CASE("the task that fills the barrier does not suspend", "[sync][LK018]") {
    scene s(3, 2);
    auto last = s.subject->wait();
    CHECK(last.await_ready());
    CHECK(last.await_resume() == 2);
    CHECK(s.log.empty());
    s.loop.settle();
    CHECK(s.log == lines{"0:0", "1:1"});
}

TEST_CASE("tasks that pass again and again stay together", "[sync][LK018]") {
    testing::test_loop loop;
    barrier b(3);
    std::vector<int> rounds;
    auto run = [](barrier& where, std::vector<int>& log) -> coro<> {
        for (int round = 0; round < 4; ++round) {
            static_cast<void>(co_await where.wait());
            log.push_back(round);
        }
    };
    for (int count = 0; count < 3; ++count)
        create_task(loop.loop(), run(b, rounds));
    loop.settle();
    CHECK(rounds == std::vector<int>{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3});
}

TEST_CASE("those who come while a barrier drains fill it only when it is drained", "[sync][LK019]") {
    scene s(3, 2);
    // The last party comes: the others drain in the next batch, after the first step of the newcomers.
    s.loop.loop().call_soon([&] {
        CHECK(s.subject->wait().await_ready());
        CHECK(s.subject->n_waiting() == 0);
    });
    for (std::size_t number = 2; number < 10; ++number) {
        s.tasks.push_back(create_task(s.loop.loop(), scene::pass(*s.subject, s.log, number)));
    }
    s.loop.loop().call_soon([&] {
        CHECK(s.log.empty());
        CHECK(s.subject->n_waiting() == 0);  // the newcomers do not count yet
    });
    s.loop.settle();
    // Eight came: two full rounds, and two who wait for a third.
    CHECK(s.take_log() == lines{"0:0", "1:1", "2:0", "3:1", "4:2", "5:0", "6:1", "7:2"});
    CHECK(s.subject->n_waiting() == 2);
}

TEST_CASE("a cancelled task leaves the barrier, and the others wait on", "[sync][LK020]") {
    scene s(3, 2);
    s.tasks[0].cancel();
    CHECK(s.subject->n_waiting() == 1);
    s.loop.settle();
    CHECK(s.take_log() == lines{"0:cancelled"});
    CHECK_FALSE(s.subject->broken());
    s.add(1);
    CHECK(s.log.empty());
    CHECK(s.subject->n_waiting() == 2);
    s.add(1);
    CHECK(s.take_log() == lines{"1:0", "2:1", "3:2"});  // no number twice
}

TEST_CASE("a task cancelled after it was let pass lets the others pass, and the barrier drains",
          "[sync][LK020]") {
    scene s(3, 2);
    s.at_once([&] {
        CHECK(s.subject->wait().await_ready());
        s.tasks[1].cancel();
    });
    CHECK(s.take_log() == lines{"0:0", "1:cancelled"});
    s.add(3);
    CHECK(s.take_log() == lines{"2:0", "3:1", "4:2"});
}

TEST_CASE("the last task that drains, when cancelled, lets in those who came meanwhile", "[sync][LK020]") {
    scene s(2, 1);
    s.loop.loop().call_soon([&] { CHECK(s.subject->wait().await_ready()); });
    for (std::size_t number = 1; number < 3; ++number) {
        s.tasks.push_back(create_task(s.loop.loop(), scene::pass(*s.subject, s.log, number)));
    }
    s.loop.loop().call_soon([&] { s.tasks[0].cancel(); });
    s.loop.settle();
    CHECK(s.take_log() == lines{"0:cancelled", "1:0", "2:1"});
}

TEST_CASE("resetting an empty barrier changes nothing", "[sync][LK021]") {
    scene s(2);
    s.subject->reset();
    CHECK_FALSE(s.subject->broken());
    s.add(2);
    CHECK(s.take_log() == lines{"0:0", "1:1"});
}

TEST_CASE("a reset turns those away who wait, and the barrier can be used at once", "[sync][LK021]") {
    scene s(3, 2);
    s.at_once([&] {
        s.subject->reset();
        CHECK(s.subject->n_waiting() == 0);
        CHECK_FALSE(s.subject->broken());
    });
    CHECK(s.take_log() == lines{"0:broken", "1:broken"});
    s.add(3);
    CHECK(s.take_log() == lines{"2:0", "3:1", "4:2"});
}

TEST_CASE("tasks that come between a reset and the end of those turned away are not turned away",
          "[sync][LK021]") {
    scene s(3, 2);
    s.loop.loop().call_soon([&] { s.subject->reset(); });
    for (std::size_t number = 2; number < 5; ++number) {
        s.tasks.push_back(create_task(s.loop.loop(), scene::pass(*s.subject, s.log, number)));
    }
    s.loop.settle();
    CHECK(s.take_log() == lines{"0:broken", "1:broken", "2:0", "3:1", "4:2"});
}

TEST_CASE(
    "a reset while the barrier drains turns those away who have not resumed, and keeps those who came after",
    "[sync][LK021]") {
    testing::test_loop loop({.allow_lost_tasks = true});
    barrier b(4);
    lines log;
    // The second one that resumes resets the barrier: half of those let pass are still on their way.
    auto resetting = [](barrier& where, lines& into) -> coro<> {
        into.push_back("1:" + std::to_string(co_await where.wait()));
        where.reset();
    };
    std::vector<task<>> tasks;
    tasks.push_back(create_task(loop.loop(), scene::pass(b, log, 0)));
    tasks.push_back(create_task(loop.loop(), resetting(b, log)));
    tasks.push_back(create_task(loop.loop(), scene::pass(b, log, 2)));
    loop.settle();
    loop.loop().call_soon([&] { CHECK(b.wait().await_ready()); });
    for (std::size_t number = 3; number < 6; ++number) {
        tasks.push_back(create_task(loop.loop(), scene::pass(b, log, number)));
    }
    loop.settle();
    CHECK(log == lines{"0:0", "1:1", "2:broken"});
    CHECK(b.n_waiting() == 3);  // those who were blocked while it drained
    tasks.push_back(create_task(loop.loop(), scene::pass(b, log, 6)));
    loop.settle();
    std::sort(log.begin(), log.end());
    CHECK(log == lines{"0:0", "1:1", "2:broken", "3:0", "4:1", "5:2", "6:3"});
}

TEST_CASE("a reset while the barrier drains lets a full round of those who came after pass",
          "[sync][LK021]") {
    scene s(2, 1);
    s.loop.loop().call_soon([&] { CHECK(s.subject->wait().await_ready()); });
    for (std::size_t number = 1; number < 3; ++number) {
        s.tasks.push_back(create_task(s.loop.loop(), scene::pass(*s.subject, s.log, number)));
    }
    // Runs in the batch of the newcomers' first step, before the one that drains.
    s.loop.loop().call_soon([&] { s.subject->reset(); });
    s.loop.settle();
    CHECK(s.take_log() == lines{"0:broken", "1:0", "2:1"});
}

TEST_CASE("an aborted barrier turns everybody away until it is reset", "[sync][LK022]") {
    SECTION("empty") {
        scene s(2);
        s.subject->abort();
        CHECK(s.subject->broken());
        CHECK_THROWS_AS(s.subject->wait().await_ready(), broken_barrier_error);
        s.add(2);
        CHECK(s.take_log() == lines{"0:broken", "1:broken"});
        s.subject->reset();
        CHECK_FALSE(s.subject->broken());
        s.add(2);
        CHECK(s.take_log() == lines{"2:0", "3:1"});
    }
    SECTION("while tasks wait") {
        scene s(3, 2);
        s.subject->abort();
        CHECK(s.subject->n_waiting() == 0);
        s.add(1);
        CHECK(s.take_log() == lines{"0:broken", "1:broken", "2:broken"});
        s.subject->reset();
        s.add(3);
        CHECK(s.take_log() == lines{"3:0", "4:1", "5:2"});
    }
    SECTION("while it drains") {
        scene s(3, 2);
        s.loop.loop().call_soon([&] { CHECK(s.subject->wait().await_ready()); });
        s.tasks.push_back(create_task(s.loop.loop(), scene::pass(*s.subject, s.log, 2)));
        s.loop.loop().call_soon([&] { s.subject->abort(); });
        s.loop.settle();
        CHECK(s.take_log() == lines{"0:broken", "1:broken", "2:broken"});
        s.subject->reset();
        s.add(3);
        CHECK(s.take_log() == lines{"3:0", "4:1", "5:2"});
    }
    SECTION("by a task that fails after it has passed") {
        scene s(2);
        auto failing = [](barrier& where) -> coro<> {
            try {
                static_cast<void>(co_await where.wait());
                throw std::runtime_error("x");
            } catch (const std::runtime_error&) {
                where.abort();
            }
        };
        s.tasks.push_back(create_task(s.loop.loop(), scene::pass(*s.subject, s.log, 0)));
        s.tasks.push_back(create_task(s.loop.loop(), failing(*s.subject)));
        s.loop.settle();
        CHECK(s.take_log() == lines{"0:broken"});
        CHECK(s.subject->broken());
        s.subject->reset();
        s.add(2);
        CHECK(s.take_log() == lines{"2:0", "3:1"});
    }
}

TEST_CASE("a barrier at which tasks of another loop wait is refused", "[sync][LK023]") {
    scene s(3, 1);
    testing::test_loop other;
    auto wait = [](barrier& where) -> coro<> { static_cast<void>(co_await where.wait()); };
    CHECK_THROWS_AS(other.run(wait(*s.subject)), invalid_state_error);
    CHECK(s.subject->n_waiting() == 1);
}

TEST_CASE("whoever comes and is cancelled, full rounds pass and nobody waits in one",
          "[sync][LK019][LK020]") {
    std::mt19937 random(1);
    for (int trial = 0; trial < 100; ++trial) {
        const std::size_t parties = 1 + random() % 4;
        scene s(parties);
        for (int step = 0; step < 60; ++step) {
            s.loop.loop().call_soon([&] {
                if (random() % 3 != 0 || s.tasks.empty()) {
                    s.tasks.push_back(
                        create_task(s.loop.loop(), scene::pass(*s.subject, s.log, s.tasks.size())));
                } else {
                    s.tasks[random() % s.tasks.size()].cancel();
                }
            });
            if (random() % 3 == 0) s.loop.settle();
        }
        s.loop.settle();
        std::vector<std::size_t> numbers(parties);
        for (const std::string& line : s.log) {
            const std::string end = line.substr(line.find(':') + 1);
            if (end != "cancelled") ++numbers[std::stoul(end)];
        }
        const auto waiting =
            std::count_if(s.tasks.begin(), s.tasks.end(), [](const task<>& each) { return !each.done(); });
        CHECK(static_cast<std::size_t>(waiting) == s.subject->n_waiting());
        CHECK(s.subject->n_waiting() < parties);
        // The last to come always passes; others may have been cancelled on their way out.
        for (const std::size_t count : numbers)
            CHECK(count <= numbers.back());
    }
}

TEST_CASE("a barrier and its tasks may go away in any order", "[sync]") {
    {
        scene s(3, 2);
        s.loop.loop().close();
        CHECK(s.subject->n_waiting() == 0);
    }
    {
        scene s(3, 2);
        CHECK(s.subject->wait().await_ready());
        s.loop.loop().close();  // they were let pass and never resume
        CHECK(s.subject->n_waiting() == 0);
    }
    {
        scene s(3, 2);
        s.subject.reset();
        s.tasks[0].cancel();
        s.loop.settle();
        CHECK(s.take_log() == lines{"0:cancelled"});
    }
}
