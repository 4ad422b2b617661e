// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket.hpp: all of websocket/ (RFC 6455): connect and serve give a connection that sends and receives messages.
// The folder proto/ below it is the protocol without any input or output: feed it bytes, take events, take output.
// Needs OpenSSL and zlib: link aioxx::websocket.

#include <aioxx/websocket/answer_plainly.hpp>
#include <aioxx/websocket/authority.hpp>
#include <aioxx/websocket/basic_auth.hpp>
#include <aioxx/websocket/broadcast.hpp>
#include <aioxx/websocket/broadcast_ring.hpp>
#include <aioxx/websocket/connect.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/connection_state_machine.hpp>
#include <aioxx/websocket/dial.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/event_source.hpp>
#include <aioxx/websocket/hook.hpp>
#include <aioxx/websocket/inbox.hpp>
#include <aioxx/websocket/keepalive.hpp>
#include <aioxx/websocket/message.hpp>
#include <aioxx/websocket/opening_heads.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/percent_encoding.hpp>
#include <aioxx/websocket/proto/accept_key.hpp>
#include <aioxx/websocket/proto/chunked.hpp>
#include <aioxx/websocket/proto/client_handshake.hpp>
#include <aioxx/websocket/proto/close_code.hpp>
#include <aioxx/websocket/proto/closing.hpp>
#include <aioxx/websocket/proto/complete_response.hpp>
#include <aioxx/websocket/proto/deflate.hpp>
#include <aioxx/websocket/proto/endpoint.hpp>
#include <aioxx/websocket/proto/event_stream.hpp>
#include <aioxx/websocket/proto/extension.hpp>
#include <aioxx/websocket/proto/frame.hpp>
#include <aioxx/websocket/proto/frame_parser.hpp>
#include <aioxx/websocket/proto/frame_writer.hpp>
#include <aioxx/websocket/proto/http_body.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/mask.hpp>
#include <aioxx/websocket/proto/masking_keys.hpp>
#include <aioxx/websocket/proto/message.hpp>
#include <aioxx/websocket/proto/message_view.hpp>
#include <aioxx/websocket/proto/opcode.hpp>
#include <aioxx/websocket/proto/permessage_deflate.hpp>
#include <aioxx/websocket/proto/server_handshake.hpp>
#include <aioxx/websocket/proto/socks.hpp>
#include <aioxx/websocket/proto/utf8.hpp>
#include <aioxx/websocket/proto/vector_blocks.hpp>
#include <aioxx/websocket/proto/whole_messages.hpp>
#include <aioxx/websocket/proxy.hpp>
#include <aioxx/websocket/read_head.hpp>
#include <aioxx/websocket/receiving.hpp>
#include <aioxx/websocket/reconnecting.hpp>
#include <aioxx/websocket/redirect.hpp>
#include <aioxx/websocket/router.hpp>
#include <aioxx/websocket/sending.hpp>
#include <aioxx/websocket/serve.hpp>
#include <aioxx/websocket/serve_events.hpp>
#include <aioxx/websocket/server_auth.hpp>
#include <aioxx/websocket/serving.hpp>
#include <aioxx/websocket/spare_buffers.hpp>
#include <aioxx/websocket/take_over.hpp>
#include <aioxx/websocket/uri.hpp>
