// SPDX-License-Identifier: BSL-1.0
#pragma once

// testing/step.hpp: drives one awaitable by hand: is it pending, was it woken, is it ready?

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>

#include <aioxx/base/error.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/testing/test_loop.hpp>

namespace aioxx::testing {

namespace detail {

template <class Awaitable>
decltype(auto) get_awaiter(Awaitable&& awaitable) {
    if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
        return std::forward<Awaitable>(awaitable).operator co_await();
    } else {
        return static_cast<Awaitable&&>(awaitable);
    }
}

template <class Awaitable>
using awaited_t = decltype(std::declval<std::remove_reference_t<decltype(get_awaiter(std::declval<Awaitable>()))>&>()
                               .await_resume());

template <class Make>
coro<awaited_t<std::invoke_result_t<Make&>>> await_made(Make make) {
    co_return co_await make();
}

}  // namespace detail

/// One awaitable under the microscope.
///
/// It starts at once and runs until it suspends. What happens next is visible before it goes on: an awaitable that was
/// woken but has not run is neither pending nor ready.
/// Example:
///     event opened;
///     step waiting(loop, [&] { return opened.wait(); });
///     CHECK(waiting.pending());
///     opened.set();
///     CHECK(waiting.woken());
///     waiting.resume();
///     CHECK(waiting.ready());
template <class T>
class step : pinned {
public:
    /// Parameters: `make` returns the awaitable; called once.
    template <class Make>
    step(test_loop& loop, Make make)
        : loop_(loop), task_(create_task(loop.loop(), detail::await_made(std::move(make)), "step")) {
        resume();
    }
    /// Cancels it, and ends it before what it refers to goes away.
    ~step() {
        task_.shared_state()->mark_retrieved();
        if (ready() || loop_.loop().is_closed()) return;
        cancel();
        loop_.loop().guarded([this] { resume(); }, "exception at the end of a step");
    }

    /// It waits for something that has not happened.
    [[nodiscard]] bool pending() const { return task_.shared_state()->waits_for() != nullptr; }
    /// What it waited for has happened; it will go on when the loop runs.
    [[nodiscard]] bool woken() const { return !ready() && !pending(); }
    /// It has ended.
    [[nodiscard]] bool ready() const { return task_.done(); }

    /// Runs everything that is ready on the loop, this included; no time passes.
    void resume() { loop_.settle(); }

    /// Requests its cancellation, which arrives when it is resumed.
    void cancel() { task_.cancel(); }

    /// What it gave, or throws its exception. Errors: invalid_state_error when it is not ready.
    T result() {
        if (!ready()) throw invalid_state_error("result: the awaitable is not ready, " + task_.shared_state()->describe());
        return aioxx::detail::take_outcome(*task_.shared_state());
    }

private:
    test_loop& loop_;
    task<T> task_;
};

template <class Make>
step(test_loop&, Make) -> step<detail::awaited_t<std::invoke_result_t<Make&>>>;

}  // namespace aioxx::testing
