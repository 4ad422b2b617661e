// SPDX-License-Identifier: BSL-1.0
#pragma once

// streams.hpp: all of streams/, the part that most programs use: open_connection and start_server give a
// stream_reader to await bytes and lines from and a stream_writer to send them with.

#include <aioxx/streams/adapters.hpp>
#include <aioxx/streams/datagram_socket.hpp>
#include <aioxx/streams/drain_gate.hpp>
#include <aioxx/streams/expiry.hpp>
#include <aioxx/streams/handler_task.hpp>
#include <aioxx/streams/open_connection.hpp>
#include <aioxx/streams/pump.hpp>
#include <aioxx/streams/reader.hpp>
#include <aioxx/streams/receive_buffer.hpp>
#include <aioxx/streams/start_server.hpp>
#include <aioxx/streams/stdio.hpp>
#include <aioxx/streams/stream_protocol.hpp>
#include <aioxx/streams/text.hpp>
#include <aioxx/streams/text_buffer.hpp>
#include <aioxx/streams/writer.hpp>
