// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/process_protocol.hpp: the protocol for a child process:
//
//     connection_made  ( pipe_data_received | pipe_connection_lost | process_exited )*  connection_lost
//
// For each pipe pipe_connection_lost comes once, after its data. process_exited comes once, before or after the
// pipes end: a grandchild may hold them longer. connection_lost comes when the process has exited and all pipes ended.

#include <exception>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/protocol.hpp>

namespace aioxx {

class subprocess_transport;

/// A protocol for a child process (asyncio: SubprocessProtocol).
class subprocess_protocol : public base_protocol {
public:
    /// The process runs and its pipes are connected. Lifetime: `made` is valid until connection_lost has returned.
    virtual void connection_made(subprocess_transport& made) { static_cast<void>(made); }

    /// The child has written. Parameters: `fd` 1 or 2, the child's number. Lifetime: `data` is valid during the call.
    virtual void pipe_data_received(int fd, bytes_view data) {
        static_cast<void>(fd);
        static_cast<void>(data);
    }

    /// A pipe has ended. Parameters: `fd` the child's number; `reason` null for a clean end.
    virtual void pipe_connection_lost(int fd, std::exception_ptr reason) {
        static_cast<void>(fd);
        static_cast<void>(reason);
    }

    /// The process has ended; its return code is known. Pipes may still hold data.
    virtual void process_exited() {}
};

}  // namespace aioxx
