// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/asio_await.hpp: completion tokens with which any Asio operation can be awaited in a coro.
//
// The operation starts when it is awaited. It and the awaiter share a small link: the operation may outlive the
// awaiter (the loop was closed), the awaiter outlives the operation otherwise. The wait ends only when the
// operation's handler has run, so buffers in the coroutine stay valid for as long as Asio uses them.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include <asio/async_result.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>

#include <aioxx/base/error.hpp>
#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/asio_error.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/waiter.hpp>

namespace aioxx {

/// Types of use_coro and use_coro_tuple.
struct use_coro_t {};
struct use_coro_tuple_t {};

/// Completion token: `co_await` on the call waits for the operation and gives its result.
///
/// Returns: nothing, the one value, or a tuple of several. A leading error code or exception_ptr is not among them.
/// Errors: broken_error with the operation's error code; the operation's exception; invalid_state_error when the
/// loop does not run on Asio.
/// Cancellation: emits on the operation's cancellation slot (every type) and waits for its handler. An operation
/// that fails then, for whatever reason, throws cancelled_error; a composed one may have done a part. One that
/// succeeds all the same delivers its result, and the task's next suspension throws. A task that is cancelled
/// already does not start the operation.
/// Lifetime: arguments are kept until the operation ends; what buffers refer to must live as long as the task waits.
/// When the loop is closed meanwhile, the operation is cancelled and must not run on: do not close a loop on a
/// user's io_context while operations on foreign memory are outstanding, cancel their tasks first.
/// Concurrency: the handler runs on the loop's thread, also for objects of another execution context.
/// Example:
///     asio::steady_timer timer(executor, std::chrono::seconds(1));
///     co_await timer.async_wait(aioxx::use_coro);
inline constexpr use_coro_t use_coro{};

/// As use_coro, but gives everything that the handler was called with as a tuple, the error code included.
///
/// Cancellation: as use_coro.
inline constexpr use_coro_tuple_t use_coro_tuple{};

namespace detail {

template <class... Results>
class asio_wait;

// Shared by the awaiter and the operation's handler.
template <class... Results>
struct asio_link : pool_allocated {
    asio_link(asio_wait<Results...>& waiting, asio::io_context& runs) noexcept : wait(&waiting), context(runs) {}

    void drop() noexcept {
        if (--users == 0) delete this;
    }

    asio_wait<Results...>* wait;  // null when the coroutine was destroyed
    asio::io_context& context;
    asio::cancellation_signal signal;
    int users = 2;
};

// The handler that Asio keeps. Destroyed without a call, it lets the wait end as well.
template <class... Results>
class asio_handler {
public:
    using executor_type = asio::io_context::executor_type;
    using cancellation_slot_type = asio::cancellation_slot;

    explicit asio_handler(asio_link<Results...>& link) noexcept : link_(&link) {}
    asio_handler(asio_handler&& other) noexcept : link_(std::exchange(other.link_, nullptr)) {}
    asio_handler& operator=(asio_handler&&) = delete;
    ~asio_handler() {
        if (link_ == nullptr) return;
        if (link_->wait != nullptr) link_->wait->dropped();
        link_->drop();
    }

    void operator()(Results... results) {
        if (link_->wait != nullptr) link_->wait->end(std::move(results)...);
        std::exchange(link_, nullptr)->drop();
    }

    [[nodiscard]] executor_type get_executor() const noexcept { return link_->context.get_executor(); }
    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return link_->signal.slot(); }

private:
    asio_link<Results...>* link_;
};

// The waiting, whatever the operation: what depends on the handler's arguments only.
template <class... Results>
class asio_wait : public waiter {
public:
    [[nodiscard]] static constexpr bool await_ready() noexcept { return false; }

    // From the handler: it was called, or destroyed without a call.
    void end(Results... results) {
        loop()->enter([&] {
            results_.emplace(std::move(results)...);
            wake();
        });
    }
    void dropped() {
        loop()->enter([this] { wake(); });
    }

protected:
    asio_wait() = default;
    ~asio_wait() {
        if (link_ == nullptr) return;
        if (!results_ && !failure_) {
            link_->wait = nullptr;
            link_->signal.emit(asio::cancellation_type::all);
        }
        link_->drop();
    }

    // Waits before it starts, so that an operation which ends at once finds somebody to wake.
    template <class Promise, class Start>
    void start_and_wait(std::coroutine_handle<Promise> coroutine, Start&& start) {
        suspend(coroutine);
        if (!is_waiting()) return;  // cancelled before
        try {
            link_ = new asio_link<Results...>(*this, asio_backend::context_of(*loop()));
            start(asio_handler<Results...>(*link_));
        } catch (...) {
            failure_ = std::current_exception();
            wake();
        }
    }

