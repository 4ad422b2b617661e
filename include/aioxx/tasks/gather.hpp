// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/gather.hpp: runs several coroutines at the same time and gives their results in order.
//
// How it waits for them is children.hpp.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <aioxx/base/result.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/tasks/children.hpp>
#include <aioxx/tasks/run_until_complete.hpp>

namespace aioxx {

namespace detail {

// What was given to gather, until it starts. `moves`: the value is taken out of the task.
template <class T>
struct gathered_coroutine {
    using value_type = T;
    using state_type = task_state<T>;
    static constexpr bool moves = true;
    coro<T> coroutine;

    state_ptr<state_type> start() { return create_task(std::move(coroutine)).shared_state(); }
};

template <class T, class State, bool Moves>
struct gathered_handle {
    using value_type = T;
    using state_type = State;
    static constexpr bool moves = Moves;
    state_ptr<State> state;

    state_ptr<State> start() { return std::move(state); }
};

template <class T>
gathered_coroutine<T> gathered(coro<T>&& coroutine) {
    return {std::move(coroutine)};
}
template <class T, class State>
gathered_handle<T, State, true> gathered(outcome_handle<T, State>&& handle) {
    static_cast<void>(handle.done());  // refuses an empty one
    return {handle.shared_state()};
}
template <class T, class State>
gathered_handle<T, State, false> gathered(const outcome_handle<T, State>& handle) {
    static_cast<void>(handle.done());
    return {handle.shared_state()};
}

template <class Awaitable>
using gathered_t = decltype(gathered(std::declval<Awaitable>()));

template <class T>
using gathered_value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// What one child contributes: its value, or with its exceptions a result.
template <bool AsResult, class Source>
using gathered_element = std::conditional_t<AsResult, result<typename Source::value_type>,
                                            gathered_value<typename Source::value_type>>;

template <class Source>
class gather_child_of final : public awaited_child {
    using value_type = typename Source::value_type;

public:
    void start(children_wait& wait, Source& source) {
        state_ = source.start();
        wait.add(*this, *state_, [this] { return state_->outcome.exception(); });
    }

    template <bool AsResult>
    gathered_element<AsResult, Source> take() {
        if constexpr (AsResult && Source::moves) {
            return std::move(state_->outcome);
        } else if constexpr (AsResult) {
            result<value_type> copy;
            if (state_->outcome.has_exception()) {
                copy.set_exception(state_->outcome.exception());
            } else if constexpr (std::is_void_v<value_type>) {
                copy.set_value();
            } else {
                copy.set_value(state_->outcome.get());
            }
            return copy;
        } else if constexpr (std::is_void_v<value_type>) {
            return {};
        } else if constexpr (Source::moves) {
            return state_->outcome.take_value();
        } else {
            return state_->outcome.get();
        }
    }

private:
    void run() override { this->ended(state_->outcome.exception()); }

