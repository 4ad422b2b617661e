// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/datagram_transport.hpp: the interface of datagram transports.

#include <cstddef>
#include <optional>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/flow_control.hpp>
#include <aioxx/io/transport.hpp>

namespace aioxx {

/// Sends and receives datagrams (asyncio: DatagramTransport). The rules of io/transport.hpp hold.
class datagram_transport : public virtual base_transport {
public:
    /// Sends one datagram, an empty one included; queues a copy when the system is full.
    ///
    /// Parameters: `to` the receiver; nothing on a connected endpoint means its peer.
    /// Errors: std::invalid_argument for another receiver than the peer of a connected endpoint, or for none on an
    /// unconnected one. What the system says comes as error_received.
    virtual void sendto(bytes_view data, const std::optional<endpoint>& to = std::nullopt) = 0;

    /// Ends the endpoint at once; what is queued is lost. Idempotent.
    virtual void abort() = 0;

    /// Water marks of the queue, in bytes of payload plus 8 for each datagram.
    virtual void set_write_buffer_limits(write_limits_request limits) = 0;
    [[nodiscard]] virtual write_buffer_limits get_write_buffer_limits() const noexcept = 0;
    [[nodiscard]] virtual std::size_t get_write_buffer_size() const noexcept = 0;
};

}  // namespace aioxx
