// SPDX-License-Identifier: BSL-1.0
// tests/compile_fail/await_in_foreign_coroutine.cpp: a coroutine type without a task cannot pass a cancellation on,
// so a coro is not awaited in it directly.

#include <coroutine>

#include <aioxx/core/coroutine.hpp>

struct foreign {
    struct promise_type {
        foreign get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() {}
    };
};

aioxx::coro<int> one() { co_return 1; }

foreign await_in_foreign_coroutine() {
#ifdef AIOXX_MISUSE
    co_await one();
#else
    co_await std::suspend_always();
#endif
}
