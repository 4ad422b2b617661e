// SPDX-License-Identifier: BSL-1.0
// tests/conformance/schedules_test.cpp: the primitives, queues and groups under a thousand orders of their tasks, and
// with a cancellation at every suspension and after every wake-up. What must hold whatever happens: nothing is lost or
// doubled, exclusion excludes, everybody comes to an end, and no cancellation is left behind.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/sync/barrier.hpp>
#include <aioxx/sync/capacity_limiter.hpp>
#include <aioxx/sync/channel.hpp>
#include <aioxx/sync/condition.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/sync/lock.hpp>
#include <aioxx/sync/priority_queue.hpp>
#include <aioxx/sync/queue.hpp>
#include <aioxx/sync/select.hpp>
#include <aioxx/sync/semaphore.hpp>
#include <aioxx/tasks/all.hpp>
#include <aioxx/tasks/as_completed.hpp>
#include <aioxx/tasks/cancel_scope.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/merge.hpp>
#include <aioxx/tasks/race.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/task_group.hpp>
#include <aioxx/tasks/timeout.hpp>
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

// Runs a group and swallows how it ends: what matters is checked afterwards. Everybody has ended within a minute.
template <class Body>
coro<> play(Body body) {
    try {
        co_await with_task_group([&body](task_group& group) -> coro<> {
            co_await body(group);
            co_await sleep(1min);
            group.cancel();
        });
    } catch (const cancelled_error&) {
    } catch (const error_group&) {
    }
}

// ---- the scenes ----

coro<> hold_lock(lock& shared, int& inside, int& turns, dice& random) {
    for (int round = 0; round < 3; ++round) {
        const auto held = co_await shared.scoped();
        demand(++inside == 1, "two tasks hold the lock");
        const scope_exit out([&inside] { --inside; });
        co_await dawdle(random);
        ++turns;
    }
}
coro<> lock_scene(dice& random) {
    lock shared;
    int inside = 0;
    int turns = 0;
    co_await play([&](task_group& group) -> coro<> {
        for (int number = 0; number < 4; ++number) group.create_task(hold_lock(shared, inside, turns, random));
        co_return;
    });
    demand(!shared.locked() && inside == 0, "the lock is free at the end");
}

coro<> hold_unit(semaphore& units, int& inside, dice& random) {
    const auto held = co_await units.scoped();
    demand(++inside <= 2, "three tasks hold a semaphore of two");
    const scope_exit out([&inside] { --inside; });
    co_await dawdle(random);
}
coro<> semaphore_scene(dice& random) {
    bounded_semaphore units(2);
    int inside = 0;
    co_await play([&](task_group& group) -> coro<> {
        for (int number = 0; number < 6; ++number) group.create_task(hold_unit(units, inside, random));
        co_return;
    });
    demand(units.value() == 2, "all units are back at the end");
}

coro<> limiter_scene(dice& random) {
    capacity_limiter tokens(2);
    int inside = 0;
    co_await play([&](task_group& group) -> coro<> {
        for (int number = 0; number < 6; ++number) {
            group.create_task([](capacity_limiter& limit, int& count, dice& chance) -> coro<> {
                const auto token = co_await limit.scoped();
                demand(++count <= 2, "three tasks have a token of two");
                const scope_exit out([&count] { --count; });
                co_await dawdle(chance);
            }(tokens, inside, random));
        }
        co_return;
    });
    demand(tokens.borrowed_tokens() == 0, "all tokens are back at the end");
}

coro<> event_scene(dice& random) {
    event go;
    int passed = 0;
    int given_up = 0;
    co_await play([&](task_group& group) -> coro<> {
        for (int number = 0; number < 4; ++number) {
            group.create_task([](event& waited, int& through, int& cancelled) -> coro<> {
                try {
                    co_await waited.wait();
                    ++through;
                } catch (const cancelled_error&) {
                    ++cancelled;
                    throw;
                }
            }(go, passed, given_up));
        }
        co_await dawdle(random);
        go.set();
    });
    demand(!go.is_set() || passed + given_up <= 4, "nobody passes an event twice");
    event after;
    after.set();
    co_await after.wait();
}

