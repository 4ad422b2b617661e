// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket.hpp: all of websocket/ (RFC 6455): connect and serve give a connection that sends and receives messages.
// The folder proto/ below it is the protocol without any input or output: feed it bytes, take events, take output.
// Needs OpenSSL and zlib: link aioxx::websocket.

#include <aioxx/websocket/connect.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/error.hpp>
#include <aioxx/websocket/keepalive.hpp>
#include <aioxx/websocket/options.hpp>
#include <aioxx/websocket/proto/accept_key.hpp>
#include <aioxx/websocket/proto/client_handshake.hpp>
#include <aioxx/websocket/proto/close_code.hpp>
#include <aioxx/websocket/proto/closing.hpp>
#include <aioxx/websocket/proto/endpoint.hpp>
#include <aioxx/websocket/proto/frame.hpp>
#include <aioxx/websocket/proto/frame_parser.hpp>
#include <aioxx/websocket/proto/frame_writer.hpp>
#include <aioxx/websocket/proto/http_head.hpp>
#include <aioxx/websocket/proto/mask.hpp>
#include <aioxx/websocket/proto/masking_keys.hpp>
#include <aioxx/websocket/proto/message.hpp>
#include <aioxx/websocket/proto/opcode.hpp>
#include <aioxx/websocket/proto/server_handshake.hpp>
#include <aioxx/websocket/proto/utf8.hpp>
#include <aioxx/websocket/serve.hpp>
#include <aioxx/websocket/uri.hpp>
