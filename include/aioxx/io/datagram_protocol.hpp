// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/datagram_protocol.hpp: the protocol for datagrams:
//
//     connection_made  ( datagram_received | error_received )*  connection_lost

#include <system_error>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/endpoint.hpp>
#include <aioxx/io/protocol.hpp>

namespace aioxx {

class datagram_transport;

/// A protocol for datagrams (asyncio: DatagramProtocol).
class datagram_protocol : public base_protocol {
public:
    /// The endpoint is open. Lifetime: `made` is valid until connection_lost has returned.
    virtual void connection_made(datagram_transport& made) { static_cast<void>(made); }

    /// A datagram has arrived, an empty one included. Lifetime: `data` is valid during the call.
    virtual void datagram_received(bytes_view data, const endpoint& sender) {
        static_cast<void>(data);
        static_cast<void>(sender);
    }

    /// A send or receive failed, because nobody listens at the peer's port for example. The endpoint stays usable.
    virtual void error_received(std::error_code reason) { static_cast<void>(reason); }
};

}  // namespace aioxx
