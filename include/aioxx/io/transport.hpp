// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/transport.hpp: what a protocol and its user call: the interfaces of byte transports.
// Rules that hold on every transport, whatever its medium:
//   * Ownership: an open transport holds itself and its protocol until connection_lost has returned; the
//     program may hold both by shared_ptr as long as it likes. Dropping the last reference to an open
//     transport closes nothing.
//   * Re-entrancy: every call is allowed from every callback, and from within pause_writing and
//     resume_writing.
//   * No callback comes from within the call that causes it, except pause_writing and resume_writing.
//   * Writing never blocks, and what the system says never comes out of it as an exception: it ends the
//     connection and arrives as the reason of connection_lost. Wrong use does: see the `Errors:` of each
//     call.
//   * Writing is corked: what is written during one turn of the loop leaves at its end with one system call.
//     Large data is tried at once, so that what the system takes is not copied.
//   * Water marks: pause_writing when more than `high` bytes are queued, resume_writing when no more than
//     `low` are.
//   * close() is the orderly end: what is queued is sent first, however long that takes. abort() is the
//     immediate one. Reading stops with either.
//   * After either, writes are dropped and counted; what waits (send, drain) throws the original reason.
//   * After connection_lost every call is harmless: it does nothing, and answers "closing", "nothing",
//     "empty".

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/io/flow_control.hpp>
#include <aioxx/io/protocol.hpp>

namespace aioxx {

/// What all transports have in common. The user never constructs one: connecting and listening do.
///
/// Concurrency: the thread of its loop only.
/// Asyncio: BaseTransport.
class base_transport {
public:
    base_transport() = default;
    base_transport(const base_transport&) = delete;
    base_transport& operator=(const base_transport&) = delete;
    virtual ~base_transport() = default;

    /// A fact about the channel: `transport.get_extra_info(extra_info::peername)`.
    ///
    /// A transport over another one answers for what it adds, and passes the other questions down.
    /// Returns: nothing when neither this transport nor those below it know.
    /// Asyncio: keys are typed objects instead of strings; io/extra_info.hpp lists them, and anybody may add
    /// some.
    template <class T>
    [[nodiscard]] std::optional<T> get_extra_info(const extra_info_key<T>& key) const {
        return ask_extra_info(key, [this](extra_info_query& query) { return query_extra_info(query); });
    }

    /// Answers for get_extra_info. For implementers.
    ///
    /// Returns: whether the query was answered, here or by the transport below.
    [[nodiscard]] virtual bool query_extra_info(extra_info_query& query) const = 0;

    /// Whether close() or abort() was called, or the connection is lost.
    [[nodiscard]] virtual bool is_closing() const noexcept = 0;

    /// Ends the connection in good order: reading stops at once, what is queued is still sent. Idempotent.
    ///
    /// There is no time limit: a peer that does not read holds the connection until abort().
    /// Ordering: connection_lost is scheduled, when the queue has been sent; its reason is null unless
    /// sending fails.
    /// Errors: none.
    virtual void close() = 0;

    /// Replaces the protocol: what arrives from now on goes to the new one, from the next read on.
    ///
    /// Allowed at any time, from data_received for example; see io/protocol.hpp for what the new one is told.
    /// Ignored after connection_lost.
    /// Errors: std::invalid_argument for none, or for one of another kind than the transport's; nothing has
    /// changed.
    /// Lifetime: the former protocol is released; one whose callback is running, after that has returned.
    virtual void set_protocol(std::shared_ptr<base_protocol> served) = 0;
    /// Returns: the protocol that is served; null after connection_lost.
    [[nodiscard]] virtual std::shared_ptr<base_protocol> get_protocol() const = 0;

    /// One line that names the channel, for reports: "tcp connection to 127.0.0.1:80".
    [[nodiscard]] virtual std::string describe() const = 0;
};

/// The reading half.
///
/// Asyncio: ReadTransport.
class read_transport : public virtual base_transport {
public:
    /// Whether data may be delivered: open, not paused, and the peer has not ended its half.
    [[nodiscard]] virtual bool is_reading() const noexcept = 0;

    /// Stops the delivery of data until resume_reading; what arrives waits in the system, and then at the
    /// peer.
    ///
    /// Idempotent; nothing happens when closing, or where there is nothing to read (a pipe that is written).
    /// Ordering: at once: neither data_received nor eof_received is called after it has returned.
    virtual void pause_reading() = 0;