    state_ptr<typename Source::state_type> state_;
};

template <bool AsResult, class... Sources>
coro<std::tuple<gathered_element<AsResult, Sources>...>> gather_all(Sources... sources) {
    std::tuple<gather_child_of<Sources>...> children;
    children_wait all(AsResult ? children_wait::until::all_ended : children_wait::until::failure, true, "gather");
    std::apply([&](auto&... child) { (child.start(all, sources), ...); }, children);
    co_await all;
    all.give_up();
    all.throw_failure();
    co_return std::apply(
        [](auto&... child) {
            return std::tuple<gathered_element<AsResult, Sources>...>(child.template take<AsResult>()...);
        },
        children);
}

// Parameters: `Given` how the elements are taken: as rvalues, or as constant lvalues.
template <bool AsResult, class Given, class Awaitable>
coro<std::vector<gathered_element<AsResult, gathered_t<Given>>>> gather_list(std::vector<Awaitable> awaitables) {
    using source = gathered_t<Given>;
    std::vector<gather_child_of<source>> children(awaitables.size());
    children_wait all(AsResult ? children_wait::until::all_ended : children_wait::until::failure, true, "gather");
    for (std::size_t index = 0; index < children.size(); ++index) {
        source each = gathered(static_cast<Given>(awaitables[index]));
        children[index].start(all, each);
    }
    co_await all;
    all.give_up();
    all.throw_failure();
    std::vector<gathered_element<AsResult, source>> values;
    values.reserve(children.size());
    for (auto& child : children) values.push_back(child.template take<AsResult>());
    co_return values;
}

// Errors: invalid_state_error for an empty handle, before anything starts.
template <class Awaitable>
void require_all(const std::vector<Awaitable>& awaitables) {
    if constexpr (requires(const Awaitable& handle) { handle.done(); }) {
        for (const Awaitable& handle : awaitables) static_cast<void>(handle.done());
    }
}

template <bool AsResult, class Awaitable>
    requires requires { typename gathered_t<Awaitable&&>; }
auto gather_all_of(std::vector<Awaitable>&& awaitables) {
    require_all(awaitables);
    return gather_list<AsResult, Awaitable&&>(std::move(awaitables));
}
template <bool AsResult, class Awaitable>
    requires requires { typename gathered_t<const Awaitable&>; }
auto gather_all_of(const std::vector<Awaitable>& awaitables) {
    require_all(awaitables);
    return gather_list<AsResult, const Awaitable&>(awaitables);
}

}  // namespace detail

/// Runs coroutines as tasks, in the order given, and waits for all of them, and for tasks and futures.
///
/// Returns: a tuple of the values in the order of the arguments; std::monostate for void. The value of a task or
/// future that is given as an lvalue is copied, else moved.
/// Errors: the first exception, at once. The others run on, and what they throw later counts as seen; task_group
/// is the form that ends them. A child that was cancelled counts as one that threw cancelled_error.
/// invalid_state_error for a task or future of another loop, or the task that waits.
/// Cancellation: cancels all children and waits for their end.
/// Asyncio: gather; here nothing starts before it is awaited.
/// Example:
///     auto [page, stars] = co_await gather(fetch(url), count_stars());
template <class... Awaitables>
    requires(requires(Awaitables&&... awaitables) { (detail::gathered(std::forward<Awaitables>(awaitables)), ...); })
[[nodiscard]] auto gather(Awaitables&&... awaitables) {
    return detail::gather_all<false>(detail::gathered(std::forward<Awaitables>(awaitables))...);
}

/// Likewise for any number of one type. Returns: a vector.
/// Cancellation: as for the other form.
template <class Awaitables>
    requires(requires(Awaitables&& list) { detail::gather_all_of<false>(std::forward<Awaitables>(list)); })
[[nodiscard]] auto gather(Awaitables&& list) {
    return detail::gather_all_of<false>(std::forward<Awaitables>(list));
}

/// Waits for all, whatever happens to single ones. Returns: a tuple of results, which hold a value or an exception.
///
/// Cancellation: cancels all children, waits for their end and throws: an outside cancellation is no result.
/// Asyncio: gather with return_exceptions=True.
template <class... Awaitables>
    requires(requires(Awaitables&&... awaitables) { (detail::gathered(std::forward<Awaitables>(awaitables)), ...); })
[[nodiscard]] auto gather_results(Awaitables&&... awaitables) {
    return detail::gather_all<true>(detail::gathered(std::forward<Awaitables>(awaitables))...);
}

/// Likewise for any number of one type. Returns: a vector.
/// Cancellation: as for the other form.
template <class Awaitables>
    requires(requires(Awaitables&& list) { detail::gather_all_of<true>(std::forward<Awaitables>(list)); })
[[nodiscard]] auto gather_results(Awaitables&& list) {
    return detail::gather_all_of<true>(std::forward<Awaitables>(list));
}

}  // namespace aioxx
