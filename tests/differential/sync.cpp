// SPDX-License-Identifier: BSL-1.0
// differential/sync.cpp: lock, event, semaphore, condition and barrier.

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/sync/barrier.hpp>
#include <aioxx/sync/condition.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/sync/lock.hpp>
#include <aioxx/sync/semaphore.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait_for.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

using words = std::string;

coro<> passes(int count) {
    for (int pass = 0; pass < count; ++pass) co_await aioxx::sleep(0s);
}

coro<> all_of(std::vector<task<>> tasks) {
    for (const task<>& each : tasks) co_await each;
}

// ---- lock ----

coro<> locks(tracer& trace, words name, lock& wanted, duration delay) {
    trace(name, "asks", wanted.locked());
    const auto guard = co_await wanted.scoped();
    trace(name, "has it");
    co_await aioxx::sleep(delay);
    trace(name, "releases");
}

coro<> a_lock_is_served_first_come_first_served(tracer& trace) {
    lock wanted;
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c"}) tasks.push_back(create_task(locks(trace, name, wanted, 1s)));
    co_await all_of(tasks);
    trace(wanted.locked());
}

coro<> a_free_lock_does_not_suspend(tracer& trace) {
    lock wanted;
    get_running_loop().call_soon([&] { trace("other"); });
    co_await wanted.acquire();
    trace("acquired", wanted.locked());
    wanted.release();
    trace(wanted.locked());
    co_await aioxx::sleep(0s);
}

coro<> a_free_lock_cannot_be_released(tracer& trace) {
    lock wanted;
    try {
        wanted.release();
    } catch (const invalid_state_error&) {
        trace(why());
    }
    co_return;
}

coro<> a_task_that_waits_for_a_lock_is_cancelled(tracer& trace) {
    lock wanted;
    co_await wanted.acquire();
    const auto a = create_task(locks(trace, "a", wanted, 0s));
    const auto b = create_task(locks(trace, "b", wanted, 0s));
    co_await aioxx::sleep(1s);
    a.cancel();
    co_await watches(trace, "main", a);
    wanted.release();
    co_await b;
    trace(wanted.locked());
}

coro<> a_task_that_was_given_a_lock_is_cancelled(tracer& trace) {
    lock wanted;
    co_await wanted.acquire();
    const auto a = create_task(locks(trace, "a", wanted, 0s));
    const auto b = create_task(locks(trace, "b", wanted, 0s));
    co_await aioxx::sleep(1s);
    wanted.release();
    a.cancel();
    co_await watches(trace, "main", a);
    co_await b;
    trace(wanted.locked());
}

coro<> the_only_task_that_was_given_a_lock_is_cancelled(tracer& trace) {
    lock wanted;
    co_await wanted.acquire();
    const auto a = create_task(locks(trace, "a", wanted, 0s));
    co_await aioxx::sleep(1s);
    wanted.release();
    a.cancel();
    co_await watches(trace, "main", a);
    trace(wanted.locked());
    co_await locks(trace, "main", wanted, 0s);
}

coro<> a_newcomer_does_not_overtake(tracer& trace) {
    lock wanted;
    co_await wanted.acquire();
    const auto a = create_task(locks(trace, "a", wanted, 0s));
    co_await aioxx::sleep(1s);
    wanted.release();
    {
        const auto guard = co_await wanted.scoped();
        trace("main has it");
    }
    co_await a;
}

coro<> a_lock_on_its_way_to_the_next_task(tracer& trace) {
    lock wanted;
    co_await wanted.acquire();
    const auto a = create_task(locks(trace, "a", wanted, 0s));
    co_await aioxx::sleep(1s);
    wanted.release();
    trace(wanted.locked());
    co_await a;
}

coro<> acquires(lock& wanted) { co_await wanted.acquire(); }

coro<> waiting_for_a_lock_with_a_timeout(tracer& trace) {
    lock wanted;
    co_await wanted.acquire();
    try {
        co_await wait_for(acquires(wanted), 1s);
    } catch (const timeout_error&) {
        trace("main caught", why());
    }
    wanted.release();
    trace(wanted.locked());
}

