// SPDX-License-Identifier: BSL-1.0
// differential/queues.cpp: first in first out, least first, newest first; room, join and shutdown.

#include <string>
#include <utility>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/sync/priority_queue.hpp>
#include <aioxx/sync/queue.hpp>
#include <aioxx/tasks/sleep.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

using words = std::string;

template <class Queue>
coro<> gets(tracer& trace, words name, Queue& items) {
    const int item = co_await items.get();
    trace(name, "got", item);
}

coro<> puts(tracer& trace, words name, queue<int>& items, int item) {
    co_await items.put(item);
    trace(name, "put", item);
}

coro<> items_come_out_in_the_order_in_which_they_went_in(tracer& trace) {
    queue<int> items;
    for (const int item : {3, 1, 2}) co_await items.put(item);
    trace(items.qsize(), items.empty(), items.full());
    std::vector<int> all;
    for (int count = 0; count < 3; ++count) all.push_back(items.get_nowait());
    trace(all);
    trace(items.qsize(), items.empty());
}

template <class Queue>
coro<> goes_through(tracer& trace, Queue& items) {
    for (const int item : {3, 1, 2}) co_await items.put(item);
    std::vector<int> all;
    for (int count = 0; count < 3; ++count) {
        const int item = co_await items.get();
        all.push_back(item);
    }
    trace(all);
}

coro<> the_least_item_comes_out_first(tracer& trace) {
    aioxx::priority_queue<int> items;
    co_await goes_through(trace, items);
}

coro<> the_newest_item_comes_out_first(tracer& trace) {
    lifo_queue<int> items;
    co_await goes_through(trace, items);
}

coro<> an_empty_queue_and_a_full_one_refuse(tracer& trace) {
    queue<int> items(1);
    try {
        items.get_nowait();
    } catch (const queue_empty&) {
        trace(why());
    }
    items.put_nowait(1);
    trace(items.full(), items.maxsize());
    try {
        items.put_nowait(2);
    } catch (const queue_full&) {
        trace(why());
    }
    trace(items.qsize());
    co_return;
}

coro<> getting_and_putting_do_not_suspend_when_they_need_not(tracer& trace) {
    queue<int> items(1);
    get_running_loop().call_soon([&] { trace("other"); });
    co_await items.put(1);
    trace(co_await items.get());
    co_await aioxx::sleep(0s);
}

coro<> getters_are_served_in_order(tracer& trace) {
    queue<int> items;
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b", "c"}) tasks.push_back(create_task(gets(trace, name, items)));
    co_await aioxx::sleep(1s);
    for (const int item : {1, 2, 3}) items.put_nowait(item);
    for (const task<>& each : tasks) co_await each;
}

coro<> putters_are_served_in_order(tracer& trace) {
    queue<int> items(1);
    const auto a = create_task(puts(trace, "a", items, 1));
    const auto b = create_task(puts(trace, "b", items, 2));
    const auto c = create_task(puts(trace, "c", items, 3));
    co_await aioxx::sleep(1s);
    for (int count = 0; count < 3; ++count) {
        const int item = co_await items.get();
        trace("main got", item);
        co_await aioxx::sleep(1s);
    }
    co_await a;
    co_await b;
    co_await c;
}

coro<> produces(tracer& trace, queue<int>& items) {
    for (int item = 0; item < 6; ++item) {
        co_await items.put(item);
        trace("put", item);
    }
}

coro<> consumes(tracer& trace, queue<int>& items) {
    for (int count = 0; count < 6; ++count) {
        co_await aioxx::sleep(1s);
        const int item = co_await items.get();
        trace("got", item);
    }
}

coro<> a_producer_and_a_consumer_of_a_small_queue(tracer& trace) {
    queue<int> items(2);
    const auto producer = create_task(produces(trace, items));
    co_await consumes(trace, items);
    co_await producer;
}

coro<> a_getter_is_cancelled(tracer& trace) {
    queue<int> items;
    const auto a = create_task(gets(trace, "a", items));
    const auto b = create_task(gets(trace, "b", items));
    co_await aioxx::sleep(1s);
    a.cancel();
    items.put_nowait(1);
    co_await watches(trace, "main", a);
    co_await b;
}

