// SPDX-License-Identifier: BSL-1.0
#pragma once

// interop/as_operation.hpp: something to await as an Asio asynchronous operation, for code that is written
// with callbacks, futures or asio::awaitable. The other direction is use_coro (core/asio_await.hpp).
//
// The operation is a node that waits for the outcome of a task or future and keeps the completion handler. It
// is a resource of the loop too: a loop that is closed has no turns left in which a waiting node could run.

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <aioxx/base/error.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/awaitable.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

namespace detail {

// ---- what is awaited, until the operation starts ----

// `Moves`: the value is taken out of the outcome, in which others may look otherwise.
template <class T, class State, bool Moves>
struct handle_source {
    using value_type = T;
    using state_type = State;
    static constexpr bool moves = Moves;

    state_ptr<State> state;

    state_ptr<State> start(event_loop& loop) {
        if (&state->loop() != &loop) {
            throw invalid_state_error("as_operation: " + state->describe() +
                                      " belongs to another event loop");
        }
        return std::move(state);
    }
};

template <class T>
struct coroutine_source {
    using value_type = T;
    using state_type = task_state<T>;
    static constexpr bool moves = true;

    coro<T> coroutine;

    state_ptr<state_type> start(event_loop& loop) {
        return create_task(loop, std::move(coroutine)).shared_state();
    }
};

template <awaitable Awaitable>
using operation_value = std::remove_cvref_t<awaited_t<Awaitable>>;

template <class Function>
concept gives_awaitable =
    !awaitable<Function> && std::invocable<Function&> && awaitable<std::invoke_result_t<Function&>>;

template <class Awaitable>
coro<operation_value<Awaitable>> await_it(Awaitable awaited) {
    co_return co_await std::move(awaited);
}
// Keeps the function, which is the closure of a lambda coroutine, for as long as what it gave is awaited.
template <class Function>
coro<operation_value<std::invoke_result_t<Function&>>> await_result_of(Function function) {
    co_return co_await function();
}

template <class T>
coroutine_source<T> source_of(coro<T>&& coroutine) {
    return {std::move(coroutine)};
}
template <class T, class State>
handle_source<T, State, true> source_of(outcome_handle<T, State>&& handle) {
    static_cast<void>(handle.done());  // refuses an empty one
    return {handle.shared_state()};
}
template <class T, class State>
handle_source<T, State, false> source_of(const outcome_handle<T, State>& handle) {
    static_cast<void>(handle.done());
    return {handle.shared_state()};
}
template <operation Awaitable>
    requires std::constructible_from<std::decay_t<Awaitable>, Awaitable>
auto source_of(Awaitable&& awaited) {
    return source_of(await_it<std::decay_t<Awaitable>>(std::forward<Awaitable>(awaited)));
}
template <gives_awaitable Function>
auto source_of(Function&& function) {
    return source_of(await_result_of<std::decay_t<Function>>(std::forward<Function>(function)));
}

template <class Awaitable>
using source_t = decltype(source_of(std::declval<Awaitable>()));

// ---- the operation ----

// A handler gets a value even with an error: a type without a default one arrives in an optional.
template <class T>
struct operation_results {
    using value = std::conditional_t<std::default_initializable<T>, T, std::optional<T>>;
    using signature = void(std::exception_ptr, value);
    using arguments = std::tuple<std::exception_ptr, value>;
};
template <>
struct operation_results<void> {
    using signature = void(std::exception_ptr);
    using arguments = std::tuple<std::exception_ptr>;
};

// The call of a handler.
template <class Handler, class Arguments>
struct operation_call {
    using allocator_type = asio::associated_allocator_t<Handler>;

    Handler handler;
    Arguments arguments;

    [[nodiscard]] allocator_type get_allocator() const noexcept {
        return asio::get_associated_allocator(handler);
    }
    void operator()() { std::apply(std::move(handler), std::move(arguments)); }
};

// The way to it, as it is posted to the loop's context: there are executors that can only dispatch.
template <class Executor, class Call>
struct operation_end {
    using allocator_type = typename Call::allocator_type;

