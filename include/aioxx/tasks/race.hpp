// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/race.hpp: runs several coroutines at the same time until the first one has ended. Nothing is lost: one that
// ends all the same while it is cancelled has its value in the result.

#include <cstddef>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/all.hpp>
#include <aioxx/tasks/task_group.hpp>

namespace aioxx {

/// What race gives for different types.
template <class... T>
struct race_result {
    std::size_t first = 0;  ///< index of the one that ended first
    std::tuple<std::optional<detail::value_or_monostate<T>>...> values;  ///< empty for those that were cancelled
};

/// What race gives for any number of one type.
template <class T>
struct race_list_result {
    std::size_t first = 0;
    std::vector<std::optional<detail::value_or_monostate<T>>> values;
};

namespace detail {

struct race_state {
    static constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();
    std::size_t first = nobody;
    task_group* group = nullptr;

    void ended(std::size_t index) {
        if (first != nobody) return;
        first = index;
        group->cancel();
    }
};

// One that fails first decides by its error, which ends the group. One that fails later, while it is cancelled,
// takes nothing away from the first: its error goes to the exception handler.
template <class T>
coro<> run_racer(coro<T> racer, race_state& state, std::size_t index, std::optional<value_or_monostate<T>>& value) {
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(racer);
            value.emplace();
        } else {
            value.emplace(co_await std::move(racer));
        }
    } catch (const cancelled_error&) {
        throw;
    } catch (...) {
        if (state.first == race_state::nobody) throw;
        get_running_loop().call_exception_handler(
            {"exception in one that lost a race", std::current_exception(), current_task()->name()});
        co_return;
    }
    state.ended(index);
}

}  // namespace detail

/// Runs coroutines as tasks until one of them ends; the others are cancelled and waited for.
///
/// Returns: which one was first, and the value of each that has ended with one: the first, and those that ended in
/// spite of their cancellation or together with it. std::monostate stands for void.
/// Errors: what the first one throws, after the end of the others, error_group when they failed for it as well.
/// cancelled_error when all were cancelled by somebody.
/// Cancellation: cancels all and waits for their end.
/// Asyncio: wait with FIRST_COMPLETED, and cancelling the rest by hand.
/// Example:
///     auto fastest = co_await race(ask(mirror_a), ask(mirror_b));
///     if (fastest.first == 0) use(*std::get<0>(fastest.values));
template <class... T>
    requires(sizeof...(T) > 0)
coro<race_result<T...>> race(coro<T>... coroutines) {
    race_result<T...> result;
    detail::race_state state;
    std::tuple<coro<T>...> waiting(std::move(coroutines)...);
    auto start_all = [&result, &state, &waiting](task_group& group) -> coro<> {
        state.group = &group;
        [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            (group.create_task(detail::run_racer(std::move(std::get<Index>(waiting)), state, Index,
                                                 std::get<Index>(result.values))),
             ...);
        }(std::index_sequence_for<T...>());
        co_return;
    };
    co_await detail::run_together(std::move(start_all));
    if (state.first == detail::race_state::nobody) throw cancelled_error();
    result.first = state.first;
    co_return result;
}

/// Likewise for any number of one type.
///
/// Errors: std::invalid_argument for none at all, which nobody can win; otherwise as above.
/// Cancellation: as for the other form.
template <class T>
coro<race_list_result<T>> race(std::vector<coro<T>> coroutines) {
    if (coroutines.empty()) throw std::invalid_argument("race: expected at least one coroutine");
    race_list_result<T> result;
    result.values.resize(coroutines.size());
    detail::race_state state;
    auto start_all = [&result, &state, &coroutines](task_group& group) -> coro<> {
        state.group = &group;
        for (std::size_t index = 0; index < coroutines.size(); ++index) {
            group.create_task(
                detail::run_racer(std::move(coroutines[index]), state, index, result.values[index]));
        }
        co_return;
    };
    co_await detail::run_together(std::move(start_all));
    if (state.first == detail::race_state::nobody) throw cancelled_error();
    result.first = state.first;
    co_return result;
}

}  // namespace aioxx
