// SPDX-License-Identifier: BSL-1.0
#pragma once

// sync.hpp: all of sync/, how tasks of one loop wait for each other: event, lock, queue and their kin.
// All of them stand on wait_queue.hpp, the one waiting mechanism: first come, first served, and a cancelled waiter
// hands on what it was given.

#include <aioxx/sync/acquire.hpp>
#include <aioxx/sync/barrier.hpp>
#include <aioxx/sync/capacity_limiter.hpp>
#include <aioxx/sync/channel.hpp>
#include <aioxx/sync/channel_core.hpp>
#include <aioxx/sync/condition.hpp>
#include <aioxx/sync/event.hpp>
#include <aioxx/sync/lock.hpp>
#include <aioxx/sync/priority_queue.hpp>
#include <aioxx/sync/queue.hpp>
#include <aioxx/sync/select.hpp>
#include <aioxx/sync/semaphore.hpp>
#include <aioxx/sync/units.hpp>
#include <aioxx/sync/wait_queue.hpp>