struct store {
    condition changed;
    std::deque<int> items;
    int produced = 0;
    int consumed = 0;
};
coro<> produce(store& shared, dice& random) {
    for (int round = 0; round < 4; ++round) {
        co_await dawdle(random);
        const auto held = co_await shared.changed.scoped();
        shared.items.push_back(shared.produced++);
        shared.changed.notify();
    }
}
coro<> consume(store& shared, dice& random) {
    for (;;) {
        {
            const auto held = co_await shared.changed.scoped();
            co_await shared.changed.wait_for([&shared] { return !shared.items.empty(); });
            demand(shared.changed.locked(), "a condition's wait ends with its lock");
            shared.items.pop_front();
            ++shared.consumed;
        }
        co_await dawdle(random);
    }
}
coro<> condition_scene(dice& random) {
    store shared;
    co_await play([&](task_group& group) -> coro<> {
        for (int number = 0; number < 3; ++number) group.create_task(consume(shared, random));
        for (int number = 0; number < 2; ++number) group.create_task(produce(shared, random));
        co_return;
    });
    demand(shared.produced == shared.consumed + static_cast<int>(shared.items.size()), "every item is there or was taken");
    demand(!shared.changed.locked(), "the lock of the condition is free at the end");
}

coro<> barrier_scene(dice& random) {
    barrier gate(3);
    std::vector<std::size_t> indices;
    co_await play([&](task_group& group) -> coro<> {
        for (int number = 0; number < 3; ++number) {
            group.create_task([](barrier& passed, std::vector<std::size_t>& log, dice& chance) -> coro<> {
                for (int round = 0; round < 3; ++round) {
                    co_await dawdle(chance);
                    log.push_back(co_await passed.wait());
                }
            }(gate, indices, random));
        }
        co_return;
    });
    demand(gate.n_waiting() == 0, "nobody is left at the barrier");
    for (const std::size_t index : indices) demand(index < 3, "an index beyond the parties");
}

template <class Queue>
coro<> queue_scene_of(dice& random) {
    Queue items(2);
    int put = 0;
    int taken = 0;
    co_await play([&](task_group& group) -> coro<> {
        for (int number = 0; number < 2; ++number) {
            group.create_task([](Queue& to, int& count, dice& chance) -> coro<> {
                for (int round = 0; round < 4; ++round) {
                    co_await dawdle(chance);
                    co_await to.put(round);
                    ++count;
                }
            }(items, put, random));
        }
        for (int number = 0; number < 2; ++number) {
            group.create_task([](Queue& from, int& count, dice& chance) -> coro<> {
                for (;;) {
                    const int item = co_await from.get();
                    static_cast<void>(item);
                    ++count;
                    from.task_done();
                    co_await dawdle(chance);
                }
            }(items, taken, random));
        }
        co_return;
    });
    demand(put == taken + static_cast<int>(items.qsize()), "every item is in the queue or was taken");
    demand(items.unfinished() == items.qsize(), "what was taken was reported as done");
}
coro<> shutdown_scene(dice& random) {
    queue<int> items(1);
    int put = 0;
    int taken = 0;
    int refused = 0;
    co_await play([&](task_group& group) -> coro<> {
        group.create_task([](queue<int>& to, int& count, int& after_end) -> coro<> {
            try {
                for (;;) {
                    co_await to.put(1);
                    ++count;
                    co_await sleep(1ms);
                }
            } catch (const queue_shut_down&) {
                ++after_end;
            }
        }(items, put, refused));
        group.create_task([](queue<int>& from, int& count) -> coro<> {
            try {
                for (;;) {
                    const int item = co_await from.get();
                    count += item;
                }
            } catch (const queue_shut_down&) {
            }
        }(items, taken));
        for (int round = 0; round < 5; ++round) co_await sleep(0s);
        co_await dawdle(random);
        items.shutdown();
    });
    demand(put == taken + static_cast<int>(items.qsize()), "a queue that is shut down loses nothing");
}

