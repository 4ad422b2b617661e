// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/datagram_transport.hpp: the interface of datagram transports. The rules of io/transport.hpp hold, except
// that nothing is corked or joined: each sendto is one datagram, tried at once.

#include <cstddef>
#include <cstdint>
#include <optional>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/flow_control.hpp>
#include <aioxx/io/transport.hpp>

namespace aioxx {

/// What an endpoint has done so far.
struct datagram_statistics {
    std::uint64_t received = 0;        ///< datagrams given to the protocol
    std::uint64_t received_bytes = 0;
    std::uint64_t sent = 0;            ///< datagrams that the system took
    std::uint64_t sent_bytes = 0;
    std::uint64_t errors = 0;          ///< told by error_received; a datagram of ours may be lost with each
    std::uint64_t dropped = 0;         ///< sent after the end
    std::uint64_t pauses = 0;          ///< calls of pause_writing
    std::size_t queued = 0;            ///< datagrams that wait for room in the system
    std::size_t most_queued = 0;
};

/// Sends and receives datagrams.
///
/// Asyncio: DatagramTransport; the water marks are part of the interface here.
class datagram_transport : public virtual base_transport {
public:
    /// Sends one datagram, an empty one included.
    ///
    /// Parameters: `to` the receiver; nothing means the peer of a connected endpoint.
    /// Lifetime: when the system has no room the datagram is copied and queued with its receiver; `data` is
    /// the caller's again when it returns.
    /// Ordering: may call pause_writing inline. What the system refuses is told by error_received, scheduled,
    /// and the endpoint stays usable; the datagrams queued behind it are sent.
    /// Errors: std::invalid_argument for another receiver than the peer of a connected endpoint, or for none
    /// on one that is not connected. When closing it is dropped and counted, see dropped_writes.
    virtual void sendto(bytes_view data, const std::optional<endpoint>& to = std::nullopt) = 0;

    /// Ends the endpoint at once; what is queued is lost. Idempotent; overtakes a close().
    ///
    /// Ordering: connection_lost is scheduled, its reason null; no other callback comes before it.
    virtual void abort() = 0;

    /// Sets the water marks of the queue, as write_transport::set_write_buffer_limits does.
    ///
    /// Errors: std::invalid_argument naming both values when low is above high or one is negative.
    virtual void set_write_buffer_limits(write_limits_request limits) = 0;
    [[nodiscard]] virtual write_buffer_limits get_write_buffer_limits() const noexcept = 0;

    /// What is queued: bytes of payload, plus 8 for each datagram, so that empty ones count too.
    [[nodiscard]] virtual std::size_t get_write_buffer_size() const noexcept = 0;

    /// Datagrams that were dropped because the endpoint was closing or closed.
    [[nodiscard]] virtual std::uint64_t dropped_writes() const noexcept = 0;

    /// Counts, for reports. Asyncio: has none.
    [[nodiscard]] virtual datagram_statistics statistics() const noexcept = 0;
};

}  // namespace aioxx
