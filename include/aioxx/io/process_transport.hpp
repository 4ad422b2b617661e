// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/process_transport.hpp: the interface of a child process. The rules of io/transport.hpp hold; the bytes
// go through the transports of its pipes.

#include <memory>
#include <optional>

#include <aioxx/io/transport.hpp>

namespace aioxx {

/// A child process.
///
/// close() closes its pipes and kills it, with its descendants, when it still runs; connection_lost follows
/// when its end is known.
/// Asyncio: SubprocessTransport.
class subprocess_transport : public virtual base_transport {
public:
    /// The process id; also of one that has ended.
    [[nodiscard]] virtual int get_pid() const noexcept = 0;

    /// The exit status; the negative number of the signal that ended it; nothing while it runs.
    [[nodiscard]] virtual std::optional<int> get_returncode() const noexcept = 0;

    /// The transport of a pipe to or from the child.
    ///
    /// Parameters: `fd` the child's number: 0, 1 or 2.
    /// Returns: null when the child has no pipe there, and after connection_lost.
    /// Lifetime: the pipe lives as long as it is open; its protocol belongs to this transport, leave it in
    /// place.
    [[nodiscard]] virtual std::shared_ptr<transport> get_pipe_transport(int fd) const = 0;

    /// Sends a signal to the process. Nothing happens when it has ended: its number may be another's by then.
    ///
    /// Errors: std::invalid_argument for a number that is no signal.
    virtual void send_signal(int signal) = 0;
    /// SIGTERM: asks it to end.
    virtual void terminate() = 0;
    /// SIGKILL: ends it. Descendants stay; see kill_tree.
    virtual void kill() = 0;
    /// Sends a signal to the process and to all its descendants that stayed in its process group.
    ///
    /// Errors: std::invalid_argument for a number that is no signal.
    /// Asyncio: there is no such call; a shell's children survive kill() there.
    virtual void kill_tree(int signal) = 0;
};

}  // namespace aioxx
