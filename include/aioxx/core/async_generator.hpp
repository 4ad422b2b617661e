// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/async_generator.hpp: async_generator<T>: a coroutine that gives many values, one at a time.
//
// The body runs as part of the task that asks, on top of the asking coroutine's await_suspend like a child
// that is awaited: up to the next co_yield without suspending anybody, or until it suspends, and then the
// loop goes on with whoever asked. Between two items nothing of it waits anywhere, so it may be destroyed, or
// be continued by another task. What must run when it is ended early and needs to wait, runs in aclose().

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/task_context.hpp>

namespace aioxx {

template <class T>
class async_generator;

/// Thrown by the co_yield at which an async generator stands when it is closed (asyncio: GeneratorExit).
///
/// Like cancelled_error it does not derive from std::exception, so that `catch (const std::exception&)` lets
/// it pass. A body that catches it may wait for its clean-up, must not yield again, and returns or rethrows.
class generator_exit {};

/// Closes the async generators of a loop that were started and have not ended, the oldest first, each with
/// aclose(): those that outlived their tasks (asyncio: loop.shutdown_asyncgens). A runner does it by itself.
///
/// One after the other, because the clean-up of one may still use another. One that is running is left alone:
/// it ends with its task. One that is started later is reported to the exception handler.
/// Errors: what a generator throws goes to the exception handler.
/// Cancellation: partial: ends the clean-up that is under way, and leaves the generators that are left as
/// they are.
coro<> shutdown_async_generators(event_loop& loop);

namespace detail {

struct generator_tag;

// The promise without the type of the items: where the body stands, and who goes on after its next step.
class generator_promise_base : public promise_base, public list_node<generator_tag> {
public:
    enum class phase : unsigned char { created, running, yielded, finished };

    class yield_awaiter : public final_awaiter {
    public:
        explicit yield_awaiter(generator_promise_base& promise) noexcept : promise_(promise) {}
        void await_resume() const {
            if (promise_.closing_) throw generator_exit();
        }

    private:
        generator_promise_base& promise_;
    };

    final_awaiter final_suspend() noexcept {
        phase_ = phase::finished;
        this->unlink();
        return {};
    }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { failure_ = std::current_exception(); }

    [[nodiscard]] phase present_phase() const noexcept { return phase_; }

    // Runs the body until it yields, ends or suspends. Returns: whether it suspended; `parent` goes on later.
    template <class Parent>
    bool step(std::coroutine_handle<Parent> parent, const char* operation) {
        static_assert(std::is_base_of_v<promise_base, Parent>,
                      "an async_generator can be consumed in a coro or an async_generator only");
        if (phase_ == phase::running) refuse(operation, parent.promise().task);
        if (phase_ == phase::created) enlist();
        this->task = parent.promise().task;
        this->continuation = {};
        phase_ = phase::running;
        self_.resume();
        if (phase_ != phase::running) return false;
        this->continuation = parent;
        return true;
    }

    template <class Parent>
    bool step_to_exit(std::coroutine_handle<Parent> parent) {
        if (phase_ == phase::yielded) closing_ = true;
        return step(parent, "aclose");
    }

    void throw_failure() {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }

    // It will not be asked again.
    void finish() noexcept {
        phase_ = phase::finished;
        this->unlink();
    }

    void add_owner() noexcept { ++owners_; }
    void drop_owner() noexcept {
        if (--owners_ == 0) self_.destroy();
    }

protected:
    explicit generator_promise_base(std::coroutine_handle<> self) noexcept : self_(self) {}
    ~generator_promise_base() = default;

    yield_awaiter yielded() noexcept {
        phase_ = phase::yielded;
        return yield_awaiter(*this);
    }

private:
    void enlist();

    [[noreturn]] void refuse(const char* operation, const task_context* asking) const {
        if (asking == this->task) {
            throw invalid_state_error(std::string(operation) + ": the async generator waits for itself");
        }
        throw busy_error(std::string(operation) + ": another task waits for the async generator already");
    }

    std::coroutine_handle<> self_;
    std::exception_ptr failure_;  // that the body ended with, until somebody has seen it
    unsigned owners_ = 1;
    phase phase_ = phase::created;
    bool closing_ = false;  // the next resumption throws generator_exit
};

// The generators of a loop that were started and have not ended: those that shutdown finds in need of
// closing.
class live_generators {
public:
    explicit live_generators(event_loop& loop) noexcept : loop_(loop) {}

