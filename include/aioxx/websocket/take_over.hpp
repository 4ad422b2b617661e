// SPDX-License-Identifier: BSL-1.0
#pragma once

// websocket/take_over.hpp: turns a stream whose opening handshake is over into a WebSocket connection, for connect and
// serve alike.

#include <memory>
#include <optional>
#include <utility>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/core/current.hpp>
#include <aioxx/streams/writer.hpp>
#include <aioxx/websocket/connection.hpp>
#include <aioxx/websocket/proto/permessage_deflate.hpp>

namespace aioxx::websocket::detail {

// What connect and serve give to a connection. Parameters: `compression` what the handshake agreed on.
template <class Options>
connection_limits limits_of(const Options& options, std::optional<deflate_parameters> compression = std::nullopt) {
    connection_limits limits;
    limits.ping_interval = options.ping_interval;
    limits.ping_timeout = options.ping_timeout;
    limits.close_timeout = options.close_timeout;
    limits.max_size = options.max_size;
    limits.max_queue = options.max_queue;
    limits.write_limit = options.write_limit;
    limits.compression = std::move(compression);
    return limits;
}

// Parameters: `first_frames` what has arrived after the handshake and was read already.
inline std::shared_ptr<connection_state_machine> take_over(const stream_writer& writer, role us,
                                                           std::shared_ptr<const connection_limits> limits,
                                                           bytes_view first_frames) {
    auto state = std::make_shared<connection_state_machine>(get_running_loop(), us, std::move(limits));
    bytearray rest(first_frames);
    rest.append(writer.hand_over(state));
    if (!rest.empty()) state->data_received(rest);
    return state;
}

inline std::shared_ptr<connection_state_machine> take_over(const stream_writer& writer, role us,
                                                           const connection_limits& limits, bytes_view first_frames) {
    return take_over(writer, us, std::make_shared<const connection_limits>(limits), first_frames);
}

}  // namespace aioxx::websocket::detail