    /// Goes on with the delivery of data. After the end of a terminal (Ctrl-D) or of a FIFO it reads what follows.
    ///
    /// Idempotent; nothing happens when closing, or where there is nothing to read.
    /// Ordering: data_received is scheduled, never called inline; a pause_reading in the meantime wins.
    virtual void resume_reading() = 0;
};

namespace detail {

/// The pieces of a range stay where they are while the range is walked to its end, and beyond.
template <class Range>
concept stable_pieces = std::ranges::forward_range<Range> &&
                        (std::is_lvalue_reference_v<std::ranges::range_reference_t<Range>> ||
                         std::ranges::borrowed_range<std::ranges::range_reference_t<Range>> ||
                         std::is_pointer_v<std::ranges::range_reference_t<Range>>);

}  // namespace detail

/// The writing half.
///
/// Asyncio: WriteTransport.
class write_transport : public virtual base_transport {
public:
    /// Sets the water marks of the write queue, in bytes.
    ///
    /// Parameters: what is missing follows from the other: high is 4 * low, low is high / 4; without both,
    /// 65536 and 16384 again. A high mark of 0 pauses whenever anything is queued at all.
    /// Ordering: takes effect at once, inline: pause_writing when more than `high` is queued, resume_writing
    /// when it was paused and no more than `low` is.
    /// Errors: std::invalid_argument naming both values when low is above high or one is negative; nothing
    /// has changed.
    /// Asyncio: raising the marks never resumes there.
    virtual void set_write_buffer_limits(write_limits_request limits) = 0;
    [[nodiscard]] virtual write_buffer_limits get_write_buffer_limits() const noexcept = 0;

    /// Bytes that were written and that the system has not taken yet; 0 after connection_lost.
    [[nodiscard]] virtual std::size_t get_write_buffer_size() const noexcept = 0;

    /// Queues bytes for sending, after all that was written before. No bytes: nothing happens.
    ///
    /// Lifetime: what the system does not take at once is copied; `data` is the caller's again when it
    /// returns.
    /// Ordering: may call pause_writing inline, after `data` has been taken care of.
    /// Errors: invalid_state_error on an open transport after write_eof, or where there is nothing to write
    /// (a pipe that is read); std::bad_alloc. When closing it is dropped and counted, see dropped_writes.
    virtual void write(bytes_view data) = 0;
    /// As above, for a block that the transport may keep instead of copying it.
    ///
    /// Lifetime: `data` is left in a valid state with unspecified content; without std::move the other one is
    /// called.
    virtual void write(bytearray&& data) = 0;

    /// Queues pieces one after the other as if they were one, with one look at the water marks at the end.
    ///
    /// Empty pieces are fine anywhere, also at the end, and so is no piece at all.
    /// Lifetime, Ordering, Errors: as for write.
    virtual void writelines(std::span<const bytes_view> pieces) = 0;
    /// As above: `transport.writelines({"GET ", path, " HTTP/1.1\r\n"})`.
    void writelines(std::initializer_list<bytes_view> pieces) {
        writelines(std::span<const bytes_view>(pieces.begin(), pieces.size()));
    }
    /// As above, for any range of bytes-like things, of the standard library or of range-v3.
    ///
    /// Pieces that exist only while the range stands at them (lines read from a file, strings made by a
    /// transform) are joined first; all others are not copied here.
    /// Errors: also what walking the range throws; nothing has been written then.
    template <std::ranges::input_range Range>
        requires(bytes_like<std::ranges::range_reference_t<Range>> &&
                 !std::convertible_to<Range &&, std::span<const bytes_view>>)
    void writelines(Range&& pieces) {
        if constexpr (detail::stable_pieces<Range>) {
            std::vector<bytes_view> views;
            for (auto&& piece : pieces) views.emplace_back(piece);
            writelines(std::span<const bytes_view>(views));
        } else {
            bytearray joined;
            for (auto&& piece : pieces) joined.append(bytes_view(piece));
            write(std::move(joined));
        }
    }

    /// Ends our half when everything queued is sent; reading goes on. Idempotent, ignored when closing.
    ///
    /// On a pipe, which has no other half, it is close().
    /// Errors: invalid_state_error when the channel cannot be closed on one side only (see can_write_eof).
    virtual void write_eof() = 0;
    [[nodiscard]] virtual bool can_write_eof() const noexcept = 0;

    /// Ends the connection at once; what is queued is lost. Idempotent; overtakes a close().
    ///
    /// Ordering: connection_lost is scheduled, its reason null; no other callback comes before it.
    /// Errors: none.
    virtual void abort() = 0;

    /// Writes that were dropped because the transport was closing or closed; each call counts once.
    [[nodiscard]] virtual std::uint64_t dropped_writes() const noexcept = 0;
};

/// A byte transport with both halves. A pipe is one as well, with one half closed from the start.
///
/// Asyncio: Transport.
class transport : public read_transport, public write_transport {};

}  // namespace aioxx
