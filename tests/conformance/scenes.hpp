// SPDX-License-Identifier: BSL-1.0
#pragma once

// tests/conformance/scenes.hpp: what tasks do with the primitives, queues and groups, and what must hold whatever the
// order of the tasks, and whichever of them is cancelled where. seeds_test.cpp and faults_test.cpp play them.
//
// Nothing is cut short: every task of a scene comes to its end by itself, so that a wake-up which is lost leaves
// somebody waiting, and that is found. What ends those who would wait for ever, shutdown for example, is a callback,
// which cannot be cancelled.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <aioxx/base/scope_exit.hpp>
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
#include <aioxx/tasks/race.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/task_group.hpp>
#include <aioxx/tasks/timeout.hpp>
#include <aioxx/tasks/wait.hpp>
#include <aioxx/tasks/wait_for.hpp>
#include <aioxx/testing/test_loop.hpp>

namespace scenes {

using namespace aioxx;
using namespace aioxx::testing;
using namespace std::chrono_literals;

inline void demand(bool holds, const std::string& law) {
    if (!holds) throw std::logic_error("broken: " + law);
}

/// Where a scene is played: a loop, things that outlive its tasks, and the tasks.
class stage {
public:
    explicit stage(std::uint64_t seed) : random_(static_cast<std::mt19937::result_type>(seed)) {}