coro<> a_getter_is_cancelled_after_an_item_came(tracer& trace) {
    queue<int> items;
    const auto a = create_task(gets(trace, "a", items));
    const auto b = create_task(gets(trace, "b", items));
    co_await aioxx::sleep(1s);
    items.put_nowait(1);
    a.cancel();
    co_await watches(trace, "main", a);
    co_await b;
    trace(items.qsize());
}

coro<> the_only_getter_is_cancelled_after_an_item_came(tracer& trace) {
    queue<int> items;
    const auto a = create_task(gets(trace, "a", items));
    co_await aioxx::sleep(1s);
    items.put_nowait(1);
    a.cancel();
    co_await watches(trace, "main", a);
    const std::size_t size = items.qsize();
    trace(size, items.get_nowait());
}

coro<> a_putter_is_cancelled(tracer& trace) {
    queue<int> items(1);
    items.put_nowait(0);
    const auto a = create_task(puts(trace, "a", items, 1));
    const auto b = create_task(puts(trace, "b", items, 2));
    co_await aioxx::sleep(1s);
    a.cancel();
    trace(items.get_nowait());
    co_await watches(trace, "main", a);
    co_await b;
    const int item = items.get_nowait();
    trace(item, items.empty());
}

coro<> a_putter_is_cancelled_after_there_was_room(tracer& trace) {
    queue<int> items(1);
    items.put_nowait(0);
    const auto a = create_task(puts(trace, "a", items, 1));
    const auto b = create_task(puts(trace, "b", items, 2));
    co_await aioxx::sleep(1s);
    trace(items.get_nowait());
    a.cancel();
    co_await watches(trace, "main", a);
    co_await b;
    const int item = items.get_nowait();
    trace(item, items.empty());
}

coro<> a_getter_that_comes_later_and_an_item_on_its_way(tracer& trace) {
    queue<int> items;
    const auto a = create_task(gets(trace, "a", items));
    co_await aioxx::sleep(1s);
    items.put_nowait(1);
    trace(items.qsize());
    const auto b = create_task(gets(trace, "b", items));
    co_await aioxx::sleep(1s);
    trace(outcome(a), outcome(b));
    items.put_nowait(2);
    co_await a;
    co_await b;
}

coro<> get_nowait_while_a_getter_is_being_woken(tracer& trace) {
    queue<int> items;
    const auto a = create_task(gets(trace, "a", items));
    co_await aioxx::sleep(1s);
    items.put_nowait(1);
    try {
        trace("main got", items.get_nowait());
    } catch (const queue_empty&) {
        trace("main", why());
    }
    co_await aioxx::sleep(0s);
    trace(outcome(a));
    items.put_nowait(2);
    co_await aioxx::sleep(1s);
    trace(outcome(a));
}

coro<> getters_of_a_priority_queue(tracer& trace) {
    aioxx::priority_queue<int> items;
    const auto a = create_task(gets(trace, "a", items));
    const auto b = create_task(gets(trace, "b", items));
    co_await aioxx::sleep(1s);
    for (const int item : {3, 2, 1}) items.put_nowait(item);
    co_await a;
    co_await b;
    trace(items.get_nowait());
}

coro<> works(tracer& trace, words name, queue<int>& items) {
    while (true) {
        const int item = co_await items.get();
        co_await aioxx::sleep(std::chrono::seconds(item));
        trace(name, "did", item);
        items.task_done();
    }
}

coro<> join_waits_for_the_last_item_to_be_done(tracer& trace) {
    queue<int> items;
    std::vector<task<>> workers;
    for (const char* name : {"a", "b"}) workers.push_back(create_task(works(trace, name, items)));
    for (const int item : {3, 1, 1}) items.put_nowait(item);
    co_await items.join();
    trace("joined");
    for (const task<>& worker : workers) {
        worker.cancel();
        co_await watches(trace, "main", worker);
    }
}

coro<> join_of_an_empty_queue_does_not_suspend(tracer& trace) {
    queue<int> items;
    get_running_loop().call_soon([&] { trace("other"); });
    co_await items.join();
    trace("joined");
    co_await aioxx::sleep(0s);
}

coro<> task_done_too_often(tracer& trace) {
    queue<int> items;
    items.put_nowait(1);
    items.get_nowait();
    items.task_done();
    try {
        items.task_done();
    } catch (const std::logic_error&) {
        trace(why());
    }
    co_return;
}

