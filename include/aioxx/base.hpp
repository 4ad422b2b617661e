// SPDX-License-Identifier: BSL-1.0
#pragma once

// base.hpp: all of base/, the ground floor: errors, checked preconditions, small containers.
// Start with base/error.hpp, which sorts errors by whose fault they are. Nothing here knows coroutines,
// bytes or the operating system, but for unique_fd.

#include <aioxx/base/block_pool.hpp>
#include <aioxx/base/config.hpp>
#include <aioxx/base/contract.hpp>
#include <aioxx/base/error.hpp>
#include <aioxx/base/function.hpp>
#include <aioxx/base/intrusive_list.hpp>
#include <aioxx/base/pinned.hpp>
#include <aioxx/base/result.hpp>
#include <aioxx/base/ring_buffer.hpp>
#include <aioxx/base/scope_exit.hpp>
#include <aioxx/base/unique_fd.hpp>
