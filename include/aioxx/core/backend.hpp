// SPDX-License-Identifier: BSL-1.0
#pragma once

// core/backend.hpp: what the loop needs from below: time, waiting, descriptors, signals, and a way in for
// other threads. core/asio_backend.hpp implements it on an asio::io_context, testing/virtual_backend.hpp on
// virtual time. The loop and everything above it see only this contract.

#include <memory>

#include <aioxx/base/function.hpp>
#include <aioxx/core/clock.hpp>
#include <aioxx/core/fork_stage.hpp>

namespace aioxx {

/// Told when a descriptor may be read or written. Called inside a turn of the loop.
class fd_handler {
public:
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;

protected:
    ~fd_handler() = default;
};

/// What a backend calls. The loop implements it. All calls come on the loop's thread.
class backend_client {
public:
    using fd_event = void (fd_handler::*)();

    /// A requested turn is due, or the armed deadline has passed, or both.
    virtual void on_wake_up() = 0;
    /// A watched descriptor is ready: makes a turn of the handler's event.
    virtual void on_ready(fd_handler& handler, fd_event event) = 0;
    /// A signal was delivered: makes a turn of the callback.
    virtual void on_signal(function<void()>& callback) = 0;

protected:
    ~backend_client() = default;
};

/// Watches one descriptor, one direction and one event at a time.
///
/// Readiness is a hint and an edge: after a call of the handler, read (or write) until the system says that
/// it would block before waiting again, else an event may be lost; a call without anything to do is allowed.
class fd_watcher {
public:
    /// Asks for one call of on_readable. Requires: none is outstanding.
    virtual void await_readable() = 0;
    /// Asks for one call of on_writable. Requires: none is outstanding.
    virtual void await_writable() = 0;
    /// Asks for may_have_ended to be told, from the next event on.
    virtual void watch_end() noexcept {}
    /// Whether the peer may have ended its side, or the connection may have broken, by the last event; true where that
    /// is not known. If not, a receive that filled its memory in part has taken all there is, and what comes
    /// later is another event.
    [[nodiscard]] virtual bool may_have_ended() const noexcept { return true; }
    /// Ends the watching: the handler is not called again. To be called before the descriptor is closed.
    virtual void release() noexcept = 0;

protected:
    ~fd_watcher() = default;
};

struct fd_watcher_release {
    void operator()(fd_watcher* watcher) const noexcept { watcher->release(); }
};

/// Owns a watch: destroying it ends the watching.
using fd_watcher_ptr = std::unique_ptr<fd_watcher, fd_watcher_release>;

/// The system below a loop.
class backend {
public:
    virtual ~backend() = default;

    /// Connects the loop. Called once, before anything else.
    virtual void attach(backend_client& client) = 0;

    [[nodiscard]] virtual time_point now() const noexcept = 0;

    /// Asks for on_wake_up soon. Called on the loop's thread.
    virtual void request_turn() = 0;
    /// Asks for on_wake_up soon. Called on any thread, as long as the loop exists.
    virtual void request_turn_threadsafe() = 0;

    /// A thread outside is going to call request_turn_threadsafe: run() goes on, and waits for it, until release()
    /// has been called as often. Both are called on the loop's thread.
    virtual void hold() {}
    virtual void release() noexcept {}

    /// Asks for on_wake_up at a deadline; replaces the former one.
    virtual void arm(time_point deadline) = 0;
    /// No deadline is of interest any more.
    virtual void disarm() = 0;

    /// Waits and calls back until stop(). Errors: whatever a backend's own rules say (a test loop that can
    /// never run anything again throws).
    virtual void run() = 0;
    /// Makes run() return after the call that it is in.
    virtual void stop() = 0;

    /// Starts to watch a non-blocking descriptor, which stays its owner's.
    [[nodiscard]] virtual fd_watcher_ptr watch(int fd, fd_handler& handler) = 0;

    /// Installs, replaces or (with an empty one) removes the handler of a signal.
    virtual void set_signal_handler(int signal, function<void()> handler) = 0;

    /// The thread that runs the loop is in fork(). In the child nothing is called any more afterwards.
    virtual void notify_fork(fork_stage) noexcept {}
};

}  // namespace aioxx