    asio::executor_work_guard<Executor> work;
    Call call;

    [[nodiscard]] allocator_type get_allocator() const noexcept { return call.get_allocator(); }
    void operator()() { asio::dispatch(work.get_executor(), std::move(call)); }
};

// Waits for the outcome. Lives in memory of the handler's allocator, and owns itself once it has started.
template <class Source, class Handler>
class operation_wait final : public wait_node, private loop_resource {
    using io_executor = asio::io_context::executor_type;
    using executor = asio::associated_executor_t<Handler, io_executor>;
    using allocator = typename std::allocator_traits<
        asio::associated_allocator_t<Handler>>::template rebind_alloc<operation_wait>;
    using value_type = std::remove_cvref_t<typename Source::value_type>;
    using arguments = typename operation_results<value_type>::arguments;
    using call = operation_call<Handler, arguments>;

    struct destroy {
        void operator()(operation_wait* wait) const {
            allocator memory(asio::get_associated_allocator(wait->handler_));
            std::destroy_at(wait);
            memory.deallocate(wait, 1);
        }
    };
    using owner = std::unique_ptr<operation_wait, destroy>;

public:
    operation_wait(event_loop& loop, Handler&& handler)
        : loop_(loop),
          handler_(std::move(handler)),
          loop_work_(asio_backend::context_of(loop).get_executor()),
          handler_work_(asio::get_associated_executor(handler_, loop_work_.get_executor())) {}

    static void start(event_loop& loop, Handler handler, Source source) {
        loop.require_open("as_operation");
        loop.require_own_thread("as_operation");
        allocator memory(asio::get_associated_allocator(handler));
        operation_wait* place = memory.allocate(1);
        scope_exit unused([&] { memory.deallocate(place, 1); });
        owner wait(std::construct_at(place, loop, std::move(handler)));
        unused.release();
        wait->state_ = source.start(loop);
        wait->listen_for_cancellation();
        loop.attach(static_cast<loop_resource&>(*wait));
        future_base& awaited = *wait->state_;
        awaited.notify(*wait.release());
    }

private:
    void listen_for_cancellation() {
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (!slot.is_connected()) return;
        slot.assign([this](asio::cancellation_type type) {
            // A task may have done a part, so it cannot promise to have had no effect.
            constexpr auto possible = asio::cancellation_type::terminal | asio::cancellation_type::partial;
            if ((type & possible) != asio::cancellation_type::none) state_->cancel({});
        });
    }

    void run() override { end(); }
    void abandon() noexcept override {
        loop_.guarded([this] { end(); }, "exception while an operation was abandoned");
    }
    [[nodiscard]] std::string describe() const override { return "as_operation of " + state_->describe(); }

    // Posted and not called from here: the handler may end the loop, and what it throws is for those who run it.
    void end() {
        owner self(this);
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.clear();
        arguments results = outcome();
        // The operation's memory is free before the handler runs, the work lasts until then.
        const auto loop_work = std::move(loop_work_);
        allocator memory(asio::get_associated_allocator(handler_));
        operation_end<executor, call> ended{std::move(handler_work_), {std::move(handler_), std::move(results)}};
        std::destroy_at(self.get());
        memory.deallocate(self.release(), 1);
        asio::post(loop_work.get_executor(), std::move(ended));
    }

    arguments outcome() {
        if (!state_->done() || state_->cancelled()) {
            return failed(std::make_exception_ptr(std::system_error(asio::error::operation_aborted)));
        }
        state_->mark_retrieved();
        try {
            if constexpr (std::is_void_v<value_type>) {
                state_->outcome.take_value();
                return {};
            } else if constexpr (Source::moves) {
                return arguments(nullptr, state_->outcome.take_value());
            } else {
                return arguments(nullptr, state_->outcome.get());
            }
        } catch (...) {
            return failed(std::current_exception());
        }
    }
    static arguments failed(std::exception_ptr reason) {
        arguments results{};
        std::get<0>(results) = std::move(reason);
        return results;
    }

