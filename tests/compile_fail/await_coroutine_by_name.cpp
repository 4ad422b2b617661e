// SPDX-License-Identifier: BSL-1.0
// tests/compile_fail/await_coroutine_by_name.cpp: a coroutine runs once, so awaiting it gives it away. By its name
// alone it cannot be awaited, and so not twice by mistake.

#include <utility>

#include <aioxx/core/coroutine.hpp>

aioxx::coro<int> one() { co_return 1; }

aioxx::coro<int> await_by_name() {
    aioxx::coro<int> work = one();
#ifdef AIOXX_MISUSE
    co_return co_await work;
#else
    co_return co_await std::move(work);
#endif
}
