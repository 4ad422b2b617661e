// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/process_protocol.hpp: the protocol for a child process. The rules of io/protocol.hpp hold; the order is
//
//     process = connection_made  event*  connection_lost
//     event   = pipe_data_received | pipe_connection_lost | process_exited
//
//   * For each pipe: its data, then exactly one pipe_connection_lost.
//   * process_exited comes exactly once, before, between or after the pipes' events: data may be left in a
//     pipe, and a grandchild may hold it open longer than the child lives.
//   * connection_lost comes when both are over: the exit status is known and every pipe has ended.
// What happens before connection_made is kept and told right after it.

#include <exception>

#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/protocol.hpp>

namespace aioxx {

class subprocess_transport;

/// A protocol for a child process. Every callback does nothing unless it is overridden.
///
/// pause_writing and resume_writing speak of the child's standard input.
/// Asyncio: SubprocessProtocol.
class subprocess_protocol : public base_protocol {
public:
    /// The process runs, and its pipes are connected.
    ///
    /// Ordering: scheduled; once; first.
    /// Lifetime: `made` is valid until connection_lost has returned.
    /// Errors: one that is thrown is reported; the process goes on.
    virtual void connection_made(subprocess_transport& made) { static_cast<void>(made); }

    /// The child has written: at least one byte, cut anywhere.
    ///
    /// Parameters: `fd` the child's number of the pipe: 1 for its output, 2 for its errors.
    /// Ordering: scheduled; in order for each pipe; none between two pipes.
    /// Lifetime: `data` is valid during the call.
    /// Errors: one that is thrown is reported and ends that pipe with it.
    virtual void pipe_data_received(int fd, bytes_view data) {
        static_cast<void>(fd);
        static_cast<void>(data);
    }

    /// A pipe has ended: nobody holds its other end any more, it was closed here, or it broke.
    ///
    /// Parameters: `fd` the child's number; 0 is the pipe to its input. `reason` null for a clean end or
    /// close().
    /// Ordering: scheduled; once for each pipe; after all of its data.
    /// Errors: one that is thrown is reported.
    virtual void pipe_connection_lost(int fd, std::exception_ptr reason) {
        static_cast<void>(fd);
        static_cast<void>(reason);
    }

    /// The process has ended; its return code is known. The pipes may still hold data.
    ///
    /// Ordering: scheduled; once; no order between it and the pipes.
    /// Errors: one that is thrown is reported.
    virtual void process_exited() {}
};

}  // namespace aioxx
