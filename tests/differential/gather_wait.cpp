// SPDX-License-Identifier: BSL-1.0
// differential/gather_wait.cpp: several things at the same time: gather, shield, wait and as_completed.

#include <exception>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/as_completed.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/shield.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/wait.hpp>

#include "differential/harness.hpp"

namespace differential {
namespace {

using words = std::string;

coro<words> gives(tracer& trace, words value, duration delay) {
    trace("begins", value);
    co_await aioxx::sleep(delay);
    trace("ends", value);
    co_return value;
}

coro<words> fails(tracer& trace, words what, duration delay) {
    trace("begins", what);
    co_await aioxx::sleep(delay);
    trace("fails", what);
    throw failure(what);
}

coro<words> cleans_up(tracer& trace, words name, duration cleanup) {
    std::exception_ptr cancellation;
    try {
        co_await aioxx::sleep(10s);
        co_return name;
    } catch (const cancelled_error&) {
        trace(name, "caught", why());
        cancellation = std::current_exception();
    }
    co_await aioxx::sleep(cleanup);
    trace(name, "cleaned up");
    std::rethrow_exception(cancellation);
}

coro<words> swallows(tracer& trace, words name) {
    try {
        co_await aioxx::sleep(10s);
    } catch (const cancelled_error&) {
        trace(name, "swallows", why());
    }
    co_return name;
}

// Waits until a task is done, whatever its end.
coro<> ended(task<> awaited) {
    try {
        co_await awaited;
    } catch (...) {
        static_cast<void>(awaited.done());
    }
}

// ---- gather ----

coro<> gather_gives_values_in_the_order_of_arguments(tracer& trace) {
    auto [a, b, c] = co_await gather(gives(trace, "a", 3s), gives(trace, "b", 1s), gives(trace, "c", 2s));
    trace(std::vector{a, b, c});
}

coro<> gather_of_nothing(tracer& trace) {
    get_running_loop().call_soon([&] { trace("other"); });
    trace(co_await gather(std::vector<task<words>>{}));
    co_await aioxx::sleep(0s);
}

coro<> gather_of_done_ones(tracer& trace) {
    const auto text = create_future<words>();
    text.set_result("future");
    const auto given = create_task(gives(trace, "task", 1s));
    co_await given;
    const auto [first, second] = co_await gather(text, given);
    trace(std::vector{first, second});
}

coro<> gather_of_futures_and_tasks_and_coroutines(tracer& trace) {
    const auto text = create_future<words>();
    get_running_loop().call_later(2s, [text] { text.set_result("future"); });
    const auto given = create_task(gives(trace, "task", 3s));
    const auto [first, second, third] = co_await gather(text, given, gives(trace, "coroutine", 1s));
    trace(std::vector{first, second, third});
}

coro<> gather_takes_the_same_task_twice(tracer& trace) {
    const auto given = create_task(gives(trace, "a", 1s));
    const auto [first, second, third] = co_await gather(given, gives(trace, "b", 2s), given);
    trace(std::vector{first, second, third});
}

coro<> gather_throws_the_first_exception_at_once_and_the_others_run_on(tracer& trace) {
    try {
        co_await gather(gives(trace, "a", 3s), fails(trace, "x", 1s), gives(trace, "b", 2s));
    } catch (const failure&) {
        trace("main caught", why());
    }
    co_await aioxx::sleep(5s);
    trace("end");
}

coro<> gather_does_not_report_later_errors(tracer& trace) {
    try {
        co_await gather(fails(trace, "x", 1s), fails(trace, "y", 2s));
    } catch (const failure&) {
        trace("main caught", why());
    }
    co_await aioxx::sleep(5s);
    trace("end");
}

coro<> gather_with_two_errors_in_one_pass(tracer& trace) {
    try {
        co_await gather(gives(trace, "a", 1s), fails(trace, "x", 2s), fails(trace, "y", 2s));
    } catch (const failure&) {
        trace("main caught", why());
    }
}

coro<> gather_of_one_that_has_failed_already(tracer& trace) {
    const auto failed = create_task(fails(trace, "x", 1s));
    co_await aioxx::sleep(2s);
    const auto other = create_task(gives(trace, "a", 1s));
    try {
        co_await gather(other, failed);
    } catch (const failure&) {
        trace("main caught", why(), outcome(other));
    }
    co_await other;
}

coro<> gather_with_exceptions_as_results(tracer& trace) {
    const auto cancelled = create_task(gives(trace, "cancelled", 10s));
    get_running_loop().call_later(1s, [cancelled] { cancelled.cancel("enough"); });
    auto [a, x, c, y] = co_await gather_results(gives(trace, "a", 3s), fails(trace, "x", 2s), cancelled,
                                                fails(trace, "y", 1s));
    std::vector<result<words>> all;
    all.push_back(std::move(a));
    all.push_back(std::move(x));
    all.push_back(std::move(c));
    all.push_back(std::move(y));
    trace(all);
}

coro<> gather_counts_a_cancelled_child_as_an_exception(tracer& trace) {
    const auto child = create_task(gives(trace, "child", 10s));
    const auto other = create_task(gives(trace, "other", 3s));
    get_running_loop().call_later(1s, [child] { child.cancel("enough"); });
    try {
        co_await gather(child, other);
    } catch (const cancelled_error&) {
        trace("main caught", why(), current_task()->cancelling(), outcome(other));
    }
    trace(co_await other);
}

using children = std::vector<task<words>>;

coro<> gathers(tracer& trace, children awaited) {
    try {
        const std::vector<words> values = co_await gather(awaited);
        trace("gathered", values);
    } catch (const cancelled_error&) {
        trace("gather threw", why());
        throw;
    }
}

coro<> gathers_results(tracer& trace, children awaited) {
    try {
        const std::vector<result<words>> values = co_await gather_results(awaited);
        trace("gathered", values);
    } catch (const cancelled_error&) {
        trace("gather threw", why());
        throw;
    }
}

children two_tasks(coro<words> a, coro<words> b) {
    children both;
    both.push_back(create_task(std::move(a)));
    both.push_back(create_task(std::move(b)));
    return both;
}

std::vector<words> outcomes(const children& all) {
    std::vector<words> texts;
    for (const auto& child : all) texts.push_back(outcome(child));
    return texts;
}

coro<> cancelling_gather_cancels_the_children(tracer& trace) {
    const children both = two_tasks(gives(trace, "a", 10s), gives(trace, "b", 10s));
    const auto gathering = create_task(gathers(trace, both));
    co_await aioxx::sleep(1s);
    gathering.cancel("enough");
    trace(std::vector{both[0].cancelling(), both[1].cancelling()});
    co_await ended(gathering);
    trace(outcome(gathering), outcomes(both));
}

coro<> cancelling_gather_with_children_of_slow_cleanup(tracer& trace) {
    const children both = two_tasks(cleans_up(trace, "a", 1s), cleans_up(trace, "b", 3s));
    const auto gathering = create_task(gathers(trace, both));
    co_await aioxx::sleep(1s);
    gathering.cancel("enough");
    co_await watches(trace, "main", gathering);
    trace(outcomes(both));
    co_await aioxx::sleep(5s);
}

coro<> cancelling_gather_of_results_with_children_of_slow_cleanup(tracer& trace) {
    const children both = two_tasks(cleans_up(trace, "a", 1s), cleans_up(trace, "b", 3s));
    const auto gathering = create_task(gathers_results(trace, both));
    co_await aioxx::sleep(1s);
    gathering.cancel("enough");
    co_await ended(gathering);
    trace(outcome(gathering), outcomes(both));
}

coro<> cancelling_gather_of_children_that_resist(tracer& trace) {
    const children both = two_tasks(swallows(trace, "a"), swallows(trace, "b"));
    const auto gathering = create_task(gathers(trace, both));
    co_await aioxx::sleep(1s);
    gathering.cancel("enough");
    co_await ended(gathering);
    trace(outcome(gathering), outcomes(both));
}

coro<> cancelling_gather_of_results_of_children_that_resist(tracer& trace) {
    const children both = two_tasks(swallows(trace, "a"), swallows(trace, "b"));
    const auto gathering = create_task(gathers_results(trace, both));
    co_await aioxx::sleep(1s);
    gathering.cancel("enough");
    co_await ended(gathering);
    trace(outcome(gathering), outcomes(both));
}

coro<> cancelling_gather_spares_the_child_that_is_done(tracer& trace) {
    const children both = two_tasks(gives(trace, "done", 1s), gives(trace, "pending", 10s));
    const auto gathering = create_task(gathers(trace, both));
    co_await aioxx::sleep(2s);
    gathering.cancel();
    co_await ended(gathering);
    trace(outcome(both[0]), outcome(both[1]), outcome(gathering));
}

coro<> gather_in_gather(tracer& trace) {
    auto inner = gather(gives(trace, "a", 2s), gives(trace, "b", 1s));
    const auto [ab, c] = co_await gather(std::move(inner), gives(trace, "c", 3s));
    const auto& [a, b] = ab;
    trace(std::vector{a, b}, c);
}

coro<> ends_after(tracer& trace, const ticker& passes, int rounds) {
    for (int round = 0; round < rounds; ++round) co_await aioxx::sleep(0s);
    trace("ends at", passes.count());
}

coro<> gather_resumes_two_passes_after_the_last_child(tracer& trace) {
    ticker passes;
    co_await gather(ends_after(trace, passes, 1), ends_after(trace, passes, 3), ends_after(trace, passes, 2));
    trace("resumed at", passes.count());
}

coro<> is_it_main(tracer& trace, words name, task_base* main) {
    trace(name, current_task() == main);
    co_return;
}

coro<> children_of_gather_run_as_tasks_of_their_own(tracer& trace) {
    task_base* const main = current_task();
    co_await gather(is_it_main(trace, "a", main), is_it_main(trace, "b", main));
}

// ---- shield ----

coro<> shield_passes_the_value_through(tracer& trace) {
    const auto given = create_task(gives(trace, "a", 1s));
    trace(co_await shield(given));
    trace(co_await shield(given));
    trace(co_await shield(gives(trace, "b", 1s)));
}

coro<> shield_passes_the_exception_through(tracer& trace) {
    try {
        co_await shield(fails(trace, "x", 1s));
    } catch (const failure&) {
        trace("main caught", why());
    }
}

coro<> shields(tracer& trace, task<words> inner) {
    try {
        co_await shield(inner);
    } catch (const cancelled_error&) {
        trace("outer caught", why());
        throw;
    }
}

coro<> shield_saves_the_inner_task(tracer& trace) {
    const auto inner = create_task(gives(trace, "inner", 3s));
    const auto outer = create_task(shields(trace, inner));
    co_await aioxx::sleep(1s);
    outer.cancel("enough");
    co_await watches(trace, "main", outer);
    trace(outcome(outer), outcome(inner), inner.cancelling());
    trace(co_await inner);
}

coro<> shields_quietly(task<words> inner) { co_await shield(inner); }

coro<> shield_of_a_task_that_is_cancelled_itself(tracer& trace) {
    const auto inner = create_task(gives(trace, "inner", 3s));
    const auto outer = create_task(shields_quietly(inner));
    co_await aioxx::sleep(1s);
    inner.cancel();
    co_await watches(trace, "main", outer);
    trace(outcome(outer), outer.cancelling());
}

coro<> shield_in_gather(tracer& trace) {
    const auto inner = create_task(gives(trace, "inner", 3s));
    const children both = two_tasks(shield(inner), gives(trace, "other", 10s));
    const auto gathering = create_task(gathers(trace, both));
    co_await aioxx::sleep(1s);
    gathering.cancel();
    co_await ended(gathering);
    trace(outcome(gathering), outcome(inner));
    trace(co_await inner);
}

// ---- wait ----

std::vector<words> names(const children& all) {
    std::vector<words> texts;
    for (const auto& each : all) texts.push_back(each.name());
    return texts;
}

coro<> waits(tracer& trace, children tasks, wait_options options = {}) {
    const wait_result<task<words>> result = co_await wait(tasks, options);
    trace("done", names(result.done), "pending", names(result.pending));
}

children three_tasks(tracer& trace) {
    children all;
    all.push_back(create_task(gives(trace, "a", 3s), "a"));
    all.push_back(create_task(fails(trace, "x", 2s), "x"));
    all.push_back(create_task(gives(trace, "b", 1s), "b"));
    return all;
}

children two_sleepers(tracer& trace, duration a, duration b) {
    children both;
    both.push_back(create_task(gives(trace, "a", a), "a"));
    both.push_back(create_task(gives(trace, "b", b), "b"));
    return both;
}

coro<> look_at(tracer& trace, children tasks) {
    co_await aioxx::sleep(5s);
    trace(outcomes(tasks));
}

constexpr wait_options the_first{.when = return_when::first_completed};
constexpr wait_options the_first_exception{.when = return_when::first_exception};

coro<> wait_for_all(tracer& trace) {
    const children tasks = three_tasks(trace);
    co_await waits(trace, tasks);
    co_await look_at(trace, tasks);
}

coro<> wait_for_the_first(tracer& trace) {
    const children tasks = three_tasks(trace);
    co_await waits(trace, tasks, the_first);
    co_await look_at(trace, tasks);
}

coro<> wait_for_the_first_exception(tracer& trace) {
    const children tasks = three_tasks(trace);
    co_await waits(trace, tasks, the_first_exception);
    co_await look_at(trace, tasks);
}

coro<> wait_for_the_first_exception_when_there_is_none(tracer& trace) {
    const children tasks = two_sleepers(trace, 2s, 1s);
    co_await waits(trace, tasks, the_first_exception);
}

coro<> wait_for_the_first_exception_does_not_count_a_cancelled_task(tracer& trace) {
    const children tasks = two_sleepers(trace, 3s, 3s);
    get_running_loop().call_later(1s, [first = tasks[0]] { first.cancel(); });
    co_await waits(trace, tasks, the_first_exception);
}

coro<> wait_for_the_first_counts_a_cancelled_task(tracer& trace) {
    const children tasks = two_sleepers(trace, 3s, 3s);
    get_running_loop().call_later(1s, [first = tasks[0]] { first.cancel(); });
    co_await waits(trace, tasks, the_first);
    co_await look_at(trace, tasks);
}

coro<> two_tasks_end_in_one_pass_of_wait_for_the_first(tracer& trace) {
    children tasks = two_sleepers(trace, 1s, 1s);
    tasks.push_back(create_task(gives(trace, "c", 2s), "c"));
    co_await waits(trace, tasks, the_first);
    co_await look_at(trace, tasks);
}

coro<> wait_with_a_timeout(tracer& trace) {
    const children tasks = three_tasks(trace);
    co_await waits(trace, tasks, {.timeout = 1500ms});
    co_await look_at(trace, tasks);
}

coro<> wait_with_a_timeout_that_is_not_reached(tracer& trace) {
    const children tasks = three_tasks(trace);
    co_await waits(trace, tasks, {.timeout = 100s});
    co_await look_at(trace, tasks);
}

coro<> wait_without_time(tracer& trace) {
    children tasks;
    tasks.push_back(create_task(gives(trace, "a", 1s), "a"));
    co_await waits(trace, tasks, {.timeout = 0s});
    co_await look_at(trace, tasks);
}

coro<> wait_for_what_is_done_already(tracer& trace) {
    const children tasks = two_sleepers(trace, 1s, 1s);
    co_await aioxx::sleep(2s);
    co_await waits(trace, tasks);
    co_await waits(trace, tasks, the_first);
    co_await waits(trace, tasks, the_first_exception);
}

coro<> wait_for_an_exception_that_is_there_already(tracer& trace) {
    children tasks;
    tasks.push_back(create_task(fails(trace, "x", 1s), "x"));
    tasks.push_back(create_task(gives(trace, "a", 5s), "a"));
    co_await aioxx::sleep(2s);
    co_await waits(trace, tasks, the_first_exception);
    co_await look_at(trace, tasks);
}

coro<> cancelling_wait_leaves_the_tasks_alone(tracer& trace) {
    const children tasks = two_sleepers(trace, 3s, 3s);
    const auto waiting = create_task(waits(trace, tasks));
    co_await aioxx::sleep(1s);
    waiting.cancel("enough");
    co_await watches(trace, "main", waiting);
    trace(std::vector{tasks[0].cancelling(), tasks[1].cancelling()});
    co_await look_at(trace, tasks);
}

coro<> wait_resumes_two_passes_after_the_last_task(tracer& trace) {
    ticker passes;
    std::vector<task<>> tasks;
    for (const int rounds : {1, 3, 2}) tasks.push_back(create_task(ends_after(trace, passes, rounds)));
    co_await wait(tasks);
    trace("resumed at", passes.count());
}

coro<> wait_for_nothing_is_refused(tracer& trace) {
    try {
        co_await wait(children());
    } catch (const std::invalid_argument&) {
        trace(why());
    }
}

// ---- as_completed ----

// The outcome of the next one. Returns: whether there was one.
coro<bool> shows_next(tracer& trace, completions<task<words>>& all) {
    try {
        const auto completed = co_await all.next();
        if (!completed) co_return false;
        trace("next", completed->result());
    } catch (...) {
        trace("next", why());
    }
    co_return true;
}

coro<> collects(tracer& trace, completions<task<words>> all) {
    bool more = true;
    while (more) more = co_await shows_next(trace, all);  // as a condition, g++ 12 makes a trap of it
}

coro<> as_completed_gives_tasks_in_the_order_of_their_ends(tracer& trace) {
    co_await collects(trace, as_completed(three_tasks(trace)));
    trace("end");
}

coro<> as_completed_counts_duplicates_once(tracer& trace) {
    const auto given = create_task(gives(trace, "a", 1s));
    co_await collects(trace, as_completed(children(2, given)));
    trace("end");
}

coro<> as_completed_of_nothing(tracer& trace) {
    co_await collects(trace, as_completed(children()));
    trace("end");
}

coro<> as_completed_with_a_timeout(tracer& trace) {
    const children tasks = three_tasks(trace);
    co_await collects(trace, as_completed(tasks, 1500ms));
    co_await look_at(trace, tasks);
}

coro<> as_completed_with_a_timeout_that_is_not_reached(tracer& trace) {
    co_await collects(trace, as_completed(three_tasks(trace), 100s));
    trace("end");
}

coro<> as_completed_with_a_cancelled_task(tracer& trace) {
    const children tasks = three_tasks(trace);
    get_running_loop().call_later(1500ms, [first = tasks[0]] { first.cancel(); });
    co_await collects(trace, as_completed(tasks));
    trace("end");
}

coro<> as_completed_with_a_pause_between_two(tracer& trace) {
    const children tasks = three_tasks(trace);
    auto all = as_completed(tasks);
    while (co_await shows_next(trace, all)) co_await aioxx::sleep(1500ms);
}

coro<> waits_for_each(tracer& trace, children tasks) {
    auto all = as_completed(std::move(tasks));
    while (const auto completed = co_await all.next()) trace("next", completed->result());
}

coro<> cancelling_as_completed_leaves_the_tasks_alone(tracer& trace) {
    const children tasks = two_sleepers(trace, 3s, 1s);
    const auto waiting = create_task(waits_for_each(trace, tasks));
    co_await aioxx::sleep(1500ms);
    waiting.cancel("enough");
    co_await watches(trace, "main", waiting);
    co_await look_at(trace, tasks);
}

}  // namespace

const scenarios gather_wait_scenarios = {
    {"gather_gives_values_in_the_order_of_arguments", gather_gives_values_in_the_order_of_arguments},
    {"gather_of_nothing", gather_of_nothing},
    {"gather_of_done_ones", gather_of_done_ones},
    {"gather_of_futures_and_tasks_and_coroutines", gather_of_futures_and_tasks_and_coroutines},
    {"gather_takes_the_same_task_twice", gather_takes_the_same_task_twice},
    {"gather_throws_the_first_exception_at_once_and_the_others_run_on",
     gather_throws_the_first_exception_at_once_and_the_others_run_on},
    {"gather_does_not_report_later_errors", gather_does_not_report_later_errors},
    {"gather_with_two_errors_in_one_pass", gather_with_two_errors_in_one_pass},
    {"gather_of_one_that_has_failed_already", gather_of_one_that_has_failed_already},
    {"gather_with_exceptions_as_results", gather_with_exceptions_as_results},
    {"gather_counts_a_cancelled_child_as_an_exception", gather_counts_a_cancelled_child_as_an_exception},
    {"cancelling_gather_cancels_the_children", cancelling_gather_cancels_the_children},
    {"cancelling_gather_with_children_of_slow_cleanup", cancelling_gather_with_children_of_slow_cleanup},
    {"cancelling_gather_of_results_with_children_of_slow_cleanup",
     cancelling_gather_of_results_with_children_of_slow_cleanup},
    {"cancelling_gather_of_children_that_resist", cancelling_gather_of_children_that_resist},
    {"cancelling_gather_of_results_of_children_that_resist",
     cancelling_gather_of_results_of_children_that_resist},
    {"cancelling_gather_spares_the_child_that_is_done", cancelling_gather_spares_the_child_that_is_done},
    {"gather_in_gather", gather_in_gather},
    {"gather_resumes_two_passes_after_the_last_child", gather_resumes_two_passes_after_the_last_child},
    {"children_of_gather_run_as_tasks_of_their_own", children_of_gather_run_as_tasks_of_their_own},
    {"shield_passes_the_value_through", shield_passes_the_value_through},
    {"shield_passes_the_exception_through", shield_passes_the_exception_through},
    {"shield_saves_the_inner_task", shield_saves_the_inner_task},
    {"shield_of_a_task_that_is_cancelled_itself", shield_of_a_task_that_is_cancelled_itself},
    {"shield_in_gather", shield_in_gather},
    {"wait_for_all", wait_for_all},
    {"wait_for_the_first", wait_for_the_first},
    {"wait_for_the_first_exception", wait_for_the_first_exception},
    {"wait_for_the_first_exception_when_there_is_none", wait_for_the_first_exception_when_there_is_none},
    {"wait_for_the_first_exception_does_not_count_a_cancelled_task",
     wait_for_the_first_exception_does_not_count_a_cancelled_task},
    {"wait_for_the_first_counts_a_cancelled_task", wait_for_the_first_counts_a_cancelled_task},
    {"two_tasks_end_in_one_pass_of_wait_for_the_first", two_tasks_end_in_one_pass_of_wait_for_the_first},
    {"wait_with_a_timeout", wait_with_a_timeout},
    {"wait_with_a_timeout_that_is_not_reached", wait_with_a_timeout_that_is_not_reached},
    {"wait_without_time", wait_without_time},
    {"wait_for_what_is_done_already", wait_for_what_is_done_already},
    {"wait_for_an_exception_that_is_there_already", wait_for_an_exception_that_is_there_already},
    {"cancelling_wait_leaves_the_tasks_alone", cancelling_wait_leaves_the_tasks_alone},
    {"wait_resumes_two_passes_after_the_last_task", wait_resumes_two_passes_after_the_last_task},
    {"wait_for_nothing_is_refused", wait_for_nothing_is_refused},
    {"as_completed_gives_tasks_in_the_order_of_their_ends",
     as_completed_gives_tasks_in_the_order_of_their_ends},
    {"as_completed_counts_duplicates_once", as_completed_counts_duplicates_once},
    {"as_completed_of_nothing", as_completed_of_nothing},
    {"as_completed_with_a_timeout", as_completed_with_a_timeout},
    {"as_completed_with_a_timeout_that_is_not_reached", as_completed_with_a_timeout_that_is_not_reached},
    {"as_completed_with_a_cancelled_task", as_completed_with_a_cancelled_task},
    {"as_completed_with_a_pause_between_two", as_completed_with_a_pause_between_two},
    {"cancelling_as_completed_leaves_the_tasks_alone", cancelling_as_completed_leaves_the_tasks_alone},
};

}  // namespace differential
