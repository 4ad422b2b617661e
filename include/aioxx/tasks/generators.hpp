// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/generators.hpp: what is done with async generators: with_generator, which closes one whatever
// happens, and the steps of which pipes are made. merge.hpp has those that run their sources on the side.
//
// Each step is an async generator that owns its source and is asked for one item at a time: nothing runs
// ahead, and an item allocates nothing. A step closes its source when it ends, for whatever reason, so
// closing the last step of a pipe closes all of it.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/base/result.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>

namespace aioxx {

namespace detail {

// Of two errors the first counts, unless the second is a cancellation: a task must not miss one. The other
// one goes to the exception handler.
inline std::exception_ptr first_error(std::exception_ptr first, std::exception_ptr second) {
    if (!first || !second) return first ? first : second;
    if (is_cancelled(first)) {
        if (is_cancelled(second)) return first;
    } else if (is_cancelled(second)) {
        std::swap(first, second);
    }
    get_running_loop().call_exception_handler(
        {"exception while an async generator was closed", std::move(second), {}});
    return first;
}

// Closes a generator after a failure, or none. Returns: what is to be thrown at the end.
template <class T>
coro<std::exception_ptr> close_after(std::exception_ptr failure, const async_generator<T>& items) {
    try {
        co_await items.aclose();
    } catch (...) {
        failure = first_error(std::move(failure), std::current_exception());
    }
    co_return failure;
}

// Consumers take the generator by reference or by value.
template <class Consumer, class T>
decltype(auto) consume(Consumer& consumer, async_generator<T>& items) {
    if constexpr (std::is_invocable_v<Consumer&, async_generator<T>&>) {
        return std::invoke(consumer, items);
    } else {
        return std::invoke(consumer, std::move(items));
    }
}

template <class Consumer, class T>
using consumed_t = decltype(consume(std::declval<Consumer&>(), std::declval<async_generator<T>&>()));

// The answer of a function, which may be a coroutine function.
template <class T>
coro<T>&& awaited(coro<T>&& answer) noexcept {
    return std::move(answer);
}
template <class T>
struct ready_answer {
    T answer;
    static constexpr bool await_ready() noexcept { return true; }
    static constexpr void await_suspend(std::coroutine_handle<>) noexcept {}
    T await_resume() { return std::forward<T>(answer); }
};
template <class T>
ready_answer<T> awaited(T&& answer) {
    return {std::forward<T>(answer)};
}

template <class T>
struct answer_of {
    using type = T;
};
template <class T>
struct answer_of<coro<T>> {
    using type = T;
};
template <class Function, class... Args>
using answer_t = typename answer_of<std::invoke_result_t<Function&, Args...>>::type;

template <class T>
using item_of = typename async_generator<T>::item_type;

template <class T>
item_of<T> make_item(std::remove_reference_t<T>& value) {
    if constexpr (std::is_reference_v<T>) {
        return std::addressof(value);
    } else {
        return item_of<T>(std::move(value));
    }
}

// A stage is what one step makes of each item: the answer that it needs for that, which may take time; what
// it gives on then, if anything; and what it has left at the source's end.
template <class Out>
struct stage_base {
    using value_type = Out;

    static constexpr bool wants_more() noexcept { return true; }
    template <class Item>
    static constexpr bool ask(Item&) noexcept {
        return true;
    }
    static item_of<Out> rest() { return item_of<Out>(); }
};

// What all steps have in common: one item at a time, and the source is closed at the end.
template <class Stage, class T>
async_generator<typename Stage::value_type> run_stage(async_generator<T> source, Stage stage) {
    using out = typename Stage::value_type;
    std::exception_ptr failure;
    try {
        while (stage.wants_more()) {
            auto item = co_await source.next();
            if (!item) break;
            auto&& answer = co_await awaited(stage.ask(*item));
            auto made = stage.take(*item, answer);
            if (made) co_yield std::forward<out>(*made);
        }
        auto made = stage.rest();
        if (made) co_yield std::forward<out>(*made);
    } catch (const generator_exit&) {
        // The source is closed in any case.
    } catch (...) {
        failure = std::current_exception();
    }
    failure = co_await close_after(std::move(failure), source);
    if (failure) std::rethrow_exception(failure);
}

template <class T, class Function>
using mapped_t = std::conditional_t<std::is_lvalue_reference_v<answer_t<Function, T>>, answer_t<Function, T>,
                                    std::remove_cvref_t<answer_t<Function, T>>>;

template <class T, class Function>
struct map_stage : stage_base<mapped_t<T, Function>> {
    static_assert(!std::is_void_v<answer_t<Function, T>>,
                  "map: the function gives nothing; for_each is for those");
    using out = mapped_t<T, Function>;

    explicit map_stage(Function given) : function(std::move(given)) {}
    decltype(auto) ask(std::remove_reference_t<T>& item) {
        return std::invoke(function, std::forward<T>(item));
    }
    item_of<out> take(std::remove_reference_t<T>&, std::remove_reference_t<out>& mapped) {
        return make_item<out>(mapped);
    }