// ---- event ----

coro<> waits(tracer& trace, words name, event& awaited) {
    co_await awaited.wait();
    trace(name, "passes", awaited.is_set());
}

coro<> an_event_wakes_all_in_order(tracer& trace) {
    event awaited;
    const auto a = create_task(waits(trace, "a", awaited));
    const auto b = create_task(waits(trace, "b", awaited));
    co_await aioxx::sleep(1s);
    awaited.set();
    trace("set");
    co_await a;
    co_await b;
    co_await waits(trace, "main", awaited);
}

coro<> an_event_that_is_cleared_at_once_wakes_all_the_same(tracer& trace) {
    event awaited;
    const auto a = create_task(waits(trace, "a", awaited));
    const auto b = create_task(waits(trace, "b", awaited));
    co_await aioxx::sleep(1s);
    awaited.set();
    awaited.clear();
    const auto late = create_task(waits(trace, "late", awaited));
    co_await a;
    co_await b;
    trace(outcome(late));
    awaited.set();
    co_await late;
}

coro<> a_task_that_waits_for_an_event_is_cancelled(tracer& trace) {
    event awaited;
    const auto a = create_task(waits(trace, "a", awaited));
    const auto b = create_task(waits(trace, "b", awaited));
    co_await aioxx::sleep(1s);
    a.cancel("enough");
    awaited.set();
    co_await watches(trace, "main", a);
    co_await watches(trace, "main", b);
}

coro<> a_task_that_was_woken_by_an_event_is_cancelled(tracer& trace) {
    event awaited;
    const auto waiting = create_task(waits(trace, "a", awaited));
    co_await aioxx::sleep(1s);
    awaited.set();
    waiting.cancel("enough");
    co_await watches(trace, "main", waiting);
}

// ---- semaphore ----

coro<> takes(tracer& trace, words name, semaphore& units, duration delay) {
    const auto unit = co_await units.scoped();
    trace(name, "has one", units.locked());
    co_await aioxx::sleep(delay);
    trace(name, "gives it back");
}

coro<> a_semaphore_lets_as_many_in_as_it_has(tracer& trace) {
    semaphore units(2);
    std::vector<task<>> tasks;
    tasks.push_back(create_task(takes(trace, "a", units, 3s)));
    tasks.push_back(create_task(takes(trace, "b", units, 1s)));
    tasks.push_back(create_task(takes(trace, "c", units, 2s)));
    tasks.push_back(create_task(takes(trace, "d", units, 1s)));
    tasks.push_back(create_task(takes(trace, "e", units, 1s)));
    co_await all_of(tasks);
    trace(units.locked());
}

coro<> a_semaphore_of_zero(tracer& trace) {
    semaphore units(0);
    const auto a = create_task(takes(trace, "a", units, 0s));
    co_await aioxx::sleep(1s);
    trace(units.locked());
    units.release();
    co_await a;
    trace(units.locked());
}

coro<> several_units_are_released_in_a_row(tracer& trace) {
    semaphore units(0);
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c"}) tasks.push_back(create_task(takes(trace, name, units, 0s)));
    co_await aioxx::sleep(1s);
    units.release();
    units.release();
    trace(units.locked());
    co_await all_of(tasks);
}

coro<> a_newcomer_does_not_overtake_at_a_semaphore(tracer& trace) {
    semaphore units(1);
    co_await units.acquire();
    const auto a = create_task(takes(trace, "a", units, 0s));
    co_await aioxx::sleep(1s);
    units.release();
    co_await takes(trace, "main", units, 0s);
    co_await a;
}

coro<> a_task_that_waits_for_a_semaphore_is_cancelled(tracer& trace) {
    semaphore units(1);
    co_await units.acquire();
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c"}) tasks.push_back(create_task(takes(trace, name, units, 0s)));
    co_await aioxx::sleep(1s);
    tasks[1].cancel();
    units.release();
    for (const task<>& each : tasks) co_await watches(trace, "main", each);
    trace(units.locked());
}