    void add(generator_promise_base& started) {
        live_.push_back(started);
        if (shut_down_)
            loop_.call_exception_handler({"an async generator was started after their shutdown", {}, {}});
    }
    [[nodiscard]] bool empty() const noexcept { return live_.empty(); }
    generator_promise_base* take_oldest() noexcept { return live_.pop_front(); }
    void set_shut_down() noexcept { shut_down_ = true; }

private:
    event_loop& loop_;
    intrusive_list<generator_promise_base, generator_tag> live_;
    bool shut_down_ = false;
};

inline void generator_promise_base::enlist() {
    get_running_loop().extension<live_generators>().add(*this);
}

// What next() gives: a value or nothing; for references a pointer.
template <class T>
struct generator_item {
    using type = std::optional<T>;
};
template <class T>
struct generator_item<T&> {
    using type = T*;
};

template <class T>
class generator_promise final : public generator_promise_base {
public:
    using item_type = typename generator_item<T>::type;

    generator_promise() noexcept
        : generator_promise_base(std::coroutine_handle<generator_promise>::from_promise(*this)) {}

    async_generator<T> get_return_object(
        std::source_location place = std::source_location::current()) noexcept;

    template <class U = T>
    requires(std::is_object_v<T>&& std::is_convertible_v<U&&, T>) yield_awaiter yield_value(U&& value) {
        item_.emplace(std::forward<U>(value));
        return this->yielded();
    }
    // A temporary that a reference to const is bound to lives until the body goes on.
    yield_awaiter yield_value(T reference) requires std::is_reference_v<T> {
        item_ = std::addressof(reference);
        return this->yielded();
    }

    item_type take() {
        if (this->present_phase() != phase::yielded) {
            this->throw_failure();
            return item_type();
        }
        if constexpr (std::is_reference_v<T>) {
            return item_;
        } else {
            item_type taken = std::move(item_);
            item_.reset();
            return taken;
        }
    }

private:
    item_type item_{};
};

template <class T>
class next_awaiter {
public:
    explicit next_awaiter(generator_promise<T>& promise) noexcept : promise_(promise) {}

    [[nodiscard]] bool await_ready() const noexcept {
        return promise_.present_phase() == generator_promise_base::phase::finished;
    }
    template <class Parent>
    bool await_suspend(std::coroutine_handle<Parent> parent) {
        return promise_.step(parent, "next");
    }
    [[nodiscard]] typename generator_promise<T>::item_type await_resume() { return promise_.take(); }

private:
    generator_promise<T>& promise_;
};

class aclose_awaiter {
public:
    explicit aclose_awaiter(generator_promise_base& promise) noexcept : promise_(promise) {}

    [[nodiscard]] bool await_ready() noexcept {
        using phase = generator_promise_base::phase;
        if (promise_.present_phase() == phase::created) promise_.finish();
        return promise_.present_phase() == phase::finished;
    }
    template <class Parent>
    bool await_suspend(std::coroutine_handle<Parent> parent) {
        return promise_.step_to_exit(parent);
    }
    void await_resume() {
        if (promise_.present_phase() == generator_promise_base::phase::yielded) {
            promise_.finish();
            throw invalid_state_error("aclose: the async generator yielded again after generator_exit");
        }
        try {
            promise_.throw_failure();
        } catch (const generator_exit&) {
            // The way in which a body ends that has nothing to say about it.
        }
    }

private:
    generator_promise_base& promise_;
};

}  // namespace detail

/// A coroutine that yields values (Python: an async generator): it may await whatever a coro may, and
/// `co_yield`.
///
/// Lazy: the body runs when an item is asked for, as part of the asking task, and stops at the co_yield. T is
/// an object type, which may be movable only, or an lvalue reference; `co_yield` takes what converts to it.
///
/// A consumer is a function that takes an async generator; `generator | function` calls it, so that a pipe
/// reads in the order of its steps, of which more are in tasks/generators.hpp.
///
/// Ends: the body returns or throws; aclose(); or it is destroyed, and then the destructors of the body run
/// and nothing else of it. with_generator and the algorithms close what they are given, however they end.
/// Lifetime: as for coro: the body's parameters are kept by value as declared; what they refer to, and a
/// lambda with captures, must outlive it. Destroy it only while nobody waits for its next item.
/// Concurrency: one loop; several tasks may take turns.
/// Asyncio: async generator. No asend and athrow; one that is dropped is not closed by anybody.
/// Example:
///     aioxx::async_generator<int> ticks(int count) {
///         for (int tick = 1; tick <= count; ++tick) {
///             co_await aioxx::sleep(1s);
///             co_yield tick;
///         }
///     }
///     aioxx::coro<> show(aioxx::async_generator<int> numbers) {
///         while (auto number = co_await numbers.next()) std::cout << *number << '\n';
///     }
///     aioxx::coro<> show_ticks() { co_await (ticks(3) | show); }
template <class T>
class [[nodiscard]] async_generator {
    static_assert(std::is_object_v<T> || std::is_lvalue_reference_v<T>,
                  "the items of an async_generator are objects or lvalue references");

public:
    using promise_type = detail::generator_promise<T>;
    using value_type = T;
    /// What next() gives: std::optional<T>; a pointer when T is a reference.
    using item_type = typename promise_type::item_type;

