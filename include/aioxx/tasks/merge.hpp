// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks/merge.hpp: the steps whose sources run on the side, each in a task of its own: merge and buffered.
//
// A source runs ahead up to a limit and then waits for room. The generator that gives their items on ends its
// tasks and waits for them before it ends itself. Only when it is dropped half-way, in which case nobody can
// wait, the tasks outlive it for as long as their end takes; that is why they share what they work on.

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/base/ring_buffer.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/generators.hpp>

namespace aioxx {

namespace detail {

// Sources that run on the side, and what has arrived from them.
template <class T>
class side_sources : pinned {
    static_assert(std::is_object_v<T>,
                  "a reference would be stale when the source runs on: yield values or pointers");

public:
    struct supplier {
        async_generator<T> items;
        std::size_t ahead = 0;  // how many of its items have arrived and were not taken
        waiter* waits_for_room = nullptr;
        bool ended = false;
    };

    side_sources(std::vector<async_generator<T>> sources, std::size_t limit)
        : limit_(limit), running_(sources.size()) {
        suppliers_.reserve(sources.size());
        for (async_generator<T>& items : sources) suppliers_.push_back({std::move(items)});
    }

    [[nodiscard]] std::vector<supplier>& suppliers() noexcept { return suppliers_; }

    // From now on nothing arrives any more.
    void close() noexcept { closed_ = true; }

    // Waits for the next item. When there is none any more it throws the failure of a source, or gives nothing.
    class arrival final : public waiter {
    public:
        explicit arrival(side_sources& shared) noexcept : shared_(shared) {}
        ~arrival() { shared_.waits_for_arrival_ = nullptr; }

        [[nodiscard]] bool await_ready() const noexcept {
            return !shared_.arrived_.empty() || shared_.failure_ || shared_.running_ == 0;
        }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> coroutine) {
            shared_.waits_for_arrival_ = this;
            this->suspend(coroutine);
        }
        std::optional<T> await_resume() {
            this->throw_if_cancelled();
            return shared_.take();
        }

    private:
        const char* waits_for() const noexcept override { return "the sources of a generator"; }

        side_sources& shared_;
    };

    // Runs a source to its end. `keeps` leaves also when the task is cancelled before its first step.
    class member;
    static coro<> run(member keeps) {
        side_sources& shared = *keeps.shared;
        supplier& from = *keeps.from;
        try {
            while (shared.wants_more()) {
                std::optional<T> item = co_await from.items.next();
                if (!item) break;
                shared.add(from, std::move(*item));
                co_await room(shared, from);
            }
        } catch (...) {
            if (shared.closed_) throw;
            shared.fail(std::current_exception());
        }
        from.ended = true;
    }

    class member {
    public:
        member(std::shared_ptr<side_sources> sources, supplier& own) noexcept
            : shared(std::move(sources)), from(&own) {}
        member(member&&) noexcept = default;
        member& operator=(member&&) = delete;
        ~member() {
            if (shared) shared->leave(*from);
        }

        std::shared_ptr<side_sources> shared;
        supplier* from;
    };

private:
    // Waits until a source may go on.
    class room final : public waiter {
    public:
        room(side_sources& shared, supplier& from) noexcept : shared_(shared), from_(from) {}
        ~room() { from_.waits_for_room = nullptr; }

        [[nodiscard]] bool await_ready() const noexcept { return from_.ahead < shared_.limit_; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> coroutine) {
            from_.waits_for_room = this;
            this->suspend(coroutine);
        }
        void await_resume() const { this->throw_if_cancelled(); }

    private:
        const char* waits_for() const noexcept override { return "its items to be taken"; }

        side_sources& shared_;
        supplier& from_;
    };

    struct arrived_item {
        T item;
        supplier* from;
    };

    void wake_consumer() noexcept {
        if (waits_for_arrival_ != nullptr) waits_for_arrival_->wake();
    }

    // What comes after a failure, or after the end, nobody will ask for.
    [[nodiscard]] bool wants_more() const noexcept { return !closed_ && !failure_; }

    void add(supplier& from, T item) {
        if (!wants_more()) return;
        arrived_.push({std::move(item), &from});
        ++from.ahead;
        wake_consumer();
    }

    void fail(std::exception_ptr failure) {
        failure_ = failure_ ? first_error(std::move(failure_), std::move(failure)) : std::move(failure);
        wake_consumer();
    }

    void leave(supplier& from) noexcept {
        --running_;
        if (!from.ended && wants_more()) failure_ = std::make_exception_ptr(cancelled_error());
        if (running_ == 0 || failure_) wake_consumer();
    }

