// SPDX-License-Identifier: BSL-1.0
#pragma once

// tasks.hpp: all of tasks/, working with several coroutines at once: run() is the entry point of a program, sleep
// lets time pass, gather and task_group wait for many, timeout and wait_for give up, shield protects.
// Built on the public names of core/ alone: your own combinators can be written in the same way.

#include <aioxx/tasks/all.hpp>
#include <aioxx/tasks/as_completed.hpp>
#include <aioxx/tasks/as_result.hpp>
#include <aioxx/tasks/blocking_portal.hpp>
#include <aioxx/tasks/cancel_scope.hpp>
#include <aioxx/tasks/children.hpp>
#include <aioxx/tasks/close_when_cancelled.hpp>
#include <aioxx/tasks/error_group.hpp>
#include <aioxx/tasks/gather.hpp>
#include <aioxx/tasks/generators.hpp>
#include <aioxx/tasks/loop_monitor.hpp>
#include <aioxx/tasks/merge.hpp>
#include <aioxx/tasks/race.hpp>
#include <aioxx/tasks/run_until_complete.hpp>
#include <aioxx/tasks/runner.hpp>
#include <aioxx/tasks/shield.hpp>
#include <aioxx/tasks/shutdown.hpp>
#include <aioxx/tasks/sleep.hpp>
#include <aioxx/tasks/task_group.hpp>
#include <aioxx/tasks/task_tree.hpp>
#include <aioxx/tasks/timeout.hpp>
#include <aioxx/tasks/wait.hpp>
#include <aioxx/tasks/wait_for.hpp>