    [[nodiscard]] event_loop& loop() noexcept { return loop_.loop(); }
    /// A number from 0 to limit - 1.
    unsigned dice(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

    /// Makes something that the tasks use.
    template <class T, class... Args>
    T& make(Args&&... args) {
        auto made = std::make_shared<T>(std::forward<Args>(args)...);
        things_.push_back(made);
        return *made;
    }

    /// Adds a task.
    task<> add(coro<> part) { return parts_.emplace_back(create_task(loop(), std::move(part))); }

    /// Calls a function at a time of the scene. What it throws fails the scene.
    template <class Function>
    void at(duration when, Function function) {
        loop().call_later(when, std::move(function));
    }
    /// Cancels a task at a time of the scene; unless it was done by then, it must end as cancelled.
    void cancel_at(duration when, task<> part) {
        at(when, [this, part] {
            if (part.cancel("outside")) cancelled_.push_back(part);
        });
    }
    /// Checks something at the end.
    template <class Function>
    void finally(Function function) {
        checks_.push_back(std::move(function));
    }

    /// Makes the scene ask whether one of its tasks was cancelled or failed by a fault.
    void disturb(std::function<bool()> is_disturbed) { is_disturbed_ = std::move(is_disturbed); }
    /// Demands what holds as long as nobody was disturbed.
    void expect(bool holds, const std::string& law) {
        if (!holds && !is_disturbed_()) demand(false, law);
    }

    /// Plays the scene. Parameters: `forgives` tells whether a task may have ended with an exception.
    void play(const std::function<bool(const std::exception_ptr&)>& forgives) {
        loop_.advance(1h);
        for (const auto& report : loop_.reports()) {
            if (!report.exception || !forgives(report.exception)) throw std::logic_error(describe(report));
        }
        for (auto* each = loop().tasks().front(); each != nullptr; each = loop().tasks().next(*each)) {
            throw std::logic_error("broken: everybody comes to an end; " + each->describe());
        }
        for (const task<>& part : parts_) {
            if (part.cancelled()) continue;
            const std::exception_ptr failure = part.exception();
            if (failure && !forgives(failure)) std::rethrow_exception(failure);
            demand(failure || part.cancelling() == 0, "no cancellation is left over in " + part.name());
        }
        for (const task<>& part : cancelled_) {
            demand(part.cancelled() || part.exception(), part.name() + " was cancelled, and ends so");
        }
        for (auto& check : checks_) check();
    }

private:
    std::mt19937 random_;
    std::vector<std::shared_ptr<void>> things_;
    std::vector<std::function<void()>> checks_;
    std::function<bool()> is_disturbed_ = [] { return false; };
    std::vector<task<>> parts_;
    std::vector<task<>> cancelled_;  // from outside, while they were not done
    test_loop loop_{{.allow_lost_tasks = true, .allow_reports = true}};
};

// Gives way none, one or several times, or for a while.
inline coro<> dawdle(stage& on) {
    const unsigned choice = on.dice(4);
    if (choice == 3) {
        co_await sleep(std::chrono::milliseconds(on.dice(3)));
    } else {
        for (unsigned round = 0; round < choice; ++round) co_await sleep(0s);
    }
}

// Counts those who are at a place.
class presence : pinned {
public:
    presence(int& count, int most, const char* law) : count_(count) {
        ++count_;
        if (count_ > most) {
            --count_;
            throw std::logic_error(std::string("broken: ") + law);
        }
    }
    ~presence() { --count_; }

private:
    int& count_;
};

// ---- primitives ----

inline void lock_scene(stage& on) {
    auto& shared = on.make<lock>();
    auto& inside = on.make<int>(0);
    const auto part = [](stage& s, lock& l, int& count) -> coro<> {
        for (int round = 0; round < 3; ++round) {
            const auto held = co_await l.scoped();
            const presence here(count, 1, "one task holds the lock at a time");
            co_await dawdle(s);
        }
    };
    for (int number = 0; number < 4; ++number) on.add(part(on, shared, inside));
    on.finally([&] { demand(!shared.locked() && inside == 0, "the lock is free at the end"); });
}

inline void semaphore_scene(stage& on) {
    auto& units = on.make<bounded_semaphore>(2);
    auto& inside = on.make<int>(0);
    const auto part = [](stage& s, bounded_semaphore& u, int& count) -> coro<> {
        for (int round = 0; round < 2; ++round) {
            const auto held = co_await u.scoped();
            const presence here(count, 2, "a semaphore of two lets two in");
            co_await dawdle(s);
        }
    };
    for (int number = 0; number < 5; ++number) on.add(part(on, units, inside));
    on.finally([&] { demand(units.value() == 2 && inside == 0, "all units are back at the end"); });
}

inline void limiter_scene(stage& on) {
    auto& tokens = on.make<capacity_limiter>(1);
    auto& inside = on.make<int>(0);
    const auto part = [](stage& s, capacity_limiter& t, int& count) -> coro<> {
        for (int round = 0; round < 2; ++round) {
            const auto held = co_await t.scoped();
            const presence here(count, 3, "a limiter lends as many tokens as it has");
            co_await dawdle(s);
        }
    };
    for (int number = 0; number < 5; ++number) on.add(part(on, tokens, inside));
    on.at(std::chrono::milliseconds(on.dice(3)), [&tokens] { tokens.set_total_tokens(3); });
    on.at(4ms, [&tokens] { tokens.set_total_tokens(0); });
    on.at(20s, [&tokens] { demand(tokens.borrowed_tokens() == 0, "without tokens nobody borrows"); });
    on.at(21s, [&tokens] { tokens.set_total_tokens(2); });
    on.finally([&] { demand(tokens.borrowed_tokens() == 0 && inside == 0, "all tokens are back at the end"); });
}

inline void event_scene(stage& on) {
    auto& go = on.make<event>();
    const auto part = [](stage& s, event& e) -> coro<> {
        co_await dawdle(s);
        co_await e.wait();
        co_await sleep(10s);
        demand(!e.is_set(), "what was cleared stays clear");
        co_await e.wait();
    };
    for (int number = 0; number < 4; ++number) on.add(part(on, go));
    on.at(std::chrono::milliseconds(on.dice(4)), [&go] { go.set(); });
    on.at(5s, [&go] { go.clear(); });
    on.at(20s, [&go] {
        go.set();
        go.clear();
    });
}

struct store {
    condition changed;
    std::deque<int> items;
    int inside = 0;
    bool closed = false;
};
inline void condition_scene(stage& on) {
    auto& shared = on.make<store>();
    const auto produce = [](stage& s, store& to) -> coro<> {
        for (int round = 0; round < 3; ++round) {
            co_await dawdle(s);
            const auto held = co_await to.changed.scoped();
            const presence here(to.inside, 1, "one task is under the condition's lock");
            to.items.push_back(round);
            to.changed.notify();
        }
    };
    const auto consume = [](stage& s, store& from) -> coro<> {
        for (;;) {
            {
                const auto held = co_await from.changed.scoped();
                while (from.items.empty() && !from.closed) {
                    const scope_exit again([&from] {
                        if (!from.changed.locked()) from.inside = 100;  // found by the next one who comes in
                    });
                    co_await from.changed.wait();
                }
                const presence here(from.inside, 1, "one task is under the condition's lock");
                if (from.items.empty()) co_return;
                from.items.pop_front();
                co_await dawdle(s);
            }
            co_await dawdle(s);
        }
    };
    for (int number = 0; number < 3; ++number) on.add(consume(on, shared));
    for (int number = 0; number < 2; ++number) on.add(produce(on, shared));
    on.cancel_at(10s, on.add(consume(on, shared)));  // it waits then, and the lock is free
    on.at(30s, [&shared] {
        demand(shared.items.empty(), "nobody waits for what is there");
        demand(shared.changed.try_acquire(), "those who wait do not hold the lock");
        shared.closed = true;
        shared.changed.notify_all();
        shared.changed.release();
    });
    on.finally([&] { demand(!shared.changed.locked() && shared.inside == 0, "the lock is free at the end"); });
}

inline void barrier_scene(stage& on) {
    auto& gate = on.make<barrier>(2);
    auto& passed = on.make<std::vector<int>>(2);
    const auto part = [](stage& s, barrier& g, std::vector<int>& log) -> coro<> {
        try {
            for (int round = 0; round < 3; ++round) {
                co_await dawdle(s);
                const std::size_t index = co_await g.wait();
                demand(index < 2, "the numbers at a barrier are below its parties");
                ++log[index];
            }
        } catch (const broken_barrier_error&) {
            demand(g.broken(), "a barrier that nobody broke is whole");
        }
    };
    for (int number = 0; number < 5; ++number) on.add(part(on, gate, passed));
    on.at(30s, [&gate] {
        demand(gate.n_waiting() < 2, "nobody waits at a barrier for those who are there");
        gate.abort();
    });
    // One who was let pass and cancelled before it could is missing.
    on.finally([&] {
        demand(std::abs(passed[0] - passed[1]) <= 1, "a barrier lets two pass together");
        demand(passed[0] + passed[1] >= 8, "all pass but the last one and the one who was cancelled");
    });
}

// ---- queues and channels ----

template <class Queue>
void queue_scene(stage& on) {
    auto& items = on.make<Queue>(2);
    auto& put = on.make<int>(0);
    auto& taken = on.make<int>(0);
    const auto produce = [](stage& s, Queue& to, int& count) -> coro<> {
        for (int round = 0; round < 4; ++round) {
            co_await dawdle(s);
            co_await to.put(round);
            ++count;
            demand(to.unfinished() <= 2, "a queue of two holds two");
        }
    };
    const auto consume = [](stage& s, Queue& from, int& count) -> coro<> {
        try {
            for (;;) {
                static_cast<void>(co_await from.get());
                ++count;
                from.task_done();
                co_await dawdle(s);
            }
        } catch (const queue_shut_down&) {
            demand(from.is_shut_down(), "a queue that is open has not ended");
        }
    };
    const auto join = [](Queue& joined) -> coro<> {
        co_await sleep(1ms);
        co_await joined.join();
        co_await sleep(10s);
        co_await joined.join();
        demand(joined.unfinished() == 0, "join ends when everything is done");
    };
    for (int number = 0; number < 2; ++number) on.add(produce(on, items, put));
    for (int number = 0; number < 3; ++number) on.add(consume(on, items, taken));
    on.add(join(items));
    on.at(30s, [&] {
        demand(items.empty(), "nobody waits for what is there");
        demand(put == taken, "what was put was taken");
        items.shutdown();
    });
}

// Two queues, one full and one empty, are shut down under those who wait at them.
inline void shutdown_scene(stage& on) {
    auto& full = on.make<queue<int>>(1);
    auto& empty = on.make<queue<int>>();
    auto& put = on.make<int>(0);
    const auto fill = [](stage& s, queue<int>& to, int& count) -> coro<> {
        try {
            for (;;) {
                co_await dawdle(s);
                co_await to.put(1);
                ++count;
            }
        } catch (const queue_shut_down&) {
        }
    };
    const auto wait_for_one = [](stage& s, queue<int>& from) -> coro<> {
        co_await dawdle(s);
        try {
            static_cast<void>(co_await from.get());
            demand(false, "an empty queue gives nothing");
        } catch (const queue_shut_down&) {
        }
    };
    for (int number = 0; number < 3; ++number) on.add(fill(on, full, put));
    for (int number = 0; number < 3; ++number) on.add(wait_for_one(on, empty));
    const bool immediate = on.dice(2) == 0;
    on.at(std::chrono::milliseconds(on.dice(6)), [&full, &empty, immediate] {
        full.shutdown(immediate);
        empty.shutdown(immediate);
    });
    on.finally([&full, &put, immediate] {
        demand(immediate || static_cast<int>(full.qsize()) == put, "a shutdown drops what it is told to, and no more");
    });
}

struct tally {
    int accepted = 0;
    int received = 0;
};
template <class T>
coro<> send_some(stage& on, channel_sender<T> to, tally& count) {
    for (int round = 0; round < 4; ++round) {
        co_await to.send(T());
        ++count.accepted;
        co_await dawdle(on);
    }
}
inline void channel_scene(stage& on) {
    auto made = open_channel<int>(on.dice(3));
    auto& count = on.make<tally>();
    const auto receive = [](stage& s, channel_receiver<int> from, tally& counts) -> coro<> {
        const time_point start = s.loop().time();
        while (auto item = co_await from.receive()) {
            ++counts.received;
            co_await dawdle(s);
        }
        demand(s.loop().time() - start < 1min, "everybody is told of the end at once");
    };
    // Takes one item, and keeps its end open.
    const auto receive_one = [](channel_receiver<int> from, tally& counts) -> coro<> {
        if (co_await from.receive()) ++counts.received;
        co_await sleep(2min);
    };
    for (int number = 0; number < 2; ++number) on.add(send_some(on, made.sender.clone(), count));
    on.add(receive_one(made.receiver.clone(), count));
    for (int number = 0; number < 3; ++number) on.add(receive(on, made.receiver.clone(), count));
    on.finally([&count] { demand(count.accepted == count.received, "what a channel accepted was received"); });
}

inline void select_scene(stage& on) {
    auto numbers = open_channel<int>(on.dice(2));
    auto words = open_channel<std::string>(on.dice(2));
    auto& count = on.make<tally>();
    const auto receive = [](stage& s, channel_receiver<int> some, channel_receiver<std::string> others,
                            tally& counts) -> coro<> {
        while (!some.is_closed() || !others.is_closed()) {
            const auto one = co_await select(some, others);
            const bool ended = one.index() == 0 ? !std::get<0>(one) : !std::get<1>(one);
            if (!ended) {
                ++counts.received;
                co_await dawdle(s);
            } else if (one.index() == 0) {
                some.close();
            } else {
                others.close();
            }
        }
    };
    for (int number = 0; number < 2; ++number) {
        on.add(send_some(on, numbers.sender.clone(), count));
        on.add(send_some(on, words.sender.clone(), count));
        on.add(receive(on, numbers.receiver.clone(), words.receiver.clone(), count));
    }
    on.finally([&count] { demand(count.accepted == count.received, "select receives what was accepted"); });
}

// ---- groups and waits ----

// Children of whatever runs them: none of them is left when that has ended.
struct family {
    int alive = 0;
    bool orphaned = false;  // left behind when one of them was cancelled, as gather does
};
inline coro<int> child(stage& on, family& of, int value) {
    ++of.alive;
    const scope_exit end([&of] { --of.alive; });
    co_await dawdle(on);
    co_return value;
}
inline coro<int> endless_child(family& of) {
    ++of.alive;
    const scope_exit end([&of] { --of.alive; });
    co_await sleep(30min);
    co_return 0;
}
inline coro<> failing_child(stage& on, family& of) {
    ++of.alive;
    const scope_exit end([&of] { --of.alive; });
    co_await dawdle(on);
    throw std::runtime_error("on purpose");
}
// A child that waits a little while it is cancelled.
inline coro<> tidy_child(family& of) {
    ++of.alive;
    const scope_exit end([&of] { --of.alive; });
    std::exception_ptr cancellation;
    try {
        co_await sleep(30min);
    } catch (const cancelled_error&) {
        cancellation = std::current_exception();
    }
    if (cancellation) {
        co_await shielded(
            []() -> coro<> { co_await sleep(1ms); }());
        std::rethrow_exception(cancellation);
    }
}

// Runs a block with children, after which none of them is left, and soon.
template <class Block>
coro<> bring_up(stage& on, Block block) {
    auto& children = on.make<family>();
    const time_point start = on.loop().time();
    const auto check = [&] {
        demand(children.alive == 0 || children.orphaned, "no child is left when the block has ended");
        on.expect(on.loop().time() - start < 1min, "children end when they are told to");
    };
    try {
        co_await block(on, children);
    } catch (const cancelled_error&) {
        check();
        throw;
    }
    check();
    co_await sleep(0s);  // where a cancellation arrives that was put off
}

inline coro<> failing_group(stage& on, family& children) {
    std::size_t errors = 0;
    bool failed = false;
    try {
        co_await with_task_group([&](task_group& group) -> coro<> {
            const bool eager = on.dice(2) == 0;
            group.create_task(endless_child(children), {.name = {}, .eager_start = eager});
            group.create_task(tidy_child(children));
            group.create_task(failing_child(on, children), {.name = {}, .eager_start = on.dice(2) == 0});
            if (on.dice(2) == 0) co_await endless_child(children);
        });
    } catch (const error_group& group) {
        failed = true;
        errors = group.size();
    }
    on.expect(failed && errors == 1, "one failure is one error");
}
inline coro<> twice_failing_group(stage& on, family& children) {
    bool both = false;
    try {
        co_await with_task_group([&children](task_group& group) -> coro<> {
            const auto fail = [](family& of) -> coro<> {
                ++of.alive;
                const scope_exit end([&of] { --of.alive; });
                co_await sleep(1ms);  // both are due at once, before the first one's end is seen
                throw std::runtime_error("on purpose");
            };
            auto one = fail(children);
            auto other = fail(children);
            group.create_task(std::move(one), {.name = {}, .eager_start = true});
            group.create_task(std::move(other), {.name = {}, .eager_start = true});
            co_return;
        });
    } catch (const error_group& group) {
        both = group.size() == 2;
    }
    on.expect(both || current_task()->cancelling() > 0, "every error is in the group");
}
inline coro<> quiet_group(stage& on, family& children) {
    task<> cut_short;
    co_await with_task_group([&](task_group& group) -> coro<> {
        group.create_task(child(on, children, 1));
        group.create_task(child(on, children, 2));
        cut_short = group.create_task(with_task_group([&](task_group& inner) -> coro<> {
            inner.create_task(child(on, children, 3));
            inner.create_task(endless_child(children));
            co_await dawdle(on);
            inner.cancel();
        }));
        co_return;
    });
    on.expect(!cut_short.cancelled() && cut_short.cancelling() == 0, "a group that is cancelled ends without an error");
}
inline coro<> started_group(stage& on, family& children) {
    co_await with_task_group([&](task_group& group) -> coro<> {
        const int ready = co_await group.start<int>([&](task_status<int> status) -> coro<> {
            const int value = co_await child(on, children, 4);
            status.started(value);
            co_await endless_child(children);
        });
        demand(ready == 4, "start gives the value that its task said");
        group.cancel();
    });
}

template <coro<> (*Block)(stage&, family&)>
void group_scene(stage& on) {
    on.add(bring_up(on, Block));
    const task<> outside = on.add(bring_up(on, Block));
    on.cancel_at(std::chrono::milliseconds(on.dice(4)), outside);
}

// A child of gather that is cancelled ends the gather and leaves the others behind.
template <class Gather>
coro<> gather_in(family& children, Gather gather) {
    try {
        co_await gather();
    } catch (const cancelled_error&) {
        children.orphaned = current_task()->cancelling() == 0;
        throw;
    }
}
inline coro<> gathering(stage& on, family& children) {
    co_await gather_in(children, [&]() -> coro<> {
        const auto [one, two] = co_await gather(child(on, children, 1), child(on, children, 2));
        demand(one == 1 && two == 2, "gather gives the values in order");
        std::vector<coro<int>> more;
        for (int number = 0; number < 3; ++number) more.push_back(child(on, children, number));
        const std::vector<int> values = co_await gather(std::move(more));
        demand(values == std::vector<int>{0, 1, 2}, "gather of a list gives the values in order");
    });
    const auto [three, four] = co_await all(child(on, children, 3), child(on, children, 4));
    demand(three == 3 && four == 4, "all gives the values in order");
}
inline coro<> gathering_for_ever(stage& on, family& children) {
    bool late = false;
    try {
        if (on.dice(2) == 0) {
            co_await gather_in(children, [&]() -> coro<> {
                co_await wait_for(gather(endless_child(children), tidy_child(children)), 3ms);
            });
        } else {
            co_await wait_for(all(endless_child(children), tidy_child(children)), 3ms);
        }
    } catch (const timeout_error&) {
        late = true;
    }
    demand(late, "a limit ends what it limits");
}
inline coro<> racing(stage& on, family& children) {
    const auto won = co_await race(endless_child(children), child(on, children, 5), tidy_child(children));
    on.expect(won.first == 1 && std::get<1>(won.values) == 5, "the one that ends wins the race");
}
inline coro<> waiting(stage& on, family& children) {
    std::vector<task<int>> tasks;
    for (int number = 0; number < 3; ++number) tasks.push_back(create_task(child(on, children, number)));
    const task<int> endless = create_task(endless_child(children));
    std::exception_ptr cancellation;
    try {
        auto some = tasks;
        some.push_back(endless);
        const auto first = co_await wait(some, {.when = return_when::first_completed});
        demand(!first.done.empty(), "wait ends when one is done");
        const auto most = co_await wait(some, {.timeout = 1s});
        on.expect(most.done.size() == 3 && most.pending.size() == 1, "wait ends when its time is over");
        int ended = 0;
        auto finished = as_completed(tasks);
        while (auto next = co_await finished.next()) {
            if (!next->cancelled()) static_cast<void>(next->result());
            ++ended;
        }
        demand(ended == 3, "as_completed gives each task once");
    } catch (const cancelled_error&) {
        cancellation = std::current_exception();
    }
    for (const auto& each : tasks) each.cancel();
    endless.cancel();
    std::vector<task<int>> rest = std::move(tasks);
    rest.push_back(endless);
    co_await shielded([](std::vector<task<int>> left) -> coro<> { co_await wait(std::move(left)); }(std::move(rest)));
    if (cancellation) std::rethrow_exception(cancellation);
}

// The deadline comes at the same time as the cancellation from outside.
inline coro<> limited(stage& on, family& children) {
    const auto limit = std::chrono::milliseconds(1 + on.dice(3));
    bool late = false;
    try {
        if (on.dice(2) == 0) {
            co_await wait_for(tidy_child(children), limit);
        } else {
            timeout_scope scope(limit);
            co_await scope.run(tidy_child(children));
        }
    } catch (const timeout_error&) {
        late = true;
    }
    demand(late, "a limit ends what it limits");
    demand(!co_await move_on_after(limit, tidy_child(children)), "moving on is not being done");
    const auto value = co_await move_on_after(1s, shielded(child(on, children, 6)));
    demand(value == 6, "what ends in time has its value");
}
// The shield keeps the cancellation of the scope around it away, and puts off one from outside.
inline coro<> shielding(stage& on, family& children) {
    bool whole = false;
    cancel_scope scope({.deadline = on.loop().time() + 1ms});
    co_await scope.run(shielded([](family& of, bool& ended) -> coro<> {
        ++of.alive;
        const scope_exit end([&of] { --of.alive; });
        co_await sleep(3ms);
        ended = true;
    }(children, whole)));
    demand(whole, "what is shielded runs to its end");
}
// A request that is taken back before it was delivered does not disturb.
inline coro<> sparing(stage& on, family& children) {
    const task<int> spared = create_task(child(on, children, 7));
    spared.cancel();
    spared.uncancel();
    bool undisturbed = false;
    try {
        undisturbed = co_await spared == 7;
    } catch (const cancelled_error&) {
        children.orphaned = true;
        if (current_task()->cancelling() > 0) throw;
    }
    on.expect(undisturbed, "a request that was taken back does not disturb");
}

struct scene {
    const char* name;
    void (*set_up)(stage&);
};
inline constexpr scene all_scenes[] = {
    {"lock", lock_scene},
    {"semaphore", semaphore_scene},
    {"capacity limiter", limiter_scene},
    {"event", event_scene},
    {"condition", condition_scene},
    {"barrier", barrier_scene},
    {"queue", queue_scene<queue<int>>},
    {"priority queue", queue_scene<priority_queue<int>>},
    {"LIFO queue", queue_scene<lifo_queue<int>>},
    {"queues that are shut down", shutdown_scene},
    {"channel", channel_scene},
    {"select", select_scene},
    {"group with a failure", group_scene<failing_group>},
    {"group with two failures", group_scene<twice_failing_group>},
    {"groups without a failure", group_scene<quiet_group>},
    {"gather and all", group_scene<gathering>},
    {"gather and all without an end", group_scene<gathering_for_ever>},
    {"race", group_scene<racing>},
    {"wait and as_completed", group_scene<waiting>},
    {"timeouts", group_scene<limited>},
    {"shields", group_scene<shielding>},
    {"requests that are taken back", group_scene<sparing>},
};

// Apart, because a task that is cancelled before it is ready ends without a cancellation: start() throws that.
inline constexpr scene start_scene{"group whose task is started", group_scene<started_group>};

}  // namespace scenes