    std::optional<T> take() {
        if (arrived_.empty()) {
            if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
            return std::nullopt;
        }
        arrived_item next = arrived_.pop();
        --next.from->ahead;
        if (next.from->waits_for_room != nullptr) next.from->waits_for_room->wake();
        return std::optional<T>(std::move(next.item));
    }

    const std::size_t limit_;  // how far each source may be ahead
    std::size_t running_;
    std::vector<supplier> suppliers_;
    ring_buffer<arrived_item> arrived_;
    std::exception_ptr failure_;  // thrown when what arrived before it was taken
    waiter* waits_for_arrival_ = nullptr;
    bool closed_ = false;
};

// Tasks that are cancelled at the latest when the scope is left.
class side_tasks : pinned {
public:
    side_tasks() = default;
    ~side_tasks() { cancel(); }

    void start(coro<> coroutine) { tasks_.push_back(create_task(std::move(coroutine))); }

    // Cancels the tasks and waits for their end. Returns: the error that counts of `failure` and theirs.
    coro<std::exception_ptr> end(std::exception_ptr failure) {
        cancel();
        try {
            co_await gather_results(tasks_);
        } catch (...) {
            failure = first_error(std::move(failure), std::current_exception());
        }
        for (const task<>& ended : tasks_) {
            if (!ended.cancelled()) failure = first_error(std::move(failure), ended.exception());
        }
        co_return failure;
    }

private:
    void cancel() {
        for (const task<>& running : tasks_) running.cancel();
    }

    std::vector<task<>> tasks_;
};

template <class T>
async_generator<T> run_aside(std::vector<async_generator<T>> sources, std::size_t limit) {
    using shared_sources = side_sources<T>;
    const auto shared = std::make_shared<shared_sources>(std::move(sources), limit);
    side_tasks tasks;
    std::exception_ptr failure;
    try {
        for (auto& each : shared->suppliers()) tasks.start(shared_sources::run({shared, each}));
        for (;;) {
            std::optional<T> item = co_await typename shared_sources::arrival(*shared);
            if (!item) break;
            co_yield std::move(*item);
        }
    } catch (const generator_exit&) {
        // The sources are ended and closed in any case.
    } catch (...) {
        failure = std::current_exception();
    }
    shared->close();
    failure = co_await tasks.end(std::move(failure));
    for (auto& each : shared->suppliers()) failure = co_await close_after(std::move(failure), each.items);
    if (failure) std::rethrow_exception(failure);
}

struct buffered_step {
    std::size_t limit;

    template <class T>
    auto operator()(async_generator<T> items) const {
        std::vector<async_generator<T>> source;
        source.push_back(std::move(items));
        return run_aside(std::move(source), limit);
    }
};

}  // namespace detail

namespace generators {

/// Runs generators at the same time, each in a task, and gives their items in the order in which they arrive.
///
/// A source is at most one item ahead: it goes on when its item was taken. All start when the first item is
/// asked for.
/// Errors: the first failure of a source, after the items that arrived before it; it ends the others. Further
/// errors go to the exception handler.
/// Cancellation: as for async_generator::next(); cancels the tasks, waits for their end, and closes the
/// sources.
/// Lifetime: close it, or consume it in one of the ways that do. Dropping it half-way cancels the tasks but
/// cannot wait for them: what the sources refer to must then live until the loop has run their ends.
/// Example:
///     auto lines = merge(std::move(from_stdout), std::move(from_stderr));
///     while (auto line = co_await lines.next()) show(*line);
template <class T, std::same_as<T>... Others>
[[nodiscard]] async_generator<T> merge(async_generator<T> first, async_generator<Others>... others) {
    std::vector<async_generator<T>> sources;
    sources.reserve(1 + sizeof...(others));
    sources.push_back(std::move(first));
    (sources.push_back(std::move(others)), ...);
    return detail::run_aside(std::move(sources), 1);
}

/// Likewise for any number of them.
/// Cancellation: as for the other form.
template <class T>
[[nodiscard]] async_generator<T> merge(std::vector<async_generator<T>> sources) {
    return detail::run_aside(std::move(sources), 1);
}

/// A step of a pipe: runs the source ahead of its consumer in a task, so that both work at the same time.
///
/// Parameters: `limit` how many items may wait for the consumer.
/// Errors: std::invalid_argument for zero. An error of the source comes after the items before it.
/// Cancellation: as for merge.
/// Lifetime: as for merge.
[[nodiscard]] inline auto buffered(std::size_t limit) {
    if (limit == 0) throw std::invalid_argument("buffered: expected a limit of at least 1, got 0");
    return detail::buffered_step{limit};
}

}  // namespace generators

}  // namespace aioxx
