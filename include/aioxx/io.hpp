// SPDX-License-Identifier: BSL-1.0
#pragma once

// io.hpp: all of io/, the two contracts that meet in every connection. A transport moves bytes and knows how; a
// protocol is told what arrives and knows why. Each has exactly one of the other.
// Pure: the classes here are the words; transports/ and streams/ fill them with life.

#include <aioxx/io/buffered_protocol.hpp>
#include <aioxx/io/busy_guard.hpp>
#include <aioxx/io/datagram_protocol.hpp>
#include <aioxx/io/datagram_transport.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/io/flow_control.hpp>
#include <aioxx/io/kept_endpoint.hpp>
#include <aioxx/io/process_protocol.hpp>
#include <aioxx/io/process_transport.hpp>
#include <aioxx/io/protocol.hpp>
#include <aioxx/io/served_protocol.hpp>
#include <aioxx/io/transport.hpp>
#include <aioxx/io/transport_socket.hpp>