coro<> gets_or_fails(tracer& trace, queue<int>& items) {
    try {
        const int item = co_await items.get();
        trace("get has", item);
    } catch (const queue_shut_down&) {
        trace("get caught", why());
    }
}

coro<> a_queue_that_is_shut_down_is_drained(tracer& trace) {
    queue<int> items;
    items.put_nowait(1);
    items.shutdown();
    items.shutdown();
    try {
        co_await items.put(2);
    } catch (const queue_shut_down&) {
        trace("put caught", why());
    }
    co_await gets_or_fails(trace, items);
    co_await gets_or_fails(trace, items);
    try {
        items.get_nowait();
    } catch (const queue_shut_down&) {
        trace(why());
    }
}

coro<> shutdown_wakes_those_who_wait_in_vain(tracer& trace) {
    queue<int> full(1);
    queue<int> empty;
    full.put_nowait(0);
    std::vector<task<>> tasks;
    for (const char* name : {"a", "b"}) tasks.push_back(create_task(gets(trace, name, empty)));
    for (const char* name : {"c", "d"}) tasks.push_back(create_task(puts(trace, name, full, 1)));
    co_await aioxx::sleep(1s);
    full.shutdown();
    empty.shutdown();
    for (const task<>& each : tasks) co_await watches(trace, "main", each);
    trace(full.get_nowait());
}

coro<> joins(tracer& trace, queue<int>& items) {
    co_await items.join();
    trace("joined");
}

coro<> an_immediate_shutdown_drops_the_items_and_ends_join(tracer& trace) {
    queue<int> items;
    items.put_nowait(1);
    items.put_nowait(2);
    const auto joining = create_task(joins(trace, items));
    co_await aioxx::sleep(1s);
    items.shutdown(true);
    trace(items.qsize());
    co_await joining;
    co_await gets_or_fails(trace, items);
}

}  // namespace

const scenarios queues_scenarios = {
    {"items_come_out_in_the_order_in_which_they_went_in", items_come_out_in_the_order_in_which_they_went_in},
    {"the_least_item_comes_out_first", the_least_item_comes_out_first},
    {"the_newest_item_comes_out_first", the_newest_item_comes_out_first},
    {"an_empty_queue_and_a_full_one_refuse", an_empty_queue_and_a_full_one_refuse},
    {"getting_and_putting_do_not_suspend_when_they_need_not",
     getting_and_putting_do_not_suspend_when_they_need_not},
    {"getters_are_served_in_order", getters_are_served_in_order},
    {"putters_are_served_in_order", putters_are_served_in_order},
    {"a_producer_and_a_consumer_of_a_small_queue", a_producer_and_a_consumer_of_a_small_queue},
    {"a_getter_is_cancelled", a_getter_is_cancelled},
    {"a_getter_is_cancelled_after_an_item_came", a_getter_is_cancelled_after_an_item_came},
    {"the_only_getter_is_cancelled_after_an_item_came", the_only_getter_is_cancelled_after_an_item_came},
    {"a_putter_is_cancelled", a_putter_is_cancelled},
    {"a_putter_is_cancelled_after_there_was_room", a_putter_is_cancelled_after_there_was_room},
    {"a_getter_that_comes_later_and_an_item_on_its_way", a_getter_that_comes_later_and_an_item_on_its_way},
    {"get_nowait_while_a_getter_is_being_woken", get_nowait_while_a_getter_is_being_woken},
    {"getters_of_a_priority_queue", getters_of_a_priority_queue},
    {"join_waits_for_the_last_item_to_be_done", join_waits_for_the_last_item_to_be_done},
    {"join_of_an_empty_queue_does_not_suspend", join_of_an_empty_queue_does_not_suspend},
    {"task_done_too_often", task_done_too_often},
    {"a_queue_that_is_shut_down_is_drained", a_queue_that_is_shut_down_is_drained},
    {"shutdown_wakes_those_who_wait_in_vain", shutdown_wakes_those_who_wait_in_vain},
    {"an_immediate_shutdown_drops_the_items_and_ends_join",
     an_immediate_shutdown_drops_the_items_and_ends_join},
};

}  // namespace differential