    event_loop& loop_;
    Handler handler_;
    asio::executor_work_guard<io_executor> loop_work_;
    asio::executor_work_guard<executor> handler_work_;
    state_ptr<typename Source::state_type> state_;
};

template <class Source>
struct start_operation {
    using executor_type = asio::io_context::executor_type;

    event_loop* loop;

    [[nodiscard]] executor_type get_executor() const {
        return asio_backend::context_of(*loop).get_executor();
    }

    template <class Handler>
    void operator()(Handler&& handler, Source source) const {
        using wait = operation_wait<Source, std::decay_t<Handler>>;
        wait::start(*loop, std::forward<Handler>(handler), std::move(source));
    }
};

}  // namespace detail

/// An operation that starts when it is called with a completion token. Made by as_operation.
template <class Source>
class [[nodiscard]] awaitable_operation {
public:
    /// What handlers are called with: the exception or null, and the value unless it is void.
    using signature =
        typename detail::operation_results<std::remove_cvref_t<typename Source::value_type>>::signature;

    awaitable_operation(event_loop& loop, Source source) : loop_(&loop), source_(std::move(source)) {}

    /// Starts it, or makes what the token makes of operations. Once.
    template <asio::completion_token_for<signature> Token>
    auto operator()(Token&& token) && {
        return asio::async_initiate<Token, signature>(detail::start_operation<Source>{loop_}, token,
                                                      std::move(source_));
    }

private:
    event_loop* loop_;
    Source source_;
};

/// Something to await as an Asio operation, which takes any completion token:
/// `as_operation(loop, work())(token)`.
///
/// Parameters: `awaited` a coroutine, which becomes a task when the operation starts; a task or future, whose
/// value is moved out of an rvalue and copied from an lvalue; another awaitable that can be moved; or a
/// function that gives an awaitable, for those that cannot:
/// `as_operation(loop, [&] { return queue.get(); })`.
/// Returns: a function object for one call. The signature is void(std::exception_ptr, T) or
/// void(std::exception_ptr), where T is the type of the value, or std::optional of it when it has no
/// default for the case of an error.
/// Errors: what the awaited throws arrives as the exception_ptr. A cancellation arrives as std::system_error
/// with asio::error::operation_aborted, because cancelled_error is no std::exception; so does the end of the
/// loop. Thrown from the start: invalid_state_error when the loop is closed, does not run on Asio, or is not
/// that of the task.
/// Cancellation: the handler's cancellation slot cancels the task or future, which may take its time or
/// return a value all the same. A request for total cancellation only is ignored: a task may have effects.
/// Concurrency: start it, and emit its cancellation, on the loop's thread, or before anybody runs the loop;
/// debug mode refuses a start elsewhere. The handler is called through its associated executor, by default the
/// loop's io_context, after the turn in which the operation ended, and its associated allocator is used.
/// Lifetime: keeps io_context::run() and the handler's executor busy until it has ended.
/// Example:
///     asio::io_context io;
///     aioxx::event_loop loop(std::make_unique<aioxx::asio_backend>(io));
///     as_operation(loop, ask(server))([](std::exception_ptr failure, std::string answer) { /* ... */ });
///     std::future<int> number = as_operation(loop, count())(asio::use_future);
///     io.run();
template <class Awaitable>
    requires requires(Awaitable&& awaited) { detail::source_of(std::forward<Awaitable>(awaited)); }
auto as_operation(event_loop& loop, Awaitable&& awaited) {
    using operation = awaitable_operation<detail::source_t<Awaitable>>;
    return operation(loop, detail::source_of(std::forward<Awaitable>(awaited)));
}

/// The same on the running loop.
///
/// Errors: also invalid_state_error when none is running here, as in a plain handler of the context.
/// Cancellation: as for the other form.
template <class Awaitable>
    requires requires(Awaitable&& awaited) { detail::source_of(std::forward<Awaitable>(awaited)); }
auto as_operation(Awaitable&& awaited) {
    return as_operation(get_running_loop(), std::forward<Awaitable>(awaited));
}

}  // namespace aioxx
