// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/process_transport.hpp: the interface of a child process.

#include <memory>
#include <optional>

#include <aioxx/io/transport.hpp>

namespace aioxx {

/// A child process (asyncio: SubprocessTransport). The rules of io/transport.hpp hold.
class subprocess_transport : public virtual base_transport {
public:
    /// The process id; also of one that has ended.
    [[nodiscard]] virtual int get_pid() const noexcept = 0;

    /// The exit status, or the negative number of the signal that ended it; nothing while it runs.
    [[nodiscard]] virtual std::optional<int> get_returncode() const noexcept = 0;

    /// The transport of a pipe to or from the child. Parameters: `fd` 0, 1 or 2, the child's number.
    /// Returns: null when that is not a pipe.
    [[nodiscard]] virtual std::shared_ptr<transport> get_pipe_transport(int fd) const = 0;

    /// Sends a signal to the process. Nothing happens when it has ended.
    ///
    /// Errors: std::invalid_argument for a number that is no signal.
    virtual void send_signal(int signal) = 0;
    /// SIGTERM: asks it to end.
    virtual void terminate() = 0;
    /// SIGKILL: ends it.
    virtual void kill() = 0;
    /// Sends a signal to the process and all its descendants that stayed in its process group.
    virtual void kill_tree(int signal) = 0;
};

}  // namespace aioxx
