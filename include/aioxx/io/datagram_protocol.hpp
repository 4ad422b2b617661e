// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/datagram_protocol.hpp: the protocol for datagrams. The rules of io/protocol.hpp hold; the order is
//
//     connection_made  ( datagram_received | error_received )*  connection_lost
//
// Each datagram is its own event: one that is lost, refused or broken says nothing about the next.

#include <system_error>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/protocol.hpp>

namespace aioxx {

class datagram_transport;

/// A datagram that is kept, and where it came from.
struct datagram {
    bytearray data;
    endpoint sender;  ///< none when the sender has no name (an unbound Unix socket)
};

/// A protocol for datagrams. Every callback does nothing unless it is overridden.
///
/// Asyncio: DatagramProtocol.
class datagram_protocol : public base_protocol {
public:
    /// The endpoint is open. Receiving starts after it has returned.
    ///
    /// Ordering: scheduled; once; first.
    /// Lifetime: `made` is valid until connection_lost has returned.
    /// Errors: one that is thrown is reported; the endpoint stays open.
    virtual void connection_made(datagram_transport& made) { static_cast<void>(made); }

    /// A datagram has arrived, whole; an empty one is one too.
    ///
    /// Parameters: `sender` where it came from; endpoint{} when the sender has no name (an unbound Unix
    /// socket).
    /// Ordering: scheduled; in the order in which the system delivers, which is not always that of sending.
    /// Lifetime: both are valid during the call; copy what is kept.
    /// Errors: one that is thrown is reported and ends the endpoint with it.
    virtual void datagram_received(bytes_view data, const endpoint& sender) {
        static_cast<void>(data);
        static_cast<void>(sender);
    }

    /// The system refused to send or receive a datagram: nobody listens at the peer's port, it was too
    /// long...
    ///
    /// The datagram is lost, the endpoint stays usable. Which one it was is not known: the news of an earlier
    /// one may come late.
    /// Ordering: scheduled.
    /// Errors: one that is thrown is reported and ends the endpoint with it.
    virtual void error_received(std::error_code reason) { static_cast<void>(reason); }
};

}  // namespace aioxx
