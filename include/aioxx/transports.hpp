// SPDX-License-Identifier: BSL-1.0
#pragma once

// transports.hpp: all of transports/, how bytes move: stream_transport is the life cycle that sockets, pipes and
// memory links share, a channel is what it moves the bytes through.
// You seldom name these: the functions of net/ make them for you.

#include <aioxx/transports/child.hpp>
#include <aioxx/transports/child_stdio.hpp>
#include <aioxx/transports/datagram.hpp>
#include <aioxx/transports/datagram_batch.hpp>
#include <aioxx/transports/exec.hpp>
#include <aioxx/transports/fd_channel.hpp>
#include <aioxx/transports/file_channel.hpp>
#include <aioxx/transports/memory.hpp>
#include <aioxx/transports/process.hpp>
#include <aioxx/transports/spawn.hpp>
#include <aioxx/transports/stream_channel.hpp>
#include <aioxx/transports/stream_transport.hpp>