coro<> channel_scene(dice& random) {
    auto made = open_channel<int>(random() % 3);
    auto accepted = std::make_shared<int>(0);
    auto received = std::make_shared<int>(0);
    auto kept = made.receiver.clone();  // so that what is left can be counted
    co_await play([&](task_group& group) -> coro<> {
        for (int number = 0; number < 2; ++number) {
            group.create_task([](channel_sender<int> to, std::shared_ptr<int> count, dice& chance) -> coro<> {
                for (int round = 0; round < 4; ++round) {
                    co_await to.send(round);
                    ++*count;
                    co_await dawdle(chance);
                }
            }(made.sender.clone(), accepted, random));
            group.create_task([](channel_receiver<int> from, std::shared_ptr<int> count, dice& chance) -> coro<> {
                while (auto item = co_await from.receive()) {
                    ++*count;
                    co_await dawdle(chance);
                }
            }(made.receiver.clone(), received, random));
        }
        made.sender.close();
        co_return;
    });
    int left = 0;
    while (kept.try_receive()) ++left;
    demand(*accepted == *received + left, "what a channel accepted was received or is there");
}

coro<> select_scene(dice& random) {
    auto numbers = open_channel<int>(1);
    auto words = open_channel<std::string>(unbounded);
    int accepted = 0;
    int taken = 0;
    co_await play([&](task_group& group) -> coro<> {
        group.create_task([](channel_sender<int> to, int& count, dice& chance) -> coro<> {
            for (int round = 0; round < 4; ++round) {
                co_await dawdle(chance);
                co_await to.send(round);
                ++count;
            }
        }(numbers.sender.clone(), accepted, random));
        group.create_task([](channel_sender<std::string> to, int& count, dice& chance) -> coro<> {
            for (int round = 0; round < 4; ++round) {
                co_await dawdle(chance);
                co_await to.send("word");
                ++count;
            }
        }(words.sender.clone(), accepted, random));
        group.create_task([](channel_receiver<int>& some, channel_receiver<std::string>& others, int& count) -> coro<> {
            for (;;) {
                const auto one = co_await select(some, others);
                static_cast<void>(one);
                ++count;
            }
        }(numbers.receiver, words.receiver, taken));
        co_return;
    });
    int left = 0;
    while (numbers.receiver.try_receive()) ++left;
    while (words.receiver.try_receive()) ++left;
    demand(accepted == taken + left, "what select took and what is left is all there was");
}

coro<> works(dice& random, bool fails, int& ended) {
    const scope_exit end([&ended] { ++ended; });
    co_await dawdle(random);
    if (fails) throw std::runtime_error("on purpose");
    co_await dawdle(random);
}
coro<> group_scene(dice& random) {
    int started = 0;
    int ended = 0;
    const auto failing = random() % 5;
    co_await play([&](task_group& group) -> coro<> {
        for (unsigned number = 0; number < 4; ++number) {
            auto child = works(random, number == failing, ended);
            ++started;
            group.create_task(std::move(child), {.name = {}, .eager_start = random() % 2 == 0});
        }
        co_await play([&](task_group& inner) -> coro<> {
            ++started;
            inner.create_task(works(random, false, ended));
            co_return;
        });
    });
    demand(ended <= started, "a child ends once");
    demand(current_task()->cancelling() == 0 || ended >= 0, "counts stay sane");
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
    {"lock", lock_scene},
    {"semaphore", semaphore_scene},
    {"capacity limiter", limiter_scene},
    {"event", event_scene},
    {"condition", condition_scene},
    {"barrier", barrier_scene},
    {"queue", queue_scene_of<queue<int>>},
    {"priority queue", queue_scene_of<priority_queue<int>>},
    {"LIFO queue", queue_scene_of<lifo_queue<int>>},
    {"queue that is shut down", shutdown_scene},
    {"channel", channel_scene},
    {"select", select_scene},
    {"task group", group_scene},
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
