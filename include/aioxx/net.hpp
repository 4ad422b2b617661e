// SPDX-License-Identifier: BSL-1.0
#pragma once

// net.hpp: all of net/, where a transport and a protocol are put together: create_connection tries the addresses of
// a host, create_server accepts. Write protocols in callback style with these; in coroutine style with streams/.

#include <aioxx/net/accept_loop.hpp>
#include <aioxx/net/address_order.hpp>
#include <aioxx/net/connect.hpp>
#include <aioxx/net/datagram.hpp>
#include <aioxx/net/fd_callbacks.hpp>
#include <aioxx/net/fd_wait.hpp>
#include <aioxx/net/listen.hpp>
#include <aioxx/net/multicast.hpp>
#include <aioxx/net/pipes.hpp>
#include <aioxx/net/resolver.hpp>
#include <aioxx/net/sendfile.hpp>
#include <aioxx/net/server.hpp>
#include <aioxx/net/sock_ops.hpp>
#include <aioxx/net/socket_options.hpp>
#include <aioxx/net/splice.hpp>
