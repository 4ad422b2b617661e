// SPDX-License-Identifier: BSL-1.0
#pragma once

// base/config.hpp: the only place with compiler and platform switches.
// Every macro that a user may define stands here with its reason.

// AIOXX_ADDRESS_SANITIZER: the program is built with it.
#if defined(__SANITIZE_ADDRESS__)
#define AIOXX_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AIOXX_ADDRESS_SANITIZER 1
#endif
#endif

// AIOXX_HIDE_BYTES, AIOXX_SHOW_BYTES: AddressSanitizer reports whoever touches memory between the two, such as a view of
// what was removed from a buffer.
#if defined(AIOXX_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#define AIOXX_HIDE_BYTES(begin, size) __asan_poison_memory_region(begin, size)
#define AIOXX_SHOW_BYTES(begin, size) __asan_unpoison_memory_region(begin, size)
#else
#define AIOXX_HIDE_BYTES(begin, size) static_cast<void>(0)
#define AIOXX_SHOW_BYTES(begin, size) static_cast<void>(0)
#endif

// AIOXX_NO_FRAME_POOL: coroutine frames come from operator new directly. On by itself under
// AddressSanitizer, which can only see a use after free when memory is not recycled by us.
#if defined(AIOXX_ADDRESS_SANITIZER) && !defined(AIOXX_NO_FRAME_POOL)
#define AIOXX_NO_FRAME_POOL 1
#endif

// AIOXX_PORTABLE_WAIT: wait for descriptors through Asio's public async_wait only. It costs one
// epoll_ctl a wait; without it watches stand in Asio's epoll reactor in the place of its own records
// (core/asio_fd_watcher.hpp), which costs none and never allocates.
#if !defined(AIOXX_PORTABLE_WAIT) && \
    (!defined(__linux__) || defined(ASIO_DISABLE_EPOLL) || defined(ASIO_HAS_IO_URING_AS_DEFAULT))
#define AIOXX_PORTABLE_WAIT 1
#endif

// AIOXX_CHECKS: preconditions are checked (base/contract.hpp). On in debug builds.
#if !defined(AIOXX_CHECKS)
#if defined(NDEBUG)
#define AIOXX_CHECKS 0
#else
#define AIOXX_CHECKS 1
#endif
#endif

// AIOXX_COLD: marks functions that only errors lead to, so that they are kept out of line and out of the way.
#if defined(__GNUC__)
#define AIOXX_COLD [[gnu::cold, gnu::noinline]]
#else
#define AIOXX_COLD
#endif

// AIOXX_INLINE: marks functions that become part of every caller: of so little work that the call is a good part of it.
#if defined(__GNUC__)
#define AIOXX_INLINE [[gnu::always_inline]]
#else
#define AIOXX_INLINE
#endif

// AIOXX_NOINLINE: marks functions that are kept out of their callers, where a shorter way is the usual one.
#if defined(__GNUC__)
#define AIOXX_NOINLINE [[gnu::noinline]]
#else
#define AIOXX_NOINLINE
#endif

// AIOXX_FOR_AVX2: marks functions that are compiled for processors with AVX2, and only called there. Empty on other kinds.
#if defined(__GNUC__) && defined(__x86_64__)
#define AIOXX_FOR_AVX2 [[gnu::target("avx2")]]
#else
#define AIOXX_FOR_AVX2
#endif

// AIOXX_NAME_THREAD: names the calling thread for debuggers and ps, with 15 characters at most.
#if defined(__linux__)
#include <pthread.h>
#define AIOXX_NAME_THREAD(name) static_cast<void>(::pthread_setname_np(::pthread_self(), name))
#else
#define AIOXX_NAME_THREAD(name) static_cast<void>(name)
#endif
