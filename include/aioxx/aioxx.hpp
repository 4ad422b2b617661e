// SPDX-License-Identifier: BSL-1.0
#pragma once

// aioxx.hpp: the whole library but for websocket.hpp and tls.hpp, which need further libraries, and testing.hpp.
//
// From the ground up: base (errors), buffer (bytes), core (loop, coroutines, tasks), tasks and sync (many at once),
// io (transport and protocol), transports, net (connect, listen), streams (reader, writer), process (children).

#include <aioxx/base.hpp>
#include <aioxx/buffer.hpp>
#include <aioxx/core.hpp>
#include <aioxx/files.hpp>
#include <aioxx/interop.hpp>
#include <aioxx/io.hpp>
#include <aioxx/net.hpp>
#include <aioxx/process.hpp>
#include <aioxx/streams.hpp>
#include <aioxx/sync.hpp>
#include <aioxx/tasks.hpp>
#include <aioxx/transports.hpp>
#include <aioxx/version.hpp>
