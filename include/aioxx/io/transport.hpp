// SPDX-License-Identifier: BSL-1.0
#pragma once

// io/transport.hpp: what a protocol and its user call: the interfaces of byte transports.
// Rules that hold on every transport, whatever its medium:
//   * Ownership: an open transport holds itself and its protocol until connection_lost has returned. After that every
//     call is harmless and does nothing.
//   * Writing never blocks and never fails at once: an error ends the connection and arrives as connection_lost.
//   * What is written during one turn of the loop leaves at its end, together. Large data is tried at once.
//   * close() is the orderly end: what is queued is sent first. abort() is the immediate one. Reading stops with either.
//   * Writes after the end are dropped and counted; a stream's next drain throws the original reason.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <aioxx/buffer/bytearray.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/io/extra_info.hpp>
#include <aioxx/io/flow_control.hpp>
#include <aioxx/io/protocol.hpp>

namespace aioxx {

/// What all transports have in common (asyncio: BaseTransport).
///
/// Concurrency: the loop's thread only.
class base_transport {
public:
    base_transport() = default;
    base_transport(const base_transport&) = delete;
    base_transport& operator=(const base_transport&) = delete;
    virtual ~base_transport() = default;

    /// A fact about the channel: `transport.get_extra_info(extra_info::peername)`.
    ///
    /// Returns: nothing when this transport, and those below it, do not know it.
    template <class T>
    [[nodiscard]] std::optional<T> get_extra_info(const extra_info_key<T>& key) const {
        return ask_extra_info(key, [this](extra_info_query& query) { return query_extra_info(query); });
    }

    /// Answers a query for get_extra_info. Returns: whether it did.
    [[nodiscard]] virtual bool query_extra_info(extra_info_query& query) const = 0;

    /// Whether close() or abort() was called, or the connection is lost.
    [[nodiscard]] virtual bool is_closing() const noexcept = 0;

    /// Ends the connection when everything queued is sent. Reading stops at once. Idempotent.
    ///
    /// Ordering: connection_lost(nullptr) follows through the loop.
    virtual void close() = 0;

    /// Replaces the protocol; what arrives next goes to the new one. Allowed at any time, also from data_received.
    ///
    /// Errors: std::invalid_argument for a protocol of another kind than the transport's, or none.
    virtual void set_protocol(std::shared_ptr<base_protocol> served) = 0;
    [[nodiscard]] virtual std::shared_ptr<base_protocol> get_protocol() const = 0;

    /// One line that names the channel, for reports: "tcp connection to 127.0.0.1:80".
    [[nodiscard]] virtual std::string describe() const = 0;
};

/// The reading half (asyncio: ReadTransport).
class read_transport : public virtual base_transport {
public:
    /// Whether data_received may be called: open, not paused, not ended.
    [[nodiscard]] virtual bool is_reading() const noexcept = 0;

    /// Stops data_received until resume_reading; what arrives waits in the system. Idempotent.
    ///
    /// Takes effect at once: no data is delivered after it returns.
    virtual void pause_reading() = 0;

    /// Goes on with data_received, through the loop. Idempotent; nothing happens on a closed transport.
    virtual void resume_reading() = 0;
};

/// The writing half (asyncio: WriteTransport).
class write_transport : public virtual base_transport {
public:
    /// Sets the water marks of the write queue. May call pause_writing or resume_writing.
    ///
    /// Errors: std::invalid_argument when low would be above high.
    virtual void set_write_buffer_limits(write_limits_request limits) = 0;
    [[nodiscard]] virtual write_buffer_limits get_write_buffer_limits() const noexcept = 0;

    /// Bytes that were written and not yet taken by the system.
    [[nodiscard]] virtual std::size_t get_write_buffer_size() const noexcept = 0;

    /// Queues bytes. An empty piece is ignored.
    ///
    /// Lifetime: what the system does not take at once is copied; `data` is the caller's again when it returns.
    /// Errors: invalid_state_error after write_eof, or when the transport cannot be written to.
    virtual void write(bytes_view data) = 0;
    /// Queues a block that the transport may keep instead of copying it.
    virtual void write(bytearray&& data) = 0;

    /// Queues pieces as if they were one (asyncio: writelines). Empty pieces are fine anywhere.
    virtual void writelines(std::span<const bytes_view> pieces) = 0;
    /// As above for any range of bytes-like things.
    template <std::ranges::input_range Range>
        requires(bytes_like<std::ranges::range_reference_t<Range>> &&
                 !std::convertible_to<Range&&, std::span<const bytes_view>>)
    void writelines(Range&& pieces) {
        std::vector<bytes_view> views;
        for (const auto& piece : pieces) views.emplace_back(piece);
        writelines(std::span<const bytes_view>(views));
    }

    /// Ends our half when everything queued is sent; reading goes on. Idempotent, ignored when closing.
    ///
    /// Errors: invalid_state_error when the channel cannot be closed on one side (see can_write_eof).
    virtual void write_eof() = 0;
    [[nodiscard]] virtual bool can_write_eof() const noexcept = 0;

    /// Ends the connection at once; what is queued is lost. Idempotent; also after close().
    ///
    /// Ordering: connection_lost(nullptr) follows through the loop.
    virtual void abort() = 0;

    /// Writes that were dropped because the connection had ended.
    [[nodiscard]] virtual std::uint64_t dropped_writes() const noexcept = 0;
};

/// A byte transport with both halves (asyncio: Transport).
class transport : public read_transport, public write_transport {};

}  // namespace aioxx