    Function function;
};

template <class T, class Predicate>
struct filter_stage : stage_base<T> {
    explicit filter_stage(Predicate given) : predicate(std::move(given)) {}
    decltype(auto) ask(const std::remove_reference_t<T>& item) { return std::invoke(predicate, item); }
    item_of<T> take(std::remove_reference_t<T>& item, bool wanted) {
        if (!wanted) return item_of<T>();
        return make_item<T>(item);
    }

    Predicate predicate;
};

template <class T, class Predicate>
struct take_while_stage : filter_stage<T, Predicate> {
    using base = filter_stage<T, Predicate>;
    using base::base;
    [[nodiscard]] bool wants_more() const noexcept { return !ended; }
    item_of<T> take(std::remove_reference_t<T>& item, bool wanted) {
        ended = !wanted;
        return base::take(item, wanted);
    }

    bool ended = false;
};

template <class T, class Count>
struct take_stage : stage_base<T> {
    explicit take_stage(Count given) noexcept : left(given) {}
    [[nodiscard]] bool wants_more() const noexcept { return left > 0; }
    item_of<T> take(std::remove_reference_t<T>& item, bool) {
        --left;
        return make_item<T>(item);
    }

    Count left;
};

template <class T, class Count>
struct enumerate_stage : stage_base<std::pair<Count, T>> {
    explicit enumerate_stage(Count start) noexcept : number(start) {}
    item_of<std::pair<Count, T>> take(std::remove_reference_t<T>& item, bool) {
        return item_of<std::pair<Count, T>>(std::in_place, number++, std::forward<T>(item));
    }

    Count number;
};

template <class T, class Count>
struct chunk_stage : stage_base<std::vector<std::remove_cvref_t<T>>> {
    using chunk = std::vector<std::remove_cvref_t<T>>;

    explicit chunk_stage(Count given) noexcept : size(given) {}
    item_of<chunk> take(std::remove_reference_t<T>& item, bool) {
        items.push_back(std::forward<T>(item));
        if (items.size() < size) return item_of<chunk>();
        return rest();
    }
    item_of<chunk> rest() {
        if (items.empty()) return item_of<chunk>();
        return item_of<chunk>(std::exchange(items, chunk()));
    }

    Count size;
    chunk items;
};

// A step before it is known what the items are: keeps the argument, copied for each use of an lvalue.
template <template <class, class> class Stage, class Argument>
struct pipe_step {
    Argument argument;

