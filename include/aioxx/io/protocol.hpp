// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/protocol.hpp: what a transport calls: the base of all protocols, and the protocol for byte streams.
// One transport serves one protocol at a time. For a byte stream the order of the calls is
//
//     stream  = connection_made  receive*  [ eof_received ]  connection_lost
//     receive = data_received | get_buffer [ buffer_updated ]        (plain | buffered protocol)
//
// with pause_writing and resume_writing alternating anywhere between the first and the last call, pause
// first.
// Rules that hold for every kind of protocol:
//   * Scheduled, not inline: every call but pause_writing and resume_writing comes from the loop, never from
//     within a call of the program's to the transport. After close() or abort() no data is delivered any
//     more.
//   * connection_lost comes exactly once for each connection_made, last, and nothing follows it. A transport
//     that ends before connection_made calls neither.
//   * Any callback may do anything to its transport: write, pause, close, abort, change the protocol, drop
//     the last reference that the program holds. The transport keeps the protocol that it is calling alive
//     until it returns.
//   * set_protocol moves the conversation, it does not repeat it: the new protocol gets no connection_made,
//     and all that comes later, connection_lost included. What the old one was told about pausing holds for
//     the new one.
//   * What a callback throws goes to the loop's exception handler. After connection_made, pause_writing,
//     resume_writing and connection_lost the connection goes on as if nothing had been thrown; after the
//     callbacks of `receive` and eof_received it ends at once, with that exception as the reason.

#include <exception>

#include <aioxx/buffer/bytes_view.hpp>

namespace aioxx {

class transport;

/// Base of all protocols. Every callback does nothing unless it is overridden.
///
/// connection_made is declared with each kind of protocol, because it names the kind of transport:
/// `transport&` for byte streams and pipes, `datagram_transport&` for datagrams, `subprocess_transport&` for
/// child processes.
/// Lifetime: held by a std::shared_ptr in its transport until connection_lost has returned.
/// Concurrency: called in the thread of the transport's loop only.
/// Asyncio: BaseProtocol.
class base_protocol {
public:
    virtual ~base_protocol() = default;

    /// The connection is over: the transport is of no more use, and lets go of this protocol afterwards.
    ///
    /// Parameters: `reason` null after the peer's clean end, close() and abort(); else what ended it: usually
    /// a broken_error with the system's code, or what a callback threw. The first reason wins.
    /// Ordering: scheduled; once; last. The channel itself is closed after it has returned.
    /// Errors: one that is thrown is reported; the channel is closed all the same.
    virtual void connection_lost(std::exception_ptr reason) { static_cast<void>(reason); }

    /// The transport holds more bytes than its high water mark: write no more until resume_writing.
    ///
    /// A request, not a command: what is written nevertheless is queued. Not repeated while the queue grows
    /// further.
    /// Ordering: inline, from within write, writelines, sendto or set_write_buffer_limits, whose work is done
    /// by then.
    virtual void pause_writing() {}

    /// The transport's queue has sunk to the low water mark or below it.
    ///
    /// It may write again, even beyond the high mark: then pause_writing is called once more, from within
    /// that write. Not called when the connection is lost while paused: connection_lost is the answer then.
    /// Ordering: inline, from the step that empties the queue, or from within set_write_buffer_limits.
    virtual void resume_writing() {}

protected:
    base_protocol() = default;
    base_protocol(const base_protocol&) = default;
    base_protocol& operator=(const base_protocol&) = default;
};

/// What the two kinds of protocol for byte streams, protocol and buffered_protocol, have in common.
///
/// A transport asks once, in set_protocol, which of the two it serves; derive from one of them, not from this
/// class.
class base_stream_protocol : public base_protocol {
public:
    /// The connection stands. Reading starts after it has returned, unless it paused reading or closed.
    ///
    /// A pipe has one half only, and the other one counts as closed already: writing to a pipe that is read
    /// throws invalid_state_error, pausing the reading of a pipe that is written does nothing.
    /// Ordering: scheduled; once; first.
    /// Lifetime: `made` is valid until connection_lost has returned. To keep it, store its address, and
    /// forget it in connection_lost.
    /// Errors: one that is thrown is reported; the connection stays, and its end is told by connection_lost.
    virtual void connection_made(transport& made) { static_cast<void>(made); }

    /// The peer has ended its half: no more data comes.
    ///
    /// Returns: true keeps our half open for writing, until close(); false, the default, closes the
    /// transport. Where there is no half to keep, on a pipe that is read for example, the transport closes
    /// either way; but after the end of a terminal (Ctrl-D) or of a FIFO, true keeps it open for resume_reading().
    /// Ordering: scheduled; at most once for each end; after all data. Not called when the connection breaks, nor after
    /// close().
    /// Errors: one that is thrown is reported and ends the connection with it.
    virtual bool eof_received() { return false; }
};

/// A protocol for byte streams that is given what arrives.
///
/// Asyncio: Protocol.
/// Example:
///
///     class echo : public aioxx::protocol {
///         void connection_made(aioxx::transport& made) override { transport_ = &made; }
///         void data_received(aioxx::bytes_view data) override { transport_->write(data); }
///
///         aioxx::transport* transport_ = nullptr;
///     };
class protocol : public base_stream_protocol {
public:
    /// Bytes have arrived: at least one, cut anywhere. Only their order means something.
    ///
    /// Ordering: scheduled; never after pause_reading or close has returned, until resume_reading.
    /// Lifetime: `data` is valid during the call; it lies in memory that all connections of the loop share.
    /// Copy what is kept; writing it to a transport is fine, which copies what it has to.
    /// Errors: one that is thrown is reported and ends the connection with it.
    virtual void data_received(bytes_view data) { static_cast<void>(data); }
};

}  // namespace aioxx