    async_generator(async_generator&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
    async_generator& operator=(async_generator&& other) noexcept {
        std::swap(promise_, other.promise_);
        return *this;
    }
    ~async_generator() {
        if (promise_ != nullptr) promise_->drop_owner();
    }

    /// Whether there is a generator, ended or not: false after it was moved from.
    explicit operator bool() const noexcept { return promise_ != nullptr; }

    /// Runs the body up to its next item. Does not suspend unless the body does.
    ///
    /// Returns: the item, false at the end and ever after. A pointer is valid until the body goes on.
    /// Errors: what the body throws, which ends it; busy_error while another task waits for an item;
    /// invalid_state_error when the body asks itself, or after it was moved from.
    /// Cancellation: whatever the body awaits throws cancelled_error, which ends it unless it catches that.
    [[nodiscard]] detail::next_awaiter<T> next() const { return detail::next_awaiter<T>(checked("next")); }

    /// Ends it early: the co_yield at which it stands throws generator_exit, and the body runs to its end,
    /// which may take time. One that has not started will not start, one that has ended stays so; neither
    /// suspends.
    ///
    /// Errors: what the body throws instead; invalid_state_error when it yields again. It has ended then as
    /// well. busy_error and invalid_state_error as for next().
    /// Cancellation: partial: whatever the body awaits throws cancelled_error, so its clean-up may be cut
    /// short.
    /// Asyncio: aclose.
    [[nodiscard]] detail::aclose_awaiter aclose() const { return detail::aclose_awaiter(checked("aclose")); }

    /// A second owner of the same generator, for those who close what somebody else consumes.
    [[nodiscard]] async_generator share() const {
        promise_type& shared = checked("share");
        shared.add_owner();
        return async_generator(shared);
    }

private:
    friend promise_type;
    explicit async_generator(promise_type& promise) noexcept : promise_(&promise) {}

    promise_type& checked(const char* operation) const {
        if (promise_ == nullptr) {
            throw invalid_state_error(std::string(operation) + ": the async generator was moved from");
        }
        return *promise_;
    }

    promise_type* promise_;
};

template <class T>
inline async_generator<T> detail::generator_promise<T>::get_return_object(
    std::source_location place) noexcept {
    static_assert(
        alignof(generator_promise) <= 2 * sizeof(void*),
        "a generator cannot yield a type that needs more alignment than the frame has; yield a pointer");
    this->where = place;
    return async_generator<T>(*this);
}

/// Gives a generator to a function that takes one: a consumer, or a step that makes another generator of it.
///
/// Example:
///     co_await (lines(file) | only_errors | display);
template <class T, class Function>
requires std::invocable<Function, async_generator<T>>
auto operator|(async_generator<T>&& items, Function&& function) {
    return std::forward<Function>(function)(std::move(items));
}

inline coro<> shutdown_async_generators(event_loop& loop) {
    auto& live = loop.extension<detail::live_generators>();
    while (detail::generator_promise_base* oldest = live.take_oldest()) {
        if (oldest->present_phase() != detail::generator_promise_base::phase::yielded) continue;
        oldest->add_owner();
        const scope_exit no_longer([oldest] { oldest->drop_owner(); });
        try {
            co_await detail::aclose_awaiter(*oldest);
        } catch (const cancelled_error&) {
            throw;
        } catch (...) {
            loop.call_exception_handler(
                {"exception in an async generator at its shutdown", std::current_exception(), {}});
        }
    }
    live.set_shut_down();
}

}  // namespace aioxx