coro<> a_task_that_was_given_a_unit_is_cancelled(tracer& trace) {
    semaphore units(1);
    co_await units.acquire();
    const auto a = create_task(takes(trace, "a", units, 0s));
    const auto b = create_task(takes(trace, "b", units, 0s));
    co_await aioxx::sleep(1s);
    units.release();
    a.cancel();
    co_await watches(trace, "main", a);
    co_await watches(trace, "main", b);
    trace(units.locked());
}

coro<> a_bounded_semaphore_refuses_too_many(tracer& trace) {
    semaphore units(1, 1);
    co_await units.acquire();
    units.release();
    try {
        units.release();
    } catch (const std::logic_error&) {
        trace(why());
    }
    trace(units.locked());
}

coro<> an_unbounded_semaphore_grows(tracer& trace) {
    semaphore units(1);
    units.release();
    co_await units.acquire();
    trace(units.locked());
    co_await units.acquire();
    trace(units.locked());
}

// ---- condition ----

coro<> expects(tracer& trace, words name, condition& changed) {
    const auto guard = co_await changed.scoped();
    try {
        co_await changed.wait();
        trace(name, "notified", changed.locked());
    } catch (const cancelled_error&) {
        trace(name, "caught", why(), changed.locked());
        throw;
    }
}

coro<> notify_wakes_as_many_as_asked(tracer& trace) {
    condition changed;
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c", "d"}) tasks.push_back(create_task(expects(trace, name, changed)));
    co_await aioxx::sleep(1s);
    for (const std::size_t count : {1U, 2U}) {
        {
            const auto guard = co_await changed.scoped();
            changed.notify(count);
            trace("notified", count);
        }
        co_await aioxx::sleep(1s);
    }
    {
        const auto guard = co_await changed.scoped();
        changed.notify_all();
        trace("notified all");
    }
    co_await all_of(tasks);
}

coro<> notify(condition& changed, std::size_t count = 1) {
    const auto guard = co_await changed.scoped();
    changed.notify(count);
}

coro<> notify_of_more_than_there_are(tracer& trace) {
    condition changed;
    const auto a = create_task(expects(trace, "a", changed));
    co_await aioxx::sleep(1s);
    co_await notify(changed, 5);
    co_await a;
    const auto late = create_task(expects(trace, "late", changed));
    co_await aioxx::sleep(1s);
    trace(outcome(late));
    co_await notify(changed);
    co_await late;
}

coro<> a_condition_wants_its_lock_held(tracer& trace) {
    condition changed;
    const auto attempt = [&](const std::function<void()>& operation) {
        try {
            operation();
        } catch (const invalid_state_error&) {
            trace(why());
        }
    };
    attempt([&] { changed.notify(); });
    attempt([&] { changed.notify_all(); });
    attempt([&] { changed.release(); });
    try {
        co_await changed.wait();
    } catch (const invalid_state_error&) {
        trace(why());
    }
}

coro<> a_task_that_waits_for_a_condition_is_cancelled(tracer& trace) {
    condition changed;
    const auto a = create_task(expects(trace, "a", changed));
    const auto b = create_task(expects(trace, "b", changed));
    co_await aioxx::sleep(1s);
    a.cancel("enough");
    co_await watches(trace, "main", a);
    trace(changed.locked());
    co_await notify(changed);
    co_await b;
}

coro<> a_cancelled_task_waits_for_the_lock_of_its_condition(tracer& trace) {
    condition changed;
    const auto a = create_task(expects(trace, "a", changed));
    co_await aioxx::sleep(1s);
    {
        const auto guard = co_await changed.scoped();
        a.cancel("enough");
        co_await aioxx::sleep(2s);
        trace("main releases", outcome(a));
    }
    co_await watches(trace, "main", a);
    trace(changed.locked());
}

