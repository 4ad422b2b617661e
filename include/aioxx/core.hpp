// SPDX-License-Identifier: BSL-1.0
#pragma once

// core.hpp: all of core/, the loop and what runs on it: event_loop calls callbacks in order, coro<T> is a coroutine
// not yet started, task<T> a running one, future<T> a result to come.
// The loop knows the system only through the contract in backend.hpp; the files named asio_* fulfil it.

#include <aioxx/core/asio_await.hpp>
#include <aioxx/core/asio_backend.hpp>
#include <aioxx/core/asio_error.hpp>
#include <aioxx/core/asio_fd_watcher.hpp>
#include <aioxx/core/asio_signals.hpp>
#include <aioxx/core/async_generator.hpp>
#include <aioxx/core/awaitable.hpp>
#include <aioxx/core/backend.hpp>
#include <aioxx/core/cancellation.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/concurrent_future.hpp>
#include <aioxx/core/context.hpp>
#include <aioxx/core/context_var.hpp>
#include <aioxx/core/coroutine.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/core/diagnostics.hpp>
#include <aioxx/core/event_loop.hpp>
#include <aioxx/core/executor.hpp>
#include <aioxx/core/fork_stage.hpp>
#include <aioxx/core/frame_pool.hpp>
#include <aioxx/core/future.hpp>
#include <aioxx/core/future_base.hpp>
#include <aioxx/core/handle.hpp>
#include <aioxx/core/instrument.hpp>
#include <aioxx/core/loop_member.hpp>
#include <aioxx/core/ready_queue.hpp>
#include <aioxx/core/remote_queue.hpp>
#include <aioxx/core/task.hpp>
#include <aioxx/core/task_base.hpp>
#include <aioxx/core/task_context.hpp>
#include <aioxx/core/task_options.hpp>
#include <aioxx/core/thread_gate.hpp>
#include <aioxx/core/timer_queue.hpp>
#include <aioxx/core/to_thread.hpp>
#include <aioxx/core/turn.hpp>
#include <aioxx/core/waiter.hpp>
#include <aioxx/core/worker_pool.hpp>
