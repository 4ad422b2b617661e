// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/all.hpp: runs several coroutines at the same time, all or nothing. gather is the form that lets the others
// go on after a failure.

#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/error_group.hpp>
#include <aioxx/tasks/task_group.hpp>

namespace aioxx {

namespace detail {

template <class T>
using value_or_monostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
value_or_monostate<T> take_result(task<T>& ended) {
    if constexpr (std::is_void_v<T>) {
        ended.result();
        return {};
    } else {
        return std::move(ended.result());
    }
}

// Runs a body with a group. A single error comes out as itself.
template <class Body>
coro<> run_together(Body body) {
    std::exception_ptr only;
    try {
        co_await with_task_group(std::move(body));
    } catch (const error_group& group) {
        only = group.only();
        if (!only) throw;
    }
    if (only) std::rethrow_exception(only);
}

}  // namespace detail

/// Runs coroutines as tasks and waits for all; the first failure cancels the others, and they are waited for.
///
/// Returns: a tuple of the values in the order of the arguments; std::monostate for void.
/// Errors: the failure; error_group when there were several, because the clean-up of others failed as well.
/// cancelled_error when a child was cancelled by somebody.
/// Cancellation: cancels all and waits for their end.
/// Asyncio: a TaskGroup and its results.
/// Example:
///     auto [user, orders] = co_await all(load_user(id), load_orders(id));
template <class... T>
coro<std::tuple<detail::value_or_monostate<T>...>> all(coro<T>... coroutines) {
    std::tuple<task<T>...> tasks;
    std::tuple<coro<T>...> waiting(std::move(coroutines)...);
    auto start_all = [&tasks, &waiting](task_group& group) -> coro<> {
        [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            ((std::get<Index>(tasks) = group.create_task(std::move(std::get<Index>(waiting)))), ...);
        }(std::index_sequence_for<T...>());
        co_return;
    };
    co_await detail::run_together(std::move(start_all));
    co_return std::apply(
        [](task<T>&... each) {
            return std::tuple<detail::value_or_monostate<T>...>(detail::take_result(each)...);
        },
        tasks);
}

/// Likewise for any number of one type. Returns: a vector.
/// Cancellation: as for the other form.
template <class T>
coro<std::vector<detail::value_or_monostate<T>>> all(std::vector<coro<T>> coroutines) {
    std::vector<task<T>> tasks;
    tasks.reserve(coroutines.size());
    auto start_all = [&tasks, &coroutines](task_group& group) -> coro<> {
        for (coro<T>& each : coroutines) tasks.push_back(group.create_task(std::move(each)));
        co_return;
    };
    co_await detail::run_together(std::move(start_all));
    std::vector<detail::value_or_monostate<T>> values;
    values.reserve(tasks.size());
    for (task<T>& each : tasks) values.push_back(detail::take_result(each));
    co_return values;
}

}  // namespace aioxx