coro<> a_task_that_was_notified_is_cancelled(tracer& trace) {
    condition changed;
    const auto a = create_task(expects(trace, "a", changed));
    const auto b = create_task(expects(trace, "b", changed));
    co_await aioxx::sleep(1s);
    {
        const auto guard = co_await changed.scoped();
        changed.notify();
        a.cancel("enough");
    }
    co_await watches(trace, "main", a);
    co_await passes(5);
    trace(outcome(b));
    {
        const auto guard = co_await changed.scoped();
        changed.notify_all();
    }
    co_await watches(trace, "main", b);
}

coro<> collects(tracer& trace, condition& changed, const std::vector<int>& numbers) {
    const auto guard = co_await changed.scoped();
    trace(co_await changed.wait_for([&] { return numbers.size() >= 3; }));
}

coro<> condition_wait_for_a_predicate(tracer& trace) {
    condition changed;
    std::vector<int> numbers;
    const auto collecting = create_task(collects(trace, changed, numbers));
    for (int number = 0; number < 4; ++number) {
        co_await aioxx::sleep(1s);
        const auto guard = co_await changed.scoped();
        numbers.push_back(number);
        trace("added", number);
        changed.notify();
    }
    co_await collecting;
}

coro<> waits_for_change(condition& changed) { co_await changed.wait(); }

coro<> a_wait_for_a_condition_that_times_out(tracer& trace) {
    condition changed;
    {
        const auto guard = co_await changed.scoped();
        try {
            co_await wait_for(waits_for_change(changed), 1s);
        } catch (const timeout_error&) {
            trace(why(), changed.locked());
        }
    }
    trace(changed.locked());
}

// ---- barrier ----

coro<> meets(tracer& trace, words name, barrier& all) {
    try {
        const std::size_t index = co_await all.wait();
        trace(name, "passes as", index);
    } catch (const broken_barrier_error&) {
        trace(name, "caught broken barrier");
    }
}

coro<> a_barrier_lets_all_pass_together(tracer& trace) {
    barrier all(3);
    trace(all.parties(), all.n_waiting(), all.broken());
    const auto a = create_task(meets(trace, "a", all));
    const auto b = create_task(meets(trace, "b", all));
    co_await aioxx::sleep(1s);
    trace(all.n_waiting());
    co_await meets(trace, "main", all);
    co_await a;
    co_await b;
    trace(all.n_waiting());
}

coro<> a_barrier_is_used_again(tracer& trace) {
    barrier all(2);
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c", "d"}) tasks.push_back(create_task(meets(trace, name, all)));
    co_await all_of(tasks);
}

coro<> a_barrier_of_one(tracer& trace) {
    barrier all(1);
    get_running_loop().call_soon([&] { trace("other"); });
    co_await meets(trace, "main", all);
    co_await aioxx::sleep(0s);
    co_await meets(trace, "main", all);
}

coro<> a_task_that_waits_at_a_barrier_is_cancelled(tracer& trace) {
    barrier all(3);
    const auto a = create_task(meets(trace, "a", all));
    const auto b = create_task(meets(trace, "b", all));
    co_await aioxx::sleep(1s);
    a.cancel();
    co_await watches(trace, "main", a);
    trace(all.n_waiting());
    const auto c = create_task(meets(trace, "c", all));
    co_await aioxx::sleep(1s);
    co_await meets(trace, "main", all);
    co_await b;
    co_await c;
}

coro<> a_barrier_is_reset(tracer& trace) {
    barrier all(3);
    const auto a = create_task(meets(trace, "a", all));
    const auto b = create_task(meets(trace, "b", all));
    co_await aioxx::sleep(1s);
    all.reset();
    co_await a;
    co_await b;
    trace(all.n_waiting(), all.broken());
}

coro<> a_barrier_is_aborted(tracer& trace) {
    barrier all(2);
    const auto first = create_task(meets(trace, "a", all));
    co_await aioxx::sleep(1s);
    all.abort();
    co_await first;
    trace(all.broken());
    co_await meets(trace, "main", all);
    all.reset();
    trace(all.broken());
    const auto second = create_task(meets(trace, "a", all));
    co_await aioxx::sleep(1s);
    co_await meets(trace, "main", all);
    co_await second;
}