    // Returns: what the handler was called with.
    std::tuple<Results...>& outcome() {
        if (cancelled()) [[unlikely]] {
            if (!failure_ && !succeeded()) throw_if_cancelled();
            postpone_cancellation();
        }
        if (failure_) std::rethrow_exception(failure_);
        if (!results_) throw broken_error(std::make_error_code(std::errc::operation_canceled), "the operation was dropped");
        return *results_;
    }

private:
    void cancel_wait() noexcept override {
        if (link_ == nullptr) return wake_cancelled();
        set_cancelled();
        link_->signal.emit(asio::cancellation_type::all);
    }
    const char* waits_for() const noexcept override { return "an Asio operation"; }

    [[nodiscard]] bool succeeded() const noexcept {
        if (!results_) return false;
        if constexpr (sizeof...(Results) > 0) {
            using first = std::tuple_element_t<0, std::tuple<Results...>>;
            if constexpr (std::is_same_v<first, std::error_code> || std::is_same_v<first, std::exception_ptr>) {
                return !std::get<0>(*results_);
            }
        }
        return true;
    }

    asio_link<Results...>* link_ = nullptr;  // null until it has started
    std::optional<std::tuple<Results...>> results_;
    std::exception_ptr failure_;  // of the start
};

// What use_coro makes of the handler's arguments.
template <class... Values>
auto asio_value(std::tuple<Values...>& values) {
    if constexpr (sizeof...(Values) == 1) {
        return std::get<0>(std::move(values));
    } else if constexpr (sizeof...(Values) > 1) {
        return std::move(values);
    }
}
template <class... Values>
auto asio_value(std::tuple<std::error_code, Values...>& values) {
    if (std::get<0>(values)) throw broken_error(to_std(std::get<0>(values)));
    std::tuple<Values...> rest = std::apply(
        [](std::error_code&, Values&... others) { return std::tuple<Values...>(std::move(others)...); }, values);
    return asio_value(rest);
}
template <class... Values>
auto asio_value(std::tuple<std::exception_ptr, Values...>& values) {
    if (std::get<0>(values)) std::rethrow_exception(std::get<0>(values));
    std::tuple<Values...> rest = std::apply(
        [](std::exception_ptr&, Values&... others) { return std::tuple<Values...>(std::move(others)...); }, values);
    return asio_value(rest);
}

}  // namespace detail

/// An Asio operation that starts when it is awaited. Made by use_coro and use_coro_tuple.
template <class Token, class Initiation, class Arguments, class... Results>
class [[nodiscard]] asio_operation {
public:
    asio_operation(Initiation initiation, Arguments arguments)
        : initiation_(std::move(initiation)), arguments_(std::move(arguments)) {}

    class awaiter final : public detail::asio_wait<Results...> {
    public:
        explicit awaiter(asio_operation& operation) noexcept : operation_(operation) {}

        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> coroutine) {
            this->start_and_wait(coroutine, [this](detail::asio_handler<Results...> handler) {
                std::apply(
                    [&](auto&... arguments) {
                        std::move(operation_.initiation_)(std::move(handler), std::move(arguments)...);
                    },
                    operation_.arguments_);
            });
        }
        auto await_resume() {
            if constexpr (std::is_same_v<Token, use_coro_tuple_t>) {
                return std::move(this->outcome());
            } else {
                return detail::asio_value(this->outcome());
            }
        }

    private:
        asio_operation& operation_;  // lives in the same full expression
    };

    /// Starts the operation and waits for it. Cancellation: see use_coro.
    awaiter operator co_await() && noexcept { return awaiter(*this); }

private:
    Initiation initiation_;
    Arguments arguments_;
};

namespace detail {

template <class Token, class... Results>
struct asio_await_result {
    template <class Initiation, class... Arguments>
    static auto initiate(Initiation initiation, Token, Arguments... arguments) {
        using operation =
            asio_operation<Token, Initiation, std::tuple<Arguments...>, std::decay_t<Results>...>;
        return operation(std::move(initiation), std::tuple<Arguments...>(std::move(arguments)...));
    }
};

}  // namespace detail

}  // namespace aioxx

namespace asio {

template <class R, class... Results>
class async_result<aioxx::use_coro_t, R(Results...)>
    : public aioxx::detail::asio_await_result<aioxx::use_coro_t, Results...> {};

template <class R, class... Results>
class async_result<aioxx::use_coro_tuple_t, R(Results...)>
    : public aioxx::detail::asio_await_result<aioxx::use_coro_tuple_t, Results...> {};

}  // namespace asio