    template <class T>
    auto operator()(async_generator<T> items) const& {
        return run_stage(std::move(items), Stage<T, Argument>(argument));
    }
    template <class T>
    auto operator()(async_generator<T> items) && {
        return run_stage(std::move(items), Stage<T, Argument>(std::move(argument)));
    }
};

}  // namespace detail

/// Runs a consumer on a generator, and closes the generator at the end, however the consumer ends.
///
/// Parameters: `consumer` is called with the generator and returns a coro: a function that takes an async
/// generator, by value or by reference. It is kept alive until the end, so that a lambda may capture.
/// Returns: what the consumer returns.
/// Errors: what the consumer throws, else what closing throws. Of two errors the second goes to the exception
/// handler.
/// Cancellation: cancels the consumer, and then the generator is closed; a cancellation during that cuts its
/// clean-up short.
/// Asyncio: async with aclosing(items).
/// Example:
///     aioxx::coro<std::string> find_error(aioxx::async_generator<std::string> lines) {
///         while (auto line = co_await lines.next()) {
///             if (line->starts_with("error")) co_return *line;
///         }
///         co_return "";
///     }
///     std::string line = co_await with_generator(follow(log), find_error);  // follow has closed the log
template <class T, class Consumer>
detail::consumed_t<Consumer, T> with_generator(async_generator<T> items, Consumer consumer) {
    using value_type = typename detail::consumed_t<Consumer, T>::value_type;
    const async_generator<T> kept = items.share();
    result<value_type> outcome;
    try {
        if constexpr (std::is_void_v<value_type>) {
            co_await detail::consume(consumer, items);
            outcome.set_value();
        } else {
            outcome.set_value(co_await detail::consume(consumer, items));
        }
    } catch (...) {
        outcome.set_exception(std::current_exception());
    }
    const std::exception_ptr failure = co_await detail::close_after(outcome.exception(), kept);
    if (failure) std::rethrow_exception(failure);
    if constexpr (!std::is_void_v<value_type>) co_return outcome.take_value();
}

/// The steps of pipes. A namespace of its own, because the standard library has the same names for ranges.
///
/// A step is called with an async generator and gives one, or at the end of a pipe a coro; `items | step` is
/// the same. Functions given to steps may be coroutine functions, also lambdas with captures: the pipe keeps
/// them.
/// Errors: those of a source and of a function come out of next() of the last step, after all steps were
/// closed.
/// Cancellation: as for async_generator::next(): what is awaited throws, and the pipe ends.
/// Example:
///     using namespace aioxx::generators;
///     const auto square = [](int number) { return number * number; };
///     std::vector<int> squares = co_await (ticks(100) | map(square) | take(3) | collect);
namespace generators {

/// Gives what a function makes of each item.
template <class Function>
[[nodiscard]] auto map(Function function) {
    return detail::pipe_step<detail::map_stage, Function>{std::move(function)};
}

/// Gives the items for which a predicate holds.
template <class Predicate>
[[nodiscard]] auto filter(Predicate predicate) {
    return detail::pipe_step<detail::filter_stage, Predicate>{std::move(predicate)};
}

/// Gives the items up to the first one for which a predicate does not hold; that one is lost.
template <class Predicate>
[[nodiscard]] auto take_while(Predicate predicate) {
    return detail::pipe_step<detail::take_while_stage, Predicate>{std::move(predicate)};
}

/// Gives that many items at most. Does not ask for one more.
[[nodiscard]] inline auto take(std::size_t count) {
    return detail::pipe_step<detail::take_stage, std::size_t>{count};
}

/// Gives pairs of a number, counting from `start`, and the item.
[[nodiscard]] inline auto enumerate(std::size_t start = 0) {
    return detail::pipe_step<detail::enumerate_stage, std::size_t>{start};
}

/// Gives vectors of that many items; the last one may have fewer, and is not empty.
///
/// Errors: std::invalid_argument for zero. When the source fails, the items of the chunk that is not full are
/// lost.
[[nodiscard]] inline auto chunk(std::size_t size) {
    if (size == 0) throw std::invalid_argument("chunk: expected a size of at least 1, got 0");
    return detail::pipe_step<detail::chunk_stage, std::size_t>{size};
}

}  // namespace generators

namespace detail {

template <class T>
async_generator<T> flatten_items(async_generator<async_generator<T>> source) {
    std::exception_ptr failure;
    std::optional<async_generator<T>> part;
    try {
        for (;;) {
            part = co_await source.next();
            if (!part) break;
            while (auto item = co_await part->next()) co_yield std::forward<T>(*item);
        }
    } catch (const generator_exit&) {
        // Both are closed in any case.
    } catch (...) {
        failure = std::current_exception();
    }
    if (part) failure = co_await close_after(std::move(failure), *part);
    failure = co_await close_after(std::move(failure), source);
    if (failure) std::rethrow_exception(failure);
}

template <class Range>
async_generator<std::ranges::range_value_t<Range>> range_items(Range range) {
    for (auto&& item : range) co_yield std::forward<decltype(item)>(item);
}

struct flatten_step {
    template <class T>
    auto operator()(async_generator<async_generator<T>> items) const {
        return flatten_items(std::move(items));
    }
};

struct collect_step {
    template <class T>
    coro<std::vector<std::remove_cvref_t<T>>> operator()(async_generator<T> items) const {
        return with_generator(std::move(items), &collect_step::all<T>);
    }

private:
    template <class T>
    static coro<std::vector<std::remove_cvref_t<T>>> all(async_generator<T>& items) {
        std::vector<std::remove_cvref_t<T>> collected;
        while (auto item = co_await items.next()) collected.push_back(std::forward<T>(*item));
        co_return collected;
    }
};

template <class Function>
struct for_each_step {
    Function function;

    template <class T>
    coro<> operator()(async_generator<T> items) const& {
        return with_generator(std::move(items), caller{function});
    }
    template <class T>
    coro<> operator()(async_generator<T> items) && {
        return with_generator(std::move(items), caller{std::move(function)});
    }

private:
    struct caller {
        Function function;

        template <class T>
        coro<> operator()(async_generator<T>& items) {
            while (auto item = co_await items.next()) {
                if constexpr (std::is_void_v<std::invoke_result_t<Function&, T>>) {
                    std::invoke(function, std::forward<T>(*item));
                } else {
                    static_cast<void>(co_await awaited(std::invoke(function, std::forward<T>(*item))));
                }
            }
        }
    };
};

}  // namespace detail

namespace generators {

/// Gives the items of the generators that a generator gives, one after the other.
inline constexpr detail::flatten_step flatten{};

/// Gives the items of a range.
///
/// Lifetime: the range is kept as it is given: an lvalue is copied; what a view refers to must outlive the
/// generator.
template <std::ranges::input_range Range>
[[nodiscard]] auto from_range(Range range) {
    return detail::range_items(std::move(range));
}

/// The end of a pipe: a coro that gives all items as a vector.
///
/// Cancellation: closes the pipe; the items are lost.
inline constexpr detail::collect_step collect{};

/// The end of a pipe: a coro that calls a function with each item, one at a time.
///
/// Cancellation: closes the pipe; the function may have been called for some items.
template <class Function>
[[nodiscard]] auto for_each(Function function) {
    return detail::for_each_step<Function>{std::move(function)};
}

}  // namespace generators

}  // namespace aioxx