coro<> a_barrier_of_nobody(tracer& trace) {
    try {
        const barrier nobody(0);
    } catch (const std::invalid_argument&) {
        trace(why());
    }
    co_return;
}

}  // namespace

const scenarios sync_scenarios = {
    {"a_lock_is_served_first_come_first_served", a_lock_is_served_first_come_first_served},
    {"a_free_lock_does_not_suspend", a_free_lock_does_not_suspend},
    {"a_free_lock_cannot_be_released", a_free_lock_cannot_be_released},
    {"a_task_that_waits_for_a_lock_is_cancelled", a_task_that_waits_for_a_lock_is_cancelled},
    {"a_task_that_was_given_a_lock_is_cancelled", a_task_that_was_given_a_lock_is_cancelled},
    {"the_only_task_that_was_given_a_lock_is_cancelled", the_only_task_that_was_given_a_lock_is_cancelled},
    {"a_newcomer_does_not_overtake", a_newcomer_does_not_overtake},
    {"a_lock_on_its_way_to_the_next_task", a_lock_on_its_way_to_the_next_task},
    {"waiting_for_a_lock_with_a_timeout", waiting_for_a_lock_with_a_timeout},
    {"an_event_wakes_all_in_order", an_event_wakes_all_in_order},
    {"an_event_that_is_cleared_at_once_wakes_all_the_same",
     an_event_that_is_cleared_at_once_wakes_all_the_same},
    {"a_task_that_waits_for_an_event_is_cancelled", a_task_that_waits_for_an_event_is_cancelled},
    {"a_task_that_was_woken_by_an_event_is_cancelled", a_task_that_was_woken_by_an_event_is_cancelled},
    {"a_semaphore_lets_as_many_in_as_it_has", a_semaphore_lets_as_many_in_as_it_has},
    {"a_semaphore_of_zero", a_semaphore_of_zero},
    {"several_units_are_released_in_a_row", several_units_are_released_in_a_row},
    {"a_newcomer_does_not_overtake_at_a_semaphore", a_newcomer_does_not_overtake_at_a_semaphore},
    {"a_task_that_waits_for_a_semaphore_is_cancelled", a_task_that_waits_for_a_semaphore_is_cancelled},
    {"a_task_that_was_given_a_unit_is_cancelled", a_task_that_was_given_a_unit_is_cancelled},
    {"a_bounded_semaphore_refuses_too_many", a_bounded_semaphore_refuses_too_many},
    {"an_unbounded_semaphore_grows", an_unbounded_semaphore_grows},
    {"notify_wakes_as_many_as_asked", notify_wakes_as_many_as_asked},
    {"notify_of_more_than_there_are", notify_of_more_than_there_are},
    {"a_condition_wants_its_lock_held", a_condition_wants_its_lock_held},
    {"a_task_that_waits_for_a_condition_is_cancelled", a_task_that_waits_for_a_condition_is_cancelled},
    {"a_cancelled_task_waits_for_the_lock_of_its_condition",
     a_cancelled_task_waits_for_the_lock_of_its_condition},
    {"a_task_that_was_notified_is_cancelled", a_task_that_was_notified_is_cancelled},
    {"condition_wait_for_a_predicate", condition_wait_for_a_predicate},
    {"a_wait_for_a_condition_that_times_out", a_wait_for_a_condition_that_times_out},
    {"a_barrier_lets_all_pass_together", a_barrier_lets_all_pass_together},
    {"a_barrier_is_used_again", a_barrier_is_used_again},
    {"a_barrier_of_one", a_barrier_of_one},
    {"a_task_that_waits_at_a_barrier_is_cancelled", a_task_that_waits_at_a_barrier_is_cancelled},
    {"a_barrier_is_reset", a_barrier_is_reset},
    {"a_barrier_is_aborted", a_barrier_is_aborted},
    {"a_barrier_of_nobody", a_barrier_of_nobody},
};

}  // namespace differential
