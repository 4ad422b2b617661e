// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/wait.hpp: waits for some of several tasks, whatever becomes of them.

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/core/clock.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/timer_queue.hpp>
#include <aioxx/tasks/children.hpp>

namespace aioxx {

/// What wait() waits for.
enum class return_when {
    all_completed,    ///< all are done
    first_completed,  ///< one is done
    first_exception,  ///< one has failed, other than by a cancellation, or all are done
};

/// The optional arguments of wait().
struct wait_options {
    std::optional<duration> timeout{};  ///< at most so long; none for no limit
    return_when when = return_when::all_completed;
};

/// What wait() gives, in the order of what it was given.
///
/// `Each` is the type of the handles of a list, which are here without duplicates. Of handles that were given one by
/// one it is std::size_t, for their positions.
template <class Each>
struct wait_result {
    std::vector<Each> done;
    std::vector<Each> pending;
};

namespace detail {

template <class T, class State>
void accept_handle(const outcome_handle<T, State>&);

// A task or a future. Coroutines are none: nobody could tell which of the results is theirs.
template <class Handle>
concept waitable = requires(const Handle& handle) { detail::accept_handle(handle); };

template <class Range>
concept waitable_range = std::ranges::input_range<Range> && waitable<std::ranges::range_value_t<Range>>;

template <class Handle>
class waited_child final : public awaited_child {
public:
    void start(children_wait& wait, const Handle& handle) {
        state_ = handle.shared_state().get();
        wait.add(*this, *state_, [this] { return failure(); });
    }

private:
    void run() override { this->ended(failure()); }
    std::exception_ptr failure() const noexcept {
        return state_->cancelled() ? nullptr : state_->outcome.exception();
    }

    decltype(std::declval<const Handle&>().shared_state().get()) state_ = nullptr;
};

// Waits for children, or for the end of the time.
class limited_wait final : public children_wait {
public:
    explicit limited_wait(const wait_options& options) noexcept
        : children_wait(to_until(options.when), false, "wait"), timeout_(options.timeout) {}

    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> coroutine) {
        event_loop& loop = get_running_loop();
        if (timeout_) loop.schedule_at(deadline_, add_saturated(loop.time(), *timeout_));
        this->suspend(coroutine);
    }

private:
    class deadline final : public timer_node {
    public:
        explicit deadline(limited_wait& owner) noexcept : owner_(owner) {}
        void run() override { owner_.wake(); }

    private:
        limited_wait& owner_;
    };

    static constexpr until to_until(return_when when) noexcept {
        switch (when) {
            case return_when::first_completed: return until::one_ended;
            case return_when::first_exception: return until::failure;
            case return_when::all_completed: break;
        }
        return until::all_ended;
    }

    std::optional<duration> timeout_;
    deadline deadline_{*this};
};

template <class Range>
std::vector<std::ranges::range_value_t<Range>> to_handles(Range&& handles) {
    using list_type = std::vector<std::ranges::range_value_t<Range>>;
    if constexpr (std::is_same_v<Range, list_type>) {
        return std::move(handles);
    } else {
        list_type list;
        if constexpr (std::ranges::sized_range<Range>) list.reserve(std::ranges::size(handles));
        for (auto&& handle : handles) list.push_back(std::forward<decltype(handle)>(handle));
        return list;
    }
}

// Keeps the first one of each.
template <class Handle>
void remove_duplicates(std::vector<Handle>& handles) {
    std::vector<std::pair<const future_base*, std::size_t>> places;
    places.reserve(handles.size());
    for (const Handle& handle : handles) places.emplace_back(handle.shared_state().get(), places.size());
    std::sort(places.begin(), places.end());
    bool some = false;
    for (std::size_t place = 1; place < places.size(); ++place) {
        if (places[place].first != places[place - 1].first) continue;
        handles[places[place].second] = Handle();
        some = true;
    }
    if (some) std::erase_if(handles, [](const Handle& handle) { return !handle; });
}

template <class Handle>
coro<wait_result<Handle>> wait_for_list(std::vector<Handle> handles, wait_options options) {
    if (handles.empty()) throw std::invalid_argument("wait: expected at least one task or future");
    for (const Handle& handle : handles) static_cast<void>(handle.done());  // refuses an empty one
    remove_duplicates(handles);
    {
        std::vector<waited_child<Handle>> children(handles.size());
        limited_wait waiting(options);
        for (std::size_t index = 0; index < handles.size(); ++index) children[index].start(waiting, handles[index]);
        co_await waiting;
    }
    wait_result<Handle> result;
    result.done.reserve(handles.size());
    for (Handle& handle : handles) (handle.done() ? result.done : result.pending).push_back(std::move(handle));
    co_return result;
}

template <class... Handles>
coro<wait_result<std::size_t>> wait_for_each(wait_options options, Handles... handles) {
    (static_cast<void>(handles.done()), ...);  // refuses an empty one
    {
        std::tuple<waited_child<Handles>...> children;
        limited_wait waiting(options);
        std::apply([&](auto&... child) { (child.start(waiting, handles), ...); }, children);
        co_await waiting;
    }
    wait_result<std::size_t> result;
    std::size_t index = 0;
    ((handles.done() ? result.done : result.pending).push_back(index++), ...);
    co_return result;
}

}  // namespace detail

/// Waits for some of several tasks or futures of one type (asyncio: wait).
///
/// Parameters: `handles` any range of them, also a view or generator.
/// Returns: which are done and which are not. Their errors stay with them: ask each one.
/// Errors: std::invalid_argument for none at all; invalid_state_error for an empty handle, one of another loop, or the
/// task that waits. A timeout is no error, and cancels nothing.
/// Cancellation: of the waiting alone; the tasks run on.
/// Asyncio: does not suspend when nothing has to be waited for.
/// Example:
///     std::vector<task<int>> both{create_task(ask(one)), create_task(ask(two))};
///     auto [done, pending] = co_await wait(both, {.when = return_when::first_completed});
template <class Range>
    requires detail::waitable_range<Range>
[[nodiscard]] coro<wait_result<std::ranges::range_value_t<Range>>> wait(Range&& handles, wait_options options = {}) {
    return detail::wait_for_list(detail::to_handles(std::forward<Range>(handles)), options);
}

/// Likewise for tasks and futures of any types, given one by one: keep the handles, and ask them.
///
/// Returns: the positions, from 0, of those that are done and of those that are not.
/// Cancellation: as for the other form.
/// Example:
///     co_await wait({.when = return_when::first_completed}, reading, stopping);
///     if (reading.done()) show(reading.result());
template <class... Handles>
    requires(sizeof...(Handles) > 0 && (detail::waitable<Handles> && ...))
[[nodiscard]] coro<wait_result<std::size_t>> wait(wait_options options, Handles... handles) {
    return detail::wait_for_each(options, std::move(handles)...);
}

/// Likewise, until all are done.
/// Cancellation: as for the other form.
template <class... Handles>
    requires(sizeof...(Handles) > 0 && (detail::waitable<Handles> && ...))
[[nodiscard]] coro<wait_result<std::size_t>> wait(Handles... handles) {
    return detail::wait_for_each(wait_options(), std::move(handles)...);
}

}  // namespace aioxx
