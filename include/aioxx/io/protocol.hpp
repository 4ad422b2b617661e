// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/protocol.hpp: what a transport calls: the base of all protocols, and the protocol for byte streams.
// One transport serves one protocol at a time. The order of the calls is
//
//     connection_made  ( data_received* )  ( eof_received )?  connection_lost
//
// with pause_writing and resume_writing alternating anywhere between the first and the last, pause first.
// Every call but those two comes from the loop, never from within a call of the program's to the transport.
// From any of them the program may write, pause, close, abort, change the protocol or drop its last reference.

#include <exception>

#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

class transport;

/// Base of all protocols. Every callback does nothing unless it is overridden.
///
/// Lifetime: held by a std::shared_ptr in its transport until connection_lost has returned.
/// What a callback throws is reported to the loop's exception handler; see the single ones for what else happens.
/// Asyncio: BaseProtocol; connection_made is declared with each kind of protocol, typed by its transport.
class base_protocol {
public:
    virtual ~base_protocol() = default;

    /// The connection is over. Called exactly once for each connection_made, after everything else.
    ///
    /// Parameters: `reason` null after the peer's clean end, close() or abort(); else what ended it, usually a
    /// broken_error with the system's code.
    virtual void connection_lost(std::exception_ptr reason) { static_cast<void>(reason); }

    /// The transport holds more than its high water mark. Write less until resume_writing.
    ///
    /// Ordering: inline, from within write, writelines or set_write_buffer_limits.
    virtual void pause_writing() {}

    /// The transport's queue has sunk to the low water mark.
    ///
    /// Ordering: inline, from the flush at the end of a turn, or from set_write_buffer_limits. It may write again.
    virtual void resume_writing() {}

protected:
    base_protocol() = default;
    base_protocol(const base_protocol&) = default;
    base_protocol& operator=(const base_protocol&) = default;
};

/// What the two kinds of protocol for byte streams have in common.
class base_stream_protocol : public base_protocol {
public:
    /// The connection stands. Called once, before anything else.
    ///
    /// On a pipe, which has one half only, the other one counts as closed: writing to a pipe that is read throws
    /// invalid_state_error.
    /// Lifetime: `made` is valid until connection_lost has returned; keep a pointer, or its shared_ptr.
    virtual void connection_made(transport& made) { static_cast<void>(made); }

    /// The peer has ended its half; no more data comes.
    ///
    /// Returns: true keeps our half open for writing; false, the default, closes the transport.
    /// Errors: one that is thrown is reported and ends the connection.
    virtual bool eof_received() { return false; }
};

/// A protocol for byte streams that is given what arrives (asyncio: Protocol).
class protocol : public base_stream_protocol {
public:
    /// Bytes have arrived, at least one, in any portions.
    ///
    /// Lifetime: `data` is valid during the call; it lies in memory that all connections of the loop share.
    /// Errors: one that is thrown is reported and ends the connection.
    virtual void data_received(bytes_view data) { static_cast<void>(data); }
};

}  // namespace aioxx
